"""A real control plane on loopback: etcd and kube-apiserver, with RBAC, each a child process that is ended by its id.

There is no controller-manager: nobody finishes the deletion of a namespace, makes default ServiceAccounts or collects
garbage. Nothing of OSP needs that.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from kube.api import Api, Refused
from kube.pki import Pki, make_pki
from processes import Child, NotReady, free_ports, listens, wait_until
from tools import cached_tool

# The only place that names the version is the Go module that the programs are built from.
GO_MOD = Path(__file__).with_name("tools") / "go.mod"
KUBERNETES_VERSION = re.findall(r"^require k8s\.io/kubernetes (v\S+)", GO_MOD.read_text(), re.M)[0]
ISSUER = "https://e2e.osp.invalid"


@dataclass
class ControlPlane:
    """etcd and kube-apiserver; `folder` keeps their data and logs."""

    folder: Path
    # Whether the API server answers watches from its own cache. Without it, a compaction of etcd is a 410 at once.
    watch_cache: bool = True
    etcd_port: int = 0
    port: int = 0
    starts: int = 0
    etcd: Child | None = None
    server: Child | None = None
    pki: Pki = field(init=False)

    def __post_init__(self) -> None:
        """Make the certificates and choose the ports, which stay the same over restarts."""
        self.folder.mkdir(exist_ok=True)
        self.pki = make_pki(self.folder / "pki")
        self.etcd_port, self.port = free_ports(2)

    @property
    def url(self) -> str:
        """Where the API server listens."""
        return f"https://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start both and wait until the API server is ready."""
        try:
            self.start_etcd()
            self.start_server()
        except BaseException:
            self.stop()
            raise

    def start_etcd(self) -> None:
        """Start etcd, without fsync: its data ends with the run."""
        etcd = shutil.which("etcd")
        if etcd is None:
            raise FileNotFoundError("etcd (Debian: etcd-server) is not on PATH; use e2e/run.sh")
        (peer,) = free_ports(1)
        url = f"http://127.0.0.1:{self.etcd_port}"
        command: list[str | Path] = [
            etcd, "--data-dir", self.folder / "etcd", "--unsafe-no-fsync", "--listen-client-urls", url,
            "--advertise-client-urls", url, "--listen-peer-urls", f"http://127.0.0.1:{peer}",
        ]  # fmt: skip
        self.etcd = Child("etcd", command, self.folder)
        self.etcd.wait_ready(lambda: listens(self.etcd_port))

    def start_server(self) -> None:
        """Start the API server on its port and wait for /readyz; every start has a log of its own."""
        pki, name = self.pki, f"kube-apiserver-{self.starts}"
        self.starts += 1
        command: list[str | Path] = [
            cached_tool("kube-apiserver", f"kube-apiserver-{KUBERNETES_VERSION}/kube-apiserver"),
            f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            "--bind-address=127.0.0.1", f"--secure-port={self.port}",
            # The loopback address is none that Kubernetes would publish as its own endpoint; nobody needs it.
            "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
            f"--tls-cert-file={pki.server.cert}", f"--tls-private-key-file={pki.server.key}",
            f"--client-ca-file={pki.ca.cert}", "--authorization-mode=RBAC", "--anonymous-auth=false",
            f"--service-account-issuer={ISSUER}", f"--service-account-key-file={pki.token_key}",
            f"--service-account-signing-key-file={pki.token_key}", "--disable-admission-plugins=ServiceAccount",
            "--service-cluster-ip-range=10.0.0.0/24", f"--watch-cache={str(self.watch_cache).lower()}",
        ]  # fmt: skip
        self.server = Child(name, command, self.folder)
        self.server.wait_ready(self.is_ready)

    def is_ready(self) -> bool:
        """Whether /readyz says ok, which includes RBAC's own roles."""
        if not listens(self.port):
            return False
        try:
            return self.admin().get_text("/readyz") == "ok"
        except (OSError, Refused):
            return False

    def stop_server(self) -> None:
        """End the API server; etcd stays."""
        if self.server is not None:
            self.server.stop()
            self.server = None

    def kill_server(self) -> None:
        """End the API server at once, with every connection cut."""
        assert self.server is not None
        self.server.process.kill()
        self.server.process.wait()
        self.server = None

    def stop(self) -> None:
        """End the API server, then etcd: in the other order the API server never ends by itself."""
        self.stop_server()
        if self.etcd is not None:
            self.etcd.stop()
            self.etcd = None

    def admin(self) -> Api:
        """Return a client that may do everything."""
        return Api(self.port, self.pki.ca.cert, client=self.pki.admin)

    def admin_kubeconfig(self) -> Path:
        """Return the administrator's kubeconfig, with the client certificate."""
        user = {"client-certificate": str(self.pki.admin.cert), "client-key": str(self.pki.admin.key)}
        return self.kubeconfig("admin", user)

    def token(self, namespace: str, service_account: str) -> str:
        """Return a ServiceAccount's token, by TokenRequest, valid for an hour."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{service_account}/token"
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3600, "audiences": [ISSUER]},
        }
        return self.admin().call("POST", path, body)["status"]["token"]

    def account_kubeconfig(self, namespace: str, service_account: str) -> Path:
        """Return a kubeconfig with a ServiceAccount's own token and nothing more."""
        token = self.token(namespace, service_account)
        return self.kubeconfig(f"{namespace}.{service_account}", {"token": token}, namespace)

    def account(self, namespace: str, service_account: str) -> Api:
        """Return a client that is a ServiceAccount."""
        return Api(self.port, self.pki.ca.cert, token=self.token(namespace, service_account))

    def kubeconfig(self, name: str, user: dict[str, Any], namespace: str = "default") -> Path:
        """Write a kubeconfig for this server."""
        path = self.folder / f"{name}.kubeconfig"
        authority = base64.b64encode(self.pki.ca.cert.read_bytes()).decode()
        cluster = {"server": self.url, "certificate-authority-data": authority}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "e2e", "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": name, "namespace": namespace}}],
            "current-context": "e2e",
        }
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(content))
        return path

    def compact(self) -> int:
        """Make etcd forget every revision but the current one; return that revision."""
        revision = int(self.etcd_call("kv/range", {"key": base64.b64encode(b"/").decode()})["header"]["revision"])
        self.etcd_call("kv/compaction", {"revision": revision, "physical": True})
        return revision

    def etcd_call(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        """Call etcd's JSON gateway."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.etcd_port}/v3/{method}", json.dumps(body).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


def wait_for_object(api: Api, path: str, what: str, holds: Any, deadline_s: float) -> dict[str, Any]:  # noqa: ANN401
    """Poll an object until a condition on it holds, and return it; on failure, show its last state."""
    last: dict[str, Any] = {}

    def checked() -> bool:
        nonlocal last
        last = api.get(path)
        return bool(holds(last))

    try:
        wait_until(what, checked, deadline_s)
    except NotReady as late:
        raise NotReady(f"{late}\nlast seen: {json.dumps(last.get('status', last), indent=1)}") from None
    return last
