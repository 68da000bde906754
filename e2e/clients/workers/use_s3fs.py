"""s3fs, the file system of pandas and Dask."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import s3fs
from serve import read_job, serve

job = read_job()
fs = s3fs.S3FileSystem(
    key=job.access_key,
    secret=job.secret_key,
    endpoint_url=job.endpoint,
    client_kwargs={"region_name": job.region, **({"verify": job.ca} if job.ca else {})},
    # A listing that was true a moment ago is none of the server.
    use_listings_cache=False,
    skip_instance_cache=True,
)


def at(key: str) -> str:
    """Return the path of a key."""
    return f"{job.bucket}/{key}"


def create(asked: SimpleNamespace) -> dict[str, Any]:
    """A write that must not replace anything."""
    try:
        fs.pipe_file(at(asked.key), Path(asked.file).read_bytes(), mode="create")
    except OSError as error:
        # s3fs has no class of its own for it; below is what botocore said.
        if getattr(error.__cause__, "response", {}).get("Error", {}).get("Code") != "PreconditionFailed":
            raise
        return {"created": False}
    return {"created": True}


def part(asked: SimpleNamespace) -> None:
    """A piece of a file."""
    piece = fs.cat_file(at(asked.key), start=asked.first, end=asked.first + asked.count)
    Path(asked.file).write_bytes(piece)


serve(
    s3fs.__version__,
    {
        "put": lambda asked: fs.pipe_file(at(asked.key), Path(asked.file).read_bytes()),
        "multipart": lambda asked: fs.put_file(asked.file, at(asked.key), chunksize=5 * 2**20),
        "create": create,
        "get": lambda asked: fs.get_file(at(asked.key), asked.file),
        "range": part,
        "list": lambda asked: {"keys": [path.removeprefix(at("")) for path in fs.find(at(asked.prefix))]},
        "copy": lambda asked: fs.copy(at(asked.source), at(asked.key)),
        "delete": lambda asked: fs.rm_file(at(asked.key)),
        "delete_many": lambda asked: fs.rm([at(key) for key in asked.keys]),
    },
)
