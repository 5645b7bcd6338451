"""Objects for the tests: fixtures/VERSION/*.yaml as the cluster stage would hand them over, and small changes of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import yaml

from arpcheck.model import Announcement, Gap, Need
from arpcheck.objects import Objects, Service

AT = datetime(2026, 8, 20, 10, 42, tzinfo=UTC)
"""The moment of judging in every test; the fixtures' times are around it."""

RESOURCES = {
    "Service": "services",
    "Node": "nodes",
    "Pod": "pods",
    "Event": "events",
    "DaemonSet": "daemonsets.apps",
    "Lease": "leases.coordination.k8s.io",
    "ServiceL2Status": "servicel2statuses.metallb.io",
    "IPAddressPool": "ipaddresspools.metallb.io",
    "L2Advertisement": "l2advertisements.metallb.io",
    "BGPAdvertisement": "bgpadvertisements.metallb.io",
    "CiliumL2AnnouncementPolicy": "ciliuml2announcementpolicies.cilium.io",
    "CiliumBGPAdvertisement": "ciliumbgpadvertisements.cilium.io",
    "CiliumBGPPeeringPolicy": "ciliumbgppeeringpolicies.cilium.io",
    "ConfigMap": "configmaps",
    "FelixConfiguration": "felixconfigurations.crd.projectcalico.org",
}

_CORE = ("services", "nodes", "events", "leases.coordination.k8s.io", "daemonsets.apps", "pods")
"""Served by every API server, so present in Objects even where there is none."""


_FIXTURES = Path(__file__).parent / "fixtures"

VERSIONS = tuple(sorted(path.name for path in _FIXTURES.iterdir()))


@cache
def documents(version: str) -> tuple[Mapping[str, Any], ...]:
    folder = _FIXTURES / version
    return tuple(doc for path in sorted(folder.glob("*.yaml")) for doc in yaml.safe_load_all(path.read_text()) if doc)


def objects(found: Iterable[Mapping[str, Any]], served: Iterable[str] = ()) -> Objects:
    resources: dict[str, tuple[Mapping[str, Any], ...]] = dict.fromkeys((*_CORE, *served), ())
    for obj in found:
        resource = RESOURCES[obj["kind"]]
        resources[resource] = (*resources.get(resource, ()), obj)
    return Objects(resources=resources, read_at=AT)


def cluster(version: str, served: Iterable[str] = ()) -> Objects:
    """All objects of one fixture. `served`: resources that this version has, though there is no object of them."""
    return objects(documents(version), served)


def refuse(found: Objects, *resources: str) -> Objects:
    gaps = tuple(Gap(what=resource, why="forbidden", costs="…") for resource in resources)
    kept = {resource: objs for resource, objs in found.resources.items() if resource not in resources}
    return replace(found, resources=kept, gaps=(*found.gaps, *gaps))


def trimmed(found: Objects, needs: Iterable[Need]) -> Objects:
    """Only the objects and fields that some Need names, as the cluster stage keeps them."""
    by_resource: dict[str, list[Need]] = {}
    for need in needs:
        by_resource.setdefault(need.resource, []).append(need)
    kept: dict[str, tuple[Any, ...]] = {}
    for resource, wanted in by_resource.items():
        if resource not in found.resources:
            continue
        fields = [path.split() for need in wanted for path in (*_ALWAYS, *need.fields)]
        named = [pattern for need in wanted for pattern in need.names or ("*",)]
        objs = (obj for obj in found.of(resource) if any(fnmatchcase(obj["metadata"]["name"], name) for name in named))
        kept[resource] = tuple(_cut(obj, fields) for obj in objs)
    return replace(found, resources=kept)


_ALWAYS = ("apiVersion", "kind", *(f"metadata {key}" for key in ("name", "namespace", "uid", "creationTimestamp")))


