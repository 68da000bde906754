"""The last tests: what clients were sent names no backend (C15), and nothing that OSP wrote has a secret (C-4)."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from backends import Backend, Keys
from canary import WORD, forms
from gateway import Osp, Recorder
from matrix import places_of
from processes import wait_until
from raw_http import open_socket, read_answer, signed_head
from seeding import at_backend

pytestmark = [pytest.mark.gateway, pytest.mark.last]
# Parts of requests that only a signature stands behind.
SIGNATURE_WORDS = (b"X-Amz-Signature=", b"Signature=", b"AWS4-HMAC-SHA256 Credential")


def leaks(told: dict[str, bytes], secrets: Iterable[str], signatures: set[str]) -> set[str]:
    """Return the names of what holds a secret in any form, a signature, or a part of an Authorization header."""
    wanted = {form for secret in secrets for form in forms(secret)} | set(SIGNATURE_WORDS)
    known = {signature.encode() for signature in signatures}
    return {
        source
        for source, text in told.items()
        if any(form in text for form in wanted) or known & set(re.findall(rb"[0-9a-f]{64}", text))
    }


def told_by(gateways: list[Osp]) -> dict[str, bytes]:
    """Return the logs and pages of every OSP of the run."""
    return {f"{number} {what}": text for number, osp in enumerate(gateways) for what, text in osp.tell().items()}


def recorder_of(osp: Osp) -> Recorder:
    """Return the session's recorder."""
    assert osp.recorder is not None
    return osp.recorder


@pytest.fixture(scope="module")
def secrets(servers: dict[str, Backend], client_keys: Keys, reader_keys: Keys) -> list[str]:
    """Every secret key of the run."""
    pairs = [client_keys, reader_keys, *(server.keys for server in servers.values())]
    return [keys.secret_key for keys in pairs]


@pytest.fixture(scope="module")
def listed(osp: Osp, servers: dict[str, Backend], client_keys: Keys) -> None:
    """One page of a list from each server: there is something to search, also when no other test was chosen."""
    endpoint = osp.endpoint("http", client_keys)
    for server in servers.values():
        head = signed_head(endpoint, "GET", f"/{places_of(server)[1].bucket}?list-type=2&max-keys=7")
        with open_socket(endpoint.url, None) as sock:
            sock.sendall(head)
            assert b"<NextContinuationToken>" in read_answer(sock, "GET").body
    wait_until("the recorder's line", lambda: recorder_of(osp).searched_bytes() > 0)
    wait_until("the log's line", lambda: b"tester" in osp.tell()["log"])


def test_no_secret_was_written(osp: Osp, listed: None, gateways: list[Osp], secrets: list[str]) -> None:
    """No secret key and no signature in logs, metrics or the effective configuration of any OSP of this run."""
    told = told_by(gateways)
    own = gateways.index(osp)
    # The search would find nothing in logs and pages that say nothing.
    assert b"tester" in told[f"{own} log"]
    assert b"osp_requests_total" in told[f"{own} /metrics"]
    assert b"baseHosts" in told[f"{own} /config"]
    signatures = recorder_of(osp).signatures()
    assert signatures
    assert leaks(told, secrets, signatures) == set()


def test_no_client_was_told_of_a_backend(osp: Osp, listed: None, capfd: pytest.CaptureFixture[str]) -> None:
    """No bucket, prefix, host, access key or owner of a backend in any byte that clients of the suite were sent."""
    recorder = recorder_of(osp)
    with capfd.disabled():
        print(f"\nsearched {recorder.searched_bytes() >> 10} KiB that clients were sent over HTTP for canaries")
    assert recorder.hits() == []


def test_the_search_finds_what_clients_are_sent(osp: Osp, servers: dict[str, Backend], client_keys: Keys) -> None:
    """The twin of both: what is planted where it is allowed is found in the bytes that a client gets."""
    place = places_of(next(iter(servers.values())))[1]
    at_backend(place.backend).put_object(
        Bucket=place.backend_bucket, Key=f"{place.prefix}planted", Body=b"x" * 70_000 + WORD.upper().encode()
    )
    own = Recorder(osp.folder, int(osp.addresses["http"].rpartition(":")[2]), [WORD], name="planted")
    own.start()
    try:
        endpoint = osp.own_endpoint("http", client_keys)
        url = f"http://127.0.0.1:{own.port}"
        head = signed_head(endpoint, "GET", f"/{place.bucket}/planted")
        with open_socket(url, None) as sock:
            sock.sendall(head)
            assert read_answer(sock, "GET").body.endswith(WORD.upper().encode())
        wait_until("the recorder's line", lambda: own.searched_bytes() > 70_000)
        assert WORD.upper() in own.hits()[0]
        assert len(own.signatures()) == 1
        (signature,) = own.signatures()
        assert signature.encode() in head
    finally:
        own.stop()
        at_backend(place.backend).delete_object(Bucket=place.backend_bucket, Key=f"{place.prefix}planted")


def test_the_search_finds_what_is_written(osp: Osp, client_keys: Keys) -> None:
    """The log has the bucket of a request: a word that is a secret for this test only is found there, in no page."""
    planted = "planted0123456789abcdef"
    head = signed_head(osp.own_endpoint("http", client_keys), "GET", f"/{planted}")
    with open_socket(osp.own_endpoint("http", client_keys).url, None) as sock:
        sock.sendall(head)
        assert read_answer(sock, "GET").status == 404
    wait_until("the log line", lambda: planted.encode() in osp.tell()["log"])
    assert leaks({"log": osp.tell()["log"], "/config": osp.tell()["/config"]}, [planted], set()) == {"log"}
    assert leaks({"a": b"?X-Amz-Signature=0", "b": b"0" * 64, "c": b"nothing"}, ["secret"], {"0" * 64}) == {"a", "b"}
