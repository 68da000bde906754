"""DuckDB with its extension httpfs: a client that has tables in place of objects."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import duckdb
import duckdb_extension_httpfs
from serve import read_job, serve

job = read_job()
address = urlsplit(job.endpoint)


def quoted(text: object) -> str:
    """Return an SQL string."""
    return "'" + str(text).replace("'", "''") + "'"


database = duckdb.connect()
extensions = Path(duckdb_extension_httpfs.__file__).parent / "extensions"
database.execute(f"LOAD {quoted(extensions / f'v{duckdb.__version__}' / 'httpfs.duckdb_extension')}")
if job.ca:
    database.execute(f"SET ca_cert_file = {quoted(job.ca)}")
    database.execute("SET enable_server_cert_verification = true")
# Parts of 5 MiB. What one statement read of the server is not kept for the next.
database.execute("SET s3_uploader_max_filesize = '50GB'; SET enable_external_file_cache = false")
database.execute(
    f"CREATE SECRET (TYPE s3, KEY_ID {quoted(job.access_key)}, SECRET {quoted(job.secret_key)},"
    f" REGION {quoted(job.region)}, ENDPOINT {quoted(address.netloc)}, URL_STYLE 'path',"
    f" USE_SSL {address.scheme == 'https'})"
)


def at(key: str) -> str:
    """Return the quoted URL of a key."""
    return quoted(f"s3://{job.bucket}/{key}")


def copied(source: str, target: str) -> None:
    """Read a CSV file and write it as it was."""
    database.execute(
        f"COPY (SELECT * FROM read_csv({source}, header = true, all_varchar = true, delim = ',',"
        f" hive_partitioning = false)) TO {target} (FORMAT csv, HEADER true)"
    )


def keys_below(asked: SimpleNamespace) -> dict[str, Any]:
    """All files that match a pattern."""
    found = database.execute(f"SELECT file FROM glob({at(asked.prefix + '**')})").fetchall()
    return {"keys": [path.removeprefix(f"s3://{job.bucket}/") for (path,) in found]}


def column(asked: SimpleNamespace) -> dict[str, Any]:
    """Write a Parquet table and read one of its columns: the end of the file, then pieces of it."""
    database.execute(
        f"COPY (SELECT range AS n, md5(range::VARCHAR) AS filler FROM range({asked.rows}))"
        f" TO {at(asked.key)} (FORMAT parquet)"
    )
    (row,) = database.execute(f"SELECT sum(n)::BIGINT FROM read_parquet({at(asked.key)})").fetchall()
    return {"sum": row[0]}


serve(
    duckdb.__version__,
    {
        "put": lambda asked: copied(quoted(asked.file), at(asked.key)),
        "multipart": lambda asked: copied(quoted(asked.file), at(asked.key)),
        "get": lambda asked: copied(at(asked.key), quoted(asked.file)),
        "list": keys_below,
        "column": column,
    },
)
