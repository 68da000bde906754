"""Every reason that a condition can have: produced by YAML that the API server takes, and read back (K-API-2)."""

from __future__ import annotations

import contextlib
import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from backends import Keys
from certificates import Certificates
from gateway import REPOSITORY, Place, backend_entry
from kube.api import path_of
from kube.conftest import sites
from kube.control_plane import ControlPlane
from kube.site import STATUS_DEADLINE_S, Known, Site, conditions_of, grant, namespace_document
from mounted import MountedConfigMap
from processes import NotReady, wait_until

pytestmark = pytest.mark.gateway
REASONS = REPOSITORY / "src/core/model/reason.rs"
ROUTE_CRD = path_of("CustomResourceDefinition", name="bucketroutes.osp.flexworks.eu")
# What the CRD of a newer OSP may have: the API server stores it, this binary does not know it.
NEWER_FIELD = "encryption"
NEWER_PERMISSION = "ManageBuckets"
# What the operator has mounted; `old` is edited once it is in force.
SYNTAX_ERROR = "def authorize(token, bucket: return True\n"
HOOKS = {
    "good.py": "def authorize(token, bucket): return True\n",
    "old.py": "def authorize(token, bucket): return True\n",
    "broken.py": SYNTAX_ERROR,
    "keys.py": "def lookup_secret(access_key): return None\n",
    "vault.py": "def fetch_credentials(token, bucket): return None\n",
    "old_vault.py": "def fetch_credentials(token, bucket): return None\n",
}


@dataclass(frozen=True)
class Expected:
    """One condition of one object."""

    kind: str
    name: str
    condition: str
    status: str
    reason: str


ROUTE, SOURCE, CLIENT = "BucketRoute", "CredentialSource", "ClientIdentity"
EXPECTED = [
    Expected(ROUTE, "good", "Accepted", "True", "Accepted"),
    Expected(ROUTE, "good", "ResolvedRefs", "True", "ResolvedRefs"),
    Expected(ROUTE, "good", "Programmed", "True", "Programmed"),
    Expected(ROUTE, "good", "Ready", "True", "Ready"),
    Expected(SOURCE, "good", "Accepted", "True", "Accepted"),
    Expected(SOURCE, "good", "ResolvedRefs", "True", "ResolvedRefs"),
    Expected(SOURCE, "good", "Ready", "True", "Ready"),
    Expected(CLIENT, "app", "Accepted", "True", "Accepted"),
    Expected(CLIENT, "app", "Ready", "True", "Ready"),
    Expected(ROUTE, "newer", "Accepted", "False", "Invalid"),
    Expected(ROUTE, "unsupported", "Accepted", "False", "UnsupportedValue"),
    Expected(ROUTE, "z-conflicted", "Accepted", "False", "Conflicted"),
    Expected(ROUTE, "z-conflicted", "Programmed", "False", "NotAccepted"),
    Expected(ROUTE, "z-conflicted", "Ready", "False", "Conflicted"),
    Expected(ROUTE, "host-conflict", "Accepted", "False", "HostConflict"),
    Expected(ROUTE, "foreign-host", "Accepted", "False", "HostNotAllowed"),
    Expected(ROUTE, "pattern", "Accepted", "False", "PatternNotAllowed"),
    Expected(ROUTE, "assigned-host", "Accepted", "False", "HostNotAllowed"),
    Expected(ROUTE, "no-credential", "ResolvedRefs", "False", "CredentialNotFound"),
    Expected(ROUTE, "no-credential", "Programmed", "False", "Pending"),
    Expected(ROUTE, "no-client", "ResolvedRefs", "False", "ClientNotFound"),
    Expected(ROUTE, "not-permitted", "ResolvedRefs", "False", "RefNotPermitted"),
    Expected(ROUTE, "not-allowed", "ResolvedRefs", "False", "EndpointNotAllowed"),
    Expected(ROUTE, "no-certificate", "ResolvedRefs", "False", "InvalidCertificateRef"),
    Expected(ROUTE, "bad-certificate", "ResolvedRefs", "False", "InvalidCertificateRef"),
    Expected(ROUTE, "hook", "ResolvedRefs", "True", "ResolvedRefs"),
    Expected(ROUTE, "hook", "Programmed", "True", "Programmed"),
    Expected(ROUTE, "no-hook", "ResolvedRefs", "False", "HookNotFound"),
    Expected(ROUTE, "broken-hook", "ResolvedRefs", "False", "HookInvalid"),
    Expected(ROUTE, "other-hook", "ResolvedRefs", "False", "HookInvalid"),
    Expected(ROUTE, "old-hook", "ResolvedRefs", "True", "HookStale"),
    Expected(ROUTE, "old-hook", "Programmed", "True", "Programmed"),
    Expected(ROUTE, "half", "Programmed", "True", "PartiallyProgrammed"),
    Expected(ROUTE, "insecure", "InsecureBackend", "True", "InsecureBackend"),
    Expected(SOURCE, "no-secret", "Ready", "False", "SecretNotFound"),
    Expected(SOURCE, "unlabelled", "Ready", "False", "SecretNotFound"),
    Expected(SOURCE, "no-key", "Ready", "False", "KeyMissing"),
    Expected(SOURCE, "iam", "Ready", "True", "Ready"),
    Expected(SOURCE, "iam-no-secret", "Ready", "False", "SecretNotFound"),
    Expected(SOURCE, "iam-no-key", "Ready", "False", "KeyMissing"),
    Expected(SOURCE, "vault", "Ready", "True", "Ready"),
    Expected(SOURCE, "old-vault", "Ready", "True", "HookStale"),
    Expected(SOURCE, "no-vault", "Ready", "False", "HookNotFound"),
    Expected(SOURCE, "broken-vault", "Ready", "False", "HookInvalid"),
    Expected(SOURCE, "other-vault", "Ready", "False", "HookInvalid"),
    Expected(CLIENT, "no-secret", "Ready", "False", "SecretNotFound"),
    Expected(CLIENT, "no-key", "Ready", "False", "KeyMissing"),
    # A warning for the younger one, or the second by name: both work on, whoever copies a key id (K-API-7).
    Expected(CLIENT, "twin-a", "Ready", "True", "Ready"),
    Expected(CLIENT, "twin-b", "Ready", "True", "DuplicateAccessKey"),
]


