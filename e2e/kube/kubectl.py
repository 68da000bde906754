"""The real kubectl, as a user types it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kube.control_plane import KUBERNETES_VERSION
from tools import cached_tool

DEADLINE_S = 60


@dataclass(frozen=True)
class Done:
    """What kubectl answered."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Kubectl:
    """kubectl with one kubeconfig and a home directory of its own."""

    kubeconfig: Path
    home: Path

    def try_run(self, *arguments: str | Path, stdin: str | None = None) -> Done:
        """Run it and return what it said, whatever that is."""
        program = cached_tool("kubectl", f"kubectl-{KUBERNETES_VERSION}/kubectl")
        done = subprocess.run(
            [str(program), *map(str, arguments)],
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), "KUBECONFIG": str(self.kubeconfig)},
            input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True, text=True, timeout=DEADLINE_S,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    def run(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Run it, and return its standard output; an exit code other than 0 fails."""
        done = self.try_run(*arguments, stdin=stdin)
        assert done.code == 0, f"kubectl {' '.join(map(str, arguments))}: exit {done.code}\n{done.out}{done.err}"
        return done.out

    def apply(self, *documents: dict[str, Any]) -> str:
        """Apply documents as a user does: client-side."""
        return self.run("apply", "-f", "-", stdin=yaml.safe_dump_all(documents))

    def can_i(self, account: str, verb: str, resource: str, namespace: str | None = None) -> bool:
        """Whether the API server says that an account may do something; `resource` is `plural[/name]`."""
        where = ["--namespace", namespace] if namespace else ["--all-namespaces"]
        done = self.try_run("auth", "can-i", verb, resource, f"--as={account}", *where)
        assert done.out.strip() in ("yes", "no"), done
        return done.out.strip() == "yes"
