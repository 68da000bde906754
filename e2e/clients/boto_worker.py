"""What runs inside of a boto3 worker process (see boto.py). Nothing here knows about pytest."""

from __future__ import annotations

import functools
import socket
from typing import Any

import boto3
import botocore.compat
import botocore.config
import botocore.session

from clients.endpoint import Endpoint

_with_crt = False


def prepare(crt: bool) -> None:
    """Set up the process: which implementation it is, and names below `localhost` that mean loopback.

    glibc resolves `bucket.localhost` only with the package libnss-myhostname; the suite must not need it.
    """
    global _with_crt
    _with_crt = crt
    resolve = socket.getaddrinfo

    def loopback_names(host: Any, *rest: Any, **named: Any) -> Any:  # noqa: ANN401
        if isinstance(host, str) and (host == "localhost" or host.endswith(".localhost")):
            host = "127.0.0.1"
        return resolve(host, *rest, **named)

    socket.getaddrinfo = loopback_names


def uses_crt() -> bool:
    """Whether botocore signs with the CRT in this process."""
    return bool(botocore.compat.HAS_CRT)


@functools.cache
def client_for(endpoint: Endpoint, presign: bool = False) -> Any:  # noqa: ANN401
    """Return boto3's client with its default settings, except for what the endpoint asks for."""
    config = botocore.config.Config()
    if endpoint.virtual_host:
        config = config.merge(botocore.config.Config(s3={"addressing_style": "virtual"}))
    if presign and endpoint.presign_v4:
        config = config.merge(botocore.config.Config(signature_version="s3v4"))
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint.url,
        aws_access_key_id=endpoint.keys.access_key,
        aws_secret_access_key=endpoint.keys.secret_key,
        region_name=endpoint.region,
        verify=str(endpoint.ca) if endpoint.ca else None,
        config=config,
    )


def call(endpoint: Endpoint, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Call one operation; a streamed body is read whole."""
    answer = getattr(client_for(endpoint), operation)(**parameters)
    if hasattr(answer.get("Body"), "read"):
        answer["Body"] = answer["Body"].read()
    return answer


def pages(endpoint: Endpoint, operation: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every page of a paginated operation."""
    return list(client_for(endpoint).get_paginator(operation).paginate(**parameters))


def presign(endpoint: Endpoint, operation: str, parameters: dict[str, Any], expires_s: int) -> str:
    """Return a presigned URL."""
    client = client_for(endpoint, presign=True)
    return client.generate_presigned_url(operation, Params=parameters, ExpiresIn=expires_s)


def presign_post(
    endpoint: Endpoint, bucket: str, key: str, fields: dict[str, str], conditions: list[Any], expires_s: int
) -> dict[str, Any]:
    """Return URL and fields of a form that uploads one object."""
    client = client_for(endpoint, presign=True)
    return client.generate_presigned_post(bucket, key, Fields=fields, Conditions=conditions, ExpiresIn=expires_s)


def upload(endpoint: Endpoint, path: str, bucket: str, key: str) -> None:
    """Upload a file with the transfer manager of this process."""
    if _with_crt:
        with crt_transfers(endpoint) as manager:
            manager.upload(path, bucket, key).result()
    else:
        client_for(endpoint).upload_file(path, bucket, key)


def download(endpoint: Endpoint, bucket: str, key: str, path: str) -> None:
    """Download a file with the transfer manager of this process."""
    if _with_crt:
        with crt_transfers(endpoint) as manager:  # its end waits for the file to get its name
            manager.download(bucket, key, path).result()
    else:
        client_for(endpoint).download_file(bucket, key, path)


def crt_transfers(endpoint: Endpoint) -> Any:  # noqa: ANN401
    """Return the CRT's transfer manager for an endpoint."""
    from s3transfer.crt import CRTTransferManager

    return CRTTransferManager(*crt_parts(endpoint))


@functools.cache
def crt_parts(endpoint: Endpoint) -> tuple[Any, Any]:
    """Return the CRT's S3 client and the serializer of requests for an endpoint.

    boto3's own switch (`preferred_transfer_client="crt"`) takes neither an endpoint nor a CA, so this builds from
    s3transfer the same objects that it would build.
    """
    from s3transfer import crt

    session = botocore.session.Session()
    session.set_credentials(endpoint.keys.access_key, endpoint.keys.secret_key)
    wrapper = crt.BotocoreCRTCredentialsWrapper(session.get_credentials())
    client = crt.create_s3_crt_client(
        endpoint.region,
        crt_credentials_provider=wrapper.to_crt_credentials_provider(),
        use_ssl=endpoint.url.startswith("https:"),
        verify=str(endpoint.ca) if endpoint.ca else None,
    )
    serializer = crt.BotocoreCRTRequestSerializer(
        session, {"region_name": endpoint.region, "endpoint_url": endpoint.url}
    )
    return client, serializer
