"""The part of the contract that all providers share: HTTP, signatures, framing, checksums, multipart uploads, locks."""

from __future__ import annotations

import base64
import hashlib
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from awscrt import checksums

from backends import Keys
from contract import signature

LOCKED = "Access Denied because object protected by object lock."
SMALLEST_CHUNK = 8192
TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
# Sub-resources whose documents must come with a digest (API reference of each: "Content-MD5 ... required").
DIGEST_DEMANDED = {"delete", "lifecycle", "cors", "tagging", "policy", "acl", "object-lock", "retention", "legal-hold"}


def big_endian(compute: Callable[[bytes], int], size: int) -> Callable[[bytes], bytes]:
    """Return a checksum as S3 writes it."""
    return lambda data: compute(data).to_bytes(size, "big")


CHECKSUMS: dict[str, Callable[[bytes], bytes]] = {
    "crc32": big_endian(zlib.crc32, 4),
    "crc32c": big_endian(checksums.crc32c, 4),
    "crc64nvme": big_endian(checksums.crc64nvme, 8),
    "sha1": lambda data: hashlib.sha1(data).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "sha512": lambda data: hashlib.sha512(data).digest(),
    "md5": lambda data: hashlib.md5(data).digest(),
    "xxhash64": checksums.XXHash.compute_xxhash64,
    "xxhash3": checksums.XXHash.compute_xxhash3_64,
    "xxhash128": checksums.XXHash.compute_xxhash3_128,
}


def encoded(digest: bytes) -> str:
    """Return a digest in base64."""
    return base64.b64encode(digest).decode()


@dataclass
class Refusal(Exception):
    """An error answer."""

    status: int
    code: str
    message: str = "refused"
    headers: dict[str, str] = field(default_factory=dict)
    extra: str = ""


@dataclass
class Seen:
    """One request as the server saw it; `refused` is the code of its answer, if it was an error."""

    method: str
    target: str
    headers: dict[str, str]
    refused: str = ""


@dataclass
class Upload:
    """A multipart upload with the checksum algorithm that its parts have to carry."""

    key: str
    algorithm: str
    kind: str
    parts: dict[int, tuple[bytes, str]] = field(default_factory=dict)


@dataclass
class Bucket:
    """A bucket in a region. Versions that are locked are named."""

    region: str
    objects: dict[str, tuple[bytes, dict[str, str]]] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    locked: set[str] = field(default_factory=set)


@dataclass
class Request:
    """A request that has passed everything about its signature and its framing."""

    method: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    checksum: tuple[str, str] | None

    @property
    def user_headers(self) -> dict[str, str]:
        """What GET gives back beside the content."""
        kept = {name: value for name, value in self.headers.items() if name.startswith("x-amz-meta-")}
        if self.checksum:
            kept[f"x-amz-checksum-{self.checksum[0]}"] = self.checksum[1]
        return kept


