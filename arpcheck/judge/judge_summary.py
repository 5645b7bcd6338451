"""The exit code, from what was proven and what could hide something. Pure.

A proven fault is 1 whatever else is missing. Nothing proven is 0 only where everything was heard: every doubt that a
judged Service or node depends on makes it 3."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import assert_never

from arpcheck.judge.judged import Judged
from arpcheck.model import Arp, Finding, Nic, Outcome, Preflight, Summary, Verdict

NEEDED = ("services", "nodes")
"""Resources whose gap every judgement depends on; what only some Services need is in their own verdict."""

INTERRUPTED = 130


def summarise(
    judged: Judged,
    found: Iterable[Finding],
    *,
    complete: bool,
    interrupted: bool,
    preflight: Preflight | None = None,
) -> Summary:
    """The summary with its exit code and what made it, in a reader's words. `found`: the findings. `preflight`: what is
    asked is whether all nodes are as they should be, so one that was not heard makes it unsure, as what else it says; but
    for those that are switched off."""
    verdicts = Counter(judgement.verdict for judgement in judged.judgements)
    counted = Counter(judgement.verdict for judgement in judged.judgements if not judgement.accepted)
    open_ones = tuple(finding for finding in found if finding.accepted is None)
    proven = _proven(judged, counted, open_ones)
    doubts = _doubts(judged, counted, open_ones, complete)
    said = {*judged.missed(), *judged.away()}
    if preflight and (unheard := [name for name in judged.counted(Arp.UNREACHED) if name not in said]):
        doubts = (*doubts, f"{', '.join(unheard)} not heard")
    if preflight and preflight.safe is None:
        doubts = (*doubts, preflight.words)
    outcome = Outcome.worst(
        (
            *(Outcome.FAULT for _ in proven[:1]),
            *(Outcome.UNSURE for _ in doubts[:1]),
            *(judgement.verdict.outcome for judgement in judged.judgements if not judgement.accepted),
            *(Outcome.FINE for judgement in judged.judgements if judgement.accepted),
            *(state.arp.outcome for state in judged.nodes if not judged.acceptances.of_node(state.name, state.arp)),
            *(Outcome.FINE for state in judged.nodes if judged.acceptances.of_node(state.name, state.arp)),
            *(finding.outcome for finding in open_ones if finding.outcome is not Outcome.FINE),
        )
    )
    if interrupted:
        code, because = INTERRUPTED, ("the run was interrupted", *proven, *doubts)
    else:
        code = outcome.exit_code
        match outcome:
            case Outcome.FAULT:
                because = proven
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
        proven.append(f"{len(nodes)} of {len(judged.nodes)} nodes without strict ARP")
    return tuple(proven) or tuple(finding.id for finding in found if finding.outcome is Outcome.FAULT)


def _doubts(judged: Judged, verdicts: Counter[Verdict], found: Iterable[Finding], complete: bool) -> tuple[str, ...]:
    doubts = _of_outcome(verdicts, Outcome.UNSURE)
    if not complete:
        doubts.append("the run was not finished")
    for node in sorted(judged.blind):
        if not judged.acceptances.of_node(node, Arp.SELF):
            doubts.append(f"{node}, on which arpcheck ran, was not tested")
    if judged.hearing.recorded:
        doubts.append("the frames are from a capture, which does not say what it missed")
    if judged.canary is None or not judged.hearing.asked(judged.canary).broadcast:
        doubts.append("the canary was not asked")
    elif judged.hearing.lost(judged.canary) or judged.hearing.excess(judged.canary):
        doubts.append("frames were lost while the canary was asked")
    strangers = [nic for nic in judged.canary_nics() if judged.owners[nic].node is None]
    if strangers and not _accepted_strangers(judged, strangers):
        doubts.append(f"{', '.join(mac for _, mac in strangers)}, of no known node, answered the canary")
    if unknown := judged.named(Arp.UNKNOWN):
        doubts.append(f"how Service addresses are treated by {', '.join(unknown)} is not known")
    if missed := judged.missed():
        doubts.append(f"{', '.join(missed)} not heard")
    doubts.extend(f"{gap.what} could not be read: {gap.why}" for gap in judged.gaps if gap.what in NEEDED)
    if judged.in_vain:
        doubts.append(f"no LoadBalancer Service was selected by {judged.in_vain}")
    addresses = [j for j in judged.judgements if j.case.target.ip is not None]
    if addresses and all(j.verdict.outcome is Outcome.NOT_JUDGED for j in addresses):
        doubts.insert(0, f"none of {len(addresses)} LoadBalancer address{'es' if len(addresses) > 1 else ''} was judged")
    blind_to_proxies = [str(j.ip) for j in judged.asked() if j.verdict.outcome is Outcome.FINE and not j.case.own_sender]
    if blind_to_proxies:
        more = f" and {len(blind_to_proxies) - 3} more" if len(blind_to_proxies) > 3 else ""
        doubts.append(f"no own sender asked for {', '.join(blind_to_proxies[:3])}{more}, so a proxy would not be seen")
    unsure = (finding for finding in found if finding.outcome is Outcome.UNSURE and finding.id not in _SAID)
    doubts.extend(f"{finding.id}: {_concerned(finding)}" for finding in unsure)
    if not addresses and not judged.named(Arp.QUIET):
        doubts.append("no address and no node was judged")
    return tuple(dict.fromkeys(doubts))


_SAID = ("self-blind", "unreached-nodes", "unknown-mac", "foreign-mac")
"""Findings of which a verdict or another doubt tells already."""


def _concerned(finding: Finding) -> str:
    named = [*finding.nodes, *map(str, finding.ips)]
    return ", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")


def _accepted_strangers(judged: Judged, strangers: Iterable[Nic]) -> bool:
    """The finding `foreign-mac` of the canary is accepted, and it speaks of all of them."""
    accepted = judged.canary is not None and judged.acceptances.of_subject("foreign-mac", judged.canary)
    return bool(accepted) and all(judged.owners[nic].outside or judged.owners[nic].apart for nic in strangers)


def _accepted(judged: Judged) -> tuple[str, ...]:
    """What is not counted, in a reader's words."""
    verdicts = Counter(judgement.verdict for judgement in judged.judgements if judgement.accepted)
    found = [f"{verdicts[verdict]} {verdict.value}" for verdict in Verdict if verdicts[verdict]]
    for arp in (Arp.NON_STRICT, Arp.SELF):
        names = sorted({*judged.named(arp)} - {*judged.counted(arp)})
        found.extend(f"{name} {arp.value}" for name in names)
    return (f"accepted and not counted: {', '.join(found)}",) if found else ()
