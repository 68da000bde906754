"""Server processes of the suite: started on loopback, watched, and ended by process id in every case."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

START_DEADLINE_S = 90.0
STOP_DEADLINE_S = 10.0


class NotReady(Exception):
    """A server ended, or did not become ready in time; the message carries the end of its log."""


def free_ports(count: int) -> list[int]:
    """Return `count` different TCP ports that nobody listens on right now."""
    held = [socket.socket() for _ in range(count)]
    try:
        for sock in held:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in held]
    finally:
        for sock in held:
            sock.close()


def free_port_pairs(count: int, offset: int) -> list[int]:
    """Return ports P such that P + offset is free too (SeaweedFS derives its gRPC ports that way).

    All of them differ, and all lie below the ports that the kernel gives to outgoing connections.
    """
    found: list[int] = []
    for port in random.sample(range(11_000, 32_000 - offset), k=500):
        taken = {used + extra for used in found for extra in (0, offset)}
        if {port, port + offset} & taken or not (is_free(port) and is_free(port + offset)):
            continue
        found.append(port)
        if len(found) == count:
            return found
    raise NotReady(f"no {count} free pairs of ports")


def is_free(port: int) -> bool:
    """Tell whether nobody has this port right now."""
    with socket.socket() as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def wait_until(what: str, holds: Callable[[], bool], deadline_s: float = START_DEADLINE_S) -> None:
    """Poll a condition until it holds, or raise `NotReady` naming it."""
    end = time.monotonic() + deadline_s
    while not holds():
        if time.monotonic() > end:
            raise NotReady(f"{what}: not within {deadline_s:.0f} s")
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Whether something accepts TCP connections on this loopback port."""
    with socket.socket() as sock:
        sock.settimeout(1)
        return sock.connect_ex(("127.0.0.1", port)) == 0


class Child:
    """One server process. The kernel kills it when the test run dies, `stop` ends it otherwise."""

    def __init__(
        self, name: str, command: Sequence[str | Path], folder: Path, env: Mapping[str, str] | None = None
    ) -> None:
        """Start `command` in `folder`; stdout and stderr go to `<name>.out` and `<name>.log` there."""
        self.name = name
        self.stdout = folder / f"{name}.out"
        self.log = folder / f"{name}.log"
        # setpriv execs the command, so the process id is the server's own.
        full = ["setpriv", "--pdeathsig", "KILL", "--", *map(str, command)]
        with self.stdout.open("wb") as out, self.log.open("wb") as err:
            self.process = subprocess.Popen(
                full, cwd=folder, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self.process.pid

    def wait_ready(self, holds: Callable[[], bool], deadline_s: float = START_DEADLINE_S) -> None:
        """Wait for a condition, and fail at once when the process ends before it holds."""

        def checked() -> bool:
            if self.process.poll() is not None:
                raise NotReady(f"{self.name} ended with {self.process.returncode}:\n{self.tail()}")
            return holds()

        try:
            wait_until(f"{self.name} ready", checked, deadline_s)
        except NotReady as late:
            raise NotReady(f"{late}\n{self.tail()}") from None

    def tail(self) -> str:
        """Return the last 4 KiB of what the process printed."""
        return (self.stdout.read_bytes() + self.log.read_bytes())[-4096:].decode(errors="replace")

    def stop(self) -> None:
        """End the process by its id: SIGTERM, then SIGKILL."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def run_checked(command: Sequence[str | Path], folder: Path, env: Mapping[str, str] | None = None) -> str:
    """Run a set-up command to its end and return its stdout; its stderr is in the error when it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=START_DEADLINE_S,
    )
    if done.returncode != 0:
        raise NotReady(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def resident_bytes(pid: int, field: str) -> int:
    """Return `VmRSS` (now) or `VmHWM` (its peak since the last reset) of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(field)
