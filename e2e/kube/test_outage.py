"""The API server goes away and comes back (K-CTL-1, K-CTL-2, K2): requests do not notice, status resumes."""

from __future__ import annotations

import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import Place
from kube.control_plane import ControlPlane
from kube.osp import KubeOsp
from kube.served import Served
from kube.site import Site, grant
from processes import wait_until

pytestmark = pytest.mark.gateway
# Requests while there is no API server: a few seconds, in which watches fail and are tried again.
OUTAGE_REQUESTS = 300
LONG_OUTAGE_S = 120.0
# kubernetes.md 8: a re-list 3.9 s after the server is back, up to 7 s with many objects; then the change.
RESYNC_DEADLINE_S = 30.0
# Without any answer for so long, the disk stands in.
SNAPSHOT_PATIENCE_S = 30.0


def assert_resumes(served: Served, osp: KubeOsp) -> None:
    """A change after the outage is in force and its status is written."""
    site, keys, began = served.site, served.site.keys(), time.monotonic()
    site.api.apply_all(site.client(served.namespace, "late", keys))
    served.edit(access=[grant("app"), grant("late", ["Read"])])
    site.wait_served(osp, keys, "data", "A", deadline_s=RESYNC_DEADLINE_S)
    print(f"in force {time.monotonic() - began:.1f} s after the API server was back")
    served.wait_ready(RESYNC_DEADLINE_S)
    site.wait_condition("ClientIdentity", served.namespace, "late", "Ready", "True", deadline_s=RESYNC_DEADLINE_S)
    print(f"status written {time.monotonic() - began:.1f} s after the API server was back")


# A clean stop ends the watches politely, one after another, and takes 10 s; it is the cut that nobody expects.
@pytest.mark.parametrize("ending", ["killed", pytest.param("stopped", marks=pytest.mark.full)])
def test_k_ctl_2_requests_do_not_notice_a_restart_of_the_api_server(
    ending: str, served: Served, control_plane: ControlPlane
) -> None:
    """No failed request, ready all the time, the same table; afterwards changes take effect and status goes on."""
    osp = served.start()
    served.wait_ready()
    before = osp.config_hash()
    with served.control(osp) as control:
        try:
            if ending == "stopped":
                control_plane.stop_server()
            else:
                control_plane.kill_server()
            control.wait_for_more(OUTAGE_REQUESTS)
            assert osp.is_ready(), "readiness is sticky"
            assert osp.config_hash() == before
        finally:
            control_plane.start_server()
        assert_resumes(served, osp)
        assert osp.is_ready()


@pytest.mark.full
@pytest.mark.timeout(600)
def test_k_ctl_2_two_minutes_without_the_api_server(served: Served, control_plane: ControlPlane) -> None:
    """Two minutes: no failed request, still ready, the age tells, and the change after it is in force soon."""
    osp = served.start()
    served.wait_ready()
    before = osp.config_hash()
    with served.control(osp) as control:
        control_plane.kill_server()
        try:
            # OSP's own clock decides, which is what an alert looks at.
            long_ago = LONG_OUTAGE_S + 90
            wait_until("the age tells", lambda: osp.metric("osp_config_age_seconds") >= LONG_OUTAGE_S, long_ago)
            assert osp.is_ready()
            assert osp.config_hash() == before
        finally:
            control_plane.start_server()
        assert_resumes(served, osp)
        wait_until("the age is low again", lambda: osp.metric("osp_config_age_seconds") < 30, RESYNC_DEADLINE_S)
    print(f"{control.requests} requests, slowest {control.slowest_s:.2f} s")


@pytest.fixture
def memory_volume() -> Iterator[Path]:
    """A folder in memory, as an emptyDir with `medium: Memory`."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="osp-e2e-") as folder:
        yield Path(folder)


@pytest.mark.full
def test_k_ctl_2_a_restart_without_the_api_server_serves_the_snapshot(
    served: Served, control_plane: ControlPlane, memory_volume: Path
) -> None:
    """OSP ends and begins again while the API server is away: ready after 30 s from disk; afterwards it follows again."""
    site, flags = served.site, ["--snapshot-dir", str(memory_volume)]
    first = served.start("one", extra_flags=flags)
    second = site.osp("two", start=False, extra_flags=flags)
    served.wait_ready()
    (kept,) = memory_volume.iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    control_plane.kill_server()
    try:
        first.stop()
        began = time.monotonic()
        second.spawn()
        child = second.child
        assert child is not None
        wait_until("OSP has tried and said so", lambda: b"a watch failed" in child.log.read_bytes(), 30)
        assert not second.read_ready_line(), "a server that is merely slow has the better answer"
        second.wait_ready(90)
        took = time.monotonic() - began
        assert took >= SNAPSHOT_PATIENCE_S
        assert second.fetch(served.keys, "data") == "A"
        # A route for it may have been made since then.
        assert second.fetch(served.keys, "unknown") == "503 ServiceUnavailable"
        with served.control(second) as control:
            control.wait_for_more(50)
    finally:
        control_plane.start_server()
    print(f"served from disk {took:.1f} s after a start without an API server")
    with served.control(second):
        assert_resumes(served, second)
        site.wait_served(second, served.keys, "unknown", "404 NoSuchBucket", deadline_s=RESYNC_DEADLINE_S)


def test_k_ctl_1_not_ready_before_the_first_sync(
    site: Site, control_plane: ControlPlane, stores: tuple[Place, Place]
) -> None:
    """Started while the API server is away: alive and not ready; ready and serving once it is back."""
    namespace, keys = site.namespace("a"), site.keys()
    site.allow()
    site.tenant(namespace, stores[0], keys)
    osp = site.osp(start=False)
    control_plane.stop_server()
    try:
        osp.spawn()
        child = osp.child
        assert child is not None
        wait_until("OSP has tried and said so", lambda: b"a watch failed" in child.log.read_bytes(), 30)
        assert child.process.poll() is None, "an API server that is away is no reason to end"
        assert not osp.read_ready_line()
    finally:
        control_plane.start_server()
    osp.wait_ready(60)
    site.wait_served(osp, keys, "data", "A")