def _cut(value: Any, fields: Iterable[list[str]]) -> Any:
    paths = list(fields)
    if [] in paths:
        return value
    if isinstance(value, list):
        return [_cut(entry, paths) for entry in value]
    if not isinstance(value, Mapping):
        return None
    below = {key: list(_below(key, paths)) for key in value}
    return {key: _cut(value[key], found) for key, found in below.items() if found}


def _below(key: str, paths: Iterable[list[str]]) -> Iterator[list[str]]:
    """`env@NAME` keeps the entries of all names here."""
    for path in paths:
        pattern, at, _ = path[0].partition("@")
        if fnmatchcase(key, pattern):
            yield from ([path[1:], ["name"]] if at else [path[1:]])


def service(found: Objects, full_name: str) -> Service:
    return next(one for one in found.services() if one.full_name == full_name)


def first_ip(of: Service) -> IPv4Address:
    return next(entry.ip for entry in of.ingress if isinstance(entry.ip, IPv4Address))


def ask(implementation: Any, found: Objects, full_name: str, ip: str | None = None) -> Announcement | None:
    """`implementation.announcement` of a Service's first IPv4 address, or of `ip`."""
    of = service(found, full_name)
    said: Announcement | None = implementation.announcement(of, IPv4Address(ip) if ip else first_ip(of), found, AT)
    return said


def lines(said: Announcement | None) -> list[str]:
    """An announcement as text, a line a fact, so that a test can state all of it."""
    if said is None:
        return []
    return [
        f"{said.implementation} ({said.order}: {said.because})",
        *(f"{c.trust} {c.rank} {c.node} by {c.source}{_time(c.observed_at)}" for c in said.claims),
        *([f"silence: {said.silence}"] if said.silence else []),
        *(f"mac {mac}: {why}" for mac, why in said.macs),
        *(f"unread: {resource}" for resource in said.unread),
    ]


def _time(seen: datetime | None) -> str:
    return f" at {seen:%H:%M:%S}" if seen else ""


# ------------------------------------------------------------------------------------------------------ single objects


def balanced(*ips: str, name: str = "web", external: Iterable[str] = (), **fields: Any) -> dict[str, Any]:
    """A LoadBalancer Service `shop/NAME`; `fields`: `labels` and `annotations`, all else goes into its spec."""
    meta = {key: fields.pop(key) for key in ("labels", "annotations") if key in fields}
    return {
        "kind": "Service",
        "metadata": {"name": name, "namespace": "shop", **meta},
        "spec": {"type": "LoadBalancer", "externalIPs": list(external), **fields},
        "status": {"loadBalancer": {"ingress": [{"ip": ip} for ip in ips]}},
    }


def lease(full_name: str, holder: str, ago: float = 1, lasts: int = 15, **annotations: str) -> dict[str, Any]:
    """Renewed `ago` seconds before the moment of judging."""
    space, name = full_name.split("/")
    renewed = (AT - timedelta(seconds=ago)).isoformat()
    return {
        "kind": "Lease",
        "metadata": {"name": name, "namespace": space, "annotations": annotations},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": lasts, "renewTime": renewed},
    }


def member(name: str, *addresses: tuple[str, str], **labels: str) -> dict[str, Any]:
    """A Node; `addresses`: type and address."""
    return {
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "status": {"addresses": [{"type": kind, "address": address} for kind, address in addresses]},
    }


JUNK = (None, True, 7, 1.5, "", "text", [], ["text", None, {}], {}, {"text": 7})
"""Every type that JSON has."""


def spoilt(obj: Any) -> Iterator[Any]:
    """The object with each of its values, at every depth, replaced by each type in turn."""
    yield from JUNK
    if isinstance(obj, Mapping):
        for key, value in obj.items():
            for other in spoilt(value):
                yield {**obj, key: other}
    elif isinstance(obj, list):
        for place, value in enumerate(obj):
            for other in spoilt(value):
                yield [*obj[:place], other, *obj[place + 1 :]]
