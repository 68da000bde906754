"""Writing hooks: the forms, what they declare, and what a file is refused for (C26, C61)."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from osp_hooks import HookError, Simulation, simulate

Write = Callable[[str], Simulation]


@pytest.fixture
def load(tmp_path: Path) -> Write:
    def load(text: str) -> Simulation:
        file = tmp_path / "policy.py"
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return simulate(file)

    return load


def test_the_plain_forms(load: Write) -> None:
    hook = load("""
        import json
        def authorize(token, bucket, request=None):
            return token == "AKIA1" and request["method"] == "GET" and request["path"] == "/lake/a/b"
        def lookup_secret(access_key):
            return "s3cr3t" if access_key == "AKIA1" else None
        def fetch_credentials(token, bucket):
            return json.dumps({"access_key": token, "secret_key": bucket})
    """)
    assert hook.authorize("AKIA1", "lake", "a/b").kind == "allow"
    assert hook.authorize("AKIA1", "lake", "a/b", method="PUT").status == 403
    assert hook.lookup_secret("AKIA1").value == "s3cr3t"
    assert hook.lookup_secret("AKIA2").status == 403
    assert hook.fetch_credentials("AKIA1", "lake").value == ["AKIA1", "lake", None, None]
    assert set(hook.inputs["authorize"]) >= {"method", "path", "query", "headers"}
    assert "source_ip" not in hook.inputs["authorize"]


def test_two_arguments_are_two_inputs(load: Write) -> None:
    hook = load("def authorize(token, bucket): return bucket == 'lake'")
    assert hook.inputs == {"authorize": ("token", "bucket")}
    assert hook.authorize("AKIA1", "lake").kind == "allow"


def test_the_typed_form_async_and_declared(load: Write) -> None:
    hook = load("""
        from osp_hooks import Request, Decision, allow, deny, cache_by
        @cache_by("principal", "key/1", "method")
        async def authorize(request: Request) -> Decision:
            if request.key == "team-a/" and request.method == "GET":
                return allow()
            return deny("not of " + request.principal)
    """)
    assert hook.authorize("AKIA1", "lake", "team-a/x/y").kind == "allow"
    assert hook.authorize("AKIA1", "lake", "team-ab/x").detail == "not of default/somebody"
    assert hook.inputs["authorize"] == ("principal", "key/1", "method")


def test_what_was_not_declared_cannot_be_read(load: Write) -> None:
    plain = load("""
        cache_by = ("token", "bucket")
        def authorize(token, bucket, request): return request["path"] != ""
    """)
    assert plain.authorize("AKIA1", "lake", "a").reason == "raised"
    typed = load("""
        from osp_hooks import cache_by
        @cache_by("token")
        def authorize(request): return request.path != ""
    """)
    outcome = typed.authorize("AKIA1", "lake", "a")
    assert outcome.status == 503
    assert "`path` is no input" in outcome.detail


def test_a_batch_may_be_split(load: Write) -> None:
    hook = load("""
        from osp_hooks import allow_keys
        def authorize(request): return allow_keys(key for key in request.keys if key.startswith("tmp/"))
    """)
    assert hook.authorize("AKIA1", "lake", method="POST", keys=["tmp/a", "b"]).value == [True, False]
    assert hook.authorize("AKIA1", "lake", method="POST").reason == "raised", "there are no keys to go through"


def test_arguments_are_the_hooks_own(load: Write) -> None:
    hook = load("""
        def authorize(token, bucket, request):
            request["query"]["admin"] = "1"
            request.clear()
            return True
    """)
    query = {"prefix": "a"}
    assert hook.authorize("AKIA1", "lake", query=query).kind == "allow"
    assert query == {"prefix": "a"}


def test_parameters_of_a_credential_source(load: Write) -> None:
    hook = load("def fetch_credentials(token, bucket, parameters): return parameters['role'] + token")
    assert hook.fetch_credentials("AKIA1", "lake", {"role": "ro-"}).value == "ro-AKIA1"


def test_messages_of_functions_that_know_secrets_are_not_told(load: Write) -> None:
    hook = load("def lookup_secret(access_key): raise KeyError('s3cr3t')")
    outcome = hook.lookup_secret("AKIA1")
    assert outcome.reason == "raised"
    assert "s3cr3t" not in outcome.detail
    assert "line 1" in outcome.detail
    assert "s3cr3t" not in repr(load("def lookup_secret(access_key): return 's3cr3t'").lookup_secret("AKIA1"))


def test_late_is_no_answer(load: Write, tmp_path: Path) -> None:
    load("import time\ndef authorize(token, bucket): return not time.sleep(0.02)")
    assert simulate(tmp_path / "policy.py", deadline_seconds=0.01).authorize("AKIA1", "lake").reason == "timeout"
    assert simulate(tmp_path / "policy.py", deadline_seconds=5).authorize("AKIA1", "lake").kind == "allow"


def test_a_function_that_is_not_there(load: Write) -> None:
    assert load("def authorize(request): return True").lookup_secret("AKIA1").reason == "no_callable"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x = 1", "defines none of"),
        ("authorize = True", "`authorize` is no function"),
        ("class authorize: pass", "`authorize` is no function"),
        ("def authorize(): return True", "takes 0 arguments"),
        ("def authorize(a, b, c, d): return True", "takes 4 arguments"),
        ("def authorize(a, b, *, c): return True", "by name"),
        ("def lookup_secret(a, b): return None", "takes 2 arguments"),
        ("def fetch_credentials(a): return ''", "takes token and bucket"),
        ("cache_by = 'token'\ndef authorize(r): return True", "tuple"),
        ("cache_by = ()\ndef authorize(r): return True", "tuple"),
        ("cache_by = (1,)\ndef authorize(r): return True", "tuple"),
        ("cache_by = ('token',)\ndef authorize(t, b): return True", "takes bucket, which cache_by does not name"),
        ("cache_by = ('token', 'bucket', 'path')\ndef authorize(t, b): return True", "cache_by names more"),
        ("cache_by = ('key', 'key/1')\ndef authorize(r): return True", "names the key twice"),
    ],
)
def test_a_file_is_refused_with_a_reason(load: Write, text: str, why: str) -> None:
    with pytest.raises(HookError, match=why.replace("(", r"\(")):
        load(text)


def test_a_file_that_raises_says_so(load: Write) -> None:
    with pytest.raises(SyntaxError):
        load("def authorize(:")
    with pytest.raises(ZeroDivisionError):
        load("1 / 0")
