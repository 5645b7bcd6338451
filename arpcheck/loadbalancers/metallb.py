"""MetalLB in layer-2 mode: one speaker, elected per Service, replies from the NIC that received the request.
Source: metallb speaker/main.go, internal/k8s/controllers/layer2_status_controller.go.

Recognised by: annotation `metallb.io/ip-allocated-from-pool` (0.13.8 to 0.14.8: `metallb.universe.tf/…`), or a record; the
loadBalancerClass of the speakers' flag `--lb-class`
Announcer read from: ServiceL2Status (0.14.4 and later), else the `nodeAssigned` events of an hour (0.8 and later)
Not known: the announcer before 0.14.6 after its event has expired; then the election is recomputed as a guess"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network

from arpcheck.loadbalancers.common import (
    EVENTS,
    Event,
    all_of,
    annotations_of_services,
    any_of,
    condition,
    demoted,
    entries,
    event_trust,
    events_of,
    fits,
    has_ingress,
    is_ahead,
    is_current,
    lowest_hash,
    named_nodes,
    newest,
    not_in_file,
    refused,
    strongest_first,
    was_read,
)
from arpcheck.model import Announcement, Certainty, Claim, ClaimSource, Need, Reason, ReasonId, Trust
from arpcheck.objects import (
    Node,
    Object,
    Objects,
    Service,
    at,
    full_name,
    instant,
    ipv4,
    items,
    labels_of,
    name,
    namespace,
    text,
    texts,
)

STATES = Need(
    resource="configurationstates.metallb.io",
    costs="it is unknown whether MetalLB uses an older configuration because an object is invalid",
    fields=("metadata labels metallb.io/*", "status result", "status lastError", "status errorSummary"),
    optional=True,
)
SPEAKERS = Need(
    resource="daemonsets.apps",
    costs="a loadBalancerClass that MetalLB is configured to serve is not recognised",
    names=("speaker", "*metallb*speaker*"),
    fields=("spec template spec containers args",),
    group="metallb.io",
    optional=True,
)

_CLASS = "--lb-class"


def invalid(objects: Objects) -> tuple[str, ...]:
    """A sentence for each component that rejected the configuration and still uses the last valid one."""
    found = sorted(objects.of(STATES.resource), key=full_name)
    return tuple(_words(state) for state in found if text(state, "status", "result") == "Invalid")


def _words(state: Object) -> str:
    labels = labels_of(state)
    who = " of ".join(part for part in (labels.get("metallb.io/component-type"), labels.get("metallb.io/node-name")) if part)
    why = text(state, "status", "lastError") or text(state, "status", "errorSummary") or "no reason given"
    return f"ConfigurationState {full_name(state)}: the configuration is invalid{f' for the {who}' if who else ''}: {why}"


def serves_class(objects: Objects, wanted: str) -> bool:
    """Whether a speaker is configured to serve only Services of this class."""
    return wanted in objects.memo(serves_class, lambda: frozenset(_classes(objects)))


def _classes(objects: Objects) -> Iterator[str]:
    for daemonset in objects.of(SPEAKERS.resource):
        for container in items(daemonset, "spec", "template", "spec", "containers") if "speaker" in name(daemonset) else ():
            args = texts(container, "args")
            for this, following in zip(args, (*args[1:], ""), strict=True):
                flag, equals, value = this.partition("=")
                if flag == _CLASS:
                    yield value if equals else following


# -------------------------------------------------------------------------- How MetalLB's configuration announces an address

POOLS = Need(
    resource="ipaddresspools.metallb.io",
    costs="the pool of an address is unknown if the Service does not name it",
    fields=("metadata labels", "spec addresses"),
    optional=True,
)
LAYER2 = Need(
    resource="l2advertisements.metallb.io",
    costs="an address that MetalLB announces only by BGP looks as if a node should reply for it",
    fields=(
        *("spec ipAddressPools", "spec ipAddressPoolSelectors", "spec nodeSelectors", "spec serviceSelectors"),
        "spec preferredNodeSelectors",
    ),
    optional=True,
)
BGP = Need(
    resource="bgpadvertisements.metallb.io",
    costs="an address that MetalLB announces only by BGP looks as if a node should reply for it",
    fields=("spec ipAddressPools", "spec ipAddressPoolSelectors", "spec serviceSelectors"),
    optional=True,
)

SHARED = ("metallb.io/allow-shared-ip", "metallb.universe.tf/allow-shared-ip")


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPool:
    name: str
    """Empty if unknown."""
    namespace: str = ""
    """MetalLB's namespace; empty if unknown."""
    labels: Mapping[str, str] | None = None
    """None if the object is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How the configuration announces an address."""

    pool: AddressPool
    layer2: bool | None
    bgp: bool | None
    covering: tuple[Object, ...]
    """The L2Advertisements that certainly select the pool."""
    unread: tuple[str, ...]
    """The forbidden resources that would show whether a node should reply."""
    not_in_file: tuple[str, ...] = ()
    """The same for resources that a file may lack."""

    @property
    def bgp_only(self) -> bool:
        return bool(self.bgp) and self.layer2 is False

    @property
    def of(self) -> str:
        return f"pool {self.pool.name}" if self.pool.name else "its pool"


