"""Grants in a database: the table of `grants.sql`, in an SQLite file or in PostgreSQL.

Environment: `OSP_HOOK_SQL_URL`, such as `sqlite:///var/lib/osp/grants.sqlite` (no package needed) or
`postgresql://user:password@host:5432/database` (package `pg8000`; `?sslmode=require` for TLS with the system's
certificates).
"""

import contextlib
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from osp_hooks import Decision, Request, allow, allow_keys, cache_by, deny

URL = urlsplit(os.environ.get("OSP_HOOK_SQL_URL", "sqlite:///var/lib/osp/grants.sqlite"))
#: For connecting and for a statement: both, and one more try, fit into the gateway's deadline of 250 ms.
TIMEOUT_SECONDS = 0.1
GRANTS = """SELECT effect, prefix FROM osp_grants
    WHERE principal IN (?, '*') AND bucket = ? AND permission IN (?, '*')"""

#: Whatever is not here is denied.
PERMISSIONS = {
    **dict.fromkeys(("GetObject", "HeadObject"), "Read"),
    **dict.fromkeys(("ListObjects", "ListObjectsV2"), "List"),
    **dict.fromkeys(("PutObject", "PostObject", "CopyObject"), "Write"),
    **dict.fromkeys(("CreateMultipartUpload", "UploadPart", "UploadPartCopy"), "Write"),
    **dict.fromkeys(("CompleteMultipartUpload", "AbortMultipartUpload", "ListParts"), "Write"),
    **dict.fromkeys(("DeleteObject", "DeleteObjects"), "Delete"),
}


@cache_by("principal", "bucket", "operation", "key", "query.prefix", "keys")
def authorize(request: Request) -> Decision:
    permission = PERMISSIONS.get(request.operation)
    if permission is None:
        return deny(f"{request.operation} is no operation of this policy")
    prefixes: dict[str, list[str]] = {"allow": [], "deny": []}
    for effect, prefix in DATABASE.rows((request.principal, request.bucket, permission)):
        prefixes[effect].append(prefix)  # another word raises
    allowed, denied = tuple(prefixes["allow"]), tuple(prefixes["deny"])
    if permission == "List":
        return allow() if may_list(request.query.get("prefix", ""), allowed, denied) else deny("shows too much")
    if request.keys is not None:
        return allow_keys(key for key in request.keys if may(key, allowed, denied))
    return allow() if may(request.key, allowed, denied) else deny("not granted")


def may(key: str, allowed: tuple[str, ...], denied: tuple[str, ...]) -> bool:
    """A key is text, never a path: `a/../b` is a key below `a/`."""
    return key.startswith(allowed) and not key.startswith(denied)


def may_list(prefix: str, allowed: tuple[str, ...], denied: tuple[str, ...]) -> bool:
    """Everything that the list could show must be granted, and nothing of it denied."""
    return prefix.startswith(allowed) and not any(prefix.startswith(one) or one.startswith(prefix) for one in denied)


class Sqlite(threading.local):
    """A connection for each thread, opened again when there is another file: a database that is replaced, as a ConfigMap
    is, would otherwise be read in its old state for ever."""

    connection: sqlite3.Connection | None = None
    file: tuple[int, int] | None = None

    def rows(self, parameters: Sequence[str]) -> Any:
        there = os.stat(unquote(URL.path))
        if self.connection is None or self.file != (there.st_dev, there.st_ino):
            # never makes a file; waits for a lock as long as for a statement
            uri = f"file:{URL.path}?mode=ro"
            self.connection = sqlite3.connect(uri, uri=True, timeout=TIMEOUT_SECONDS, isolation_level=None)
            self.file = (there.st_dev, there.st_ino)
        end = time.monotonic() + TIMEOUT_SECONDS
        self.connection.set_progress_handler(lambda: time.monotonic() > end, 1000)
        return self.connection.execute(GRANTS, parameters).fetchall()


class Postgres(threading.local):
    """A connection for each thread, opened again when the server has closed it."""

    connection: Any = None

    def rows(self, parameters: Sequence[str]) -> Any:
        if self.connection is not None:
            try:
                return self._query(parameters)
            except (pg8000.dbapi.DatabaseError, pg8000.dbapi.InterfaceError, ConnectionError) as error:
                if not _has_ended(error):
                    raise
        self.connection = _connect()
        return self._query(parameters)

    def _query(self, parameters: Sequence[str]) -> Any:
        try:
            cursor = self.connection.cursor()
            cursor.execute(GRANTS, parameters)
            return cursor.fetchall()
        except BaseException:
            # or the next call would read the answer to this one
            connection, self.connection = self.connection, None
            with contextlib.suppress(Exception):
                connection.close()
            raise


def _has_ended(error: Exception) -> bool:
    """The connection was closed by the server, or by what is between; once more then, on a new one. Not when it is slow."""
    if isinstance(error, pg8000.dbapi.DatabaseError):
        told = error.args[0] if error.args else None
        return isinstance(told, dict) and str(told.get("C", "")).startswith("57P")
    return not isinstance(error.__cause__, TimeoutError)


def _connect() -> Any:
    is_secure = parse_qs(URL.query).get("sslmode", ["disable"])[-1] != "disable"
    host = URL.hostname or "127.0.0.1"
    # pg8000 writes in small pieces: without this each statement would wait for delayed acknowledgements
    sock = socket.create_connection((host, URL.port or 5432), TIMEOUT_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection = pg8000.dbapi.connect(
        unquote(URL.username or ""),
        host=host,
        sock=sock,
        database=unquote(URL.path.removeprefix("/")),
        password=unquote(URL.password or ""),
        timeout=TIMEOUT_SECONDS,
        ssl_context=ssl.create_default_context() if is_secure else False,
        # the server gives up as well, instead of working for nobody
        startup_params={"statement_timeout": str(int(TIMEOUT_SECONDS * 1000))},
    )
    connection.autocommit = True
    return connection


if URL.scheme == "sqlite":
    DATABASE: Any = Sqlite()
elif URL.scheme == "postgresql":
    import ssl

    import pg8000.dbapi  # type: ignore[import-untyped]

    pg8000.dbapi.paramstyle = "qmark"
    DATABASE = Postgres()
else:
    raise ValueError(f"OSP_HOOK_SQL_URL is neither sqlite nor postgresql: {URL.scheme}")
