"""`osp explain`: one look at the cluster and the running process both say what a boto3 client is told (issue 4, point 7)."""

from __future__ import annotations

import os
import subprocess

import pytest

from backends import Keys
from gateway import Place, osp_binary
from kube.api import path_of
from kube.osp import KubeOsp, outcome
from kube.served import Served
from kube.site import grant

pytestmark = pytest.mark.gateway
DEADLINE_S = 60
READER = "reader"


def explain(*flags: object) -> subprocess.CompletedProcess[str]:
    """Run `osp explain` as a user types it, with nothing of the machine in its environment."""
    command = [str(osp_binary()), "explain", *map(str, flags)]
    environment = {"PATH": os.environ["PATH"]}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=DEADLINE_S)


def explained(served: Served, osp: KubeOsp, client: str, operation: str, bucket: str, key: str) -> dict[str, list[str]]:
    """Ask the cluster and the running process, which must agree to the byte; return the values of each field."""
    asked = ["--client", f"{served.namespace}/{client}", "--operation", operation, "--bucket", bucket, "--key", key]
    cluster = ["--kubernetes", "--kubeconfig", osp.kubeconfig, "--watch-namespaces", ",".join(osp.namespaces)]
    by_cluster = explain(*cluster, "--class", osp.class_name, *asked)
    by_process = explain("--admin", osp.addresses["admin"], *asked)
    for done in (by_cluster, by_process):
        assert (done.returncode, done.stderr) == (0, ""), done
    assert by_cluster.stdout == by_process.stdout
    found: dict[str, list[str]] = {}
    for name, value in (line.split(": ", 1) for line in by_cluster.stdout.splitlines()):
        found.setdefault(name, []).append(value)
    return found


def decision(told: dict[str, list[str]]) -> str:
    """Return what a request would get, in the words of `KubeOsp.fetch`."""
    return "allowed" if told["decision"] == ["allow"] else f"{told['status'][0]} {told['code'][0]}"


def asked_of_osp(osp: KubeOsp, keys: Keys, operation: str, bucket: str, key: str) -> str:
    """Send the real request; return "allowed" or how it was refused."""
    if operation == "PutObject":
        got = outcome(lambda: osp.s3(keys).put_object(Bucket=bucket, Key=key, Body=b"x") and "allowed")
    else:
        got = osp.fetch(keys, bucket, key)
    return "allowed" if got == "A" else got


def test_explain_says_what_a_request_gets(served: Served, stores: tuple[Place, Place]) -> None:
    """Allowed, denied by an entry, not granted, no such bucket, no such client, broken: the same words everywhere."""
    osp = served.start()
    no_secrets = {"name": "no-secrets", "prefixes": ["secret/"]}
    served.edit(access=[grant("app", ["Read", "List"])], deny=[no_secrets])
    served.site.wait_served(osp, served.keys, "data", "403 AccessDenied", key="secret/x")

    stranger = served.site.keys()
    for client, keys, operation, bucket, key, wanted in [
        ("app", served.keys, "GetObject", "data", "side", "allowed"),
        ("app", served.keys, "GetObject", "data", "secret/x", "403 AccessDenied"),
        ("app", served.keys, "PutObject", "data", "side", "403 AccessDenied"),
        ("app", served.keys, "GetObject", "control", "side", "403 AccessDenied"),
        ("app", served.keys, "GetObject", "unknown", "side", "404 NoSuchBucket"),
        ("stranger", stranger, "GetObject", "data", "side", "403 InvalidAccessKeyId"),
    ]:
        told = explained(served, osp, client, operation, bucket, key)
        assert (decision(told), asked_of_osp(osp, keys, operation, bucket, key)) == (wanted, wanted), told
        assert "problem" not in told, told

    place = stores[0]
    allowed = explained(served, osp, "app", "GetObject", "data", "side")
    assert (allowed["backendBucket"], allowed["backendKey"]) == ([place.backend_bucket], [f"{place.prefix}side"])
    assert allowed["credential"] == [f"{served.namespace}/{place.backend.name}"]
    denied = explained(served, osp, "app", "GetObject", "data", "secret/x")
    assert denied["check"] == [f'Read on data/secret/x: denied by deny entry "no-secrets" of {served.namespace}/data']

    served.site.api.delete(path_of("CredentialSource", served.namespace, place.backend.name))
    served.site.wait_served(osp, served.keys, "data", "503 ServiceUnavailable")
    broken = explained(served, osp, "app", "GetObject", "data", "side")
    assert decision(broken) == "503 ServiceUnavailable"
    (problem,) = broken["problem"]
    field = "spec.backends[0].credentialRef.name"
    assert problem.startswith(f"BucketRoute {served.namespace}/data {field}: CredentialNotFound: ")


def test_explain_decides_nothing_by_what_it_may_not_read(served: Served) -> None:
    """Somebody without rights is told what is forbidden, by name, and gets no decision."""
    site, account = served.site, {"name": READER, "namespace": served.site.home}
    site.api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
    kubeconfig = site.control_plane.account_kubeconfig(site.home, READER)
    asked = ["--client", f"{served.namespace}/app", "--operation", "GetObject", "--bucket", "data", "--key", "side"]
    done = explain(
        "--kubernetes", "--kubeconfig", kubeconfig, "--watch-namespaces", served.namespace,
        "--class", site.class_name, *asked,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, ""), done
    user = f'User "system:serviceaccount:{site.home}:{READER}" cannot list resource'
    for kind, plural in [("BucketRoute", "bucketroutes.osp.flexworks.eu"), ("Secret", "secrets")]:
        assert f"osp: {kind} in {served.namespace}: {plural} is forbidden: {user}" in done.stderr, done.stderr
