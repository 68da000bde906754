"""Refusals as real clients see them: answered before the body was read, and never eaten by a reset (up to 1 MiB)."""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from backends import Backend, Keys
from clients import BOTO_CLIENTS, BotoProcess, Endpoint
from corpus import body_of
from gateway import Osp
from matrix import SCHEMES, places_of
from raw_http import fetch, open_socket, send_blindly, signed_head
from seeding import at_backend

pytestmark = pytest.mark.gateway
KIB = 1024
# What OSP reads of a refused body before it closes; beyond that a reset is allowed to win.
DRAINED_BYTES = KIB * KIB
SIZES = {"empty": 0, "1 byte": 1, "64 KiB": 64 * KIB, "1 MiB": DRAINED_BYTES}
every_size = pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
every_scheme = pytest.mark.parametrize("front", SCHEMES)
KEY = "public/refused"


@pytest.fixture
def bucket(servers: dict[str, Backend]) -> Iterator[str]:
    """A renamed bucket of the first backend, which must hold none of the refused objects afterwards."""
    place = places_of(next(iter(servers.values())))[1]
    yield place.bucket
    left = at_backend(place.backend).list_objects_v2(Bucket=place.backend_bucket, Prefix=place.prefix + KEY)
    assert "Contents" not in left


def put_blindly(endpoint: Endpoint, bucket: str, size: int, key: str = KEY) -> tuple[int, str | None]:
    """PUT a body without ever waiting, and return status and S3 code."""
    body = body_of("refused", size)
    head = signed_head(endpoint, "PUT", f"/{bucket}/{key}", size, hashlib.sha256(body).hexdigest())
    answer = send_blindly(endpoint, head, body)
    return answer.status, answer.code


@every_scheme
@every_size
def test_wrong_secret(osp: Osp, front: str, bucket: str, client_keys: Keys, size: int) -> None:
    """A signature of another secret is refused on the head, and the client reads why."""
    endpoint = osp.own_endpoint(front, Keys(client_keys.access_key, "0" * 40))
    assert put_blindly(endpoint, bucket, size) == (403, "SignatureDoesNotMatch")


@every_scheme
@every_size
def test_unknown_key(osp: Osp, front: str, bucket: str, size: int) -> None:
    """An access key that nobody has is refused the same way."""
    assert put_blindly(osp.own_endpoint(front, Keys.random("XX")), bucket, size) == (403, "InvalidAccessKeyId")


@every_scheme
@every_size
def test_not_granted(osp: Osp, front: str, bucket: str, reader_keys: Keys, size: int) -> None:
    """A reader may not write."""
    assert put_blindly(osp.own_endpoint(front, reader_keys), bucket, size) == (403, "AccessDenied")


@every_scheme
@every_size
def test_no_such_bucket(osp: Osp, front: str, client_keys: Keys, size: int) -> None:
    """A bucket that no route serves."""
    assert put_blindly(osp.own_endpoint(front, client_keys), "no-such-bucket", size) == (404, "NoSuchBucket")


@every_scheme
@every_size
def test_granted(osp: Osp, front: str, servers: dict[str, Backend], client_keys: Keys, size: int) -> None:
    """The positive twin: the same request by the right client is stored, byte for byte."""
    place = places_of(next(iter(servers.values())))[1]
    key = f"granted-{size}"
    assert put_blindly(osp.own_endpoint(front, client_keys), place.bucket, size, key) == (200, None)
    target = {"Bucket": place.backend_bucket, "Key": place.prefix + key}
    assert at_backend(place.backend).get_object(**target)["Body"].read() == body_of("refused", size)
    at_backend(place.backend).delete_object(**target)


@every_scheme
def test_larger_body_may_see_a_reset(osp: Osp, front: str, bucket: str, reader_keys: Keys) -> None:
    """Beyond what is drained the client gets the code or a broken connection, at once and never a success."""
    try:
        outcome = put_blindly(osp.own_endpoint(front, reader_keys), bucket, 32 * DRAINED_BYTES)
    except (OSError, http.client.HTTPException):
        return
    assert outcome == (403, "AccessDenied")


