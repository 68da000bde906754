"""The documented contract of AWS S3 and IBM COS, held by strict servers (`contract/`), since there are no credentials.

Clients are real ones, and signatures are verified with botocore's code.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from backends import Keys
from certificates import Certificates
from clients import AwsCli, Boto, BotoProcess, cli_program
from contract import LOCKED, Aws, Bucket, ContractServer, IbmCos
from corpus import body_of
from gateway import ALL_PERMISSIONS, Osp, client_documents, credential_documents, grant, route_document
from raw_http import answer_of

pytestmark = pytest.mark.gateway
# The C runtime has every checksum algorithm.
CLIENTS = ("boto3-crt",)
MIB = 1024 * 1024
# Under the route's own region, in another one, by host name only, and at IBM.
AT_HOME, ELSEWHERE, HOSTED, AT_IBM = "aws-at-home", "aws-elsewhere", "aws-hosted", "ibm-cos"
PROVIDED = (AT_HOME, ELSEWHERE, HOSTED, AT_IBM)
every_bucket = pytest.mark.parametrize("bucket", PROVIDED)
# All that botocore computes; MD5 is in tests/payloads.rs.
ALGORITHMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512", "XXHASH64", "XXHASH3", "XXHASH128")


@pytest.fixture(scope="module")
def providers() -> Iterator[dict[str, ContractServer]]:
    """One server for each of the four buckets; `ELSEWHERE` is not where its route says."""
    made: dict[str, ContractServer] = {
        AT_HOME: Aws(), ELSEWHERE: Aws(), HOSTED: Aws(virtual_host_only=True), AT_IBM: IbmCos(),
    }  # fmt: skip
    for bucket, server in made.items():
        region = "eu-west-1" if bucket == ELSEWHERE else "us-east-1"
        server.buckets[at_provider(bucket)] = Bucket(region, locked={"locked-version"})
    yield made
    for server in made.values():
        server.stop()


def at_provider(bucket: str) -> str:
    """Return the provider's name of a bucket."""
    return f"real-{bucket}"


def entry(bucket: str, server: ContractServer) -> dict[str, object]:
    """Return the `backends` entry of a route."""
    hosted = bucket == HOSTED
    return {
        "name": "provider",
        "endpoint": server.endpoint if isinstance(server, IbmCos) else server.endpoint("us-east-1"),
        "region": "us-east-1",
        "addressingStyle": "VirtualHost" if hosted else "Path",
        "bucket": at_provider(bucket),
        "credentialRef": {"name": bucket},
    }


def start(folder: Path, certificates: Certificates, providers: dict[str, ContractServer], keys: Keys) -> Osp:
    """Start OSP with a route to every provider. Names of providers are loopback for this process only."""
    names = [IbmCos.host, *Aws.host_names(at_provider(HOSTED))]
    osp = Osp(folder, certificates, host_names=names)
    access = [grant("tester", (*ALL_PERMISSIONS, "Admin"))]
    documents = client_documents("tester", keys)
    for bucket, server in providers.items():
        documents += credential_documents(bucket, server.keys)
        documents.append(route_document(bucket, entry(bucket, server), access))
    osp.write("contract.yaml", documents)
    osp.start()
    return osp


@pytest.fixture(scope="module")
def contract_osp(
    providers: dict[str, ContractServer],
    certificates: Certificates,
    client_keys: Keys,
    gateways: list[Osp],
    tmp_path_factory: pytest.TempPathFactory,
) -> Osp:
    """OSP in front of the providers."""
    osp = start(tmp_path_factory.mktemp("contract"), certificates, providers, client_keys)
    gateways.append(osp)
    return osp


@pytest.fixture
def client_of(
    contract_osp: Osp, boto_processes: dict[str, BotoProcess], client: str, scheme: str, client_keys: Keys
) -> Boto:
    """boto3 on OSP."""
    return boto_processes[client].client(contract_osp.endpoint(scheme, client_keys))


@pytest.fixture(autouse=True)
def accepted(providers: dict[str, ContractServer], request: pytest.FixtureRequest) -> Iterator[None]:
    """Nothing that OSP sent was refused, but for what a test expects and for the discovery of a region."""
    for server in providers.values():
        server.seen.clear()
    yield
    expected = {marker.args[0] for marker in request.node.iter_markers("refused")}
    told = {f"{one.refused} {one.method} {one.target}" for server in providers.values() for one in server.seen
            if one.refused and one.refused not in expected | {"PermanentRedirect", "NoSuchKey"}}  # fmt: skip
    assert told == set()


