"""Where a client talks to, and as whom."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from backends import REGION, Keys


@dataclass(frozen=True)
class Endpoint:
    """One S3 endpoint with the credentials for it; `ca` is the only CA that the client trusts on HTTPS."""

    url: str
    keys: Keys
    ca: Path | None = None
    region: str = REGION
    virtual_host: bool = False
    # boto3 signs presigned URLs for us-east-1 with SigV2 unless told otherwise; OSP takes SigV4 only (security.md S07).
    presign_v4: bool = True

    def signed_by(self, keys: Keys) -> Endpoint:
        """Return the same endpoint for another account."""
        return replace(self, keys=keys)
