"""What takes minutes: many routes at once, many edits measured, a compacted etcd, writers that disagree (issue 4)."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gateway import Place, backend_entry
from kube.api import Refused, path_of, path_to
from kube.conftest import MakeSite, running_plane
from kube.control_plane import ControlPlane
from kube.osp import KubeOsp
from kube.served import Served
from kube.site import Site, conditions_of, grant
from kube.traffic import ControlLoop
from processes import resident_bytes, wait_until

pytestmark = [pytest.mark.gateway, pytest.mark.full]
ROUTES = 1000
APPLIERS = 8
# 20 status writes a second: 50 s for the routes, and slack for two busy cores.
ALL_STATUS_DEADLINE_S = 180.0
MANY_ROUTES = 10_000
SWAPS = 20
# Issue 4, K-CTL-4: what the configuration adds to the resident memory of a process.
MEMORY_BOUND_BYTES = 200 << 20
# The same: from the start of a process to its first table.
READY_BOUND_S = 5.0
EDITS = 200
# Issue 4: p99 of 200 edits on two replicas.
P99_BOUND_S = 1.0
DISPUTED_EDITS = 100
LIE_PAUSE_S = 0.05
# A quiet watch is opened anew after 60 s; only then does a compaction show.
COMPACTION_DEADLINE_S = 120.0


def routes_of(site: Site, namespace: str) -> list[dict[str, Any]]:
    """Return all routes of a namespace."""
    return site.api.get(path_of("BucketRoute", namespace))["items"]


@pytest.mark.timeout(600)
def test_k_ctl_4_a_thousand_routes_at_once(served: Served, stores: tuple[Place, Place]) -> None:
    """All of them serve, all of them say so, and the control traffic does not notice; a new process is soon ready."""
    site, osp = served.site, served.start("one")
    names = [f"many-{number:04d}" for number in range(ROUTES)]
    made = [
        site.route(served.namespace, stores[1], [grant("app")], name=name, match={"bucket": name}) for name in names
    ]

    def all_ready() -> bool:
        found = [conditions_of(route).get("Ready", {}) for route in routes_of(site, served.namespace)]
        return all(ready.get("status") == "True" for ready in found)

    with served.control(osp) as control:
        began = time.monotonic()
        with ThreadPoolExecutor(APPLIERS) as pool:
            list(pool.map(site.api.apply, made))
        applied = time.monotonic()
        for name in (names[0], names[ROUTES // 2], names[-1]):
            site.wait_served(osp, served.keys, name, "B")
        in_force = time.monotonic()
        wait_until(f"{ROUTES} routes are Ready", all_ready, ALL_STATUS_DEADLINE_S)
        told = time.monotonic()
        restarted = site.osp("two")
        ready = time.monotonic()
        for process in (osp, restarted):
            assert process.metric("osp_routes", state="served") == ROUTES + 2
        assert restarted.config_hash() == osp.config_hash()
    print(
        f"{ROUTES} routes: applied in {applied - began:.1f} s, all served {in_force - applied:.2f} s later, every"
        f" status {told - applied:.1f} s later; a new process is ready in {ready - told:.2f} s;"
        f" {control.requests} control requests, slowest {control.slowest_s:.2f} s"
    )


@pytest.mark.timeout(900)
def test_k_ctl_4_ten_thousand_routes(make_site: MakeSite, stores: tuple[Place, Place], tmp_path: Path) -> None:
    """A new process with all of them: when it is ready, what a rebuild takes, what they weigh; no request fails."""
    # A control plane of its own: the other tests' would be slower from here on.
    with running_plane(tmp_path / "many") as plane:
        site = make_site("many", plane)
        namespace, keys = site.namespace("a"), site.keys()
        site.allow()
        site.tenant(namespace, stores[0], keys)
        other = stores[1].backend
        site.api.apply_all(site.credential(namespace, other.name, other.keys))
        small = site.osp("small", role="proxy")
        site.wait_served(small, keys, "data", "A")
        before = memory(small, "VmRSS")
        small.stop()
        names = [f"many-{number:05d}" for number in range(MANY_ROUTES)]
        made = (site.route(namespace, stores[1], [grant("app")], name=name, match={"bucket": name}) for name in names)
        began = time.monotonic()
        with ThreadPoolExecutor(APPLIERS) as pool:
            list(pool.map(site.api.apply, made))
        applied = time.monotonic()
        osp = site.osp("large", role="proxy")
        ready = time.monotonic() - applied
        assert osp.metric("osp_routes", state="served") == MANY_ROUTES + 1
        first, took = osp.metric("osp_config_compile_seconds_sum"), []
        with ControlLoop(osp, keys, "data") as control:
            for swap in range(SWAPS):
                moved = site.route(namespace, stores[1], [grant("app")], name=names[0], match={"bucket": f"moved-{swap}"})
                site.api.apply(moved)
                since = time.monotonic()
                took.append(site.wait_served(osp, keys, f"moved-{swap}", "B") - since)
        # A table is counted a moment after it is in force.
        counted = "osp_config_compile_seconds_count"
        wait_until("the last table is counted", lambda: osp.metric(counted) > SWAPS, 10)
        swaps = osp.metric(counted) - 1
        rebuild = (osp.metric("osp_config_compile_seconds_sum") - first) / swaps
        grown, peak = memory(osp, "VmRSS") - before, memory(osp, "VmHWM") - before
    print(
        f"{MANY_ROUTES} routes: applied in {applied - began:.0f} s; a new process is ready in {ready:.2f} s; first table"
        f" {first * 1000:.0f} ms, a rebuild {rebuild * 1000:.0f} ms; an edit is in force after"
        f" {statistics.median(took) * 1000:.0f} ms (median), {max(took) * 1000:.0f} ms (worst); they take"
        f" {grown >> 20} MiB, {peak >> 20} MiB at the peak; {control.requests} requests, slowest {control.slowest_s:.2f} s"
    )
    assert ready <= READY_BOUND_S
    # The issue says 50 ms, for a machine with nothing else to do.
    assert rebuild <= 0.2
    assert grown <= MEMORY_BOUND_BYTES


def memory(osp: KubeOsp, field: str) -> int:
    """Return a field of /proc/PID/status in bytes."""
    assert osp.child is not None
    return resident_bytes(osp.child.pid, field)


@pytest.mark.timeout(600)
def test_two_replicas_follow_200_edits(served: Served, stores: tuple[Place, Place]) -> None:
    """From the API server's answer to the effect on the slower of two replicas: p50, p99; p99 is at most a second."""
    replicas = [served.start("one"), served.start("two")]
    entries = [backend_entry(place) for place in stores]
    took: list[float] = []
    with served.control(replicas[0]), ThreadPoolExecutor(len(replicas)) as pool:
        for edit in range(1, EDITS + 1):
            served.edit(backends=[entries[edit % 2]])
            since = time.monotonic()

            def effect(replica: KubeOsp, wanted: str = "AB"[edit % 2], since: float = since) -> float:
                return served.site.wait_served(replica, served.keys, "data", wanted) - since

            took.append(max(pool.map(effect, replicas)))
    took.sort()
    p50, p99 = statistics.median(took), took[int(0.99 * EDITS) - 1]
    print(
        f"change to effect on two replicas, {EDITS} edits: p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms,"
        f" worst {took[-1] * 1000:.0f} ms"
    )
    assert p99 <= P99_BOUND_S


