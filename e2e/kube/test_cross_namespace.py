"""Who may refer to whom: a generated matrix of consent against an independent model (K-API-4, K02)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import pytest

from gateway import Place, backend_entry
from kube.site import Site, grant

pytestmark = [pytest.mark.gateway, pytest.mark.full]
TENANT_LABEL = "e2e.osp.invalid/tenant"


@dataclass(frozen=True)
class Case:
    """A route in `a` refers to a target in `where`, which consents like this, or is not there."""

    kind: str
    consent: str
    where: str
    exists: bool

    @property
    def name(self) -> str:
        """A name for target, route and bucket."""
        words = (self.kind, self.consent, self.where, "there" if self.exists else "absent")
        return "-".join(words).lower()

    def permitted(self, labels_readable: bool) -> bool:
        """The model: inside one namespace always; across namespaces by the target's words only."""
        if self.where == "own":
            return True
        return self.exists and (self.consent in ("all", "named") or (self.consent == "labelled" and labels_readable))

    def works(self, labels_readable: bool) -> bool:
        """Whether the reference can be used."""
        return self.exists and self.permitted(labels_readable)


def consent_of(word: str, namespace: str) -> dict[str, Any]:
    """Return `allowedNamespaces` for a word of the matrix."""
    selector = {
        "named": {"kubernetes.io/metadata.name": namespace},
        "misnamed": {"kubernetes.io/metadata.name": "somebody-else"},
        "labelled": {TENANT_LABEL: "true"},
        "mislabelled": {TENANT_LABEL: "false"},
    }
    if word == "none":
        return {}
    if word in ("same", "all"):
        return {"allowedNamespaces": {"from": word.capitalize()}}
    return {"allowedNamespaces": {"from": "Selector", "selector": {"matchLabels": selector[word]}}}


CASES = [
    Case(kind, consent, where, exists)
    for kind, consent, where, exists in itertools.product(
        ("credential", "client"),
        ("none", "same", "named", "misnamed", "labelled", "mislabelled", "all"),
        ("own", "other"),
        (True, False),
    )
    if exists or consent == "none"
]


@pytest.mark.parametrize("labels_readable", [False, True], ids=["labels-hidden", "labels-readable"])
def test_k_api_4_cross_namespace_matrix(labels_readable: bool, site: Site, stores: tuple[Place, Place]) -> None:
    """Every cell: the S3 answer, the condition, a message that is the same whether the other object exists or not."""
    place = stores[0]
    own = site.namespace("a", **{TENANT_LABEL: "true"})
    other = site.namespace("b")
    site.allow(labels_of_namespaces=labels_readable)
    keys = site.keys()
    site.api.apply_all([*site.client(own, "app", keys), *site.credential(own, place.backend.name, place.backend.keys)])
    host = place.backend.endpoint.removeprefix("http://")
    client_keys = {}
    for case in CASES:
        namespace = own if case.where == "own" else other
        target = {"name": case.name} | ({"namespace": other} if case.where == "other" else {})
        consent = consent_of(case.consent, own)
        match = {"bucket": case.name}
        if case.kind == "credential":
            endpoints = {"allowedEndpoints": [host]} if consent else {}
            made = site.credential(namespace, case.name, place.backend.keys, **consent, **endpoints)
            entry = backend_entry(place) | {"credentialRef": target}
            route = site.route(own, place, [grant("app")], name=case.name, match=match, backends=[entry])
        else:
            client_keys[case] = site.keys()
            made = site.client(namespace, case.name, client_keys[case], **consent)
            access = [grant(case.name) | {"clientRef": target}]
            route = site.route(own, place, access, name=case.name, match=match)
        site.api.apply_all([*(made if case.exists else made[:1]), route])

    osp = site.osp(settings={"namespaceLabels": labels_readable})
    denied, messages = 0, set()
    for case in CASES:
        works = case.works(labels_readable)
        if works:
            site.wait_condition("BucketRoute", own, case.name, "Ready", "True")
        else:
            missing = "CredentialNotFound" if case.kind == "credential" else "ClientNotFound"
            reason = missing if case.where == "own" else "RefNotPermitted"
            told = site.wait_condition("BucketRoute", own, case.name, "ResolvedRefs", "False", reason)
            denied += 1
            if case.where == "other":
                messages.add((case.kind, told["message"]))
        if case.kind == "credential":
            wanted = "A" if works else "503 ServiceUnavailable"
            assert osp.fetch(keys, case.name) == wanted, case
        else:
            known = "A" if works else "403 AccessDenied" if case.exists else "403 InvalidAccessKeyId"
            assert osp.fetch(client_keys[case], case.name) == known, case
    assert denied >= len(CASES) // 3
    assert len(messages) == 2, f"one message for credentials, one for clients: {messages}"
