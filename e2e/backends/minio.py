"""MinIO, built once from its Go module into the cache folder by run.sh."""

from __future__ import annotations

from backends.base import KEY_TESTS, Backend, Limitation
from canary import BACKEND_HOST
from processes import Child, free_ports, listens
from tools import cached_tool

SLASHES = "https://github.com/minio/minio/issues/5874"
DOTS = "https://github.com/minio/minio/issues/13022"
BACKSLASH = "https://github.com/minio/minio/issues/5161"
SEGMENTS = "https://docs.min.io/community/minio-object-store/operations/concepts/thresholds.html"
VERSION = "20250907161309"


class MinIO(Backend):
    """One `minio server` on a temporary folder; it knows its name for virtual-host style."""

    name = "minio"
    virtual_hosts = True
    # The id and the name of every owner, and the host of every error.
    telltales = (
        "02d6176db174dc93cb1b899f7c6078f08654445fe8cf1b6ce98d8855f66bdbf4",
        "dd9025bab4ad464b049177c95eb6ebf374d3b3fd1af9251148b658df7ac2e3e8",
    )

    limitations = (
        *(
            Limitation(KEY_TESTS, "empty path segments are refused", SLASHES, key=key)
            for key in ("double-slash", "many-slashes")
        ),
        Limitation("test_key_round_trip", "a leading slash is removed", SLASHES, key="leading-slash", naming="plain"),
        Limitation(KEY_TESTS, "empty path segments are refused", SLASHES, key="leading-slash", naming="renamed"),
        *(
            Limitation(KEY_TESTS, "dot segments are refused", DOTS, key=key)
            for key in ("dot-segment", "dot-dot-segment")
        ),
        Limitation(KEY_TESTS, "a backslash is refused", BACKSLASH, key="backslash"),
        *(
            Limitation(KEY_TESTS, "a path segment has at most 255 characters", SEGMENTS, key=key)
            for key in ("longest", "longest-unicode")
        ),
        Limitation(
            "test_list_of_uploads",
            "the prefix of ListMultipartUploads must be a whole key",
            "https://github.com/minio/minio/issues/20989",
        ),
    )

    def start(self) -> None:
        """Start it with its root account as the suite's account."""
        self.port, console = free_ports(2)
        program = cached_tool("minio", f"minio-{VERSION}/minio")
        environment = {
            "MINIO_ROOT_USER": self.keys.access_key,
            "MINIO_ROOT_PASSWORD": self.keys.secret_key,
            "MINIO_DOMAIN": BACKEND_HOST,
            "MINIO_UPDATE": "off",
        }
        data = self.folder / "data"
        data.mkdir()
        command = [program, "server", "--address", f"127.0.0.1:{self.port}", "--console-address",
                   f"127.0.0.1:{console}", data]  # fmt: skip
        child = Child("minio", command, self.folder, environment)
        self.children.append(child)
        child.wait_ready(lambda: listens(self.port))
