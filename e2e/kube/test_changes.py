"""From a change to its effect, on two replicas, with traffic that must not notice (K3, K4, K-API-4, K-API-7)."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from backends import Keys
from clients import Endpoint
from gateway import Place, backend_entry
from kube.api import path_of, path_to
from kube.osp import KubeOsp
from kube.served import Served
from kube.site import EFFECT_DEADLINE_S, WATCH_LABEL
from processes import wait_until
from raw_http import answer_of, open_socket, signed_head
from seeding import read

pytestmark = pytest.mark.gateway
# K-API-4 and issue 4: from the watch event to every replica.
EFFECT_BOUND_S = 1.0
UPLOADS = 200
UPLOAD_BYTES = 64 * 1024


@dataclass
class Duo:
    """Two replicas that serve the same."""

    served: Served
    replicas: list[KubeOsp]

    def change(self, what: str, act: Callable[[], object], keys: Keys, wanted: str) -> None:
        """Make a change, and demand its effect on both replicas within the bound."""
        act()
        since = time.monotonic()
        site = self.served.site
        took = max(site.wait_served(replica, keys, "data", wanted) for replica in self.replicas) - since
        print(f"{what}: in force on both replicas after {took * 1000:.0f} ms")
        assert took <= EFFECT_BOUND_S, what

    def edit(self, what: str, wanted: str, **changed: object) -> None:
        """Change the route, as above."""
        self.change(what, lambda: self.served.edit(**changed), self.served.keys, wanted)


@pytest.fixture
def duo(served: Served) -> Duo:
    """Two OSPs."""
    return Duo(served, [served.start("one"), served.start("two")])


def test_k3_a_route_moves_a_grant_goes_an_identity_goes(duo: Duo, stores: tuple[Place, Place]) -> None:
    """Each within a second on both replicas, each back again, and no request on the control route fails."""
    served = duo.served
    site, keys = served.site, served.keys
    identity = site.client(served.namespace, "app", keys)[1]
    identity_path, route_path = path_to(identity), path_to(served.route)
    with served.control(duo.replicas[0]):
        duo.edit("route moved", "B", backends=[backend_entry(stores[1])])
        duo.edit("route moved back", "A")
        duo.edit("grant revoked", "403 AccessDenied", access=[])
        duo.edit("grant given", "A")
        duo.edit("deny added", "403 AccessDenied", deny=[{"name": "all"}])
        duo.edit("deny removed", "A")
        duo.change("identity deleted", lambda: site.api.delete(identity_path), keys, "403 InvalidAccessKeyId")
        duo.change("identity made", lambda: site.api.apply(identity), keys, "A")
        duo.change("route deleted", lambda: site.api.delete(route_path), keys, "404 NoSuchBucket")
        duo.edit("route made", "A")
    wait_until("both replicas have the same table", lambda: same_hash(duo.replicas), EFFECT_DEADLINE_S)


def same_hash(replicas: list[KubeOsp]) -> bool:
    """Whether all replicas have one configuration in force."""
    return len({replica.config_hash() for replica in replicas}) == 1


def test_k_api_4_withdrawn_consent_is_503_at_once(duo: Duo, stores: tuple[Place, Place]) -> None:
    """A credential of another namespace: allowed, withdrawn (503, never 404, RefNotPermitted), allowed again."""
    served, site, place = duo.served, duo.served.site, stores[1]
    host = urlsplit(place.backend.endpoint).netloc
    shared = site.credential(served.platform, "shared", place.backend.keys, allowedEndpoints=[host])
    consent = {"from": "Selector", "selector": {"matchLabels": {"kubernetes.io/metadata.name": served.namespace}}}
    elsewhere = {"from": "Selector", "selector": {"matchLabels": {"kubernetes.io/metadata.name": served.platform}}}

    def allowed(namespaces: dict[str, Any]) -> Callable[[], object]:
        return lambda: site.api.apply(shared[1] | {"spec": shared[1]["spec"] | {"allowedNamespaces": namespaces}})

    entry = backend_entry(place) | {"credentialRef": {"name": "shared", "namespace": served.platform}}
    site.api.apply(shared[0])
    allowed(consent)()
    with served.control(duo.replicas[0]):
        duo.edit("other namespace's credential", "B", backends=[entry])
        site.wait_condition("BucketRoute", served.namespace, "data", "ResolvedRefs", "True")
        duo.change("consent withdrawn", allowed(elsewhere), served.keys, "503 ServiceUnavailable")
        told = site.wait_condition("BucketRoute", served.namespace, "data", "ResolvedRefs", "False", "RefNotPermitted")
        assert "credentialRef" in told["message"], told["message"]
        assert "shared" not in told["message"], "the message tells nothing of the other namespace"
        duo.change("consent given again", allowed(consent), served.keys, "B")
        served.wait_ready()


def test_k3_a_secret_that_loses_its_label_is_gone(duo: Duo, stores: tuple[Place, Place]) -> None:
    """RBAC lets OSP read it, the label does not: 503, and SecretNotFound names the label; labelled again, it works."""
    served, site, name = duo.served, duo.served.site, stores[0].backend.name
    path = path_of("Secret", served.namespace, f"backend-{name}")

    def label(value: str | None) -> Callable[[], object]:
        return lambda: site.api.merge(path, {"metadata": {"labels": {WATCH_LABEL: value}}})

    with served.control(duo.replicas[0]):
        duo.change("label taken away", label(None), served.keys, "503 ServiceUnavailable")
        told = site.wait_condition("CredentialSource", served.namespace, name, "Ready", "False", "SecretNotFound")
        assert WATCH_LABEL in told["message"], told["message"]
        duo.change("label given", label("true"), served.keys, "A")
        site.wait_condition("CredentialSource", served.namespace, name, "Ready", "True")
        served.wait_ready()


@dataclass
class HalfUpload:
    """A signed PUT of which the head and half of the body were sent."""

    sock: socket.socket
    rest: bytes

    def finish(self) -> int:
        """Send the rest; return the status."""
        with self.sock:
            self.sock.sendall(self.rest)
            response = http.client.HTTPResponse(self.sock)
            response.begin()
            return answer_of(response).status


def begin_upload(osp: KubeOsp, keys: Keys, number: int) -> HalfUpload:
    """Begin one upload on a connection of its own."""
    endpoint, body = Endpoint(f"http://{osp.addresses['http']}", keys), body_of_upload(number)
    head = signed_head(endpoint, "PUT", f"/data/rotation/{number}", len(body), "UNSIGNED-PAYLOAD")
    sock = open_socket(endpoint.url, None)
    half = len(body) // 2
    sock.sendall(head + body[:half])
    return HalfUpload(sock, body[half:])


def body_of_upload(number: int) -> bytes:
    """Return what is uploaded under a number."""
    return f"{number:08d}".encode() * (UPLOAD_BYTES // 8)


def test_k4_a_key_is_rotated_during_200_parallel_uploads(duo: Duo, stores: tuple[Place, Place]) -> None:
    """Two live keys: uploads that began with the old one end well, both work in between, then only the new one does."""
    served, site, osp = duo.served, duo.served.site, duo.replicas[0]
    namespace, place, old, new = served.namespace, stores[0], served.keys, site.keys()
    identity = site.client(namespace, "app", old)[1]

    def live(*names: str) -> Callable[[], object]:
        references = {"accessKey": {"secretRefs": [{"name": name} for name in names]}}
        return lambda: site.api.apply(identity | {"spec": identity["spec"] | references})

    def in_flight() -> bool:
        return osp.metric("osp_active_connections") >= UPLOADS

    site.api.apply(site.secret(namespace, "client-app-new", new))
    with served.control(osp):
        begun = [begin_upload(osp, old, number) for number in range(UPLOADS)]
        wait_until("all uploads are under way", in_flight, EFFECT_DEADLINE_S)
        assert osp.fetch(new, "data") == "403 InvalidAccessKeyId"
        duo.change("new key added", live("client-app", "client-app-new"), new, "A")
        assert osp.fetch(old, "data") == "A", "the old key lives on"
        begun += [begin_upload(osp, new, number) for number in range(UPLOADS, UPLOADS + UPLOADS // 4)]
        duo.change("old key removed", live("client-app-new"), old, "403 InvalidAccessKeyId")
        assert osp.fetch(new, "data") == "A"
        statuses = [upload.finish() for upload in begun]
    assert statuses == [200] * len(begun)
    for number in (0, UPLOADS - 1, UPLOADS):
        assert read(place.backend, place.backend_bucket, f"{place.prefix}rotation/{number}") == body_of_upload(number)
    site.wait_condition("ClientIdentity", namespace, "app", "Ready", "True")
    assert site.get("ClientIdentity", namespace, "app")["status"]["accessKeyID"] == new.access_key
