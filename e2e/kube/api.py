"""A small client of the Kubernetes API: JSON over one connection, the server's own words in every refusal."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from pathlib import Path
from typing import Any

from kube.pki import Pair

CALL_DEADLINE_S = 30
GROUP = "osp.flexworks.eu"
# kind -> (path of its API, plural)
KINDS = {
    "BucketRoute": (f"/apis/{GROUP}/v1alpha1", "bucketroutes"),
    "CredentialSource": (f"/apis/{GROUP}/v1alpha1", "credentialsources"),
    "ClientIdentity": (f"/apis/{GROUP}/v1alpha1", "clientidentities"),
    "Secret": ("/api/v1", "secrets"),
    "ConfigMap": ("/api/v1", "configmaps"),
    "ServiceAccount": ("/api/v1", "serviceaccounts"),
    "Namespace": ("/api/v1", "namespaces"),
    "Role": ("/apis/rbac.authorization.k8s.io/v1", "roles"),
    "RoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "rolebindings"),
    "ClusterRole": ("/apis/rbac.authorization.k8s.io/v1", "clusterroles"),
    "ClusterRoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "clusterrolebindings"),
    "CustomResourceDefinition": ("/apis/apiextensions.k8s.io/v1", "customresourcedefinitions"),
    "Lease": ("/apis/coordination.k8s.io/v1", "leases"),
    "Event": ("/apis/events.k8s.io/v1", "events"),
}
CLUSTER_SCOPED = {"Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}


class Refused(Exception):
    """The API server's refusal: HTTP status, reason and message."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        """Keep what the server said."""
        self.status = status
        self.reason = body.get("reason", "")
        self.message = body.get("message", "")
        super().__init__(f"{status} {self.reason}: {self.message}")


def path_of(kind: str, namespace: str | None = None, name: str | None = None) -> str:
    """Return the path of a collection or of one object."""
    base, plural = KINDS[kind]
    middle = "" if kind in CLUSTER_SCOPED or namespace is None else f"/namespaces/{namespace}"
    return f"{base}{middle}/{plural}" + (f"/{name}" if name else "")


def path_to(document: dict[str, Any]) -> str:
    """Return the path of a document."""
    metadata = document["metadata"]
    return path_of(document["kind"], metadata.get("namespace", "default"), metadata["name"])


class Api:
    """One identity at the API server; each thread has a connection of its own."""

    def __init__(self, port: int, ca: Path, client: Pair | None = None, token: str | None = None) -> None:
        """Name the server, the only CA that is trusted, and who is calling."""
        self.port = port
        self.context = ssl.create_default_context(cafile=str(ca))
        if client is not None:
            self.context.load_cert_chain(client.cert, client.key)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.local = threading.local()

    def exchange(self, method: str, path: str, body: bytes | None, content_type: str) -> tuple[int, bytes]:
        """Send one request, on a new connection when there is none or the old one was closed meanwhile."""
        headers = self.headers | ({"Content-Type": content_type} if body is not None else {})
        kept: http.client.HTTPSConnection | None = getattr(self.local, "connection", None)
        for connection in ([kept] if kept else []) + [None]:
            fresh = connection is None
            connection = connection or http.client.HTTPSConnection(
                "127.0.0.1", self.port, context=self.context, timeout=CALL_DEADLINE_S
            )
            try:
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                found = answer.status, answer.read()
            except (OSError, http.client.HTTPException) as broken:
                connection.close()
                self.local.connection = None
                if fresh:
                    raise ConnectionError(f"{method} {path}: {broken!r}") from broken
                continue
            self.local.connection = connection
            return found
        raise AssertionError("unreachable")

    def call(
        self, method: str, path: str, body: dict[str, Any] | None = None, content_type: str = "application/json"
    ) -> dict[str, Any]:
        """Return the answer's JSON, or raise `Refused`."""
        encoded = None if body is None else json.dumps(body).encode()
        status, answer = self.exchange(method, path, encoded, content_type)
        found = json.loads(answer) if answer else {}
        if status >= 400:
            raise Refused(status, found)
        return found

    def get(self, path: str) -> dict[str, Any]:
        """Return an object or a list."""
        return self.call("GET", path)

    def get_text(self, path: str) -> str:
        """Return an answer that is no JSON."""
        status, answer = self.exchange("GET", path, None, "")
        if status >= 400:
            raise Refused(status, {"message": answer.decode(errors="replace")})
        return answer.decode()

    def apply(self, document: dict[str, Any], manager: str = "e2e", force: bool = False) -> dict[str, Any]:
        """Server-side apply."""
        query = f"?fieldManager={manager}&fieldValidation=Strict" + ("&force=true" if force else "")
        return self.call("PATCH", path_to(document) + query, document, "application/apply-patch+yaml")

    def apply_all(self, documents: list[dict[str, Any]]) -> None:
        """Apply one after another."""
        for document in documents:
            self.apply(document)

    def merge(self, path: str, patch: dict[str, Any]) -> dict[str, Any]:
        """Apply a JSON merge patch."""
        return self.call("PATCH", path, patch, "application/merge-patch+json")

    def delete(self, path: str) -> None:
        """Delete an object; one that is gone already is no mistake."""
        try:
            self.call("DELETE", path)
        except Refused as refused:
            if refused.status != 404:
                raise
