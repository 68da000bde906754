"""The table that the gateway's engine is tested with as well (src/hooks/tests/cases.rs): C26, C61."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from osp_hooks import _inputs, _rules, simulate

CASES = json.loads(Path(__file__).with_name("cases.json").read_text(encoding="utf-8"))
#: What the expressions of the table may use.
NAMES = """
from osp_hooks import *
from osp_hooks import Decision
class Sub(Decision): pass
async def later(): return True
"""
SIGNATURES = {
    "authorize": "token, bucket, request=None",
    "lookup_secret": "access_key",
    "fetch_credentials": "token, bucket",
}


@pytest.mark.parametrize("case", CASES["inputs"], ids=lambda case: case["name"])
def test_a_function_is_given_what_it_declared(case: dict[str, Any]) -> None:
    question = dict(CASES["question"])
    question["path"] = f"/{question['bucket']}/{question['key']}"
    assert _inputs.given(tuple(case["declared"]), question) == case["given"]


@pytest.mark.parametrize("declared", CASES["refused"], ids=lambda declared: declared[0])
def test_what_is_no_input_cannot_be_declared(declared: list[str]) -> None:
    with pytest.raises(_rules.HookError, match="cache_by"):
        _rules.entries({"authorize": lambda request: True, "cache_by": tuple(declared)})


@pytest.mark.parametrize("case", CASES["answers"], ids=lambda case: " ".join(list(case.items())[0]))
@pytest.mark.filterwarnings("ignore:coroutine")
def test_an_answer_means_what_the_table_says(case: dict[str, Any], tmp_path: Path) -> None:
    (name, expression), (_, expected) = case.items()
    file = tmp_path / "policy.py"
    file.write_text(f"{NAMES}\ndef {name}({SIGNATURES[name]}): return {expression}\n", encoding="utf-8")
    hook = simulate(file)
    arguments = ["AKIA1"] if name == "lookup_secret" else ["AKIA1", "lake"]
    outcome = getattr(hook, name)(*arguments)
    assert [outcome.kind, outcome.reason] == expected
