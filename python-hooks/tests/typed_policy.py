"""A typed hook, for mypy: what an editor shows of the SDK is right."""

from osp_hooks import ApiKey, Decision, Keys, Request, allow, allow_keys, cache_by, deny


@cache_by("principal", "key/1", "method", "keys", "header.user-agent")
async def authorize(request: Request) -> Decision:
    if request.keys is not None:
        return allow_keys(key for key in request.keys if key.startswith("tmp/"))
    if request.method == "GET" and request.headers.get("user-agent", "") != "":
        return allow()
    return deny(f"{request.principal} may only read below {request.key}")


def lookup_secret(access_key: str) -> str | None:
    return "example" if access_key == "AKIA1" else None


def fetch_credentials(token: str, bucket: str, parameters: dict[str, str]) -> Keys | ApiKey:
    return ApiKey("example") if bucket == "ibm" else Keys(token, parameters["secret"], expires_at=2e9)
