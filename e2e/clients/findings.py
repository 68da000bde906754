"""What is not a plain pass in the compatibility matrix, with its source. The run proves each of them, both ways.

`adapted`: the client fails at the backend itself and works behind OSP. `limited`: it fails at both, so that the backend
or the client is the reason. `fails`: it works at the backend itself, so that the reason is OSP; to be mended.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass

from backends.ceph import TRAILERS

ADAPTED = "adapted"
LIMITED = "limited"
FAILS = "fails"


@dataclass(frozen=True)
class Cell:
    """One client at one backend over one scheme."""

    client: str
    backend: str
    scheme: str

    def __str__(self) -> str:
        """Return the cell as a part of a test's name."""
        return f"{self.client}-{self.backend}-{self.scheme}"


@dataclass(frozen=True)
class Finding:
    """A result that is not a plain pass; backend, client, operation and scheme are patterns, `|` between several."""

    # What stands for it in the rows of the page, which outlive a run: never a number that counts.
    mark: str
    kind: str
    backend: str
    client: str
    operation: str
    why: str
    source: str
    scheme: str = "*"

    def applies(self, cell: Cell, operation: str) -> bool:
        """Whether this is about an operation of a cell."""
        pairs = (
            (cell.backend, self.backend),
            (cell.client, self.client),
            (operation, self.operation),
            (cell.scheme, self.scheme),
        )
        return all(any(fnmatch.fnmatchcase(value, each) for each in pattern.split("|")) for value, pattern in pairs)


FINDINGS = (
    Finding(
        "trailers", ADAPTED, "ceph", "aws-cli-1|boto3|boto3-crt|s3fs", "write|overwrite|multipart|create-only",
        "RGW before 19.2 does not know checksums behind a body; OSP checks them and sends a plain body "
        "(`trailingChecksums: Drop`)",
        TRAILERS, scheme="https",
    ),
    Finding(
        "trailers-crt", ADAPTED, "ceph", "boto3-crt", "multipart",
        "the same; the C runtime sends them over HTTP, too", TRAILERS, scheme="http",
    ),
    Finding(
        "trailers-c++", ADAPTED, "ceph", "pyarrow", "write|overwrite|multipart",
        "the same; the SDK for C++ sends them with every part, over HTTP, too", TRAILERS,
    ),
    Finding(
        "trailers-java", ADAPTED, "ceph", "aws-sdk-java", "write|overwrite|multipart|create-only",
        "the same; the SDK for Java sends them over HTTP, too, in signed chunks", TRAILERS,
    ),
    Finding(
        "chunks-java", ADAPTED, "garage", "aws-sdk-java", "write|overwrite",
        "`Invalid payload signature` for the signed chunks of the SDK for Java; OSP checks them and signs anew",
        "crate garage_api_common 2.5.0, signature/streaming.rs", scheme="http",
    ),
    Finding(
        "message", ADAPTED, "ceph", "aws-cli-1", "create-only",
        "aws-cli stumbles over errors without a message, which RGW sends; those of OSP have one",
        "https://github.com/aws/aws-cli/issues/10161", scheme="http",
    ),
    Finding(
        "no-condition", LIMITED, "garage", "*", "create-only", "the condition is ignored and the object replaced",
        "crate garage_api_s3 2.5.0: conditions are read in get.rs only",
    ),
    Finding(
        "acl", FAILS, "ceph|seaweedfs", "s3cmd", "copy",
        "after a copy s3cmd writes the ACL that it read of the source; OSP shows accounts as `osp` in it, and passes "
        "that on to the backend, which knows no such account",
        "docs/operations.md, PutObjectAcl",
    ),
)  # fmt: skip


def finding_of(cell: Cell, operation: str) -> Finding | None:
    """Return what is known of an operation of a cell; two answers are a mistake in the list."""
    found = [finding for finding in FINDINGS if finding.applies(cell, operation)]
    if len(found) > 1:
        raise ValueError(f"{cell} {operation}: more than one finding: {found}")
    return found[0] if found else None
