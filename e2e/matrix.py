"""The matrix: which bucket a backend, a client and a scheme use, and how the route to it looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from backends import Backend, Keys
from canary import WORD, marked
from gateway import Place, direct_mode

SCHEMES = ("http", "https")
# Where clients must not see a name, it has the run's canary in it.
ROUTE_PREFIX = f"{marked('tenant')}/"
VIRTUAL_BUCKET = marked("virtual")


def places_of(server: Backend) -> tuple[Place, Place]:
    """Return a server's two places: as it is, and renamed below a key prefix."""
    store = marked(f"store-{server.name}")
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


def needles_of(servers: Mapping[str, Backend], clients: Sequence[Keys]) -> list[str]:
    """Return what no client may be sent: names of the backends (C15), and every secret (C-4)."""
    secrets = [keys.secret_key for keys in (*clients, *(server.keys for server in servers.values()))]
    return [WORD, *secrets, *(word for server in servers.values() for word in server.telltales)]
