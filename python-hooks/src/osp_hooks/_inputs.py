"""What a function is given of a request: the gateway's `src/hooks/question.rs`, said again for `simulate`. Both are
tested with `tests/cases.json`."""

from __future__ import annotations

from osp_hooks._rules import is_secret, is_signature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

#: Headers that say what is asked for. Others differ from request to request (dates, ids, checksums, ranges), and are to
#: be had one by one, as `header.NAME`.
STABLE_HEADERS = frozenset(
    (
        "content-encoding",
        "content-type",
        "host",
        "x-amz-acl",
        "x-amz-bypass-governance-retention",
        "x-amz-copy-source",
        "x-amz-expected-bucket-owner",
        "x-amz-metadata-directive",
        "x-amz-object-ownership",
        "x-amz-request-payer",
        "x-amz-source-expected-bucket-owner",
        "x-amz-storage-class",
        "x-amz-tagging",
        "x-amz-tagging-directive",
        "x-amz-website-redirect-location",
    )
)
STABLE_PREFIXES = ("x-amz-grant-", "x-amz-object-lock-", "x-amz-server-side-encryption")


def given(inputs: tuple[str, ...], question: Mapping[str, Any]) -> dict[str, Any]:
    """The declared inputs of a question, fresh: a function may change them."""
    found: dict[str, Any] = {}
    for name in inputs:
        if name.startswith("key/"):
            found["key"] = folders(question["key"], int(name[4:]))
        elif name == "query":
            found["query"] = {key: value for key, value in question["query"].items() if not is_signature(key)}
        elif name == "headers":
            found.setdefault("headers", {}).update(
                (key, value) for key, value in question["headers"].items() if is_stable(key)
            )
        elif name.startswith(("query.", "header.")):
            kind, _, wanted = name.partition(".")
            kind = {"header": "headers"}.get(kind, kind)
            some = found.setdefault(kind, {})
            if wanted in question[kind]:
                some[wanted] = question[kind][wanted]
        elif name == "keys":
            found["keys"] = None if question["keys"] is None else list(question["keys"])
        else:
            found[name] = question[name]
    return found


def is_stable(header: str) -> bool:
    """A header that says what is asked for, and no secret."""
    return (header in STABLE_HEADERS or header.startswith(STABLE_PREFIXES)) and not is_secret(header)


def folders(key: str, count: int) -> str:
    """The first folders of a key, with their last slash; all that it has if it has fewer. Never the object's own name:
    `folders("a/b/c", 1) == "a/"`, `folders("a/b", 5) == "a/"`, `folders("a", 1) == ""`."""
    parts = key.split("/")[:-1][:count]
    return "".join(part + "/" for part in parts)
