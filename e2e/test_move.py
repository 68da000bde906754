"""A route is moved from one backend to another under load, by editing a file: the acceptance line of issue 3."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import boto3
import botocore.config
import pytest

from backends import Backend, Keys
from certificates import Certificates
from clients import Endpoint
from gateway import Osp, Place, backend_entry, client_documents, credential_documents, grant, route_document
from processes import wait_until
from seeding import at_backend, create_bucket

pytestmark = pytest.mark.gateway
BUCKET = "moving"
OPERATIONS_EACH_SIDE = 500
SWITCH_DEADLINE_S = 1.0
READERS = WRITERS = 2


@dataclass(frozen=True)
class Operation:
    """One request: when it began and ended, and what a GET returned."""

    began: float
    ended: float
    found: bytes = b""


@dataclass
class Load:
    """Clients that GET and PUT without pause; any failure is kept."""

    endpoint: Endpoint
    stopped: threading.Event = field(default_factory=threading.Event)
    gets: list[Operation] = field(default_factory=list)
    puts: dict[str, Operation] = field(default_factory=dict)
    failures: list[BaseException] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Start readers and writers, each with its own connection and with no retries that would hide a failure."""
        for number in range(READERS):
            self.spawn(self.read, number)
        for number in range(WRITERS):
            self.spawn(self.write, number)

    def spawn(self, step: Callable[[Any, int, int], None], number: int) -> None:
        """Repeat a step in a thread until stopped."""
        keys, ca = self.endpoint.keys, self.endpoint.ca
        client = boto3.session.Session().client(
            "s3", endpoint_url=self.endpoint.url, aws_access_key_id=keys.access_key, region_name=self.endpoint.region,
            aws_secret_access_key=keys.secret_key, verify=str(ca) if self.endpoint.url.startswith("https") else None,
            config=botocore.config.Config(retries={"total_max_attempts": 1}),
        )  # fmt: skip

        def repeat() -> None:
            count = 0
            while not self.stopped.is_set():
                try:
                    step(client, number, count)
                except BaseException as failure:
                    self.failures.append(failure)
                    return
                count += 1

        thread = threading.Thread(target=repeat, daemon=True)
        thread.start()
        self.threads.append(thread)

    def read(self, client: Any, number: int, count: int) -> None:  # noqa: ANN401
        """GET the object that differs on the two sides."""
        began = time.monotonic()
        found = client.get_object(Bucket=BUCKET, Key="side")["Body"].read()
        self.gets.append(Operation(began, time.monotonic(), found))

    def write(self, client: Any, number: int, count: int) -> None:  # noqa: ANN401
        """PUT an object with a name of its own."""
        key = f"puts/{number}-{count:06d}"
        began = time.monotonic()
        client.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
        self.puts[key] = Operation(began, time.monotonic())

    def wait_for(self, what: str, reached: Callable[[], bool]) -> None:
        """Let the load run until a condition holds, and not on after a failure."""
        wait_until(what, lambda: bool(self.failures) or reached(), 120)
        assert self.failures == []

    def stop(self) -> None:
        """Let every thread finish its request."""
        self.stopped.set()
        for thread in self.threads:
            thread.join(60)


def keys_at(place: Place) -> set[str]:
    """Return the keys below `puts/` as the client would name them, asked at the backend itself."""
    pages = (
        at_backend(place.backend)
        .get_paginator("list_objects_v2")
        .paginate(Bucket=place.backend_bucket, Prefix=f"{place.prefix}puts/")
    )
    return {item["Key"].removeprefix(place.prefix) for page in pages for item in page.get("Contents", [])}


@pytest.mark.parametrize("front", ["http", "https"])
def test_route_moves_under_load(
    front: str,
    servers: dict[str, Backend],
    certificates: Certificates,
    client_keys: Keys,
    gateways: list[Osp],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """No failed request; every GET is exactly A or B; over within a second; 500 operations on each side."""
    first, second = list(servers.values())[:2]
    sides = Place(BUCKET, first, f"e2e-move-a-{front}"), Place(BUCKET, second, f"e2e-move-b-{front}", "moved/here/")
    bodies = b"A" * 1000, b"B" * 1001
    for place, body in zip(sides, bodies, strict=True):
        create_bucket(place.backend, place.backend_bucket)
        at_backend(place.backend).put_object(Bucket=place.backend_bucket, Key=f"{place.prefix}side", Body=body)
    osp = Osp(tmp_path_factory.mktemp("osp"), certificates)
    gateways.append(osp)
    osp.write("clients.yaml", client_documents("tester", client_keys))
    for server in (first, second):
        osp.write(f"credential-{server.name}.yaml", credential_documents(server.name, server.keys))
    routes = [[route_document(BUCKET, backend_entry(place), [grant("tester")])] for place in sides]
    osp.write("route.yaml", routes[0])
    osp.start()

    load = Load(osp.endpoint(front, client_keys))
    load.start()
    try:
        load.wait_for("operations before", lambda: len(load.gets) + len(load.puts) >= OPERATIONS_EACH_SIDE)
        edited = time.monotonic()
        before = len(load.gets) + len(load.puts)
        osp.write("route.yaml", routes[1])
        load.wait_for("the switch", lambda: load.gets[-1].found == bodies[1])
        reached = len(load.gets) + len(load.puts)
        load.wait_for("operations after", lambda: len(load.gets) + len(load.puts) >= reached + OPERATIONS_EACH_SIDE)
    finally:
        load.stop()
    osp.stop()

    assert load.failures == []
    assert before >= OPERATIONS_EACH_SIDE
    assert {get.found for get in load.gets} == set(bodies)
    late = [get for get in load.gets if get.found == bodies[0] and get.began > edited + SWITCH_DEADLINE_S]
    early = [get for get in load.gets if get.found == bodies[1] and get.ended < edited]
    assert (late, early) == ([], [])
    # One table for all listeners at once: nobody who asks after an answer of B sees A again.
    first_b = min(get.ended for get in load.gets if get.found == bodies[1])
    assert [get for get in load.gets if get.found == bodies[0] and get.began > first_b] == []

    at_a, at_b = (keys_at(place) for place in sides)
    assert at_a | at_b == set(load.puts)
    assert at_a & at_b == set(), "a PUT went to both sides"
    for key, put in load.puts.items():
        if put.ended < edited:
            assert key in at_a
        if put.began > edited + SWITCH_DEADLINE_S:
            assert key in at_b
