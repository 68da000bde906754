"""boto3 as it is when nothing is set: the suite's BOTO_DISABLE_CRT says whether the C runtime is there."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.session
from botocore.exceptions import ClientError
from serve import read_job, serve

job = read_job()
with_crt = os.environ["BOTO_DISABLE_CRT"] == "false"
trust = job.ca or None
s3 = boto3.client(
    "s3",
    endpoint_url=job.endpoint,
    aws_access_key_id=job.access_key,
    aws_secret_access_key=job.secret_key,
    region_name=job.region,
    verify=trust,
)


def put(asked: SimpleNamespace) -> None:
    """PutObject from a file."""
    with Path(asked.file).open("rb") as body:
        s3.put_object(Bucket=job.bucket, Key=asked.key, Body=body)


def multipart(asked: SimpleNamespace) -> None:
    """The transfer manager: boto3's own, or that of the C runtime."""
    if not with_crt:
        s3.upload_file(asked.file, job.bucket, asked.key)
        return
    # boto3's own switch to it (`preferred_transfer_client`) takes neither an endpoint nor a CA.
    from s3transfer import crt

    session = botocore.session.Session()
    session.set_credentials(job.access_key, job.secret_key)
    wrapper = crt.BotocoreCRTCredentialsWrapper(session.get_credentials())
    client = crt.create_s3_crt_client(
        job.region,
        crt_credentials_provider=wrapper.to_crt_credentials_provider(),
        use_ssl=job.endpoint.startswith("https:"),
        verify=trust,
    )
    names = {"region_name": job.region, "endpoint_url": job.endpoint}
    with crt.CRTTransferManager(client, crt.BotocoreCRTRequestSerializer(session, names)) as manager:
        manager.upload(asked.file, job.bucket, asked.key).result()


def create(asked: SimpleNamespace) -> dict[str, Any]:
    """PutObject with If-None-Match."""
    try:
        with Path(asked.file).open("rb") as body:
            s3.put_object(Bucket=job.bucket, Key=asked.key, Body=body, IfNoneMatch="*")
    except ClientError as error:
        if error.response["Error"]["Code"] != "PreconditionFailed":
            raise
        return {"created": False}
    return {"created": True}


def get(asked: SimpleNamespace, **more: str) -> None:
    """GetObject into a file."""
    body = s3.get_object(Bucket=job.bucket, Key=asked.key, **more)["Body"]
    Path(asked.file).write_bytes(body.read())


def part(asked: SimpleNamespace) -> None:
    """GetObject with a range."""
    get(asked, Range=f"bytes={asked.first}-{asked.first + asked.count - 1}")


def keys_below(asked: SimpleNamespace) -> dict[str, Any]:
    """ListObjectsV2, page by page."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=job.bucket, Prefix=asked.prefix)
    return {"keys": [found["Key"] for page in pages for found in page.get("Contents", [])]}


def copy(asked: SimpleNamespace) -> None:
    """CopyObject."""
    s3.copy_object(Bucket=job.bucket, Key=asked.key, CopySource={"Bucket": job.bucket, "Key": asked.source})


def delete(asked: SimpleNamespace) -> None:
    """DeleteObject."""
    s3.delete_object(Bucket=job.bucket, Key=asked.key)


def delete_many(asked: SimpleNamespace) -> None:
    """DeleteObjects."""
    answer = s3.delete_objects(Bucket=job.bucket, Delete={"Objects": [{"Key": key} for key in asked.keys]})
    if answer.get("Errors"):
        raise RuntimeError(str(answer["Errors"]))


serve(
    boto3.__version__,
    {
        "put": put, "multipart": multipart, "create": create, "get": get, "range": part, "list": keys_below,
        "copy": copy, "delete": delete, "delete_many": delete_many,
    },
)  # fmt: skip
