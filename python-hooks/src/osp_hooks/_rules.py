"""How a hook is called and what its answers mean: the only place where that is said.

The gateway runs this very code, in workers and in threads, and so does `simulate`.
"""

from __future__ import annotations

import inspect
import json

from osp_hooks._types import ApiKey, CacheBy, Decision, Keys, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

# First element of an answer. What follows it is in the functions below.
YES, NO, SPLIT, NO_ANSWER = 0, 1, 2, 3

CALLABLES = ("authorize", "lookup_secret", "fetch_credentials")
#: Every input of `authorize`, in the gateway's order.
INPUTS = ("token", "bucket", "principal", "method", "path", "key", "operation", "query", "headers", "source_ip", "keys")
#: What a hook gets that declares nothing. The address is not in it: it would split every cache entry by client machine.
DEFAULT_INPUTS = tuple(name for name in INPUTS if name != "source_ip")
#: Never given: credentials. (`x-amz-server-side-encryption-customer-key` and its kin are found by their ends.)
SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "x-amz-mfa", "x-amz-security-token")
SECRET_ENDS = ("-customer-key", "-customer-key-md5")
#: Deeper than any folder that decisions are made by; a limit, so that a typing error is noticed.
MAX_FOLDERS = 64
#: Texts that go to the gateway's log.
MAX_TEXT = 300
#: AWS documents at most 128 characters for access key ids; secrets and tokens are far below this.
MAX_SECRET = 16 * 1024


class HookError(Exception):
    """A file that cannot be a hook. The message is for whoever wrote it."""


class Entry:
    """One function of a hook: how it is called, and what it is given."""

    __slots__ = ("form", "function", "inputs", "is_async", "name")

    def __init__(self, name: str, function: Callable[..., Any], form: str, inputs: tuple[str, ...]) -> None:
        self.name = name
        self.function = function
        self.form = form
        self.inputs = inputs
        self.is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004 - an object with an `async def __call__`
        )

    def invoke(self, given: dict[str, Any]) -> object:
        """Calls the function; an `async` one returns its coroutine. `given` is fresh for every call."""
        if self.form == "typed":
            return self.function(Request(given))
        if self.form == "access_key":
            return self.function(given["token"])
        if self.form == "token_bucket":
            return self.function(given["token"], given["bucket"])
        if self.form == "parameters":
            return self.function(given["token"], given["bucket"], given["parameters"])
        rest = {name: value for name, value in given.items() if name not in ("token", "bucket")}
        return self.function(given["token"], given["bucket"], rest)


def entries(namespace: Mapping[str, Any]) -> dict[str, Entry]:
    """The functions of a hook's module.

    Raises HookError for a module without any, and for one that the gateway could not call.
    """
    found = {}
    for name in CALLABLES:
        function = namespace.get(name)
        if function is None:
            continue
        if not callable(function) or isinstance(function, type):
            raise HookError(f"`{name}` is no function")
        found[name] = _entry(name, function, namespace)
    if not found:
        raise HookError("defines none of " + ", ".join(f"`{name}`" for name in CALLABLES))
    return found


def _entry(name: str, function: Callable[..., Any], namespace: Mapping[str, Any]) -> Entry:
    count = _positional(name, function)
    if name == "lookup_secret":
        if count != 1:
            raise HookError("`lookup_secret` takes one argument: access_key")
        return Entry(name, function, "access_key", ("token",))
    if name == "fetch_credentials":
        if count < 2:
            raise HookError("`fetch_credentials` takes token and bucket, and parameters if it wants them")
        if count == 2:
            return Entry(name, function, "token_bucket", ("token", "bucket"))
        return Entry(name, function, "parameters", ("token", "bucket", "parameters"))
    form = {1: "typed", 2: "token_bucket"}.get(count, "plain")
    inputs = _declared(function, namespace)
    if inputs is None:
        inputs = ("token", "bucket") if form == "token_bucket" else DEFAULT_INPUTS
    if form != "typed":
        missing = [needed for needed in ("token", "bucket") if needed not in inputs]
        if missing:
            raise HookError(f"`authorize` takes {' and '.join(missing)}, which cache_by does not name")
    if form == "token_bucket" and len(inputs) > 2:
        raise HookError("`authorize` takes token and bucket only, and cache_by names more")
    return Entry(name, function, form, inputs)


