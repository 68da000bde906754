"""OSP under test: its documents, its process, and the stand-in that lets clients talk to the backends directly."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from backends import Backend, Keys
from certificates import Certificates
from clients import Endpoint
from processes import Child, free_ports, listens

API_VERSION = "osp.flexworks.eu/v1alpha1"
ALL_PERMISSIONS = ("Read", "List", "Write", "Delete")
LISTENERS = ("http", "https", "admin")
ADMIN_PAGES = ("/metrics", "/config")
REPOSITORY = Path(__file__).resolve().parent.parent
# In force within a second, says the issue; a start reads everything before it says that it is ready.
READY_DEADLINE_S = 20.0


def direct_mode() -> bool:
    """Whether clients talk to the backends themselves: proves tests and backends, not OSP."""
    return os.environ.get("OSP_E2E_DIRECT") == "1"


@dataclass(frozen=True)
class Place:
    """A bucket as the client names it, and where its objects really are."""

    bucket: str
    backend: Backend
    backend_bucket: str
    prefix: str = ""


def document(kind: str, name: str, **content: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return one document in the one namespace that the suite uses."""
    version = "v1" if kind == "Secret" else API_VERSION
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "default"}, **content}


def secret(name: str, keys: Keys) -> dict[str, Any]:
    """Return the Secret for a key pair."""
    data = {"AWS_ACCESS_KEY_ID": keys.access_key, "AWS_SECRET_ACCESS_KEY": keys.secret_key}
    return document("Secret", name, type="Opaque", stringData=data)


def client_documents(name: str, keys: Keys) -> list[dict[str, Any]]:
    """Return a client and its secret."""
    spec = {"accessKey": {"secretRefs": [{"name": f"client-{name}"}]}}
    return [secret(f"client-{name}", keys), document("ClientIdentity", name, spec=spec)]


def credential_documents(backend_name: str, keys: Keys) -> list[dict[str, Any]]:
    """Return OSP's credential for a backend and its secret."""
    spec = {"secret": {"name": f"backend-{backend_name}"}}
    return [secret(f"backend-{backend_name}", keys), document("CredentialSource", backend_name, spec=spec)]


def backend_entry(place: Place, virtual_host: bool = False, endpoint: str | None = None) -> dict[str, Any]:
    """Return the `backends` entry of a route for a place."""
    backend = place.backend
    entry = {
        "name": backend.name,
        "endpoint": endpoint or (backend.named_endpoint if virtual_host else backend.endpoint),
        "region": "us-east-1",
        "addressingStyle": "VirtualHost" if virtual_host else "Path",
        "bucket": place.backend_bucket,
        "credentialRef": {"name": backend.name},
        "trailingChecksums": backend.trailing_checksums,
    }
    return entry | ({"prefix": place.prefix} if place.prefix else {})


def grant(client: str, permissions: Sequence[str] = ALL_PERMISSIONS, prefixes: Sequence[str] = ()) -> dict[str, Any]:
    """Return an `access` entry."""
    entry: dict[str, Any] = {"name": client, "clientRef": {"name": client}, "permissions": list(permissions)}
    return entry | ({"prefixes": list(prefixes)} if prefixes else {})


