"""From an Evidence to the Report: owners, nodes, verdicts, findings, exit code. Pure: the same evidence gives the same
report, anywhere, years later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC
from ipaddress import IPv4Address

from arpcheck import identities, kubeproxy, loadbalancers
from arpcheck import targets as targeting
from arpcheck.evidence import Evidence
from arpcheck.judge import case as cases
from arpcheck.judge.acceptance import Acceptances
from arpcheck.judge.hearing import Hearing
from arpcheck.judge.judged import Judged, Judgement, Place
from arpcheck.judge.nodes import NodeState, node_states
from arpcheck.judge.owners import Knowledge, owners
from arpcheck.judge.report import report
from arpcheck.judge.verdicts import judge
from arpcheck.model import (
    Identity,
    Kind,
    Mac,
    Owner,
    Report,
    Target,
)  # fmt: skip
from arpcheck.pipeline import ages, records
from arpcheck.pipeline.explaining import gaps, likely_causes, preflight, untold
from arpcheck.pipeline.planning import targets_of
from arpcheck.vantages import qualified, views

Places = tuple[tuple[str, Evidence], ...]
"""The hosts that asked: name and own evidence; the name is empty where there is only one."""

def conclude(evidence: Evidence) -> Report:
    """Owners, nodes, verdicts, findings, exit code."""
    objects, hearing = evidence.objects, Hearing(evidence)
    addresses = identities.node_addresses(objects)
    targets = targets_of(evidence.options, objects, evidence.host)
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
        gaps=(*objects.gaps, *gaps(evidence, canary, hearing), *untold(judgements), *ages.gap(ages.outdated(evidence))),
        losses=evidence.losses,
        overlays=identities.overlays(objects),
        causes=(),
        cluster_version=objects.version,
        in_vain=None if any(t.kind in targeting.JUDGED for t in targets) else targeting.selection(evidence.options),
        acceptances=Acceptances(entries=evidence.accepted, today=evidence.started_at.astimezone(UTC).date()),
    )
    judged = replace(judged, causes=likely_causes(judged, gateways))
    return report(judged, evidence, preflight(judged, objects) if evidence.options.preflight else None)


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
    announcements, read_at = records.announcements(target, evidence), ages.outdated(evidence)
    claims, announcers, silence = cases.expected(announcements)
    flat = tuple(announcement for of_service in announcements for announcement in of_service)
    named = {mac: why for announcement in flat for mac, why in announcement.macs}
    unnamed = any(announcement.macs_unread for announcement in flat)
    parties = cases.parties(ip, hearing, owned, named, macs_unread=unnamed) if ip else ()
    return cases.Case(
        target=target,
        rounds=hearing.rounds(ip) if ip else (),
        parties=parties,
        announcements=flat,
        rivals=tuple(sorted({name for of_service in announcements for name in loadbalancers.rivals(of_service)})),
        claims=claims,
        announcers=announcers,
        silence=silence,
        unread=records.unread(target, announcements, evidence),
        unsaid=records.unsaid(announcements, answered=bool(parties)),
        outdated=f"{read_at:%Y-%m-%d %H:%M} UTC" if read_at else None,
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


def _node_heard(ip: IPv4Address, hearing: Hearing, owned: Mapping[Mac, Owner]) -> bool:
    asked = hearing.asked(ip).interfaces()
    return any(owner.node and hearing.interfaces(mac) & asked for mac, owner in owned.items())