class ContractServer:
    """One account at a provider, on loopback, in threads of this process."""

    name: ClassVar[str]

    def __init__(self) -> None:
        """Make the account."""
        self.keys = Keys.random("PK")
        self.buckets: dict[str, Bucket] = {}
        self.seen: list[Seen] = []
        self.lock = threading.Lock()
        contract = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:  # noqa: ANN401
                """Say nothing: `seen` has it."""

            def serve(self) -> None:
                """Answer one request."""
                contract.serve(self)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_OPTIONS = serve

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port: int = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """End the server."""
        self.server.shutdown()
        self.server.server_close()

    def place(self, host: str, path: str) -> tuple[str, str, str]:
        """Return the endpoint's region, the bucket and the key of a request; refuse a host that is not served."""
        raise NotImplementedError

    def check_region(self, signed: str, endpoint: str, bucket: str) -> None:
        """Refuse a request for the wrong region."""
        raise NotImplementedError

    def check_headers(self, method: str, bucket: str, headers: dict[str, str]) -> None:
        """Refuse what this provider takes or demands beside the common contract."""

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request, and remember it."""
        headers = {name.lower(): value for name, value in handler.headers.items()}
        seen = Seen(handler.command, handler.path, headers)
        with self.lock:
            self.seen.append(seen)
            try:
                status, answer, body = self.answer(handler, headers)
            except Refusal as refusal:
                seen.refused = refusal.code
                status, answer = refusal.status, {"Content-Type": "application/xml", **refusal.headers}
                body = (
                    f"<Error><Code>{refusal.code}</Code><Message>{escape(refusal.message)}</Message>{refusal.extra}"
                    "<HostId>provider-host-id</HostId></Error>"
                ).encode()
        handler.send_response(status)
        for name, value in answer.items():
            handler.send_header(name, value)
        if status != 204:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if handler.command != "HEAD" and status != 204:
            handler.wfile.write(body)

    def answer(self, handler: BaseHTTPRequestHandler, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Check a request in the order in which S3 does, and do it."""
        wire = self.read_body(handler, headers)
        split = urlsplit(handler.path)
        region, bucket, key = self.place(headers["host"], split.path)
        signed = self.check_signature(handler, headers)
        self.check_region(signed.region, region, bucket)
        self.check_headers(handler.command, bucket, headers)
        if bucket not in self.buckets:
            raise Refusal(404, "NoSuchBucket")
        query = {name: values[0] for name, values in parse_qs(split.query, keep_blank_values=True).items()}
        body, trailer = unframe(headers, wire)
        checksum = check_payload(
            headers, body, trailer, about_body="uploadId" not in query or handler.command != "POST"
        )
        self.check_digest(query, key, headers, checksum)
        request = Request(handler.command, key, query, headers, body, checksum)
        return perform(self.buckets[bucket], bucket, request)

    def read_body(self, handler: BaseHTTPRequestHandler, headers: dict[str, str]) -> bytes:
        """Read a body; S3 takes none without a length."""
        if "transfer-encoding" in headers:
            handler.close_connection = True
            raise Refusal(501, "NotImplemented", "Transfer-Encoding")
        if handler.command in ("PUT", "POST") and "content-length" not in headers:
            raise Refusal(411, "MissingContentLength")
        return handler.rfile.read(int(headers.get("content-length", "0")))

    def check_signature(self, handler: BaseHTTPRequestHandler, headers: dict[str, str]) -> signature.Signature:
        """Refuse everything that is not signed by the account, every `x-amz-*` header included."""
        found = signature.parse(headers.get("authorization", ""))
        if found is None:
            raise Refusal(403, "AccessDenied")
        if not {"x-amz-date", "x-amz-content-sha256"} <= set(headers):
            raise Refusal(400, "InvalidRequest", "Missing required header for this request")
        if found.access_key != self.keys.access_key:
            raise Refusal(403, "InvalidAccessKeyId")
        unsigned = {name for name in headers if name.startswith("x-amz-")} - set(found.signed)
        if unsigned:
            raise Refusal(
                403, "AccessDenied", f"There were headers present in the request which were not signed: {unsigned}"
            )
        if not signature.is_genuine(found, self.keys, handler.command, handler.path, headers):
            raise Refusal(403, "SignatureDoesNotMatch")
        return found

    def check_digest(
        self, query: dict[str, str], key: str, headers: dict[str, str], checksum: tuple[str, str] | None
    ) -> None:
        """Demand a digest where the API reference does."""
        document = headers.get("content-length", "0") != "0" and DIGEST_DEMANDED & set(query)
        if document and "content-md5" not in headers and checksum is None:
            raise Refusal(
                400, "InvalidRequest", "Missing required header for this request: Content-MD5 OR x-amz-checksum-*"
            )


