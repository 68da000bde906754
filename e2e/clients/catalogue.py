"""The clients of the compatibility matrix: how each is started, what it is told, and what it has no word for."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

WORKERS = Path(__file__).with_name("workers")
MIB = 1 << 20
NO_CONDITION = "it has no conditional write"
TABLES = "it writes and reads tables"


@dataclass(frozen=True)
class Client:
    """One client. Its program answers the lines of `workers/serve.py`; commands have a worker that types."""

    name: str
    # Where it comes from, for the reader of the page.
    origin: str
    # What it is told beside endpoint, region and keys, for the reader of the page.
    told: str
    # Words of the command line; `{GO}`, `{JAVA}` and `{RUST}` are where build.sh puts what it builds.
    command: tuple[str | Path, ...]
    # The command that the worker types, where the client is one.
    program: str | Path = ""
    # What its process has in its environment; `{ca}` is the suite's CA.
    environment: Mapping[str, str] = field(default_factory=dict)
    # Operations that it does not have, each with a reason.
    lacks: Mapping[str, str] = field(default_factory=dict)
    # A size that it sends in parts.
    multipart_bytes: int = 11 * MIB
    # Built from sources that take minutes: `e2e/run.sh all` only.
    full: bool = False
    # Takes a range of a file by reading a column of a Parquet table.
    tables: bool = False

    def command_line(self) -> list[str]:
        """Return the words that start it."""
        return [_found(word) for word in self.command]

    def program_path(self) -> str:
        """Return the command that its worker types."""
        return _found(self.program) if self.program else ""


def _found(word: str | Path) -> str:
    # `{GO}/rclone` is in the folder where build.sh put the clients in Go; run.sh says where that is.
    language, brace, name = str(word).removeprefix("{").partition("}/")
    if not brace:
        return str(word)
    folder = os.environ.get(f"OSP_E2E_{language}_CLIENTS")
    if not folder:
        raise FileNotFoundError(f"{name} is not built (run e2e/run.sh all)")
    return str(Path(folder) / name)


def _python(worker: str, interpreter: str = sys.executable) -> tuple[str | Path, ...]:
    # Nothing of the machine's or the user's own packages: the environment's only.
    return (interpreter, WORKERS / worker)


BESIDE_PYTHON = Path(sys.executable).parent
S3FS_PYTHON = os.environ.get("OSP_E2E_S3FS_PYTHON", "")
NO_TABLE_WORDS = {"copy": TABLES, "delete": TABLES, "delete-many": TABLES, "create-only": NO_CONDITION}

CLIENTS: dict[str, Client] = {
    client.name: client
    for client in (
        Client(
            "aws-cli-1", "PyPI", "nothing", _python("use_awscli.py"), environment={"BOTO_DISABLE_CRT": "true"},
        ),
        Client(
            "aws-cli-2", "Debian 12", "nothing", _python("use_awscli.py", "/usr/bin/python3"),
            lacks={"create-only": "the version of Debian 12 has no conditional write"},
        ),
        Client("boto3", "PyPI", "nothing", _python("use_boto3.py"), environment={"BOTO_DISABLE_CRT": "true"}),
        Client(
            "boto3-crt", "PyPI, `boto3[crt]`", "nothing", _python("use_boto3.py"),
            environment={"BOTO_DISABLE_CRT": "false"},
        ),
        Client(
            "s3cmd", "PyPI", "`host_bucket` without `%(bucket)s`", _python("use_s3cmd.py"), BESIDE_PYTHON / "s3cmd",
            lacks={"create-only": NO_CONDITION},
        ),
        Client("s3fs", "PyPI", "nothing", _python("use_s3fs.py", S3FS_PYTHON)),
        Client(
            "pyarrow", "PyPI", "nothing", _python("use_pyarrow.py"), lacks={"create-only": NO_CONDITION},
            multipart_bytes=24 * MIB,
        ),
        Client(
            "polars", "PyPI", "`aws_allow_http` for HTTP", _python("use_polars.py"), lacks=NO_TABLE_WORDS,
            # It has no word for a CA, and takes those of the system.
            environment={"SSL_CERT_FILE": "{ca}"}, multipart_bytes=72 * MIB, tables=True,
        ),
        Client(
            "duckdb", "PyPI, with `httpfs`", "`URL_STYLE 'path'`, `USE_SSL`", _python("use_duckdb.py"),
            lacks=NO_TABLE_WORDS, tables=True,
        ),
        Client("minio-go", "Go module", "nothing", ("{GO}/minio",), full=True),
        Client(
            "rclone", "Go module", "`provider = Other`, `no_check_bucket = true`", _python("use_rclone.py"),
            "{GO}/rclone", lacks={"create-only": NO_CONDITION}, full=True,
        ),
        Client("aws-sdk-java", "Maven", "`forcePathStyle`", ("{JAVA}/run",), full=True),
        Client("aws-sdk-rust", "crate `aws-sdk-s3`", "`force_path_style`", ("{RUST}/aws-sdk",), full=True),
        Client(
            "object-store", "crate `object_store`", "`with_allow_http` for HTTP",
            ("{RUST}/object-store",), full=True,
        ),
    )
}  # fmt: skip
