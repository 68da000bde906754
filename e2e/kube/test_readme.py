"""README.md's lines for Kubernetes work as they stand."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from gateway import REPOSITORY, osp_binary
from kube.control_plane import KUBERNETES_VERSION, ControlPlane
from tools import cached_tool

pytestmark = pytest.mark.gateway

DEADLINE_S = 120
# The listeners go to free ports: a test must not depend on 6190 and 9090.
FREE_PORTS = "--http-listen 127.0.0.1:0 --admin-listen 127.0.0.1:0"


def block() -> str:
    """Return the lines of README.md."""
    found = re.findall(r"^```sh kubernetes\n(.*?)^```$", (REPOSITORY / "README.md").read_text(), re.M | re.S)
    assert len(found) == 1, "README.md has one block of lines for Kubernetes"
    return found[0]


def test_k_pkg_5_the_lines_of_the_readme_end_in_served_routes(control_plane: ControlPlane, tmp_path: Path) -> None:
    """The block runs from top to bottom, and what it prints last shows a programmed route and two ready clients."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "kubectl").symlink_to(cached_tool("kubectl", f"kubectl-{KUBERNETES_VERSION}/kubectl"))
    real = shlex.quote(str(osp_binary()))
    wrapper = programs / "osp"
    wrapper.write_text(
        f'#!/bin/bash\nif [ "$1" = serve ]; then exec {real} "$@" {FREE_PORTS}; else exec {real} "$@"; fi\n'
    )
    wrapper.chmod(0o755)
    # Other tests look at the whole cluster: nothing of this one stays in force.
    kinds = "bucketroutes,credentialsources,clientidentities,secrets"
    end = f"trap 'kill %1; wait; kubectl delete {kinds} --all -n team-a' EXIT"
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{end}\n{block()}"],
        env={
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "KUBECONFIG": str(control_plane.admin_kubeconfig()),
        },
        cwd=REPOSITORY, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE_S,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    shown = {line.split()[1]: line.split() for line in done.stdout.splitlines() if line.startswith("team-a ")}
    route = shown["bucketroute.osp.flexworks.eu/analytics"]
    assert route[2:6] == ["analytics", "https://minio.example.com:9000", "True", "True"], done.stdout
    for client in ("spark", "notebook"):
        assert shown[f"clientidentity.osp.flexworks.eu/{client}"][3] == "True", done.stdout
