"""Adds to the verdicts what was not read or requested, and the likely causes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

from arpcheck import loadbalancers, mac_owners, targets
from arpcheck.evidence import Capture, Evidence
from arpcheck.judge.findings.silences import silent_groups
from arpcheck.judge.judged import Judged, Judgement, ipv6_alone
from arpcheck.judge.observations import Observations
from arpcheck.judge.reasons import best
from arpcheck.kubeproxy.causes import causes
from arpcheck.kubeproxy.observations import WireObservations
from arpcheck.kubeproxy.remedy import cures
from arpcheck.model import Address, Arp, Cause, CauseId, Gap, Outcome, Target, Verdict
from arpcheck.objects import Objects

APART = timedelta(minutes=10)
"""Maximum time between a capture and the reading of the cluster before a gap is reported."""


def gaps(
    evidence: Evidence, canary: Address | None, observations: Observations, requested: Iterable[Target]
) -> Iterable[Gap]:
    """Gaps on the wire: what was not requested or not received."""
    if (canary is None or not observations.asked(canary).broadcast) and not ipv6_alone(requested, observations):
        why_missing = "the run ended before its request" if evidence.capture is None else "the capture has no request for it"
        named = targets.canary(evidence.objects) in evidence.options.ips
        unknown = "no IPv4 ClusterIP of a Service is known" + (" other than the one given with --ip" if named else "")
        why = unknown if canary is None else why_missing
        yield Gap(what="canary", why=why, costs="unknown whether the nodes' kernels reply for Service addresses")
    if evidence.capture is not None:
        yield from _not_recorded(evidence, evidence.capture)
    for trouble in evidence.trouble:
        yield Gap(what="wire", why=trouble, costs="later replies were not received")
    yield from mac_owners.unmatched_hosts(evidence)


def without_own_sender(judgements: Iterable[Judgement]) -> Iterable[Gap]:
    """Gap for addresses that were requested without an own sender address, to which a Linux proxy does not reply. Addresses
    of this node itself have another reason, unless they are fine: a node does not receive its own replies."""
    asked = (j for j in judgements if not j.case.own_sender)
    ips = [str(j.case.target.ip) for j in asked if not j.case.held_by or j.verdict.outcome is Outcome.FINE]
    if ips:
        more = f" and {len(ips) - 3} more" if len(ips) > 3 else ""
        why = f"this host has no sender address for {', '.join(ips[:3])}{more}"
        yield Gap(what="sender", why=why, costs="a proxy ARP device would not be detected")


def not_in_file(judgements: Iterable[Judgement]) -> Iterable[Gap]:
    """Gaps for resources that a file lacks and that a verdict depends on."""
    open_ones = (j.case for j in judgements if j.verdict is Verdict.INCONCLUSIVE)
    for name in sorted({name for case in open_ones for name in case.not_in_file}):
        costs = dict.fromkeys(need.costs for need in loadbalancers.NEEDS if need.resource == name)
        yield Gap(what=name, why="not in the file (use --file-has if it was read)", costs="; ".join(costs))


def _not_recorded(evidence: Evidence, capture: Capture) -> Iterable[Gap]:
    """Gaps that every capture has."""
    unseen = f" ({capture.unseen} replies without a recorded request)" if capture.unseen else ""
    yield Gap(what="capture", why=f"a capture does not show what it missed{unseen}", costs="a reply may be missing")
    asked = {question.ip for question in evidence.questions}
    if not asked.intersection(targets.CONTROLS):
        costs = "a proxy ARP device can't be distinguished from a node"
        yield Gap(what="control", why="the capture has no request for it", costs=costs)
    read_at = evidence.objects.read_at
    if read_at is not None and not evidence.started_at - APART <= read_at <= evidence.ended_at + APART:
        why = f"recorded {evidence.started_at:%Y-%m-%d %H:%M} UTC, the cluster was read {read_at:%Y-%m-%d %H:%M} UTC"
        yield Gap(what="capture", why=why, costs="another node may have been the announcer at that time")


def likely_causes(judged: Judged, gateways: Mapping[str, tuple[Address, ...]], objects: Objects) -> tuple[Cause, ...]:
    """The likely causes, from the observations and the configuration."""
    observations = judged.observations
    gateways_requested = any(observations.asked(ip).broadcast for found in gateways.values() for ip in found)
    heard = WireObservations(
        answered=_answered(judged),
        strangers=frozenset(str(j.ip) for j, party in judged.strangers() if j.case.is_foreign(party)),
        stranger_on_canary=any(judged.owners[nic].outside or judged.owners[nic].apart for nic in judged.canary_nics()),
        unknown=(
            any(not j.case.is_foreign(party) and not j.case.external for j, party in judged.strangers())
            or any(judged.owners[nic].node is None for nic in judged.canary_nics())
        ),
        holders=frozenset(
            party.node
            for j in judged.asked()
            if j.verdict is Verdict.NON_STRICT and not j.case.offenders
            for party in j.case.parties
            if party.node
        ),
        twice=frozenset(node for _, node, _ in judged.doubled),
        gateways=_answered_gateways(judged, gateways) if gateways_requested else None,
        node_addresses=_node_addresses(judged),
        prober=next(iter(judged.blind), None),
    )
    found = causes(
        judged.kube_proxies,
        frozenset(judged.named(Arp.NON_STRICT)),
        frozenset((*judged.named(Arp.NON_STRICT), *judged.named(Arp.QUIET))),
        frozenset(state.name for state in judged.nodes),
        heard,
        cures(objects),
    )
    return tuple(_with_reasons(found, judged))


MOST_NAMED = 3
"""Addresses that a cause names; it counts the others."""


def _with_reasons(found: Iterable[Cause], judged: Judged) -> Iterator[Cause]:
    """Where the cluster explains why nobody replies for an address, the cause says that instead of what it may be."""
    silent = [one for one in judged.judgements if one.verdict is Verdict.SILENT]
    explained = silent_groups(one for one in silent if best(one.reasons))
    for cause in found:
        if cause.id is not CauseId.NOBODY_ANNOUNCES or sum(len(group.ips) for group in explained) < len(silent):
            yield cause
        if cause.id is CauseId.NOBODY_ANNOUNCES:
            for group in explained:
                yield replace(cause, text=group.text(MOST_NAMED), do=group.do, nodes=group.nodes)


def _answered(judged: Judged) -> Mapping[str, frozenset[str]]:
    """The nodes that replied for each address. An empty set means that a node should have replied: not if the announcer is
    this host, if BGP announces the address, or if the owners of the responding MACs are unknown."""
    found, nobody = {}, _node_addresses(judged) is False
    for judgement in judged.asked():
        if judgement.verdict is Verdict.NON_STRICT and not judgement.case.offenders:
            continue  # every kernel holds it, by configuration
        if judgement.verdict is Verdict.MOVED:
            continue  # one after the other: a failover, not a split brain
        nodes = frozenset([party.node for party in judgement.case.parties if party.node])
        far = not judgement.case.parties and nobody
        if nodes or far or judgement.verdict is Verdict.SILENT:
            found[str(judgement.ip)] = nodes
    return found


def _answered_gateways(judged: Judged, gateways: Mapping[str, tuple[Address, ...]]) -> frozenset[str]:
    def answered(node: str, ip: Address) -> bool:
        return any(judged.owners[nic].node == node for nic in judged.observations.by_nic(ip))

    return frozenset(node for node, found in gateways.items() if any(answered(node, ip) for ip in found))


def _node_addresses(judged: Judged) -> bool | None:
    asked = [ip for found in judged.addresses.values() for ip in found if judged.observations.asked(ip).broadcast]
    return any(judged.observations.by_nic(ip) for ip in asked) if asked else None
