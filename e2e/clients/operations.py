"""What every client of the matrix is made to do, and how one knows that it was done.

The objects that an operation needs are put at the backend itself, and what it wrote is read there: operations do not
depend on each other. The keys are such as the names of partitioned tables, with a space, a plus sign and an umlaut.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from clients.catalogue import Client
from clients.worker import Failed, Worker
from gateway import Place
from seeding import MANY_PREFIX, at_backend, many_keys, read

ROWS = 200_000


def csv_body(name: str, size: int = 3_000) -> bytes:
    """Return a CSV file with a header, whole lines, and at least `size` bytes; the same for the same name."""
    line = b"%07d," + hashlib.sha256(name.encode()).hexdigest().encode() + b"\n"
    lines = (line % number for number in range(size // 73 + 1))
    return b"number,word\n" + b"".join(lines)


@dataclass
class Errand:
    """One client at one bucket: the operations, each of which raises when it is not done."""

    client: Client
    worker: Worker
    # As the client sees it, and where its objects really are.
    place: Place
    # Below which the errand has its keys, and below which the 1,001 are, as the client names them.
    prefix: str
    many: str
    folder: Path

    def key(self, name: str) -> str:
        """Return a key of this errand."""
        return f"{self.prefix}{name}/day=1 é+/part.csv"

    def file(self, name: str, body: bytes = b"") -> str:
        """Write a file for the client to read, or name one for it to write."""
        path = self.folder / f"{name}.csv"
        path.write_bytes(body)
        return str(path)

    def seed(self, key: str, body: bytes) -> None:
        """Put an object behind OSP's back."""
        place = self.place
        at_backend(place.backend).put_object(Bucket=place.backend_bucket, Key=place.prefix + key, Body=body)

    def stored(self, key: str) -> bytes | None:
        """Return an object as the backend has it."""
        try:
            return read(self.place.backend, self.place.backend_bucket, self.place.prefix + key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
            return None

    def expect_stored(self, key: str, body: bytes | None) -> None:
        """See that the backend has exactly these bytes, or no such object."""
        found = self.stored(key)
        if found != body:
            raise Failed(f"the backend has {_told(found)}, wanted {_told(body)}")

    def write(self) -> None:
        """An object goes up."""
        key, body = self.key("write"), csv_body("write")
        self.worker.ask("put", key=key, file=self.file("write", body))
        self.expect_stored(key, body)

    def read(self) -> None:
        """An object comes down."""
        key, body, target = self.key("read"), csv_body("read"), self.file("read")
        self.seed(key, body)
        self.worker.ask("get", key=key, file=target)
        _expect_same(Path(target).read_bytes(), body)

    def range(self) -> None:
        """A piece of an object comes down."""
        key, body, target = self.key("range"), csv_body("range"), self.file("range")
        if self.client.tables:
            answer = self.worker.ask("column", key=key, file=target, rows=ROWS)
            _expect_same(answer["sum"], ROWS * (ROWS - 1) // 2)
            return
        self.seed(key, body)
        self.worker.ask("range", key=key, file=target, first=1_000, count=500)
        _expect_same(Path(target).read_bytes(), body[1_000:1_500])

    def list(self) -> None:
        """All of 1,001 keys are listed, which are two pages; and a key that is not plain, under the client's name."""
        key = self.key("list")
        self.seed(key, csv_body("list"))
        keys = self.worker.ask("list", prefix=self.many)["keys"]
        _expect_same(sorted(keys), [self.many + name.removeprefix(MANY_PREFIX) for name in many_keys()])
        _expect_same(self.worker.ask("list", prefix=f"{self.prefix}list/")["keys"], [key])

    def overwrite(self) -> None:
        """What is written again replaces what was there."""
        key, body = self.key("overwrite"), csv_body("after")
        self.seed(key, csv_body("before", 9_000))
        self.worker.ask("put", key=key, file=self.file("overwrite", body))
        self.expect_stored(key, body)

    def multipart(self) -> None:
        """A long object goes up in parts: the backend's ETag says so."""
        key, body = self.key("multipart"), _long_body(self.client.multipart_bytes)
        self.worker.ask("multipart", key=key, file=self.file("multipart", body))
        self.expect_stored(key, body)
        place = self.place
        head = at_backend(place.backend).head_object(Bucket=place.backend_bucket, Key=place.prefix + key)
        if "-" not in head["ETag"]:
            raise Failed(f"not in parts: its ETag is {head['ETag']}")

    def copy(self) -> None:
        """An object is copied inside of the server."""
        source, target, body = self.key("copy"), self.key("copied"), csv_body("copy")
        self.seed(source, body)
        self.worker.ask("copy", source=source, key=target)
        self.expect_stored(target, body)

    def delete(self) -> None:
        """One object goes, its neighbour stays."""
        key, neighbour, body = self.key("delete"), self.key("delete") + ".kept", csv_body("delete")
        self.seed(key, body)
        self.seed(neighbour, body)
        self.worker.ask("delete", key=key)
        self.expect_stored(key, None)
        self.expect_stored(neighbour, body)

    def delete_many(self) -> None:
        """Several objects go with one command of the client, a neighbour stays."""
        folder = f"{self.prefix}delete-many/"
        keys = [f"{folder}day={number} é+/part.csv" for number in range(3)]
        for key in (*keys, self.key("neighbour")):
            self.seed(key, csv_body(key))
        self.worker.ask("delete_many", keys=keys, prefix=folder)
        for key in keys:
            self.expect_stored(key, None)
        self.expect_stored(self.key("neighbour"), csv_body(self.key("neighbour")))

    def create_only(self) -> None:
        """A conditional write makes an object once and never replaces it."""
        key, body = self.key("create"), csv_body("create")
        first = self.worker.ask("create", key=key, file=self.file("create", body))
        again = self.worker.ask("create", key=key, file=self.file("create", csv_body("again")))
        self.expect_stored(key, body)
        _expect_same((first["created"], again["created"]), (True, False))


OPERATIONS: dict[str, Callable[[Errand], None]] = {
    "write": Errand.write,
    "read": Errand.read,
    "range": Errand.range,
    "list": Errand.list,
    "overwrite": Errand.overwrite,
    "multipart": Errand.multipart,
    "copy": Errand.copy,
    "delete": Errand.delete,
    "delete-many": Errand.delete_many,
    "create-only": Errand.create_only,
}


def run_all(errand: Errand) -> dict[str, str | None]:
    """Have all of it done that the client has; return for each operation why it failed, or None."""
    outcomes: dict[str, str | None] = {}
    for name, operation in OPERATIONS.items():
        if name in errand.client.lacks:
            continue
        try:
            operation(errand)
            outcomes[name] = None
        except Failed as failed:
            outcomes[name] = str(failed)[:1_000]
    return outcomes


@functools.cache
def _long_body(size: int) -> bytes:
    return csv_body("multipart", size)


def _told(body: bytes | None) -> str:
    return "nothing" if body is None else f"{len(body)} bytes, {body[:40]!r}..."


def _expect_same(found: object, wanted: object) -> None:
    if found != wanted:
        raise Failed(f"got {str(found)[:200]}, wanted {str(wanted)[:200]}")
