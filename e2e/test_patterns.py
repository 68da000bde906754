"""A route of a pattern: whoever makes, lists and deletes buckets works as with a store of its own, beside others."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.config
import pytest
from botocore.exceptions import ClientError

from backends import REGION, Backend, Keys
from certificates import Certificates
from gateway import Osp, client_documents, credential_documents, document, grant
from seeding import at_backend

pytestmark = pytest.mark.gateway
# 200 buckets in all, half of them of each client.
EACH = 100
PAGE = 17
OBJECTS = ("a", "b/c")
# Names that only OSP and the backend know.
TEMPLATE = "pat7-{bucket}"
EVERYTHING = ["Read", "List", "Write", "Delete", "ManageBuckets", "Admin"]


@dataclass
class Tenant:
    """A client that `access[].buckets` gives the names that begin with its own."""

    name: str
    s3: Any

    def bucket(self, number: int) -> str:
        """Return the name of one of its buckets."""
        return f"suite-{self.name}-{number:03}"

    def buckets(self) -> list[str]:
        """Return the names of all of them, sorted."""
        return [self.bucket(number) for number in range(EACH)]

    def listed(self, **parameters: Any) -> list[str]:  # noqa: ANN401
        """Return what it is shown, page by page."""
        names: list[str] = []
        while True:
            answer = self.s3.list_buckets(MaxBuckets=PAGE, **parameters)
            assert len(answer["Buckets"]) <= PAGE
            names += [bucket["Name"] for bucket in answer["Buckets"]]
            if "ContinuationToken" not in answer:
                return names
            assert len(answer["Buckets"]) == PAGE
            parameters["ContinuationToken"] = answer["ContinuationToken"]


def refused(call: Any) -> str:  # noqa: ANN401
    """Return the code of a refusal."""
    with pytest.raises(ClientError) as raised:
        call()
    return raised.value.response["Error"]["Code"]


@pytest.fixture
def tenants(
    server: Backend, certificates: Certificates, gateways: list[Osp], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Tenant, Tenant]]:
    """Two clients of one route of a pattern at the backend; what they leave behind is taken away."""
    osp = Osp(tmp_path_factory.mktemp("patterns"), certificates)
    gateways.append(osp)
    keys = {name: Keys.random("CP") for name in ("red", "blue")}
    access = [grant(name, EVERYTHING) | {"buckets": [f"suite-{name}-*"]} for name in keys]
    backend = {
        "name": server.name, "endpoint": server.endpoint, "region": "us-east-1", "addressingStyle": "Path",
        "bucket": TEMPLATE, "credentialRef": {"name": server.name}, "trailingChecksums": server.trailing_checksums,
    }  # fmt: skip
    spec = {"match": {"bucket": "suite-*"}, "backends": [backend], "access": access}
    route = document("BucketRoute", "suite", spec=spec)
    clients = [each for name in keys for each in client_documents(name, keys[name])]
    osp.write("suite.yaml", [*credential_documents(server.name, server.keys), *clients, route])
    osp.start()

    def tenant(name: str) -> Tenant:
        config = botocore.config.Config(
            retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, max_pool_connections=8
        )
        s3 = boto3.session.Session().client(
            "s3", endpoint_url=osp.endpoint("http", keys[name]).url, region_name=REGION, config=config,
            aws_access_key_id=keys[name].access_key, aws_secret_access_key=keys[name].secret_key,
        )  # fmt: skip
        return Tenant(name, s3)

    yield tenant("red"), tenant("blue")
    osp.stop()
    direct = at_backend(server)
    left = [bucket["Name"] for bucket in direct.list_buckets()["Buckets"] if bucket["Name"].startswith("pat7-")]
    for bucket in left:
        for found in direct.list_objects_v2(Bucket=bucket).get("Contents", []):
            direct.delete_object(Bucket=bucket, Key=found["Key"])
        direct.delete_bucket(Bucket=bucket)


def for_all(tenants: tuple[Tenant, Tenant], work: Any) -> None:  # noqa: ANN401
    """Do something for each bucket of both, eight at a time."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda pair: work(*pair), [(one, bucket) for one in tenants for bucket in one.buckets()]))


def test_200_buckets_of_two_clients_that_do_not_see_each_other(
    tenants: tuple[Tenant, Tenant], server: Backend
) -> None:
    """Issue 5: made, listed with paging, filled, emptied and deleted, through one route."""
    red, blue = tenants

    def make(one: Tenant, bucket: str) -> None:
        assert one.s3.create_bucket(Bucket=bucket)["Location"] == f"/{bucket}"

    for_all(tenants, make)
    at_store = {bucket["Name"] for bucket in at_backend(server).list_buckets()["Buckets"]}
    assert {TEMPLATE.replace("{bucket}", name) for one in tenants for name in one.buckets()} <= at_store
    for one in tenants:
        assert one.listed() == one.buckets(), "its own, all of them, sorted, and no other one of the store"
        assert one.listed(Prefix=f"suite-{one.name}-00") == one.buckets()[:10]
        assert one.s3.head_bucket(Bucket=one.bucket(0))["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert red.listed(Prefix="suite-blue") == []

    for mine, others in ((red, blue.bucket(7)), (blue, red.bucket(7))):
        assert refused(lambda: mine.s3.list_objects_v2(Bucket=others)) == "AccessDenied"
        assert refused(lambda: mine.s3.put_object(Bucket=others, Key="x", Body=b"x")) == "AccessDenied"
        assert refused(lambda: mine.s3.get_object(Bucket=others, Key=OBJECTS[0])) == "AccessDenied"
        assert refused(lambda: mine.s3.delete_bucket(Bucket=others)) == "AccessDenied"
        assert refused(lambda: mine.s3.create_bucket(Bucket=others + "x")) == "AccessDenied"
        assert refused(lambda: mine.s3.get_bucket_acl(Bucket=others)) == "AccessDenied"

    def fill(one: Tenant, bucket: str) -> None:
        for key in OBJECTS:
            one.s3.put_object(Bucket=bucket, Key=key, Body=bucket.encode())
        assert one.s3.get_object(Bucket=bucket, Key=OBJECTS[1])["Body"].read() == bucket.encode()

    def empty(one: Tenant, bucket: str) -> None:
        assert refused(lambda: one.s3.delete_bucket(Bucket=bucket)) == "BucketNotEmpty"
        found = one.s3.list_objects_v2(Bucket=bucket)
        assert found["Name"] == bucket
        keys = [{"Key": each["Key"]} for each in found["Contents"]]
        assert [key["Key"] for key in keys] == list(OBJECTS)
        assert "Errors" not in one.s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})
        assert "Contents" not in one.s3.list_objects_v2(Bucket=bucket)

    def delete(one: Tenant, bucket: str) -> None:
        one.s3.delete_bucket(Bucket=bucket)
        assert refused(lambda: one.s3.list_objects_v2(Bucket=bucket)) == "NoSuchBucket"

    for work in (fill, empty):
        for_all(tenants, work)
    for_all((red, blue), delete)
    assert red.listed() == blue.listed() == []
