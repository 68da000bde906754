"""Nothing that OSP wrote into the cluster or its logs in all of these scenarios contains a secret (C-4)."""

from __future__ import annotations

import json

import pytest

from kube.api import path_of
from kube.control_plane import ControlPlane
from kube.site import Known

pytestmark = [pytest.mark.gateway, pytest.mark.last]


def test_no_secret_was_written(control_plane: ControlPlane, known: Known) -> None:
    """No secret key in any status, Event, log or line of output; the search would find what is there."""
    api = control_plane.admin()
    told = {
        kind: json.dumps(api.get(path_of(kind))["items"]).encode()
        for kind in ("BucketRoute", "CredentialSource", "ClientIdentity", "Event", "Lease")
    }
    for gateway in known.gateways:
        if gateway.child is not None and gateway.child.log.exists():
            told[str(gateway.child.log)] = gateway.child.log.read_bytes() + gateway.child.stdout.read_bytes()
    everything = b"".join(told.values())
    assert len(known.pairs) > 2
    assert any(keys.access_key.encode() in everything for keys in known.pairs), "the search finds nothing at all"
    for source, text in told.items():
        for keys in known.pairs:
            assert keys.secret_key.encode() not in text, source
