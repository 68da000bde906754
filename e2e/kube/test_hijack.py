"""A namespace that wants what belongs to another one (K01, K02): every attempt fails, and its status says so."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.config
import pytest
import yaml

from backends import REGION, Keys
from gateway import Place, backend_entry, osp_binary
from kube.osp import KubeOsp, outcome
from kube.site import EFFECT_DEADLINE_S, Site, grant
from seeding import read

pytestmark = pytest.mark.gateway
# A base host of the suite's OSPs, and the address, which is none.
HOST = "localhost"
ADDRESS = "127.0.0.1"
ROLE = {"role": "reader"}


def s3_at(osp: KubeOsp, keys: Keys, host: str) -> Any:  # noqa: ANN401
    """Return a boto3 client that names this host."""
    port = osp.addresses["http"].rpartition(":")[2]
    config = botocore.config.Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    return boto3.session.Session().client(
        "s3", endpoint_url=f"http://{host}:{port}", region_name=REGION, config=config,
        aws_access_key_id=keys.access_key, aws_secret_access_key=keys.secret_key,
    )  # fmt: skip


def fetch_at(osp: KubeOsp, keys: Keys, host: str, key: str) -> str:
    """GET an object of `data` by a host: its text, or how it was refused."""
    return outcome(lambda: s3_at(osp, keys, host).get_object(Bucket="data", Key=key)["Body"].read().decode())


@dataclass
class Siege:
    """`victim` has the bucket `data`; `attacker` is a namespace with a working credential, a client, and bad intent."""

    site: Site
    osp: KubeOsp
    victim: str
    attacker: str
    place: Place
    owner: Keys
    thief: Keys
    # The victim's route.
    owned: dict[str, Any]

    def apply(self, name: str, access: list[dict[str, Any]] | None = None, **spec: Any) -> None:  # noqa: ANN401
        """Apply a route of the attacker to a place of its own, for a bucket called like the route."""
        wanted = {"match": {"bucket": name}} | spec
        self.site.api.apply(self.site.route(self.attacker, self.place, access or [grant("app")], name=name, **wanted))

    def edit_owned(self, *access: dict[str, Any]) -> None:
        """Apply the victim's route with more access entries."""
        spec = self.owned["spec"] | {"access": [*self.owned["spec"]["access"], *access]}
        self.site.api.apply(self.owned | {"spec": spec})

    def assert_untouched(self) -> None:
        """The owner reads and writes its own data by every host, and the thief gets nothing."""
        for host in (ADDRESS, HOST):
            for key in ("side", "raw/side"):
                assert fetch_at(self.osp, self.owner, host, key) == "A", (host, key)
                assert fetch_at(self.osp, self.thief, host, key) == "403 AccessDenied", (host, key)


@pytest.fixture
def siege(site: Site, stores: tuple[Place, Place]) -> Siege:
    """Both namespaces, served; the attacker's documents are younger by a second at least."""
    victim, attacker = site.namespace("a"), site.namespace("b")
    site.allow()
    owner, thief = site.keys(), site.keys()
    owned = site.tenant(victim, stores[0], owner)
    osp = site.osp()
    site.wait_served(osp, owner, "data", "A")
    s3_at(osp, owner, HOST).put_object(Bucket="data", Key="raw/side", Body=b"A")
    assert read(stores[0].backend, stores[0].backend_bucket, f"{stores[0].prefix}raw/side") == b"A"
    place = stores[1]
    # creationTimestamps count seconds; of one second, the name would decide, and `a` is first.
    site.api.apply_all(
        [*site.client(attacker, "app", thief), *site.credential(attacker, place.backend.name, place.backend.keys)]
    )
    site.wait_condition("ClientIdentity", attacker, "app", "Ready", "True")
    return Siege(site, osp, victim, attacker, place, owner, thief, owned)