@pytest.fixture
def uncached_plane(tmp_path: Path) -> Iterator[ControlPlane]:
    """A control plane whose watches go to etcd itself."""
    with running_plane(tmp_path / "uncached", watch_cache=False) as made:
        yield made


@pytest.mark.timeout(400)
def test_k_ctl_3_a_compacted_etcd_is_a_relist(
    make_site: MakeSite, uncached_plane: ControlPlane, stores: tuple[Place, Place]
) -> None:
    """Watches that point before the compaction get 410: the counter moves, all is listed again, nothing is lost."""
    site = make_site("compacted", uncached_plane)
    namespace, keys = site.namespace("a"), site.keys()
    site.allow()
    route = site.tenant(namespace, stores[0], keys)
    osp = site.osp()
    site.wait_served(osp, keys, "data", "A")
    site.wait_condition("BucketRoute", namespace, "data", "Ready", "True")
    before = expired_watches(osp)
    with ControlLoop(osp, keys, "data"):
        # Unseen by OSP, for want of the label: its watches stay where they were while etcd moves on.
        for number in range(50):
            site.api.apply(site.secret(namespace, f"unseen-{number}", site.keys(), watched=False))
        uncached_plane.compact()
        uncached_plane.kill_server()
        uncached_plane.start_server()
        wait_until("a watch got 410", lambda: expired_watches(osp) > before, COMPACTION_DEADLINE_S)
        site.api.apply(route | {"spec": route["spec"] | {"access": [grant("app"), grant("late")]}})
        late = site.keys()
        site.api.apply_all(site.client(namespace, "late", late))
        site.wait_served(osp, late, "data", "A", deadline_s=30)
        site.wait_condition("BucketRoute", namespace, "data", "Ready", "True", deadline_s=30)
    print(f"watches with 410: {expired_watches(osp) - before:.0f}")