@every_scheme
def test_expect_is_refused_without_continue(osp: Osp, front: str, bucket: str, reader_keys: Keys) -> None:
    """A client that waits for `100 Continue` gets the refusal instead, and sends no body (trap 15)."""
    endpoint = osp.own_endpoint(front, reader_keys)
    head = signed_head(endpoint, "PUT", f"/{bucket}/{KEY}", 10, extra={"Expect": "100-continue"})
    with open_socket(endpoint.url, endpoint.ca) as sock:
        sock.sendall(head)
        assert sock.recv(12) == b"HTTP/1.1 403"


@every_scheme
@pytest.mark.parametrize("name", BOTO_CLIENTS)
def test_boto_sees_the_code(
    osp: Osp, front: str, name: str, bucket: str, client_keys: Keys, boto_processes: dict[str, BotoProcess]
) -> None:
    """boto3 reports the S3 code for a body of 1 MiB that was refused on its head."""
    keys = Keys(client_keys.access_key, "1" * 40)
    boto = boto_processes[name].client(osp.endpoint(front, keys))
    with pytest.raises(ClientError) as error:
        boto.call("put_object", Bucket=bucket, Key=KEY, Body=body_of("refused", DRAINED_BYTES))
    assert error.value.response["Error"]["Code"] == "SignatureDoesNotMatch"


@every_scheme
@pytest.mark.parametrize("name", BOTO_CLIENTS)
def test_boto_sees_what_is_not_served(
    osp: Osp, front: str, name: str, bucket: str, client_keys: Keys, boto_processes: dict[str, BotoProcess]
) -> None:
    """Administration of buckets is refused in a way that clients do not retry."""
    boto = boto_processes[name].client(osp.endpoint(front, client_keys))
    for operation in ("create_bucket", "delete_bucket"):
        with pytest.raises(ClientError) as error:
            boto.call(operation, Bucket=bucket)
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 501), operation


@every_scheme
def test_signature_version_2_is_refused(osp: Osp, front: str, bucket: str, client_keys: Keys) -> None:
    """A presigned URL of signature version 2 is no way around version 4 (S07)."""
    endpoint = osp.endpoint(front, client_keys)
    query = f"AWSAccessKeyId={client_keys.access_key}&Signature=AAAAAAAAAAAAAAAAAAAAAAAAAAA%3D&Expires=4102444800"
    answer = fetch(f"{endpoint.url}/{bucket}/{KEY}?{query}", endpoint.ca)
    assert answer.status in (400, 403)
    assert answer.code is not None


@every_scheme
def test_reader_reads_its_prefix_only(
    osp: Osp,
    front: str,
    servers: dict[str, Backend],
    reader_keys: Keys,
    boto_processes: dict[str, BotoProcess],
) -> None:
    """A prefix grant: inside it GET and LIST work, outside of it both are refused (P05)."""
    place = places_of(next(iter(servers.values())))[1]
    target = {"Bucket": place.backend_bucket, "Key": f"{place.prefix}public/page"}
    at_backend(place.backend).put_object(**target, Body=b"hello")
    try:
        boto = boto_processes["boto3"].client(osp.endpoint(front, reader_keys))
        assert boto.call("get_object", Bucket=place.bucket, Key="public/page")["Body"] == b"hello"
        listed = boto.call("list_objects_v2", Bucket=place.bucket, Prefix="public/")
        assert [item["Key"] for item in listed["Contents"]] == ["public/page"]
        for operation, arguments in (
            ("get_object", {"Key": "many/0000"}),
            ("list_objects_v2", {"Prefix": "publi"}),
            ("list_objects_v2", {}),
        ):
            with pytest.raises(ClientError) as error:
                boto.call(operation, Bucket=place.bucket, **arguments)
            assert error.value.response["Error"]["Code"] == "AccessDenied", (operation, arguments)
    finally:
        at_backend(place.backend).delete_object(**target)
