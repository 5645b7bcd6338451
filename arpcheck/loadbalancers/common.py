"""What the implementations share in judging a record: how old is too old, which claim is the stronger, what was refused.

Knows no load balancer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from ipaddress import IPv4Address

from arpcheck.model import Claim, ClaimSource, Trust
from arpcheck.objects import Node, Object, Objects, Service, items, text

CURRENT_FOR = timedelta(hours=1)
"""How long an event is believed; kube-apiserver keeps one as long (--event-ttl, default 1h0m0s)."""

OWN_ADDRESS = 6
"""The decision order of what knows nothing but that the address is a node's own."""

AHEAD = timedelta(seconds=5)
"""By how much clocks may differ: less is no difference."""

_TRUST = tuple(Trust)


def has_ingress(service: Service, ip: IPv4Address | None) -> bool:
    """The address is one that a load balancer gave the Service, not one of `spec.externalIPs`. None: a host name alone."""
    return ip in [entry.ip for entry in service.ingress]


def named_nodes(objects: Objects) -> tuple[Node, ...]:
    """A Node without a name can't be claimed to answer."""
    return tuple(node for node in objects.nodes() if node.name)


def owners(ip: IPv4Address, objects: Objects) -> tuple[str, ...]:
    """The nodes that have the address as their own, by `status.addresses[]`."""
    return objects.memo(owners, lambda: _by_address(objects)).get(ip, ())


def _by_address(objects: Objects) -> Mapping[IPv4Address, tuple[str, ...]]:
    found: dict[IPv4Address, tuple[str, ...]] = {}
    for node in named_nodes(objects):
        for ip in node.addresses:
            found[ip] = (*found.get(ip, ()), node.name)
    return found


def condition(obj: Object, kind: str) -> str:
    """`status` of the condition of that type: `True`, `False`, `Unknown`, or empty."""
    return next((text(c, "status") for c in items(obj, "status", "conditions") if text(c, "type") == kind), "")


def refused(objects: Objects, *resources: str) -> tuple[str, ...]:
    """Those of the resources that could not be read, or not to the end."""
    return tuple(sorted(resource for resource in set(resources) if objects.gap(resource)))


def untold(objects: Objects, *resources: str) -> tuple[str, ...]:
    """Those that a file has none of, without saying whether they were asked for."""
    return tuple(sorted(resource for resource in set(resources) if objects.untold(resource)))


def own_address(service: Service, ip: IPv4Address, objects: Objects, kind: ClaimSource) -> tuple[Claim, ...]:
    """The kernel of the node that owns the address answers for it, now and always: nothing here can be stale. `kind`:
    SERVICE_LB where a load balancer gives out such addresses, else NODE_ADDRESS."""
    return tuple(
        Claim(node=node, source=f"Node {node}", kind=kind, trust=Trust.CURRENT, service=service.full_name)
        for node in owners(ip, objects)
    )


def was_read(objects: Objects, resource: str) -> bool:
    """The resource is served and was read to the end, so that what is not there does not exist."""
    return resource in objects.resources and not objects.gap(resource)


def event_trust(seen: datetime | None, at: datetime) -> Trust:
    """An event without a time could be of any age, and so could one of the future."""
    return Trust.CURRENT if seen and -AHEAD <= at - seen < CURRENT_FOR else Trust.STALE


def is_ahead(seen: datetime | None, at: datetime) -> bool:
    """Written by a clock that is another."""
    return seen is not None and seen - at > AHEAD


def strongest_first(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    return tuple(sorted(set(claims), key=strength))


def strength(claim: Claim) -> tuple[int, int, int, str, str]:
    """The strongest is the least."""
    return _TRUST.index(claim.trust), claim.kind.rank, claim.rank, claim.node, claim.source


def demoted(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """The same, none of them current any more."""
    return tuple(replace(claim, trust=Trust.STALE) if claim.trust is Trust.CURRENT else claim for claim in claims)


def is_current(claims: Iterable[Claim]) -> bool:
    return any(claim.trust is Trust.CURRENT for claim in claims)
