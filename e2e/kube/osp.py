"""OSP with `--kubernetes`: its settings, its process, and what it tells about itself."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import botocore.config
from botocore.exceptions import BotoCoreError, ClientError

from backends import REGION, Keys
from gateway import Osp
from kube.rbac import Mode

ADMIN_DEADLINE_S = 10
REQUEST_DEADLINE_S = 15
# Two S3 requests have these outcomes or "<status> <code>".
UNREACHABLE = "unreachable"


@dataclass
class KubeOsp(Osp):
    """One `osp serve --kubernetes` process with the kubeconfig of its ServiceAccount."""

    kubeconfig: Path | None = None
    home: str = ""
    class_name: str = "osp"
    watch_mode: Mode = "Namespaces"
    namespaces: Sequence[str] = ()
    # all: serves and writes status; proxy: serves; controller: writes status.
    role: str = "all"
    settings: dict[str, Any] = field(default_factory=dict)
    clients: dict[Keys, Any] = field(default_factory=dict)
    extra_flags: Sequence[str] = ()
    prefix: Sequence[str | Path] = ()

    def source_flags(self) -> list[str | Path]:
        """Where the documents come from: the API server."""
        return ["--kubernetes", "--mode", self.role, *self.extra_flags]

    def process_settings(self) -> dict[str, Any]:
        """The file of `--config`."""
        watch: dict[str, Any] = {"class": self.class_name, "watchMode": self.watch_mode}
        if self.watch_mode != "Cluster":
            watch["watchNamespaces"] = list(self.namespaces)
        return super().process_settings() | watch | self.settings

    def environment(self) -> dict[str, str]:
        """The kubeconfig, the pod's own identity, and a log that says what the controller does."""
        found = {"OSP_LOG": "info,osp_controller=debug", "POD_NAMESPACE": self.home, "POD_NAME": self.folder.name}
        return found | ({"KUBECONFIG": str(self.kubeconfig)} if self.kubeconfig else {})

    def command(self) -> list[str | Path]:
        """The command, below a private mount namespace where a test wants one."""
        return [*self.prefix, *super().command()]

    def admin(self, path: str) -> tuple[int, str]:
        """GET a page of the admin listener."""
        try:
            with urllib.request.urlopen(f"http://{self.addresses['admin']}{path}", timeout=ADMIN_DEADLINE_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def is_ready(self) -> bool:
        """Whether /readyz says so."""
        return self.admin("/readyz")[0] == 200

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's series that have these labels; a name that is not there fails."""
        found = []
        for line in self.admin("/metrics")[1].splitlines():
            match = re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
            if match and set(labels.items()) <= set(re.findall(r'(\w+)="([^"]*)"', match[1] or "")):
                found.append(float(match[2]))
        assert found, f"no {name}{labels or ''} in /metrics"
        return sum(found)

    def config_hash(self) -> str:
        """Return the hash of the configuration in force."""
        match = re.search(r'^osp_config_hash_info\{.*?hash="([^"]+)".*\} 1$', self.admin("/metrics")[1], re.M)
        assert match, "no osp_config_hash_info in /metrics"
        return match[1]

    def s3(self, keys: Keys) -> Any:  # noqa: ANN401
        """Return a boto3 client for a key pair: one connection, no retries that would hide a failure."""
        if keys not in self.clients:
            config = botocore.config.Config(
                retries={"total_max_attempts": 1}, read_timeout=REQUEST_DEADLINE_S, connect_timeout=REQUEST_DEADLINE_S
            )
            self.clients[keys] = boto3.session.Session().client(
                "s3", endpoint_url=f"http://{self.addresses['http']}", region_name=REGION, config=config,
                aws_access_key_id=keys.access_key, aws_secret_access_key=keys.secret_key,
            )  # fmt: skip
        return self.clients[keys]

    def fetch(self, keys: Keys, bucket: str, key: str = "side") -> str:
        """GET an object: its text, or "<status> <code>" of the refusal."""
        return outcome(lambda: self.s3(keys).get_object(Bucket=bucket, Key=key)["Body"].read().decode())


def outcome(request: Any) -> str:  # noqa: ANN401
    """Return what a request returned, or how it was refused."""
    try:
        return request()
    except ClientError as error:
        return f"{error.response['ResponseMetadata']['HTTPStatusCode']} {error.response['Error']['Code']}"
    except BotoCoreError:
        return UNREACHABLE
