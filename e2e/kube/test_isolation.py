"""A bad, conflicting or half-deleted object changes nothing for anybody else (issue 4, K-API-3, K-API-6, K08, K10)."""

from __future__ import annotations

import pytest

from gateway import Place, backend_entry
from kube.api import path_of
from kube.site import Site, grant
from kube.traffic import ControlLoop

pytestmark = pytest.mark.gateway
FINALIZER = "e2e.osp.invalid/held"


def test_bad_objects_beside_a_good_one(site: Site, stores: tuple[Place, Place], control_place: Place) -> None:
    """Every kind of bad neighbour comes and goes; the control route never fails, broken buckets are 503, never 404."""
    good, bad = site.namespace("a"), site.namespace("b")
    site.allow()
    control_keys, keys = site.keys(), site.keys()
    place = stores[0]
    site.api.apply_all(
        [*site.credential(good, place.backend.name, place.backend.keys), *site.client(good, "control", control_keys),
         site.route(good, control_place, [grant("control")]),
         *site.client(bad, "app", keys), *site.credential(bad, place.backend.name, place.backend.keys)]
    )  # fmt: skip
    osp = site.osp()

    def in_bucket(bucket: str, **spec: object) -> dict:
        return site.route(bad, place, [grant("app")], name=bucket, **({"match": {"bucket": bucket}} | spec))

    no_credential = in_bucket("broken", backends=[backend_entry(place) | {"credentialRef": {"name": "absent"}}])
    thief = in_bucket("control")
    half_deleted = in_bucket("held")
    half_deleted["metadata"]["finalizers"] = [FINALIZER]
    with ControlLoop(osp, control_keys, "control") as control:
        site.api.apply_all([no_credential, half_deleted])
        site.wait_condition("BucketRoute", bad, "broken", "ResolvedRefs", "False", "CredentialNotFound")
        site.wait_served(osp, keys, "broken", "503 ServiceUnavailable")
        site.wait_served(osp, keys, "held", "A")
        # The bucket of the older route stays where it is, whoever else claims it.
        site.api.apply(thief)
        told = site.wait_condition("BucketRoute", bad, "control", "Accepted", "False", "Conflicted")
        assert good not in told["message"] and "control" not in told["message"], "no foreign names"
        assert osp.fetch(keys, "control") == "403 AccessDenied"
        site.wait_condition("BucketRoute", good, "control", "Ready", "True")
        # A route that waits for its finalizer is gone already.
        site.api.delete(path_of("BucketRoute", bad, "held"))
        site.wait_served(osp, keys, "held", "404 NoSuchBucket")
        assert site.get("BucketRoute", bad, "held")["metadata"]["deletionTimestamp"]
        site.api.merge(path_of("BucketRoute", bad, "held"), {"metadata": {"finalizers": None}})
        # And the bad ones are made good.
        site.api.apply(in_bucket("broken"))
        site.wait_served(osp, keys, "broken", "A")
        site.wait_condition("BucketRoute", bad, "broken", "Ready", "True")
        control.wait_for_more(50)


def test_k_api_3_the_next_oldest_takes_over(site: Site, stores: tuple[Place, Place]) -> None:
    """The owner of a bucket goes: the younger claim serves without a touch."""
    older, younger = site.namespace("a"), site.namespace("b")
    site.allow()
    keys, other = site.keys(), site.keys()
    site.tenant(older, stores[0], keys)
    osp = site.osp()
    site.wait_served(osp, keys, "data", "A")
    # creationTimestamps count seconds: two routes of one second are decided by their names, and `a` is first.
    site.tenant(younger, stores[1], other)
    site.wait_condition("BucketRoute", younger, "data", "Accepted", "False", "Conflicted")
    assert osp.fetch(other, "data") == "403 AccessDenied"
    site.api.delete(path_of("BucketRoute", older, "data"))
    site.wait_served(osp, other, "data", "B")
    site.wait_condition("BucketRoute", younger, "data", "Ready", "True")
    assert osp.fetch(keys, "data") == "403 AccessDenied"
