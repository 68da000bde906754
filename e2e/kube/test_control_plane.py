"""The suite's own control plane is what it says it is, so that the other tests prove something."""

from __future__ import annotations

from pathlib import Path

import pytest

from kube.api import Refused, path_of
from kube.control_plane import KUBERNETES_VERSION, ControlPlane
from kube.kubectl import Kubectl
from kube.site import namespace_document

pytestmark = pytest.mark.gateway


def test_the_server_is_the_version_that_it_was_built_as(control_plane: ControlPlane, tmp_path: Path) -> None:
    """Both programs say the version of the Go module that they come from."""
    kubectl = Kubectl(control_plane.admin_kubeconfig(), tmp_path)
    said = kubectl.run("version")
    assert f"Client Version: {KUBERNETES_VERSION}" in said
    assert f"Server Version: {KUBERNETES_VERSION}" in said


def test_rbac_is_on(control_plane: ControlPlane) -> None:
    """A ServiceAccount without any right is told who it is and refused; the administrator is not."""
    admin = control_plane.admin()
    admin.apply(namespace_document("bare"))
    admin.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "nobody", "namespace": "bare"}})
    path = path_of("Secret", "bare")
    with pytest.raises(Refused) as refused:
        control_plane.account("bare", "nobody").get(path)
    assert refused.value.status == 403
    assert 'User "system:serviceaccount:bare:nobody" cannot list resource "secrets"' in refused.value.message
    assert admin.get(path)["items"] == []