def coverage(service: Service, ip: IPv4Address, named: str, objects: Objects) -> Coverage:
    """`named`: the pool in the Service's annotation; if empty, the pool is found by the address. The result is the same for
    all Services of a pool unless an advertisement selects Services."""
    pool = _pool(ip, named, objects)
    if objects.memo(_choose_services, lambda: _choose_services(objects)):
        return _coverage(pool, service, objects)
    key = coverage, pool.name, pool.namespace, pool.labels is None
    return objects.memo(key, lambda: _coverage(pool, service, objects))


def _choose_services(objects: Objects) -> bool:
    advertisements = (ad for need in (LAYER2, BGP) for ad in objects.of(need.resource))
    return any(entries(ad, "spec", "serviceSelectors") != () for ad in advertisements)


def _coverage(pool: AddressPool, service: Service, objects: Objects) -> Coverage:
    if not pool.namespace:
        pool = replace(pool, namespace=_only_namespace(objects))
    by_layer2 = [(ad, _covers(ad, pool, service)) for ad in objects.of(LAYER2.resource)]
    layer2 = any_of((_all_known(objects, LAYER2), *(covers for _, covers in by_layer2)))
    bgp = any_of((_all_known(objects, BGP), *(_covers(ad, pool, service) for ad in objects.of(BGP.resource))))
    could_be_bgp_only = layer2 is not True and bgp is not False
    asked = [need.resource for need, known in ((LAYER2, layer2), (BGP, bgp)) if known is None]
    covering = tuple(ad for ad, covers in by_layer2 if covers)
    if not could_be_bgp_only:
        return Coverage(pool=pool, layer2=layer2, bgp=bgp, covering=covering, unread=())
    unread = refused(objects, POOLS.resource, *asked)
    unknown = not_in_file(objects, *asked)
    return Coverage(pool=pool, layer2=layer2, bgp=bgp, covering=covering, unread=unread, not_in_file=unknown)


def _only_namespace(objects: Objects) -> str:
    found = {namespace(ad) for need in (LAYER2, BGP) for ad in objects.of(need.resource)}
    return found.pop() if len(found) == 1 else ""


def _all_known(objects: Objects, need: Need) -> bool | None:
    """For `any_of`: False if all advertisements are known, None if some may be missing."""
    return False if was_read(objects, need.resource) else None


def _covers(advertisement: Object, pool: AddressPool, service: Service) -> bool | None:
    """MetalLB only reads advertisements of its own namespace."""
    near = namespace(advertisement) == pool.namespace if pool.namespace else None
    return all_of((near, _takes(advertisement, pool), _serves(advertisement, service)))


def _takes(advertisement: Object, pool: AddressPool) -> bool | None:
    """An advertisement without names and selectors selects all pools."""
    names = entries(advertisement, "spec", "ipAddressPools")
    chosen = entries(advertisement, "spec", "ipAddressPoolSelectors")
    if names is None or chosen is None:
        return None
    by_name = (named == pool.name if pool.name else None for named in names)
    by_label = (None if pool.labels is None else fits(selector, pool.labels) for selector in chosen)
    return any_of((*by_name, *by_label)) if names or chosen else True


