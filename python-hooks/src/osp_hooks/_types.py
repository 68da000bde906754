"""What the typed form of a hook takes and returns.

Plain classes, because the gateway imports this at every start of a worker: `dataclasses` and `typing` would cost more
than everything else here.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])


class Frozen:
    """Refuses changes: a decision cannot be turned into another one on its way."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be removed")


class Request(Frozen):
    """One request of a client: exactly the inputs that the hook declared with `cache_by`, or all but `source_ip`.
    `key/N` is found as `key`, `query.NAME` in `query`, `header.NAME` in `headers`.

    Whatever was not declared is not here: reading it raises `AttributeError`, and the request is answered 503.
    """

    token: str  #: access key id that the client signed with
    bucket: str  #: as the client names it
    principal: str  #: the ClientIdentity, `namespace/name`
    method: str  #: GET, PUT, ...
    path: str  #: `/bucket/key`, decoded, however the client addresses buckets
    key: str  #: decoded; empty for requests on a bucket; its first folders only, for `key/N`
    operation: str  #: S3's name of what is asked for: GetObject, ListObjectsV2, ...
    query: Mapping[str, str]  #: decoded, without what belongs to a signature
    headers: Mapping[str, str]  #: lower-case names; those that say what is asked for, never a credential
    source_ip: str  #: address of the client
    keys: Sequence[str] | None  #: keys of a DeleteObjects, else None

    def __init__(self, given: Mapping[str, object]) -> None:
        self.__dict__.update(given)

    def __getattr__(self, name: str) -> object:
        raise AttributeError(f"`{name}` is no input of this hook (see cache_by)")

    def __repr__(self) -> str:
        return f"Request({', '.join(sorted(self.__dict__))})"


class Decision(Frozen):
    """The answer of a typed `authorize`. Make it with `allow`, `deny` or `allow_keys`."""

    __slots__ = ("allowed", "keys", "reason")

    allowed: bool
    reason: str
    keys: frozenset[str] | None

    def __init__(self, allowed: bool, reason: str = "", keys: frozenset[str] | None = None) -> None:
        for name, value in (("allowed", allowed), ("reason", reason), ("keys", keys)):
            object.__setattr__(self, name, value)

    def __bool__(self) -> bool:
        raise TypeError("a Decision is neither true nor false: look at its `allowed`")

    def __repr__(self) -> str:
        return f"Decision(allowed={self.allowed}, reason={self.reason!r}, keys={self.keys})"


def allow() -> Decision:
    """The request may be made, if the grants of its route say so too."""
    return Decision(True)


def deny(reason: str = "") -> Decision:
    """The request is answered 403. The reason is for the gateway's log, never for the client."""
    return Decision(False, reason)


def allow_keys(keys: Iterable[str], reason: str = "") -> Decision:
    """Of a DeleteObjects: these keys may be deleted, and the others may not."""
    return Decision(True, reason, frozenset(keys))


class Keys(Frozen):
    """A key pair for the backend, the typed answer of `fetch_credentials`. `expires_at`: seconds since 1970."""

    __slots__ = ("access_key", "expires_at", "secret_key", "session_token")

    access_key: str
    secret_key: str
    session_token: str | None
    expires_at: float | None

    def __init__(
        self, access_key: str, secret_key: str, session_token: str | None = None, expires_at: float | None = None
    ) -> None:
        object.__setattr__(self, "access_key", access_key)
        object.__setattr__(self, "secret_key", secret_key)
        object.__setattr__(self, "session_token", session_token)
        object.__setattr__(self, "expires_at", expires_at)

    def __repr__(self) -> str:
        return "Keys(redacted)"


class ApiKey(Frozen):
    """An IBM Cloud API key, the other typed answer of `fetch_credentials`."""

    __slots__ = ("value",)

    value: str

    def __init__(self, value: str) -> None:
        object.__setattr__(self, "value", value)

    def __repr__(self) -> str:
        return "ApiKey(redacted)"


class CacheBy(Frozen):
    """`@cache_by("token", "bucket", "key/2")`: the inputs that `authorize` reads and its decision is kept by.

    It is given these and no others. A module may say the same without this package: `cache_by = ("token", "bucket")`.
    Inputs: token, bucket, principal, method, path, key, `key/N` (the first N folders), operation, query, `query.NAME`,
    headers, `header.NAME`, source_ip, keys.
    """

    __slots__ = ()

    def __call__(self, *inputs: str) -> Callable[[F], F]:
        def declare(function: F) -> F:
            function.osp_cache_by = inputs  # type: ignore[attr-defined]
            return function

        return declare


cache_by = CacheBy()
