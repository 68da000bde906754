"""What the gateway calls: loads a hook, asks it, lets go of it, and takes what it prints."""

from __future__ import annotations

import gc
import io
import logging
import sys
import threading
import types

from osp_hooks import _rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


#: A thread that only computes keeps the others waiting this long (Python's default is ten times that).
SWITCH_SECONDS = 0.0005


class HookDeadline(BaseException):
    """Raised in a function whose caller has given up (thread isolation only)."""


class Hook:
    """One loaded file."""

    __slots__ = ("entries", "handlers", "path")

    def __init__(self, path: str, entries: dict[str, _rules.Entry], handlers: list[logging.Handler]) -> None:
        self.path = path
        self.entries = entries
        self.handlers = handlers

    def declaration(self) -> list[tuple[str, tuple[str, ...]]]:
        """Its functions with the inputs that each is given."""
        return [(entry.name, entry.inputs) for entry in self.entries.values()]


def load(name: str, path: str, text: str) -> Hook:
    """A fresh module of this text. It is in `sys.modules` only while it runs (dataclasses look there), so that the one
    before it can go. Raises whatever the text raises, and HookError."""
    module = types.ModuleType(f"osp_hook_{name}")
    module.__file__ = path
    before = list(logging.getLogger().handlers)
    sys.modules[module.__name__] = module
    try:
        exec(compile(text, path, "exec", dont_inherit=True), module.__dict__)
        entries = _rules.entries(module.__dict__)
    finally:
        sys.modules.pop(module.__name__, None)
    if any(entry.is_async for entry in entries.values()):
        import asyncio  # noqa: F401, PLC0415 - now and not within the deadline of the first call
    added = [handler for handler in logging.getLogger().handlers if handler not in before]
    return Hook(path, entries, added)


def ask(hook: Hook, name: str, given: dict[str, Any]) -> tuple[Any, ...]:
    """Calls one function of a hook. The answer is one of `_rules`."""
    entry = hook.entries[name]
    try:
        result = entry.invoke(given)
        if entry.is_async:
            result = _run(result)
    except BaseException as error:  # noqa: BLE001 - SystemExit too: nothing that a hook raises may end its worker
        return _rules.raised(name, error, hook.path)
    return _rules.read(name, result, given)


_of_thread = threading.local()


def _run(coroutine: Any) -> object:
    """Runs a coroutine on the loop of this thread, which lives on, so that clients may keep their connections."""
    import asyncio  # noqa: PLC0415 - most hooks do without

    loop = getattr(_of_thread, "loop", None)
    if loop is None:
        loop = _of_thread.loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    except Exception:
        raise
    except BaseException:
        _of_thread.loop = None  # what interrupted it may have left it half way
        raise


def retire(hook: Hook) -> None:
    """Lets go of what keeps a module alive that nobody calls any more. The caller drops the hook itself."""
    import atexit  # noqa: PLC0415
    import typing  # noqa: PLC0415

    root = logging.getLogger()
    for handler in hook.handlers:
        root.removeHandler(handler)
    hook.entries.clear()
    hook.handlers.clear()
    for forget in typing._cleanups:  # type: ignore[attr-defined]
        forget()  # caches of Optional[X], List[X], ... keep X and its module
    atexit._clear()  # an embedded interpreter is never finalised: nothing is lost


def collect() -> None:
    """Modules are cycles: after the last of those retired has been dropped."""
    gc.collect()


# --- what hooks print and log


class _Raw(io.RawIOBase):
    """`sys.stdout.buffer`."""

    def __init__(self, stream: int) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        import _osp  # noqa: PLC0415

        data = bytes(data)
        _osp.write(self._stream, data.decode("utf-8", "replace"))
        return len(data)


class _Sink(io.TextIOBase):
    """`sys.stdout` and `sys.stderr`: every line becomes a record of the gateway's log."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, stream: int) -> None:
        import _osp  # noqa: PLC0415

        self._stream = stream
        self._write = _osp.write
        self.buffer = _Raw(stream)

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._write(self._stream, text)
        return len(text)


class _Handler(logging.Handler):
    """The root logger's handler."""

    def emit(self, record: logging.LogRecord) -> None:
        import _osp  # noqa: PLC0415

        try:
            _osp.log(record.levelno, record.name, self.format(record))
        except Exception:  # noqa: BLE001, S110 - logging would write to stderr, which is where we come from
            pass


def capture(environment: dict[str, str]) -> None:
    """Takes over output, and shows hooks the environment that the operator chose: in a thread `os.environ` would be the
    gateway's. (Only Python's view is changed; `putenv` beside running threads is not safe.)"""
    import os  # noqa: PLC0415

    sys.setswitchinterval(SWITCH_SECONDS)
    sys.stdout, sys.stderr = _Sink(1), _Sink(2)
    sys.__stdout__ = sys.__stderr__ = None  # type: ignore[misc, assignment]
    root = logging.getLogger()
    root.handlers[:] = [_Handler()]
    root.setLevel(logging.INFO)
    data = os.environ._data  # type: ignore[attr-defined]
    data.clear()
    data.update({os.fsencode(name): os.fsencode(value) for name, value in environment.items()})
