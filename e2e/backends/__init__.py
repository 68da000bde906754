"""The real S3 servers of the suite, by name."""

from backends.base import KEY_TESTS, REGION, Backend, Keys, Limitation
from backends.ceph import Ceph
from backends.garage import Garage
from backends.minio import MinIO
from backends.seaweedfs import SeaweedFS

BACKENDS: dict[str, type[Backend]] = {kind.name: kind for kind in (Ceph, SeaweedFS, MinIO, Garage)}

__all__ = ["BACKENDS", "KEY_TESTS", "REGION", "Backend", "Keys", "Limitation"]
