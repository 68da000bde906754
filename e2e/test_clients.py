"""The compatibility matrix: every client at every backend over HTTP and HTTPS, and the page that says how it went.

The cells run beside each other, as many as there are processors; a test looks at what its cell did.
"""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from backends import Backend, Keys
from clients import Endpoint, page
from clients.catalogue import CLIENTS
from clients.findings import Cell
from clients.operations import Errand, run_all
from clients.worker import Worker
from gateway import REPOSITORY, Osp, Place, TlsTerminators, direct_mode
from matrix import SCHEMES, half_of, places_of
from seeding import MANY_PREFIX, at_backend

PAGE = REPOSITORY / "docs/compatibility.md"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Span the matrix; clients that take minutes to build are in the full one."""
    if "cell" not in metafunc.fixturenames:
        return
    config = metafunc.config
    cells = [
        Cell(client.name, backend, scheme)
        for backend in config.getoption("--backends").split(",")
        for client in CLIENTS.values()
        if config.getoption("--full") or not client.full
        for scheme in SCHEMES
    ]
    metafunc.parametrize("cell", cells, ids=str)


@dataclass
class Matrix:
    """The chosen cells at work."""

    servers: dict[str, Backend]
    endpoints: dict[str, Endpoint]
    direct_endpoints: dict[tuple[str, str], Endpoint]
    folder: Path
    pool: ThreadPoolExecutor
    running: dict[Cell, Future[page.Observed]] = field(default_factory=dict)

    def start(self, cells: Sequence[Cell]) -> None:
        """Start as many as there are threads; the others wait."""
        self.running = {cell: self.pool.submit(self.observe, cell) for cell in cells}

    def observe(self, cell: Cell) -> page.Observed:
        """Run one cell: behind OSP and at the backend itself, where there are endpoints for it."""
        place = places_of(self.servers[cell.backend])[half_of(tuple(CLIENTS), cell.client, cell.scheme)]
        version, behind_osp, direct = "", {}, {}
        if cell.scheme in self.endpoints:
            version, behind_osp = self.errand(cell, place, "", self.endpoints[cell.scheme])
        if endpoint := self.direct_endpoints.get((cell.backend, cell.scheme)):
            there = replace(place, bucket=place.backend_bucket, prefix="")
            version, direct = self.errand(cell, there, place.prefix, endpoint)
        return page.Observed(version, behind_osp, direct)

    def errand(self, cell: Cell, place: Place, root: str, endpoint: Endpoint) -> tuple[str, dict[str, str | None]]:
        """Have one client do everything below `root`, and clear up behind it."""
        folder = Path(tempfile.mkdtemp(prefix=f"{cell}-", dir=self.folder))
        client = CLIENTS[cell.client]
        prefix = f"{root}clients/{folder.name}/"
        try:
            with Worker(client, endpoint, place.bucket, folder) as worker:
                return worker.version, run_all(Errand(client, worker, place, prefix, f"{root}{MANY_PREFIX}", folder))
        finally:
            clear(place, prefix)


def clear(place: Place, prefix: str) -> None:
    """Delete what is below a prefix, at the server itself."""
    server = at_backend(place.backend)
    below = place.prefix + prefix
    for found in server.list_objects_v2(Bucket=place.backend_bucket, Prefix=below).get("Contents", []):
        server.delete_object(Bucket=place.backend_bucket, Key=found["Key"])


@pytest.fixture(scope="module")
def matrix(
    request: pytest.FixtureRequest,
    servers: dict[str, Backend],
    terminators: TlsTerminators,
    client_keys: Keys,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Matrix]:
    """Start all cells of the tests that were chosen."""
    endpoints: dict[str, Endpoint] = {}
    if not direct_mode():
        osp: Osp = request.getfixturevalue("osp")
        endpoints = {scheme: osp.endpoint(scheme, client_keys) for scheme in SCHEMES}
    direct: dict[tuple[str, str], Endpoint] = {}
    if direct_mode() or request.config.getoption("--full"):
        direct = {(name, each): terminators.endpoint(each, one) for name, one in servers.items() for each in SCHEMES}
    parameters = [getattr(item, "callspec", None) for item in request.session.items]
    cells = [each.params["cell"] for each in parameters if each and "cell" in each.params]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        made = Matrix(servers, endpoints, direct, tmp_path_factory.mktemp("clients"), pool)
        made.start(cells)
        yield made
        pool.shutdown(cancel_futures=True)


def test_operations(matrix: Matrix, cell: Cell) -> None:
    """Each operation works, unless the findings have a cited reason why not (C4, C31, C35, C36, C64)."""
    wrong = page.problems(cell, matrix.running[cell].result())
    assert not wrong, f"{cell}:\n" + "\n".join(wrong)


@pytest.mark.gateway
def test_page(matrix: Matrix, request: pytest.FixtureRequest) -> None:
    """docs/compatibility.md says what was observed, and has a row for every client at every backend."""
    by_row: dict[tuple[str, str], dict[str, page.Observed]] = defaultdict(dict)
    for cell, running in matrix.running.items():
        by_row[cell.backend, cell.client][cell.scheme] = running.result()
    rows = {
        (backend, client): page.row(client, backend, schemes)
        for (backend, client), schemes in by_row.items()
        if len(schemes) == len(SCHEMES)
    }
    committed = PAGE.read_text() if PAGE.exists() else ""
    wanted = page.render(page.rows_of(committed) | rows)
    if request.config.getoption("--write-compatibility"):
        PAGE.write_text(wanted)
        return
    assert committed == wanted, f"docs/compatibility.md is stale: run {page.REGENERATE}"
    assert "missing" not in committed
