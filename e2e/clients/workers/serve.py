"""One S3 client in a process of its own that does what it is told, line by line.

The suite starts `python use_X.py JOB`; JOB is a JSON file with `endpoint`, `access_key`, `secret_key`, `region`, `ca`
(a PEM file, or an empty string), `bucket`, `folder` (for the client's own files) and `program` (for clients that are
a command). The first line on stdout is `{"version": ...}`. Every line on stdin is `{"do": ...}` with arguments and is
answered by one line: `{}`, a result, or `{"error": ...}`.

    put, multipart, create   key, file       create answers {"created": bool}: it never replaces an object
    get                      key, file
    range                    key, first, count, file
    list                     prefix          answers {"keys": [...]}, in any order
    copy                     source, key
    delete                   key
    delete_many              keys, prefix    the keys are all that there are below the prefix
    column                   key, file, rows write a Parquet table of that many rows, n = 0, 1, ..., by way of the file,
                                             and answer {"sum": ...} of n, read from the object: for clients of tables

This file and those beside it run with other Pythons than the suite's: they import nothing of it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

Deed = Callable[[SimpleNamespace], dict[str, Any] | None]


def read_job() -> SimpleNamespace:
    """Return what this client is told: where the endpoint is, as whom, and which bucket."""
    return SimpleNamespace(**json.loads(Path(sys.argv[1]).read_text()))


def serve(version: str, deeds: dict[str, Deed]) -> None:
    """Answer lines until stdin ends; whatever a client prints by itself goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(content: dict[str, Any]) -> None:
        print(json.dumps(content), file=answers, flush=True)

    answer({"version": version})
    for line in sys.stdin:
        asked = SimpleNamespace(**json.loads(line))
        try:
            answer(deeds[asked.do](asked) or {})
        except (Exception, SystemExit) as error:
            answer({"error": f"{type(error).__name__}: {error}"})