CLAIMS = {
    "same-bucket": {"bucket": "data"},
    "longer-prefix": {"bucket": "data", "prefix": "raw/"},
    "exact-host": {"bucket": "data", "hosts": [HOST]},
    "exact-host-longer-prefix": {"bucket": "data", "hosts": [HOST], "prefix": "raw/"},
}


def test_k01_no_claim_takes_traffic_from_the_owner(siege: Siege) -> None:
    """Bucket, longer prefix, exact host, both: Conflicted in the words that name nobody, and nothing moves."""
    site = siege.site
    for name, match in CLAIMS.items():
        siege.apply(name, match=match)
        told = site.wait_condition("BucketRoute", siege.attacker, name, "Accepted", "False", "Conflicted")
        site.wait_condition("BucketRoute", siege.attacker, name, "Ready", "False", "Conflicted")
        assert siege.victim not in told["message"], "no foreign names"
        siege.assert_untouched()
    site.wait_condition("BucketRoute", siege.victim, "data", "Ready", "True")
    # The twins: the same words about a bucket that is nobody's, and about one that only its own clients see.
    siege.apply("own", match={"bucket": "own", "hosts": [HOST], "prefix": "si"})
    site.wait_condition("BucketRoute", siege.attacker, "own", "Ready", "True")
    siege.apply("inside", match={"bucket": "data", "clientScope": "SameNamespace"})
    site.wait_served(siege.osp, siege.thief, "data", "B")
    assert siege.osp.fetch(siege.owner, "data") == "A"


def test_k01_nobody_gets_into_a_pattern_of_others(site: Site, stores: tuple[Place, Place]) -> None:
    """An exact name inside a pattern is Conflicted, and only who was given a pattern may make one (kubernetes.md 2.4)."""
    victim, attacker = site.namespace("a"), site.namespace("b")
    site.allow()
    owner, thief = site.keys(), site.keys()
    site.tenant(victim, stores[0], owner)
    selector = {"matchLabels": {"kubernetes.io/metadata.name": victim}}
    rule = {"pattern": "inside-*", "namespaceSelector": selector}
    osp = site.osp(settings={"tenancy": {"bucketPatterns": [rule]}})
    site.wait_served(osp, owner, "data", "A")

    def apply(namespace: str, place: Place, name: str, bucket: str) -> None:
        template = {"bucket": "{bucket}"} if bucket.endswith("*") else {}
        backends = [backend_entry(place) | template]
        site.api.apply(
            site.route(namespace, place, [grant("app")], name=name, match={"bucket": bucket}, backends=backends)
        )

    apply(victim, stores[0], "pattern", "inside-*")
    site.wait_condition("BucketRoute", victim, "pattern", "Ready", "True")
    place = stores[1]
    site.api.apply_all(
        [*site.client(attacker, "app", thief), *site.credential(attacker, place.backend.name, place.backend.keys)]
    )
    site.wait_condition("ClientIdentity", attacker, "app", "Ready", "True")
    apply(attacker, place, "exact", "inside-one")
    told = site.wait_condition("BucketRoute", attacker, "exact", "Accepted", "False", "Conflicted")
    assert victim not in told["message"], "no foreign names"
    for name, bucket in (("narrower", "inside-one-*"), ("wider", "in*"), ("all", "*")):
        apply(attacker, place, name, bucket)
        site.wait_condition("BucketRoute", attacker, name, "Accepted", "False", "PatternNotAllowed")
    assert osp.fetch(thief, "inside-one") == "403 AccessDenied"
    assert osp.fetch(owner, "nobodys") == "404 NoSuchBucket", "a refused pattern changes nothing for others"
    # The twin: a name beside the pattern is nobody's.
    apply(attacker, place, "beside", "insider")
    site.wait_condition("BucketRoute", attacker, "beside", "Ready", "True")


