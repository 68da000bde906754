"""OSP in a network of its own, which nothing leaves but through the ways that a test opens."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway import LISTENERS, Osp
from processes import Child, free_ports, listens

# In a fresh network every port is free.
PORTS_INSIDE = {"http": 6190, "https": 8443, "admin": 9090}


@dataclass
class FirewalledOsp(Osp):
    """OSP in a network namespace with nothing but loopback: Unix sockets join it with the world (relay.py)."""

    # A loopback port in there -> the loopback port outside that it leads to.
    ways_out: Mapping[int, int] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    outside: Child | None = None

    def listen_flags(self) -> list[str]:
        """Where it listens in there."""
        return [word for name in LISTENERS for word in (f"--{name}-listen", f"127.0.0.1:{PORTS_INSIDE[name]}")]

    def environment(self) -> dict[str, str]:
        """What the test sets."""
        return dict(self.variables)

    def command(self) -> list[str | Path]:
        """The command, below the namespace and the relays inside of it."""
        ways = [f"unix:{self.joint(name)}={port}" for name, port in PORTS_INSIDE.items()]
        ways += [f"{port}=unix:{self.joint(str(port))}" for port in self.ways_out]
        as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
        inside = Path(__file__).with_name("inside.py")
        return ["unshare", "--net", *as_root, "--", sys.executable, inside, *ways, "--", *super().command()]

    def joint(self, name: str) -> Path:
        """The Unix socket between two relays."""
        return self.folder / f"{name}.sock"

    def start(self) -> None:
        """Start it with the relays outside, through which clients come in."""
        ports = dict(zip(LISTENERS, free_ports(len(LISTENERS)), strict=True))
        ways = [f"{port}=unix:{self.joint(name)}" for name, port in ports.items()]
        ways += [f"unix:{self.joint(str(port))}={to}" for port, to in self.ways_out.items()]
        self.outside = Child("relay", [sys.executable, Path(__file__).with_name("relay.py"), *ways], self.folder)
        self.outside.wait_ready(lambda: all(map(listens, ports.values())))
        super().start()
        self.addresses = {name: f"127.0.0.1:{port}" for name, port in ports.items()}

    def stop(self) -> None:
        """End the process and the relays."""
        super().stop()
        if self.outside is not None:
            self.outside.stop()