def unframe(headers: dict[str, str], wire: bytes) -> tuple[bytes, dict[str, str]]:
    """Return the object bytes and the trailer."""
    encodings = [part.strip() for part in headers.get("content-encoding", "").split(",")]
    if headers["x-amz-content-sha256"] != TRAILER:
        if "aws-chunked" in encodings:
            raise Refusal(400, "InvalidRequest", "aws-chunked without a streaming hash")
        return wire, {}
    if "aws-chunked" not in encodings:
        raise Refusal(400, "InvalidRequest", "a streaming hash without aws-chunked")
    body, sizes = b"", []
    while True:
        line, _, wire = wire.partition(b"\r\n")
        size = int(line, 16)
        if size == 0:
            break
        sizes.append(size)
        body, wire = body + wire[:size], wire[size + 2 :]
    if any(size < SMALLEST_CHUNK for size in sizes[:-1]):
        raise Refusal(400, "InvalidChunkSizeError")
    if str(len(body)) != headers.get("x-amz-decoded-content-length"):
        raise Refusal(400, "IncompleteBody")
    lines = [line.partition(b":") for line in wire.split(b"\r\n") if line]
    trailer = {name.decode().lower(): value.strip().decode() for name, _, value in lines}
    if set(trailer) != {name.strip() for name in headers.get("x-amz-trailer", "").split(",")}:
        raise Refusal(400, "MalformedTrailerError")
    return body, trailer


def check_payload(
    headers: dict[str, str], body: bytes, trailer: dict[str, str], about_body: bool
) -> tuple[str, str] | None:
    """Prove every digest that is there; return the one checksum, with its algorithm in lower case."""
    stated = headers["x-amz-content-sha256"]
    if stated not in (TRAILER, "UNSIGNED-PAYLOAD") and stated != hashlib.sha256(body).hexdigest():
        raise Refusal(400, "XAmzContentSHA256Mismatch")
    if "content-md5" in headers and headers["content-md5"] != encoded(hashlib.md5(body).digest()):
        raise Refusal(400, "BadDigest", "Content-MD5")
    prefix = "x-amz-checksum-"
    found = {name.removeprefix(prefix): value for name, value in (headers | trailer).items() if name.startswith(prefix)}
    values = {name: value for name, value in found.items() if name in CHECKSUMS}
    if len(values) > 1 or set(found) - set(values) - {"mode", "type", "algorithm"}:
        raise Refusal(400, "InvalidRequest", f"Expecting a single x-amz-checksum- header: {sorted(found)}")
    for algorithm, value in values.items():
        if about_body and value != encoded(CHECKSUMS[algorithm](body)):
            raise Refusal(400, "BadDigest", algorithm)
        return algorithm, value
    return None


def perform(bucket: Bucket, name: str, request: Request) -> tuple[int, dict[str, str], bytes]:
    """Do what a request asks for."""
    method, query = request.method, request.query
    if not request.key:
        return of_bucket(bucket, name, request)
    if method == "POST" and "uploads" in query:
        upload = f"upload-{len(bucket.uploads)}"
        algorithm = request.headers.get("x-amz-checksum-algorithm", "").lower()
        kind = request.headers.get("x-amz-checksum-type", "FULL_OBJECT" if algorithm == "crc64nvme" else "COMPOSITE")
        bucket.uploads[upload] = Upload(request.key, algorithm, kind)
        names = f"<Bucket>{name}</Bucket><Key>{escape(request.key)}</Key><UploadId>{upload}</UploadId>"
        return document("InitiateMultipartUploadResult", names)
    if "uploadId" in query:
        return of_upload(bucket, name, request)
    if method == "PUT":
        bucket.objects[request.key] = (request.body, request.user_headers)
        return 200, {"ETag": etag(request.body), **request.user_headers}, b""
    if method == "DELETE":
        if query.get("versionId") in bucket.locked:
            raise Refusal(403, "AccessDenied", LOCKED)
        bucket.objects.pop(request.key, None)
        return 204, {}, b""
    if request.key not in bucket.objects:
        raise Refusal(404, "NoSuchKey")
    body, headers = bucket.objects[request.key]
    headers = {"ETag": etag(body), "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT", **headers}
    asked = request.headers.get("range", "").removeprefix("bytes=")
    if asked:
        first, _, last = asked.partition("-")
        end = min(int(last or len(body) - 1), len(body) - 1)
        headers["Content-Range"] = f"bytes {first}-{end}/{len(body)}"
        return 206, headers, body[int(first) : end + 1]
    return 200, headers, body


