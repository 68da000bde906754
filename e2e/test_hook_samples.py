"""One policy in five forms (python-hooks/samples): the same 20 requests have the same end through all of them (C5, C8).

OPA, Redis and PostgreSQL are real; what the hooks need of packages is in a mount namespace of the gateway's own.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import boto3
import botocore.config
import pytest
import yaml
from botocore.exceptions import ClientError

from backends import REGION, Backend, Keys
from certificates import Certificates
from clients import Endpoint
from gateway import REPOSITORY, Osp, Place, backend_entry, client_documents, credential_documents, osp_binary
from raw_http import open_socket, read_answer, signed_head
from seeding import at_backend, create_bucket

sys.path.insert(0, str(REPOSITORY / "python-hooks/tests"))  # the servers of the samples' own tests
import sample_servers
from sample_servers import SAMPLES, Relay

pytestmark = pytest.mark.gateway
TABLE = json.loads((SAMPLES / "cases.json").read_text())
BUCKET: str = TABLE["bucket"]
CLIENTS = ("writer", "reader", "stranger")
STORE = "e2e-samples"
SESSION = boto3.session.Session()
# Form of the policy: the hook, if it is one, the variable that says where its server is, and the server.
FORMS = {
    "grants": ("", "", ""),
    "plain": ("plain", "", ""),
    "opa": ("opa", "OSP_HOOK_OPA_URL", "http://127.0.0.1:{port}/v1/data/osp/decision"),
    "redis": ("redis_grants", "OSP_HOOK_REDIS_URL", "redis://127.0.0.1:{port}/0"),
    "sqlite": ("sql_grants", "OSP_HOOK_SQL_URL", ""),
    "postgres": (
        "sql_grants", "OSP_HOOK_SQL_URL", f"postgresql://{sample_servers.POSTGRES_LOGIN}@127.0.0.1:{{port}}/postgres",
    ),
}  # fmt: skip
SERVERS = {"opa": sample_servers.opa, "redis": sample_servers.redis, "postgres": sample_servers.postgres}
# Other ways to write the path of something that the writer may not read. What is none of its keys is not found.
SPELLINGS = (
    "team-a/secret/plan",
    "team-a/%73ecret/plan",
    "team-a%2Fsecret%2fplan",
    "team-a/%2e/secret/plan",
    "team-a/./secret/plan",
    "team-a/x/../secret/plan",
    "team-a/x/%2e%2e/secret/plan",
    "team-a/..%2fteam-a/secret/plan",
    "team-a//secret/plan",
    "team-a/%2Fsecret/plan",
    "team-a/secret//plan",
    "/team-a/secret/plan",
    "team-a/%252e%252e/secret/plan",
    "team-a/../team-ab/plan",
    "team-a/%2e%2e/team-ab/plan",
    "team-a%2f..%2fteam-ab/plan",
)


@dataclass
class HookedOsp(Osp):
    """OSP with a directory of hooks, and the packages that they need where the system's Python looks for them."""

    hooks: Path = field(default_factory=Path)
    variables: dict[str, str] = field(default_factory=dict)

    def process_settings(self) -> dict[str, Any]:
        """The hooks, and which variables of the gateway they see."""
        return {**super().process_settings(), "hooks": {"dir": str(self.hooks), "environment": list(self.variables)}}

    def environment(self) -> dict[str, str]:
        """Where the servers are."""
        return self.variables

    def command(self) -> list[str | Path]:
        """Put the packages at their place before the process starts."""
        return [*with_packages(), *super().command()]


def with_packages() -> list[str | Path]:
    """Return a command prefix under which the samples' packages are the system's; nothing outside of it sees them."""
    where = "import site; print(site.getsitepackages()[0])"
    place = subprocess.run(["/usr/bin/python3", "-c", where], check=True, capture_output=True, text=True).stdout
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    script = 'mount --bind "$0" "$1" && shift && exec "$@"'
    packages = os.environ["OSP_E2E_HOOK_PACKAGES"]
    return ["unshare", "--mount", *as_root, "sh", "-c", script, packages, place.strip()]


@dataclass
class Form:
    """A gateway with the policy in one form."""

    name: str
    osp: Osp
    place: Place
    keys: dict[str, Keys]
    relay: Relay | None
    made: dict[str, Any] = field(default_factory=dict)

    def client(self, name: str) -> Any:  # noqa: ANN401
        """Return one of the three clients; it repeats nothing."""
        if name not in self.made:
            keys = self.keys[name]
            self.made[name] = SESSION.client(
                "s3", endpoint_url=self.osp.endpoint("http", keys).url, region_name=REGION,
                aws_access_key_id=keys.access_key, aws_secret_access_key=keys.secret_key,
                config=botocore.config.Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
            )  # fmt: skip
        return self.made[name]

    def stored(self) -> dict[str, str]:
        """Return what is at the backend: ETags by the clients' keys."""
        listed = at_backend(self.place.backend).list_objects_v2(Bucket=STORE, Prefix=self.place.prefix)
        return {item["Key"].removeprefix(self.place.prefix): item["ETag"] for item in listed.get("Contents", [])}


