"""The policy of this directory, in Python alone: `default/writer` has `team-a/` of the bucket `lake`, `default/reader` may
read and list it, and `team-a/secret/` is nobody's. `grants.yaml` says the same without a hook."""

from osp_hooks import Decision, Request, allow, allow_keys, cache_by, deny

#: Client and bucket: what is allowed below which prefixes. A prefix is literal: `team-a/` is no `team-ab/`.
GRANTS = {
    ("default/writer", "lake"): {
        "Read": ("team-a/",),
        "List": ("team-a/",),
        "Write": ("team-a/",),
        "Delete": ("team-a/",),
    },
    ("default/reader", "lake"): {"Read": ("team-a/",), "List": ("team-a/",)},
}
#: Denied to everybody, whatever is granted.
DENIED = {"lake": ("team-a/secret/",)}

#: Whatever is not here is denied.
PERMISSIONS = {
    **dict.fromkeys(("GetObject", "HeadObject"), "Read"),
    **dict.fromkeys(("ListObjects", "ListObjectsV2"), "List"),
    **dict.fromkeys(("PutObject", "PostObject", "CopyObject"), "Write"),
    **dict.fromkeys(("CreateMultipartUpload", "UploadPart", "UploadPartCopy"), "Write"),
    **dict.fromkeys(("CompleteMultipartUpload", "AbortMultipartUpload", "ListParts"), "Write"),
    **dict.fromkeys(("DeleteObject", "DeleteObjects"), "Delete"),
}


# No prefix here is deeper than two folders: one decision for everything in a folder.
@cache_by("principal", "bucket", "operation", "key/2", "query.prefix", "keys")
def authorize(request: Request) -> Decision:
    permission = PERMISSIONS.get(request.operation)
    if permission is None:
        return deny(f"{request.operation} is no operation of this policy")
    allowed = GRANTS.get((request.principal, request.bucket), {}).get(permission, ())
    denied = DENIED.get(request.bucket, ())
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
