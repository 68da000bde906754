"""What every S3 server of the suite is, and how its own limitations are written down."""

from __future__ import annotations

import fnmatch
import secrets
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from canary import BACKEND_HOST, WORD
from processes import Child

REGION = "us-east-1"
# The tests that are about one key of the corpus.
KEY_TESTS = "test_key_*"


@dataclass(frozen=True)
class Keys:
    """An access key pair; the random secret is also a canary that no log may contain."""

    access_key: str
    secret_key: str

    @staticmethod
    def random(prefix: str) -> Keys:
        """Make a pair that every server of the suite accepts."""
        return Keys(prefix + secrets.token_hex(8).upper(), secrets.token_hex(20))

    @staticmethod
    def marked(prefix: str) -> Keys:
        """Make the same with the run's canary in both: no client may ever see a part of them."""
        return Keys(f"{prefix}{WORD}{secrets.token_hex(2)}".upper(), WORD + secrets.token_hex(14))


@dataclass(frozen=True)
class Limitation:
    """Something that a server cannot do by itself: an expected failure, with where its makers say so.

    Every field is a shell pattern over the test's parameters. `direct_only` is for what OSP makes up for: expected
    when clients talk to the server itself, and a plain failure behind OSP.
    """

    test: str
    why: str
    source: str
    key: str = "*"
    client: str = "*"
    scheme: str = "*"
    # `plain`: only in a bucket without a key prefix; `renamed`: only below one.
    naming: str = "*"
    direct_only: bool = False

    def applies(self, test: str, parameters: dict[str, str], direct: bool) -> bool:
        """Whether a test with these parameters is expected to fail."""
        return (
            (direct or not self.direct_only)
            and fnmatch.fnmatch(test, self.test)
            and all(
                fnmatch.fnmatch(parameters.get(name, ""), getattr(self, name))
                for name in ("key", "client", "scheme", "naming")
            )
        )


@dataclass
class Backend(ABC):
    """A real S3 server on loopback with an account of its own. `start` returns when it answers S3 requests."""

    folder: Path
    keys: Keys = field(default_factory=lambda: Keys.marked("BK"))
    port: int = 0
    children: list[Child] = field(default_factory=list)

    name: ClassVar[str]
    limitations: ClassVar[Sequence[Limitation]] = ()
    # What else in its answers tells who it is.
    telltales: ClassVar[Sequence[str]] = ()
    # Whether the named endpoint also takes the bucket as the first label of the host name.
    virtual_hosts: ClassVar[bool] = False
    # How OSP must send a trailing checksum: `Drop` for servers that do not know them.
    trailing_checksums: ClassVar[str] = "Forward"

    @property
    def endpoint(self) -> str:
        """The path-style endpoint."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def named_endpoint(self) -> str:
        """The same by a name that only OSP can resolve, and that no client may see; the base of virtual-host style."""
        return f"http://{BACKEND_HOST}:{self.port}"

    @abstractmethod
    def start(self) -> None:
        """Start the server and wait until it answers; raise `NotReady` with its log otherwise."""

    def stop(self) -> None:
        """End every process, the last started first."""
        while self.children:
            self.children.pop().stop()
