"""Signature Version 4 verified with botocore's own code: nothing here is shared with OSP."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from backends import Keys


@dataclass(frozen=True)
class Signature:
    """What an `Authorization` header says."""

    access_key: str
    region: str
    signed: tuple[str, ...]
    value: str


def parse(authorization: str) -> Signature | None:
    """Read an `Authorization` header; None when it is not Signature Version 4 for S3."""
    scheme, _, rest = authorization.partition(" ")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    scope = parts.get("Credential", "").split("/")
    if scheme != "AWS4-HMAC-SHA256" or len(scope) != 5 or scope[3:] != ["s3", "aws4_request"]:
        return None
    return Signature(scope[0], scope[2], tuple(parts["SignedHeaders"].split(";")), parts["Signature"])


def is_genuine(signature: Signature, keys: Keys, method: str, target: str, headers: dict[str, str]) -> bool:
    """Whether botocore would have signed this very request so. Header names are in lower case."""
    signed = {name: headers[name] for name in signature.signed if name in headers}
    if set(signed) != set(signature.signed):
        return False
    request = AWSRequest(method=method, url=f"http://{headers['host']}{target}", headers=signed)
    request.context["timestamp"] = headers["x-amz-date"]
    auth = S3SigV4Auth(Credentials(keys.access_key, keys.secret_key), "s3", signature.region)
    # botocore leaves out what others do sign; here, the request says what was signed
    auth.headers_to_sign = lambda _: request.headers  # type: ignore[method-assign]
    text = auth.string_to_sign(request, auth.canonical_request(request))
    return hmac.compare_digest(auth.signature(text, request), signature.value)