def of_bucket(bucket: Bucket, name: str, request: Request) -> tuple[int, dict[str, str], bytes]:
    """Do what is asked of a bucket as a whole."""
    if request.method == "POST" and "delete" in request.query:
        told = ""
        for entry in ElementTree.fromstring(request.body).findall("{*}Object"):
            key, version = entry.findtext("{*}Key", ""), entry.findtext("{*}VersionId", "")
            shown = f"<Key>{escape(key)}</Key>" + (f"<VersionId>{version}</VersionId>" if version else "")
            if version in bucket.locked:
                told += f"<Error>{shown}<Code>AccessDenied</Code><Message>{LOCKED}</Message></Error>"
            else:
                bucket.objects.pop(key, None)
                told += f"<Deleted>{shown}</Deleted>"
        return document("DeleteResult", told)
    if request.method in ("PUT", "DELETE"):
        return 200, {}, b""
    listed = "".join(
        f"<Contents><Key>{escape(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        f"<ETag>{escape(etag(body))}</ETag><Size>{len(body)}</Size></Contents>"
        for key, (body, _) in sorted(bucket.objects.items())
    )
    return document("ListBucketResult", f"<Name>{name}</Name><IsTruncated>false</IsTruncated>{listed}")


def of_upload(bucket: Bucket, name: str, request: Request) -> tuple[int, dict[str, str], bytes]:
    """Do what is asked of a multipart upload: its parts and its end have to agree about the checksum."""
    upload = bucket.uploads.get(request.query["uploadId"])
    if upload is None:
        raise Refusal(404, "NoSuchUpload")
    if request.method == "PUT":
        sent = request.checksum[0] if request.checksum else "null"
        if upload.algorithm and sent != upload.algorithm:
            text = f"expected checksum Type: {upload.algorithm}, actual checksum Type: {sent}"
            raise Refusal(400, "InvalidRequest", f"Checksum Type mismatch occurred, {text}")
        upload.parts[int(request.query["partNumber"])] = (request.body, request.checksum[1] if request.checksum else "")
        return 200, {"ETag": etag(request.body), **request.user_headers}, b""
    if request.method == "DELETE":
        del bucket.uploads[request.query["uploadId"]]
        return 204, {}, b""
    kind = request.headers.get("x-amz-checksum-type", upload.kind)
    if kind != upload.kind:
        raise Refusal(
            400, "InvalidRequest", f"The upload was created with the {upload.kind} checksum type, not {kind}."
        )
    parts = list(ElementTree.fromstring(request.body).findall("{*}Part"))
    for part in parts:
        body, checksum = upload.parts[int(part.findtext("{*}PartNumber", "0"))]
        told = part.findtext(f"{{*}}Checksum{upload.algorithm.upper()}")
        if part.findtext("{*}ETag", "").strip('"') != etag(body).strip('"') or told not in (None, checksum):
            raise Refusal(400, "InvalidPart")
        if upload.algorithm and upload.kind == "COMPOSITE" and told is None:
            raise Refusal(
                400, "InvalidRequest", "The upload was created using a checksum. The complete request must include it."
            )
    whole = b"".join(upload.parts[int(part.findtext("{*}PartNumber", "0"))][0] for part in parts)
    if (
        request.checksum
        and upload.kind == "FULL_OBJECT"
        and request.checksum[1] != encoded(CHECKSUMS[request.checksum[0]](whole))
    ):
        raise Refusal(400, "BadDigest")
    bucket.objects[upload.key] = (whole, {})
    del bucket.uploads[request.query["uploadId"]]
    names = f"<Location>http://provider/{name}</Location><Bucket>{name}</Bucket><Key>{escape(upload.key)}</Key>"
    return document("CompleteMultipartUploadResult", f"{names}<ETag>{escape(etag(whole))}</ETag>")


def etag(body: bytes) -> str:
    """Return the ETag of bytes."""
    return f'"{hashlib.md5(body).hexdigest()}"'


def document(root: str, inside: str) -> tuple[int, dict[str, str], bytes]:
    """Return a 200 with an XML document."""
    namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{namespace}">{inside}</{root}>'
    return 200, {"Content-Type": "application/xml"}, text.encode()


def split_path(path: str) -> tuple[str, str]:
    """Return bucket and key of a path in path style."""
    bucket, _, key = unquote(path).removeprefix("/").partition("/")
    return bucket, key