def expired_watches(osp: KubeOsp) -> float:
    """Return how many watches were told 410 Gone."""
    try:
        return osp.metric("osp_kube_watch_errors_total", status="410")
    except AssertionError:  # no series before the first error
        return 0.0


@pytest.mark.timeout(400)
def test_k_api_2_writers_that_disagree(served: Served) -> None:
    """Somebody else writes the status, users write the spec all the time: OSP's conditions are right in the end."""
    site, osp = served.site, served.start()
    served.wait_ready()
    path = f"{path_to(served.route)}/status?fieldManager=liar"
    condition = {"message": "", "lastTransitionTime": "2020-01-01T00:00:00Z", "observedGeneration": 1}
    lies = [
        condition | {"type": "Ready", "status": "False", "reason": "Lie"},
        condition | {"type": "Foreign", "status": "True", "reason": "Mine"},
    ]
    liar = {key: served.route[key] for key in ("apiVersion", "kind", "metadata")} | {"status": {"conditions": lies}}

    def lie(force: str = "&force=true") -> None:
        site.api.call("PATCH", path + force, liar, "application/apply-patch+yaml")

    with served.control(osp):
        # Without force, the API server names who owns the field.
        with pytest.raises(Refused) as refused:
            lie(force="")
        assert refused.value.status == 409
        assert f"osp-{site.class_name}" in refused.value.message
        lie()
        site.wait_condition("BucketRoute", served.namespace, "data", "Ready", "True", "Ready")
        foreign = site.conditions("BucketRoute", served.namespace, "data")["Foreign"]
        assert foreign["reason"] == "Mine", "a condition of somebody else is not OSP's to remove"

        # Both at once: OSP's stale resourceVersions meet 409 and are tried again.
        stop = threading.Event()

        def lie_on() -> None:
            while not stop.wait(LIE_PAUSE_S):
                lie()

        thread = threading.Thread(target=lie_on)
        thread.start()
        try:
            for edit in range(DISPUTED_EDITS):
                served.edit(deny=[{"name": "d", "prefixes": [f"secret-{edit}/"]}])
        finally:
            stop.set()
            thread.join()
        ready = site.wait_condition("BucketRoute", served.namespace, "data", "Ready", "True", "Ready")
        assert ready["observedGeneration"] == DISPUTED_EDITS + 1
    print(f"writes of statuses: {osp.metric('osp_status_patches_total', result='conflict'):.0f} met a newer version")


def test_k_api_1_users_share_a_route_by_server_side_apply(served: Served) -> None:
    """Lists are merged by name: each manager owns its own access entry, and is refused the other's."""
    site = served.site
    site.api.apply_all(site.client(served.namespace, "other", site.keys()))
    site.api.apply(served.edited(access=[grant("other", ["Read"])]), manager="second")
    both = site.get("BucketRoute", served.namespace, "data")["spec"]["access"]
    assert {entry["name"] for entry in both} == {"app", "other"}
    with pytest.raises(Refused) as refused:
        site.api.apply(served.edited(access=[grant("app") | {"clientRef": {"name": "other"}}]), manager="second")
    assert refused.value.status == 409
    assert '"e2e"' in refused.value.message
