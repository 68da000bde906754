"""Eight transfers of 1 GiB at once, up and then down: OSP's memory grows by a bounded amount, which is printed."""

from __future__ import annotations

import functools
import hashlib
import http.client
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from backends import Backend, Keys
from certificates import Certificates
from clients import Endpoint
from gateway import (
    Osp,
    Place,
    backend_entry,
    client_documents,
    credential_documents,
    direct_mode,
    grant,
    route_document,
)
from processes import Child, free_ports, listens, resident_bytes
from raw_http import open_socket, signed_head

GIB = 1024**3
STREAMS = 8
PIECE = bytes(1024 * 1024)
# Pools, thread stacks and allocator arenas may warm up; every stream may hold a few buffers and no more.
ALLOWED_GROWTH_BYTES = 64 * 1024**2 + STREAMS * 256 * 1024


@dataclass
class Sink(Backend):
    """The backend that keeps nothing (sink.py)."""

    name: ClassVar[str] = "sink"

    def start(self) -> None:
        """Start it."""
        (self.port,) = free_ports(1)
        child = Child("sink", [sys.executable, Path(__file__).with_name("sink.py"), str(self.port)], self.folder)
        self.children.append(child)
        child.wait_ready(lambda: listens(self.port))


@dataclass(frozen=True)
class Rig:
    """A client endpoint, and the process to watch (none in direct mode)."""

    endpoint: Endpoint
    pid: int | None


@pytest.fixture(params=["http", "https"])
def rig(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    certificates: Certificates,
    client_keys: Keys,
    gateways: list[Osp],
) -> Iterator[Rig]:
    """A fresh OSP in front of a fresh sink, so that nothing has grown before."""
    sink = Sink(tmp_path_factory.mktemp("sink"))
    sink.start()
    try:
        if direct_mode():
            yield Rig(Endpoint(sink.endpoint, client_keys), None)
            return
        osp = Osp(tmp_path_factory.mktemp("osp"), certificates)
        gateways.append(osp)
        place = Place("sink", sink, "stored", "tenant-a/")
        osp.write("clients.yaml", client_documents("tester", client_keys))
        osp.write(
            "route.yaml",
            [*credential_documents("sink", sink.keys), route_document("sink", backend_entry(place), [grant("tester")])],
        )
        osp.start()
        assert osp.child is not None
        yield Rig(osp.endpoint(request.param, client_keys), osp.child.pid)
        osp.stop()
    finally:
        sink.stop()


@functools.cache
def hash_of_zeros(size: int) -> str:
    """Return the SHA-256 of `size` zero bytes, which the client signs over plain HTTP."""
    digest = hashlib.sha256()
    for _ in range(size // len(PIECE)):
        digest.update(PIECE)
    return digest.hexdigest()


def put_zeros(endpoint: Endpoint, size: int, number: int) -> None:
    """PUT `size` zero bytes with their hash signed, so that OSP verifies every byte."""
    head = signed_head(endpoint, "PUT", f"/sink/up-{number}", size, hash_of_zeros(size))
    with open_socket(endpoint.url, endpoint.ca) as sock:
        sock.sendall(head)
        for _ in range(size // len(PIECE)):
            sock.sendall(PIECE)
        response = http.client.HTTPResponse(sock)
        response.begin()
        assert response.status == 200, response.read()


def get_zeros(endpoint: Endpoint, size: int, number: int) -> None:
    """GET `size` bytes and count them."""
    head = signed_head(endpoint, "GET", f"/sink/{number}/{size}")
    buffer = bytearray(len(PIECE))
    with open_socket(endpoint.url, endpoint.ca) as sock:
        sock.sendall(head)
        response = http.client.HTTPResponse(sock)
        response.begin()
        assert (response.status, response.getheader("content-length")) == (200, str(size))
        left = size
        while left:
            count = response.readinto(buffer)
            assert count, f"the body ended {left} bytes early"
            left -= count


def at_once(transfer: Callable[[Endpoint, int, int], None], endpoint: Endpoint, size: int) -> None:
    """Run the transfer eight times at once; any failure fails the test."""
    with ThreadPoolExecutor(STREAMS) as pool:
        for done in [pool.submit(transfer, endpoint, size, number) for number in range(STREAMS)]:
            done.result()


@pytest.mark.timeout(280)
def test_memory_of_eight_large_transfers(rig: Rig, capfd: pytest.CaptureFixture[str]) -> None:
    """Peak resident size during 8 x 1 GiB PUT, and during 8 x 1 GiB GET, against the size after a small warm-up."""
    size = int(os.environ.get("OSP_E2E_TRANSFER_BYTES", GIB))
    hash_of_zeros(size)
    for transfer in (put_zeros, get_zeros):
        at_once(transfer, rig.endpoint, len(PIECE))
        if rig.pid is None:
            at_once(transfer, rig.endpoint, size)
            continue
        before = resident_bytes(rig.pid, "VmRSS")
        Path(f"/proc/{rig.pid}/clear_refs").write_text("5")  # forget the peak so far
        at_once(transfer, rig.endpoint, size)
        growth = resident_bytes(rig.pid, "VmHWM") - before
        scheme = rig.endpoint.url.partition(":")[0]
        with capfd.disabled():
            print(f"\n{scheme} {transfer.__name__}: {STREAMS} x {size >> 20} MiB at once, resident size "
                  f"{before >> 20} MiB + {growth >> 10} KiB at its peak")  # fmt: skip
        assert growth <= ALLOWED_GROWTH_BYTES
