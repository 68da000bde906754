"""Every operation of `docs/operations.md`, whatever becomes of it: no answer names anything of the backend (C15)."""

from __future__ import annotations

import base64
import hashlib
import http.client
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from backends import Backend, Keys
from canary import BACKEND_HOST, OVERLAP_BYTES, WORD, Search, forms, marked
from certificates import Certificates
from clients import Endpoint
from gateway import (
    ALL_PERMISSIONS,
    REPOSITORY,
    Osp,
    Place,
    backend_entry,
    client_documents,
    credential_documents,
    grant,
    route_document,
)
from matrix import needles_of
from processes import free_ports
from raw_http import Answer, open_socket, read_answer, signed_head
from seeding import at_backend, create_bucket

PAGE = REPOSITORY / "docs/operations.md"
ROW = re.compile(r"^\| ([A-Z][^|]*?) \| `([A-Z]+) (/[^`]*)`([^|]*)\|", re.MULTILINE)
# Fewer would mean that the page has changed its form and is not read any more.
FEWEST_OPERATIONS = 100
KEY = "folder/key"
# Copies are made of another key: nothing can be copied onto itself as it is.
SOURCE = "-source"
VALUES = {"list-type": "2", "partNumber": "1", "id": "x", "x-id": "ListDirectoryBuckets"}
EXTRA_QUERY = {
    "ListObjectsV2": "fetch-owner=true&encoding-type=url",
    "ListObjects": "delimiter=%2F&max-keys=1",
    "ListObjectVersions": "max-keys=1",
    "ListMultipartUploads": "prefix=folder%2F",
    "SelectObjectContent": "select-type=2",
}
HEADERS = {"x-amz-write-offset-bytes": "0", "x-amz-request-route": "x"}
BODIES = {
    "DeleteObjects": f"<Delete><Object><Key>{KEY}</Key></Object><Object><Key>absent</Key></Object></Delete>",
    "PutObjectTagging": "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
    "PutBucketTagging": "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
    "PutBucketVersioning": "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>",
}
# What every server of the suite can do: without an answer of its own nothing was looked at.
SUCCEED = {
    "ListObjectsV2", "ListObjects", "ListMultipartUploads", "DeleteObjects", "HeadBucket", "GetObject", "HeadObject",
    "PutObject", "CopyObject", "UploadPart", "CreateMultipartUpload", "CompleteMultipartUpload", "ListParts",
    "AbortMultipartUpload", "DeleteObject", "ListBuckets", "GetBucketLocation",
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One operation of the page, and the request that it names."""

    operation: str
    method: str
    path: str
    query: str
    headers: tuple[str, ...]

    @property
    def is_about_an_object(self) -> bool:
        """Whether it has a key."""
        return self.path == "/bucket/key"


def rows() -> list[Row]:
    """Read the page."""
    found = []
    for name, method, target, rest in ROW.findall(PAGE.read_text()):
        path, _, query = target.partition("?")
        found.append(Row(name, method, path, query, tuple(re.findall(r"`(x-amz-[a-z-]+)`", rest))))
    return found


@dataclass(frozen=True)
class Caller:
    """A client of one bucket, whose answers the recorder searches."""

    endpoint: Endpoint
    bucket: str

    def send(self, method: str, path: str, query: str = "", body: bytes = b"", **headers: str) -> Answer:
        """Send one signed request on a connection of its own."""
        target = f"{path}?{query}" if query else path
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        digest = hashlib.sha256(body).hexdigest()
        head = signed_head(self.endpoint, method, target, len(body), digest, extra)
        with open_socket(self.endpoint.url, None) as sock:
            sock.sendall(head + body)
            return read_answer(sock, method)

    def upload(self, key: str) -> tuple[str, str]:
        """Begin an upload with one part; return its id and the part's ETag, or a pair that names nothing."""
        begun = self.send("POST", f"/{self.bucket}/{key}", "uploads")
        found = re.search(rb"<UploadId>([^<]+)</UploadId>", begun.body)
        if found is None:
            return "absent", '"absent"'
        upload = found.group(1).decode()
        part = self.send("PUT", f"/{self.bucket}/{key}", f"partNumber=1&uploadId={upload}", b"part")
        return upload, part.headers.get("etag", '"absent"')

    def ask(self, row: Row, key: str) -> Answer:
        """Send what a row names."""
        upload, etag = self.upload(key) if "uploadId" in row.query else ("", "")
        values = VALUES | {"uploadId": upload}
        words = [word.partition("=")[0] for word in row.query.split("&") if word]
        pairs = [f"{word}={values[word]}" if word in values else word for word in words]
        query = "&".join([*pairs, *([EXTRA_QUERY[row.operation]] if row.operation in EXTRA_QUERY else [])])
        headers = {name: HEADERS.get(name, f"/{self.bucket}/{key}{SOURCE}") for name in row.headers}
        if row.operation == "GetObjectAttributes":
            headers["x-amz-object-attributes"] = "ETag,ObjectParts"
        complete = f"<Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>"
        bodies = BODIES | {"CompleteMultipartUpload": f"<CompleteMultipartUpload>{complete}</CompleteMultipartUpload>"}
        empty = row.method not in ("PUT", "POST") or row.headers or row.query == "uploads"
        body = b"" if empty else bodies.get(row.operation, "<Nothing/>").encode()
        path = row.path.replace("bucket", self.bucket, 1).replace("/key", f"/{key}")
        return self.send(row.method, path, query, body, **headers)


@dataclass(frozen=True)
class Situation:
    """A bucket of the clients, and how its backend is."""

    name: str
    place: Place
    # What does not exist, is not let in, or does not listen answers no success.
    works: bool = True


def situations(server: Backend) -> list[Situation]:
    """Return a server's buckets: below a prefix, without one, missing at the server, with wrong keys, not there."""

    def place(kind: str, prefix: str = "") -> Place:
        return Place(f"{server.name}-{kind}", server, marked(f"{server.name}-{kind}"), prefix)

    return [
        Situation("prefixed", place("prefixed", f"{marked('below')}/")),
        Situation("bare", place("bare")),
        Situation("absent", place("absent"), works=False),
        Situation("strange", place("strange"), works=False),
        Situation("down", place("down"), works=False),
    ]


def documents_of(server: Backend) -> list[dict[str, object]]:
    """Return the routes of all situations with their credentials."""
    (nobody,) = free_ports(1)
    wrong = f"{server.name}-wrong"
    found = [*credential_documents(server.name, server.keys), *credential_documents(wrong, Keys.marked("BX"))]
    for situation in situations(server):
        port = nobody if situation.name == "down" else server.port
        entry = backend_entry(situation.place, endpoint=f"http://{BACKEND_HOST}:{port}")
        if situation.name == "strange":
            entry["credentialRef"] = {"name": wrong}
        found.append(route_document(situation.place.bucket, entry, [grant("tester", (*ALL_PERMISSIONS, "Admin"))]))
    return found


@pytest.fixture(scope="module")
def observed(
    servers: dict[str, Backend],
    certificates: Certificates,
    client_keys: Keys,
    gateways: list[Osp],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Osp]:
    """OSP with a recorder before it and every situation behind it."""
    osp = Osp(tmp_path_factory.mktemp("observed"), certificates, host_names=[BACKEND_HOST])
    gateways.append(osp)
    osp.write("clients.yaml", client_documents("tester", client_keys))
    for server in servers.values():
        for situation in situations(server):
            if situation.name != "absent":
                create_bucket(server, situation.place.backend_bucket)
        osp.write(f"{server.name}.yaml", documents_of(server))
    osp.start()
    osp.record(needles_of(servers, [client_keys]))
    yield osp
    osp.stop()


@pytest.mark.gateway
def test_every_operation(
    observed: Osp, backend: str, server: Backend, client_keys: Keys, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each row, on an object and without one, in each situation, and with a wrong signature: the canary is nowhere."""
    recorder = observed.recorder
    assert recorder is not None
    page = rows()
    assert len({row.operation for row in page}) == len(page) >= FEWEST_OPERATIONS
    endpoint = observed.endpoint("http", client_keys)
    answers: Counter[tuple[str, int]] = Counter()
    succeeded, broken_off = set(), []
    for situation in situations(server):
        place = situation.place
        caller = Caller(endpoint, place.bucket)
        if situation.works:
            at_backend(server).put_object(Bucket=place.backend_bucket, Key=place.prefix + KEY + SOURCE, Body=b"body")
        for row in page:
            for key in (KEY, "absent") if row.is_about_an_object else (KEY,):
                if situation.works and key == KEY:
                    at_backend(server).put_object(Bucket=place.backend_bucket, Key=place.prefix + KEY, Body=b"body")
                try:
                    answer = caller.ask(row, key)
                except http.client.IncompleteRead:  # a document of the backend that OSP cannot vouch for
                    broken_off.append(f"{row.operation} {situation.name} {key}")
                    continue
                answers[situation.name, answer.status // 100] += 1
                if situation.works and key == KEY and answer.status < 300:
                    succeeded.add((situation.name, row.operation))
                assert recorder.hits() == [], (situation.name, row, key)
    forger = Caller(endpoint.signed_by(Keys(client_keys.access_key, "0" * 40)), situations(server)[0].place.bucket)
    for row in page:
        if row.operation != "Preflight":
            assert forger.ask(row, KEY).status >= 400, row
    assert recorder.hits() == []
    for works in ("prefixed", "bare"):
        assert {(works, operation) for operation in SUCCEED} <= succeeded, works
    with capfd.disabled():
        told = ", ".join(f"{name} {first}xx: {count}" for (name, first), count in sorted(answers.items()))
        print(f"\n{backend}: {len(page)} operations, {sum(answers.values())} answers ({told})")
        print(f"broken off: {broken_off}")


@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("word", [WORD, WORD.upper()], ids=["lower", "upper"])
def test_the_search_reads_through_pieces_chunks_and_base64(word: str, before: int) -> None:
    """A word is found wherever a stream is cut, between two chunks, and inside of a token; a part of it is not."""
    hidden = b"." * before + f"<Name>store-{word}-x</Name>".encode()
    for cut in range(len(hidden) + 1):
        search = Search([WORD])
        assert [*search.feed(b"\n" * OVERLAP_BYTES + hidden[:cut]), *search.feed(hidden[cut:])], cut
        assert [*Search([WORD]).feed(hidden[:cut] + b"\r\n1F4\r\n" + hidden[cut:])], cut
    token = base64.urlsafe_b64encode(f"{'.' * before}{word}...".encode())
    assert [*Search([WORD]).feed(b"<NextContinuationToken>" + token)]
    assert not [*Search([WORD]).feed(hidden.replace(word.encode(), word[:-1].encode()))]
    assert min(map(len, forms(WORD))) > 8, "a short form would be found by chance"


def test_the_page_is_read() -> None:
    """The rows of the page are requests: method, path, parameters, headers."""
    by_name = {row.operation: row for row in rows()}
    assert by_name["UploadPartCopy"] == Row(
        "UploadPartCopy", "PUT", "/bucket/key", "uploadId&partNumber", ("x-amz-copy-source",)
    )
    assert by_name["ListObjects"] == replace(by_name["HeadBucket"], operation="ListObjects", method="GET")
