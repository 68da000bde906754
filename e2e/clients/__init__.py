"""The S3 clients of the suite, each in a process of its own.

boto3 with and without the C runtime (`boto.py`) and aws-cli 1 and 2 (`cli.py`) are driven by tests of their own. All of
`catalogue.py` go through the compatibility matrix: `operations.py` says what they are made to do, `findings.py` what is
no plain pass, `page.py` writes it down.
"""

from clients.boto import Boto, BotoProcess
from clients.cli import AwsCli, cli_program
from clients.endpoint import Endpoint

BOTO_CLIENTS = ("boto3", "boto3-crt")
CLI_CLIENTS = ("aws-cli-1", "aws-cli-2")

__all__ = ["BOTO_CLIENTS", "CLI_CLIENTS", "AwsCli", "Boto", "BotoProcess", "Endpoint", "cli_program"]
