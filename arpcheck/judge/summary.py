"""The judged run as the Report that every format renders. Pure; adds nothing that a rule did not say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address

from arpcheck.evidence import Evidence
from arpcheck.evidence_json import as_document
from arpcheck.judge.acceptance import marked
from arpcheck.judge.also import said
from arpcheck.judge.case import parties
from arpcheck.judge.confidence import confidence, winner
from arpcheck.judge.findings import findings
from arpcheck.judge.judge_summary import summarise
from arpcheck.judge.judged import Judged, Judgement
from arpcheck.judge.nodes import NodeState
from arpcheck.model import Kind, KubeProxy, Nic, NodeMac, NodeReport, Preflight, Report, Responder, Run, Target, TargetReport

_UNSEEN = KubeProxy(mode=None, strict_arp=None, source=None)


def report(judged: Judged, evidence: Evidence, preflight: Preflight | None) -> Report:
    by_target = {judgement.case.target: judgement for judgement in judged.judgements}
    found = findings(judged)
    return Report(
        summary=summarise(
            judged, found, complete=evidence.complete, interrupted=evidence.interrupted, preflight=preflight
        ),
        targets=tuple(_target(target, by_target.get(target), judged) for target in judged.targets),
        nodes=tuple(_node(state, judged) for state in judged.nodes),
        findings=found,
        gaps=tuple(sorted(judged.gaps)),
        run=_run(evidence),
        causes=judged.causes,
        preflight=preflight,
        evidence=as_document(evidence),
    )


def _target(target: Target, judgement: Judgement | None, judged: Judged) -> TargetReport:
    if judgement is None:
        found = TargetReport(
            target=target, implementation=None, announcers=(), verdict=None, reason="",
            responders=_knowledge(target, judged), rounds=_rounds(target, judged),
        )  # fmt: skip
        return _weighed(found, judged)
    case, accepted = judgement.case, judgement.accepted
    found = TargetReport(
        target=target,
        implementation=case.announcements[0].implementation if case.announcements else None,
        announcers=case.claims,
        verdict=judgement.verdict,
        reason=marked(said(judgement.reason, judgement.also), accepted),
        responders=case.parties,
        rounds=_rounds(target, judged),
        accepted=accepted,
        also=judgement.also,
    )
    return _weighed(found, judged)


def _weighed(found: TargetReport, judged: Judged) -> TargetReport:
    ip = found.target.ip
    if not isinstance(ip, IPv4Address) or found.target.skipped:
        return found
    return replace(
        found,
        winner=winner(ip, found.responders, judged.hearing),
        confidence=confidence(ip, judged.hearing, judged.losses),
    )


def _knowledge(target: Target, judged: Judged) -> tuple[Responder, ...]:
    """Who answered what is asked for our own knowledge: only a node's own address is answered as it should be."""
    if not isinstance(target.ip, IPv4Address):
        return ()
    expected = target.nodes if target.kind is Kind.NODE else ()
    return parties(target.ip, judged.hearing, judged.owners, judged.labels, expected)


def _rounds(target: Target, judged: Judged) -> tuple[int, ...]:
    return judged.hearing.asked(target.ip).rounds() if isinstance(target.ip, IPv4Address) else ()


def _node(state: NodeState, judged: Judged) -> NodeReport:
    accepted = judged.acceptances.of_node(state.name, state.arp)
    return NodeReport(
        name=state.name,
        arp=state.arp,
        reason=marked(state.reason, accepted),
        ready=state.ready,
        addresses=judged.addresses.get(state.name, ()),
        macs=tuple(dict.fromkeys(entry for nic in state.nics for entry in _macs(nic, state.name, judged))),
        kube_proxy=judged.kube_proxies.get(state.name, _UNSEEN),
        accepted=accepted,
    )


def _macs(nic: Nic, node: str, judged: Judged) -> Iterable[NodeMac]:
    """Every source that gives this NIC to the node, strongest first; one line a source and interface."""
    named = (i for i in judged.owners[nic].identities if i.node == node)
    return (NodeMac(mac=nic[1], interface=i.interface, source=i.source) for i in named)


def _run(evidence: Evidence) -> Run:
    options = evidence.options
    by_name = {interface.name: interface for interface in evidence.host.interfaces}
    return Run(
        arpcheck=evidence.arpcheck,
        started_at=evidence.started_at,
        ended_at=evidence.ended_at,
        interfaces=tuple(by_name[name] for name in options.interfaces if name in by_name),
        interfaces_because=options.interfaces_because,
        context=evidence.objects.context,
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
