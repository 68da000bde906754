"""The samples against real servers: one decision table for all of them (C5, C8), and how they fail: closed, and in time."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import sample_servers
from osp_hooks import Outcome, Simulation, simulate
from sample_servers import SAMPLES, Relay

TABLE = json.loads((SAMPLES / "cases.json").read_text(encoding="utf-8"))
#: Hooks answer or raise before this, or the gateway takes their worker from them.
DEADLINE_SECONDS = 0.25
Load = Callable[..., Simulation]


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Path]]:
    """OPA, Redis and PostgreSQL: their sockets."""
    with contextlib.ExitStack() as stack:
        kinds = {"opa": sample_servers.opa, "redis": sample_servers.redis, "postgres": sample_servers.postgres}
        yield {name: stack.enter_context(start()) for name, start in kinds.items()}


@pytest.fixture
def relay(kind: str, servers: dict[str, Path]) -> Iterator[Relay]:
    """A way to the server, of this test alone."""
    made = Relay(str(servers[kind]))
    yield made
    made.stop()


def load(monkeypatch: pytest.MonkeyPatch, kind: str, port: int) -> Simulation:
    """The sample that asks this server, which it finds by its environment."""
    sample, variable, url = {
        "opa": ("opa", "OSP_HOOK_OPA_URL", f"http://127.0.0.1:{port}/v1/data/osp/decision"),
        "redis": ("redis_grants", "OSP_HOOK_REDIS_URL", f"redis://127.0.0.1:{port}/0"),
        "postgres": (
            "sql_grants",
            "OSP_HOOK_SQL_URL",
            f"postgresql://{sample_servers.POSTGRES_LOGIN}@127.0.0.1:{port}/postgres",
        ),
    }[kind]
    monkeypatch.setenv(variable, url)
    return simulate(SAMPLES / f"{sample}.py")


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An SQLite file with the grants of the samples, that the sample reads."""
    file = tmp_path / "grants ?.sqlite"
    fill(file, (SAMPLES / "grants.sql").read_text(encoding="utf-8"))
    monkeypatch.setenv("OSP_HOOK_SQL_URL", f"sqlite://{quote(str(file))}")
    return file


def fill(file: Path, statements: str) -> None:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.executescript(statements)


def outcomes(hook: Simulation, case: dict[str, Any]) -> list[Outcome]:
    """What the gateway asks a hook about one of the table's requests."""

    def ask(operation: str, method: str, key: str = "", **more: Any) -> Outcome:
        principal = f"default/{case['client']}"
        return hook.authorize(
            f"AKIA{case['client'].upper()}", TABLE["bucket"], key,
            operation=operation, method=method, principal=principal, **more,
        )  # fmt: skip

    key = case.get("key", "")
    match case["do"]:
        case "get":
            return [ask("GetObject", "GET", key)]
        case "put":
            return [ask("PutObject", "PUT", key)]
        case "multipart":
            upload = {"query": {"uploadId": "u", "partNumber": "1"}}
            return [
                ask("CreateMultipartUpload", "POST", key, query={"uploads": ""}),
                ask("UploadPart", "PUT", key, **upload),
                ask("CompleteMultipartUpload", "POST", key, **upload),
            ]
        case "copy":
            source = f"/{TABLE['bucket']}/{case['source']}"
            return [
                ask("GetObject", "GET", case["source"]),
                ask("CopyObject", "PUT", key, headers={"x-amz-copy-source": source}),
            ]
        case "delete":
            return [ask("DeleteObject", "DELETE", key)]
        case "delete-batch":
            return [ask("DeleteObjects", "POST", keys=case["keys"], query={"delete": ""})]
        case "list":
            query = {"list-type": "2"} | ({"prefix": case["prefix"]} if case["prefix"] else {})
            return [ask("ListObjectsV2", "GET", query=query)]
    raise AssertionError(case["do"])


def check(hook: Simulation, case: dict[str, Any]) -> None:
    """The hook answers this case as the table says."""
    found = outcomes(hook, case)
    if case["do"] == "delete-batch":
        assert [(one.kind, one.value) for one in found] == [("split", case["allowed"])]
        return
    assert {one.kind for one in found} <= {"allow", "deny"}, found  # no answer would be denied as well
    assert all(one.kind == "allow" for one in found) is case["allowed"], found


def decides(hook: Simulation) -> None:
    """It says yes and no where it should."""
    for case in TABLE["cases"][:2]:
        check(hook, case)


