"""Credentials of backends that are fetched: tokens of IBM Cloud IAM (C24, C25), and keys that a hook gives (C26).

The token service and the stores are the strict ones of `contract/iam.py`; clients are boto3, and plain sockets with
presigned URLs where a thousand of them come at once.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.config
import pytest
from botocore.exceptions import ClientError

from backends import Keys
from certificates import Certificates
from contract import BearerCos, Bucket, HmacCos, TokenService
from gateway import Osp, client_documents, credential_documents, document, grant
from processes import wait_until

pytestmark = pytest.mark.gateway
EVERYTHING = ["Read", "List", "Write", "Delete", "ManageBuckets"]
# How long OSP may take to follow a change of its documents.
CHANGE_S = 10.0


class World:
    """A token service, a store that takes its tokens, a store that takes keys, and OSP in front of both."""

    def __init__(self, folder: Path, certificates: Certificates, keys: Keys, *, tls: bool = False) -> None:
        """Start the servers; OSP is started by `serve`."""
        self.service = TokenService(certificates=certificates if tls else None)
        self.cos, self.hmac = BearerCos(self.service), HmacCos()
        self.osp = Osp(folder, certificates)
        self.keys = keys
        self.api_key = self.service.new_api_key()
        self.cos.buckets["real-tokens"] = Bucket("eu-de")
        self.hmac.buckets["real-keys"] = Bucket("eu-de")

    def serve(self) -> None:
        """Write the documents and start OSP."""
        self.write_api_key(self.api_key)
        self.osp.write("clients.yaml", client_documents("tester", self.keys))
        iam = {
            "apiKeySecretRef": {"name": "ibm-api-key"}, "tokenEndpoint": self.service.url,
            "serviceInstanceId": BearerCos.instance,
        }  # fmt: skip
        self.osp.write("sources.yaml", [
            document("CredentialSource", "iam", spec={"ibmIAM": iam}), *credential_documents("hmac", self.hmac.keys),
        ])  # fmt: skip
        self.osp.write("routes.yaml", [
            self.route("tokens", {"bucket": "tokens"}, self.cos.endpoint, "iam", "real-tokens"),
            self.route("made", {"bucket": "made-*"}, self.cos.endpoint, "iam", "real-{bucket}"),
            self.route("keys", {"bucket": "keys"}, self.hmac.endpoint, "hmac", "real-keys"),
        ])  # fmt: skip
        self.osp.start()

    def write_api_key(self, api_key: str) -> None:
        """Put an API key into the Secret."""
        secret = document("Secret", "ibm-api-key", type="Opaque", stringData={"apikey": api_key})
        self.osp.write("api-key.yaml", [secret])

    @staticmethod
    def route(
        name: str, match: dict[str, str], endpoint: str, source: str, bucket: str,
        clients: tuple[str, ...] = ("tester",),
    ) -> dict[str, Any]:
        """Return a route."""
        backend = {
            "name": "store", "endpoint": endpoint, "region": "eu-de", "bucket": bucket,
            "credentialRef": {"name": source},
        }  # fmt: skip
        permissions = EVERYTHING if "*" in match["bucket"] else EVERYTHING[:-1]
        access = [grant(client, permissions) for client in clients]
        return document("BucketRoute", name, spec={"match": match, "backends": [backend], "access": access})

    def client(self, keys: Keys | None = None) -> Any:  # noqa: ANN401
        """Return boto3 without retries."""
        keys = keys or self.keys
        return boto3.client(
            "s3", endpoint_url=f"http://{self.osp.addresses['http']}", region_name="us-east-1",
            aws_access_key_id=keys.access_key, aws_secret_access_key=keys.secret_key,
            config=botocore.config.Config(
                signature_version="s3v4", retries={"total_max_attempts": 1}, s3={"addressing_style": "path"},
                max_pool_connections=32,
            ),
        )  # fmt: skip

    def metric(self, start: str) -> list[str]:
        """Return the lines of the metrics page that begin so."""
        page = self.osp.tell()["/metrics"].decode()
        return [line for line in page.splitlines() if line.startswith(start)]

    def stop(self) -> None:
        """End everything, and look for what nobody may see."""
        self.osp.stop()
        told = b"".join(self.osp.tell().values())
        for server in (self.service, self.cos, self.hmac):
            server.stop()
        for secret in [*self.service.api_keys, *self.service.tokens]:
            assert secret.encode() not in told, "a secret is told"
        assert self.service.mistakes == []


@pytest.fixture
def world(tmp_path: Path, certificates: Certificates, client_keys: Keys) -> Iterator[World]:
    """A world of its own for every test: which tokens there are is what they are about."""
    made = World(tmp_path, certificates, client_keys)
    try:
        yield made
    finally:
        made.stop()


def code_of(call: Any) -> tuple[int, str]:  # noqa: ANN401
    """Return status and code of a refusal."""
    with pytest.raises(ClientError) as raised:
        call()
    answer = raised.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def test_c24_everything_works_with_a_token(world: World) -> None:
    """Write, read, list, copy, delete, in parts and many at once; one token for all of it."""
    world.serve()
    s3 = world.client()
    s3.put_object(Bucket="tokens", Key="a/b", Body=b"content", Metadata={"color": "red"})
    answer = s3.get_object(Bucket="tokens", Key="a/b")
    assert (answer["Body"].read(), answer["Metadata"]) == (b"content", {"color": "red"})
    assert s3.head_object(Bucket="tokens", Key="a/b")["ContentLength"] == len(b"content")
    assert [one["Key"] for one in s3.list_objects_v2(Bucket="tokens")["Contents"]] == ["a/b"]
    upload = s3.create_multipart_upload(Bucket="tokens", Key="parts")["UploadId"]
    part = s3.upload_part(Bucket="tokens", Key="parts", UploadId=upload, PartNumber=1, Body=b"x" * 70_000)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket="tokens", Key="parts", UploadId=upload, MultipartUpload=parts)
    assert s3.get_object(Bucket="tokens", Key="parts")["Body"].read() == b"x" * 70_000
    gone = s3.delete_objects(Bucket="tokens", Delete={"Objects": [{"Key": "a/b"}, {"Key": "parts"}]})
    assert {one["Key"] for one in gone["Deleted"]} == {"a/b", "parts"}
    s3.delete_object(Bucket="tokens", Key="a/b")
    assert code_of(lambda: s3.get_object(Bucket="tokens", Key="a/b")) == (404, "NoSuchKey")
    assert world.service.asked == 1
    assert {one.refused for one in world.cos.seen} == {"", "NoSuchKey"}


def test_c24_buckets_are_made_and_listed_in_the_instance(world: World) -> None:
    """`ibm-service-instance-id` goes where there is no bucket yet, and nowhere else: the store refuses it elsewhere."""
    world.serve()
    s3 = world.client()
    s3.create_bucket(Bucket="made-one")
    assert "real-made-one" in world.cos.buckets
    s3.put_object(Bucket="made-one", Key="k", Body=b"v")
    assert "made-one" in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    assert [one.refused for one in world.cos.seen if one.refused] == []


def test_c25_one_key_of_a_client_reaches_both_kinds(world: World) -> None:
    """One client key, one session, two backends with credentials of different types."""
    world.serve()
    s3 = world.client()
    for bucket in ("tokens", "keys"):
        s3.put_object(Bucket=bucket, Key="k", Body=bucket.encode())
    for bucket in ("tokens", "keys"):
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == bucket.encode()
    assert [one.refused for one in world.cos.seen + world.hmac.seen if one.refused] == []


def test_c24_a_thousand_cold_requests_fetch_one_token(world: World) -> None:
    """All of them wait for the one fetch, and all of them are answered."""
    world.service.delay_s = 0.8
    world.cos.buckets["real-tokens"].objects["k"] = (b"content", {})
    world.hmac.server.socket.listen(1024)
    world.serve()
    url = urlsplit(world.client().generate_presigned_url("get_object", Params={"Bucket": "tokens", "Key": "k"}))

    def ask(_: int) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(url.netloc, timeout=30)
        try:
            connection.request("GET", f"{url.path}?{url.query}")
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    with ThreadPoolExecutor(1000) as pool:
        answers = list(pool.map(ask, range(1000)))
    assert {answer for answer in answers if answer != (200, b"content")} == set()
    assert (world.service.asked, len(world.cos.used)) == (1, 1)
    assert world.metric("osp_credential_refreshes_total") == [
        'osp_credential_refreshes_total{outcome="success",source="default/iam"} 1'
    ]


def test_c24_refreshed_ahead_and_an_outage_is_not_noticed(world: World) -> None:
    """A token of ten seconds: renewed before it ends, nobody waits; then the service is down while one counts."""
    world.service.lifetime_s = 10
    world.service.delay_s = 1.0
    world.serve()
    s3 = world.client()
    s3.put_object(Bucket="tokens", Key="k", Body=b"v")
    slowest = 0.0
    while len(world.cos.used) < 3:
        began = time.monotonic()
        s3.get_object(Bucket="tokens", Key="k")
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.05)
    assert slowest < world.service.delay_s, "a request waited for a token"
    world.service.down = 503
    asked, ends = world.service.asked, world.service.tokens[world.cos.used[-1]].ends
    # OSP counts from before it asked, keeps a margin of a tenth, and its wall clock has whole seconds.
    while time.monotonic() < ends - 3.2:
        s3.get_object(Bucket="tokens", Key="k")
        time.sleep(0.1)
    wait_until("the token has ended", lambda: time.monotonic() > ends, 10)
    assert code_of(lambda: s3.get_object(Bucket="tokens", Key="k")) == (503, "ServiceUnavailable")
    assert world.service.asked - asked < 20, "the service is asked in a loop"
    assert {one.refused for one in world.cos.seen} == {""}, "no token was used beyond its end"
    world.service.down = 0

    def is_back() -> bool:
        try:
            s3.get_object(Bucket="tokens", Key="k")
        except ClientError:
            return False
        return True

    wait_until("requests are answered again", is_back, 60)


def test_c24_a_refused_key_is_503_and_a_new_one_counts_at_once(world: World) -> None:
    """A key that IAM does not know is shown once; for the next one in the Secret nobody has to wait."""
    world.api_key = "no-such-key-" + "x" * 32
    world.serve()
    s3 = world.client()
    for _ in range(20):
        assert code_of(lambda: s3.get_object(Bucket="tokens", Key="k")) == (503, "ServiceUnavailable")
    assert world.service.asked == 1
    assert world.cos.seen == [], "nothing is sent without a credential"
    world.write_api_key(world.service.new_api_key())

    def works() -> bool:
        try:
            s3.put_object(Bucket="tokens", Key="k", Body=b"v")
        except ClientError:
            return False
        return True

    wait_until("the new key is in force", works, CHANGE_S)


class TrustingOsp(Osp):
    """OSP on a machine that trusts the suite's CA."""

    def environment(self) -> dict[str, str]:
        """What the process has in its environment beside the suite's own."""
        return {"SSL_CERT_FILE": str(self.certificates.ca)}


