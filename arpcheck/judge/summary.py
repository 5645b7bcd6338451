"""The judged run as the Report that every format renders: its exit code, what else holds of an address, and the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import replace
from ipaddress import IPv4Address
from itertools import groupby
from operator import attrgetter
from typing import Any, assert_never

from arpcheck.command_lines import CommandLines
from arpcheck.evidence import Evidence
from arpcheck.evidence_json import as_document
from arpcheck.judge import reasons
from arpcheck.judge.acceptance import marked
from arpcheck.judge.case import Case
from arpcheck.judge.findings import findings
from arpcheck.judge.judged import Judged, Judgement
from arpcheck.judge.nodes import NodeState
from arpcheck.judge.observations import Observations
from arpcheck.judge.responders import parties
from arpcheck.model import (
    Address,
    Also,
    AlsoId,
    Arp,
    Confidence,
    Finding,
    Kind,
    KubeProxy,
    Loss,
    Nic,
    NodeMac,
    NodeReport,
    Outcome,
    Preflight,
    Reply,
    Report,
    Responder,
    Run,
    Summary,
    Target,
    TargetReport,
    Verdict,
)
from arpcheck.model.constants import IPV6, OVERRIDE, SEGMENTS, SLOW
from arpcheck.text import count

_UNSEEN = KubeProxy(mode=None, strict_arp=None, source=None)


def report(judged: Judged, evidence: Evidence, preflight: Preflight | None) -> Report:
    by_target = {judgement.case.target: judgement for judgement in judged.judgements}
    found = findings(judged)
    loud = frozenset(judged.named(Arp.NON_STRICT))
    lines = CommandLines.of(evidence.objects, () if evidence.vantages else evidence.options.interfaces)
    return Report(
        summary=summarise(judged, found, complete=evidence.complete, interrupted=evidence.interrupted, preflight=preflight),
        targets=tuple(_target(target, by_target.get(target), judged, lines, loud) for target in judged.targets),
        nodes=tuple(_node_report(state, judged) for state in judged.nodes),
        findings=tuple(_with_commands(finding, lines) for finding in found),
        gaps=tuple(sorted(judged.gaps)),
        run=_run_report(evidence),
        causes=tuple(replace(cause, do=lines.completed(cause.do)) for cause in judged.causes),
        preflight=preflight,
        evidence=as_document(evidence),
    )


def _with_commands(finding: Finding, lines: CommandLines) -> Finding:
    return replace(finding, do=tuple(lines.completed(step, finding.ips) for step in finding.do))


def _target(
    target: Target, judgement: Judgement | None, judged: Judged, lines: CommandLines, loud: Set[str]
) -> TargetReport:
    """`loud`: the nodes without strict ARP."""
    observations = judged.observations
    ip = target.ip
    asked = ip if not target.skipped else None
    sure = confidence(asked, observations, judged.losses) if asked else Confidence()
    rounds = observations.asked(ip).rounds() if ip else ()
    if judgement is None:
        responders = _knowledge(target, judged)
        return TargetReport(
            target=target, implementation=None, announcers=(), verdict=None, reason="", responders=responders, rounds=rounds,
            winner=winner(asked, responders, observations) if asked else None, confidence=sure,
        )  # fmt: skip
    case, accepted = judgement.case, judgement.accepted
    return TargetReport(
        target=target,
        implementation=case.announcements[0].implementation if case.announcements else None,
        announcers=case.claims,
        verdict=judgement.verdict,
        reason=marked(said(judgement), accepted),
        responders=_wrong_first(case, loud),
        rounds=rounds,
        accepted=accepted,
        also=judgement.also,
        reasons=tuple(replace(one, do=lines.completed(one.do)) for one in judgement.reasons),
        winner=winner(asked, case.parties, observations) if asked else None,
        confidence=sure,
        reach=judged.reach.get(asked, ()) if isinstance(asked, IPv4Address) else (),
    )


def _wrong_first(case: Case, loud: Set[str]) -> tuple[Responder, ...]:
    """Strangers, then kernels without strict ARP, then other nodes, and at the end who should reply."""
    others = [one for one in case.parties if one.expected or one.node not in case.non_strict]
    others.sort(key=lambda one: (one.expected, one.node is not None, one.node not in loud))
    strangers = sum(not one.expected for one in case.strangers)
    return (*others[:strangers], *case.offenders, *others[strangers:])


def _knowledge(target: Target, judged: Judged) -> tuple[Responder, ...]:
    """The responders of a target that has no verdict: only a node is expected to reply, for its own address."""
    if target.ip is None:
        return ()
    expected = target.nodes if target.kind is Kind.NODE else ()
    return parties(target.ip, judged.observations, judged.owners, judged.labels, expected)


def _node_report(state: NodeState, judged: Judged) -> NodeReport:
    accepted = judged.acceptances.of_node(state.name, state.arp)
    return NodeReport(
        name=state.name,
        arp=state.arp,
        reason=marked(state.reason, accepted),
        ready=state.ready,
        addresses=judged.addresses.get(state.name, ()),
        macs=tuple(dict.fromkeys(entry for nic in state.nics for entry in _node_macs(nic, state.name, judged))),
        kube_proxy=judged.kube_proxies.get(state.name, _UNSEEN),
        accepted=accepted,
    )


def _node_macs(nic: Nic, node: str, judged: Judged) -> Iterable[NodeMac]:
    """Every source that gives this NIC to the node, strongest first; one line a source and interface."""
    named = (i for i in judged.owners[nic].identities if i.node == node)
    return (NodeMac(mac=nic[1], interface=i.interface, source=i.source) for i in named)


def _run_report(evidence: Evidence) -> Run:
    options = evidence.options
    by_name = {interface.name: interface for interface in evidence.host.interfaces}
    return Run(
        arpcheck=evidence.arpcheck,
        started_at=evidence.started_at,
        ended_at=evidence.ended_at,
        interfaces=tuple(by_name[name] for name in options.interfaces if name in by_name),
        interfaces_because=options.interfaces_because,
        context=evidence.objects.context,
        kubeconfig=evidence.objects.kubeconfig,
        cluster=evidence.objects.version,
        rounds=options.rounds,
        wait=options.wait,
        rate=options.rate,
        sender=options.sender,
        sent=len(evidence.questions),
        received=len(evidence.replies) + sum(overflow.replies for overflow in evidence.overflows),
        lost=sum(loss.frames for loss in evidence.losses),
        ignored=evidence.ignored,
    )


# --------------------------------------------------------- The exit code, from what was proven and what could hide something

NEEDED = ("services", "nodes")
"""Resources that every verdict depends on. What only some Services need is in their own verdict."""

INTERRUPTED = 130


def summarise(
    judged: Judged,
    found: Iterable[Finding],
    *,
    complete: bool,
    interrupted: bool,
    preflight: Preflight | None = None,
) -> Summary:
    """The summary with its exit code and the reasons for it. `found`: the findings. `preflight`: its question is whether
    every node is as it should be, so a node that did not reply makes the run unsure, unless it is powered off."""
    verdicts = Counter(judgement.verdict for judgement in judged.judgements)
    counted = Counter(judgement.verdict for judgement in judged.judgements if not judgement.accepted)
    open_ones = tuple(finding for finding in found if finding.accepted is None)
    proven = _proven(judged, counted, open_ones)
    doubts = _doubts(judged, counted, open_ones, complete, answered=bool(preflight and preflight.safe))
    said = {*judged.missed(), *judged.away()}
    if preflight and (unheard := [name for name in judged.counted(Arp.UNREACHED) if name not in said]):
        doubts = (*doubts, f"no reply from {', '.join(unheard)}")
    if preflight and preflight.safe is None:
        doubts = (*doubts, preflight.words)
    outcome = Outcome.worst(
        (
            *(Outcome.FAULT for _ in proven[:1]),
            *(Outcome.UNSURE for _ in doubts[:1]),
            *(judgement.verdict.outcome for judgement in judged.judgements if not judgement.accepted),
            *(Outcome.FINE for judgement in judged.judgements if judgement.accepted),
            *(
                Outcome.FINE if state.arp is Arp.UNKNOWN and judged.ipv6_alone else state.arp.outcome
                for state in judged.nodes
                if not judged.acceptances.of_node(state.name, state.arp)
            ),
            *(Outcome.FINE for state in judged.nodes if judged.acceptances.of_node(state.name, state.arp)),
            *(finding.outcome for finding in open_ones if finding.outcome is not Outcome.FINE),
            *(Outcome.FINE for one in (preflight,) if one and one.safe),
        )
    )
    if interrupted:
        code, because = INTERRUPTED, ("the run was interrupted", *proven, *doubts)
    else:
        code = outcome.exit_code
        match outcome:
            case Outcome.FAULT:
                because = (*judged.empty_selection, *proven)
            case Outcome.UNSURE | Outcome.NOT_JUDGED:
                unsure = tuple(finding.id for finding in open_ones if finding.outcome is Outcome.UNSURE)
                because = doubts or unsure or ("nothing was judged",)
            case Outcome.FINE:
                because = ()
            case _:
                assert_never(outcome)
    return Summary(
        exit_code=code,
        verdicts={verdict: verdicts[verdict] for verdict in Verdict if verdicts[verdict]},
        non_strict_nodes=judged.named(Arp.NON_STRICT),
        complete=complete and not interrupted,
        because=(*because, *_accepted(judged)),
    )


def _of_outcome(verdicts: Counter[Verdict], outcome: Outcome) -> list[str]:
    return [f"{verdicts[v]} {v.value}" for v in Verdict if verdicts[v] and v.outcome is outcome]


def _proven(judged: Judged, verdicts: Counter[Verdict], found: Iterable[Finding]) -> tuple[str, ...]:
    proven = _of_outcome(verdicts, Outcome.FAULT)
    nodes = judged.counted(Arp.NON_STRICT)
    if nodes:
        proven.append(f"{len(nodes)} of {count(len(judged.nodes), 'node')} without strict ARP")
    return tuple(proven) or tuple(finding.id for finding in found if finding.outcome is Outcome.FAULT)


def _strictness_unknown(judged: Judged) -> Iterable[str]:
    if judged.canary is None or not judged.observations.asked(judged.canary).broadcast:
        yield "the canary was not probed"
    elif judged.observations.lost(judged.canary) or judged.observations.excess(judged.canary):
        yield "frames were lost while the canary was probed"
    strangers = [nic for nic in judged.canary_nics() if judged.owners[nic].node is None]
    if strangers and not _accepted_strangers(judged, strangers):
        yield f"{', '.join(mac for _, mac in strangers)}, which belongs to no known node, replied for the canary"
    if unknown := judged.named(Arp.UNKNOWN):
        yield f"it is not known whether the kernel of {', '.join(unknown)} replies for Service addresses"


def _doubts(
    judged: Judged, verdicts: Counter[Verdict], found: Iterable[Finding], complete: bool, *, answered: bool
) -> tuple[str, ...]:
    """`answered`: the question of a preflight, which may be about IPv6 alone."""
    doubts = _of_outcome(verdicts, Outcome.UNSURE)
    if not complete:
        doubts.append("the run was not finished")
    for node in sorted(judged.blind):
        if not judged.acceptances.of_node(node, Arp.SELF):
            doubts.append(f"{node}, on which arpcheck ran, was not tested")
    if judged.observations.recorded:
        doubts.append("the frames are from a capture, which may be incomplete")
    if not judged.ipv6_alone:
        doubts.extend(_strictness_unknown(judged))
    if missed := judged.missed():
        doubts.append(f"no reply from {', '.join(missed)}")
    doubts.extend(f"{gap.what} could not be read: {gap.why}" for gap in judged.gaps if gap.what in NEEDED)
    doubts.extend(gap.why for gap in judged.gaps if gap.what == SEGMENTS)
    doubts.extend(judged.empty_selection)
    addresses = [j for j in judged.judgements if j.case.target.ip is not None]
    if addresses and all(j.verdict.outcome is Outcome.NOT_JUDGED for j in addresses):
        doubts.insert(0, f"none of {count(len(addresses), 'LoadBalancer address')} was judged")
    blind_to_proxies = [str(j.ip) for j in judged.asked() if j.verdict.outcome is Outcome.FINE and not j.case.own_sender]
    if blind_to_proxies:
        more = f" and {len(blind_to_proxies) - 3} more" if len(blind_to_proxies) > 3 else ""
        named = f"{', '.join(blind_to_proxies[:3])}{more}"
        doubts.append(f"no request for {named} came from an own address, so a proxy would not be seen")
    unsure = (finding for finding in found if finding.outcome is Outcome.UNSURE and finding.id not in _SAID)
    doubts.extend(f"{finding.id}: {_concerned(finding)}" for finding in unsure)
    if not (addresses or answered or judged.named(Arp.QUIET)):
        doubts.append("no address and no node was judged")
    return tuple(dict.fromkeys(doubts))


_SAID = ("self-blind", "unreached-nodes", "unknown-mac", "foreign-mac")
"""Findings that a verdict or another doubt already reports."""


def _concerned(finding: Finding) -> str:
    named = [*finding.nodes, *map(str, finding.ips)]
    return ", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")


def _accepted_strangers(judged: Judged, strangers: Iterable[Nic]) -> bool:
    """The finding `foreign-mac` of the canary is accepted, and it speaks of all of them."""
    accepted = judged.canary is not None and judged.acceptances.of_subject("foreign-mac", judged.canary)
    return bool(accepted) and all(judged.owners[nic].outside or judged.owners[nic].apart for nic in strangers)


def _accepted(judged: Judged) -> tuple[str, ...]:
    """What is accepted and not counted."""
    verdicts = Counter(judgement.verdict for judgement in judged.judgements if judgement.accepted)
    found = [f"{verdicts[verdict]} {verdict.value}" for verdict in Verdict if verdicts[verdict]]
    for arp in (Arp.NON_STRICT, Arp.SELF):
        names = sorted({*judged.named(arp)} - {*judged.counted(arp)})
        found.extend(f"{name} {arp.value}" for name in names)
    return (f"accepted and not counted: {', '.join(found)}",) if found else ()


# ------------------------------------------------------------------------ What else is true of an address beside its verdict


def also(case: Case, verdict: Verdict, quiet: frozenset[str]) -> tuple[Also, ...]:
    """In the order of AlsoId; nothing of an address that was not judged. `quiet`: the nodes whose kernels are."""
    if verdict.outcome is Outcome.NOT_JUDGED:
        return ()
    return (*_announcer(case, verdict), *_others(case, verdict, quiet), *_strangers(case, verdict), *_gratuitous(case))


def _announcer(case: Case, verdict: Verdict) -> Iterable[Also]:
    """The verdicts `silent` and `wrong-node` themselves say that the announcer did not reply."""
    if verdict in (Verdict.SILENT, Verdict.WRONG_NODE, Verdict.MOVED) or not case.parties or case.silence or case.external:
        return
    if any(party.expected for party in case.strangers):
        return  # the Service names its MAC: it is the announcer's own
    if case.by_events and any(party.node for party in case.parties):
        return  # it may have moved back to that node since
    answered = {party.node for party in case.parties}
    could = case.announcers & case.nodes_heard - case.blind
    for node in sorted(could) if not case.announcers & answered else ():
        yield Also(id=AlsoId.ANNOUNCER_SILENT, node=node, text=f"{node} should reply but did not")
    if verdict is Verdict.NON_STRICT and len(case.offenders) == len(case.parties):
        text = "only kernels without strict ARP reply: once they are quiet, nobody does"
        yield Also(id=AlsoId.NOBODY_ELSE, text=text)


def _others(case: Case, verdict: Verdict, quiet: frozenset[str]) -> Iterable[Also]:
    if verdict not in (Verdict.NON_STRICT, Verdict.PROXY_ARP, Verdict.FOREIGN) or not quiet:
        return
    if verdict is Verdict.NON_STRICT and not case.offenders:
        return  # every kernel holds it, by configuration
    for party in case.parties:
        if party.node in quiet and not party.expected and (case.announcers or case.silence) and not case.is_proxy(party):
            yield Also(id=AlsoId.OTHER_NODE, node=party.node, text=f"{party.node} replied, although its kernel is quiet")
    known = [party for party in case.parties if party.node in quiet and not case.is_proxy(party)]
    if not (case.announcers or case.silence) and len(known) > 1:
        for party in known:
            text = f"{party.node} replied, one of {len(known)} quiet nodes"
            yield Also(id=AlsoId.OTHER_NODE, node=party.node, text=text)


def _strangers(case: Case, verdict: Verdict) -> Iterable[Also]:
    for party in case.strangers:
        named = case.is_proxy(party) or (verdict is Verdict.FOREIGN and case.is_foreign(party))
        named = named or (verdict is Verdict.DUPLICATE and party in case.together)
        if not named and verdict is not Verdict.INCONCLUSIVE and party.macs[0] not in case.named:
            yield Also(id=AlsoId.STRANGER, mac=party.macs[0], text=f"{case.words(party)} also replied")


def _gratuitous(case: Case) -> Iterable[Also]:
    for found in case.gratuitous:
        text = f"{found.mac} announced it by gratuitous ARP and does not reply for it"
        yield Also(id=AlsoId.GRATUITOUS, mac=found.mac, text=text)


def said(judgement: Judgement) -> str:
    """The reason of the verdict, the surest reason behind it, and what else is true."""
    why = reasons.said(judgement.reasons)
    also = "; ".join(one.text for one in judgement.also)
    return "; also: ".join(part for part in ("; ".join(part for part in (judgement.reason, why) if part), also) if part)


# --------------------------------------------- Which responder a client most likely takes, and how well an address was asked


def winner(ip: Address, responders: Sequence[Responder], observations: Observations) -> str | None:
    """The node or the MAC whose reply a client takes to most of the requests that everybody received. In IPv4 it is the
    first: Linux ignores another reply within a second of it (net/ipv4/arp.c, arp_process, `locktime`). Of two that were
    taken equally often the one with the fastest reply. None where nobody replied to such a request."""
    asked = observations.asked(ip).broadcast
    preference: Callable[[Reply], Any] = _preference if ip.version == IPV6 else attrgetter("at")
    first: dict[tuple[object, ...], tuple[Reply, Responder]] = {}

    def of(reply: Reply) -> Responder | None:
        return next((one for one in responders if reply.mac in one.macs and reply.interface in one.interfaces), None)

    for request, found in groupby(observations.replies(ip), key=attrgetter("interface", "round", "sender", "to")):
        if request[3] is None and request[:2] in asked:
            best = next(((reply, one) for reply in sorted(found, key=preference) if (one := of(reply))), None)
            if best is not None and (request not in first or preference(best[0]) < preference(first[request][0])):
                first[request] = best
    won = Counter(one for _, one in first.values())
    likely = min(won, key=lambda one: (-won[one], one.first_reply_ms, one.macs), default=None)
    return (likely.node or str(likely.macs[0])) if likely else None


def _preference(reply: Reply) -> tuple[bool, float]:
    """Sorts the replies to one request in IPv6, that which a client takes first: the last one with the override flag, else
    the first (RFC 4861 section 7.2.5; net/ipv6/ndisc.c, ndisc_recv_na)."""
    override = bool(reply.flags and reply.flags & OVERRIDE)
    return not override, -reply.at if override else reply.at


def confidence(ip: Address, observations: Observations, losses: Iterable[Loss]) -> Confidence:
    """How well an address was probed. A capture does not show the rate."""
    asked, rounds = observations.asked(ip).broadcast, observations.rounds(ip)
    rates = (
        min(course.rate, SLOW) if number > course.last_announced else course.rate
        for course in observations.courses for number in rounds if course.has(number)
    )  # fmt: skip
    return Confidence(
        rounds=len(rounds),
        lost=sum(loss.frames for loss in losses if any((loss.interface, number) in asked for number in loss.rounds)),
        slowest_rate=None if observations.recorded else min(rates, default=None),
    )
