"""Pages of other origins: a client that keeps the rules of browsers, before OSP and a store with rules of its own."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.config
import pytest
from botocore.exceptions import ClientError

from backends import REGION, Backend, Keys
from certificates import Certificates
from gateway import Osp, client_documents, credential_documents, document, grant
from raw_http import DEADLINE_S, Answer, answer_of, open_socket
from seeding import at_backend

pytestmark = pytest.mark.gateway
APP = "https://app.example.com"
OTHER = "https://evil.example.net"
BUCKET = "site"
AT_BACKEND = "cors7-site"
# What the Fetch standard lets every page send and read.
SAFE_METHODS = {"GET", "HEAD", "POST"}
SAFE_REQUEST = {"accept", "accept-language", "content-language"}
SAFE_RESPONSE = {"cache-control", "content-language", "content-length", "content-type", "expires", "last-modified"}
PART = b"p" * (5 * 1024 * 1024)


class CorsError(Exception):
    """What a script sees instead of an answer."""


@dataclass
class Page:
    """A page of an origin, as strict as the Fetch standard: nothing is shown that is not allowed."""

    origin: str
    ca: Any = None
    # Statuses of the preflights, in order.
    preflights: list[int] = field(default_factory=list)

    def exchange(self, url: str, method: str, headers: dict[str, str], body: bytes) -> Answer:
        """Send one request with an origin."""
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=DEADLINE_S)
        connection.sock = open_socket(url, self.ca)
        try:
            target = f"{parts.path}?{parts.query}" if parts.query else parts.path
            connection.request(method, target, body or None, {"Origin": self.origin, **headers})
            return answer_of(connection.getresponse())
        finally:
            connection.close()

    def check(self, answer: Answer) -> None:
        """Fail unless the answer is for this origin ("CORS check")."""
        allowed = answer.headers.get("access-control-allow-origin")
        if allowed != "*" and allowed != self.origin:
            raise CorsError(f"Access-Control-Allow-Origin is {allowed!r}")
        if allowed != "*":
            assert "origin" in answer.headers["vary"].lower(), "a cache would give it to other origins"

    def ask_first(self, url: str, method: str, headers: dict[str, str]) -> None:
        """Send the preflight and judge its answer."""
        unsafe = sorted(name.lower() for name in headers if name.lower() not in SAFE_REQUEST)
        if method in SAFE_METHODS and not unsafe:
            return
        asked = {"Access-Control-Request-Method": method}
        if unsafe:
            asked["Access-Control-Request-Headers"] = ",".join(unsafe)
        answer = self.exchange(url, "OPTIONS", asked, b"")
        self.preflights.append(answer.status)
        self.check(answer)
        if not 200 <= answer.status <= 299:
            raise CorsError(f"the preflight's answer is {answer.status}")
        listed = lambda name: {one.strip() for one in answer.headers.get(name, "").split(",")}  # noqa: E731
        if method not in SAFE_METHODS | listed("access-control-allow-methods"):
            raise CorsError(f"{method} is not allowed")
        missing = set(unsafe) - {one.lower() for one in listed("access-control-allow-headers")}
        if missing:
            raise CorsError(f"{missing} are not allowed")

    def fetch(self, url: str, method: str = "GET", headers: dict[str, str] | None = None, body: bytes = b"") -> Answer:
        """Do what `fetch(url)` does, and show what a script sees."""
        headers = headers or {}
        self.ask_first(url, method, headers)
        answer = self.exchange(url, method, headers, body)
        self.check(answer)
        exposed = {one.strip().lower() for one in answer.headers.get("access-control-expose-headers", "").split(",")}
        shown = {name: value for name, value in answer.headers.items() if name in SAFE_RESPONSE | exposed}
        return Answer(answer.status, shown, answer.body)


@dataclass
class Site:
    """A bucket with rules for one origin, and somebody who may sign for it."""

    s3: Any
    ca: Any

    def url(self, operation: str, **parameters: Any) -> str:  # noqa: ANN401
        """Presign a request."""
        return self.s3.generate_presigned_url(operation, Params={"Bucket": BUCKET, **parameters}, ExpiresIn=300)

    def page(self, origin: str) -> Page:
        """Open a page."""
        return Page(origin, self.ca)


@pytest.fixture
def site(
    server: Backend, certificates: Certificates, gateways: list[Osp], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """OSP with a route that has rules, before a store whose own rules are the opposite."""
    osp = Osp(tmp_path_factory.mktemp("cors"), certificates)
    gateways.append(osp)
    keys = Keys.random("CO")
    backend = {
        "name": server.name, "endpoint": server.endpoint, "region": "us-east-1", "addressingStyle": "Path",
        "bucket": AT_BACKEND, "credentialRef": {"name": server.name}, "trailingChecksums": server.trailing_checksums,
    }  # fmt: skip
    rule = {
        "allowedOrigins": ["https://*.example.com"], "allowedMethods": ["GET", "PUT", "DELETE"],
        "allowedHeaders": ["content-type", "x-amz-meta-*"], "exposeHeaders": ["ETag", "x-amz-meta-colour"],
        "maxAgeSeconds": 60,
    }  # fmt: skip
    spec = {"match": {"bucket": BUCKET}, "backends": [backend], "access": [grant("page")], "cors": [rule]}
    route = document("BucketRoute", BUCKET, spec=spec)
    osp.write("site.yaml", [*credential_documents(server.name, server.keys), *client_documents("page", keys), route])
    osp.start()
    direct = at_backend(server)
    direct.create_bucket(Bucket=AT_BACKEND)
    # Not every store keeps rules; those that do say yes to the wrong page.
    wrong = {"AllowedOrigins": [OTHER], "AllowedMethods": ["GET", "PUT"], "AllowedHeaders": ["*"]}
    with contextlib.suppress(ClientError):
        direct.put_bucket_cors(Bucket=AT_BACKEND, CORSConfiguration={"CORSRules": [wrong]})
    config = botocore.config.Config(signature_version="s3v4", s3={"addressing_style": "path"})
    endpoint = osp.endpoint("https", keys)
    s3 = boto3.session.Session().client(
        "s3", endpoint_url=endpoint.url, region_name=REGION, config=config, verify=str(endpoint.ca),
        aws_access_key_id=keys.access_key, aws_secret_access_key=keys.secret_key,
    )  # fmt: skip
    yield Site(s3, endpoint.ca)
    osp.stop()
    for found in direct.list_objects_v2(Bucket=AT_BACKEND).get("Contents", []):
        direct.delete_object(Bucket=AT_BACKEND, Key=found["Key"])
    direct.delete_bucket(Bucket=AT_BACKEND)


def test_a_page_uploads_reads_and_deletes(site: Site) -> None:
    """7.13: with presigned URLs only, as a browser does it; headers of its own need the preflight's consent."""
    page = site.page(APP)
    parameters = {"Key": "a b/ü.txt", "ContentType": "text/plain", "Metadata": {"colour": "red"}}
    sent = {"content-type": "text/plain", "x-amz-meta-colour": "red"}
    put = page.fetch(site.url("put_object", **parameters), "PUT", sent, b"content")
    assert put.status == 200 and put.headers["etag"]
    assert page.preflights == [200]
    got = page.fetch(site.url("get_object", Key="a b/ü.txt"))
    assert (got.status, got.body, got.headers["etag"]) == (200, b"content", put.headers["etag"])
    assert got.headers["x-amz-meta-colour"] == "red" and "x-amz-request-id" not in got.headers, "only what is exposed"
    assert page.preflights == [200], "a simple request has none"
    listed = page.fetch(site.url("list_objects_v2"))
    assert listed.status == 200 and b"<KeyCount>1</KeyCount>" in listed.body
    assert page.fetch(site.url("delete_object", Key="a b/ü.txt"), "DELETE").status == 204
    # errors can be read: of the store, and OSP's own
    assert page.fetch(site.url("get_object", Key="a b/ü.txt")).code == "NoSuchKey"
    tampered = site.url("get_object", Key="x").replace("X-Amz-Expires=300", "X-Amz-Expires=301")
    assert page.fetch(tampered).code == "SignatureDoesNotMatch"


