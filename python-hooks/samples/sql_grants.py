"""Grants in a database: the table of `grants.sql`, in an SQLite file or in PostgreSQL.

Environment: `OSP_HOOK_SQL_URL`, such as `sqlite:///var/lib/osp/grants.sqlite` (no package needed) or
`postgresql://user:password@host:5432/database` (package `pg8000`). With `?sslmode=verify-full` over TLS, which verifies the
server by the system's certificates, or by those of `&sslrootcert=FILE`.
"""

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

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
            except (pg8000.dbapi.InterfaceError, ConnectionError):
                pass  # the server had closed it: once more, on a new one
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


def _connect() -> Any:
    options = dict(parse_qsl(URL.query))
    # every mode of libpq but `disable` is taken for the strictest one
    is_secure = options.get("sslmode", "disable") != "disable"
    connection = pg8000.dbapi.connect(
        unquote(URL.username or ""),
        host=URL.hostname or "127.0.0.1",
        port=URL.port or 5432,
        database=unquote(URL.path.removeprefix("/")),
        password=unquote(URL.password or ""),
        timeout=TIMEOUT_SECONDS,
        ssl_context=ssl.create_default_context(cafile=options.get("sslrootcert")) if is_secure else False,
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