def content(key: str) -> bytes:
    """Return what the table's objects hold."""
    return f"this is {key}".encode()


def seed(place: Place) -> None:
    """Put the table's objects at the backend itself."""
    for key in TABLE["there"]:
        at_backend(place.backend).put_object(Bucket=STORE, Key=place.prefix + key, Body=content(key))


def route(place: Place, hook: str) -> dict[str, Any]:
    """Return the route of the samples to this place: with its grants, or with everything granted and a hook."""
    (document,) = yaml.safe_load_all((SAMPLES / "grants.yaml").read_text())
    document["metadata"] = {"name": place.bucket, "namespace": "default"}
    spec = document["spec"]
    spec["match"]["bucket"] = place.bucket
    spec["backends"] = [backend_entry(place)]
    if hook:
        permissions = ["Read", "List", "Write", "Delete"]
        spec["access"] = [{"name": "everybody", "principal": "Authenticated", "permissions": permissions}]
        del spec["deny"]
        spec["hooks"] = [{"name": hook}]
    return document


@pytest.fixture(scope="module")
def sockets() -> Iterator[dict[str, Path]]:
    """OPA, Redis and PostgreSQL with the samples' data."""
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(start()) for name, start in SERVERS.items()}


@pytest.fixture(scope="module")
def stores(servers: dict[str, Backend]) -> list[Backend]:
    """Every backend, with a bucket for these tests."""
    for backend in servers.values():
        create_bucket(backend, STORE)
    return list(servers.values())


@pytest.fixture(scope="module", params=FORMS)
def form(
    request: pytest.FixtureRequest,
    stores: list[Backend],
    sockets: dict[str, Path],
    certificates: Certificates,
    gateways: list[Osp],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Form]:
    """A gateway before the first backend, with one form of the policy."""
    name: str = request.param
    hook, variable, url = FORMS[name]
    relay = Relay(str(sockets[name])) if name in sockets else None
    here = tmp_path_factory.mktemp(f"samples-{name}")
    if name == "sqlite":
        with contextlib.closing(sqlite3.connect(here / "grants.sqlite")) as database:
            database.executescript((SAMPLES / "grants.sql").read_text())
        url = f"sqlite://{here}/grants.sqlite"
    if hook:
        hooks = here / "hooks"
        hooks.mkdir()
        shutil.copy(SAMPLES / f"{hook}.py", hooks)
        variables = {variable: url.format(port=relay.port if relay else 0)} if variable else {}
        osp: Osp = HookedOsp(here, certificates, hooks=hooks, variables=variables)
    else:
        osp = Osp(here, certificates)
    backend = stores[0]
    place = Place(BUCKET, backend, STORE, f"{name}/")
    seed(place)
    keys = {client: Keys.random("CS") for client in CLIENTS}
    clients = [document for client in CLIENTS for document in client_documents(client, keys[client])]
    osp.write("samples.yaml", [*credential_documents(backend.name, backend.keys), *clients, route(place, hook)])
    gateways.append(osp)
    osp.start()
    yield Form(name, osp, place, keys, relay)
    osp.stop()
    if relay:
        relay.stop()


def refused(call: Any) -> tuple[int, str]:  # noqa: ANN401
    """Return status and code of a refusal."""
    with pytest.raises(ClientError) as raised:
        call()
    response = raised.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: case["name"])
def test_the_table(form: Form, case: dict[str, Any]) -> None:
    """Status, code, what the client gets and what is at the backend afterwards are as the table says."""
    before = form.stored()
    do = globals()[f"do_{case['do'].replace('-', '_')}"]
    do(form, form.client(case["client"]), case)
    after = form.stored()
    if case["allowed"] is False:
        assert after == before
    assert {key for key in after if not key.startswith("team-a/")} == {"team-ab/plan"}
    assert after["team-a/secret/plan"] == before["team-a/secret/plan"]


def do_get(form: Form, s3: Any, case: dict[str, Any]) -> None:  # noqa: ANN401
    """GET of an object, its path perhaps written in another way."""
    if "raw" in case:
        assert unquote(case["raw"]) == case["key"]
        assert not case["allowed"]
        endpoint = form.osp.endpoint("http", form.keys[case["client"]])
        assert read_raw(endpoint, BUCKET, case["raw"]) == (403, "AccessDenied")
    elif case["allowed"]:
        assert s3.get_object(Bucket=BUCKET, Key=case["key"])["Body"].read() == content(case["key"])
    else:
        assert refused(lambda: s3.get_object(Bucket=BUCKET, Key=case["key"])) == (403, "AccessDenied")


