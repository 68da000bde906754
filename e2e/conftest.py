"""Fixtures of the suite: servers, OSP in front of them, clients; and the expected failures of the servers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from certificates import CA_VARIABLES, Certificates, make_certificates

for _variable in CA_VARIABLES:
    os.environ.pop(_variable, None)
# Seeding and raw requests use botocore in this process: without the C runtime, as the plain boto3 client.
os.environ["BOTO_DISABLE_CRT"] = "true"

from backends import BACKENDS, Backend, Keys  # noqa: E402
from canary import BACKEND_HOST  # noqa: E402
from clients import BOTO_CLIENTS, AwsCli, Boto, BotoProcess, cli_program  # noqa: E402
from gateway import (  # noqa: E402
    ALL_PERMISSIONS,
    Osp,
    Place,
    TlsTerminators,
    backend_entry,
    client_documents,
    credential_documents,
    direct_mode,
    grant,
    route_document,
)
from matrix import (  # noqa: E402
    ROUTE_PREFIX,
    SCHEMES,
    VIRTUAL_BUCKET,
    half_of,
    naming_of,
    needles_of,
    places_of,
    versioned,
)
from seeding import create_bucket, seed_many  # noqa: E402


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the choice of backends and of depth."""
    parser.addoption("--backends", default="ceph,seaweedfs", help="comma-separated: " + ",".join(BACKENDS))
    parser.addoption("--full", action="store_true", help="also the tests that are marked `full`")
    parser.addoption("--write-compatibility", action="store_true", help="write docs/compatibility.md from this run")


