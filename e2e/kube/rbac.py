"""The manifests of the three RBAC modes (kubernetes.md 3.6), filled in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any, Literal

import yaml

Mode = Literal["Namespaces", "Named", "Cluster"]
MANIFESTS = Path(__file__).with_name("manifests")
ACCOUNT = "osp"


def rendered(file_name: str, **values: str) -> list[dict[str, Any]]:
    """Return the documents of a manifest; a value that is missing or left over fails."""
    template = Template((MANIFESTS / f"{file_name}.yaml").read_text())
    unknown = set(values) - set(template.get_identifiers())
    assert not unknown, f"{file_name} has no {unknown}"
    return [document for document in yaml.safe_load_all(template.substitute(values)) if document]


def grants(
    mode: Mode, home: str, namespaces: Sequence[str], lease: str, labels_of_namespaces: bool = False
) -> list[dict[str, Any]]:
    """Return everything that OSP in `home` needs to watch `namespaces`; in mode Named, without any Secret."""
    who = {"account": ACCOUNT, "home": home}
    found = rendered("account", **who, lease=lease)
    if mode == "Cluster":
        found += rendered("cluster", **who)
    else:
        for namespace in namespaces:
            found += rendered(mode.lower(), **who, namespace=namespace)
    if labels_of_namespaces:
        found += rendered("namespace-labels", **who)
    return found


def named_secrets(home: str, namespace: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return what a tenant writes in mode Named so that OSP may read these Secrets and ConfigMaps."""
    return rendered("named-secrets", account=ACCOUNT, home=home, namespace=namespace, names=", ".join(names))