def _serves(advertisement: Object, service: Service) -> bool | None:
    """Since 0.16 an advertisement can select Services; then it never announces a Service that shares its address."""
    chosen = entries(advertisement, "spec", "serviceSelectors")
    if chosen is None:
        return None
    if chosen and any(service.annotations.get(key) for key in SHARED):
        return False
    return any_of(fits(selector, service.labels) for selector in chosen) if chosen else True


# --------------------------------------------------------------------------------------------------------------------- Pools


def _pool(ip: IPv4Address, named: str, objects: Objects) -> AddressPool:
    if named:
        found = objects.by(POOLS.resource, name).get(named, ())
        return _address_pool(found[0]) if len(found) == 1 else AddressPool(name=named)
    holding = {id(obj): obj for first, last, obj in objects.memo(_pool, lambda: _ranges(objects)) if first <= ip <= last}
    return _address_pool(next(iter(holding.values()))) if len(holding) == 1 else AddressPool(name="")


def _address_pool(obj: Object) -> AddressPool:
    return AddressPool(name=name(obj), namespace=namespace(obj), labels=labels_of(obj))


def _ranges(objects: Objects) -> tuple[tuple[IPv4Address, IPv4Address, Object], ...]:
    return tuple(
        (*span, obj)
        for obj in objects.of(POOLS.resource)
        for written in texts(obj, "spec", "addresses")
        if (span := _span(written))
    )


def _span(written: str) -> tuple[IPv4Address, IPv4Address] | None:
    """The first and last address of `192.168.10.0/28` or `192.168.10.5-192.168.10.9`; None for IPv6 or other text."""
    first, dash, last = written.partition("-")
    if dash:
        start, end = ipv4(first), ipv4(last)
        return (start, end) if start and end else None
    try:
        network = IPv4Network(written.strip(), strict=False)
    except ValueError:
        return None
    return network.network_address, network.broadcast_address


# ----------------------------------------------------------------------------------------------------------- ServiceL2Status

STATUSES = Need(
    resource="servicel2statuses.metallb.io",
    costs="MetalLB's announcer is known only from events, which expire after an hour",
    fields=(
        *("metadata labels metallb.io/*", "status node", "status serviceName", "status serviceNamespace"),
        "status interfaces name",
    ),
    record=True,
)

_CONFIGURED = ("ipaddresspools.metallb.io", "l2advertisements.metallb.io", "bgpadvertisements.metallb.io")


def kept_for_others(objects: Objects) -> bool:
    """Whether ServiceL2Status is in use here. Then a Service without one is not announced now."""
    return was_read(objects, STATUSES.resource) and bool(objects.of(STATUSES.resource))


def status_claims(service: Service, objects: Objects) -> tuple[Claim, ...]:
    """A claim for each node that a record names. Up to 0.15 a speaker could patch another's record (metallb#2712, #2938), so
    label and status may name two nodes; both are claimed."""
    return tuple(
        Claim(
            node=node,
            source=f"ServiceL2Status {full_name(status)}",
            kind=ClaimSource.SERVICE_L2_STATUS,
            trust=Trust.CURRENT,
            service=service.full_name,
            observed_at=(made := instant(text(status, "metadata", "creationTimestamp"))),
            since=made,
            tenure=text(status, "metadata", "uid") or text(status, "metadata", "creationTimestamp"),
        )
        for status in _advertisements_of(service, objects)
        for node in _status_nodes(status)
    )


def status_notes(service: Service, objects: Objects) -> tuple[str, ...]:
    """Notes on contradictory records, on interfaces that records name, and on records that are ignored."""
    found = objects.by(STATUSES.resource, _service_of).get(service.full_name, ())
    strange = (status for status in found if not _at_home(status, objects))
    names = (f"ServiceL2Status {full_name(status)} is not in MetalLB's namespace and is ignored" for status in strange)
    return (*(note for status in _advertisements_of(service, objects) for note in _notes(status)), *names)