def route_document(
    bucket: str, entry: dict[str, Any], access: Sequence[dict[str, Any]], deny: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """Return a BucketRoute with one backend."""
    spec: dict[str, Any] = {"match": {"bucket": bucket}, "backends": [entry], "access": list(access)}
    return document("BucketRoute", bucket, spec=spec | ({"deny": list(deny)} if deny else {}))


@dataclass
class Recorder:
    """A relay that searches what clients are sent (recorder.py), and keeps the signatures that they send."""

    folder: Path
    target: int
    needles: Sequence[str]
    name: str = "recorder"
    port: int = 0
    child: Child | None = None

    def file(self, kind: str) -> Path:
        """One of the recorder's files."""
        return self.folder / f"{self.name}.{kind}"

    def start(self) -> None:
        """Start it."""
        (self.port,) = free_ports(1)
        self.file("needles").write_text(json.dumps(list(self.needles)))
        files = [self.file(kind) for kind in ("needles", "hits", "signatures", "totals")]
        script = Path(__file__).with_name("recorder.py")
        self.child = Child(self.name, [sys.executable, script, str(self.port), str(self.target), *files], self.folder)
        self.child.wait_ready(lambda: listens(self.port))

    def hits(self) -> list[str]:
        """What clients were sent and should not have been, with its surroundings."""
        return [json.loads(line) for line in self.lines("hits")]

    def signatures(self) -> set[str]:
        """The signatures that clients sent."""
        return set(self.lines("signatures"))

    def searched_bytes(self) -> int:
        """How much was searched on the connections that have ended."""
        return sum(map(int, self.lines("totals")))

    def lines(self, kind: str) -> list[str]:
        """Return the lines of one of its files, which is there from the first line on."""
        return self.file(kind).read_text().splitlines() if self.file(kind).exists() else []

    def stop(self) -> None:
        """End it."""
        if self.child is not None:
            self.child.stop()


@dataclass
class Osp:
    """One `osp serve` process on free ports, with its own directory of documents."""

    folder: Path
    certificates: Certificates
    # Names that only this process resolves to loopback: virtual-host style backends.
    host_names: Sequence[str] = ()
    child: Child | None = None
    addresses: dict[str, str] = field(default_factory=dict)
    # What stands before the HTTP listener and reads along, where a test wants that.
    recorder: Recorder | None = None
    # What the admin listener said at the end, for the search for secrets.
    pages: dict[str, bytes] = field(default_factory=dict)

    @property
    def documents(self) -> Path:
        """The directory that `--config-dir` names."""
        return self.folder / "documents"

    def write(self, file_name: str, documents: Sequence[dict[str, Any]]) -> None:
        """Write or replace one file of documents in one step, as an editor or `kubectl` mount does."""
        self.documents.mkdir(exist_ok=True)
        draft = self.folder / f"{file_name}.draft"
        draft.write_text(yaml.safe_dump_all(documents, allow_unicode=True, sort_keys=False))
        draft.replace(self.documents / file_name)

    def start(self) -> None:
        """Start the process and read from its ready line where it listens."""
        self.spawn()
        self.wait_ready()

    def spawn(self) -> None:
        """Start the process and do not wait for it."""
        self.child = Child("osp", self.command(), self.folder, self.environment())

    def wait_ready(self, deadline_s: float = READY_DEADLINE_S) -> None:
        """Wait for the ready line."""
        assert self.child is not None
        self.child.wait_ready(self.read_ready_line, deadline_s)

    def command(self) -> list[str | Path]:
        """Return the command line; the file of settings is written for it."""
        settings = self.folder / "osp.yaml"
        settings.write_text(yaml.safe_dump(self.process_settings()))
        command: list[str | Path] = [
            osp_binary(), "serve", *self.source_flags(), "--config", settings, *self.listen_flags(),
            "--tls-cert", self.certificates.cert, "--tls-key", self.certificates.key,
        ]  # fmt: skip
        return [*self.with_private_hosts(), *command] if self.host_names else command

    def listen_flags(self) -> list[str]:
        """Where it listens: wherever there is room."""
        return [word for name in LISTENERS for word in (f"--{name}-listen", "127.0.0.1:0")]

    def source_flags(self) -> list[str | Path]:
        """Where the documents come from."""
        return ["--config-dir", self.documents]

    def process_settings(self) -> dict[str, Any]:
        """The file of `--config`."""
        return {"baseHosts": ["localhost"], "drainDelay": "1s", "drainTimeout": "5s"}

    def environment(self) -> dict[str, str]:
        """What the process has in its environment beside the suite's own."""
        return {}

    def with_private_hosts(self) -> list[str | Path]:
        """Return a command prefix under which /etc/hosts is a file of ours; nothing outside of the process sees it."""
        hosts = self.folder / "hosts"
        hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in ("localhost", *self.host_names)))
        as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
        script = 'mount --bind "$0" /etc/hosts && exec "$@"'
        return ["unshare", "--mount", *as_root, "sh", "-c", script, hosts]

    def read_ready_line(self) -> bool:
        """Whether the process has printed its one line of JSON."""
        assert self.child is not None
        line, newline, _ = self.child.stdout.read_text().partition("\n")
        if not newline:
            return False
        told = json.loads(line)
        assert told["ready"] is True, line
        self.addresses = {name: told[name] for name in ("http", "https", "admin") if name in told}
        return True

    def record(self, needles: Sequence[str]) -> None:
        """Put a recorder before the HTTP listener; from now on `endpoint` leads through it."""
        self.recorder = Recorder(self.folder, int(self.addresses["http"].rpartition(":")[2]), needles)
        self.recorder.start()

    def port(self, scheme: str) -> int:
        """Return the port of a listener, or of the recorder before it."""
        if scheme == "http" and self.recorder is not None:
            return self.recorder.port
        return int(self.addresses[scheme].rpartition(":")[2])

    def endpoint(self, scheme: str, keys: Keys) -> Endpoint:
        """Return the path-style endpoint of a listener."""
        return Endpoint(f"{scheme}://127.0.0.1:{self.port(scheme)}", keys, self.certificates.ca)

    def own_endpoint(self, scheme: str, keys: Keys) -> Endpoint:
        """Return the same with nothing in between: for tests of what happens to the connection itself."""
        return Endpoint(f"{scheme}://{self.addresses[scheme]}", keys, self.certificates.ca)

    def virtual_endpoint(self, scheme: str, keys: Keys) -> Endpoint:
        """Return the virtual-host style endpoint of a listener."""
        return Endpoint(f"{scheme}://localhost:{self.port(scheme)}", keys, self.certificates.ca, virtual_host=True)

    def tell(self) -> dict[str, bytes]:
        """Return everything that this process writes or tells: logs, metrics, configuration."""
        if self.child is None:
            return {}
        if self.child.process.poll() is None and "admin" in self.addresses:
            for page in ADMIN_PAGES:
                with urllib.request.urlopen(f"http://{self.addresses['admin']}{page}", timeout=10) as answer:
                    self.pages[page] = answer.read()
        return {"log": self.child.log.read_bytes(), "stdout": self.child.stdout.read_bytes(), **self.pages}

    def stop(self) -> None:
        """Keep what it tells, and end the process."""
        with contextlib.suppress(OSError):  # tests also end it while it starts, or stop it from answering
            self.tell()
        if self.recorder is not None:
            self.recorder.stop()
        if self.child is not None:
            self.child.stop()