@pytest.fixture(scope="module")
def newer_crd(control_plane: ControlPlane) -> Iterator[None]:
    """The CRD of a newer OSP, for as long as these tests run: one more field, one more permission."""
    admin = control_plane.admin()
    kept = admin.get(ROUTE_CRD)["spec"]
    spec = copy.deepcopy(kept)
    properties = spec["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    properties[NEWER_FIELD] = {"type": "string"}
    permissions = properties["access"]["items"]["properties"]["permissions"]["items"]
    assert NEWER_PERMISSION in permissions["enum"]
    # The API server of this repository refuses it on a route of one bucket by a rule that a newer one may not have.
    rules = spec["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["x-kubernetes-validations"]
    rules[:] = [rule for rule in rules if NEWER_PERMISSION not in rule["rule"]]
    admin.merge(ROUTE_CRD, {"spec": spec})
    probe = probe_document()
    admin.apply(namespace_document("newer"))

    def served() -> bool:
        answer = admin.call("POST", path_of(ROUTE, "newer") + "?dryRun=All", probe)
        return NEWER_FIELD in answer["spec"]

    wait_until("the newer CRD is served", served, 30)
    yield
    admin.merge(ROUTE_CRD, {"spec": kept})
    wait_until("the CRD of this repository is served again", lambda: not served(), 30)


def probe_document() -> dict[str, Any]:
    """Return a route with the newer field."""
    spec = {
        "match": {"bucket": "probe"},
        "backends": [{"name": "b", "endpoint": "https://s3.example.com", "credentialRef": {"name": "c"}}],
        NEWER_FIELD: "on",
    }
    metadata = {"name": "probe", "namespace": "newer"}
    return {"apiVersion": "osp.flexworks.eu/v1alpha1", "kind": ROUTE, "metadata": metadata, "spec": spec}


@pytest.fixture(scope="module")
def told(
    newer_crd: None,
    control_plane: ControlPlane,
    certificates: Certificates,
    known: Known,
    stores: tuple[Place, Place],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Site, str]]:
    """One site with all the objects and one OSP."""
    with sites(control_plane, certificates, known, tmp_path_factory.mktemp("reasons")) as make:
        site = make("reasons")
        own, other = site.namespace("a"), site.namespace("b")
        site.allow()
        keys = site.keys()
        site.api.apply_all(sources_and_clients(site, own, other, stores[0], keys))
        site.api.apply_all(routes(site, own, other, stores[0]))
        tenancy = {"hosts": [{"host": "assigned.example", "namespaceSelector": by_name(other)}]}
        mounted = MountedConfigMap(site.folder / "hooks", HOOKS)
        hosts = ["localhost", "host-conflict.localhost", "assigned.example"]
        site.osp(settings={"baseHosts": hosts, "tenancy": tenancy, "hooks": {"dir": str(mounted.folder)}})
        mounted.swap(HOOKS | {"old.py": SYNTAX_ERROR, "old_vault.py": SYNTAX_ERROR})
        # Together, so that what never comes costs one deadline and not one for each test.
        with contextlib.suppress(NotReady):
            wait_until("all conditions", lambda: all(holds(site, own, one) for one in EXPECTED), STATUS_DEADLINE_S)
        yield site, own


def holds(site: Site, namespace: str, expected: Expected) -> bool:
    """Whether a condition is as expected, for the object's present generation."""
    found = site.get(expected.kind, namespace, expected.name)
    told = conditions_of(found).get(expected.condition, {})
    wanted = (expected.status, expected.reason, found["metadata"]["generation"])
    return (told.get("status"), told.get("reason"), told.get("observedGeneration")) == wanted


def by_name(namespace: str) -> dict[str, Any]:
    """Return a selector for one namespace."""
    return {"matchLabels": {"kubernetes.io/metadata.name": namespace}}


def sources_and_clients(site: Site, own: str, other: str, place: Place, keys: Keys) -> list[dict[str, Any]]:
    """Return what routes refer to, good and bad."""
    empty = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "empty", "namespace": own, "labels": {}}}
    empty["metadata"]["labels"] = site.secret(own, "x", keys)["metadata"]["labels"]
    unlabelled = site.secret(own, "backend-unlabelled", place.backend.keys, watched=False)
    broken_pem = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "broken-ca", "namespace": own, "labels": empty["metadata"]["labels"]},
        "data": {"ca.crt": "no certificate"},
    }
    return [
        empty, unlabelled, broken_pem,
        *site.credential(own, "good", place.backend.keys),
        *site.credential(own, place.backend.name, place.backend.keys),
        *site.credential(own, "elsewhere", place.backend.keys, allowedEndpoints=["s3.example.com:443"]),
        *site.credential(other, "hidden", place.backend.keys),
        site.document(SOURCE, own, "no-secret", {"secret": {"name": "absent"}}),
        site.document(SOURCE, own, "unlabelled", {"secret": {"name": "backend-unlabelled"}}),
        site.document(SOURCE, own, "no-key", {"secret": {"name": "empty"}}),
        # Every Secret of a store has this entry; no route asks for a token.
        site.document(SOURCE, own, "iam", iam(f"backend-{place.backend.name}", "AWS_SECRET_ACCESS_KEY")),
        site.document(SOURCE, own, "iam-no-secret", iam("absent", "apikey")),
        site.document(SOURCE, own, "iam-no-key", iam("empty", "apikey")),
        site.document(SOURCE, own, "vault", {"python": {"hook": "vault"}}),
        site.document(SOURCE, own, "old-vault", {"python": {"hook": "old_vault"}}),
        site.document(SOURCE, own, "no-vault", {"python": {"hook": "absent"}}),
        site.document(SOURCE, own, "broken-vault", {"python": {"hook": "broken"}}),
        site.document(SOURCE, own, "other-vault", {"python": {"hook": "good"}}),
        *site.client(own, "app", keys),
        site.document(CLIENT, own, "no-secret", {"accessKey": {"secretRefs": [{"name": "absent"}]}}),
        site.document(CLIENT, own, "no-key", {"accessKey": {"secretRefs": [{"name": "empty"}]}}),
        *site.client(own, "twin-a", (twin := site.keys())),
        *site.client(own, "twin-b", Keys(twin.access_key, site.keys().secret_key)),
    ]  # fmt: skip


