"""Two processes, one Lease (K-CTL-5, K7): the status goes on when the leader ends, the serving never depends on it."""

from __future__ import annotations

import time

import pytest

from gateway import Place
from kube.api import path_of
from kube.osp import KubeOsp
from kube.site import Site, grant
from kube.traffic import ControlLoop
from processes import wait_until

pytestmark = pytest.mark.gateway
# Issue 4: kill -9 the leader, status goes on within 25 s (observed: 15.0 to 15.8 s until the Lease is taken over).
HAND_OVER_DEADLINE_S = 25.0
# A process that is asked to end gives the Lease back.
RELEASE_DEADLINE_S = 10.0


@pytest.fixture
def pair(site: Site, stores: tuple[Place, Place], control_place: Place) -> tuple[Site, str, KubeOsp, KubeOsp, ControlLoop]:
    """A leader and a follower; the control traffic goes to the follower, which survives."""
    namespace, keys, control_keys = site.namespace("a"), site.keys(), site.keys()
    site.allow()
    site.tenant(namespace, stores[0], keys)
    site.api.apply_all(
        [*site.credential(namespace, control_place.backend.name, control_place.backend.keys),
         *site.client(namespace, "control", control_keys), site.route(namespace, control_place, [grant("control")])]
    )  # fmt: skip
    both = [site.osp("one"), site.osp("two")]
    wait_until("one leader", lambda: sum(osp.metric("osp_leader") for osp in both) == 1, HAND_OVER_DEADLINE_S)
    leader, follower = sorted(both, key=lambda osp: -osp.metric("osp_leader"))
    site.wait_condition("BucketRoute", namespace, "data", "Ready", "True")
    site.wait_served(follower, keys, "data", "A")
    return site, namespace, leader, follower, ControlLoop(follower, control_keys, "control")


def holder(site: Site) -> str:
    """Return who holds the Lease."""
    return site.api.get(path_of("Lease", site.home, site.lease))["spec"].get("holderIdentity") or ""


@pytest.mark.parametrize("ending", ["killed", "terminated"])
def test_k_ctl_5_status_goes_on_after_the_leader_ends(
    ending: str, pair: tuple[Site, str, KubeOsp, KubeOsp, ControlLoop]
) -> None:
    """The follower serves on without a failure, takes the Lease over and writes the status of what comes after."""
    site, namespace, leader, follower, control = pair
    first = holder(site)
    with control:
        assert leader.child is not None
        if ending == "killed":
            leader.child.process.kill()
            leader.child.process.wait()
        else:
            leader.child.process.terminate()
        ended = time.monotonic()
        site.api.apply_all(site.client(namespace, "late", site.keys()))
        limit = HAND_OVER_DEADLINE_S if ending == "killed" else RELEASE_DEADLINE_S
        site.wait_condition("ClientIdentity", namespace, "late", "Ready", "True", deadline_s=limit)
        print(f"leader {ending}: status goes on after {time.monotonic() - ended:.1f} s")
        assert follower.metric("osp_leader") == 1
        assert holder(site) != first
    assert follower.is_ready()


def test_k_ctl_5_no_leader_is_needed_to_serve(site: Site, stores: tuple[Place, Place]) -> None:
    """`--mode proxy` alone: changes are in force, no Lease is taken, no status is written; a controller then writes it."""
    namespace, keys = site.namespace("a"), site.keys()
    site.allow()
    proxy = site.osp("proxy", role="proxy")
    site.tenant(namespace, stores[0], keys)
    site.wait_served(proxy, keys, "data", "A")
    assert site.conditions("BucketRoute", namespace, "data") == {}
    leases = site.api.get(path_of("Lease", site.home))["items"]
    assert leases == []

    controller = site.osp("controller", role="controller")
    site.wait_condition("BucketRoute", namespace, "data", "Programmed", "True")
    assert "http" not in controller.addresses, "a controller has no S3 listener"
    assert holder(site)
