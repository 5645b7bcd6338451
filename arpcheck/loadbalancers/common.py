"""What the load balancers share: the age and strength of claims, forbidden resources, label selectors, events, elections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from arpcheck.model import Address, Certainty, Claim, ClaimSource, Need, Reason, ReasonId, Trust
from arpcheck.model.constants import AHEAD, CURRENT_FOR
from arpcheck.objects import Node, Object, Objects, Service, at, instant, items, text, texts

OWN_ADDRESS = 6
"""The decision order of an announcement that only rests on the address being a node's own."""

_TRUST = tuple(Trust)


def has_ingress(service: Service, ip: Address | None) -> bool:
    """Whether `status.loadBalancer.ingress` has the address, not `spec.externalIPs`. None: an entry with a host name."""
    return ip in [entry.ip for entry in service.ingress]


def named_nodes(objects: Objects) -> tuple[Node, ...]:
    """The Nodes with a name."""
    return objects.memo(named_nodes, lambda: tuple(node for node in objects.nodes() if node.name))


def owners(ip: Address, objects: Objects) -> tuple[str, ...]:
    """The nodes that have the address in `status.addresses[]`."""
    return objects.memo(owners, lambda: _by_address(objects)).get(ip, ())


def _by_address(objects: Objects) -> Mapping[Address, tuple[str, ...]]:
    found: dict[Address, tuple[str, ...]] = {}
    for node in named_nodes(objects):
        for ip in node.every_address:
            found[ip] = (*found.get(ip, ()), node.name)
    return found


def condition(obj: Object, kind: str) -> str:
    """The `status` of the condition of this type: `True`, `False`, `Unknown`, or empty."""
    return next((text(c, "status") for c in items(obj, "status", "conditions") if text(c, "type") == kind), "")


