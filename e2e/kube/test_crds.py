"""The CRDs at a real API server: accepted with their CEL cost, and every rule says what it should (K-API-1)."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway import REPOSITORY
from kube.api import Api, Refused, path_of, path_to
from kube.conftest import crd_documents
from kube.control_plane import ControlPlane
from kube.kubectl import Kubectl
from kube.site import namespace_document

pytestmark = pytest.mark.gateway
INVALID = REPOSITORY / "examples/invalid"
FILES = sorted(file.name for file in INVALID.glob("*.yaml"))
# Names the message with which the API server must refuse the document; the other documents of the file are its twins.
REJECTED = "rejected"


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


def test_k09_no_service_of_osp_stands_between_a_user_and_the_api_server(api: Api) -> None:
    """No conversion and no admission webhook: while OSP is down, everybody can still apply and delete."""
    for crd in crd_documents():
        found = api.get(path_of("CustomResourceDefinition", name=crd["metadata"]["name"]))
        assert found["spec"]["conversion"] == {"strategy": "None"}
    for kind in ("validating", "mutating"):
        webhooks = api.get(f"/apis/admissionregistration.k8s.io/v1/{kind}webhookconfigurations")
        assert webhooks["items"] == []
    # No OSP runs here: what the schema knows is judged by the API server alone.
    spec = {"secret": {"name": "keys"}}
    source = {"apiVersion": "osp.flexworks.eu/v1alpha1", "kind": "CredentialSource"}
    source |= {"metadata": {"name": "without-osp", "namespace": "crds"}, "spec": spec}
    api.apply(source)
    with pytest.raises(Refused):
        api.apply(source | {"spec": spec | {"anonymous": {}}})
    api.delete(path_to(source))


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


def cases_of(file_name: str) -> list[tuple[dict[str, Any], str | None]]:
    """Return a file's documents without the annotation, each with the message that it must be refused with."""
    found = []
    for document in yaml.safe_load_all((INVALID / file_name).read_text()):
        annotations = document["metadata"].pop("annotations", {})
        document["metadata"]["namespace"] = "crds"
        found.append((document, annotations.get(REJECTED)))
    return found


@pytest.mark.parametrize("file_name", FILES)
def test_k_api_1_invalid_example_is_refused_with_its_message_and_its_twin_is_not(file_name: str, api: Api) -> None:
    """In the order of the file, as updates of one object: a rule about changes needs what was there before."""
    cases = cases_of(file_name)
    assert {wanted is None for _, wanted in cases} == {True, False}, "one to be refused, and a twin"
    path = path_to(cases[0][0])
    try:
        for document, wanted in cases:
            assert path_to(document) == path
            if wanted is None:
                api.apply(document)
                continue
            with pytest.raises(Refused) as refused:
                api.apply(document)
            assert (refused.value.status, refused.value.reason) == (422, "Invalid")
            assert wanted in refused.value.message
            assert refused.value.message.count("Invalid value") == 1, "refused for this reason alone"
    finally:
        api.delete(path)


def rules_of(schema: Any) -> set[str]:  # noqa: ANN401
    """Return the messages of all CEL rules in a schema."""
    found: set[str] = set()
    if isinstance(schema, dict):
        for rule in schema.get("x-kubernetes-validations", []):
            found.add(rule["message"])
        for value in schema.values():
            found |= rules_of(value)
    elif isinstance(schema, list):
        for value in schema:
            found |= rules_of(value)
    return found


def test_k_api_1_every_rule_has_an_example() -> None:
    """A rule of a CRD without a file in examples/invalid fails."""
    rules = {(crd["spec"]["names"]["kind"], message) for crd in crd_documents() for message in rules_of(crd["spec"])}
    shown = {
        (document["kind"], wanted)
        for file_name in FILES
        for document, wanted in cases_of(file_name)
        if wanted is not None
    }
    assert len(rules) >= 10, "the rules are not found in the files any more"
    assert {rule for rule in rules if not any(kind == rule[0] and text in rule[1] for kind, text in shown)} == set()


def test_k_api_1_unknown_fields_are_named_to_the_user(api: Api, control_plane: ControlPlane, tmp_path: Path) -> None:
    """`kubectl apply` of a misspelt `deny` fails and names it: pruned in silence, it would let everybody in."""
    document = next(document for document, wanted in cases_of("bucketroute-writes-unknown.yaml") if wanted is None)
    kubectl = Kubectl(control_plane.admin_kubeconfig(), tmp_path)
    good = yaml.safe_dump(document)
    bad = yaml.safe_dump(document | {"spec": document["spec"] | {"denny": []}})
    assert kubectl.run("apply", "--dry-run=server", "-f", "-", stdin=good)
    refused = kubectl.try_run("apply", "--dry-run=server", "-f", "-", stdin=bad)
    assert refused.code != 0
    assert 'unknown field "spec.denny"' in refused.err