def do_put(form: Form, s3: Any, case: dict[str, Any]) -> None:  # noqa: ANN401
    """PUT of an object."""
    put = {"Bucket": BUCKET, "Key": case["key"], "Body": b"new"}
    if case["allowed"]:
        assert form.stored().get(case["key"]) != s3.put_object(**put)["ETag"]
        assert case["key"] in form.stored()
    else:
        assert refused(lambda: s3.put_object(**put)) == (403, "AccessDenied")


def do_multipart(form: Form, s3: Any, case: dict[str, Any]) -> None:  # noqa: ANN401
    """A multipart upload; where it is denied, no part gets there with the id of an upload that is allowed either."""
    target = {"Bucket": BUCKET, "Key": case["key"]}
    if case["allowed"]:
        target["UploadId"] = s3.create_multipart_upload(**target)["UploadId"]
        part = {"PartNumber": 1, "ETag": s3.upload_part(**target, PartNumber=1, Body=b"part")["ETag"]}
        s3.complete_multipart_upload(**target, MultipartUpload={"Parts": [part]})
        assert case["key"] in form.stored()
        return
    assert refused(lambda: s3.create_multipart_upload(**target)) == (403, "AccessDenied")
    own = {"Bucket": BUCKET, "Key": "team-a/own"}
    own["UploadId"] = target["UploadId"] = s3.create_multipart_upload(**own)["UploadId"]
    copied = {"CopySource": {"Bucket": BUCKET, "Key": "team-a/plan"}, "PartNumber": 1}
    parts = {"Parts": [{"PartNumber": 1, "ETag": '"0"'}]}
    for call in (
        lambda: s3.upload_part(**target, PartNumber=1, Body=b"part"),
        lambda: s3.upload_part_copy(**target, **copied),
        lambda: s3.complete_multipart_upload(**target, MultipartUpload=parts),
        lambda: s3.list_parts(**target),
        lambda: s3.abort_multipart_upload(**target),
    ):
        # the upload of another key is none of this one, which is known before a hook is asked
        assert refused(call) in ((403, "AccessDenied"), (404, "NoSuchUpload"))
    s3.abort_multipart_upload(**own)


def do_copy(form: Form, s3: Any, case: dict[str, Any]) -> None:  # noqa: ANN401
    """CopyObject within the bucket."""
    copy = {"Bucket": BUCKET, "Key": case["key"], "CopySource": {"Bucket": BUCKET, "Key": case["source"]}}
    if case["allowed"]:
        s3.copy_object(**copy)
        assert form.stored()[case["key"]] == form.stored()[case["source"]]
    else:
        assert refused(lambda: s3.copy_object(**copy)) == (403, "AccessDenied")


def do_delete(form: Form, s3: Any, case: dict[str, Any]) -> None:  # noqa: ANN401
    """DELETE of an object."""
    assert case["key"] in form.stored()
    if case["allowed"]:
        s3.delete_object(Bucket=BUCKET, Key=case["key"])
        assert case["key"] not in form.stored()
    else:
        assert refused(lambda: s3.delete_object(Bucket=BUCKET, Key=case["key"])) == (403, "AccessDenied")


def do_delete_batch(form: Form, s3: Any, case: dict[str, Any]) -> None:  # noqa: ANN401
    """DeleteObjects: each key has its own answer."""
    assert set(case["keys"]) <= set(form.stored())
    answer = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key} for key in case["keys"]]})
    verdicts = dict(zip(case["keys"], case["allowed"], strict=True))
    assert {item["Key"] for item in answer["Deleted"]} == {key for key, allowed in verdicts.items() if allowed}
    errors = {item["Key"]: item["Code"] for item in answer["Errors"]}
    assert errors == {key: "AccessDenied" for key, allowed in verdicts.items() if not allowed}
    assert [key in form.stored() for key in case["keys"]] == [not allowed for allowed in case["allowed"]]


def do_list(form: Form, s3: Any, case: dict[str, Any]) -> None:  # noqa: ANN401
    """Both versions of the list."""
    where = {"Bucket": BUCKET} | ({"Prefix": case["prefix"]} if case["prefix"] else {})
    for listing in (s3.list_objects_v2, s3.list_objects):
        if case["allowed"]:
            listed = [item["Key"] for item in listing(**where)["Contents"]]
            assert listed == [key for key in TABLE["there"] if key.startswith(case["prefix"])]
        else:
            assert refused(lambda: listing(**where)) == (403, "AccessDenied")  # noqa: B023