def status_number(obj: Object | None, key: str) -> int | None:
    """A number of an object's status: `numberReady`."""
    value = at(obj, "status", key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def refused(objects: Objects, *resources: str) -> tuple[str, ...]:
    """The resources among these that could not be read completely."""
    return tuple(sorted(resource for resource in set(resources) if objects.gap(resource)))


def not_in_file(objects: Objects, *resources: str) -> tuple[str, ...]:
    """The resources among these that are missing in a file which does not say whether they were read."""
    return tuple(sorted(resource for resource in set(resources) if objects.not_in_file(resource)))


def own_address(service: Service, ip: Address, objects: Objects, kind: ClaimSource) -> tuple[Claim, ...]:
    """Claims that are always current, since the kernel of the node that owns the address replies for it. `kind`: SERVICE_LB
    if a load balancer assigns such addresses, else NODE_ADDRESS."""
    return tuple(
        Claim(node=node, source=f"Node {node}", kind=kind, trust=Trust.CURRENT, service=service.full_name)
        for node in owners(ip, objects)
    )


def was_read(objects: Objects, resource: str) -> bool:
    """Whether the resource is served and was read completely, so that a missing object does not exist."""
    return resource in objects.resources and not objects.gap(resource)


def at_most_likely(found: Iterable[Reason]) -> tuple[Reason, ...]:
    """The same reasons, none of them sure."""
    return tuple(replace(one, certainty=Certainty.LIKELY) if one.certainty is Certainty.SURE else one for one in found)


MOST = 3
"""Pools that a reason names of those that have it in common."""


def by_reason(barred: Mapping[str, str]) -> str:
    """`it is disabled (lan, dmz); its serviceSelector does not select it (web)`, of the reasons by pool."""
    pools: dict[str, list[str]] = {}
    for pool, why in sorted(barred.items()):
        pools.setdefault(why, []).append(pool)
    said = ((why, names[:MOST], len(names) - MOST) for why, names in pools.items())
    return "; ".join(f"{why} ({', '.join(named)}{f' and {more} more' if more > 0 else ''})" for why, named, more in said)


def down(claims: Iterable[Claim], objects: Objects) -> Iterator[Reason]:
    """A reason for each node that a record names and that cannot reply: it is not Ready, or not in the cluster."""
    named = objects.memo(down, lambda: {node.name: node for node in named_nodes(objects)})
    nodes = named if was_read(objects, NODES.resource) else {}
    for claim in claims:
        known = nodes.get(claim.node)
        if nodes and (known is None or known.ready is False):
            yield Reason(
                id=ReasonId.NODE_DOWN,
                subject=claim.source,
                evidence=f"{claim.node}, which it names, is {'not Ready' if known else 'not in the cluster'}",
                certainty=Certainty.LIKELY,
                nodes=(claim.node,),
            )


def event_trust(seen: datetime | None, at: datetime) -> Trust:
    """An event without a time, or with one in the future, may have any age."""
    return Trust.CURRENT if seen and -AHEAD <= at - seen < CURRENT_FOR else Trust.STALE


def is_ahead(seen: datetime | None, at: datetime) -> bool:
    """Whether another clock wrote it, one that is ahead."""
    return seen is not None and seen - at > AHEAD


def strongest_first(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    return tuple(sorted(set(claims), key=strength))


def strength(claim: Claim) -> tuple[int, int, int, str, str]:
    """The strongest is the least."""
    return _TRUST.index(claim.trust), claim.kind.rank, claim.rank, claim.node, claim.source


def demoted(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """The same claims, none of them current."""
    return tuple(replace(claim, trust=Trust.STALE) if claim.trust is Trust.CURRENT else claim for claim in claims)


def is_current(claims: Iterable[Claim]) -> bool:
    return any(claim.trust is Trust.CURRENT for claim in claims)


# ----------------------------------------------------------------------- What all implementations read of Services and Nodes

SERVICES = Need(
    resource="services",
    costs="only addresses given with --ip can be probed",
    fields=(
        *("metadata labels", "spec type", "spec clusterIP", "spec clusterIPs", "spec externalIPs"),
        *("spec loadBalancerClass", "spec externalTrafficPolicy"),
        *("status loadBalancer ingress ip", "status loadBalancer ingress hostname", "status loadBalancer ingress ipMode"),
    ),
)

NODES = Need(
    resource="nodes",
    costs="no MAC address has an owner, and ServiceLB is not recognised",
    fields=(
        *("metadata labels", "status addresses type", "status addresses address"),
        *("status conditions type", "status conditions status"),
        *("spec taints key", "spec taints value", "spec taints effect"),
    ),
)


def of_services(*fields: str) -> Need:
    """Further fields of Services."""
    return replace(SERVICES, fields=fields)


def recorded_on_services(*keys: str) -> Need:
    """Annotations of Services that name an announcer."""
    return replace(annotations_of_services(*keys), record=True)


def annotations_of_services(*keys: str) -> Need:
    """`keys`: whole, or shell patterns."""
    return of_services(*(f"metadata annotations {key}" for key in keys))


# --------------------------------------------------- Label selectors (metav1.LabelSelector): true, false, or None if unknown


def any_of(answers: Iterable[bool | None]) -> bool | None:
    """True if one is true, False if all are false, else None."""
    known = tuple(answers)
    if True in known:
        return True
    return None if None in known else False


def all_of(answers: Iterable[bool | None]) -> bool | None:
    opposite = any_of(None if answer is None else not answer for answer in answers)
    return None if opposite is None else not opposite


def entries(obj: Any, *path: str) -> tuple[Any, ...] | None:
    """The entries of a list; () if there is no value; None if the value is not a list."""
    value = at(obj, *path)
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list | tuple) else None


def fits(selector: Any, labels: Mapping[str, str]) -> bool | None:
    """Whether the labels match. An empty selector matches everything; a missing one (None) is the caller's to decide."""
    if not isinstance(selector, Mapping):
        return None
    equal, terms = selector.get("matchLabels") or {}, entries(selector, "matchExpressions")
    if not isinstance(equal, Mapping) or terms is None:
        return None
    exact = (labels.get(key) == value if isinstance(value, str) else None for key, value in equal.items())
    return all_of((*exact, *(_term(term, labels) for term in terms)))


def _term(term: Any, labels: Mapping[str, str]) -> bool | None:
    """NotIn also matches a missing key (apimachinery pkg/labels)."""
    key, values = text(term, "key"), texts(term, "values")
    if not key:
        return None
    match text(term, "operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:
            return None


# ----------------------------------------------------- Events about Services, in the form of core/v1 and of events.k8s.io/v1

EVENTS = Need(
    resource="events",
    costs="the announcer is unknown if only an event names it (MetalLB before 0.14.6, PureLB with old entries)",
    field_selector="involvedObject.kind=Service",
    fields=(
        *("reason", "message", "note", "firstTimestamp", "lastTimestamp", "eventTime", "deprecatedLastTimestamp"),
        *("series lastObservedTime", "involvedObject kind", "involvedObject namespace", "involvedObject name"),
        *("involvedObject uid", "regarding kind", "regarding namespace", "regarding name", "regarding uid"),
    ),
    record=True,
)

_COMBINED = "(combined from similar events): "
"""The prefix of client-go for the message of an aggregated event (tools/record/events_cache.go)."""

_TIMES = (
    ("series", "lastObservedTime"),
    ("lastTimestamp",),
    ("deprecatedLastTimestamp",),
    ("eventTime",),
    ("firstTimestamp",),
    ("metadata", "creationTimestamp"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One message about one Service."""

    reason: str
    message: str
    """Without the prefix of an aggregated event."""
    seen: datetime | None
    """The latest of its times."""
    first: datetime | None
    """The earliest of its times."""


def events_of(service: Service, objects: Objects) -> tuple[Event, ...]:
    """The events of this Service, without those of a deleted Service of the same name."""
    uid = text(service.raw, "metadata", "uid")
    found = objects.by(EVENTS.resource, _service_of).get(service.full_name, ())
    return tuple(_event(obj) for obj in found if not uid or _about(obj, "uid") in ("", uid))


def _service_of(event: Object) -> str | None:
    if _about(event, "kind") != "Service":
        return None
    return f"{_about(event, 'namespace') or text(event, 'metadata', 'namespace')}/{_about(event, 'name')}"


def _about(event: Object, key: str) -> str:
    return text(event, "involvedObject", key) or text(event, "regarding", key)


def _event(event: Object) -> Event:
    times = [seen for path in _TIMES if (seen := instant(text(event, *path)))]
    message = text(event, "message") or text(event, "note")
    seen, first = max(times, default=None), min(times, default=None)
    return Event(reason=text(event, "reason"), message=message.removeprefix(_COMBINED), seen=seen, first=first)


def newest(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """The latest; several if they have the same time. An event without a time is older than all others."""
    latest = max((event.seen for event in events if event.seen), default=None)
    return tuple(event for event in events if event.seen == latest)


# ------------------------------------------------------------- The election of MetalLB's speaker, also of PureLB and OpenELB


def lowest_hash(nodes: Iterable[str], ip: Address) -> str | None:
    """The node with the lowest sha256 of `NODE#IP` (metallb speaker/layer2_controller.go); None without nodes."""
    ending = f"#{ip}"
    return min(nodes, key=lambda node: sha256((node + ending).encode(errors="replace")).digest(), default=None)