def _notes(status: Object) -> Iterable[str]:
    nodes = _status_nodes(status)
    if len(nodes) > 1:
        yield f"ServiceL2Status {full_name(status)}: its label names {nodes[0]}, its status {nodes[-1]}"
    names = [name for entry in items(status, "status", "interfaces") if (name := text(entry, "name"))]
    if nodes and names:
        yield f"announced only on {', '.join(names)} of {' and '.join(nodes)}"


def _advertisements_of(service: Service, objects: Objects) -> tuple[Object, ...]:
    found = objects.by(STATUSES.resource, _service_of).get(service.full_name, ())
    return tuple(status for status in found if _at_home(status, objects))


def _at_home(status: Object, objects: Objects) -> bool:
    """Whether the record is in the namespace of MetalLB's configuration; if that is unknown, every record counts. The first
    version wrote records into the Service's namespace."""
    home = objects.memo(_at_home, lambda: frozenset(namespace(obj) for kind in _CONFIGURED for obj in objects.of(kind)))
    first_version = "metallb.io/service-name" not in labels_of(status)
    return not home or first_version or namespace(status) in home


def _service_of(status: Object) -> str:
    """By the labels, since the status is empty until the first patch. The first version had one label and wrote into the
    Service's namespace."""
    labels = labels_of(status)
    name = labels.get("metallb.io/service-name") or labels.get("metallb.io/service") or text(status, "status", "serviceName")
    space = labels.get("metallb.io/service-namespace") or text(status, "status", "serviceNamespace") or namespace(status)
    return f"{space}/{name}"


def _status_nodes(status: Object) -> tuple[str, ...]:
    named = (labels_of(status).get("metallb.io/node", ""), text(status, "status", "node"))
    return tuple(dict.fromkeys(node for node in named if node))


# --------------------------------------------------------------------------------------------------- MetalLB in layer-2 mode

NAME = "metallb"

_POOL = ("metallb.io/ip-allocated-from-pool", "metallb.universe.tf/ip-allocated-from-pool")

NEEDS: tuple[Need, ...] = (
    annotations_of_services(*_POOL),
    STATUSES,
    EVENTS,
    POOLS,
    LAYER2,
    BGP,
    STATES,
    SPEAKERS,
)


def announcement(service: Service, ip: IPv4Address, objects: Objects, at: datetime) -> Announcement | None:
    """A current record settles it; the configuration is only looked at where there is none.

    An event stays a current claim where ServiceL2Status is refused, since a speaker that takes over writes a newer one.
    But one that merely stops writes nothing, so the refused resource is named beside the claim. Nothing is missed where
    the configuration alone says that nobody should answer."""
    if not has_ingress(service, ip):
        return None
    recorded, events = status_claims(service, objects), events_of(service, objects)
    claims = strongest_first((*recorded, *event_claims(service, events, objects, at)))
    notes = (*status_notes(service, objects), *event_notes(events, at))
    because, order = _recognised(service, claims, notes, objects)
    if not because:
        return None
    if is_current(claims):
        unread = () if recorded else refused(objects, STATUSES.resource)
        return Announcement(implementation=NAME, because=because, order=order, claims=claims, notes=notes, unread=unread)
    covered = coverage(service, ip, _annotated_pool(service), objects)
    silence = _silence(covered, events, objects, at)
    unread = () if silence else tuple(sorted({*_unread(objects), *covered.unread}))
    guesses, why = _unrecorded(service, objects, covered) if not claims and not silence and not unread else ((), ())
    return Announcement(
        implementation=NAME,
        because=because,
        order=order,
        claims=(*claims, *guesses),
        silence=silence,
        by_bgp=f"{covered.of} has a BGPAdvertisement alone" if covered.bgp_only else None,
        notes=(*notes, *why, *invalid(objects)),
        unread=unread,
        announcer_not_in_file=_not_in_file(service, objects),
        silence_not_in_file=covered.not_in_file if _annotated_pool(service) else (),
    )


