"""The matrix: which bucket a backend, a client and a scheme use, and how the route to it looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from backends import Backend
from gateway import Place, direct_mode

SCHEMES = ("http", "https")
ROUTE_PREFIX = "tenant-a/"
VIRTUAL_BUCKET = "e2e-virtual"


def places_of(server: Backend) -> tuple[Place, Place]:
    """Return a server's two places: as it is, and renamed below a key prefix."""
    store = f"e2e-store-{server.name}"
    plain = Place(f"{server.name}-plain", server, f"{server.name}-plain")
    if direct_mode():
        return plain, Place(store, server, store)
    return plain, Place(f"{server.name}-renamed", server, store, ROUTE_PREFIX)


def versioned(place: Place) -> Place:
    """Return the same with buckets of their own, which keep old versions: some servers list others worse from then on."""
    return replace(place, bucket=f"{place.bucket}-versioned", backend_bucket=f"{place.backend_bucket}-versioned")


def half_of(clients: Sequence[str], client: str, scheme: str) -> int:
    """Return which half of the matrix a client and a scheme are in: 1 is renamed and below a key prefix."""
    return (clients.index(client) + SCHEMES.index(scheme)) % 2


def naming_of(clients: Sequence[str], client: str, scheme: str) -> str:
    """Return `renamed` where the backend's keys have a prefix before the client's; never so in direct mode."""
    return "renamed" if half_of(clients, client, scheme) and not direct_mode() else "plain"
