"""The exit code, from what was proven and what could hide something. Pure.

A proven fault is 1 whatever else is missing. Nothing proven is 0 only where everything was heard: every doubt that a
judged Service or node depends on makes it 3."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from arpcheck.judge.judged import Judged
from arpcheck.model import Arp, Mac, Summary, Verdict

PROVEN = (
    Verdict.PROXY_ARP, Verdict.FOREIGN, Verdict.NON_STRICT, Verdict.DUPLICATE, Verdict.WRONG_NODE, Verdict.SILENT,
)  # fmt: skip
"""Verdicts that say that something is wrong."""

DOUBTFUL = (Verdict.INCONCLUSIVE, Verdict.MOVED)

NEEDED = ("services", "nodes")
"""Resources whose gap every judgement depends on; what only some Services need is in their own verdict."""

CLEAN, FAULTY, UNSURE, INTERRUPTED = 0, 1, 3, 130


def summarise(judged: Judged, *, complete: bool, interrupted: bool, every_node: bool = False) -> Summary:
    """The summary with its exit code and what made it, in a reader's words. `every_node`: what is asked is whether all
    nodes are as they should be, so one that was not heard makes it unsure."""
    verdicts = Counter(judgement.verdict for judgement in judged.judgements)
    counted = Counter(judgement.verdict for judgement in judged.judgements if not judged.accepted(judgement))
    proven, doubts = _proven(judged, counted), _doubts(judged, counted, complete)
    if every_node and (unheard := judged.counted(Arp.UNREACHED)):
        doubts = (*doubts, f"{', '.join(unheard)} not heard")
    if interrupted:
        code, because = INTERRUPTED, ("the run was interrupted", *proven, *doubts)
    elif proven:
        code, because = FAULTY, proven
    elif doubts:
        code, because = UNSURE, doubts
    else:
        code, because = CLEAN, ()
    return Summary(
        exit_code=code,
        verdicts={verdict: verdicts[verdict] for verdict in Verdict if verdicts[verdict]},
        non_strict_nodes=judged.named(Arp.NON_STRICT),
        complete=complete and not interrupted,
        because=(*because, *_accepted(judged)),
    )


def _proven(judged: Judged, verdicts: Counter[Verdict]) -> tuple[str, ...]:
    found = [f"{verdicts[verdict]} {verdict.value}" for verdict in PROVEN if verdicts[verdict]]
    nodes = judged.counted(Arp.NON_STRICT)
    if nodes:
        found.append(f"{len(nodes)} of {len(judged.nodes)} nodes without strict ARP")
    return tuple(found)


def _doubts(judged: Judged, verdicts: Counter[Verdict], complete: bool) -> tuple[str, ...]:
    doubts = [f"{verdicts[verdict]} {verdict.value}" for verdict in DOUBTFUL if verdicts[verdict]]
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
    strangers = [mac for mac in judged.canary_macs() if judged.owners[mac].node is None]
    if strangers and not _accepted_strangers(judged, strangers):
        doubts.append(f"{', '.join(strangers)}, of no known node, answered the canary")
    unknown = judged.named(Arp.UNKNOWN)
    if unknown:
        doubts.append(f"how Service addresses are treated by {', '.join(unknown)} is not known")
    doubts.extend(f"{gap.what} could not be read: {gap.why}" for gap in judged.gaps if gap.what in NEEDED)
    if judged.in_vain:
        doubts.append(f"no LoadBalancer Service was selected by {judged.in_vain}")
    if not any(judged.asked()) and not judged.named(Arp.STRICT):
        doubts.append("no address and no node was judged")
    return tuple(dict.fromkeys(doubts))


def _accepted_strangers(judged: Judged, strangers: Iterable[Mac]) -> bool:
    """The finding `foreign-mac` of the canary is accepted, and it speaks of all of them."""
    accepted = judged.canary is not None and judged.acceptances.of_subject("foreign-mac", judged.canary)
    return bool(accepted) and all(judged.owners[mac].foreign for mac in strangers)


def _accepted(judged: Judged) -> tuple[str, ...]:
    """What is not counted, in a reader's words."""
    verdicts = Counter(judgement.verdict for judgement in judged.judgements if judged.accepted(judgement))
    found = [f"{verdicts[verdict]} {verdict.value}" for verdict in Verdict if verdicts[verdict]]
    for arp in (Arp.NON_STRICT, Arp.SELF):
        names = sorted({*judged.named(arp)} - {*judged.counted(arp)})
        found.extend(f"{name} {arp.value}" for name in names)
    return (f"accepted and not counted: {', '.join(found)}",) if found else ()
