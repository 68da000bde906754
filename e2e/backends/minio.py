"""MinIO, built once from its Go module into the cache folder by run.sh."""

from __future__ import annotations

from backends.base import Backend
from processes import Child, free_ports, listens
from tools import cached_tool

VERSION = "20250907161309"


class MinIO(Backend):
    """One `minio server` on a temporary folder; `localhost` is its base host for virtual-host style."""

    name = "minio"
    virtual_hosts = True

    def start(self) -> None:
        """Start it with its root account as the suite's account."""
        self.port, console = free_ports(2)
        program = cached_tool("minio", f"minio-{VERSION}/minio")
        environment = {
            "MINIO_ROOT_USER": self.keys.access_key,
            "MINIO_ROOT_PASSWORD": self.keys.secret_key,
            "MINIO_DOMAIN": "localhost",
            "MINIO_UPDATE": "off",
        }
        data = self.folder / "data"
        data.mkdir()
        command = [program, "server", "--address", f"127.0.0.1:{self.port}", "--console-address",
                   f"127.0.0.1:{console}", data]  # fmt: skip
        child = Child("minio", command, self.folder, environment)
        self.children.append(child)
        child.wait_ready(lambda: listens(self.port))
