"""The only file that knows the order: `plan` and `observe` on the way to the wire, `conclude` after it.

`observe` touches the world through the Wire and the clock that it is handed. `conclude` is pure: the same evidence
gives the same report, anywhere, years later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Interface

import arpcheck
from arpcheck import asks as asking
from arpcheck import identities, kubeproxy, loadbalancers
from arpcheck import targets as targeting
from arpcheck.evidence import Capture, Evidence, MacEntry, Options
from arpcheck.interfaces import AUTO, choose
from arpcheck.judge import case as cases
from arpcheck.judge.acceptance import Acceptances
from arpcheck.judge.findings.kernels import doubled
from arpcheck.judge.hearing import Hearing
from arpcheck.judge.judged import Judged, Judgement, Place
from arpcheck.judge.nodes import NodeState, node_states
from arpcheck.judge.owners import Knowledge, owners
from arpcheck.judge.report import report
from arpcheck.judge.verdicts import judge
from arpcheck.kubeproxy.causes import Heard, causes
from arpcheck.kubeproxy.status import status
from arpcheck.model import (
    Announcement,
    Arp,
    Ask,
    Cause,
    Claim,
    Gap,
    Host,
    Identity,
    Interface,
    Kind,
    Mac,
    Need,
    Owner,
    Preflight,
    Report,
    Target,
    Trust,
    Verdict,
)  # fmt: skip
from arpcheck.objects import Objects
from arpcheck.vantages import qualified, views
from arpcheck.wire.capture import INTERFACE, WINDOW, Captured, captured
from arpcheck.wire.pcap import Entry
from arpcheck.wire.schedule import Course, seconds
from arpcheck.wire.seam import Wire
from arpcheck.wire.sweep import Progress, Station, sweep

NEEDS: tuple[Need, ...] = (*loadbalancers.NEEDS, *identities.NEEDS, *kubeproxy.NEEDS)
"""Everything that is ever read of a cluster, in one snapshot."""

APART = timedelta(minutes=10)
"""How far a capture and the cluster's objects may be apart before it is said."""

FRESH = timedelta(seconds=60)
"""A Lease lives for seconds: it is judged by the moment when it was read, if that was just before the questions."""


# ------------------------------------------------------------------------------------------------------- what is asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run will ask, before anything is sent."""

    targets: tuple[Target, ...]
    asks: tuple[Ask, ...]
    """One round."""
    course: Course
    seconds: float
    """At least; addresses that have to be asked again add to it."""


def settle(options: Options, objects: Objects, host: Host, candidates: tuple[str, ...]) -> Options:
    """The options with the interfaces that `--iface auto` comes to, and why; all others as they are. `candidates`: what
    can be asked on. Raises UsageError where it is not clear."""
    if options.interfaces != (AUTO,):
        return options
    every = replace(options, interfaces=candidates)
    asked = (t.ip for t in _targets(every, objects, host) if t.kind in targeting.JUDGED and not t.skipped)
    nodes = (ip for addresses in identities.node_addresses(objects).values() for ip in addresses)
    choice = choose(_used(every, host), (ip for ip in asked if isinstance(ip, IPv4Address)), nodes)
    return replace(options, interfaces=choice.names, interfaces_because=choice.because)


def plan(options: Options, objects: Objects, host: Host, mac_map: tuple[MacEntry, ...] = ()) -> Plan:
    """Raises UsageError where the options can't be carried out on these interfaces."""
    used = _used(options, host)
    targets = _targets(options, objects, host)
    services = {ip for service in objects.services() for ip in service.addresses}
    asks = asking.asks(targets, used, options.sender, services)
    course = Course(
        asks=asks,
        rounds=options.rounds,
        rate=options.rate,
        wait=options.wait,
        nodes=frozenset(t.ip for t in targets if t.kind is Kind.NODE and isinstance(t.ip, IPv4Address)),
        judged=frozenset(t.ip for t in targets if t.kind in targeting.JUDGED and isinstance(t.ip, IPv4Address)),
        canary=next((t.ip for t in targets if t.kind is Kind.CANARY and isinstance(t.ip, IPv4Address)), None),
        known=_known_macs(options, objects, host, mac_map),
        homes={t.ip: frozenset(t.nodes) for t in targets if t.nodes and isinstance(t.ip, IPv4Address)},
    )
    return Plan(targets=targets, asks=asks, course=course, seconds=seconds(course, options.interfaces))


def _targets(options: Options, objects: Objects, host: Host) -> tuple[Target, ...]:
    gateways = identities.pod_gateways(objects) if options.preflight else {}
    return targeting.targets(
        objects, options, identities.node_addresses(objects), asking.networks(_used(options, host)), gateways
    )


