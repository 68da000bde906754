"""IBM Cloud IAM and a Cloud Object Storage that takes its tokens only: strict, and able to fail.

Sources: IBM Cloud docs, "Generating an IBM Cloud IAM token by using an API key"; IBM Cloud API docs, "IAM Identity
Services"; IBM Cloud Object Storage, "Common request headers" and "Bucket operations" (`ibm-service-instance-id`).
"""

from __future__ import annotations

import json
import secrets
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from backends import Keys
from certificates import Certificates
from contract.providers import IbmCos
from contract.server import Bucket, Refusal, Request, check_payload, document, perform, split_path

GRANT = "urn:ibm:params:oauth:grant-type:apikey"
FORM = "application/x-www-form-urlencoded"
# All clients of a test may come in the same moment.
BACKLOG = 1024


@dataclass
class Exchanged:
    """One token: for which API key, and until when it counts (on the monotonic clock)."""

    api_key: str
    ends: float


@dataclass
class TokenService:
    """`POST /identity/token`. It counts, it can be slow, and it can be down."""

    lifetime_s: float = 3600.0
    delay_s: float = 0.0
    # The status of every answer, while it is down.
    down: int = 0
    api_keys: set[str] = field(default_factory=set)
    tokens: dict[str, Exchanged] = field(default_factory=dict)
    # What was wrong with the requests that broke the protocol.
    mistakes: list[str] = field(default_factory=list)
    asked: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    # With a certificate it is https.
    certificates: Certificates | None = None

    def __post_init__(self) -> None:
        """Start it."""
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:  # noqa: ANN401
                """Say nothing."""

            def do_POST(self) -> None:
                """Answer one request."""
                status, answer = service.answer(self)
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        scheme = "http"
        if self.certificates is not None:
            scheme, context = "https", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificates.cert, self.certificates.key)
            # the handshake is made by the thread of the connection
            plain = self.server.socket
            self.server.socket = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        self.url = f"{scheme}://127.0.0.1:{self.server.server_address[1]}/identity/token"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def new_api_key(self) -> str:
        """Make an API key that counts."""
        api_key = f"apikey+/{secrets.token_hex(16)}"
        self.api_keys.add(api_key)
        return api_key

    def answer(self, handler: BaseHTTPRequestHandler) -> tuple[int, dict[str, Any]]:
        """Exchange an API key for a token, if everything about the request is as documented."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        with self.lock:
            self.asked += 1
            down, delay_s = self.down, self.delay_s
        time.sleep(delay_s)
        if down:
            return down, {"errorCode": "BXNIM0400E", "errorMessage": "down"}
        form = parse_qs(body.decode(), keep_blank_values=True, strict_parsing=True)
        wrong = [
            what
            for what, is_so in {
                "path": urlsplit(handler.path).path != "/identity/token" or bool(urlsplit(handler.path).query),
                "content type": handler.headers.get("Content-Type") != FORM,
                "fields": set(form) != {"grant_type", "apikey"} or any(len(values) != 1 for values in form.values()),
                "grant type": form.get("grant_type") != [GRANT],
                "authorization": "Authorization" in handler.headers,
            }.items()
            if is_so
        ]
        if wrong:
            self.mistakes += wrong
            return 400, {"errorCode": "BXNIM0109E", "errorMessage": ", ".join(wrong)}
        api_key = form["apikey"][0]
        if api_key not in self.api_keys:
            return 400, {"errorCode": "BXNIM0415E", "errorMessage": "Provided API key could not be found."}
        token = f"eyJ.{secrets.token_urlsafe(600)}.{secrets.token_urlsafe(32)}"
        with self.lock:
            self.tokens[token] = Exchanged(api_key, time.monotonic() + self.lifetime_s)
        return 200, {
            "access_token": token, "refresh_token": "not_supported", "ims_user_id": 1, "token_type": "Bearer",
            "expires_in": int(self.lifetime_s), "expiration": int(time.time() + self.lifetime_s),
            "scope": "ibm openid",
        }  # fmt: skip

    def stop(self) -> None:
        """End it."""
        self.server.shutdown()
        self.server.server_close()


class Loopback:
    """Path style on the address, for servers whose names are no matter of the test."""

    port: int

    @property
    def endpoint(self) -> str:
        """The URL."""
        return f"http://127.0.0.1:{self.port}"

    def place(self, host: str, path: str) -> tuple[str, str, str]:
        """Read path style."""
        if host != f"127.0.0.1:{self.port}":
            raise Refusal(400, "InvalidHostHeader", host)
        return ("eu-de", *split_path(path))


class BearerCos(Loopback, IbmCos):
    """IBM COS with IAM: a token of the service and nothing of a signature, and its instance where no bucket is yet."""

    name: ClassVar = "ibm-iam"
    instance: ClassVar = "crn:v1:bluemix:public:cloud-object-storage:global:a/0123:4567::"

    def __init__(self, service: TokenService) -> None:
        """Make the account; nothing is in it."""
        super().__init__()
        self.service = service
        # Tokens that were used, in the order of their first use.
        self.used: list[str] = []
        self.server.socket.listen(BACKLOG)

    def answer(self, handler: BaseHTTPRequestHandler, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Check a request, and do it."""
        wire = self.read_body(handler, headers)
        split = urlsplit(handler.path)
        _, bucket, key = self.place(headers["host"], split.path)
        query = {name: values[0] for name, values in parse_qs(split.query, keep_blank_values=True).items()}
        self.check_token(headers)
        makes_bucket = handler.command == "PUT" and bucket and not key and not query
        self.check_instance(headers, is_demanded=not bucket or bool(makes_bucket))
        if not bucket:
            found = "".join(
                f"<Bucket><Name>{escape(name)}</Name><CreationDate>2026-01-01T00:00:00.000Z</CreationDate></Bucket>"
                for name in sorted(self.buckets)
            )
            return document("ListAllMyBucketsResult", f"<Owner><ID>o</ID></Owner><Buckets>{found}</Buckets>")
        if makes_bucket:
            self.buckets[bucket] = Bucket("eu-de")
            return 200, {}, b""
        if bucket not in self.buckets:
            raise Refusal(404, "NoSuchBucket")
        if "aws-chunked" in headers.get("content-encoding", ""):
            raise Refusal(400, "InvalidRequest", "frames that nothing announces")
        unsigned = headers | {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
        checksum = check_payload(unsigned, wire, {}, about_body="uploadId" not in query or handler.command != "POST")
        self.check_digest(query, key, headers, checksum)
        return perform(self.buckets[bucket], bucket, Request(handler.command, key, query, headers, wire, checksum))

    def check_token(self, headers: dict[str, str]) -> None:
        """Take a token that counts, and nothing that belongs to a signature."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or {"x-amz-date", "x-amz-content-sha256", "x-amz-security-token"} & set(headers):
            raise Refusal(403, "AccessDenied", "a bearer token is wanted, and no signature")
        known = self.service.tokens.get(token)
        if known is None:
            raise Refusal(403, "InvalidToken", "this token is not from here")
        if known.ends <= time.monotonic():
            raise Refusal(403, "ExpiredToken", "this token has ended")
        if token not in self.used:
            self.used.append(token)

    def check_instance(self, headers: dict[str, str], *, is_demanded: bool) -> None:
        """`ibm-service-instance-id` says where buckets are listed and made, and is nobody's business elsewhere."""
        told = headers.get("ibm-service-instance-id")
        if told != (self.instance if is_demanded else None):
            raise Refusal(400, "InvalidArgument", f"ibm-service-instance-id: {told}")


class HmacCos(Loopback, IbmCos):
    """IBM COS with HMAC keys, of which some may only read."""

    def __init__(self) -> None:
        """Make the account."""
        super().__init__()
        self.readers: list[Keys] = []

    def check_signature(self, handler: BaseHTTPRequestHandler, headers: dict[str, str]) -> Any:  # noqa: ANN401
        """Take the keys of readers as well, for reading."""
        owner = self.keys
        shown = headers.get("authorization", "")
        reader = next((keys for keys in self.readers if f"={keys.access_key}/" in shown), None)
        try:
            self.keys = reader or owner
            found = super().check_signature(handler, headers)
        finally:
            self.keys = owner
        if reader and handler.command not in ("GET", "HEAD"):
            raise Refusal(403, "AccessDenied", "Access Denied")
        return found
