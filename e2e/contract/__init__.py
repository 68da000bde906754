"""Strict servers that hold OSP to what AWS S3 and IBM COS document: there are no credentials for the real ones here."""

from contract.iam import BearerCos, HmacCos, TokenService
from contract.providers import Aws, IbmCos
from contract.server import LOCKED, Bucket, ContractServer

__all__ = ["LOCKED", "Aws", "BearerCos", "Bucket", "ContractServer", "HmacCos", "IbmCos", "TokenService"]