@pytest.mark.parametrize("kind", [Osp, TrustingOsp])
def test_c24_the_token_service_is_believed_by_its_certificate(
    kind: type[Osp], tmp_path: Path, certificates: Certificates, client_keys: Keys
) -> None:
    """With the machine's certificates and nothing else: an API key is shown to nobody whom they do not vouch for."""
    world = World(tmp_path, certificates, client_keys, tls=True)
    world.osp = kind(tmp_path, certificates)
    try:
        world.serve()
        s3 = world.client()
        if kind is TrustingOsp:
            s3.put_object(Bucket="tokens", Key="k", Body=b"v")
        else:
            assert code_of(lambda: s3.put_object(Bucket="tokens", Key="k", Body=b"v")) == (503, "ServiceUnavailable")
            assert (world.service.asked, world.cos.seen) == (0, [])
    finally:
        world.stop()


HOOK = """
import json

READ_WRITE, READ_ONLY, WRITERS = {read_write!r}, {read_only!r}, {writers!r}


def fetch_credentials(token, bucket):
    if bucket != "keys":
        raise ValueError(bucket)
    access_key, secret_key = READ_WRITE if token in WRITERS else READ_ONLY
    return json.dumps({{"access_key": access_key, "secret_key": secret_key}})
"""


class HookedOsp(Osp):
    """OSP with a folder of hooks."""

    def process_settings(self) -> dict[str, Any]:
        """The file of `--config`."""
        return {**super().process_settings(), "hooks": {"dir": str(self.folder / "hooks")}}