def reasons(service: Service, ip: IPv4Address, objects: Objects, at: datetime) -> tuple[Reason, ...]:  # noqa: ARG001
    """By the configuration, then by the records: what MetalLB's own rules exclude is sure."""
    covered = coverage(service, ip, _annotated_pool(service), objects)
    return tuple(_reasons(service, covered, objects))


def _reasons(service: Service, covered: Coverage, objects: Objects) -> Iterator[Reason]:
    if covered.layer2 is False:
        id_ = ReasonId.ANNOUNCED_BY_BGP if covered.bgp else ReasonId.NO_ADVERTISEMENT
        evidence = "no L2Advertisement selects it"
        yield Reason(id=id_, subject=covered.of, evidence=evidence, certainty=Certainty.SURE)
    elif why := why_nobody(objects, covered.covering):
        subject = f"Service {service.full_name}"
        yield Reason(id=ReasonId.NO_NODE_MAY_ANNOUNCE, subject=subject, evidence=why, certainty=Certainty.SURE)


def _recognised(service: Service, claims: tuple[Claim, ...], notes: tuple[str, ...], objects: Objects) -> tuple[str, int]:
    if service.load_balancer_class and serves_class(objects, service.load_balancer_class):
        return f"loadBalancerClass {service.load_balancer_class}", 3
    for key in _POOL:
        if service.annotations.get(key):
            return f"annotation {key}", 4
    if claims:
        return claims[0].source, 5
    return (f"Event {service.full_name}", 5) if notes else ("", 0)


def _annotated_pool(service: Service) -> str:
    return next((service.annotations[key] for key in _POOL if service.annotations.get(key)), "")


def _silence(covered: Coverage, events: tuple[Event, ...], objects: Objects, at: datetime) -> str | None:
    """Why no node should reply, by the advertisements, or by the events if no advertisement contradicts them."""
    if covered.bgp_only:
        return f"{covered.of} is announced only by BGP"
    if covered.layer2 or covered.bgp is False or covered.unread or refused(objects, STATUSES.resource, EVENTS.resource):
        return None
    return "announced only by BGP, according to its events" if of_bgp_only(events, at) else None


def _unread(objects: Objects) -> tuple[str, ...]:
    return () if kept_for_others(objects) else refused(objects, STATUSES.resource, EVENTS.resource)


def _not_in_file(service: Service, objects: Objects) -> tuple[str, ...]:
    """Since 0.14.9, which the key of the annotation shows, every announced Service has a ServiceL2Status. A file without any
    was made without them, even if it has other objects of MetalLB: kubectl leaves out what it may not read. Before that
    version, events."""
    return not_in_file(objects, STATUSES.resource if service.annotations.get(_POOL[0]) else EVENTS.resource)


def _unrecorded(service: Service, objects: Objects, covered: Coverage) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
    """A guess, or why no node announces it, if everything was read and nothing is recorded."""
    if covered.layer2 is False:
        return (), (f"no L2Advertisement selects {covered.of}, so MetalLB does not announce it",)
    if why := why_nobody(objects, covered.covering):
        return (), (why,)
    if kept_for_others(objects):
        return (), ("other Services have a ServiceL2Status and this one has none, so no node announces it now",)
    guess = (
        None
        if objects.gap(LAYER2.resource)
        else elected(service, candidates(objects, covered.covering), objects, covered.covering)
    )
    return ((guess,) if guess else ()), ("no ServiceL2Status and no event: events expire after an hour",)


# ---------------------------------------------------------------------------------------------- Events of MetalLB's speakers

_ANNOUNCING = re.compile(r'announcing from node ("(?:[^"\\]|\\.)+")(?: with protocol "(layer2|bgp)")?')
_ESCAPE = re.compile(r'\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|([abfnrtv"\\]))')
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", '"': '"', "\\": "\\"}


@dataclass(frozen=True, slots=True)
class Assigned:
    """The content of a `nodeAssigned` event."""

    node: str
    protocol: str
    """`layer2`, `bgp`, or empty for MetalLB before 0.13."""