def test_a_page_uploads_in_parts(site: Site) -> None:
    """7.13: the script has to read the ETag of each part."""
    page = site.page(APP)
    upload = site.s3.create_multipart_upload(Bucket=BUCKET, Key="large")["UploadId"]
    parts = []
    for number, body in ((1, PART), (2, b"end")):
        url = site.url("upload_part", Key="large", UploadId=upload, PartNumber=number)
        parts.append({"PartNumber": number, "ETag": page.fetch(url, "PUT", {}, body).headers["etag"]})
    site.s3.complete_multipart_upload(Bucket=BUCKET, Key="large", UploadId=upload, MultipartUpload={"Parts": parts})
    assert page.preflights == [200, 200]
    assert page.fetch(site.url("get_object", Key="large")).body == PART + b"end"


def test_a_page_that_no_rule_names_gets_nothing(site: Site) -> None:
    """CL-8, D12: whatever the store itself says about that page."""
    site.s3.put_object(Bucket=BUCKET, Key="k", Body=b"content")
    page = site.page(OTHER)
    with pytest.raises(CorsError):
        page.fetch(site.url("get_object", Key="k"))
    for method, operation in (("PUT", "put_object"), ("DELETE", "delete_object")):
        with pytest.raises(CorsError):
            page.fetch(site.url(operation, Key="k"), method)
    assert page.preflights == [403, 403]
    right = site.page(APP)
    with pytest.raises(CorsError):
        right.fetch(site.url("put_object", Key="k"), "PUT", {"x-other": "1"}, b"")
    assert right.preflights == [403], "a header that no rule names"
    assert site.s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"content", "nothing was changed"