@pytest.mark.refused("SignatureDoesNotMatch")
@pytest.mark.refused("AuthorizationHeaderMalformed")
@pytest.mark.refused("InvalidAccessKeyId")
@pytest.mark.refused("InvalidHostHeader")
@pytest.mark.refused("XAmzContentSHA256Mismatch")
@pytest.mark.refused("AccessDenied")
def test_the_servers_are_strict(providers: dict[str, ContractServer]) -> None:
    """The oracle itself: one thing wrong at a time, and one request with nothing wrong."""
    server = providers[AT_HOME]
    host = f"s3.us-east-1.amazonaws.com:{server.port}"
    body = b"<Delete/>"

    def code(keys: Keys = server.keys, region: str = "us-east-1", at: str = host, changes: dict[str, str] | None = None,
             sent: bytes = body) -> str | None:  # fmt: skip
        target = f"/{at_provider(AT_HOME)}?delete="
        headers = {
            "host": at,
            "content-md5": base64.b64encode(hashlib.md5(body).digest()).decode(),
            "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
        }
        request = AWSRequest(method="POST", url=f"http://{at}{target}", headers=headers, data=body)
        S3SigV4Auth(Credentials(keys.access_key, keys.secret_key), "s3", region).add_auth(request)
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("POST", target, sent, dict(request.headers) | (changes or {}))
        return answer_of(connection.getresponse()).code

    assert code() is None
    assert code(keys=Keys(server.keys.access_key, "0" * 40)) == "SignatureDoesNotMatch"
    assert code(keys=Keys("X" * 20, server.keys.secret_key)) == "InvalidAccessKeyId"
    assert code(region="eu-west-1") == "AuthorizationHeaderMalformed"
    assert code(at=f"s3.evil.test:{server.port}") == "InvalidHostHeader"
    assert code(sent=b"<Delete />") == "XAmzContentSHA256Mismatch"
    assert code(changes={"x-amz-acl": "public-read"}) == "AccessDenied"


