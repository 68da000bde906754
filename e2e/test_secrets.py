"""The last test: nothing that OSP wrote or tells contains a secret (C-4)."""

from __future__ import annotations

import urllib.request

import pytest

from backends import Backend, Keys
from gateway import Osp

pytestmark = [pytest.mark.gateway, pytest.mark.last]


def test_no_secret_was_written(
    osp: Osp, gateways: list[Osp], servers: dict[str, Backend], client_keys: Keys, reader_keys: Keys
) -> None:
    """No secret key and no signature in logs, metrics or the effective configuration of any OSP of this run."""
    pairs = [client_keys, reader_keys, *(server.keys for server in servers.values())]
    admin = f"http://{osp.addresses['admin']}"
    told = {path: urllib.request.urlopen(admin + path, timeout=10).read() for path in ("/metrics", "/config")}
    for number, gateway in enumerate(gateways):
        if gateway.child is not None:
            told[f"log {number}"] = gateway.child.log.read_bytes()
            told[f"stdout {number}"] = gateway.child.stdout.read_bytes()
    # The search would find nothing in logs that say nothing.
    own = gateways.index(osp)
    assert b"tester" in told[f"log {own}"]
    for source, text in told.items():
        for keys in pairs:
            assert keys.secret_key.encode() not in text, source
        for pattern in (b"X-Amz-Signature=", b"Signature=", b"AWS4-HMAC-SHA256 Credential"):
            assert pattern not in text, source