def chosen_backends(config: pytest.Config) -> list[str]:
    """Return the names of this run's backends."""
    names = config.getoption("--backends").split(",")
    unknown = set(names) - set(BACKENDS)
    if unknown:
        raise pytest.UsageError(f"no such backends: {', '.join(sorted(unknown))}")
    return names


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Span the matrix: backend x scheme x client (a module's CLIENTS)."""
    if "backend" in metafunc.fixturenames:
        names = chosen_backends(metafunc.config)
        if hasattr(metafunc.module, "usable_backend"):
            names = [name for name in names if metafunc.module.usable_backend(BACKENDS[name])]
        metafunc.parametrize("backend", names)
    if "scheme" in metafunc.fixturenames:
        metafunc.parametrize("scheme", SCHEMES)
    if "client" in metafunc.fixturenames:
        metafunc.parametrize("client", metafunc.module.CLIENTS)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the servers' own limitations, put the last tests last, leave OSP's own tests out of direct mode."""
    for item in items:
        parameters = getattr(item, "callspec", None)
        strings = {name: str(value) for name, value in parameters.params.items()} if parameters else {}
        if "client" in strings and "scheme" in strings:
            strings["naming"] = naming_of(item.module.CLIENTS, strings["client"], strings["scheme"])
        backend = BACKENDS.get(strings.get("backend", ""))
        for limitation in backend.limitations if backend else ():
            if limitation.applies(item.originalname, strings, direct_mode()):
                item.add_marker(pytest.mark.xfail(reason=f"{limitation.why} [{limitation.source}]", strict=True))
    left_out = {"gateway"} if direct_mode() else set()
    if not config.getoption("--full"):
        left_out.add("full")
    gone = [item for item in items if left_out & {marker.name for marker in item.iter_markers()}]
    config.hook.pytest_deselected(items=gone)
    items[:] = [item for item in items if item not in gone]
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """The private CA and the server certificate of this run."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Backend]]:
    """Every chosen server, running and seeded; one that does not start fails the run."""
    made = {name: BACKENDS[name](tmp_path_factory.mktemp(name)) for name in chosen_backends(request.config)}

    def prepare(server: Backend) -> None:
        server.start()
        for place in places_of(server):
            create_bucket(server, place.backend_bucket)
            create_bucket(server, versioned(place).backend_bucket)
            seed_many(server, place.backend_bucket, place.prefix)
        create_bucket(server, VIRTUAL_BUCKET)

    # The kernel ends a child when the thread that started it ends (see Child): the threads live as long as the servers.
    pool = ThreadPoolExecutor(len(made))
    try:
        list(pool.map(prepare, made.values()))
        yield made
    except Exception as broken:  # a missing server is no reason to go on with the others
        pytest.exit(f"a backend is missing: {broken}", returncode=1)
    finally:
        for server in made.values():
            server.stop()
        pool.shutdown()


@pytest.fixture(scope="session")
def client_keys() -> Keys:
    """The key pair of the client that may do everything."""
    return Keys.random("CK")


@pytest.fixture(scope="session")
def reader_keys() -> Keys:
    """The key pair of a client that may read and list below `public/` only."""
    return Keys.random("CR")


@pytest.fixture(scope="session")
def gateways() -> Iterator[list[Osp]]:
    """Every OSP process of the run, for the search for secrets at its end."""
    running: list[Osp] = []
    yield running
    for osp in running:
        osp.stop()


@pytest.fixture(scope="session")
def osp(
    servers: dict[str, Backend],
    certificates: Certificates,
    client_keys: Keys,
    reader_keys: Keys,
    gateways: list[Osp],
    tmp_path_factory: pytest.TempPathFactory,
) -> Osp:
    """OSP in front of every server: two path-style routes each, and a virtual-host one where the server can."""
    host_names = [BACKEND_HOST, f"{VIRTUAL_BUCKET}.{BACKEND_HOST}"]
    osp = Osp(tmp_path_factory.mktemp("osp"), certificates, host_names=host_names)
    gateways.append(osp)
    osp.write("clients.yaml", client_documents("tester", client_keys) + client_documents("reader", reader_keys))
    access = [grant("tester", (*ALL_PERMISSIONS, "Admin")), grant("reader", ["Read", "List"], ["public/"])]
    for server in servers.values():
        places = [each for place in places_of(server) for each in (place, versioned(place))]
        named = server.named_endpoint
        routes = [route_document(place.bucket, backend_entry(place, endpoint=named), access) for place in places]
        if server.virtual_hosts:
            virtual = Place(f"{server.name}-virtual", server, VIRTUAL_BUCKET, ROUTE_PREFIX)
            routes.append(route_document(virtual.bucket, backend_entry(virtual, virtual_host=True), access))
        osp.write(f"{server.name}.yaml", credential_documents(server.name, server.keys) + routes)
    osp.start()
    osp.record(needles_of(servers, [client_keys, reader_keys]))
    return osp


@pytest.fixture(scope="session")
def terminators(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsTerminators]:
    """Direct mode's HTTPS."""
    made = TlsTerminators(tmp_path_factory.mktemp("tls"), certificates)
    yield made
    made.stop()


@pytest.fixture(scope="session")
def boto_processes() -> Iterator[dict[str, BotoProcess]]:
    """The two boto3 workers."""
    made = {name: BotoProcess(crt=name == "boto3-crt") for name in BOTO_CLIENTS}
    yield made
    for process in made.values():
        process.stop()


@pytest.fixture
def server(backend: str, servers: dict[str, Backend]) -> Backend:
    """The test's backend."""
    return servers[backend]


@pytest.fixture
def place(request: pytest.FixtureRequest, server: Backend, client: str, scheme: str) -> Place:
    """The test's bucket: half of the matrix is renamed and below a prefix, so that each client and scheme has both."""
    plain, renamed = places_of(server)
    return renamed if half_of(request.module.CLIENTS, client, scheme) else plain


@pytest.fixture
def boto(
    request: pytest.FixtureRequest, client: str, scheme: str, server: Backend, boto_processes: dict[str, BotoProcess]
) -> Boto:
    """The test's boto3 client, on OSP (or on the backend in direct mode)."""
    if direct_mode():
        terminators: TlsTerminators = request.getfixturevalue("terminators")
        return boto_processes[client].client(terminators.endpoint(scheme, server))
    osp: Osp = request.getfixturevalue("osp")
    return boto_processes[client].client(osp.endpoint(scheme, request.getfixturevalue("client_keys")))


@pytest.fixture
def aws(request: pytest.FixtureRequest, client: str, scheme: str, server: Backend, tmp_path: Path) -> AwsCli:
    """The test's aws-cli, on OSP (or on the backend in direct mode)."""
    if direct_mode():
        terminators: TlsTerminators = request.getfixturevalue("terminators")
        endpoint = terminators.endpoint(scheme, server)
    else:
        osp: Osp = request.getfixturevalue("osp")
        endpoint = osp.endpoint(scheme, request.getfixturevalue("client_keys"))
    home = tmp_path / "home"
    home.mkdir()
    return AwsCli(cli_program(client), endpoint, home)
