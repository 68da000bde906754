"""The servers that the samples ask: a real OPA, Redis and PostgreSQL with the data of `samples/`, each on a Unix socket,
and before each a relay on a loopback port that counts connections and can fail. Also used by `e2e/`."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
START_DEADLINE_SECONDS = 60.0
POSTGRES_PASSWORD = "p@ss/word"  # with what a URL has to encode
POSTGRES_LOGIN = "osp:p%40ss%2Fword"


class Relay:
    """127.0.0.1, a free port, in front of a Unix socket."""

    def __init__(self, target: str) -> None:
        self.target = target
        #: Accepted so far.
        self.connections = 0
        #: Accepts and never answers.
        self.is_silent = False
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._may_go = threading.Event()
        self._may_go.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return  # stopped
            with self._lock:
                self.connections += 1
                self._open.append(client)
            if self.is_silent:
                continue
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as the servers do
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.target)
            with self._lock:
                self._open.append(server)
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._may_go.wait()
                target.sendall(data)
        for sock in (source, target):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def stall(self) -> None:
        """The connections that there are stay open and carry nothing more, until told otherwise."""
        self._may_go.clear()

    def go_on(self) -> None:
        """What was held back goes on."""
        self._may_go.set()

    def cut(self) -> None:
        """Ends all connections, as a server does that restarts."""
        with self._lock:
            ended, self._open = self._open, []
        for sock in ended:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def stop(self) -> None:
        """From now on connections are refused."""
        self.go_on()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder with a short name: that of a Unix socket has at most 107 bytes."""
    made = Path(tempfile.mkdtemp(prefix="osp-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextlib.contextmanager
def running(
    command: list[str | Path], log: Path, is_ready: Callable[[], bool], end_by: int = signal.SIGTERM
) -> Iterator[None]:
    """A process until the end of the block; the kernel kills it when the tests die."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *map(str, command)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        end = time.monotonic() + START_DEADLINE_SECONDS
        while not is_ready():
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{command[0]} does not start:\n{log.read_text(errors='replace')[-4096:]}")
            time.sleep(0.02)
        yield
    finally:
        process.send_signal(end_by)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def listens(path: Path) -> bool:
    """Something accepts connections on this Unix socket."""
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(str(path)) == 0


@contextlib.contextmanager
def opa() -> Iterator[Path]:
    """OPA with the policy and the data of the samples; its socket."""
    program = os.environ.get("OSP_OPA")
    if program is None:
        raise FileNotFoundError("OSP_OPA names no OPA: run python-hooks/test.sh or e2e/run.sh, which build it")
    with folder() as here:
        path = here / "opa"
        command: list[str | Path] = [
            program, "run", "--server", "--addr", f"unix://{path}", "--log-level", "error", "--disable-telemetry",
            SAMPLES / "opa/policy.rego", SAMPLES / "opa/data.json",
        ]  # fmt: skip
        with running(command, here / "log", lambda: listens(path)):
            yield path


@contextlib.contextmanager
def redis() -> Iterator[Path]:
    """Redis with the grants of the samples; its socket."""
    with folder() as here:
        path = here / "redis"
        command: list[str | Path] = [
            "redis-server", "--port", "0", "--unixsocket", path, "--dir", here, "--save", "", "--appendonly", "no",
        ]  # fmt: skip
        with running(command, here / "log", lambda: listens(path)):
            redis_commands(path, (SAMPLES / "grants.redis").read_text(encoding="utf-8"))
            yield path


def redis_commands(path: Path, commands: str) -> None:
    """Runs commands; one that Redis refuses fails the test."""
    done = subprocess.run(["redis-cli", "-e", "-s", path], input=commands, capture_output=True, text=True, timeout=30)
    if done.returncode != 0 or "ERR" in done.stdout:
        raise RuntimeError(done.stdout + done.stderr)


@contextlib.contextmanager
def postgres() -> Iterator[Path]:
    """PostgreSQL with the grants of the samples, and the user `osp` with a password; its socket. It also listens on the
    loopback port of that name, with TLS and a certificate of its own, `tls.crt` beside the socket."""
    initdbs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not initdbs:
        raise FileNotFoundError("there is no PostgreSQL: run python-hooks/test.sh or e2e/run.sh, which install it")
    programs = initdbs[-1].parent
    # it refuses to run as root
    other = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else ["setpriv"]
    # once more here: the kernel forgets it when the user changes
    other += ["--pdeathsig", "KILL", "--"]
    with folder() as here:
        (here / "password").write_text(POSTGRES_PASSWORD)
        certificate = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=postgres", "-addext", "subjectAltName=IP:127.0.0.1",
            "-keyout", here / "tls.key", "-out", here / "tls.crt",
        ]  # fmt: skip
        subprocess.run(certificate, check=True, capture_output=True, timeout=30)
        if os.geteuid() == 0:
            for owned in (here, *here.iterdir()):
                shutil.chown(owned, "postgres", "postgres")
        initdb = [
            *other, programs / "initdb", "--pgdata", here / "data", "--username=osp", "--pwfile", here / "password",
            "--auth=scram-sha-256", "--no-sync", "--no-locale", "--encoding=UTF8",
        ]  # fmt: skip
        subprocess.run(initdb, check=True, capture_output=True, cwd=here, timeout=START_DEADLINE_SECONDS)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]  # PostgreSQL takes no 0
        command: list[str | Path] = [
            *other, programs / "postgres", "-D", here / "data", "-k", here, "-h", "127.0.0.1", "-p", str(port), "-c", "fsync=off",
            "-c", "ssl=on", "-c", f"ssl_cert_file={here}/tls.crt", "-c", f"ssl_key_file={here}/tls.key",
        ]  # fmt: skip
        path = here / f".s.PGSQL.{port}"
        # SIGTERM would wait for the connections of its clients
        with running(command, here / "log", lambda: psql(path, "SELECT 1", is_checked=False), signal.SIGINT):
            psql(path, (SAMPLES / "grants.sql").read_text(encoding="utf-8"))
            yield path


def psql(path: Path, statements: str, is_checked: bool = True) -> bool:
    """Runs statements as the user `osp`. Tells whether they succeeded; raises if they did not, unless told otherwise."""
    done = subprocess.run(
        [*psql_command(path), "-v", "ON_ERROR_STOP=1"],
        input=statements, capture_output=True, text=True, timeout=30,
        env={**os.environ, "PGPASSWORD": POSTGRES_PASSWORD},
    )  # fmt: skip
    if is_checked and done.returncode != 0:
        raise RuntimeError(done.stderr)
    return done.returncode == 0


def psql_command(path: Path) -> list[str | Path]:
    """The start of a psql as the user `osp`, whose password is in `PGPASSWORD`."""
    return ["psql", "-qX", "-h", path.parent, "-p", postgres_port(path), "-U", "osp", "-d", "postgres"]


def postgres_port(path: Path) -> str:
    """The TCP port of the PostgreSQL with this socket."""
    return path.name.rpartition(".")[2]
