"""A tree seen through a renamed route with a key prefix is the tree at the backend, in every list, element by element.

The acceptance line of issue 5: synchronised, listed, copied, versioned and deleted through OSP, and after each step
lists are asked for twice, through OSP and at the server itself; names are translated, tokens and owners masked.
"""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote

import pytest

from backends import Backend, Keys
from canary import BACKEND_HOST, marked
from certificates import Certificates
from clients import Endpoint
from corpus import KEYS, NOT_IN_XML, body_of
from gateway import (
    ALL_PERMISSIONS,
    Osp,
    Place,
    backend_entry,
    client_documents,
    credential_documents,
    grant,
    route_document,
)
from raw_http import open_socket, read_answer, signed_head
from seeding import at_backend, create_bucket
from test_corporate import s3

pytestmark = [pytest.mark.gateway, pytest.mark.full]
OBJECTS = 2_500
UPLOADS = 25
THREADS = 8
DELIMITERS = ("", "/")
ENCODINGS = ("", "url")
# Names: these have the backend's prefix before them. Masked: made anew by each side, or OSP's own.
NAMES = frozenset({"Key", "Prefix", "Marker", "NextMarker", "StartAfter", "KeyMarker", "NextKeyMarker"})
MASKED = frozenset({
    "ContinuationToken", "NextContinuationToken", "RequestId", "HostId", "ID", "DisplayName", "NextUploadIdMarker",
    "UploadIdMarker", "UploadId",
})  # fmt: skip
# Flavour -> (its parameter, where the next page begins: (element of the answer, parameter of the request)...).
FLAVOURS = {
    "v1": ("", (("NextMarker", "marker"),)),
    "v2": ("list-type=2", (("NextContinuationToken", "continuation-token"),)),
    "versions": ("versions=", (("NextKeyMarker", "key-marker"), ("NextVersionIdMarker", "version-id-marker"))),
    "uploads": ("uploads=", (("NextKeyMarker", "key-marker"), ("NextUploadIdMarker", "upload-id-marker"))),
}
Page = list[tuple[str, str]]


@dataclass(frozen=True)
class Side:
    """One way to the tree: OSP, or the server itself."""

    endpoint: Endpoint
    bucket: str
    prefix: str = ""

    def pages(self, flavour: str, delimiter: str, encoding: str) -> Iterator[Page]:
        """Return every page of a list as (path of the element, text), names as clients of OSP have them."""
        parameter, markers = FLAVOURS[flavour]
        fixed = {"prefix": self.prefix, "delimiter": delimiter, "encoding-type": encoding}
        more: dict[str, str] = {}
        while True:
            pairs = {name: value for name, value in (fixed | more).items() if value}
            words = [f"{name}={quote(value, safe='')}" for name, value in pairs.items()]
            query = "&".join([*([parameter] if parameter else []), *words])
            root = self.ask(query)
            # OSP puts this one last: it holds the last name of the page.
            yield sorted(self.flat(root, "", encoding), key=lambda one: one[0].endswith("/NextContinuationToken"))
            if found(root, "IsTruncated") != "true":
                return
            more = {name: text for element, name in markers if (text := found(root, element))}
            if encoding:
                more |= {name: unquote(more[name]) for name in ("marker", "key-marker") if name in more}
            if flavour == "v1" and not more:  # without a delimiter the last key is the marker
                more = {"marker": decoded([e.text or "" for e in root.iter() if local(e) == "Key"][-1], encoding)}

    def ask(self, query: str) -> ET.Element:
        """Send one signed GET of the bucket."""
        head = signed_head(self.endpoint, "GET", f"/{self.bucket}?{query}")
        with open_socket(self.endpoint.url, None) as sock:
            sock.sendall(head)
            answer = read_answer(sock, "GET")
        assert answer.status == 200, answer
        return ET.fromstring(answer.body)

    def flat(self, element: ET.Element, path: str, encoding: str) -> Iterator[tuple[str, str]]:
        """Walk a document in its order."""
        name, text = local(element), (element.text or "").strip("\n" if len(element) else "")
        if name in MASKED:
            text = "masked"
        elif name in NAMES:
            text = decoded(text, encoding)
            text = text.removeprefix(self.prefix)
        elif name in ("Name", "Bucket"):
            assert text == self.bucket
            text = "bucket"
        yield f"{path}/{name}", text
        for child in element:
            yield from self.flat(child, f"{path}/{name}", encoding)


def local(element: ET.Element) -> str:
    """Return an element's name without its name space."""
    return element.tag.rpartition("}")[2]


def found(root: ET.Element, name: str) -> str | None:
    """Return the text of a child of the root."""
    return next((child.text for child in root if local(child) == name), None)


def decoded(text: str, encoding: str) -> str:
    """Undo `encoding-type=url`."""
    return unquote(text) if encoding else text


