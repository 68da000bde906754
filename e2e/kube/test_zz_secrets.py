"""Nothing that OSP wrote into the cluster or its logs in all of these scenarios contains a secret (C-4, K06)."""

from __future__ import annotations

import base64
import json

import pytest

from kube.api import path_of
from kube.control_plane import ControlPlane
from kube.site import Known

pytestmark = [pytest.mark.gateway, pytest.mark.last]


def test_no_secret_was_written(control_plane: ControlPlane, known: Known) -> None:
    """No secret key, plain or as Secrets hold it, in any status, Event, log or output; what is there would be found."""
    api = control_plane.admin()
    told = {
        kind: json.dumps(api.get(path_of(kind))["items"]).encode()
        for kind in ("BucketRoute", "CredentialSource", "ClientIdentity", "Event", "Lease")
    }
    for gateway in known.gateways:
        if gateway.child is not None:
            told[str(gateway.child.log)] = gateway.child.log.read_bytes() + gateway.child.stdout.read_bytes()
    everything = b"".join(told.values())
    assert len(known.pairs) > 2
    assert any(keys.access_key.encode() in everything for keys in known.pairs), "the search finds nothing at all"
    for source, text in told.items():
        for keys in known.pairs:
            plain = keys.secret_key.encode()
            assert plain not in text, source
            assert base64.b64encode(plain) not in text, source
