"""pyarrow's S3 file system."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pyarrow
from pyarrow import fs
from serve import read_job, serve

job = read_job()
address = urlsplit(job.endpoint)
s3 = fs.S3FileSystem(
    access_key=job.access_key,
    secret_key=job.secret_key,
    region=job.region,
    scheme=address.scheme,
    endpoint_override=address.netloc,
    **({"tls_ca_file_path": job.ca} if job.ca else {}),
)


def at(key: str) -> str:
    """Return the path of a key."""
    return f"{job.bucket}/{key}"


def put(asked: SimpleNamespace) -> None:
    """Write a file; what is longer than a buffer goes up in parts."""
    with Path(asked.file).open("rb") as body, s3.open_output_stream(at(asked.key)) as stream:
        shutil.copyfileobj(body, stream, 1 << 20)


def get(asked: SimpleNamespace) -> None:
    """Read a file from its begin to its end."""
    with s3.open_input_stream(at(asked.key)) as stream, Path(asked.file).open("wb") as body:
        shutil.copyfileobj(stream, body, 1 << 20)


def part(asked: SimpleNamespace) -> None:
    """Read a piece."""
    with s3.open_input_file(at(asked.key)) as stream:
        Path(asked.file).write_bytes(stream.read_at(asked.count, asked.first))


def keys_below(asked: SimpleNamespace) -> dict[str, Any]:
    """List a folder with all that is below it."""
    found = s3.get_file_info(fs.FileSelector(at(asked.prefix.rstrip("/")), recursive=True))
    return {"keys": [info.path.removeprefix(at("")) for info in found if info.is_file]}


serve(
    pyarrow.__version__,
    {
        "put": put,
        "multipart": put,
        "get": get,
        "range": part,
        "list": keys_below,
        "copy": lambda asked: s3.copy_file(at(asked.source), at(asked.key)),
        "delete": lambda asked: s3.delete_file(at(asked.key)),
        "delete_many": lambda asked: s3.delete_dir_contents(at(asked.prefix.rstrip("/"))),
    },
)
