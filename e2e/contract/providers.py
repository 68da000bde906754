"""Where the providers differ: names of hosts, regions, and headers.

Sources: Amazon S3 User Guide, "Making requests" (virtual hosting, request redirection) and API reference, "Error
responses"; IBM Cloud Object Storage, "Common request headers and error codes" and "Endpoints and storage locations".
"""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import unquote

from contract.server import ContractServer, Refusal, split_path


class Aws(ContractServer):
    """AWS S3: a bucket is served by the endpoint of its region only, and everything else is told where that is."""

    name = "aws"
    regions: ClassVar = ("us-east-1", "eu-west-1")

    def __init__(self, virtual_host_only: bool = False) -> None:
        """Make the account; some providers of the same protocol take the bucket in the host name only."""
        super().__init__()
        self.virtual_host_only = virtual_host_only

    @classmethod
    def host_names(cls, *buckets: str) -> list[str]:
        """Return every name under which these buckets are reached."""
        hosts = [f"s3.{region}.amazonaws.com" for region in cls.regions]
        return [*hosts, *(f"{bucket}.{host}" for bucket in buckets for host in hosts)]

    def endpoint(self, region: str) -> str:
        """Return the URL of a region."""
        return f"http://s3.{region}.amazonaws.com:{self.port}"

    def place(self, host: str, path: str) -> tuple[str, str, str]:
        """Read `s3.REGION.amazonaws.com` with or without a bucket before it; the port is in `Host`, as it is not 80."""
        for region in self.regions:
            name = f"s3.{region}.amazonaws.com:{self.port}"
            if host == name:
                if self.virtual_host_only:
                    raise Refusal(400, "InvalidRequest", "Path-style access is not allowed.")
                return (region, *split_path(path))
            if host.endswith(f".{name}"):
                return region, host.removesuffix(f".{name}"), unquote(path).removeprefix("/")
        raise Refusal(400, "InvalidHostHeader", host)

    def check_region(self, signed: str, endpoint: str, bucket: str) -> None:
        """Redirect to the region of the bucket, and demand the signature of the endpoint's."""
        home = self.buckets[bucket].region if bucket in self.buckets else endpoint
        told = {"x-amz-bucket-region": home}
        if home != endpoint:
            there = f"<Endpoint>{bucket}.s3.{home}.amazonaws.com</Endpoint>"
            raise Refusal(
                301, "PermanentRedirect", "The bucket must be addressed using the specified endpoint.", told, there
            )
        if signed != endpoint:
            text = f"The authorization header is malformed; the region '{signed}' is wrong; expecting '{endpoint}'"
            raise Refusal(400, "AuthorizationHeaderMalformed", text, told, f"<Region>{endpoint}</Region>")


class IbmCos(ContractServer):
    """IBM COS with HMAC keys: any region in the signature, one endpoint, and no business of OSP's with its instance."""

    name = "ibm"
    host: ClassVar = "s3.eu-de.cloud-object-storage.appdomain.cloud"

    @property
    def endpoint(self) -> str:
        """The URL."""
        return f"http://{self.host}:{self.port}"

    def place(self, host: str, path: str) -> tuple[str, str, str]:
        """Read path style and virtual-host style."""
        name = f"{self.host}:{self.port}"
        if host == name:
            return ("eu-de", *split_path(path))
        if host.endswith(f".{name}"):
            return "eu-de", host.removesuffix(f".{name}"), unquote(path).removeprefix("/")
        raise Refusal(400, "InvalidHostHeader", host)

    def check_region(self, signed: str, endpoint: str, bucket: str) -> None:
        """Take every region."""

    def check_headers(self, method: str, bucket: str, headers: dict[str, str]) -> None:
        """`ibm-service-instance-id` is for the service as a whole: with HMAC keys nobody sends it to a bucket."""
        if not bucket and "ibm-service-instance-id" not in headers:
            raise Refusal(400, "InvalidArgument", "ibm-service-instance-id is required")
        if bucket and "ibm-service-instance-id" in headers:
            raise Refusal(400, "InvalidRequest", "an instance was named for a bucket that has one")
