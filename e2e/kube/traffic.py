"""Real S3 traffic during a scenario: clients that never pause for long, never retry and count every failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import boto3
import botocore.config

from backends import REGION, Keys
from kube.osp import KubeOsp
from processes import wait_until

# Between two requests of one client: enough load to meet every moment of a scenario, little enough for two cores.
PACE_S = 0.005
CONTROL_CLIENTS = 2


@dataclass
class ControlLoop:
    """boto3 clients on a route that no scenario touches, through a process that survives it."""

    osp: KubeOsp
    keys: Keys
    bucket: str
    requests: int = 0
    slowest_s: float = 0.0
    failures: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> ControlLoop:
        """Start the clients and wait until each had an answer."""
        for number in range(CONTROL_CLIENTS):
            thread = threading.Thread(target=self.run, args=(number,), daemon=True)
            thread.start()
            self.threads.append(thread)
        self.wait_for_more(CONTROL_CLIENTS)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Stop the clients; every request of the scenario must have succeeded."""
        if kind is None:
            self.wait_for_more(10)
        self.stopped.set()
        for thread in self.threads:
            thread.join(60)
        if kind is None:
            assert self.failures == [], f"{len(self.failures)} of {self.requests} failed: {self.failures[:3]}"

    def wait_for_more(self, count: int) -> None:
        """Wait for `count` more requests, good or bad."""
        goal = self.requests + count
        wait_until(f"{count} control requests", lambda: self.requests >= goal, 60)

    def run(self, number: int) -> None:
        """PUT, GET, LIST, DELETE, again and again."""
        client = boto3.session.Session().client(
            "s3", endpoint_url=f"http://{self.osp.addresses['http']}", region_name=REGION,
            aws_access_key_id=self.keys.access_key, aws_secret_access_key=self.keys.secret_key,
            config=botocore.config.Config(retries={"total_max_attempts": 1}),
        )  # fmt: skip
        key, count = f"control/{number}", 0
        steps: list[Callable[[bytes], None]] = [
            lambda body: client.put_object(Bucket=self.bucket, Key=key, Body=body),
            lambda body: must_equal(client.get_object(Bucket=self.bucket, Key=key)["Body"].read(), body),
            lambda body: must_contain(client.list_objects_v2(Bucket=self.bucket, Prefix="control/"), key),
            lambda body: must_equal(client.head_object(Bucket=self.bucket, Key=key)["ContentLength"], len(body)),
        ]
        while not self.stopped.wait(PACE_S):
            body = f"{number}:{count // len(steps)}".encode() * 100
            began = time.monotonic()
            try:
                steps[count % len(steps)](body)
            except Exception as failure:
                self.failures.append(f"client {number}, request {count}: {failure!r}")
            with self.lock:
                self.requests += 1
                self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            count += 1


def must_equal(found: object, wanted: object) -> None:
    """Fail a request whose answer is not what was put."""
    if found != wanted:
        raise ValueError(f"got {found!r:.60}, wanted {wanted!r:.60}")


def must_contain(listing: dict, key: str) -> None:
    """Fail a listing that does not show an object that is there."""
    if key not in [item["Key"] for item in listing.get("Contents", [])]:
        raise ValueError(f"{key} is not listed")
