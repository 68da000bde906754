"""Upload ids and continuation tokens while a route moves between two real backends (s3-protocol.md 11)."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from backends import Backend, Keys
from certificates import Certificates
from gateway import Osp, Place, backend_entry, client_documents, credential_documents, document, grant
from processes import wait_until
from raw_http import fetch
from seeding import SEED_THREADS, at_backend, create_bucket

pytestmark = pytest.mark.gateway
BUCKET = "wrapped"
PART = 5 * 1024 * 1024
KEYS = 2_500
PAGE = 90
PAGES_BEFORE = 7
NASTY = ("plain", "with space", "plus+plus", "per%cent", "k\u00e4se", "\u65e5\u672c", "a&b<c>", "~('x')")


def many_keys() -> list[str]:
    """Return 2,500 keys in the order of lists: folders of ten, then files; every kind of name ends some page."""
    names = [f"list/{number // 10:03d} {NASTY[number // 10 % len(NASTY)]}/{number % 10}" for number in range(KEYS // 2)]
    names += [f"list/{number:04d}-{NASTY[number % len(NASTY)]}" for number in range(len(names), KEYS)]
    return sorted(names, key=str.encode)


@dataclass
class Sides:
    """One bucket of OSP and the two places that it may be at."""

    osp: Osp
    client: Any
    places: tuple[Place, Place]
    current: dict[str, Any] = field(default_factory=dict)

    def route(self, *listed: Place, writes: Place) -> None:
        """Put a route in force: its backends, and the one that writes and lists go to."""
        spec = {
            "match": {"bucket": BUCKET},
            "backends": [backend_entry(place) for place in listed],
            "traffic": {"writes": writes.backend.name},
            "access": [grant("tester")],
        }
        if spec == self.current:
            return
        self.current = spec
        before = self.reloads()
        self.osp.write("route.yaml", [document("BucketRoute", BUCKET, spec=spec)])
        if self.osp.child is not None:
            wait_until("the route to be in force", lambda: self.reloads() > before, 20)

    def reloads(self) -> float:
        """How many changes of the documents have been applied."""
        if self.osp.child is None:
            return 0
        page = fetch(f"http://{self.osp.addresses['admin']}/metrics", None).body.decode()
        found = re.search(r'^osp_config_reloads_total\{outcome="applied"\} (\S+)$', page, re.MULTILINE)
        return float(found.group(1)) if found else 0

    def pages(self, **parameters: Any) -> Any:  # noqa: ANN401
        """Page through a listing."""
        paginator = self.client.get_paginator("list_objects_v2")
        return paginator.paginate(Bucket=BUCKET, PaginationConfig={"PageSize": PAGE}, **parameters)


@pytest.fixture(scope="module")
def sides(
    servers: dict[str, Backend],
    certificates: Certificates,
    client_keys: Keys,
    gateways: list[Osp],
    tmp_path_factory: pytest.TempPathFactory,
) -> Sides:
    """An OSP of its own with the first two backends, both with the same 2,500 keys below other prefixes."""
    first, second = list(servers.values())[:2]
    places = Place(BUCKET, first, "e2e-wrapped-a", "here/"), Place(BUCKET, second, "e2e-wrapped-b", "moved/here/")
    osp = Osp(tmp_path_factory.mktemp("osp"), certificates)
    gateways.append(osp)
    osp.write("clients.yaml", client_documents("tester", client_keys))
    for place in places:
        backend, bucket = place.backend, place.backend_bucket
        create_bucket(backend, bucket)
        with ThreadPoolExecutor(SEED_THREADS) as pool:
            put = at_backend(backend).put_object
            list(pool.map(lambda key: put(Bucket=bucket, Key=place.prefix + key, Body=b"x"), many_keys()))  # noqa: B023
        osp.write(f"credential-{backend.name}.yaml", credential_documents(backend.name, backend.keys))
    made = Sides(osp, None, places)
    made.route(places[0], writes=places[0])
    osp.start()
    keys = client_keys
    made.client = boto3.session.Session().client(
        "s3", endpoint_url=osp.endpoint("http", keys).url, region_name="us-east-1",
        aws_access_key_id=keys.access_key, aws_secret_access_key=keys.secret_key,
    )  # fmt: skip
    return made


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    """Return status and code of an S3 error."""
    response = error.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("moves", [False, True])
def test_list_goes_on(sides: Sides, start: int, moves: bool) -> None:
    """2,500 keys in small pages, with and without a move in the middle, in both directions: each once, in order."""
    origin, target = sides.places[start], sides.places[1 - start]
    sides.route(origin, writes=origin)
    found: list[str] = []
    tokens: set[str] = set()
    for number, page in enumerate(sides.pages(Prefix="list/")):
        found += [item["Key"] for item in page["Contents"]]
        tokens.add(page.get("NextContinuationToken", ""))
        if moves and number == PAGES_BEFORE:
            sides.route(target, writes=target)
    assert found == many_keys()
    assert len(tokens) == -(-KEYS // PAGE)


@pytest.mark.parametrize("start", [0, 1])
def test_folders_go_on(sides: Sides, start: int) -> None:
    """The same with a delimiter: a folder at the end of a page is not shown again at the new backend."""
    origin, target = sides.places[start], sides.places[1 - start]
    sides.route(origin, writes=origin)
    found: list[str] = []
    for number, page in enumerate(sides.pages(Prefix="list/", Delimiter="/")):
        found += [item["Prefix"] for item in page.get("CommonPrefixes", [])]
        found += [item["Key"] for item in page.get("Contents", [])]
        if number == 0:
            assert len(found) == PAGE
            assert found[-1].endswith("/"), "the page has to end within the folders"
            sides.route(target, writes=target)
    folded = {re.sub(r"^(list/[^/]*/).*", r"\1", key) for key in many_keys()}
    assert sorted(found, key=str.encode) == sorted(folded, key=str.encode)


def test_token_of_another_prefix(sides: Sides) -> None:
    """A token is for the listing that it came from; nonsense is no token."""
    sides.route(sides.places[0], writes=sides.places[0])
    token = sides.client.list_objects_v2(Bucket=BUCKET, Prefix="list/", MaxKeys=2)["NextContinuationToken"]
    for prefix, wrong in (("", token), ("list/", token[:-2]), ("list/", "here/list/"), ("list/", "A" * 40)):
        with pytest.raises(ClientError) as error:
            sides.client.list_objects_v2(Bucket=BUCKET, Prefix=prefix, ContinuationToken=wrong)
        assert refusal(error) == (400, "InvalidArgument")
    rest = sides.client.list_objects_v2(Bucket=BUCKET, Prefix="list/", MaxKeys=2, ContinuationToken=token)
    assert [item["Key"] for item in rest["Contents"]] == many_keys()[2:4]


@pytest.mark.parametrize("start", [0, 1])
def test_upload_goes_on(sides: Sides, start: int) -> None:
    """An upload stays at its backend while that is listed, and is gone when it is not."""
    origin, target = sides.places[start], sides.places[1 - start]
    sides.route(origin, writes=origin)
    bodies = [bytes([number]) * size for number, size in ((1, PART), (2, PART), (3, 100))]
    kept, left = ({"Bucket": BUCKET, "Key": f"{name} \u00e9-{start}"} for name in ("kept", "left"))
    for upload in (kept, left):
        upload["UploadId"] = sides.client.create_multipart_upload(**upload)["UploadId"]
    tags = [sides.client.upload_part(**kept, PartNumber=1, Body=bodies[0])["ETag"]]
    sides.client.upload_part(**left, PartNumber=1, Body=bodies[0])

    sides.route(origin, target, writes=target)
    tags += [
        sides.client.upload_part(**kept, PartNumber=number, Body=bodies[number - 1])["ETag"] for number in (2, 3)
    ]
    parts = sides.client.list_parts(**kept)
    assert [(part["PartNumber"], part["ETag"]) for part in parts["Parts"]] == list(enumerate(tags, 1))
    assert (parts["UploadId"], parts["Key"]) == (kept["UploadId"], kept["Key"])
    done = {"Parts": [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]}
    sides.client.complete_multipart_upload(**kept, MultipartUpload=done)
    stored = at_backend(origin.backend).get_object(Bucket=origin.backend_bucket, Key=origin.prefix + kept["Key"])
    assert stored["Body"].read() == b"".join(bodies)
    elsewhere = at_backend(target.backend).list_objects_v2(
        Bucket=target.backend_bucket, Prefix=target.prefix + kept["Key"]
    )
    assert "Contents" not in elsewhere, "nothing of it went where writes go now"

    sides.route(target, writes=target)
    for call in (
        lambda: sides.client.upload_part(**left, PartNumber=2, Body=b"x"),
        lambda: sides.client.list_parts(**left),
        lambda: sides.client.abort_multipart_upload(**left),
    ):
        with pytest.raises(ClientError) as error:
            call()
        assert refusal(error) == (404, "NoSuchUpload")
    sides.route(origin, writes=origin)
    listed = sides.client.list_multipart_uploads(Bucket=BUCKET, Prefix="left").get("Uploads", [])
    assert [(item["Key"], item["UploadId"]) for item in listed] == [(left["Key"], left["UploadId"])]
    sides.client.abort_multipart_upload(**left)
