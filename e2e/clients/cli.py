"""aws-cli 1 and 2 as a user types them: two credentials in the environment, the endpoint on the command line."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients.endpoint import Endpoint

COMMAND_DEADLINE_S = 120


class CliError(Exception):
    """An aws command ended with an error; the message has its output."""


@functools.cache
def cli_program(name: str) -> Path:
    """Return the program: version 1 is beside the suite's Python, version 2 is Debian's package `awscli`."""
    program = Path(sys.executable).parent / "aws" if name == "aws-cli-1" else Path("/usr/bin/aws")
    environment = {"PATH": "/usr/bin:/bin"}
    asked = subprocess.run([program, "--version"], env=environment, capture_output=True, text=True, check=True)
    version = f"aws-cli/{name[-1]}."
    if not (asked.stdout + asked.stderr).startswith(version):
        raise FileNotFoundError(f"{program} is not {version}x: {asked.stdout}{asked.stderr}")
    return program


@dataclass(frozen=True)
class AwsCli:
    """One aws-cli for one endpoint, with a home directory of its own."""

    program: Path
    endpoint: Endpoint
    home: Path

    def sign_urls_with_version_4(self) -> None:
        """Write the setting that makes `aws s3 presign` of version 1 sign as OSP demands.

        Without it version 1 signs URLs for us-east-1 with the retired signature version 2, which OSP refuses (S07).
        """
        settings = self.home / ".aws" / "config"
        settings.parent.mkdir(exist_ok=True)
        settings.write_text("[default]\ns3 =\n    signature_version = s3v4\n")

    def run(self, *arguments: str | Path, cwd: Path | None = None) -> str:
        """Run `aws ARGUMENTS` and return its stdout; raise `CliError` on any exit code but 0."""
        trust = ["--ca-bundle", str(self.endpoint.ca)] if self.endpoint.ca else []
        keys = self.endpoint.keys
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LC_ALL": "C.UTF-8",
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        }
        done = subprocess.run(
            [str(self.program), "--endpoint-url", self.endpoint.url, *trust, *map(str, arguments)],
            env=environment,
            cwd=cwd or self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMMAND_DEADLINE_S,
        )
        output = done.stdout.decode(errors="replace")
        if done.returncode != 0:
            shown = " ".join(map(str, arguments))
            raise CliError(f"aws {shown}: exit {done.returncode}\n{output[-2000:]}\n{done.stderr.decode()[-2000:]}")
        return output

    def json(self, *arguments: str | Path) -> dict[str, Any]:
        """Run an `aws s3api` command and parse its answer."""
        output = self.run(*arguments, "--output", "json")
        return json.loads(output) if output.strip() else {}
