"""Merges runs of several hosts in one cluster into one evidence.

Rounds are never mixed: replies in a round belong to one host's requests. If hosts disagree, the verdicts say so. Runs of
different clusters, or of different states of one cluster, are refused: clusters count as the same unless something tells
them apart, segments count as different unless something joins them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import IPv4Interface, IPv4Network

from arpcheck import mac_owners
from arpcheck.errors import InputError
from arpcheck.evidence import SEPARATOR, Evidence, Options, Vantage, moved, qualified, views
from arpcheck.model import Address, Gratuitous, Host, Loss, Mac, Overflow, PassedOver, Question, ReachRun, Reply, order
from arpcheck.objects import Objects, full_name, text

_NEVER = datetime.min.replace(tzinfo=UTC)


def merge(runs: Sequence[tuple[str, Evidence]]) -> Evidence:
    """`runs`: each with a name for errors and for a host that is not a node.

    The order of the runs does not matter. A merged evidence can be merged again."""
    if len(runs) < 2:
        raise InputError("only one run was given", "Merge two or more runs from different hosts")
    for name, evidence in runs[1:]:
        _check_mergeable(runs[0], (name, evidence))
    _check_hosts([(name, place) for name, run in runs for _, place in views(run)])
    places = _named([(name, place) for name, run in runs for name, place in _places(name, run)])
    first = min(place.started_at for _, place in places)
    parts = tuple(_parts(places, first))
    newest = sorted((evidence for _, evidence in runs), key=lambda e: (_age(e), e.started_at), reverse=True)
    return Evidence(
        arpcheck=max(place.arpcheck for _, place in places),
        started_at=first,
        ended_at=max(place.ended_at for _, place in places),
        options=_options(parts),
        host=_host(parts),
        objects=_objects([evidence.objects for evidence in newest]),
        after=newest[0].after,
        mac_map=tuple(dict.fromkeys(entry for evidence in newest for entry in evidence.mac_map)),
        vendors={prefix: name for evidence in newest for prefix, name in evidence.vendors.items()},
        questions=tuple(question for part in parts for question in part.questions),
        replies=tuple(reply for part in parts for reply in part.replies),
        losses=tuple(loss for part in parts for loss in part.losses),
        overflows=_overflows(evidence for _, evidence in runs),
        ignored=dict(sorted(sum((Counter(evidence.ignored) for _, evidence in runs), Counter()).items())),
        gratuitous=tuple(entry for part in parts for entry in part.gratuitous),
        passed_over=tuple(entry for part in parts for entry in part.passed_over),
        complete=all(place.complete for _, place in places),
        capture=next((evidence.capture for evidence in newest if evidence.capture), None),
        vantages=tuple(part.vantage for part in parts),
        accepted=tuple(dict.fromkeys(entry for evidence in newest for entry in evidence.accepted)),
        outdated=tuple(sorted({ip for _, run in runs for ip in run.outdated}, key=order)),
        reach=_reach([part.reach for part in parts if part.reach]),
        trouble=tuple(sorted(f"{name}: {trouble}" for name, run in runs for trouble in run.trouble)),
    )


# ------------------------------------------------------------------------------------------------------------------- Checks


def _check_mergeable(one: tuple[str, Evidence], other: tuple[str, Evidence]) -> None:
    names = f"{one[0]} and {other[0]}"
    if found := different_clusters(one[1].objects, other[1].objects):
        raise InputError(f"{names}: {found}", "Merge runs of one cluster")
    if selection(one[1]) != selection(other[1]):
        raise InputError(f"{names} selected different Services", "Run both probes with the same -n, -l and --lb-class")
    if found := _disagreement(one[1].objects, other[1].objects):
        raise InputError(f"{names} saw different states of the cluster: {found}", "Run both probes again at the same time")


def _check_hosts(places: Sequence[tuple[str, Evidence]]) -> None:
    """Refuses two runs of one host: a change between them would look like a split brain. Two nodes with one MAC address are
    clones, which is a fault to show."""
    seen: dict[object, int] = {}
    for number, (name, place) in enumerate(places):
        for key in (*_nics(place), (place.started_at, place.questions, place.replies)):
            first = seen.setdefault(key, number)
            nodes = {places[first][1].host.node_name, place.host.node_name}
            if first != number and (len(nodes) == 1 or None in nodes):
                cure = "Merge runs of different hosts, or use `arpcheck compare` for two runs of one host"
                raise InputError(f"{places[first][0]} and {name} are runs of the same host", cure)


def _nics(place: Evidence) -> Iterable[tuple[str, Mac]]:
    """Name and MAC address of each probing interface: VLANs on one NIC share its MAC address."""
    used = place.options.interfaces
    return ((i.name, i.mac) for i in place.host.interfaces if i.name in used and i.mac)


def _disagreement(one: Objects, other: Objects) -> str | None:
    """The first Service or node with different addresses in the runs; unreadable ones can't disagree."""
    for what, read in (("services", _of_services), ("nodes", _of_nodes)):
        if one.gap(what) is None and other.gap(what) is None:
            ours, theirs = read(one), read(other)
            for name in sorted(ours.keys() | theirs.keys()):
                if ours.get(name, ()) != theirs.get(name, ()):
                    return f"{name} has {_listed(ours.get(name))} in one and {_listed(theirs.get(name))} in the other"
    return None