def fails(hook: Simulation) -> Outcome:
    """It has no answer, soon enough to say so itself."""
    begun = time.monotonic()
    (outcome,) = outcomes(hook, TABLE["cases"][0])
    assert time.monotonic() - begun < DEADLINE_SECONDS
    assert (outcome.kind, outcome.reason, outcome.status) == ("no_answer", "raised", 503), outcome
    return outcome


every_case = pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: case["name"])
every_server = pytest.mark.parametrize("kind", ["opa", "redis", "postgres"])


def test_the_table_has_both_answers_for_each_kind_of_request() -> None:
    """C5, C8: 20 cases; no row can pass by a policy that always says the same."""
    assert len(TABLE["cases"]) == 20
    assert len({case["name"] for case in TABLE["cases"]}) == 20
    answers: dict[str, set[bool]] = {}
    for case in TABLE["cases"]:
        allowed = case["allowed"]
        answers.setdefault(case["do"], set()).update(allowed if isinstance(allowed, list) else [allowed])
    assert set(answers) == {"get", "put", "multipart", "copy", "delete", "delete-batch", "list"}
    assert all(both == {True, False} for both in answers.values())


def test_plain_python_answers_the_table() -> None:
    """C5, C8."""
    hook = simulate(SAMPLES / "plain.py")
    for case in TABLE["cases"]:
        check(hook, case)


def test_sqlite_answers_the_table(database: Path) -> None:
    """C5, C8."""
    hook = simulate(SAMPLES / "sql_grants.py")
    for case in TABLE["cases"]:
        check(hook, case)


