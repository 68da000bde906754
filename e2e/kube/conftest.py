"""Fixtures of the Kubernetes suite: the control plane, the two places where objects are, and each scenario's corner."""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from backends import Backend
from certificates import Certificates
from gateway import REPOSITORY, Osp, Place
from kube.control_plane import ControlPlane
from kube.kubectl import Kubectl
from kube.served import Served, apply_served
from kube.site import Known, Site
from seeding import at_backend, create_bucket

MakeSite = Callable[..., Site]
CRDS = REPOSITORY / "crds"
ESTABLISHED = "--for=condition=Established"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Show the ends of the logs with a failure."""
    report = yield
    if report.when == "call" and report.failed:
        for site in getattr(item, "funcargs", {}).values():
            if isinstance(site, Site):
                report.sections.append((f"processes of {site.name}", site.tails()))
    return report


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """etcd and kube-apiserver with the CRDs of this repository; one that does not start fails the run."""
    with running_plane(tmp_path_factory.mktemp("kube")) as made:
        yield made


@contextlib.contextmanager
def running_plane(folder: Path, **options: bool) -> Iterator[ControlPlane]:
    """Run a control plane with the CRDs of this repository; it ends with the block."""
    made = ControlPlane(folder, **options)
    try:
        made.start()
        install_crds(made)
        yield made
    finally:
        made.stop()


def crd_documents() -> list[dict]:
    """Return the CRDs of this repository."""
    files = sorted(CRDS.glob("*.yaml"))
    assert files, f"no CRDs in {CRDS}"
    return [document for file in files for document in yaml.safe_load_all(file.read_text()) if document]


def install_crds(control_plane: ControlPlane) -> None:
    """Apply the CRDs as the documentation says and wait until they are served."""
    kubectl = Kubectl(control_plane.admin_kubeconfig(), control_plane.folder)
    kubectl.run("apply", "--server-side", "-f", CRDS)
    kubectl.run("wait", ESTABLISHED, "--timeout=30s", *(f"crd/{crd['metadata']['name']}" for crd in crd_documents()))


@pytest.fixture(scope="session")
def known(servers: dict[str, Backend], gateways: list[Osp]) -> Known:
    """Every secret and every OSP of the suite, for the search at its end."""
    return Known([server.keys for server in servers.values()], gateways)


@pytest.fixture(scope="session")
def stores(servers: dict[str, Backend]) -> tuple[Place, Place]:
    """Two places for the bucket `data`, on two servers where the run has two: the object `side` says which is which."""
    first, *others = servers.values()
    second = others[0] if others else first
    made = Place("data", first, "e2e-kube-a"), Place("data", second, "e2e-kube-b", "below/here/")
    for place, body in zip(made, (b"A", b"B"), strict=True):
        create_bucket(place.backend, place.backend_bucket)
        at_backend(place.backend).put_object(Bucket=place.backend_bucket, Key=f"{place.prefix}side", Body=body)
    return made


@pytest.fixture(scope="session")
def control_place(servers: dict[str, Backend]) -> Place:
    """The bucket of the control traffic, which no scenario touches."""
    made = Place("control", next(iter(servers.values())), "e2e-kube-control")
    create_bucket(made.backend, made.backend_bucket)
    return made


@contextlib.contextmanager
def sites(plane: ControlPlane, certificates: Certificates, known: Known, folder: Path) -> Iterator[MakeSite]:
    """Make corners of a cluster; their processes end with the block."""
    made: list[Site] = []

    def make(name: str, plane: ControlPlane = plane) -> Site:
        own = folder / name
        own.mkdir()
        made.append(Site(name, plane, own, certificates, known))
        return made[-1]

    try:
        yield make
    finally:
        for site in made:
            site.stop()


@pytest.fixture
def make_site(
    control_plane: ControlPlane, certificates: Certificates, known: Known, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MakeSite]:
    """Make the test's own corners; their logs outlive the test, for the search at the end of the suite."""
    with sites(control_plane, certificates, known, tmp_path_factory.mktemp("sites")) as make:
        yield make


@pytest.fixture
def site(request: pytest.FixtureRequest, make_site: MakeSite) -> Site:
    """One corner with a name that nobody else has."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:20].strip("-")
    return make_site(f"{words}-{secrets.token_hex(2)}")


@pytest.fixture
def served(site: Site, stores: tuple[Place, Place], control_place: Place) -> Served:
    """The route `data` and the control route, applied; no OSP yet."""
    return apply_served(site, stores, control_place)