def osp_binary() -> Path:
    """Return the release binary; a missing one fails the run."""
    binary = Path(os.environ.get("OSP_BIN") or REPOSITORY / "target/release/osp")
    if not os.access(binary, os.X_OK):
        raise FileNotFoundError(f"osp is not built: {binary} (run e2e/run.sh)")
    return binary.resolve()


@dataclass
class TlsTerminators:
    """Direct mode's HTTPS: one TLS front per backend, since a client behaves differently on HTTPS (trap 7)."""

    folder: Path
    certificates: Certificates
    ports: dict[str, int] = field(default_factory=dict)
    children: list[Child] = field(default_factory=list)

    def port(self, backend: Backend) -> int:
        """Return the HTTPS port of a backend, started when first asked for."""
        if backend.name not in self.ports:
            (port,) = free_ports(1)
            script = Path(__file__).with_name("tls_terminator.py")
            command = [sys.executable, script, str(port), str(backend.port), self.certificates.cert,
                       self.certificates.key]  # fmt: skip
            child = Child(f"tls-{backend.name}", command, self.folder)
            self.children.append(child)
            child.wait_ready(lambda: listens(port))
            self.ports[backend.name] = port
        return self.ports[backend.name]

    def endpoint(self, scheme: str, backend: Backend) -> Endpoint:
        """Return a backend's own endpoint, with the backend's own keys."""
        if scheme == "http":
            return Endpoint(backend.endpoint, backend.keys)
        return Endpoint(f"https://127.0.0.1:{self.port(backend)}", backend.keys, self.certificates.ca)

    def stop(self) -> None:
        """End every terminator."""
        for child in self.children:
            child.stop()
