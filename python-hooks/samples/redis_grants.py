"""Grants in Redis: one set for each client and bucket, and one of everybody for each bucket, with members such as
`allow Read team-a/` and `deny * team-a/secret/`. `grants.redis` fills it.

Environment: `OSP_HOOK_REDIS_URL`. Needs the package `redis`.
"""

import os

import redis
from osp_hooks import Decision, Request, allow, allow_keys, cache_by, deny
from redis.backoff import NoBackoff
from redis.retry import Retry

URL = os.environ.get("OSP_HOOK_REDIS_URL", "redis://127.0.0.1:6379/0")
#: For connecting and for answering: both fit into the gateway's deadline of 250 ms.
TIMEOUT_SECONDS = 0.1

#: Keeps its connections open from call to call, one for each thread that is calling.
CLIENT = redis.Redis.from_url(
    URL,
    decode_responses=True,
    socket_connect_timeout=TIMEOUT_SECONDS,
    socket_timeout=TIMEOUT_SECONDS,
    # one try, whatever is the default: a connection that Redis has closed is noticed before it is used
    retry=Retry(NoBackoff(), 0),
)

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
    allowed, denied = grants(request.principal, request.bucket, permission)
    if permission == "List":
        return allow() if may_list(request.query.get("prefix", ""), allowed, denied) else deny("shows too much")
    if request.keys is not None:
        return allow_keys(key for key in request.keys if may(key, allowed, denied))
    return allow() if may(request.key, allowed, denied) else deny("not granted")


def grants(principal: str, bucket: str, permission: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The prefixes below which this is allowed, and those below which it is denied. Raises without Redis, and for members
    that nobody can read: one of them may be a `deny`."""
    prefixes: dict[str, list[str]] = {"allow": [], "deny": []}
    for member in CLIENT.sunion([f"osp:grants:{principal}:{bucket}", f"osp:grants:*:{bucket}"]):
        effect, about, prefix = member.split(" ", 2)
        if about in ("*", permission):
            prefixes[effect].append(prefix)
    return tuple(prefixes["allow"]), tuple(prefixes["deny"])


def may(key: str, allowed: tuple[str, ...], denied: tuple[str, ...]) -> bool:
    """A key is text, never a path: `a/../b` is a key below `a/`."""
    return key.startswith(allowed) and not key.startswith(denied)


def may_list(prefix: str, allowed: tuple[str, ...], denied: tuple[str, ...]) -> bool:
    """Everything that the list could show must be granted, and nothing of it denied."""
    return prefix.startswith(allowed) and not any(prefix.startswith(one) or one.startswith(prefix) for one in denied)
