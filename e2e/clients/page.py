"""docs/compatibility.md: rendered from what the matrix observed, and read again to find what is stale.

A run that has only some of the clients or backends renews their rows and keeps the others.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass

from clients.catalogue import CLIENTS
from clients.findings import ADAPTED, FAILS, FINDINGS, LIMITED, Cell, finding_of
from clients.operations import OPERATIONS

REGENERATE = "e2e/run.sh all test_clients.py --write-compatibility"
PASS, LACKS = "pass", "-"
TITLES = {
    "ceph": "Ceph RGW 16.2 (Debian 12)",
    "seaweedfs": "SeaweedFS 4.48 (PyPI)",
    "minio": "MinIO RELEASE.2025-09-07 (Go module)",
    "garage": "Garage 2.5.0 (Rust crate)",
}

INTRODUCTION = f"""# Compatibility

Real clients at real backends behind OSP, over HTTP and HTTPS, each with its default settings. This page is written by
`{REGENERATE}`; `make test` runs the rows of Ceph RGW and SeaweedFS whose
clients install in seconds, `make e2e` all, and both fail when they are not what this page says.

* **pass**: it works, as it does at the backend itself.
* **adapted** [note]: it fails at the backend itself and works behind OSP.
* **limited** [note]: it fails at the backend itself, too.
* **fails** [note]: it works at the backend itself; OSP has still to learn it.
* **-**: the client has no such operation.

Nothing is set for any client but what the column *told* says: no environment variable, no patch. Parts are made small
where a client lets one say so. The private certificate of the tests is trusted by each client's own setting
(`SSL_CERT_FILE` for Polars, which has none). boto3 and aws-cli 1 run as if `awscrt` were not installed, boto3-crt with
it.
"""


@dataclass(frozen=True)
class Observed:
    """What one cell did: its version, and for each operation why it failed, behind OSP and at the backend itself.

    One of the two may be empty: clients that talk to the backends only, and the quick run, which leaves that out.
    """

    version: str
    behind_osp: Mapping[str, str | None]
    direct: Mapping[str, str | None]

    def kind(self, cell: Cell, operation: str) -> str:
        """Return the word for an operation; in a quick run the finding says how it is at the backend itself."""
        if operation in CLIENTS[cell.client].lacks:
            return LACKS
        known = finding_of(cell, operation)
        works, works_directly = self.behind_osp[operation] is None, known is None or known.kind == FAILS
        if self.direct:
            works_directly = self.direct[operation] is None
        if works:
            return PASS if works_directly else ADAPTED
        return FAILS if works_directly else LIMITED


def problems(cell: Cell, observed: Observed) -> list[str]:
    """Return what of a cell is not as the findings say, in words for a person."""
    found = []
    for operation in OPERATIONS:
        if operation in CLIENTS[cell.client].lacks:
            continue
        known = finding_of(cell, operation)
        wanted = known.kind if known else PASS
        if observed.behind_osp:
            found += _against(wanted in (LIMITED, FAILS), f"{operation} behind OSP", observed.behind_osp[operation])
        if observed.direct:
            direct = observed.direct[operation]
            found += _against(wanted in (ADAPTED, LIMITED), f"{operation} at the backend itself", direct)
    return found


def _against(fails: bool, what: str, outcome: str | None) -> list[str]:
    if fails == (outcome is not None):
        return []
    return [f"{what}: works, which clients/findings.py denies" if outcome is None else f"{what}: {outcome}"]


Rows = dict[tuple[str, str], str]


def rows_of(text: str) -> Rows:
    """Return the rows of a page by backend and client."""
    backends = {f"## {title}": name for name, title in TITLES.items()}
    rows: Rows = {}
    backend = None
    for line in text.splitlines():
        if line.startswith("## "):
            backend = backends.get(line)
        name = line.removeprefix("| ").partition(" |")[0]
        if backend and name in CLIENTS:
            rows[backend, name] = line
    return rows


def row(client: str, backend: str, by_scheme: Mapping[str, Observed]) -> str:
    """Return the row of a client at a backend; what differs between HTTP and HTTPS is told twice."""
    cells = []
    for operation in OPERATIONS:
        words = {
            scheme: _marked(Cell(client, backend, scheme), operation, observed)
            for scheme, observed in sorted(by_scheme.items())
        }
        if len(set(words.values())) == 1:
            cells.append(next(iter(words.values())))
        else:
            cells.append(", ".join(f"{scheme.upper()} {word}" for scheme, word in words.items()))
    versions = sorted({observed.version for observed in by_scheme.values()})
    return f"| {client} | {' '.join(versions)} | {' | '.join(cells)} |"


def _marked(cell: Cell, operation: str, observed: Observed) -> str:
    kind = observed.kind(cell, operation)
    known = finding_of(cell, operation)
    return f"{kind} [{known.mark}]" if known and kind == known.kind else kind


def render(rows: Rows) -> str:
    """Return the whole page; a row that nobody ever observed is told as missing."""
    parts = [INTRODUCTION, "## Operations\n"]
    parts.append("\n".join(f"* **{name}**: {inspect.getdoc(deed)}" for name, deed in OPERATIONS.items()) + "\n")
    parts.append("## Clients\n\n| client | from | told beside endpoint, region and keys | has not |\n|---|---|---|---|")
    for client in CLIENTS.values():
        lacks = "; ".join(f"{operation}: {why}" for operation, why in client.lacks.items())
        parts.append(f"| {client.name} | {client.origin} | {client.told} | {lacks} |")
    for backend, title in TITLES.items():
        heads = ["client", "version", *OPERATIONS]
        parts.append(f"\n## {title}\n\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
        parts += [rows.get((backend, name), f"| {name} | missing |") for name in CLIENTS]
    parts.append("\n## Notes\n")
    parts += [f"* [{each.mark}] *{each.kind}*: {each.why} ({each.source})" for each in FINDINGS]
    return "\n".join(parts) + "\n"