def tree(server: Backend) -> list[str]:
    """Return 2,500 keys: the corpus but for what the server cannot hold, and the same below numbered folders."""
    left_out = NOT_IN_XML | {limitation.key for limitation in server.limitations}
    nasty = [key for name, key in KEYS.items() if key and name not in left_out]
    below = (f"{number:03d}/{key}" for number in itertools.count() for key in nasty)
    return [*nasty, *itertools.islice(below, OBJECTS - len(nasty))]


@dataclass(frozen=True)
class Twins:
    """The same tree by both ways."""

    through: Side
    direct: Side
    client: Any
    bucket: str

    def compare(self, *flavours: str) -> int:
        """Compare the flavours in all of their forms; return how many elements were equal."""
        equal = 0
        for flavour, delimiter, encoding in itertools.product(flavours, DELIMITERS, ENCODINGS):
            pairs = itertools.zip_longest(
                self.through.pages(flavour, delimiter, encoding), self.direct.pages(flavour, delimiter, encoding)
            )
            for number, (ours, theirs) in enumerate(pairs):
                assert ours == theirs, (flavour, delimiter, encoding, number)
                equal += len(ours or [])
        return equal

    def put(self, key: str) -> None:
        """Put an object through OSP."""
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body_of(key, 20))

    def copy(self, key: str) -> None:
        """Copy an object through OSP to a key beside it."""
        source = {"Bucket": self.bucket, "Key": key}
        self.client.copy_object(Bucket=self.bucket, Key=f"{key}-copy", CopySource=source)


@pytest.fixture
def twins(
    server: Backend, certificates: Certificates, client_keys: Keys, gateways: list[Osp],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Twins]:
    """An empty bucket with a prefix at the server, and a route to it under another name."""
    place = Place("tree", server, marked(f"tree-{server.name}"), f"{marked('below')}/")
    create_bucket(server, place.backend_bucket)
    osp = Osp(tmp_path_factory.mktemp("same"), certificates, host_names=[BACKEND_HOST])
    gateways.append(osp)
    osp.write("clients.yaml", client_documents("tester", client_keys))
    entry = backend_entry(place, endpoint=server.named_endpoint)
    route = route_document(place.bucket, entry, [grant("tester", (*ALL_PERMISSIONS, "Admin"))])
    osp.write("route.yaml", [*credential_documents(server.name, server.keys), route])
    osp.start()
    endpoint = osp.endpoint("http", client_keys)
    direct = Side(Endpoint(server.endpoint, server.keys), place.backend_bucket, place.prefix)
    yield Twins(Side(endpoint, place.bucket), direct, s3(endpoint, max_pool_connections=THREADS), place.bucket)
    osp.stop()


def usable_backend(kind: type[Backend]) -> bool:
    """Versions, and 2,500 keys in a time that a test may take: the two servers of `quick`."""
    return kind.name in ("ceph", "seaweedfs")


@pytest.mark.timeout(900)
def test_every_list_is_the_backends(
    twins: Twins, backend: str, server: Backend, capfd: pytest.CaptureFixture[str]
) -> None:
    """After each step all lists are equal: pages, their bounds, order, common prefixes, versions, delete markers."""
    keys = tree(server)
    assert len(set(keys)) == OBJECTS
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(twins.put, keys))
        equal = twins.compare("v1", "v2")

        at_backend(server).put_bucket_versioning(
            Bucket=twins.direct.bucket, VersioningConfiguration={"Status": "Enabled"}
        )
        list(pool.map(twins.put, keys[::25]))
        list(pool.map(twins.copy, keys[1::25]))
        equal += twins.compare("v1", "v2", "versions")

        targets = [{"Bucket": twins.bucket, "Key": key} for key in keys[:UPLOADS]]
        uploads = [twins.client.create_multipart_upload(**target)["UploadId"] for target in targets]
        equal += twins.compare("uploads")
        for target, upload in zip(targets, uploads, strict=True):
            twins.client.abort_multipart_upload(**target, UploadId=upload)

    gone = keys[2::3]
    deleted = twins.client.delete_objects(Bucket=twins.bucket, Delete={"Objects": [{"Key": key} for key in gone]})
    assert (len(deleted["Deleted"]), "Errors" in deleted) == (len(gone), False)
    equal += twins.compare("v1", "v2", "versions", "uploads")
    elsewhere = replace(twins, direct=replace(twins.direct, prefix=f"{twins.direct.prefix}000/"))
    with pytest.raises(AssertionError):  # the twin: another tree is not equal
        elsewhere.compare("v2")
    assert equal > OBJECTS
    with capfd.disabled():
        print(f"\n{backend}: {len(keys)} keys, {equal} elements of lists equal, through OSP and at the server")
