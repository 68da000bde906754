"""Asks a hook as the gateway would, in a test."""

from __future__ import annotations

import os
import time

from osp_hooks import _engine, _inputs, _rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

#: The gateway's default: what takes longer is answered 503.
DEADLINE_SECONDS = 0.25


class Outcome:
    """What the gateway would make of a hook's answer.

    `kind`: allow, deny, split, secret, unknown, keys, api_key or no_answer; `status`: what the client would get of it;
    `reason`: why it is deny or no_answer, as in the gateway's metric; `detail`: what its log would say beside; `value`:
    the secret, the keys, or for split a list of bool.
    """

    __slots__ = ("detail", "kind", "reason", "value")

    def __init__(self, kind: str, reason: str = "", detail: str = "", value: Any = None) -> None:
        self.kind = kind
        self.reason = reason
        self.detail = detail
        self.value = value

    @property
    def status(self) -> int:
        """The HTTP status of the answer, 200 for whatever goes on."""
        return {"deny": 403, "unknown": 403, "no_answer": 503}.get(self.kind, 200)

    def __bool__(self) -> bool:
        raise TypeError("an Outcome is neither true nor false: look at its `kind`")

    def __repr__(self) -> str:
        shown = self.value if self.kind == "split" else None if self.value is None else "redacted"
        return f"Outcome({self.kind!r}, reason={self.reason!r}, detail={self.detail!r}, value={shown})"


class Simulation:
    """A loaded hook. Made by `simulate`."""

    def __init__(self, hook: _engine.Hook, deadline_seconds: float) -> None:
        self._hook = hook
        self._deadline_seconds = deadline_seconds

    @property
    def inputs(self) -> dict[str, tuple[str, ...]]:
        """The functions of the hook with what each is given; of `authorize` that is also what a decision is kept by."""
        return dict(self._hook.declaration())

    def authorize(
        self,
        token: str,
        bucket: str,
        key: str = "",
        *,
        method: str = "GET",
        operation: str = "",
        principal: str = "default/somebody",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        source_ip: str = "192.0.2.1",
        keys: Sequence[str] | None = None,
    ) -> Outcome:
        """May this client do this? `operation` is S3's name; without one it is that of a GET or PUT of an object."""
        question = {
            "token": token,
            "bucket": bucket,
            "key": key,
            "path": f"/{bucket}/{key}" if key else f"/{bucket}",
            "method": method,
            "operation": operation or f"{method.capitalize()}{'Object' if key else 'Bucket'}",
            "principal": principal,
            "query": dict(query or {}),
            "headers": {name.lower(): value for name, value in (headers or {}).items()},
            "source_ip": source_ip,
            "keys": None if keys is None else list(keys),
        }
        return self._ask("authorize", question)

    def lookup_secret(self, access_key: str) -> Outcome:
        """The secret of an access key id."""
        return self._ask("lookup_secret", {"token": access_key})

    def fetch_credentials(self, token: str, bucket: str, parameters: Mapping[str, str] | None = None) -> Outcome:
        """The backend credentials for this client and bucket."""
        question = {"token": token, "bucket": bucket, "parameters": dict(parameters or {})}
        return self._ask("fetch_credentials", question)

    def _ask(self, name: str, question: dict[str, Any]) -> Outcome:
        entry = self._hook.entries.get(name)
        if entry is None:
            return Outcome("no_answer", "no_callable", name)
        given = _inputs.given(entry.inputs, question)
        begun = time.monotonic()
        answer = _engine.ask(self._hook, name, given)
        if time.monotonic() - begun > self._deadline_seconds:
            return Outcome("no_answer", "timeout", f"{self._deadline_seconds} s")
        return _outcome(name, answer)


def simulate(path: str | os.PathLike[str], *, deadline_seconds: float = DEADLINE_SECONDS) -> Simulation:
    """Loads a hook's file as the gateway does.

    Raises what the gateway would report: whatever the file raises, and HookError for one that is no hook. A call that
    takes longer than the deadline is a time-out here too, but it is not interrupted.
    """
    path = os.fspath(path)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    name = os.path.basename(path).removesuffix(".py")
    return Simulation(_engine.load(name, path, text), deadline_seconds)


def _outcome(name: str, answer: tuple[Any, ...]) -> Outcome:
    code, *rest = answer
    if code == _rules.NO_ANSWER:
        reason, kind, detail = rest
        return Outcome("no_answer", reason, ": ".join(part for part in (kind, detail) if part))
    if name == "authorize":
        if code == _rules.NO:
            return Outcome("deny", rest[0], rest[1])
        return Outcome("allow") if code == _rules.YES else Outcome("split", value=rest[0])
    if name == "lookup_secret":
        return Outcome("unknown") if code == _rules.NO else Outcome("secret", value=rest[0])
    return Outcome(rest[0], value=rest[1] if rest[0] == "api_key" else rest[1:])