def _of_services(objects: Objects) -> dict[str, tuple[object, ...]]:
    balanced = (service for service in objects.services() if service.type == "LoadBalancer")
    return {f"Service {s.full_name}": tuple(sorted(str(entry.ip or "no address") for entry in s.ingress)) for s in balanced}


def _of_nodes(objects: Objects) -> dict[str, tuple[object, ...]]:
    return {f"node {node.name}": tuple(sorted(map(str, node.addresses))) for node in objects.nodes()}


def _listed(addresses: Iterable[object] | None) -> str:
    return ", ".join(map(str, addresses)) or "no address" if addresses is not None else "no entry"


# ----------------------------------------------------------------------------------------------------------------- One host


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One host's part of the merged evidence."""

    vantage: Vantage
    options: Options
    host: Host
    questions: tuple[Question, ...]
    replies: tuple[Reply, ...]
    losses: tuple[Loss, ...]
    gratuitous: tuple[Gratuitous, ...]
    passed_over: tuple[PassedOver, ...]
    reach: ReachRun | None


def _places(name: str, run: Evidence) -> Iterable[tuple[str, Evidence]]:
    for own, place in views(run):
        yield own or mac_owners.own_node(place) or name, place


def _named(places: Sequence[tuple[str, Evidence]]) -> list[tuple[str, Evidence]]:
    """In the order of time, each with a unique name without a separator."""
    ordered = sorted(places, key=lambda place: (place[1].started_at, place[0], place[1].ended_at))
    seen: Counter[str] = Counter()
    found: list[tuple[str, Evidence]] = []
    for name, place in ordered:
        plain = name.replace(SEPARATOR, "-") or "host"
        seen[plain] += 1
        taken = f"{plain}-{seen[plain]}" if seen[plain] > 1 else plain
        while any(taken == other for other, _ in found):
            taken += "'"
        found.append((taken, place))
    return found


def _parts(places: Iterable[tuple[str, Evidence]], first: datetime) -> Iterable[_Part]:
    free = 1
    for name, place in places:
        part = _part(name, place, free, (place.started_at - first).total_seconds() * 1000)
        yield part
        free = max((q.round for q in part.questions), default=free + place.options.rounds) + 1


def _part(name: str, place: Evidence, first_round: int, shift: float) -> _Part:
    ahead = first_round - 1

    def own(interface: str) -> str:
        return qualified(name, interface)

    return _Part(
        vantage=Vantage(
            name=name,
            node_name=place.host.node_name,
            first_round=first_round,
            rounds=place.options.rounds,
            rate=place.options.rate,
            arpcheck=place.arpcheck,
            started_at=place.started_at,
            ended_at=place.ended_at,
            complete=place.complete,
        ),
        options=replace(place.options, interfaces=tuple(map(own, place.options.interfaces)), interfaces_because=None),
        host=Host(
            interfaces=tuple(replace(i, name=own(i.name)) for i in place.host.interfaces),
            neighbours=tuple(replace(n, interface=own(n.interface)) for n in place.host.neighbours),
        ),
        questions=tuple(
            replace(q, at=q.at + shift, interface=own(q.interface), round=q.round + ahead) for q in place.questions
        ),
        replies=tuple(
            replace(r, at=round(r.at + shift, 3), interface=own(r.interface), round=r.round + ahead) for r in place.replies
        ),
        losses=tuple(
            replace(loss, interface=own(loss.interface), rounds=tuple(number + ahead for number in loss.rounds))
            for loss in place.losses
        ),
        gratuitous=tuple(replace(g, at=round(g.at + shift, 3), interface=own(g.interface)) for g in place.gratuitous),
        passed_over=tuple(replace(p, interface=own(p.interface)) for p in place.passed_over),
        reach=replace(
            place.reach,
            tries=tuple(moved(one, own, shift) for one in place.reach.tries),
            skips=tuple(replace(one, interface=own(one.interface)) for one in place.reach.skips),
        )
        if place.reach
        else None,
    )


# ------------------------------------------------------------------------------------------------------ The merged evidence


def _options(parts: Sequence[_Part]) -> Options:
    """The common selection, and scan options that describe all hosts."""
    senders = {part.options.sender for part in parts}
    return replace(
        parts[0].options,
        interfaces=tuple(name for part in parts for name in part.options.interfaces),
        rounds=sum(part.options.rounds for part in parts),
        wait=max(part.options.wait for part in parts),
        rate=max(part.options.rate for part in parts),
        sender=senders.pop() if len(senders) == 1 else "mixed",
        ips=tuple(sorted({ip for part in parts for ip in part.options.ips}, key=order)),
        preflight=all(part.options.preflight for part in parts),
        reach=any(part.options.reach for part in parts),
    )


