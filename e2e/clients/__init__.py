"""The S3 clients of the suite, each in a process of its own: boto3, boto3 with the CRT, aws-cli 1 and aws-cli 2."""

from clients.boto import Boto, BotoProcess
from clients.cli import AwsCli, cli_program
from clients.endpoint import Endpoint

BOTO_CLIENTS = ("boto3", "boto3-crt")
CLI_CLIENTS = ("aws-cli-1", "aws-cli-2")

__all__ = ["BOTO_CLIENTS", "CLI_CLIENTS", "AwsCli", "Boto", "BotoProcess", "Endpoint", "cli_program"]
