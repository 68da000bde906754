"""One scenario's own corner of the cluster: namespaces, a class, RBAC, the documents, and the OSP processes."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backends import Keys
from certificates import Certificates
from gateway import ALL_PERMISSIONS, Osp, Place, backend_entry
from kube.api import GROUP, Api, path_of
from kube.control_plane import ControlPlane, wait_for_object
from kube.kubectl import Kubectl
from kube.osp import KubeOsp
from kube.rbac import ACCOUNT, Mode, grants
from processes import NotReady, wait_until

WATCH_LABEL = "osp.flexworks.eu/watch"
VERSION = f"{GROUP}/v1alpha1"
# From `kubectl apply` to the condition: the watch, the debounce, the writer's pace, two busy cores.
STATUS_DEADLINE_S = 15.0
EFFECT_DEADLINE_S = 10.0
LOG_LINES = 40


@dataclass(frozen=True)
class Known:
    """Every key pair and every OSP of the run, for the search for secrets at its end."""

    pairs: list[Keys]
    gateways: list[Osp]


@dataclass
class Site:
    """Namespaces `<name>-system`, `<name>-a`, ... and everything in them."""

    name: str
    control_plane: ControlPlane
    folder: Path
    certificates: Certificates
    known: Known
    namespaces: list[str] = field(default_factory=list)
    processes: list[KubeOsp] = field(default_factory=list)
    api: Api = field(init=False)
    kubectl: Kubectl = field(init=False)

    def __post_init__(self) -> None:
        """Make OSP's own namespace."""
        self.api = self.control_plane.admin()
        self.kubectl = Kubectl(self.control_plane.admin_kubeconfig(), self.folder)
        self.api.apply(namespace_document(self.home))

    @property
    def home(self) -> str:
        """OSP's own namespace: ServiceAccount and Lease."""
        return f"{self.name}-system"

    @property
    def class_name(self) -> str:
        """The class of every object of this site, so that sites do not see each other's."""
        return self.name

    @property
    def lease(self) -> str:
        """The name of the Lease."""
        return f"osp-{self.class_name}-leader"

    def namespace(self, suffix: str, **labels: str) -> str:
        """Make a tenant's namespace and return its name."""
        name = f"{self.name}-{suffix}"
        self.api.apply(namespace_document(name, labels))
        self.namespaces.append(name)
        return name

    def allow(self, mode: Mode = "Namespaces", labels_of_namespaces: bool = False) -> None:
        """Give OSP's ServiceAccount the rights of a mode, for the namespaces made so far."""
        self.api.apply_all(grants(mode, self.home, self.namespaces, self.lease, labels_of_namespaces))

    def osp(self, name: str = "osp", start: bool = True, **options: Any) -> KubeOsp:  # noqa: ANN401
        """Start an OSP that watches the namespaces made so far, as its ServiceAccount."""
        folder = self.folder / name
        folder.mkdir()
        defaults = {
            "kubeconfig": self.control_plane.account_kubeconfig(self.home, ACCOUNT),
            "home": self.home,
            "class_name": self.class_name,
            "namespaces": list(self.namespaces),
        }
        made = KubeOsp(folder, self.certificates, **(defaults | options))
        self.processes.append(made)
        self.known.gateways.append(made)
        if start:
            made.start()
        return made

    def keys(self) -> Keys:
        """Make a key pair that no log may show."""
        made = Keys.random("KC")
        self.known.pairs.append(made)
        return made

    def secret(self, namespace: str, name: str, keys: Keys, watched: bool = True) -> dict[str, Any]:
        """Return the Secret for a key pair, with the label without which OSP does not see it."""
        data = {"AWS_ACCESS_KEY_ID": keys.access_key, "AWS_SECRET_ACCESS_KEY": keys.secret_key}
        metadata: dict[str, Any] = {"name": name, "namespace": namespace}
        if watched:
            metadata["labels"] = {WATCH_LABEL: "true"}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "stringData": data}

    def document(self, kind: str, namespace: str, name: str, spec: dict[str, Any], **labels: str) -> dict[str, Any]:
        """Return an object of ours with this site's class."""
        metadata: dict[str, Any] = {"name": name, "namespace": namespace}
        if labels:
            metadata["labels"] = labels
        spec = {"className": self.class_name} | spec
        return {"apiVersion": VERSION, "kind": kind, "metadata": metadata, "spec": spec}

    def client(self, namespace: str, name: str, keys: Keys, **spec: Any) -> list[dict[str, Any]]:  # noqa: ANN401
        """Return a ClientIdentity and its Secret."""
        wanted = {"accessKey": {"secretRefs": [{"name": f"client-{name}"}]}} | spec
        return [
            self.secret(namespace, f"client-{name}", keys),
            self.document("ClientIdentity", namespace, name, wanted),
        ]

    def credential(self, namespace: str, name: str, keys: Keys, **spec: Any) -> list[dict[str, Any]]:  # noqa: ANN401
        """Return a CredentialSource and its Secret."""
        return [
            self.secret(namespace, f"backend-{name}", keys),
            self.document("CredentialSource", namespace, name, {"secret": {"name": f"backend-{name}"}} | spec),
        ]

    def route(
        self,
        namespace: str,
        place: Place,
        access: Sequence[dict[str, Any]],
        name: str = "",
        **spec: Any,  # noqa: ANN401
    ) -> dict[str, Any]:
        """Return a BucketRoute to a place; its credential is named after the backend."""
        wanted = {"match": {"bucket": place.bucket}, "backends": [backend_entry(place)], "access": list(access)}
        return self.document("BucketRoute", namespace, name or place.bucket, wanted | spec)

    def tenant(self, namespace: str, place: Place, keys: Keys) -> dict[str, Any]:
        """Apply a working route with its credential and the client `app`; return the route."""
        route = self.route(namespace, place, [grant("app")])
        self.api.apply_all(
            [*self.client(namespace, "app", keys),
             *self.credential(namespace, place.backend.name, place.backend.keys), route]
        )  # fmt: skip
        return route

    def get(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """Return an object as the API server has it."""
        return self.api.get(path_of(kind, namespace, name))

    def conditions(self, kind: str, namespace: str, name: str) -> dict[str, dict[str, Any]]:
        """Return an object's conditions by type."""
        return conditions_of(self.get(kind, namespace, name))

    def wait_condition(
        self, kind: str, namespace: str, name: str, condition: str, status: str, reason: str | None = None,
        deadline_s: float = STATUS_DEADLINE_S,
    ) -> dict[str, Any]:  # fmt: skip
        """Wait until a condition of the object's present generation has a status (and a reason); return it."""

        def holds(found: dict[str, Any]) -> bool:
            told = conditions_of(found).get(condition, {})
            return (
                told.get("status") == status
                and reason in (None, told.get("reason"))
                and told.get("observedGeneration") == found["metadata"]["generation"]
            )

        what = f"{kind} {namespace}/{name}: {condition}={status} {reason or ''}"
        found = wait_for_object(self.api, path_of(kind, namespace, name), what, holds, deadline_s)
        return conditions_of(found)[condition]

    def wait_served(
        self,
        osp: KubeOsp,
        keys: Keys,
        bucket: str,
        wanted: str,
        key: str = "side",
        deadline_s: float = EFFECT_DEADLINE_S,
    ) -> float:
        """Wait until a GET has this outcome; return when that GET began: what the backend takes is not OSP's time."""
        last, began = "", 0.0

        def holds() -> bool:
            nonlocal last, began
            began = time.monotonic()
            last = osp.fetch(keys, bucket, key)
            return last == wanted

        try:
            wait_until(f"{bucket}/{key} is {wanted}", holds, deadline_s)
        except NotReady as late:
            raise AssertionError(f"{late}; last: {last}") from None
        return began

    def tails(self) -> str:
        """Return the ends of the logs of OSP, without the lines of requests, and say where the others are."""
        logs = [f"--- {osp.folder.name}\n{told_by(osp)}" for osp in self.processes if osp.child is not None]
        return "\n".join([*logs, f"logs of etcd and kube-apiserver: {self.control_plane.folder}"])

    def stop(self) -> None:
        """End the processes."""
        for osp in self.processes:
            osp.stop()


def told_by(osp: KubeOsp) -> str:
    """Return the last lines of OSP's log that are about no request."""
    assert osp.child is not None
    lines = osp.child.log.read_text(errors="replace").splitlines()
    return "\n".join([line for line in lines if '"log":"access"' not in line][-LOG_LINES:])


def conditions_of(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return an object's conditions by type; each type appears once."""
    listed = found.get("status", {}).get("conditions", [])
    by_type = {condition["type"]: condition for condition in listed}
    assert len(by_type) == len(listed), json.dumps(listed)
    return by_type


def namespace_document(name: str, labels: dict[str, str] | None = None) -> dict[str, Any]:
    """Return a Namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels or {}}}


def grant(client: str, permissions: Sequence[str] = ALL_PERMISSIONS, namespace: str | None = None, **more: Any) -> dict:  # noqa: ANN401
    """Return an `access` entry for a client, of another namespace if one is given."""
    reference = {"name": client} | ({"namespace": namespace} if namespace else {})
    return {"name": client, "clientRef": reference, "permissions": list(permissions)} | more
