"""The three RBAC modes with the ServiceAccount's own token (K-PKG-3, K03): what the API server says, what OSP does."""

from __future__ import annotations

import pytest

from gateway import Place, backend_entry
from kube.api import Refused, path_of
from kube.control_plane import ControlPlane
from kube.rbac import ACCOUNT, Mode, named_secrets
from kube.site import Site, grant

pytestmark = pytest.mark.gateway
OURS = ("bucketroutes", "credentialsources", "clientidentities")
READING = ("get", "list", "watch")
# Nobody grants these to OSP, in no mode and nowhere.
NEVER = [
    *((verb, f"{kind}.osp.flexworks.eu") for kind in OURS for verb in ("create", "update", "patch", "delete")),
    *((verb, "secrets") for verb in ("create", "update", "patch", "delete")),
    ("create", "serviceaccounts/token"), ("create", "tokenreviews.authentication.k8s.io"), ("get", "pods"),
    ("delete", "leases.coordination.k8s.io"), ("impersonate", "users"),
]  # fmt: skip


def rights(mode: Mode, watched: str, foreign: str, home: str, lease: str) -> dict[tuple[str, str, str], bool]:
    """Return (verb, resource, namespace) -> whether OSP has it, the whole matrix of a mode."""
    found: dict[tuple[str, str, str], bool] = {}
    for namespace in (watched, foreign):
        own = namespace == watched or mode == "Cluster"
        for kind in OURS:
            for verb in READING:
                found[verb, f"{kind}.osp.flexworks.eu", namespace] = own
            found["patch", f"{kind}.osp.flexworks.eu/status", namespace] = own
            found["update", f"{kind}.osp.flexworks.eu/status", namespace] = False
        for kind in ("secrets", "configmaps"):
            for verb in READING:
                found[verb, kind, namespace] = own and mode != "Named"
        for verb in ("create", "patch"):
            found[verb, "events.events.k8s.io", namespace] = own
        for verb, resource in NEVER:
            found[verb, resource, namespace] = False
    for verb in ("get", "update"):
        found[verb, f"leases.coordination.k8s.io/{lease}", home] = True
        found[verb, "leases.coordination.k8s.io/another", home] = False
    found["create", "leases.coordination.k8s.io", home] = True
    found["list", "namespaces", ""] = False
    return found


