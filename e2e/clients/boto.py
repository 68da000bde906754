"""boto3 in a worker process, so that its environment and its choice of implementation are its own.

`botocore` decides once per process, when it is imported, whether the C runtime (awscrt) signs and sums: the worker of
`boto3` starts with the CRT off, the worker of `boto3-crt` with it on and with the CRT's own transfer manager.
"""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

from clients import boto_worker
from clients.endpoint import Endpoint

CALL_DEADLINE_S = 120


class BotoProcess:
    """A worker process with boto3 in it."""

    def __init__(self, crt: bool) -> None:
        """Start the worker."""
        os.environ["BOTO_DISABLE_CRT"] = "false" if crt else "true"
        spawn = multiprocessing.get_context("spawn")
        self.pool = ProcessPoolExecutor(1, mp_context=spawn, initializer=boto_worker.prepare, initargs=(crt,))
        found = self.pool.submit(boto_worker.uses_crt).result(CALL_DEADLINE_S)
        if found != crt:
            raise RuntimeError(f"botocore's use of the CRT is {found}, wanted {crt}")

    def client(self, endpoint: Endpoint) -> Boto:
        """Return a client for an endpoint; clients of one endpoint share their connections."""
        return Boto(self, endpoint)

    def submit(self, function: Any, *arguments: Any) -> Future[Any]:  # noqa: ANN401
        """Run a function of `boto_worker` in the worker."""
        return self.pool.submit(function, *arguments)

    def stop(self) -> None:
        """End the worker."""
        self.pool.shutdown(wait=True, cancel_futures=True)


class Boto:
    """A boto3 S3 client; every method runs in the worker and raises what boto3 raises."""

    def __init__(self, process: BotoProcess, endpoint: Endpoint) -> None:
        """Bind a worker to an endpoint."""
        self.process = process
        self.endpoint = endpoint

    def _run(self, function: Any, *arguments: Any) -> Any:  # noqa: ANN401
        return self.process.submit(function, self.endpoint, *arguments).result(CALL_DEADLINE_S)

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401
        """Call an operation by its boto3 name; a streamed `Body` comes back as bytes."""
        return self._run(boto_worker.call, operation, parameters)

    def pages(self, operation: str, **parameters: Any) -> list[dict[str, Any]]:  # noqa: ANN401
        """Return all pages of a paginated operation."""
        return self._run(boto_worker.pages, operation, parameters)

    def presign(self, operation: str, parameters: dict[str, Any], expires_s: int = 300) -> str:
        """Return a presigned URL."""
        return self._run(boto_worker.presign, operation, parameters, expires_s)

    def presign_post(
        self, bucket: str, key: str, fields: dict[str, str], conditions: list[Any], expires_s: int = 300
    ) -> dict[str, Any]:
        """Return URL and fields of a form that uploads one object; every field needs a condition."""
        return self._run(boto_worker.presign_post, bucket, key, fields, conditions, expires_s)

    def upload(self, path: Path, bucket: str, key: str) -> None:
        """Upload a file with the client's transfer manager (multipart above 8 MiB)."""
        self._run(boto_worker.upload, str(path), bucket, key)

    def download(self, bucket: str, key: str, path: Path) -> None:
        """Download to a file with the client's transfer manager (parallel ranges above 8 MiB)."""
        self._run(boto_worker.download, bucket, key, str(path))