def _positional(name: str, function: Callable[..., Any]) -> int:
    """How many arguments the gateway may pass: at most three."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise HookError(f"`{name}` has no signature that can be read") from error
    count = needed = 0
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            count = max(count, 1 if name == "lookup_secret" else 3)
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            count += 1
            needed += parameter.default is parameter.empty
        elif parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
            raise HookError(f"`{name}` needs the argument {parameter.name} by name, which the gateway does not pass")
    most = 1 if name == "lookup_secret" else 3
    if count == 0 or needed > most:
        raise HookError(f"`{name}` takes {needed} arguments")
    return min(count, most)


def _declared(function: Callable[..., Any], namespace: Mapping[str, Any]) -> tuple[str, ...] | None:
    declared = getattr(function, "osp_cache_by", None)
    if declared is None:
        declared = namespace.get("cache_by")
        if isinstance(declared, CacheBy):  # the decorator, imported
            declared = None
    if declared is None:
        return None
    if not isinstance(declared, (tuple, list)) or not declared:
        raise HookError("cache_by is a tuple of the names of inputs")
    for name in declared:
        _check_input(name)
    folders = [name for name in declared if name.startswith("key/")]
    if len(folders) > 1 or (folders and "key" in declared):
        raise HookError("cache_by names the key twice")
    return tuple(dict.fromkeys(declared))


def _check_input(name: object) -> None:
    if type(name) is not str:
        raise HookError("cache_by is a tuple of the names of inputs")
    if name in INPUTS:
        return
    kind, _, rest = name.partition("/")
    if kind == "key" and rest.isascii() and rest.isdigit() and 1 <= int(rest) <= MAX_FOLDERS:
        return
    kind, _, rest = name.partition(".")
    if kind == "query" and rest and not is_signature(rest):
        return
    if kind == "header" and rest and rest == rest.lower() and not is_secret(rest):
        return
    raise HookError(f"cache_by names {name!r}, which is no input")


def is_signature(query: str) -> bool:
    """A query parameter of a presigned URL. They differ in every URL, and one of them is a session token."""
    return query.lower().startswith("x-amz-")


def is_secret(header: str) -> bool:
    """A header that no policy gets to see."""
    return header in SECRET_HEADERS or header.endswith(SECRET_ENDS)


# --- what answers mean


def read(name: str, result: object, given: Mapping[str, Any]) -> tuple[Any, ...]:
    """The meaning of what a hook's function returned. Never raises."""
    if name == "authorize":
        return _decision(result, given)
    if name == "lookup_secret":
        return _secret(result)
    return _credentials(result)


def raised(name: str, error: BaseException, path: str) -> tuple[Any, ...]:
    """The meaning of what a hook's function raised: no answer. Messages may hold what the function knows, so only
    those of `authorize`, which is given no secret, are told."""
    text = ""
    if name == "authorize":
        try:
            text = " ".join(str(error)[:MAX_TEXT].split())
        except BaseException:  # noqa: BLE001 - a hook's own `__str__`
            text = "?"
    return (NO_ANSWER, "raised", type(error).__name__[:MAX_TEXT], f"{text}{_where(error, path)}")


def _where(error: BaseException, path: str) -> str:
    line = 0
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return f" (line {line})" if line else ""


def _wrong(result: object, wanted: str) -> tuple[Any, ...]:
    return (NO_ANSWER, "wrong_type", type(result).__name__[:MAX_TEXT], wanted)


def _decision(result: object, given: Mapping[str, Any]) -> tuple[Any, ...]:
    if result is True:
        return (YES,)
    if result is False:
        return (NO, "false", "")
    if type(result) is not Decision:
        return (NO, "not_true", type(result).__name__[:MAX_TEXT])
    reason = result.reason[:MAX_TEXT] if type(result.reason) is str else ""
    if result.allowed is not True:
        return (NO, "false", reason)
    if result.keys is None:
        return (YES,)
    keys = given.get("keys")
    if type(result.keys) is not frozenset or keys is None or not result.keys <= set(keys):
        return (NO, "not_true", "allow_keys with keys that were not asked for")
    return (SPLIT, [key in result.keys for key in keys])


def _is_secret_text(value: object) -> bool:
    return type(value) is str and 0 < len(value) <= MAX_SECRET and value.isprintable() and value == value.strip()


def _secret(result: object) -> tuple[Any, ...]:
    if result is None:
        return (NO,)
    if type(result) is not str:
        return _wrong(result, "a str or None")
    return (YES, result) if _is_secret_text(result) else (NO_ANSWER, "malformed", "", "an empty or unprintable secret")


def _credentials(result: object) -> tuple[Any, ...]:
    if type(result) is str:
        return _credentials_text(result)
    if type(result) is Keys:
        return _keys(result.access_key, result.secret_key, result.session_token, result.expires_at)
    if type(result) is ApiKey:
        return _api_key(result.value)
    return _wrong(result, "a str, Keys or ApiKey")


def _credentials_text(text: str) -> tuple[Any, ...]:
    if not text.lstrip().startswith("{"):
        return _api_key(text)
    try:
        pair = json.loads(text)
    except (ValueError, RecursionError):
        return (NO_ANSWER, "malformed", "", "begins like JSON and is none")
    known = ("access_key", "secret_key", "session_token", "expires_at")
    return _keys(*(pair.get(name) for name in known))


def _keys(access: object, secret: object, session: object, expires: object) -> tuple[Any, ...]:
    for value, wanted in ((access, "access_key"), (secret, "secret_key")):
        if not _is_secret_text(value):
            return (NO_ANSWER, "malformed", "", f"{wanted} is missing, empty or unprintable")
    if session is not None and not _is_secret_text(session):
        return (NO_ANSWER, "malformed", "", "session_token is empty or unprintable")
    if expires is not None and (type(expires) not in (int, float) or not 0 <= expires < 1e11):
        return (NO_ANSWER, "malformed", "", "expires_at is no time in seconds since 1970")
    return (YES, "keys", access, secret, session, None if expires is None else float(expires))


def _api_key(value: object) -> tuple[Any, ...]:
    if not _is_secret_text(value):
        return (NO_ANSWER, "malformed", "", "an empty or unprintable API key")
    return (YES, "api_key", value)
