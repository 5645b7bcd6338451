"""From an Evidence to the Report: owners, nodes, verdicts, findings, exit code. Pure: the same evidence gives the same
report, anywhere, years later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import IPv4Address

from arpcheck import identities, kubeproxy
from arpcheck import targets as targeting
from arpcheck.evidence import Evidence
from arpcheck.judge import case as cases
from arpcheck.judge.acceptance import Acceptances
from arpcheck.judge.findings.kernels import doubled
from arpcheck.judge.hearing import Hearing
from arpcheck.judge.judged import Judged, Judgement, Place
from arpcheck.judge.nodes import node_states
from arpcheck.judge.owners import Knowledge, owners
from arpcheck.judge.report import report
from arpcheck.judge.verdicts import judge
from arpcheck.model import (
    Arp,
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
    owned = owners(hearing, _knowledge(evidence, places, own), objects.nodes(), addresses)
    blind = _blind(places, own, addresses)
    canary = next((t.ip for t in targets if t.kind is Kind.CANARY and isinstance(t.ip, IPv4Address)), None)
    gateways = identities.pod_gateways(objects)
    states = node_states(objects.nodes(), addresses, canary, owned, hearing, blind, gateways)
    labels = {mac: found for mac in owned if (found := identities.label(mac, evidence.vendors))}
    read_at = ages.outdated(evidence)
    ground = _Ground(
        hearing=hearing,
        owners=owned,
        labels=labels,
        non_strict=frozenset(state.name for state in states if state.arp is Arp.NON_STRICT),
        node_interfaces=frozenset(i for mac, owner in owned.items() if owner.node for i in hearing.interfaces(mac)),
        blind=frozenset(blind),
        held=_held((name, place) for name, place in places if own[name] is None),
        moment=ages.moment(evidence),
        read_at=read_at,
    )
    judgements = tuple(
        Judgement(case=case, verdict=verdict, reason=reason)
        for target in targets if target.kind in targeting.JUDGED
        for case in [_case(target, evidence, ground)]
        for verdict, reason in [judge(case)]
    )  # fmt: skip
    proxies = kubeproxy.kube_proxies(objects)
    judged = Judged(
        targets=targets,
        judgements=judgements,
        nodes=states,
        addresses=addresses,
        labels=labels,
        kube_proxies=proxies,
        owners=owned,
        hearing=hearing,
        canary=canary,
        controls=tuple(t.ip for t in targets if t.kind is Kind.CONTROL and isinstance(t.ip, IPv4Address)),
        host=evidence.host,
        interfaces=evidence.options.interfaces,
        blind=blind,
        gaps=(*objects.gaps, *gaps(evidence, canary, hearing), *untold(judgements), *ages.gap(read_at)),
        losses=evidence.losses,
        overlays=identities.overlays(objects),
        causes=(),
        cluster_version=objects.version,
        in_vain=None if any(t.kind in targeting.JUDGED for t in targets) else targeting.selection(evidence.options),
        acceptances=Acceptances(entries=evidence.accepted, today=evidence.started_at.astimezone(UTC).date()),
    )
    judged = replace(judged, doubled=doubled(judged))
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
    heard = place.by_address()
    return any(reply.mac not in proxies for ip in addresses for reply in heard.get(ip, ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What every case rests on alike."""

    hearing: Hearing
    owners: Mapping[Mac, Owner]
    labels: Mapping[Mac, str]
    non_strict: frozenset[str]
    node_interfaces: frozenset[str]
    """Where any node was heard."""
    blind: frozenset[str]
    held: Mapping[IPv4Address, str]
    """The addresses of the hosts that are not known to be a node, with the interface."""
    moment: datetime
    """At which claims are judged."""
    read_at: datetime | None
    """When the cluster was read, where that was too long before."""


def _case(target: Target, evidence: Evidence, ground: _Ground) -> cases.Case:
    ip = target.ip if isinstance(target.ip, IPv4Address) and not target.skipped else None
    hearing, owners, objects, read_at = ground.hearing, ground.owners, evidence.objects, ground.read_at
    record = records.record(target, objects, ground.moment, outdated=read_at is not None)
    parties = cases.parties(ip, hearing, owners, ground.labels, record.announcers, record.named) if ip else ()
    return cases.Case(
        target=target,
        rounds=hearing.rounds(ip) if ip else (),
        parties=parties,
        owners=owners,
        named=record.named,
        named_unread=record.named_unread,
        deaf=cases.deaf(ip, parties, hearing, owners) if ip else {},
        announcements=record.announcements,
        rivals=record.rivals,
        claims=record.claims,
        announcers=record.announcers,
        silence=record.silence,
        unread=record.unread,
        unsaid=records.unsaid(record.said, answered=bool(parties)),
        outdated=f"{read_at:%Y-%m-%d %H:%M} UTC" if read_at else None,
        lost=bool(ip) and hearing.lost(ip),  # type: ignore[arg-type]
        excess=hearing.excess(ip) if ip else 0,
        non_strict=ground.non_strict,
        blind=ground.blind,
        held_on=ground.held.get(ip) if ip else None,
        nodes_read=bool(objects.nodes()),
        node_heard=bool(ip) and not ground.node_interfaces.isdisjoint(hearing.asked(ip).interfaces()),  # type: ignore[arg-type]
        complete=evidence.complete,
        recorded=hearing.recorded,
    )


def _held(outside: Iterable[tuple[str, Evidence]]) -> Mapping[IPv4Address, str]:
    """The interface that has an address as its own, of the hosts that are not known to be a node: the first of them."""
    found: dict[IPv4Address, str] = {}
    for name, place in outside:
        for ip, interface in cases.held(place.host).items():
            found.setdefault(ip, qualified(name, interface) if name else interface)
    return found
