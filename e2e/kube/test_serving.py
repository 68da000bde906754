"""`kubectl apply` of a route, its credential and a client: it works and the status tells the truth (K1, K-API-2)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backends import Backend
from gateway import Place
from kube.control_plane import ControlPlane
from kube.site import Site, grant
from processes import Child

pytestmark = pytest.mark.gateway
SERVICE_ACCOUNT_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"
GOLDEN = Path(__file__).with_name("golden")


def test_k_ctl_1_ready_on_an_empty_cluster_and_404_there(site: Site) -> None:
    """Empty lists count: ready without any object, and every bucket is unknown, not broken."""
    site.namespace("a")
    site.allow()
    osp = site.osp()
    assert osp.is_ready()
    # No client exists either, so the key is refused before the bucket is looked for.
    assert osp.fetch(site.keys(), "data") == "403 InvalidAccessKeyId"


def test_k_api_2_applied_objects_serve_and_say_so(site: Site, stores: tuple[Place, Place]) -> None:
    """Objects applied with kubectl to a running OSP: the request works, and every condition is True with its reason."""
    namespace, keys = site.namespace("a"), site.keys()
    site.allow()
    osp = site.osp()
    place = stores[0]
    site.kubectl.apply(
        *site.client(namespace, "app", keys),
        *site.credential(namespace, place.backend.name, place.backend.keys),
        site.route(namespace, place, [grant("app")]),
    )
    site.wait_served(osp, keys, "data", "A")
    assert osp.fetch(keys, "unknown") == "404 NoSuchBucket"

    for condition in ("Accepted", "ResolvedRefs", "Programmed", "Ready"):
        site.wait_condition("BucketRoute", namespace, "data", condition, "True")
    for condition in ("Accepted", "ResolvedRefs", "Ready"):
        site.wait_condition("CredentialSource", namespace, place.backend.name, condition, "True")
    for condition in ("Accepted", "Ready"):
        site.wait_condition("ClientIdentity", namespace, "app", condition, "True")
    assert set(site.conditions("BucketRoute", namespace, "data")) == {"Accepted", "ResolvedRefs", "Programmed", "Ready"}

    source = site.get("CredentialSource", namespace, place.backend.name)["status"]
    assert (source["type"], source["observedGeneration"]) == ("Secret", 1)
    client = site.get("ClientIdentity", namespace, "app")["status"]
    assert (client["accessKeyID"], client["observedGeneration"]) == (keys.access_key, 1)
    managers = {
        (entry["manager"], entry.get("subresource"))
        for entry in site.get("BucketRoute", namespace, "data")["metadata"]["managedFields"]
    }
    assert (f"osp-{site.class_name}", "status") in managers

    # The words with which tools wait: `helm --wait` and Flux look at Ready (kstatus), people use kubectl.
    site.kubectl.run("wait", "-n", namespace, "broute/data", "--for=condition=Ready", "--timeout=5s")


def test_k_api_2_nothing_is_written_when_nothing_changed(site: Site, stores: tuple[Place, Place]) -> None:
    """What alters no status leaves every resourceVersion; what flips no condition leaves its transition time."""
    namespace, keys = site.namespace("a"), site.keys()
    site.allow()
    route = site.tenant(namespace, stores[0], keys)
    osp = site.osp()
    site.wait_condition("BucketRoute", namespace, "data", "Ready", "True")
    site.wait_condition("ClientIdentity", namespace, "app", "Ready", "True")
    before = site.get("BucketRoute", namespace, "data")

    # A second client is an input of the same compilation; when it is served, the first route has been looked at again.
    other = site.keys()
    site.api.apply_all(site.client(namespace, "other", other))
    site.wait_condition("ClientIdentity", namespace, "other", "Ready", "True")
    after = site.get("BucketRoute", namespace, "data")
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]

    # A new generation that stays true: observedGeneration moves, lastTransitionTime does not.
    route["spec"]["access"] = [grant("app"), grant("other", ["Read"])]
    site.api.apply(route)
    site.wait_served(osp, other, "data", "A")
    ready = site.wait_condition("BucketRoute", namespace, "data", "Ready", "True")
    assert ready["observedGeneration"] == 2
    times = {
        kind: told["lastTransitionTime"] for kind, told in site.conditions("BucketRoute", namespace, "data").items()
    }
    assert times == {told["type"]: told["lastTransitionTime"] for told in before["status"]["conditions"]}


def test_k_api_1_printer_columns(site: Site, stores: tuple[Place, Place]) -> None:
    """`kubectl get osp -A` is what the golden file says, with and without -o wide."""
    good, bad = site.namespace("a"), site.namespace("b")
    site.allow()
    keys = site.keys()
    site.tenant(good, stores[0], keys)
    site.api.apply(site.route(bad, stores[0], [], name="lonely", match={"bucket": "lonely"}))
    site.osp()
    site.wait_condition("BucketRoute", good, "data", "Ready", "True")
    site.wait_condition("ClientIdentity", good, "app", "Ready", "True")
    site.wait_condition("CredentialSource", good, stores[0].backend.name, "Ready", "True")
    site.wait_condition("BucketRoute", bad, "lonely", "Ready", "False")
    for name, flags in (("get-osp", []), ("get-osp-wide", ["-o", "wide"])):
        shown = site.kubectl.run("get", "osp", "-A", *flags)
        assert tidy(shown, site, keys.access_key, stores[0].backend) == (GOLDEN / f"{name}.txt").read_text(), name
    assert site.kubectl.run("get", "broute", "-n", good, "-o", "name") == "bucketroute.osp.flexworks.eu/data\n"
    assert site.kubectl.run("get", "credsrc", "-n", bad, "-o", "name") == ""
    assert site.kubectl.run("get", "s3client", "-n", good, "-o", "name") == "clientidentity.osp.flexworks.eu/app\n"


def tidy(shown: str, site: Site, access_key: str, backend: Backend) -> str:
    """Keep the headers and this site's lines; names, keys, ports and ages become words, spaces one space."""
    lines = [line for line in shown.splitlines() if line.startswith("NAMESPACE") or site.name in line or not line]
    text = "\n".join(re.sub(r"\s+", " ", line).strip() for line in lines) + "\n"
    words = ((site.name, "SITE"), (access_key, "KEY"), (backend.endpoint, "ENDPOINT"), (backend.name, "BACKEND"))
    for found, word in words:
        text = text.replace(found, word)
    return re.sub(r" \d+[smhd](\d+s)?( |$)", r" AGE\2", text, flags=re.M)