def test_k01_a_copied_access_key_id_is_somebody_else(siege: Siege) -> None:
    """The id of the owner with another secret: a warning in status; the owner works on, the copy is nobody there."""
    site = siege.site
    copy = Keys(siege.owner.access_key, site.keys().secret_key)
    site.known.pairs.append(copy)
    site.api.apply_all(site.client(siege.attacker, "copy", copy))
    told = site.wait_condition("ClientIdentity", siege.attacker, "copy", "Ready", "True", "DuplicateAccessKey")
    assert siege.victim not in told["message"], "no foreign names"
    for host in (ADDRESS, HOST):
        assert fetch_at(siege.osp, copy, host, "side") == "403 AccessDenied"
    siege.assert_untouched()
    # The twin: it is an identity of its own namespace, and may do there what it is granted.
    siege.apply("own", [grant("copy")])
    site.wait_served(siege.osp, copy, "own", "B")
    assert siege.osp.fetch(siege.owner, "own") == "403 AccessDenied", "nor does the copy open its own door to the owner"


def test_k02_a_label_that_somebody_gives_itself_selects_nobody_elsewhere(siege: Siege) -> None:
    """A grant by label is for the route's own namespace; naming the owner's identity or credential is not permitted."""
    site = siege.site
    own, labelled = site.keys(), site.keys()
    siege.edit_owned({"name": "readers", "clientSelector": {"matchLabels": ROLE}, "permissions": ["Read"]})
    for namespace, name, keys in ((siege.victim, "reader", own), (siege.attacker, "reader", labelled)):
        documents = site.client(namespace, name, keys)
        documents[1]["metadata"]["labels"] = ROLE
        site.api.apply_all(documents)
        site.wait_condition("ClientIdentity", namespace, name, "Ready", "True")
    # The twin comes first: once it is in, the other one has been looked at as well.
    site.wait_served(siege.osp, own, "data", "A")
    assert siege.osp.fetch(labelled, "data") == "403 AccessDenied"
    siege.assert_untouched()

    # What would make it one of the owner's is refused by name, in the same words for what exists and what does not.
    messages = set()
    for name, target in (("by-name", "reader"), ("guessed", "absent")):
        siege.apply(name, [grant(target, ["Read"], siege.victim)])
        told = site.wait_condition("BucketRoute", siege.attacker, name, "ResolvedRefs", "False", "RefNotPermitted")
        messages.add(told["message"])
    theirs = siege.owned["spec"]["backends"][0]["credentialRef"] | {"namespace": siege.victim}
    siege.apply("credential", backends=[backend_entry(siege.place) | {"credentialRef": theirs}])
    site.wait_condition("BucketRoute", siege.attacker, "credential", "ResolvedRefs", "False", "RefNotPermitted")
    assert siege.osp.fetch(siege.thief, "credential") == "503 ServiceUnavailable"
    assert len(messages) == 1, messages


def test_k_api_7_what_keygen_prints_works_at_once(siege: Siege) -> None:
    """`osp keygen | kubectl apply -f -`: Ready, and signed requests of a granted client succeed within a second."""
    site = siege.site
    siege.edit_owned(grant("fresh", ["Read"]))
    site.wait_condition("BucketRoute", siege.victim, "data", "ResolvedRefs", "False", "ClientNotFound")
    command = [osp_binary(), "keygen", "--name", "fresh", "--namespace", siege.victim, "--class", site.class_name]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=EFFECT_DEADLINE_S).stdout
    data = next(yaml.safe_load_all(printed))["stringData"]
    keys = Keys(data["AWS_ACCESS_KEY_ID"], data["AWS_SECRET_ACCESS_KEY"])
    site.known.pairs.append(keys)
    assert siege.osp.fetch(keys, "data") == "403 InvalidAccessKeyId"
    site.kubectl.run("apply", "-f", "-", stdin=printed)
    since = time.monotonic()
    took = site.wait_served(siege.osp, keys, "data", "A") - since
    assert took <= 1.0, took
    site.wait_condition("ClientIdentity", siege.victim, "fresh", "Ready", "True")
    site.wait_condition("BucketRoute", siege.victim, "data", "Ready", "True")
