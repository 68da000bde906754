"""Copies between two real backends, which only the gateway can make: boto3 and aws-cli, both ways."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import pytest
from botocore.exceptions import ClientError

from backends import Backend, Keys
from certificates import Certificates
from clients import AwsCli, cli
from corpus import KEYS, body_of, key_named
from gateway import Osp, Place, backend_entry, client_documents, credential_documents, grant, route_document
from seeding import at_backend, create_bucket, read

pytestmark = pytest.mark.gateway
MIB = 1024 * 1024
# What boto3 copies in one request, above what the gateway sends in one.
LARGE = 65 * MIB
# What aws-cli copies part by part.
BIG = 100 * MIB
NAMES = ("plain", "space", "plus", "percent-literal", "cjk", "query")


@pytest.fixture(scope="module")
def sides(servers: dict[str, Backend]) -> tuple[Place, Place]:
    """A bucket at each of the first two backends, the second one below a prefix."""
    first, second = list(servers.values())[:2]
    places = Place("left", first, "e2e-copies-left"), Place("right", second, "e2e-copies-right", "far/away/")
    for place in places:
        create_bucket(place.backend, place.backend_bucket)
    return places


@pytest.fixture(scope="module")
def copier(
    sides: tuple[Place, Place],
    certificates: Certificates,
    client_keys: Keys,
    gateways: list[Osp],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Osp]:
    """A gateway with a route to each side that takes copies from the other, and one to the left that does not."""
    osp = Osp(tmp_path_factory.mktemp("osp"), certificates)
    gateways.append(osp)
    osp.write("clients.yaml", client_documents("tester", client_keys))
    for place in sides:
        server = place.backend
        osp.write(f"credential-{server.name}.yaml", credential_documents(server.name, server.keys))
        route = route_document(place.bucket, backend_entry(place), [grant("tester")])
        route["spec"]["traffic"] = {"copyBetweenBackends": "Stream"}
        osp.write(f"route-{place.bucket}.yaml", [route])
    closed = Place("closed", sides[0].backend, sides[0].backend_bucket, "closed/")
    osp.write("route-closed.yaml", [route_document("closed", backend_entry(closed), [grant("tester")])])
    osp.start()
    yield osp
    osp.stop()


@pytest.fixture(scope="module")
def boto(copier: Osp, client_keys: Keys) -> Any:  # noqa: ANN401
    """A client that repeats nothing: a failure is one."""
    endpoint = copier.endpoint("https", client_keys)
    return boto3.session.Session().client(
        "s3", endpoint_url=endpoint.url, region_name=endpoint.region, verify=str(endpoint.ca),
        aws_access_key_id=client_keys.access_key, aws_secret_access_key=client_keys.secret_key,
        config=botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=30),
    )  # fmt: skip


def both_ways(sides: tuple[Place, Place]) -> list[tuple[Place, Place]]:
    """Source and target, and the other way round."""
    return [sides, (sides[1], sides[0])]


def put(place: Place, key: str, body: bytes, **more: Any) -> None:  # noqa: ANN401
    """Store an object behind the gateway's back."""
    at_backend(place.backend).put_object(Bucket=place.backend_bucket, Key=f"{place.prefix}{key}", Body=body, **more)


def uploads(place: Place) -> list[Any]:
    """What uploads are left at the backend."""
    return at_backend(place.backend).list_multipart_uploads(Bucket=place.backend_bucket).get("Uploads", [])


def test_small_objects_with_their_metadata(boto: Any, sides: tuple[Place, Place]) -> None:  # noqa: ANN401
    """Bytes and metadata arrive, whatever the key is called; REPLACE brings those of the request."""
    assert set(NAMES) <= set(KEYS)
    for source, target in both_ways(sides):
        for name in NAMES:
            key, body = f"small/{key_named(name)}", body_of(name)
            put(source, key, body, ContentType="text/x-test", CacheControl="no-store", Metadata={"made-by": name})
            result = boto.copy_object(
                Bucket=target.bucket, Key=key, CopySource={"Bucket": source.bucket, "Key": key}
            )["CopyObjectResult"]
            assert read(target.backend, target.backend_bucket, f"{target.prefix}{key}") == body
            head = boto.head_object(Bucket=target.bucket, Key=key)
            assert (head["ContentType"], head["CacheControl"]) == ("text/x-test", "no-store")
            assert head["Metadata"] == {"made-by": name}
            assert head["ETag"] == result["ETag"]
        boto.copy_object(
            Bucket=target.bucket, Key="replaced", CopySource=f"{source.bucket}/small/{key_named('plain')}",
            MetadataDirective="REPLACE", ContentType="image/png", Metadata={"b": "c"},
        )  # fmt: skip
        head = boto.head_object(Bucket=target.bucket, Key="replaced")
        assert (head["ContentType"], head["Metadata"]) == ("image/png", {"b": "c"})