def test_k1_in_cluster_configuration(site: Site, stores: tuple[Place, Place], control_plane: ControlPlane) -> None:
    """Without a kubeconfig: the ServiceAccount's files and variables of a pod, in a mount namespace of its own."""
    namespace, keys = site.namespace("a"), site.keys()
    site.allow()
    site.tenant(namespace, stores[0], keys)
    mounted = site.folder / "serviceaccount"
    mounted.mkdir()
    (mounted / "token").write_text(control_plane.token(site.home, "osp"))
    (mounted / "ca.crt").write_bytes(control_plane.pki.ca.cert.read_bytes())
    (mounted / "namespace").write_text(site.home)
    # Nothing outside of the process sees the folder: everything under /var/run/secrets is its own.
    script = (
        f"mkdir -p /var/run && mount -t tmpfs none /var/run && mkdir -p {SERVICE_ACCOUNT_FOLDER} "
        f'&& cp "$0"/* {SERVICE_ACCOUNT_FOLDER} && exec env KUBERNETES_SERVICE_HOST=127.0.0.1 '
        f'KUBERNETES_SERVICE_PORT={control_plane.port} HOME=/nonexistent "$@"'
    )
    osp = site.osp(kubeconfig=None, prefix=["unshare", "--mount", "sh", "-c", script, mounted])
    assert isinstance(osp.child, Child)
    site.wait_served(osp, keys, "data", "A")
    site.wait_condition("BucketRoute", namespace, "data", "Programmed", "True")
