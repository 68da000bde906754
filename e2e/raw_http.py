"""Requests made by hand: verbatim paths, bodies sent without waiting, signatures on exactly what is sent."""

from __future__ import annotations

import hashlib
import http.client
import re
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from clients import Endpoint

DEADLINE_S = 60


@dataclass(frozen=True)
class Answer:
    """Status, lower-case headers and body of a response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str | None:
        """The S3 error code in the body."""
        found = re.search(rb"<Code>([A-Za-z0-9]+)</Code>", self.body)
        return found.group(1).decode() if found else None


class FixedPayload(S3SigV4Auth):
    """botocore's signer for a body that it never sees: the hash is the caller's."""

    def __init__(self, endpoint: Endpoint, digest: str) -> None:
        """Sign for an endpoint and a payload hash."""
        super().__init__(Credentials(endpoint.keys.access_key, endpoint.keys.secret_key), "s3", endpoint.region)
        self.digest = digest

    def payload(self, request: AWSRequest) -> str:
        """Return the value of `x-amz-content-sha256`."""
        return self.digest


def answer_of(response: http.client.HTTPResponse) -> Answer:
    """Read a response whole."""
    body = response.read()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)


def read_answer(sock: socket.socket, method: str) -> Answer:
    """Read the one response to a request with this method from a socket."""
    response = http.client.HTTPResponse(sock, method=method)
    response.begin()
    return answer_of(response)


def open_socket(url: str, ca: Path | None) -> socket.socket:
    """Connect to a URL's host, with TLS for https; the certificate must verify against `ca`."""
    parts = urlsplit(url)
    assert parts.hostname and parts.port
    sock = socket.create_connection((parts.hostname, parts.port), DEADLINE_S)
    if parts.scheme == "https":
        return ssl.create_default_context(cafile=ca).wrap_socket(sock, server_hostname=parts.hostname)
    return sock


def fetch(url: str, ca: Path | None, method: str = "GET", body: bytes | None = None) -> Answer:
    """Send a plain request for a URL, for example a presigned one, without touching its path."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=DEADLINE_S)
    connection.sock = open_socket(url, ca)
    try:
        connection.putrequest(method, f"{parts.path}?{parts.query}" if parts.query else parts.path)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        return answer_of(connection.getresponse())
    finally:
        connection.close()


def signed_head(
    endpoint: Endpoint, method: str, path: str, size: int = 0, payload_hash: str | None = None,
    extra: dict[str, str] | None = None,
) -> bytes:  # fmt: skip
    """Return the raw head of a request signed by botocore's SigV4 for exactly this path."""
    digest = payload_hash or hashlib.sha256(b"").hexdigest()
    request = AWSRequest(method, endpoint.url + path, headers=extra or {})
    FixedPayload(endpoint, digest).add_auth(request)
    headers = {"Host": urlsplit(endpoint.url).netloc, **dict(request.headers.items())}
    if size or method in ("PUT", "POST"):
        headers["Content-Length"] = str(size)
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def send_blindly(endpoint: Endpoint, head: bytes, body: bytes) -> Answer:
    """Send head and whole body without reading, then read the answer: the worst client for an early answer."""
    with open_socket(endpoint.url, endpoint.ca) as sock:
        sock.sendall(head)
        sock.sendall(body)
        return read_answer(sock, head.partition(b" ")[0].decode())
