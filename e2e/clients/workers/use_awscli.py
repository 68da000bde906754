"""aws-cli 1 or 2: its commands one after another in one process, each with the words that a user would type.

The start of the program costs most of a command's time; that it works as a program of its own is for test_cli.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from serve import read_job, serve

job = read_job()
os.environ.update(AWS_ACCESS_KEY_ID=job.access_key, AWS_SECRET_ACCESS_KEY=job.secret_key, AWS_PAGER="")

import awscli  # noqa: E402  (it reads its environment)
from awscli.clidriver import create_clidriver  # noqa: E402

EVERYWHERE = ["--endpoint-url", job.endpoint, "--region", job.region, *(["--ca-bundle", job.ca] if job.ca else [])]


def aws(*words: str) -> str:
    """Run one command and return what it prints; both streams are in the error when it fails."""
    with tempfile.TemporaryFile(dir=job.folder) as printed, tempfile.TemporaryFile(dir=job.folder) as complained:
        kept = os.dup(1), os.dup(2)
        os.dup2(printed.fileno(), 1)
        os.dup2(complained.fileno(), 2)
        try:
            code = create_clidriver().main([*words, *EVERYWHERE])
        finally:
            for number, stream in enumerate(kept, 1):
                os.dup2(stream, number)
                os.close(stream)
        printed.seek(0)
        complained.seek(0)
        if code != 0:
            said = complained.read().decode(errors="replace").strip()
            raise subprocess.SubprocessError(f"aws {words[0]} {words[1]}: exit {code}: {said}")
        return printed.read().decode()


def at(key: str) -> str:
    """Return the URL of a key."""
    return f"s3://{job.bucket}/{key}"


def create(asked: SimpleNamespace) -> dict[str, Any]:
    """put-object with --if-none-match."""
    words = ["--bucket", job.bucket, "--key", asked.key, "--body", asked.file, "--if-none-match", "*"]
    try:
        aws("s3api", "put-object", *words)
    except subprocess.SubprocessError as error:
        if "(PreconditionFailed)" not in str(error):
            raise
        return {"created": False}
    return {"created": True}


def part(asked: SimpleNamespace) -> None:
    """get-object with --range."""
    span = f"bytes={asked.first}-{asked.first + asked.count - 1}"
    aws("s3api", "get-object", "--bucket", job.bucket, "--key", asked.key, "--range", span, asked.file)


def keys_below(asked: SimpleNamespace) -> dict[str, Any]:
    """list-objects-v2, which turns the pages by itself."""
    printed = aws("s3api", "list-objects-v2", "--bucket", job.bucket, "--prefix", asked.prefix, "--output", "json")
    answer = json.loads(printed) if printed.strip() else {}
    return {"keys": [found["Key"] for found in answer.get("Contents", [])]}


def delete_many(asked: SimpleNamespace) -> None:
    """delete-objects with a file of keys."""
    batch = Path(job.folder) / "batch.json"
    batch.write_text(json.dumps({"Objects": [{"Key": key} for key in asked.keys]}))
    answer = json.loads(
        aws("s3api", "delete-objects", "--bucket", job.bucket, "--delete", f"file://{batch}", "--output", "json")
    )
    if answer.get("Errors"):
        raise RuntimeError(str(answer["Errors"]))


def copy_up(asked: SimpleNamespace) -> None:
    """`aws s3 cp` of a file: in parts above 8 MiB."""
    aws("s3", "cp", asked.file, at(asked.key))


serve(
    awscli.__version__,
    {
        "put": copy_up,
        "multipart": copy_up,
        "create": create,
        "get": lambda asked: aws("s3", "cp", at(asked.key), asked.file) and None,
        "range": part,
        "list": keys_below,
        "copy": lambda asked: aws("s3", "cp", at(asked.source), at(asked.key)) and None,
        "delete": lambda asked: aws("s3", "rm", at(asked.key)) and None,
        "delete_many": delete_many,
    },
)