@pytest.fixture(scope="module")
def granted(
    stores: list[Backend],
    certificates: Certificates,
    gateways: list[Osp],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Osp, Keys]]:
    """A gateway before every backend, each with a bucket of its name and the policy as grants; the writer's keys."""
    osp = Osp(tmp_path_factory.mktemp("samples-spelled"), certificates)
    keys = {client: Keys.random("CS") for client in CLIENTS}
    clients = [document for client in CLIENTS for document in client_documents(client, keys[client])]
    osp.write("clients.yaml", clients)
    for backend in stores:
        place = Place(backend.name, backend, STORE, "spelled/")
        seed(place)
        osp.write(f"{backend.name}.yaml", [*credential_documents(backend.name, backend.keys), route(place, "")])
    gateways.append(osp)
    osp.start()
    yield osp, keys["writer"]
    osp.stop()


@pytest.mark.parametrize("key", SPELLINGS)
def test_no_spelling_of_a_path_gets_around_grants(granted: tuple[Osp, Keys], server: Backend, key: str) -> None:
    """On every backend (C8, P01): see `spelled`."""
    osp, keys = granted
    spelled(osp.endpoint("http", keys), server.name, key)


# Grants hold for keys without their empty segments as well; hooks are given keys as they are (docs/configuration.md).
@pytest.mark.parametrize("spelling", [spelling for spelling in SPELLINGS if "a//s" not in unquote(spelling)])
def test_no_spelling_of_a_path_gets_around_a_hook(form: Form, spelling: str) -> None:
    """In every form of the policy (C8): see `spelled`."""
    spelled(form.osp.endpoint("http", form.keys["writer"]), BUCKET, spelling)


def spelled(endpoint: Endpoint, bucket: str, spelling: str) -> None:
    """Neither the exception nor the neighbour is read; a key that is the writer's own is just not there."""
    status, code = read_raw(endpoint, bucket, spelling)
    key = unquote(spelling)
    # a deny is about the key that a backend makes of it by leaving empty segments out, too
    plain = "/".join(segment for segment in key.split("/") if segment)
    if key.startswith("team-a/") and not plain.startswith("team-a/secret/"):
        assert status in (400, 404), code  # some servers refuse such keys
    else:
        assert (status, code) == (403, "AccessDenied")
    assert read_raw(endpoint, bucket, "team-a%2F%70lan") == (200, None), "the right key is, in any spelling"


def read_raw(endpoint: Endpoint, bucket: str, spelling: str) -> tuple[int, str | None]:
    """GET with the path as it is written here; the signature is about the decoded one, as AWS wants it."""
    path = quote(f"/{bucket}/{unquote(spelling)}", safe="/~")
    head = signed_head(endpoint, "GET", path).replace(path.encode(), f"/{bucket}/{spelling}".encode(), 1)
    with open_socket(endpoint.url, None) as sock:
        sock.sendall(head)
        answer = read_answer(sock, "GET")
    assert (answer.status == 200) is (answer.body == content("team-a/plan")), answer.body
    return answer.status, answer.code


def test_osp_hooks_check_finds_nothing_wrong(tmp_path: Path) -> None:
    """`osp hooks check` loads the samples as a gateway does, and a file that does not load is told (no test without a
    twin)."""
    for sample in SAMPLES.glob("*.py"):
        shutil.copy(sample, tmp_path)
    done = subprocess.run(
        [*with_packages(), osp_binary(), "hooks", "check", tmp_path], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.splitlines()) == [
        f"{name}.py: authorize" for name in ("opa", "plain", "redis_grants", "sql_grants")
    ]
    (tmp_path / "broken.py").write_text("import no_such_package\n")
    done = subprocess.run([osp_binary(), "hooks", "check", tmp_path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "broken.py" in done.stderr
    assert "no_such_package" in done.stderr


def test_a_policy_that_cannot_be_asked(form: Form) -> None:
    """Its server falls silent: 503 and nothing is written; it answers again: so does the gateway. Nobody is told the
    password of its server."""
    if form.relay is None:
        assert form.name not in SERVERS
        return
    s3 = form.client("writer")
    s3.put_object(Bucket=BUCKET, Key="team-a/before", Body=b"x")
    form.relay.is_silent = True
    form.relay.cut()
    # another key each time: the decision about one may be kept
    assert refused(lambda: s3.put_object(Bucket=BUCKET, Key="team-a/meanwhile", Body=b"x"))[0] == 503
    assert "team-a/meanwhile" not in form.stored()
    form.relay.is_silent = False
    form.relay.cut()
    s3.put_object(Bucket=BUCKET, Key="team-a/after", Body=b"x")
    assert {"team-a/before", "team-a/after"} <= set(form.stored())
    told = form.osp.tell()
    assert b"hook_failed" in told["log"]
    assert not [page for page, text in told.items() if b"p%40ss" in text or b"p@ss" in text]