def test_tags_go_along(boto: Any, sides: tuple[Place, Place]) -> None:  # noqa: ANN401
    """The source's tags, or those of the request."""
    for source, target in both_ways(sides):
        put(source, "tagged", b"x", Tagging="a=b&c%20d=e%2Bf")
        copy_source = {"Bucket": source.bucket, "Key": "tagged"}
        boto.copy_object(Bucket=target.bucket, Key="tagged", CopySource=copy_source)
        tags = boto.get_object_tagging(Bucket=target.bucket, Key="tagged")["TagSet"]
        assert sorted((tag["Key"], tag["Value"]) for tag in tags) == [("a", "b"), ("c d", "e+f")]
        boto.copy_object(
            Bucket=target.bucket, Key="tagged", CopySource=copy_source, TaggingDirective="REPLACE", Tagging="x=y"
        )
        tags = boto.get_object_tagging(Bucket=target.bucket, Key="tagged")["TagSet"]
        assert tags == [{"Key": "x", "Value": "y"}]


def test_one_request_for_more_than_one_part(boto: Any, sides: tuple[Place, Place]) -> None:  # noqa: ANN401
    """CopyObject of 65 MiB: an upload of the gateway's own, of which nothing is left but the object."""
    body = body_of("large copy", LARGE)
    for source, target in both_ways(sides):
        put(source, "large", body)
        boto.copy_object(Bucket=target.bucket, Key="large", CopySource={"Bucket": source.bucket, "Key": "large"})
        assert read(target.backend, target.backend_bucket, f"{target.prefix}large") == body
        assert uploads(target) == []


def test_conditions_refusals_and_missing_sources(boto: Any, sides: tuple[Place, Place]) -> None:  # noqa: ANN401
    """412, 404 and 501 as documented, and nothing written."""
    source, target = sides
    put(source, "guarded", b"x")
    copy_source = {"Bucket": source.bucket, "Key": "guarded"}
    for parameters, code in (
        ({"CopySourceIfMatch": '"other"'}, "PreconditionFailed"),
        ({"CopySourceIfNoneMatch": "*"}, "PreconditionFailed"),
        ({"CopySource": {"Bucket": source.bucket, "Key": "absent"}}, "NoSuchKey"),
        ({"Bucket": "closed", "CopySource": {"Bucket": target.bucket, "Key": "replaced"}}, "NotImplemented"),
    ):
        with pytest.raises(ClientError) as failure:
            boto.copy_object(**({"Bucket": target.bucket, "Key": "guarded", "CopySource": copy_source} | parameters))
        assert failure.value.response["Error"]["Code"] == code
    listed = boto.list_objects_v2(Bucket=target.bucket, Prefix="guarded")
    assert listed["KeyCount"] == 0


@pytest.mark.parametrize("program", ["aws-cli-1", "aws-cli-2"])
def test_aws_s3_cp(
    program: str, copier: Osp, client_keys: Keys, sides: tuple[Place, Place], tmp_path: Path
) -> None:
    """`aws s3 cp` of 100 MiB: CreateMultipartUpload, UploadPartCopy of ranges, CompleteMultipartUpload."""
    home = tmp_path / "home"
    home.mkdir()
    aws = AwsCli(cli.cli_program(program), copier.endpoint("http", client_keys), home)
    body = body_of("one hundred", BIG)
    source, target = sides
    put(source, "hundred", body)
    aws.run("s3", "cp", f"s3://{source.bucket}/hundred", f"s3://{target.bucket}/{program}", "--only-show-errors")
    assert read(target.backend, target.backend_bucket, f"{target.prefix}{program}") == body
    assert uploads(target) == []