def read_message(message: str) -> Assigned | None:
    """`announcing from node "worker-1" with protocol "layer2"`, the node quoted as by Go's %q; None: another message."""
    if not (match := _ANNOUNCING.fullmatch(message)) or not (node := _unquoted(match[1])):
        return None
    return Assigned(node, match[2] or "")


def _unquoted(quoted: str) -> str | None:
    """The text of a Go string literal (strconv.Quote); None if it is not valid text."""
    inner = quoted[1:-1]
    if "\\" in _ESCAPE.sub("", inner):
        return None
    try:
        found = _ESCAPE.sub(_character, inner)
        found.encode()
    except (ValueError, OverflowError):
        return None
    return found


def _character(escape: re.Match[str]) -> str:
    octet, four, eight, letter = escape.groups()
    if letter:
        return _LETTERS[letter]
    if octet and int(octet, 16) > 0x7F:
        raise ValueError("part of a character")
    return chr(int(octet or four or eight, 16))


def event_claims(service: Service, events: tuple[Event, ...], objects: Objects, at: datetime) -> tuple[Claim, ...]:
    """A claim for each node that a recent event names, without events of BGP: no event is written when an address moves back
    to a node that announced it before (metallb#2310). Without recent events, the newest counts.

    The claims are not current if several nodes are named without a protocol, if a newer ServiceL2Status names another node,
    or if other Services have a ServiceL2Status and this one has none."""
    if not (said := _of_arp(events)):
        return ()
    claims = tuple(
        Claim(
            node=said[event].node,
            source=f"Event {service.full_name} nodeAssigned",
            kind=ClaimSource.EVENT,
            trust=Trust.STALE if _superseded(said[event], event, service, objects) else event_trust(event.seen, at),
            service=service.full_name,
            rank=1,
            observed_at=event.seen,
            since=event.first,
            clock_doubt=is_ahead(event.seen, at),
        )
        for event in _last_of_each(said, at)
    )
    return demoted(claims) if _ambiguous(said, at) else claims


def _last_of_each(said: dict[Event, Assigned], at: datetime) -> tuple[Event, ...]:
    """The newest event of each node, if it is recent; else the newest of all."""
    last: dict[str, Event] = {}
    for event, assigned in said.items():
        kept = last.get(assigned.node)
        if event_trust(event.seen, at) is Trust.CURRENT and (kept is None or newest((kept, event))[0] is event):
            last[assigned.node] = event
    return tuple(last.values()) or newest(tuple(said))


def event_notes(events: tuple[Event, ...], at: datetime) -> tuple[str, ...]:
    """Notes on the events that no later event contradicts."""
    if not events:
        return ()
    said = _of_arp(events)
    last = newest((*said, *(event for event in events if event.reason == "announceFailed")))
    notes = {f"announceFailed: {event.message}" for event in last if event.reason == "announceFailed"}
    if not said and any(_assigned(event) for event in events):
        notes.add("its events are only about BGP, not about ARP")
    if nodes := _ambiguous(said, at):
        notes.add(f"its events name {' and '.join(nodes)} without a protocol: they all announce it by BGP, or one took over")
    return tuple(sorted(notes))


def of_bgp_only(events: tuple[Event, ...], at: datetime) -> bool:
    """Whether a recent event is about BGP, and all events are."""
    said = [(assigned.protocol, event) for event in events if (assigned := _assigned(event))]
    recent = any(event_trust(event.seen, at) is Trust.CURRENT for _, event in said)
    return recent and all(protocol == "bgp" for protocol, _ in said)


def _of_arp(events: tuple[Event, ...]) -> dict[Event, Assigned]:
    found = {event: assigned for event in events if (assigned := _assigned(event))}
    return {event: assigned for event, assigned in found.items() if assigned.protocol != "bgp"}


def _assigned(event: Event) -> Assigned | None:
    return read_message(event.message) if event.reason == "nodeAssigned" else None


def _ambiguous(said: dict[Event, Assigned], at: datetime) -> tuple[str, ...]:
    """The nodes that recent events name without a protocol, if there are several."""
    fresh = {a.node for event, a in said.items() if not a.protocol and event_trust(event.seen, at) is Trust.CURRENT}
    return tuple(sorted(fresh)) if len(fresh) > 1 else ()


