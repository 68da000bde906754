"""The run's canary: one random word in every name that only a backend may know, and the search for it (C15).

Buckets, key prefixes, host names, access keys and owners of the backends carry the word. Whatever a client is sent is
searched for it, object payloads included: the suite writes it into none.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
from collections.abc import Iterable, Iterator

# Lower-case hexadecimal: neither URL nor XML escapes can hide it, and every server takes it as a part of a name.
WORD = secrets.token_hex(6)
# What OSP is told as the host of every backend; a hosts file that only OSP sees says that it is this machine. Without
# OSP clients are told, and they know only names below `localhost`.
BACKEND_HOST = "localhost" if os.environ.get("OSP_E2E_DIRECT") == "1" else f"store-{WORD}.test"
# Longer than any form of any needle, a chunk's size line included.
OVERLAP_BYTES = 512
CONTEXT_BYTES = 100
# A size line between two chunks must not hide a word that both have a part of.
SIZE_LINE = re.compile(rb"\r\n[0-9a-fA-F]{1,8}\r\n")


def marked(kind: str) -> str:
    """Return a name with the word in it, such as `store-0a1b2c3d4e5f`."""
    return f"{kind}-{WORD}"


def forms(text: str) -> set[bytes]:
    """Return how a text may stand in an answer: as it is, in upper case, and within base64 at each of three places."""
    plain = text.encode()
    found = {plain, plain.lower(), plain.upper()}
    for variant in (plain, plain.upper()):
        for before in range(3):
            coded = base64.b64encode(bytes(before) + variant)
            # The first and the last letters also depend on the neighbours of the text.
            inner = coded[(0, 2, 3)[before] : len(coded) - (0, 4, 3)[(before + len(variant)) % 3]]
            found |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return found


class Search:
    """A search through one stream of bytes that comes in pieces."""

    def __init__(self, needles: Iterable[str]) -> None:
        """Look for these texts in all of their forms."""
        self.wanted = {form for needle in needles for form in forms(needle)}
        self.kept = b""

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Yield the surroundings of everything that this piece completes; something may be told twice."""
        window = self.kept + piece
        self.kept = window[-OVERLAP_BYTES:]
        for text in {window, SIZE_LINE.sub(b"", window)}:
            for form in self.wanted:
                if (at := text.find(form)) >= 0:
                    yield text[max(0, at - CONTEXT_BYTES) : at + len(form) + CONTEXT_BYTES]
