"""The nasty corpus: keys that break gateways (s3-protocol.md traps 1, 15, RN-1; security.md P01, P02), and bodies."""

from __future__ import annotations

import hashlib

LONGEST_KEY_BYTES = 1024

KEYS: dict[str, str] = {
    "plain": "plain.txt",
    "nested": "dir/sub dir/object.txt",
    "space": "with space.txt",
    "spaces": " two  spaces around ",
    "plus": "a+b+c++",
    "percent": "100%",
    "percent-literal": "a%2Fb%20c%zz%",
    "percent-dots": "a/%2e%2e/b",
    "double-slash": "a//b",
    "many-slashes": "a////b//",
    "leading-slash": "/leading/slash",
    "trailing-slash": "folder/",
    "dot-segment": "a/./b",
    "dot-dot-segment": "a/../b",
    "leading-dot": ".hidden/.file",
    "dots": "...",
    "nfc": "caf\u00e9",
    "nfd": "cafe\u0301",
    "cjk": "日本語/テスト.txt",
    "emoji": "🦀/🚀👩‍🚀.txt",
    "xml": "&<>\"'&amp;<Key>",
    "query": "a=b?c#d&e=f",
    "upload-id": "x?uploadId=1&partNumber=2",
    "signature": "y?X-Amz-Signature=0&versionId=null",
    "semicolon": "a;b=c,d:e@f$g",
    "brackets": "[x]{y}|^`~*!()'",
    "backslash": "a\\b\\..\\c",
    "tab": "a\tb",
    "newline": "a\nb",
    "carriage-return": "a\rb",
    "control": "a\x01b\x1f",
    "delete": "a\x7fb",
    "longest": "",  # filled by `key_named`: exactly 1,024 bytes at the backend
    "longest-segments": "",
    "longest-unicode": "",
}

# Not allowed in XML 1.0 even as references: such a key cannot be named in the body of DeleteObjects.
NOT_IN_XML = frozenset({"control"})
LINE_ENDS = frozenset({"carriage-return", "newline", "tab"})
# Names that a file system can hold as they are, for `aws s3 sync` of a tree.
FILE_NAMES = (
    "plain", "nested", "space", "spaces", "plus", "percent", "leading-dot", "nfc", "nfd", "cjk", "emoji", "xml",
    "semicolon", "brackets", "query", "upload-id",
)  # fmt: skip


def key_named(name: str, prefix_bytes: int = 0) -> str:
    """Return a key of the corpus; the longest ones leave room for a key prefix of the route."""
    room = LONGEST_KEY_BYTES - prefix_bytes
    if name == "longest":
        return "k" * room
    if name == "longest-segments":
        return ("0123456789/" * (room // 11 + 1))[: room - 1] + "e"
    if name == "longest-unicode":
        return "é" * (room // 2) + "x" * (room % 2)
    return KEYS[name]


def body_of(name: str, size: int = 3_000) -> bytes:
    """Return bytes that belong to a name: the same each time, different for each name, of every value."""
    return hashlib.shake_256(name.encode()).digest(size)