def test_c26_each_client_has_the_keys_that_a_hook_gives_it(world: World) -> None:
    """Caller 1 gets keys that may write, caller 2 keys that may read: the store refuses what OSP's grants allow."""
    second, reader = Keys.random("C2"), Keys.random("RO")
    world.osp = HookedOsp(world.osp.folder, world.osp.certificates)
    world.hmac.readers.append(reader)
    hooks = world.osp.folder / "hooks"
    hooks.mkdir()
    hook = HOOK.format(
        read_write=(world.hmac.keys.access_key, world.hmac.keys.secret_key),
        read_only=(reader.access_key, reader.secret_key),
        writers=[world.keys.access_key],
    )
    (hooks / "vault.py").write_text(hook)
    world.osp.write("clients.yaml", [*client_documents("one", world.keys), *client_documents("two", second)])
    world.osp.write("sources.yaml", [document("CredentialSource", "vault", spec={"python": {"hook": "vault"}})])
    both = ("one", "two")
    world.osp.write("routes.yaml", [
        world.route("keys", {"bucket": "keys"}, world.hmac.endpoint, "vault", "real-keys", both),
        world.route("other", {"bucket": "other"}, world.hmac.endpoint, "vault", "real-keys", both),
    ])  # fmt: skip
    world.osp.start()
    one, two = world.client(), world.client(second)
    one.put_object(Bucket="keys", Key="k", Body=b"v")
    assert one.get_object(Bucket="keys", Key="k")["Body"].read() == b"v"
    assert two.get_object(Bucket="keys", Key="k")["Body"].read() == b"v"
    assert code_of(lambda: two.put_object(Bucket="keys", Key="k", Body=b"w")) == (403, "AccessDenied")
    assert [one.method for one in world.hmac.seen if one.refused] == ["PUT"], "the store has refused it"
    one.put_object(Bucket="keys", Key="k", Body=b"again")
    # A hook that raises: no credential, and nothing is sent.
    seen = len(world.hmac.seen)
    assert code_of(lambda: one.get_object(Bucket="other", Key="k")) == (503, "ServiceUnavailable")
    assert len(world.hmac.seen) == seen
    calls = [line for line in world.metric("osp_hook_calls_total") if 'outcome="keys"' in line or "fetch" in line]
    assert calls, world.metric("osp_hook_calls_total")
