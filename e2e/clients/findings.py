"""What is not a plain pass in the compatibility matrix, with its source. The run proves each of them, both ways.

`adapted`: the client fails at the backend itself and works behind OSP. `limited`: it fails at both, so that the backend
or the client is the reason. What fails behind OSP only is a fault of OSP and cannot be written down here.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass

ADAPTED = "adapted"
LIMITED = "limited"


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
    """A result that is not a plain pass. Each field up to `scheme` is a shell pattern, `|` between several."""

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


FINDINGS: tuple[Finding, ...] = ()


def finding_of(cell: Cell, operation: str) -> Finding | None:
    """Return what is known of an operation of a cell; two answers are a mistake in the list."""
    found = [finding for finding in FINDINGS if finding.applies(cell, operation)]
    if len(found) > 1:
        raise ValueError(f"{cell} {operation}: more than one finding: {found}")
    return found[0] if found else None