def iam(secret: str, key: str) -> dict[str, Any]:
    """Return the `spec` of a source with an API key."""
    return {"ibmIAM": {"apiKeySecretRef": {"name": secret, "key": key}}}


def routes(site: Site, own: str, other: str, place: Place) -> list[dict[str, Any]]:
    """Return one route for each reason."""
    plain = backend_entry(place)
    secure = plain | {"endpoint": "https://127.0.0.1:9"}

    def with_ca(name: str) -> dict[str, Any]:
        return secure | {"tls": {"caCertificateRefs": [{"kind": "ConfigMap", "name": name, "key": "ca.crt"}]}}

    def route(name: str, entry: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:  # noqa: ANN401
        made = site.route(own, place, [grant("app")], name=name)
        made["spec"] |= {"match": {"bucket": name}} | ({"backends": [entry]} if entry else {}) | spec
        return made

    def hosts(bucket: str, *names: str) -> dict[str, Any]:
        return {"match": {"bucket": bucket, "hosts": list(names)}}

    second = plain | {"name": "second", "credentialRef": {"name": "absent"}, "priority": 1}
    return [
        route("good", plain | {"credentialRef": {"name": "good"}}),
        route("newer", **{NEWER_FIELD: "on"}),
        route("unsupported", access=[grant("app", ["Read", NEWER_PERMISSION])]),
        # The same second, perhaps: then the name decides, and `z-` is last.
        route("z-conflicted", match={"bucket": "good"}),
        route("host-conflict"),
        route("foreign-host", **hosts("foreign-host", "s3.nobody.example")),
        route("pattern", plain | {"bucket": "{bucket}"}, match={"bucket": "pattern-*"}),
        route("assigned-host", **hosts("assigned-host", "assigned.example")),
        route("no-credential", plain | {"credentialRef": {"name": "absent"}}),
        route("no-client", access=[grant("app"), grant("nobody")]),
        route("not-permitted", plain | {"credentialRef": {"name": "hidden", "namespace": other}}),
        route("not-allowed", plain | {"credentialRef": {"name": "elsewhere"}}),
        route("no-certificate", with_ca("absent")),
        route("bad-certificate", with_ca("broken-ca")),
        route("hook", hooks=[{"name": "good"}]),
        route("no-hook", hooks=[{"name": "good"}, {"name": "absent"}]),
        route("broken-hook", hooks=[{"name": "broken"}]),
        route("other-hook", hooks=[{"name": "keys"}]),
        route("old-hook", hooks=[{"name": "old"}]),
        route("half", backends=[plain, second], traffic={"writes": plain["name"]}),
        route("insecure", secure | {"tls": {"verification": "Insecure"}}),
    ]


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda one: f"{one.kind}-{one.name}-{one.condition}-{one.reason}")
def test_k_api_2_reason(expected: Expected, told: tuple[Site, str]) -> None:
    """The condition is there, with status, reason and generation, and says something where something is wrong."""
    site, namespace = told
    found = site.get(expected.kind, namespace, expected.name)
    assert holds(site, namespace, expected), json.dumps(found.get("status"), indent=1)
    found = conditions_of(found)[expected.condition]
    if expected.status == "False":
        assert found["message"]
        assert len(found["message"]) <= 2048


def test_k_api_2_every_reason_has_a_case() -> None:
    """A reason that is added to the enum without a case here fails."""
    words = set(re.findall(r'Self::(\w+) => "\1"', REASONS.read_text()))
    assert len(words) >= 15, "the enum is not read as it is written any more"
    assert words - {one.reason for one in EXPECTED} == set()
    assert {one.reason for one in EXPECTED} - words == set()


def test_k_api_2_warnings_are_events(told: tuple[Site, str]) -> None:
    """`kubectl describe` shows the transition to a condition that is false, once, with the same words."""
    site, namespace = told
    site.wait_condition(ROUTE, namespace, "no-credential", "ResolvedRefs", "False", "CredentialNotFound")

    def events() -> list[dict[str, Any]]:
        return [
            event
            for event in site.api.get(path_of("Event", namespace))["items"]
            if event["regarding"]["name"] == "no-credential" and event["reason"] == "CredentialNotFound"
        ]

    wait_until("the Event is there", lambda: len(events()) == 1, 10)
    (event,) = events()
    assert event["type"] == "Warning" and event["regarding"]["kind"] == ROUTE
    assert "CredentialNotFound" in site.kubectl.run("describe", "broute", "no-credential", "-n", namespace)