@every_server
def test_a_server_answers_the_table_over_one_connection(
    kind: str, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C5, C8; and connections are reused."""
    hook = load(monkeypatch, kind, relay.port)
    for case in TABLE["cases"]:
        check(hook, case)
    assert relay.connections == 1


@every_server
def test_what_no_sample_knows_is_denied(kind: str, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operation that the policy does not name, another bucket, a batch without keys: fail closed."""
    for hook in (load(monkeypatch, kind, relay.port), simulate(SAMPLES / "plain.py")):
        ask = {"principal": "default/writer"}
        assert hook.authorize("A", "lake", "team-a/x", operation="PutObjectAcl", method="PUT", **ask).kind == "deny"
        assert hook.authorize("A", "sea", "team-a/x", **ask).kind == "deny"
        assert hook.authorize("A", "lake", operation="DeleteObjects", method="POST", **ask).kind == "deny"
        assert hook.authorize("A", "lake", "team-a/x", **ask).kind == "allow"


@every_server
def test_a_server_that_is_down(kind: str, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens, from the start and after having answered: no answer, at once."""
    hook = load(monkeypatch, kind, relay.port)
    decides(hook)
    relay.stop()
    fails(hook)
    fails(load(monkeypatch, kind, relay.port))


@every_server
def test_a_server_that_never_answers(kind: str, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """It accepts and is silent: the sample gives up by itself, and decides again as soon as there are answers."""
    hook = load(monkeypatch, kind, relay.port)
    relay.is_silent = True
    for connections in (1, 2):
        fails(hook)
        assert relay.connections == connections, "whoever is slow is not asked twice"
    relay.is_silent = False
    decides(hook)


@every_server
def test_a_connection_that_the_server_has_closed(kind: str, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """A restart of the server, or its limit for idle connections, costs no request."""
    hook = load(monkeypatch, kind, relay.port)
    for connections in (1, 2, 3):
        decides(hook)
        assert relay.connections == connections
        relay.cut()


@every_server
def test_a_connection_that_falls_silent(kind: str, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that comes too late is never taken for the answer to the next question."""
    hook = load(monkeypatch, kind, relay.port)
    decides(hook)
    relay.stall()
    fails(hook)
    assert relay.connections == 1, "whoever is slow is not asked twice"
    relay.go_on()
    for case in TABLE["cases"]:
        check(hook, case)


def test_opa_without_the_policy(servers: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """OPA answers 200 and no result where there is nothing: that is no decision."""
    relay = Relay(str(servers["opa"]))
    try:
        monkeypatch.setenv("OSP_HOOK_OPA_URL", f"http://127.0.0.1:{relay.port}/v1/data/other/decision")
        assert "KeyError" in fails(simulate(SAMPLES / "opa.py")).detail
        monkeypatch.setenv("OSP_HOOK_OPA_URL", f"http://127.0.0.1:{relay.port}/v2")
        assert "404" in fails(simulate(SAMPLES / "opa.py")).detail
    finally:
        relay.stop()


def test_the_policy_is_as_opa_wants_it() -> None:
    """`opa check` and `opa fmt`."""
    for command in (["check", "--strict"], ["fmt", "--fail", "--diff"]):
        subprocess.run([os.environ["OSP_OPA"], *command, SAMPLES / "opa/policy.rego"], check=True, timeout=30)


@pytest.mark.parametrize("member", ["Allow Read team-a/", "deny", "deny Read"])
def test_a_grant_in_redis_that_nobody_can_read(
    member: str, servers: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be a `deny`: no answer for whom it is about, and the others are none the worse."""
    relay = Relay(str(servers["redis"]))
    key = "osp:grants:default/broken:lake"
    sample_servers.redis_commands(servers["redis"], f'SADD {key} "allow Read team-a/" "{member}"\n')
    try:
        hook = load(monkeypatch, "redis", relay.port)
        outcome = hook.authorize("A", "lake", "team-a/plan", principal="default/broken")
        assert (outcome.kind, outcome.reason) == ("no_answer", "raised")
        decides(hook)
    finally:
        sample_servers.redis_commands(servers["redis"], f"DEL {key}\n")
        relay.stop()


@pytest.mark.parametrize("kind", ["postgres"])
def test_a_statement_that_takes_too_long(
    kind: str, relay: Relay, servers: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server waits for a lock and gives up, so does the hook; and a connection that the administrator ends is no
    request's problem."""
    hook = load(monkeypatch, kind, relay.port)
    decides(hook)
    with locked(servers[kind]):
        fails(hook)
        assert not waiting(servers[kind]), "the server works on for nobody"
    decides(hook)
    sample_servers.psql(
        servers[kind], "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    )
    decides(hook)


def test_postgres_over_tls(servers: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """With a certificate that verifies; and never with another one."""
    path = servers["postgres"]
    login = f"{sample_servers.POSTGRES_LOGIN}@127.0.0.1:{sample_servers.postgres_port(path)}"
    url = f"postgresql://{login}/postgres?sslmode=verify-full"
    monkeypatch.setenv("OSP_HOOK_SQL_URL", f"{url}&sslrootcert={path.with_name('tls.crt')}")
    decides(simulate(SAMPLES / "sql_grants.py"))
    monkeypatch.setenv("OSP_HOOK_SQL_URL", url)
    assert "CERTIFICATE_VERIFY_FAILED" in fails(simulate(SAMPLES / "sql_grants.py")).detail


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """The table of grants is somebody else's."""
    command = [*sample_servers.psql_command(path), "-At"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PGPASSWORD": sample_servers.POSTGRES_PASSWORD},
    ) as session:  # fmt: skip
        assert session.stdin and session.stdout
        session.stdin.write("BEGIN; LOCK TABLE osp_grants; SELECT 'locked';\n")
        session.stdin.flush()
        assert session.stdout.readline() == "locked\n"
        yield
        session.stdin.close()


def waiting(path: Path) -> bool:
    """Some statement waits for a lock, and still does so after a while."""
    statement = "SELECT 1 / count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    end = time.monotonic() + 1
    while sample_servers.psql(path, statement, is_checked=False):
        if time.monotonic() > end:
            return True
    return False


def test_sqlite_that_is_locked_gone_or_another_one(database: Path) -> None:
    """No answer without the file; a file that was replaced is read at once, so that what it takes away is gone."""
    hook = simulate(SAMPLES / "sql_grants.py")
    decides(hook)
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        assert "locked" in fails(hook).detail
    decides(hook)
    moved = database.rename(database.with_name("moved"))
    fails(hook)
    assert not database.exists(), "reading makes no file"
    other = database.with_name("other")
    fill(other, (SAMPLES / "grants.sql").read_text(encoding="utf-8") + "DELETE FROM osp_grants WHERE effect = 'allow';")
    other.rename(database)
    assert [one.kind for one in outcomes(hook, TABLE["cases"][0])] == ["deny"]
    moved.rename(database)
    decides(hook)


def test_sqlite_that_takes_too_long(database: Path) -> None:
    """A statement is interrupted."""
    database.unlink()
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    fill(database, f"CREATE VIEW osp_grants AS {endless} SELECT 'allow' effect, '' prefix, '*' principal, "
         "'lake' bucket, '*' permission FROM n WHERE i < 0;")  # fmt: skip
    assert "interrupted" in fails(simulate(SAMPLES / "sql_grants.py")).detail


def test_a_database_of_another_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file does not load, which the gateway reports."""
    monkeypatch.setenv("OSP_HOOK_SQL_URL", "mysql://localhost/grants")
    with pytest.raises(ValueError, match="neither sqlite nor postgresql: mysql"):
        simulate(SAMPLES / "sql_grants.py")
