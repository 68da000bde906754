"""Polars: a client that has tables in place of objects."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import polars
from serve import read_job, serve

job = read_job()
where = {
    "aws_endpoint_url": job.endpoint,
    "aws_access_key_id": job.access_key,
    "aws_secret_access_key": job.secret_key,
    "aws_region": job.region,
    "aws_allow_http": "true",
}


def at(key: str) -> str:
    """Return the URL of a key."""
    return f"s3://{job.bucket}/{key}"


def up(asked: SimpleNamespace) -> None:
    """Write a CSV file as it is on the disk; in parts when it is long."""
    polars.scan_csv(asked.file, infer_schema=False).sink_csv(at(asked.key), storage_options=where)


def down(asked: SimpleNamespace) -> None:
    """Read a CSV file and write it to the disk as it was."""
    polars.scan_csv(at(asked.key), infer_schema=False, glob=False, storage_options=where).sink_csv(asked.file)


def keys_below(asked: SimpleNamespace) -> dict[str, Any]:
    """Read every file below a prefix, and say where each line came from."""
    lines = polars.scan_csv(
        at(asked.prefix), has_header=False, infer_schema=False, include_file_paths="path", storage_options=where
    )
    found = lines.select(polars.col("path").unique()).collect()["path"]
    return {"keys": [path.removeprefix(at("")) for path in found]}


def column(asked: SimpleNamespace) -> dict[str, Any]:
    """Write a Parquet table and read one of its columns: the end of the file, then pieces of it."""
    table = polars.LazyFrame({"n": range(asked.rows), "filler": [f"{n:032d}" for n in range(asked.rows)]})
    table.sink_parquet(at(asked.key), storage_options=where)
    read = polars.scan_parquet(at(asked.key), glob=False, storage_options=where)
    return {"sum": read.select(polars.col("n").sum()).collect().item()}


serve(polars.__version__, {"put": up, "multipart": up, "get": down, "list": keys_below, "column": column})
