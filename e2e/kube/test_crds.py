"""The CRDs at a real API server: accepted with their CEL cost, and every rule says what it should (K-API-1)."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kube.api import Api, Refused, path_of
from kube.conftest import crd_documents
from kube.control_plane import ControlPlane
from kube.site import namespace_document

pytestmark = pytest.mark.gateway


@pytest.fixture
def api(control_plane: ControlPlane) -> Api:
    """The administrator, and the namespace of these tests."""
    found = control_plane.admin()
    found.apply(namespace_document("crds"))
    return found


@pytest.mark.parametrize("name", [crd["metadata"]["name"] for crd in crd_documents()])
def test_k_api_1_crd_is_accepted_and_served(name: str, api: Api) -> None:
    """Established, all names granted, structural; the API server keeps every rule and bound as they are in the file."""
    found = api.get(path_of("CustomResourceDefinition", name=name))
    conditions = {condition["type"]: condition["status"] for condition in found["status"]["conditions"]}
    assert conditions == {"Established": "True", "NamesAccepted": "True"}
    (ours,) = (crd for crd in crd_documents() if crd["metadata"]["name"] == name)
    kept = found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert kept == ours["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]


def test_k_api_1_this_server_does_refuse_a_rule_that_costs_too_much(api: Api) -> None:
    """The twin of the test above: without its bounds, the same CRD is refused for the cost of its rules."""
    crd = copy.deepcopy(next(crd for crd in crd_documents() if crd["spec"]["names"]["kind"] == "BucketRoute"))
    crd["metadata"]["name"] = "unbounded.osp.flexworks.eu"
    crd["spec"]["names"] = {"kind": "Unbounded", "plural": "unbounded"}
    without_bounds(crd["spec"]["versions"][0]["schema"])
    with pytest.raises(Refused) as refused:
        api.call("POST", path_of("CustomResourceDefinition") + "?dryRun=All", crd)
    assert refused.value.status == 422
    assert "exceeds budget" in refused.value.message


def without_bounds(schema: Any) -> None:  # noqa: ANN401
    """Take every upper bound away."""
    if isinstance(schema, dict):
        for bound in ("maxItems", "maxLength", "maxProperties"):
            if isinstance(schema.get(bound), int):
                del schema[bound]
        for value in schema.values():
            without_bounds(value)
    elif isinstance(schema, list):
        for value in schema:
            without_bounds(value)
