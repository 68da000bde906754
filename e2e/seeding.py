"""What the suite does at a backend itself, behind OSP's back: buckets, seeds, and looking at what arrived."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import botocore.config
from botocore.exceptions import ClientError

from backends import REGION, Backend, Keys
from processes import wait_until

MANY = 1_001
MANY_PREFIX = "many/"
SEED_THREADS = 8


@functools.cache
def _client(endpoint: str, keys: Keys) -> Any:  # noqa: ANN401
    config = botocore.config.Config(
        s3={"addressing_style": "path"},
        max_pool_connections=SEED_THREADS,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
        config=config,
    )


def at_backend(backend: Backend) -> Any:  # noqa: ANN401
    """Return a boto3 client for the server itself, with the server's keys."""
    return _client(backend.endpoint, backend.keys)


def create_bucket(backend: Backend, bucket: str) -> None:
    """Create a bucket; a server that has just started may refuse for a moment."""

    def created() -> bool:
        try:
            at_backend(backend).create_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                return False
            raise
        return True

    wait_until(f"bucket at {backend.name}", created)


def many_keys() -> list[str]:
    """Return the 1,001 keys below `many/`, in list order; one page holds 1,000."""
    return [f"{MANY_PREFIX}{number:04d}" for number in range(MANY)]


def seed_many(backend: Backend, bucket: str, prefix: str) -> None:
    """Put the 1,001 small objects at the server itself."""
    client = at_backend(backend)

    def put(key: str) -> None:
        client.put_object(Bucket=bucket, Key=prefix + key, Body=key.encode())

    with ThreadPoolExecutor(SEED_THREADS) as pool:
        list(pool.map(put, many_keys()))


def read(backend: Backend, bucket: str, key: str) -> bytes:
    """Return an object as the server itself has it."""
    return at_backend(backend).get_object(Bucket=bucket, Key=key)["Body"].read()
