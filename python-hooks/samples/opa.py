"""Asks an Open Policy Agent. The policy is `opa/policy.rego`, what it knows of clients is `opa/data.json`.

Environment: `OSP_HOOK_OPA_URL`, where the document `decision` of the policy is. Needs no package.
"""

import http.client
import json
import os
import threading
from typing import Any
from urllib.parse import urlsplit

from osp_hooks import Decision, Request, allow, allow_keys, cache_by, deny

URL = urlsplit(os.environ.get("OSP_HOOK_OPA_URL", "http://127.0.0.1:8181/v1/data/osp/decision"))
#: For connecting and for answering: both, and one more try, fit into the gateway's deadline of 250 ms.
TIMEOUT_SECONDS = 0.1

_of_thread = threading.local()


@cache_by("principal", "bucket", "operation", "key", "query.prefix", "keys")
def authorize(request: Request) -> Decision:
    decision = ask(
        {
            "principal": request.principal,
            "bucket": request.bucket,
            "operation": request.operation,
            "key": request.key,
            "prefix": request.query.get("prefix", ""),
            "keys": request.keys,
        }
    )
    if request.keys is not None:
        return allow_keys(decision["keys"])
    return allow() if decision["allow"] is True else deny("not granted")


def ask(question: dict[str, object]) -> Any:
    """The decision of the policy. Raises for everything that is none, which the gateway answers with 503."""
    body = json.dumps({"input": question}).encode()
    connection = _connection()
    was_open = connection.sock is not None
    try:
        answer = _exchange(connection, body)
    except (ConnectionError, http.client.HTTPException):
        if not was_open:
            raise
        answer = _exchange(connection, body)  # OPA had closed the connection: once more on a new one
    return json.loads(answer)["result"]  # without a result the policy is not loaded


def _connection() -> http.client.HTTPConnection:
    """The one of this thread: it stays open from call to call, and opens itself again after it was closed."""
    connection = getattr(_of_thread, "connection", None)
    if connection is None:
        kind = http.client.HTTPSConnection if URL.scheme == "https" else http.client.HTTPConnection
        connection = _of_thread.connection = kind(URL.netloc, timeout=TIMEOUT_SECONDS)
    return connection


def _exchange(connection: http.client.HTTPConnection, body: bytes) -> bytes:
    try:
        connection.request("POST", URL.path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise RuntimeError(f"OPA answers {response.status}")
    except BaseException:
        connection.close()  # or the next call would read the answer to this one
        raise
    return answer
