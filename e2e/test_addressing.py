"""Virtual-host style, in and out: the bucket as the first label of the host name (C28)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from backends import Backend, Keys
from clients import BotoProcess, Endpoint
from corpus import KEYS, body_of, key_named
from gateway import Osp, Place, direct_mode
from matrix import ROUTE_PREFIX, VIRTUAL_BUCKET, places_of
from raw_http import open_socket, read_answer, signed_head
from seeding import read

PART = 5 * 1024 * 1024
# Keys whose handling differs between the styles: the path then begins with the key.
NAMES = ("plain", "space", "plus", "percent-literal", "cjk", "emoji", "query", "upload-id", "xml", "nfd")


def usable_backend(kind: type[Backend]) -> bool:
    """Whether the server takes virtual-host style itself; the matrix of `in` needs it in direct mode only."""
    return kind.virtual_hosts or not direct_mode()


@pytest.fixture
def boto3_process(boto_processes: dict[str, BotoProcess]) -> BotoProcess:
    """The plain boto3 worker: it resolves `*.localhost` in Python, which the CRT does not ask."""
    return boto_processes["boto3"]


@pytest.fixture(params=["path in", "virtual in"])
def style_in(request: pytest.FixtureRequest) -> bool:
    """Whether the client uses virtual-host style."""
    return request.param == "virtual in"


@pytest.fixture
def style_out(server: Backend) -> Iterator[bool]:
    """Whether the gateway uses virtual-host style: wherever the server can."""
    yield server.virtual_hosts


def client_endpoint(request: pytest.FixtureRequest, server: Backend, scheme: str, virtual: bool) -> Endpoint:
    """Return the endpoint of a style; in direct mode the server's own, over HTTP only."""
    if direct_mode():
        url = server.named_endpoint if virtual else server.endpoint
        return Endpoint(url, server.keys, virtual_host=virtual)
    osp: Osp = request.getfixturevalue("osp")
    keys: Keys = request.getfixturevalue("client_keys")
    return osp.virtual_endpoint(scheme, keys) if virtual else osp.endpoint(scheme, keys)


def place_of(server: Backend, virtual_out: bool) -> Place:
    """Return the place whose route goes out in a style."""
    if direct_mode():
        return Place(VIRTUAL_BUCKET, server, VIRTUAL_BUCKET)
    if virtual_out:
        return Place(f"{server.name}-virtual", server, VIRTUAL_BUCKET, ROUTE_PREFIX)
    return places_of(server)[1]


def test_styles(
    request: pytest.FixtureRequest,
    backend: str,
    scheme: str,
    server: Backend,
    style_in: bool,
    style_out: bool,
    boto3_process: BotoProcess,
) -> None:
    """put, get, list, copy, multipart and a presigned URL in each style in, going out in the server's best style."""
    if direct_mode():
        scheme = "http"
    place = place_of(server, style_out)
    boto = boto3_process.client(client_endpoint(request, server, scheme, style_in))
    names = {name: key_named(name) for name in NAMES}
    try:
        for name, key in names.items():
            boto.call("put_object", Bucket=place.bucket, Key=f"styles/{key}", Body=body_of(name))
            assert boto.call("get_object", Bucket=place.bucket, Key=f"styles/{key}")["Body"] == body_of(name)
            assert read(server, place.backend_bucket, f"{place.prefix}styles/{key}") == body_of(name)
        listed = boto.call("list_objects_v2", Bucket=place.bucket, Prefix="styles/")
        assert listed["Name"] == place.bucket
        assert {item["Key"] for item in listed["Contents"]} == {f"styles/{key}" for key in names.values()}

        source = {"Bucket": place.bucket, "Key": f"styles/{KEYS['plus']}"}
        boto.call("copy_object", Bucket=place.bucket, Key="styles/copy", CopySource=source)
        assert boto.call("get_object", Bucket=place.bucket, Key="styles/copy")["Body"] == body_of("plus")

        target = {"Bucket": place.bucket, "Key": "styles/parts"}
        upload = boto.call("create_multipart_upload", **target)["UploadId"]
        parts = []
        for number, body in enumerate((body_of("one", PART), body_of("two", 9)), 1):
            done = boto.call("upload_part", **target, UploadId=upload, PartNumber=number, Body=body)
            parts.append({"PartNumber": number, "ETag": done["ETag"]})
        boto.call("complete_multipart_upload", **target, UploadId=upload, MultipartUpload={"Parts": parts})
        assert boto.call("get_object", **target)["Body"] == body_of("one", PART) + body_of("two", 9)
    finally:
        for key in [*names.values(), "copy", "parts"]:
            boto.call("delete_object", Bucket=place.bucket, Key=f"styles/{key}")


@pytest.mark.gateway
def test_bucket_of_the_host_wins(osp: Osp, client_keys: Keys, backend: str, server: Backend) -> None:
    """With the bucket in the host, the path is all key: `/other/x` reaches no other bucket (P03)."""
    plain, renamed = places_of(server)
    endpoint = osp.endpoint("http", client_keys)
    port = endpoint.url.rpartition(":")[2]
    named = replace(endpoint, url=f"http://{plain.bucket}.localhost:{port}")
    head = signed_head(named, "GET", f"/{renamed.bucket}/many/0000")
    with open_socket(endpoint.url, endpoint.ca) as sock:
        sock.sendall(head)
        answer = read_answer(sock, "GET")
    assert (answer.status, answer.code) == (404, "NoSuchKey")