def _host(parts: Sequence[_Part]) -> Host:
    return Host(
        interfaces=tuple(interface for part in parts for interface in part.host.interfaces),
        neighbours=tuple(neighbour for part in parts for neighbour in part.host.neighbours),
    )


def _objects(newest_first: Sequence[Objects]) -> Objects:
    """Each resource from the newest run that could read it."""
    newest = newest_first[0]
    resources, gaps = {}, []
    for what in sorted({name for objects in newest_first for name in (*objects.resources, *(g.what for g in objects.gaps))}):
        reader = next((objects for objects in newest_first if objects.gap(what) is None), None)
        if reader is None:
            gaps += [gap for gap in newest.gaps if gap.what == what]
        elif what in reader.resources:
            resources[what] = reader.resources[what]
    return Objects(
        resources=resources,
        gaps=tuple(gaps),
        context=newest.context,
        kubeconfig=newest.kubeconfig,
        version=newest.version,
        read_at=newest.read_at,
        server_ahead=newest.server_ahead,
    )


def _reach(found: Sequence[ReachRun]) -> ReachRun | None:
    if not found:
        return None
    return ReachRun(
        tries=tuple(one for run in found for one in run.tries),
        skips=tuple(one for run in found for one in run.skips),
        lost=sum(run.lost for run in found),
        complete=all(run.complete for run in found),
        changed=tuple(sorted({name for run in found for name in run.changed})),
        unconfirmed=tuple(sorted({name for run in found for name in run.unconfirmed})),
    )


def _age(evidence: Evidence) -> datetime:
    return evidence.objects.read_at or _NEVER


def _overflows(runs: Iterable[Evidence]) -> tuple[Overflow, ...]:
    found: Counter[Address] = Counter()
    for evidence in runs:
        for overflow in evidence.overflows:
            found[overflow.ip] += overflow.replies
    return tuple(Overflow(ip=ip, replies=count) for ip, count in sorted(found.items(), key=lambda entry: order(entry[0])))


# ------------------------------------------------------------------------------------------ Whether two runs belong together


def difference(one: Evidence, other: Evidence) -> str | None:
    """Why the two runs can't be compared; None if they can."""
    if found := different_clusters(one.objects, other.objects):
        return found
    if not _same_segment(one, other):
        ours, theirs = (", ".join(map(str, sorted(networks(run)))) or "no known network" for run in (one, other))
        return f"they ran on different segments ({ours}; {theirs}): no MAC address replied in both"
    return None


def different_clusters(one: Objects, other: Objects) -> str | None:
    """Compares the uid of `default/kubernetes`, which lives as long as its cluster; else the uids of Nodes and Services,
    else the node names. None if nothing tells the clusters apart."""
    ours, theirs = _uids(one), _uids(other)
    if ours.get("default/kubernetes", "") != theirs.get("default/kubernetes", ours.get("default/kubernetes", "")):
        return "they are of different clusters: default/kubernetes has another uid"
    if ours and theirs and not {*ours.values()} & {*theirs.values()}:
        return "they are of different clusters: they have no Service and no node in common"
    nodes, others = ({node.name for node in objects.nodes()} for objects in (one, other))
    if nodes and others and not nodes & others:
        return "they are of different clusters: they have no node in common"
    return None


def selection(evidence: Evidence) -> tuple[object, ...]:
    """The options that select addresses; runs with equal ones request the same addresses of a cluster."""
    options = evidence.options
    return (
        frozenset(options.namespaces), frozenset(options.service_names), options.selector,
        frozenset(options.load_balancer_classes), options.external_ips, options.services, options.on_link,
    )  # fmt: skip


def networks(evidence: Evidence) -> frozenset[IPv4Network]:
    """The networks of the probing interfaces."""
    used = (i for i in evidence.host.interfaces if i.name in evidence.options.interfaces)
    return frozenset(network for interface in used for a in interface.addresses if (network := _network(a)))


def _same_segment(one: Evidence, other: Evidence) -> bool:
    return bool(networks(one) & networks(other)) or bool(_macs_that_replied(one) & _macs_that_replied(other))


def _macs_that_replied(evidence: Evidence) -> frozenset[Mac]:
    return frozenset(reply.mac for reply in evidence.replies)


def _network(address: str) -> IPv4Network | None:
    try:
        return IPv4Interface(address).network
    except ValueError:
        return None


def _uids(objects: Objects) -> dict[str, str]:
    """Uids by name, of objects that live long."""
    found = ((full_name(obj), text(obj, "metadata", "uid")) for what in ("services", "nodes") for obj in objects.of(what))
    return {name: uid for name, uid in found if uid}
