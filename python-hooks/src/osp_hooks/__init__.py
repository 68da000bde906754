"""Write, type and test the hooks of OSP, the S3 gateway.

A hook is one file that defines any of `authorize`, `lookup_secret` and `fetch_credentials`, in the plain form

    def authorize(token: str, bucket: str, request: dict | None = None) -> bool: ...
    def lookup_secret(access_key: str) -> str | None: ...
    def fetch_credentials(token: str, bucket: str, parameters: dict | None = None) -> str: ...

or in the typed one, with the names of this package. Every function may be `async`. The gateway brings this package with
it; install it to have types in an editor and `simulate` in tests.
"""

from osp_hooks._rules import HookError
from osp_hooks._simulate import Outcome, Simulation, simulate
from osp_hooks._types import ApiKey, Decision, Keys, Request, allow, allow_keys, cache_by, deny

__all__ = [
    "ApiKey",
    "Decision",
    "HookError",
    "Keys",
    "Outcome",
    "Request",
    "Simulation",
    "allow",
    "allow_keys",
    "cache_by",
    "deny",
    "simulate",
]