def can(site: Site, verb: str, resource: str, namespace: str) -> bool:
    """Ask the API server by SubjectAccessReview whether the ServiceAccount may, as `kubectl auth can-i --as` does."""
    plural, _, rest = resource.partition(".")
    group, _, name = rest.partition("/") if rest else ("", "", "")
    subresource = ""
    if not rest:
        plural, _, subresource = plural.partition("/")
    elif name == "status":
        name, subresource = "", "status"
    attributes = {
        "verb": verb, "group": group, "resource": plural, "subresource": subresource, "name": name,
        "namespace": namespace,
    }  # fmt: skip
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": f"system:serviceaccount:{site.home}:{ACCOUNT}", "resourceAttributes": attributes},
    }
    answer = site.api.call("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return answer["status"]["allowed"]


@pytest.mark.parametrize("mode", ["Namespaces", "Named", "Cluster"])
def test_k_pkg_3_the_rights_of_a_mode_are_these_and_no_others(mode: Mode, site: Site) -> None:
    """Every cell of the matrix, asked of the API server; a sample of it as a user asks: `kubectl auth can-i --as`."""
    watched = site.namespace("a")
    site.allow(mode)
    foreign = site.namespace("foreign")
    wanted = rights(mode, watched, foreign, site.home, site.lease)
    found = {(verb, resource, where): can(site, verb, resource, where) for verb, resource, where in wanted}
    assert found == wanted
    assert {True, False} == set(found.values())

    account = f"system:serviceaccount:{site.home}:{ACCOUNT}"
    assert site.kubectl.can_i(account, "watch", "bucketroutes.osp.flexworks.eu", watched)
    assert site.kubectl.can_i(account, "list", "secrets", foreign) == (mode == "Cluster")
    assert site.kubectl.can_i(account, "list", "secrets", watched) == (mode != "Named")


def test_k_pkg_3_namespaces_mode_never_reads_another_namespace(
    site: Site, stores: tuple[Place, Place], control_plane: ControlPlane
) -> None:
    """OSP works with its token where it may, is refused elsewhere, and a reference there gives nothing away."""
    own = site.namespace("a")
    site.allow()
    foreign = site.namespace("foreign")
    keys = site.keys()
    place = stores[0]
    site.tenant(own, place, keys)
    # The foreign namespace consents to everybody; OSP still cannot see it, so the reference is not permitted.
    host = place.backend.endpoint.removeprefix("http://")
    site.api.apply_all(
        site.credential(
            foreign, "shared", place.backend.keys, allowedNamespaces={"from": "All"}, allowedEndpoints=[host]
        )
    )
    for name, target in (("reaching", "shared"), ("guessing", "absent")):
        entry = backend_entry(place) | {"credentialRef": {"name": target, "namespace": foreign}}
        site.api.apply(site.route(own, place, [grant("app")], name=name, match={"bucket": name}, backends=[entry]))
    osp = site.osp(namespaces=[own])
    site.wait_served(osp, keys, "data", "A")

    told = [
        site.wait_condition("BucketRoute", own, name, "ResolvedRefs", "False", "RefNotPermitted")
        for name in ("reaching", "guessing")
    ]
    assert told[0]["message"] == told[1]["message"], "the message says whether the other object exists"
    assert osp.fetch(keys, "reaching") == osp.fetch(keys, "guessing") == "503 ServiceUnavailable"

    token = control_plane.account(site.home, ACCOUNT)
    assert [item["metadata"]["name"] for item in token.get(path_of("Secret", own))["items"]] != []
    for path in (path_of("Secret", foreign), path_of("Secret", foreign, "backend-shared"), "/api/v1/secrets"):
        with pytest.raises(Refused) as refused:
            token.get(path)
        assert refused.value.status == 403, path


@pytest.mark.full
def test_k_pkg_3_named_mode_reads_the_secrets_that_the_tenant_names(site: Site, stores: tuple[Place, Place]) -> None:
    """No Secret is readable until the tenant's Role names it; named later, it is found; the others stay unreadable."""
    namespace, keys = site.namespace("a"), site.keys()
    site.allow("Named")
    place = stores[0]
    site.tenant(namespace, place, keys)
    site.api.apply_all(named_secrets(site.home, namespace, ["client-app"]))
    osp = site.osp(start=False, watch_mode="Named")
    osp.spawn()
    # kubernetes.md 7: ready when every named Secret has answered, or 403 for 30 s.
    osp.wait_ready(75)
    site.wait_condition("CredentialSource", namespace, place.backend.name, "Ready", "False", "SecretNotFound")
    site.wait_condition("ClientIdentity", namespace, "app", "Ready", "True")
    assert osp.fetch(keys, "data") == "503 ServiceUnavailable"

    site.api.apply_all(named_secrets(site.home, namespace, ["client-app", f"backend-{place.backend.name}"]))
    site.wait_served(osp, keys, "data", "A", deadline_s=60)
    site.wait_condition("BucketRoute", namespace, "data", "Ready", "True")

    # A second client, and a Secret without the label: in this mode the name is enough.
    other = site.keys()
    site.api.apply_all(
        [site.secret(namespace, "client-other", other, watched=False), site.client(namespace, "other", other)[1],
         *named_secrets(site.home, namespace, ["client-app", f"backend-{place.backend.name}", "client-other"]),
         site.route(namespace, place, [grant("app"), grant("other")])]
    )  # fmt: skip
    site.wait_served(osp, other, "data", "A", deadline_s=60)
    assert osp.fetch(keys, "data") == "A"


@pytest.mark.full
def test_k_pkg_3_cluster_mode_sees_every_namespace_and_every_new_one(site: Site, stores: tuple[Place, Place]) -> None:
    """A namespace that is made while OSP runs is served without a restart; a Secret without the label is not read."""
    first = site.namespace("a")
    site.allow("Cluster")
    keys, other = site.keys(), site.keys()
    site.tenant(first, stores[0], keys)
    osp = site.osp(watch_mode="Cluster")
    site.wait_served(osp, keys, "data", "A")
    second = site.namespace("b")
    place = stores[1]
    site.api.apply_all(
        [*site.client(second, "app", other), *site.credential(second, place.backend.name, place.backend.keys),
         site.route(second, place, [grant("app")], name="late", match={"bucket": "late"})]
    )  # fmt: skip
    site.wait_served(osp, other, "late", "B")
    site.wait_condition("BucketRoute", second, "late", "Ready", "True")
    unlabelled = site.secret(second, "client-app", other)
    site.api.merge(
        path_of("Secret", second, "client-app"),
        {"metadata": {"labels": dict.fromkeys(unlabelled["metadata"]["labels"])}},
    )
    site.wait_condition("ClientIdentity", second, "app", "Ready", "False", "SecretNotFound")
    site.wait_served(osp, other, "late", "403 InvalidAccessKeyId")
    assert osp.fetch(keys, "data") == "A"


@pytest.mark.full
def test_k_ctl_3_one_forbidden_namespace_holds_nobody_for_ever(site: Site, stores: tuple[Place, Place]) -> None:
    """403 on one namespace: ready after 30 s, the other one serves; unmatched names are 503, a route may be there."""
    namespace, keys = site.namespace("a"), site.keys()
    site.allow()
    closed = site.namespace("closed")
    site.tenant(namespace, stores[0], keys)
    osp = site.osp(start=False, namespaces=[namespace, closed])
    osp.spawn()
    osp.wait_ready(75)
    site.wait_served(osp, keys, "data", "A")
    assert osp.fetch(keys, "unknown") == "503 ServiceUnavailable"
    # The right arrives: nothing has to be restarted, and unmatched names are unknown again.
    site.allow()
    site.wait_served(osp, keys, "unknown", "404 NoSuchBucket", deadline_s=60)