def _superseded(assigned: Assigned, event: Event, service: Service, objects: Objects) -> bool:
    claims = status_claims(service, objects)
    if not claims:
        return kept_for_others(objects)
    if assigned.node in (claim.node for claim in claims):
        return False
    return any(not event.seen or not claim.observed_at or claim.observed_at >= event.seen for claim in claims)


# ---------------------------------------------------------------------------------------- MetalLB's election, computed again

_EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"


def candidates(objects: Objects, advertisements: tuple[Object, ...]) -> tuple[str, ...]:
    """The nodes that may announce. `advertisements`: those that select the pool; none for MetalLB before 0.13, where all
    nodes took part."""
    return tuple(name for name, barred in _barred(objects, advertisements) if not barred)


def why_nobody(objects: Objects, advertisements: tuple[Object, ...]) -> str:
    """`no node may announce it: 3 × not Ready`; empty if a node may announce it, or no node is known."""
    reasons = Counter(barred for _, barred in _barred(objects, advertisements))
    if not reasons or "" in reasons:
        return ""
    return "no node may announce it: " + ", ".join(f"{count} × {reason}" for reason, count in sorted(reasons.items()))


def elected(service: Service, names: tuple[str, ...], objects: Objects, advertisements: tuple[Object, ...]) -> Claim | None:
    """All addresses of a Service go to the node that is elected for the first address. With externalTrafficPolicy Local only
    nodes with an endpoint take part. Endpoints are not read, so it is None then. After 0.16.1 preferred nodes go first."""
    first = service.ingress[0].ip
    if service.local_traffic_only or first is None or not (names := _preferred(names, objects, advertisements)):
        return None
    if not (winner := lowest_hash(names, first)):
        return None
    source = "recomputed election (sha256 of node#address)"
    kind = ClaimSource.GUESS
    return Claim(node=winner, source=source, kind=kind, trust=Trust.GUESS, service=service.full_name, rank=2)


def _preferred(names: tuple[str, ...], objects: Objects, advertisements: tuple[Object, ...]) -> tuple[str, ...]:
    """The nodes with the highest sum of weights; none if a weight or a selector is not valid."""
    terms = [term for ad in advertisements for term in entries(ad, "spec", "preferredNodeSelectors") or (None,) if term]
    if not terms:
        return names
    labels = {node.name: node.labels for node in named_nodes(objects)}
    scores = {name: _score(terms, labels.get(name, {})) for name in names}
    known = {name: score for name, score in scores.items() if score is not None}
    best = max(known.values(), default=0)
    return tuple(name for name, score in known.items() if score == best) if len(known) == len(scores) else ()


def _score(terms: Iterable[object], labels: Mapping[str, str]) -> int | None:
    total = 0
    for term in terms:
        weight, fit = at(term, "weight"), fits(at(term, "preference"), labels)
        if fit is None or not isinstance(weight, int):
            return None
        total += weight if fit else 0
    return total


def _barred(objects: Objects, advertisements: tuple[Object, ...]) -> tuple[tuple[str, str], ...]:
    """Each node with the reason why it takes no part, or "". Computed once for all Services of a pool."""
    key = (_barred, *(id(advertisement) for advertisement in advertisements))
    return objects.memo(key, lambda: tuple((n.name, _why(n, advertisements)) for n in named_nodes(objects)))


def _why(node: Node, advertisements: tuple[Object, ...]) -> str:
    if _EXCLUDED in node.labels:
        return f"label {_EXCLUDED}"
    if condition(node.raw, "NetworkUnavailable") == "True":
        return "NetworkUnavailable"
    if node.ready is False:
        return "not Ready"
    if advertisements and any_of(_admits(ad, node) for ad in advertisements) is False:
        return "not selected by an L2Advertisement"
    return ""


def _admits(advertisement: Object, node: Node) -> bool | None:
    """An advertisement without selectors admits all nodes; with an invalid selector it may."""
    chosen = entries(advertisement, "spec", "nodeSelectors")
    return any_of(fits(selector, node.labels) for selector in chosen) if chosen else True
