"""Browser uploads: forms that boto3 signs, sent as a browser sends them, against every backend."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import ClientError

from clients import BOTO_CLIENTS, Boto
from corpus import KEYS, body_of, key_named
from gateway import Place
from raw_http import DEADLINE_S, Answer, answer_of, open_socket
from seeding import at_backend, read

CLIENTS = BOTO_CLIENTS
BOUNDARY = "----osp-e2e-7MA4YWxkTrZu0gW"
LARGE = 64 * 1024 * 1024
PIECE = 1024 * 1024
# Keys whose text matters in a field, in XML and in a URL.
NAMES = ("plain", "space", "plus", "percent-literal", "cjk", "emoji", "query", "xml", "nfd")


def form_of(fields: dict[str, str], file_name: str) -> tuple[bytes, bytes]:
    """Return what stands before and behind the bytes of the file."""
    disposition = "Content-Disposition: form-data; name="
    parts = [f'--{BOUNDARY}\r\n{disposition}"{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()]
    file = f'--{BOUNDARY}\r\n{disposition}"file"; filename="{file_name}"\r\nContent-Type: text/html\r\n\r\n'
    return ("".join(parts) + file).encode(), f"\r\n--{BOUNDARY}--\r\n".encode()


def post(boto: Boto, form: dict[str, Any], content: bytes, file_name: str = "a.txt") -> Answer:
    """Send a form with a file, piece by piece, and return the answer."""
    parts = urlsplit(form["url"])
    before, behind = form_of(form["fields"], file_name)
    connection = http.client.HTTPConnection(parts.netloc, timeout=DEADLINE_S)
    connection.sock = open_socket(form["url"], boto.endpoint.ca)
    try:
        connection.putrequest("POST", parts.path)
        connection.putheader("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
        connection.putheader("Content-Length", str(len(before) + len(content) + len(behind)))
        connection.endheaders(before)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for start in range(0, len(content), PIECE):
                connection.send(content[start : start + PIECE])
            connection.send(behind)
        return answer_of(connection.getresponse())
    finally:
        connection.close()


@pytest.fixture
def swept(boto: Boto, place: Place) -> Iterator[list[str]]:
    """Keys that are deleted at the end."""
    keys: list[str] = []
    yield keys
    for key in keys:
        with contextlib.suppress(ClientError):
            boto.call("delete_object", Bucket=place.bucket, Key=key)


@pytest.mark.parametrize("name", NAMES)
def test_post_every_key(boto: Boto, place: Place, swept: list[str], name: str) -> None:
    """A form stores its file under exactly that key, with the metadata that its fields say (section 4.1, P02)."""
    key, body = key_named(name, len(place.prefix)), body_of(f"posted {name}")
    swept.append(key)
    fields = {"Content-Type": "text/plain", "x-amz-meta-colour": "blue", "success_action_status": "201"}
    form = boto.presign_post(place.bucket, key, fields, [{field: value} for field, value in fields.items()])
    answer = post(boto, form, body)
    assert (answer.status, answer.headers["content-type"]) == (201, "application/xml")
    assert f"<Bucket>{place.bucket}</Bucket>".encode() in answer.body
    head = boto.call("head_object", Bucket=place.bucket, Key=key)
    assert (head["ContentType"], head["Metadata"], head["ContentLength"]) == ("text/plain", {"colour": "blue"}, len(body))
    assert head["ETag"] == answer.headers["etag"] == f'"{hashlib.md5(body).hexdigest()}"'
    assert read(place.backend, place.backend_bucket, place.prefix + key) == body


def test_post_name_of_the_file_and_redirect(boto: Boto, place: Place, swept: list[str]) -> None:
    """The name of the file becomes a part of the key, and the browser is sent on with the client's names."""
    swept.append("posted/my photo.jpg")
    fields = {"success_action_redirect": "https://app.test/done?id=1"}
    form = boto.presign_post(place.bucket, "posted/${filename}", fields, [fields])
    answer = post(boto, form, b"photo", "my photo.jpg")
    assert (answer.status, answer.body) == (303, b"")
    url = urlsplit(answer.headers["location"])
    query = parse_qs(url.query)
    assert (url.netloc, query["id"], query["bucket"]) == ("app.test", ["1"], [place.bucket])
    assert query["key"] == ["posted/my photo.jpg"]
    got = boto.call("get_object", Bucket=place.bucket, Key="posted/my photo.jpg")
    assert (got["Body"], [got["ETag"]]) == (b"photo", query["etag"])


def test_post_large_and_empty(boto: Boto, place: Place, swept: list[str]) -> None:
    """64 MiB stream through, byte for byte; no byte at all is an object as well (RS-8)."""
    content = b"".join(hashlib.sha256(number.to_bytes(4)).digest() * (PIECE // 32) for number in range(LARGE // PIECE))
    for key, body in (("posted large", content), ("posted empty", b"")):
        swept.append(key)
        answer = post(boto, boto.presign_post(place.bucket, key, {}, []), body)
        assert (answer.status, answer.body) == (204, b"")
        got = boto.call("get_object", Bucket=place.bucket, Key=key)["Body"]
        assert hashlib.sha256(got).digest() == hashlib.sha256(body).digest()


@pytest.mark.gateway
def test_post_only_what_the_policy_allows(boto: Boto, place: Place, swept: list[str]) -> None:
    """A changed, an added and a missing field, a file of another size, a changed signature: 4xx, and no object (D11)."""
    key = "posted refused"
    swept.append(key)
    fields = {"Content-Type": "text/plain"}
    form = boto.presign_post(place.bucket, key, fields, [fields, ["content-length-range", 1, 10]])

    def changed(**changes: str | None) -> dict[str, Any]:
        both = {**form["fields"], **{name.replace("_", "-"): value for name, value in changes.items()}}
        return {**form, "fields": {name: value for name, value in both.items() if value is not None}}

    refused = {
        "a changed field": (changed(**{"Content_Type": "text/html"}), b"x", 403, "AccessDenied"),
        "a missing field": (changed(**{"Content_Type": None}), b"x", 403, "AccessDenied"),
        "an added field": (changed(acl="public-read"), b"x", 403, "AccessDenied"),
        "another key": (changed(key="posted elsewhere"), b"x", 403, "AccessDenied"),
        "another signature": (changed(x_amz_signature="0" * 64), b"x", 403, "SignatureDoesNotMatch"),
        "no policy": (changed(policy=None), b"x", 400, "InvalidArgument"),
        "too small": (form, b"", 400, "EntityTooSmall"),
        "too large": (form, b"12345678901", 400, "EntityTooLarge"),
    }
    for what, (sent, content, status, code) in refused.items():
        answer = post(boto, sent, content)
        assert (answer.status, answer.code) == (status, code), what
    for name in (key, "posted elsewhere"):
        there = at_backend(place.backend).list_objects_v2(Bucket=place.backend_bucket, Prefix=place.prefix + name)
        assert "Contents" not in there, name
    assert post(boto, form, b"1234567890").status == 204, "their twin"
