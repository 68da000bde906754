"""What most scenarios begin with: a route to the bucket `data`, and a control route that no scenario touches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backends import Keys
from gateway import Place, backend_entry
from kube.osp import KubeOsp
from kube.site import Site, grant
from kube.traffic import ControlLoop


@dataclass
class Served:
    """The route `data` of client `app` in `namespace`; both stores' credentials; an empty namespace `platform`."""

    site: Site
    namespace: str
    platform: str
    keys: Keys
    route: dict[str, Any]
    control_keys: Keys

    def start(self, name: str = "one", **options: Any) -> KubeOsp:  # noqa: ANN401
        """Start an OSP and wait until it serves `data`."""
        osp = self.site.osp(name, **options)
        self.site.wait_served(osp, self.keys, "data", "A")
        return osp

    def control(self, osp: KubeOsp) -> ControlLoop:
        """Return the control traffic through a process that survives the scenario."""
        return ControlLoop(osp, self.control_keys, "control")

    def edited(self, **changed: object) -> dict[str, Any]:
        """Return the route with some of its spec changed."""
        return self.route | {"spec": self.route["spec"] | changed}

    def edit(self, **changed: object) -> None:
        """Apply the route with some of its spec changed; without arguments, as it was."""
        self.site.api.apply(self.edited(**changed))

    def wait_ready(self, deadline_s: float | None = None) -> dict[str, Any]:
        """Wait until the route says Ready for its present generation."""
        limit = {} if deadline_s is None else {"deadline_s": deadline_s}
        return self.site.wait_condition("BucketRoute", self.namespace, "data", "Ready", "True", **limit)


def apply_served(site: Site, stores: tuple[Place, Place], control_place: Place) -> Served:
    """Apply all of it, and the rights of mode Namespaces."""
    namespace, platform, keys, control_keys = site.namespace("a"), site.namespace("platform"), site.keys(), site.keys()
    site.allow()
    route = site.tenant(namespace, stores[0], keys)
    # A credential of its own, so that a scenario may break every other one.
    entry = backend_entry(control_place) | {"credentialRef": {"name": "control"}}
    site.api.apply_all(
        [
            *site.credential(namespace, stores[1].backend.name, stores[1].backend.keys),
            *site.credential(namespace, "control", control_place.backend.keys),
            *site.client(namespace, "control", control_keys),
            site.route(namespace, control_place, [grant("control")], backends=[entry]),
        ]
    )
    return Served(site, namespace, platform, keys, route, control_keys)