def _used(options: Options, host: Host) -> tuple[Interface, ...]:
    by_name = {interface.name: interface for interface in host.interfaces}
    return tuple(by_name[name] for name in options.interfaces if name in by_name)


def own_node(objects: Objects, host: Host) -> str | None:
    """The node that this host is; None where it is none, or it can't be told."""
    moment = datetime.min
    return identities.own_node(
        Evidence(arpcheck="", started_at=moment, ended_at=moment, options=Options(), host=host, objects=objects)
    )


def _known_macs(options: Options, objects: Objects, host: Host, mac_map: tuple[MacEntry, ...]) -> frozenset[Mac]:
    """Node MACs that are known before anything is heard; this host's own can't be asked."""
    moment = datetime.min
    silent = Evidence(
        arpcheck="", started_at=moment, ended_at=moment, options=options, host=host, objects=objects, mac_map=mac_map
    )
    own = {interface.mac for interface in host.interfaces}
    return frozenset(identity.mac for identity in identities.all_identities(silent) if identity.mac not in own)


# ----------------------------------------------------------------------------------------------------------- the world


def observe(
    options: Options,
    *,
    objects: Objects,
    host: Host,
    mac_map: tuple[MacEntry, ...] = (),
    wire: Wire,
    clock: Callable[[], datetime],
    progress: Callable[[Progress], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    after: Callable[[Host], Host] = lambda host: host,
    vendors: Callable[[Iterable[Mac]], Mapping[str, str]] = lambda _: {},
    tap: Callable[[datetime, bytes], None] = lambda _moment, _frame: None,
) -> Evidence:
    """Asks and listens. `stop` ends it early with what was heard; `after` looks at the host once more when it is over;
    `vendors` names the manufacturers of the MACs that were heard; `tap` is given every frame that was sent or kept."""
    planned = plan(options, objects, host, mac_map)
    stations = tuple(
        Station(
            interface=interface.name,
            mac=interface.mac,
            addresses=frozenset(IPv4Interface(address).ip for address in interface.addresses),
        )
        for interface in _used(options, host)
        if interface.mac
    )
    started_at = clock()
    heard = sweep(
        wire, stations, planned.course, stop=stop, progress=progress,
        tap=lambda at, frame: tap(started_at + timedelta(milliseconds=at), frame),
    )  # fmt: skip
    return Evidence(
        arpcheck=arpcheck.__version__,
        started_at=started_at,
        ended_at=clock(),
        options=options,
        host=after(host),
        objects=objects,
        mac_map=mac_map,
        vendors=vendors({reply.mac for reply in heard.replies}),
        questions=heard.questions,
        replies=heard.replies,
        losses=heard.losses,
        overflows=heard.overflows,
        ignored=heard.ignored,
        complete=heard.complete,
        interrupted=heard.stopped,
        trouble=heard.trouble,
    )


def recorded(
    options: Options,
    *,
    objects: Objects,
    mac_map: tuple[MacEntry, ...] = (),
    entries: Iterable[Entry],
    name: str,
    vendors: Callable[[Iterable[Mac]], Mapping[str, str]] = lambda _: {},
) -> Evidence:
    """The same of a file of frames, `name`, that somebody else recorded. Raises InputError where it holds none."""
    ground = Interface(name=INTERFACE, mac=None, addresses=())
    asked = (t.ip for t in _targets(options, objects, Host()) if not t.skipped)
    heard = captured(entries, (ip for ip in asked if isinstance(ip, IPv4Address)), name)
    rounds = max((question.round for question in heard.questions), default=1)
    return Evidence(
        arpcheck=arpcheck.__version__,
        started_at=heard.started_at,
        ended_at=heard.ended_at,
        options=replace(options, interfaces=(INTERFACE,), rounds=rounds, wait=WINDOW / 1000),
        host=Host(interfaces=(ground,)),
        objects=objects,
        mac_map=(*mac_map, *_askers(heard, objects, name)),
        vendors=vendors({reply.mac for reply in heard.replies}),
        questions=heard.questions,
        replies=heard.replies,
        overflows=heard.overflows,
        ignored=heard.ignored,
        capture=Capture(name=name, frames=heard.frames, unseen=heard.unseen),
        trouble=heard.trouble,
    )


def _askers(heard: Captured, objects: Objects, name: str) -> Iterable[MacEntry]:
    """A node that asks says its address and its MAC: as good as a file that lists both, no better. An address that is
    also a Service's is said by whoever holds it."""
    listed = Counter(ip for addresses in identities.node_addresses(objects).values() for ip in addresses)
    own = {ip for ip, nodes in listed.items() if nodes == 1}
    for ip in sorted(own - identities.service_addresses(objects)) if objects.gap("services") is None else ():
        for mac in sorted(heard.askers.get(ip, ())):
            yield MacEntry(mac=mac, node=str(ip), interface=None, where=f"{name}: asked as {ip} (capture)")


# ------------------------------------------------------------------------------------------------------------ the rules


def conclude(evidence: Evidence) -> Report:
    """Owners, nodes, verdicts, findings, exit code."""
    objects, hearing = evidence.objects, Hearing(evidence)
    addresses = identities.node_addresses(objects)
    targets = _targets(evidence.options, objects, evidence.host)
    places = views(evidence)
    own = {name: identities.own_node(place) for name, place in places}
    outside = tuple((name, place) for name, place in places if own[name] is None)
    owned = owners(hearing, _knowledge(evidence, places, own), objects.nodes(), addresses)
    blind = _blind(places, own, addresses)
    canary = next((t.ip for t in targets if t.kind is Kind.CANARY and isinstance(t.ip, IPv4Address)), None)
    gateways = identities.pod_gateways(objects)
    states = node_states(objects.nodes(), addresses, canary, owned, hearing, blind, gateways)
    judgements = tuple(
        Judgement(case=case, verdict=verdict, reason=reason)
        for target in targets if target.kind in targeting.JUDGED
        for case in [_case(target, evidence, hearing, owned, states, blind, outside)]
        for verdict, reason in [judge(case)]
    )  # fmt: skip
    proxies = kubeproxy.kube_proxies(objects)
    judged = Judged(
        targets=targets,
        judgements=judgements,
        nodes=states,
        addresses=addresses,
        labels={mac: found for mac in owned if (found := identities.label(mac, evidence.vendors))},
        kube_proxies=proxies,
        owners=owned,
        hearing=hearing,
        canary=canary,
        controls=tuple(t.ip for t in targets if t.kind is Kind.CONTROL and isinstance(t.ip, IPv4Address)),
        host=evidence.host,
        interfaces=evidence.options.interfaces,
        blind=blind,
        gaps=(*objects.gaps, *_gaps(evidence, canary, hearing)),
        losses=evidence.losses,
        overlays=identities.overlays(objects),
        causes=(),
        cluster_version=objects.version,
        acceptances=Acceptances(entries=evidence.accepted, today=evidence.started_at.astimezone(UTC).date()),
    )
    judged = replace(judged, causes=_causes(judged, gateways))
    return report(judged, evidence, _preflight(judged, objects) if evidence.options.preflight else None)


Places = tuple[tuple[str, Evidence], ...]
"""The hosts that asked: name and own evidence; the name is empty where there is only one."""


def _knowledge(evidence: Evidence, places: Places, own: Mapping[str, str | None]) -> Knowledge:
    return Knowledge(
        identities=_once(identity for _, place in places for identity in identities.all_identities(place)),
        rank=identities.rank,
        proxies=frozenset(mac for _, place in places for mac in identities.proxies(place)),
        overlays=identities.overlays(evidence.objects),
        label=lambda mac: identities.label(mac, evidence.vendors),
        own_node=own.get(""),
        own_nodes={qualified(n, i): own[n] for n, place in places if n for i in place.options.interfaces},
        unread=identities.unread(evidence.objects),
    )


def _once(found: Iterable[Identity]) -> tuple[Identity, ...]:
    """What several hosts learnt alike is said once."""
    return tuple({replace(identity, observed_at=None): identity for identity in found}.values())


def _blind(
    places: Places, own: Mapping[str, str | None], addresses: Mapping[str, tuple[IPv4Address, ...]]
) -> Mapping[str, Place]:
    """The nodes that are a prober, and that no other prober heard."""
    found: dict[str, Place] = {}
    for name, place in places:
        node = own[name]
        if node and not any(_hears(other, addresses.get(node, ())) for n, other in places if own[n] != node):
            found[node] = Place(host=place.host, interfaces=place.options.interfaces)
    return found


def _hears(place: Evidence, addresses: tuple[IPv4Address, ...]) -> bool:
    proxies = identities.proxies(place)
    return any(reply.ip in addresses and reply.mac not in proxies for reply in place.replies)


def _case(
    target: Target,
    evidence: Evidence,
    hearing: Hearing,
    owned: Mapping[Mac, Owner],
    states: tuple[NodeState, ...],
    blind: Mapping[str, Place],
    outside: Places,
) -> cases.Case:
    ip = target.ip if isinstance(target.ip, IPv4Address) and not target.skipped else None
    announcements = _announcements(target, evidence)
    claims, announcers, silence = cases.expected(announcements)
    flat = tuple(announcement for of_service in announcements for announcement in of_service)
    named = {mac: why for announcement in flat for mac, why in announcement.macs}
    unnamed = any(announcement.macs_unread for announcement in flat)
    return cases.Case(
        target=target,
        rounds=hearing.rounds(ip) if ip else (),
        parties=cases.parties(ip, hearing, owned, named, macs_unread=unnamed) if ip else (),
        announcements=flat,
        rivals=tuple(sorted({name for of_service in announcements for name in loadbalancers.rivals(of_service)})),
        claims=claims,
        announcers=announcers,
        silence=silence,
        unread=_unread(target, announcements, evidence),
        lost=bool(ip) and hearing.lost(ip),  # type: ignore[arg-type]
        excess=hearing.excess(ip) if ip else 0,
        arp={state.name: state.arp for state in states},
        blind=frozenset(blind),
        held_on=_held_on(ip, outside) if ip else None,
        nodes_read=bool(evidence.objects.nodes()),
        node_heard=bool(ip) and _node_heard(ip, hearing, owned),  # type: ignore[arg-type]
        complete=evidence.complete,
        recorded=hearing.recorded,
    )


def _held_on(ip: IPv4Address, outside: Places) -> str | None:
    """`outside`: the hosts that are not known to be a node."""
    found = ((name, cases.held_on(ip, place.host)) for name, place in outside)
    return next((qualified(name, interface) if name else interface for name, interface in found if interface), None)


def _announcements(target: Target, evidence: Evidence) -> tuple[tuple[Announcement, ...], ...]:
    """Of each Service of the target, the deciding one first; of an address without a Service what speaks of the address."""
    if not isinstance(target.ip, IPv4Address):
        return ()
    ip, objects, at = target.ip, evidence.objects, _moment(evidence)
    if not target.services:
        return ((*_own_address(target), *loadbalancers.announcements_of_address(ip, objects, at)),)
    by_name = objects.memo("services by name", lambda: {service.full_name: service for service in objects.services()})
    return tuple(loadbalancers.announcements(by_name[name], ip, objects, at) for name in target.services)


def _own_address(target: Target) -> Iterable[Announcement]:
    """An address without a Service that is a node's own should be answered by that node."""
    if target.nodes:
        claims = tuple(Claim(node=node, source=f"Node {node}", trust=Trust.CURRENT) for node in target.nodes)
        yield Announcement(implementation=None, because="the address is a node's own", order=2, claims=claims)


def _unread(target: Target, announcements: tuple[tuple[Announcement, ...], ...], evidence: Evidence) -> tuple[str, ...]:
    """The refused resources that might have said who announces this address."""
    if not isinstance(target.ip, IPv4Address):
        return ()
    ip, objects = target.ip, evidence.objects
    by_name = {service.full_name: service for service in objects.services()} if target.services else {}
    found = {gap.what for gap in objects.gaps if gap.what == "services"} if not target.services else set()
    for of_service, name in zip(announcements, target.services or ("",), strict=True):
        found |= set(of_service[0].unread if of_service else loadbalancers.unread(by_name.get(name), ip, objects))
    return tuple(sorted(found))


def _moment(evidence: Evidence) -> datetime:
    """The moment at which claims are judged: when they were read, if a host asked just after; else when the last host
    began to ask."""
    read_at = evidence.objects.read_at
    starts = [vantage.started_at for vantage in evidence.vantages] or [evidence.started_at]
    if read_at is not None and any(timedelta(0) <= start - read_at <= FRESH for start in starts):
        return read_at
    return max(starts)


def _node_heard(ip: IPv4Address, hearing: Hearing, owned: Mapping[Mac, Owner]) -> bool:
    asked = hearing.asked(ip).interfaces()
    return any(owner.node and hearing.interfaces(mac) & asked for mac, owner in owned.items())


def _gaps(evidence: Evidence, canary: IPv4Address | None, hearing: Hearing) -> Iterable[Gap]:
    """What was not asked or not listened to, beside what was not read."""
    if canary is None or not hearing.asked(canary).broadcast:
        unasked = "the run ended before" if evidence.capture is None else "nobody asked it in the capture"
        why = "no Service has an IPv4 ClusterIP that is known" if canary is None else unasked
        yield Gap(what="canary", why=why, costs="whether the nodes' kernels answer for Service addresses is not known")
    if evidence.capture is not None:
        yield from _not_recorded(evidence, evidence.capture)
    for trouble in evidence.trouble:
        yield Gap(what="wire", why=trouble, costs="what was said after that was not heard")
    for entry in identities.unmatched(evidence):
        why = f"{entry.where}: {entry.node!r} is no node of this cluster"
        yield Gap(what="mac-map", why=why, costs=f"{entry.mac} has no owner by it")


def _not_recorded(evidence: Evidence, capture: Capture) -> Iterable[Gap]:
    """What a file of frames can't say."""
    unseen = f" ({capture.unseen} replies whose question is not in it)" if capture.unseen else ""
    yield Gap(what="capture", why=f"a file of frames does not say what it missed{unseen}", costs="an answer may be missing")
    asked = {question.ip for question in evidence.questions}
    if not asked.intersection(targeting.CONTROLS):
        costs = "a device that answers for what it does not own can't be told from a node"
        yield Gap(what="control", why="nobody asked it in the capture", costs=costs)
    read_at = evidence.objects.read_at
    if read_at is not None and not evidence.started_at - APART <= read_at <= evidence.ended_at + APART:
        why = f"recorded {evidence.started_at:%Y-%m-%d %H:%M} UTC, the cluster was read {read_at:%Y-%m-%d %H:%M} UTC"
        yield Gap(what="capture", why=why, costs="who should have answered then may be another than is recorded now")


def _causes(judged: Judged, gateways: Mapping[str, tuple[IPv4Address, ...]]) -> tuple[Cause, ...]:
    """The likely causes, from what the wire showed beside what is configured."""
    hearing = judged.hearing
    answers = [(str(j.ip), party) for j, party in judged.answers()]
    asked_gateways = any(hearing.asked(ip).broadcast for found in gateways.values() for ip in found)
    heard = Heard(
        answered=_answered(judged),
        strangers=frozenset(ip for ip, party in answers if party.owner.foreign and not party.named),
        stranger_on_canary=any(judged.owners[mac].foreign for mac in judged.canary_macs()),
        twice=frozenset(node for _, node, _ in doubled(judged)),
        gateways=_answered_gateways(judged, gateways) if asked_gateways else None,
        node_addresses=_node_addresses(judged),
        prober=next(iter(judged.blind), None),
    )
    return causes(
        judged.kube_proxies,
        frozenset(judged.named(Arp.NON_STRICT)),
        frozenset((*judged.named(Arp.NON_STRICT), *judged.named(Arp.STRICT))),
        frozenset(state.name for state in judged.nodes),
        heard,
    )


def _answered(judged: Judged) -> Mapping[str, frozenset[str]]:
    """By address, the nodes that answered; none only where somebody should have: not where the announcer is this host,
    where it is announced by BGP, or where whose the MACs are that answered is not known."""
    found = {}
    for judgement in judged.asked():
        nodes = frozenset(party.node for party in judgement.case.parties if party.node)
        far = not judgement.case.parties and _node_addresses(judged) is False
        if nodes or far or judgement.verdict is Verdict.SILENT:
            found[str(judgement.ip)] = nodes
    return found


def _answered_gateways(judged: Judged, gateways: Mapping[str, tuple[IPv4Address, ...]]) -> frozenset[str]:
    def answered(node: str, ip: IPv4Address) -> bool:
        return any(judged.owners[mac].node == node for mac in judged.hearing.voices(ip))

    return frozenset(node for node, found in gateways.items() if any(answered(node, ip) for ip in found))


def _node_addresses(judged: Judged) -> bool | None:
    asked = [ip for found in judged.addresses.values() for ip in found if judged.hearing.asked(ip).broadcast]
    return any(judged.hearing.voices(ip) for ip in asked) if asked else None


def _preflight(judged: Judged, objects: Objects) -> Preflight:
    """Whether a layer-2 load balancer can be installed: by the wire alone; what is configured stands beside it."""
    configured = status(objects, wire={state.name: state.arp for state in judged.nodes})
    faulty, strict = judged.named(Arp.NON_STRICT), judged.named(Arp.STRICT)
    safe: bool | None
    count = f"{len(strict)} of {len(judged.nodes)} nodes are quiet for addresses that they do not announce"
    match bool(faulty), len(strict) == len(judged.nodes) > 0:
        case True, _:
            safe, words = False, f"not safe: {', '.join(faulty)} would answer for every address of the load balancer"
        case False, True:
            safe, words = True, f"safe: {count}"
        case _:
            safe, words = None, f"not known: only {count}"
    return Preflight(safe=safe, words=words, strict_arp=configured.answer.value, reason=configured.reason)