@every_bucket
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_checksum(
    client_of: Boto, providers: dict[str, ContractServer], bucket: str, scheme: str, algorithm: str
) -> None:
    """CH-7: the client's checksum arrives, proved, as a header or as a trailer, and comes back."""
    body = body_of(algorithm, 70_000)
    key = f"sum/{scheme}/{algorithm}"
    client_of.call("put_object", Bucket=bucket, Key=key, Body=body, ChecksumAlgorithm=algorithm)
    stored, headers = providers[bucket].buckets[at_provider(bucket)].objects[key]
    assert stored == body
    assert f"x-amz-checksum-{algorithm.lower()}" in headers
    got = client_of.call("get_object", Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    assert got["Body"] == body
    assert got[f"Checksum{algorithm}"] == headers[f"x-amz-checksum-{algorithm.lower()}"]


@every_bucket
@pytest.mark.parametrize("algorithm", ["CRC32", "CRC64NVME", "SHA256"])
def test_multipart_upload_keeps_its_checksum_type(client_of: Boto, providers: dict[str, ContractServer], bucket: str,
                                                  algorithm: str) -> None:  # fmt: skip
    """Trap 5: every part arrives with the checksum that the upload was begun with, and the end names them."""
    parts = [body_of(f"{algorithm}-{number}", 5 * MIB if number == 1 else 1000) for number in (1, 2)]
    kind = {"CRC64NVME": "FULL_OBJECT"}.get(algorithm, "COMPOSITE")
    names = {"Bucket": bucket, "Key": f"parts/{algorithm}"}
    begun = client_of.call("create_multipart_upload", **names, ChecksumAlgorithm=algorithm, ChecksumType=kind)
    told = []
    for number, body in enumerate(parts, 1):
        upload = {"UploadId": begun["UploadId"], "PartNumber": number}
        sent = client_of.call("upload_part", **names, **upload, Body=body, ChecksumAlgorithm=algorithm)
        told.append({"PartNumber": number, "ETag": sent["ETag"], f"Checksum{algorithm}": sent[f"Checksum{algorithm}"]})
    ending = {"UploadId": begun["UploadId"], "MultipartUpload": {"Parts": told}, "ChecksumType": kind}
    client_of.call("complete_multipart_upload", **names, **ending)
    assert providers[bucket].buckets[at_provider(bucket)].objects[names["Key"]][0] == b"".join(parts)


@pytest.mark.refused("InvalidRequest")
def test_a_part_without_the_checksum_of_its_upload_is_the_clients_fault(client_of: Boto) -> None:
    """The negative twin: the contract's refusal reaches the client with its code."""
    names = {"Bucket": AT_HOME, "Key": "parts/wrong"}
    begun = client_of.call("create_multipart_upload", **names, ChecksumAlgorithm="SHA256")
    with pytest.raises(ClientError) as refused:
        client_of.call(
            "upload_part", **names, UploadId=begun["UploadId"], PartNumber=1, Body=b"x", ChecksumAlgorithm="CRC32"
        )
    assert refused.value.response["Error"]["Code"] == "InvalidRequest"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@every_bucket
def test_documents_come_with_the_digest_that_is_demanded(client_of: Boto, providers: dict[str, ContractServer],
                                                         bucket: str) -> None:  # fmt: skip
    """RS-7: DeleteObjects and the configuration of a bucket, from clients that send CRC32 and no Content-MD5."""
    keys = [f"gone/{number}" for number in range(3)]
    for key in keys:
        client_of.call("put_object", Bucket=bucket, Key=key, Body=b"x")
    told = client_of.call("delete_objects", Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys]})
    assert sorted(one["Key"] for one in told["Deleted"]) == keys
    assert not set(keys) & set(providers[bucket].buckets[at_provider(bucket)].objects)
    rules = [{"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]
    client_of.call("put_bucket_lifecycle_configuration", Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    client_of.call("put_bucket_tagging", Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})


@every_bucket
@pytest.mark.refused("AccessDenied")
def test_a_locked_version_is_told_in_the_words_of_aws(client_of: Boto, bucket: str) -> None:
    """ER-4: the one AccessDenied that is not about OSP's own keys."""
    with pytest.raises(ClientError) as refused:
        client_of.call("delete_object", Bucket=bucket, Key="k", VersionId="locked-version")
    error = refused.value.response["Error"]
    assert (error["Code"], error["Message"]) == ("AccessDenied", LOCKED)
    told = client_of.call(
        "delete_objects", Bucket=bucket, Delete={"Objects": [{"Key": "k", "VersionId": "locked-version"}]}
    )
    assert [(one["Code"], one["Message"]) for one in told["Errors"]] == [("AccessDenied", LOCKED)]


@pytest.mark.parametrize("first", ["put_object", "get_object", "head_object", "list_objects_v2", "delete_objects"])
def test_the_region_is_found_by_the_first_request_whatever_it_is(
    boto_processes: dict[str, BotoProcess],
    client: str,
    scheme: str,
    certificates: Certificates,
    client_keys: Keys,
    gateways: list[Osp],
    tmp_path_factory: pytest.TempPathFactory,
    first: str,
) -> None:
    """RN-6: the redirect is followed inside, once, to the documented host of the region, and no client sees it."""
    server = Aws()
    try:
        bucket = server.buckets[at_provider(ELSEWHERE)] = Bucket("eu-west-1", objects={"k": (b"there", {})})
        osp = start(tmp_path_factory.mktemp("elsewhere"), certificates, {ELSEWHERE: server}, client_keys)
        gateways.append(osp)
        boto = boto_processes[client].client(osp.endpoint(scheme, client_keys))
        parameters = {
            "put_object": {"Key": "new", "Body": b"small"},
            "list_objects_v2": {},
            "delete_objects": {"Delete": {"Objects": [{"Key": "k"}]}},
        }.get(first, {"Key": "k"})
        answer = boto.call(first, Bucket=ELSEWHERE, **parameters)
        assert answer["ResponseMetadata"]["RetryAttempts"] == 0
        assert [one.refused for one in server.seen] == ["PermanentRedirect", ""]
        # what could not have been sent again is right at once
        boto.call("put_object", Bucket=ELSEWHERE, Key="large", Body=body_of("large", MIB))
        assert [one.refused for one in server.seen[2:]] == [""]
        assert bucket.objects["large"][0] == body_of("large", MIB)
        assert {one.headers["host"] for one in server.seen[1:]} == {f"s3.eu-west-1.amazonaws.com:{server.port}"}
        osp.stop()
    finally:
        server.stop()


def test_an_instance_id_of_the_client_stays_outside(
    contract_osp: Osp, providers: dict[str, ContractServer], client_keys: Keys, scheme: str, tmp_path: Path, client: str
) -> None:
    """`ibm-service-instance-id` is OSP's business with IBM, never the client's; aws-cli works as ever."""
    aws = AwsCli(cli_program("aws-cli-1"), contract_osp.endpoint(scheme, client_keys), tmp_path)
    source = tmp_path / "source"
    source.write_bytes(body_of("cli", 9 * MIB))
    for bucket in (AT_IBM, ELSEWHERE):
        aws.run("s3", "cp", source, f"s3://{bucket}/cli")
        aws.run("s3", "cp", f"s3://{bucket}/cli", tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == source.read_bytes()
        aws.run("s3", "rm", f"s3://{bucket}/cli")
    sent = providers[AT_IBM].seen
    assert sent
    assert not any("ibm-service-instance-id" in one.headers for one in sent)
