"""Squid from Debian: a forward proxy with two ports, one for everybody and one for those who name themselves."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from canary import BACKEND_HOST
from processes import Child, free_ports, listens, run_checked

PROGRAM = "/usr/sbin/squid"
PASSWORD_CHECK = "/usr/lib/squid/basic_ncsa_auth"
# Debian's package makes the account that squid changes to when it is started by root.
ACCOUNT = "proxy"


@dataclass
class Squid:
    """One squid process that caches nothing; it knows the backends' name, and nobody else outside of OSP does."""

    username: str
    password: str
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="osp-e2e-squid-")))
    open_port: int = 0
    guarded_port: int = 0
    child: Child | None = None

    def start(self) -> None:
        """Start it; its own folder is outside of pytest's, which squid's account cannot enter."""
        self.open_port, self.guarded_port = free_ports(2)
        hashed = run_checked(["openssl", "passwd", "-apr1", self.password], self.folder).strip()
        (self.folder / "passwords").write_text(f"{self.username}:{hashed}\n")
        (self.folder / "hosts").write_text(f"127.0.0.1 localhost {BACKEND_HOST}\n")
        configuration = self.folder / "squid.conf"
        configuration.write_text(self.configuration())
        if os.geteuid() == 0:
            shutil.chown(self.folder, ACCOUNT, ACCOUNT)
        self.child = Child("squid", [PROGRAM, "-N", "-f", configuration], self.folder)
        self.child.wait_ready(lambda: listens(self.open_port) and listens(self.guarded_port))

    def configuration(self) -> str:
        """The file of `-f`. Unlike squid's example it opens tunnels to every port."""
        return f"""http_port 127.0.0.1:{self.open_port} name=open
http_port 127.0.0.1:{self.guarded_port} name=guarded
auth_param basic program {PASSWORD_CHECK} {self.folder}/passwords
auth_param basic realm e2e
acl guarded myportname guarded
acl known proxy_auth REQUIRED
http_access deny guarded !known
http_access allow all
hosts_file {self.folder}/hosts
cache deny all
cache_mem 8 MB
pid_filename none
netdb_filename none
coredump_dir {self.folder}
cache_log {self.folder}/cache.log
logformat told %rm %ru %un %>Hs
access_log stdio:{self.folder}/access.log told
buffered_logs off
max_filedescriptors 1024
shutdown_lifetime 0 seconds
"""

    def told(self) -> list[str]:
        """One line for each request that has ended: method, target, user, status."""
        log = self.folder / "access.log"
        return log.read_text().splitlines() if log.exists() else []

    def stop(self) -> None:
        """End it and remove its folder."""
        if self.child is not None:
            self.child.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
