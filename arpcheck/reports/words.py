"""What every format for people says in the same words: the verdict on the run, what was asked, who answered, who should.

All that is returned is `plain`: safe for a terminal, and a format escapes it once more for its own markup. Knows the
nouns of the report, no layout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from arpcheck.model import (
    Accepted,
    Cause,
    CauseId,
    Claim,
    Finding,
    Interface,
    Kind,
    NodeReport,
    Outcome,
    Report,
    Responder,
    Skip,
    TargetReport,
    Trust,
    Verdict,
)
from arpcheck.reports.formatting import NONE, count, listing, moment, span, yes_no
from arpcheck.text import PROSE_LIMIT, plain

_OUTCOMES = {
    0: "OK",
    1: "PROBLEM",
    3: "UNDECIDED",
    130: "INTERRUPTED",
}


# ------------------------------------------------------------------------------------------------------------- the run


def outcome(report: Report) -> str:
    """One word for the exit code."""
    return _OUTCOMES.get(report.summary.exit_code, "FAILED")


def verdict_line(report: Report) -> str:
    """What made the exit code, as one sentence without the word and the code. What was not judged is never left out: first
    where it is everything, else counted at the end."""
    because = "; ".join(plain(reason, PROSE_LIMIT) for reason in report.summary.because)
    parts = (*_first(report), because or _otherwise(report), *_left_out(report))
    return plain("; ".join(part for part in parts if part), PROSE_LIMIT)


def _first(report: Report) -> Sequence[str]:
    """Where the reasons of the exit code do not say it: a clean or a faulty run in which no address has a verdict."""
    addresses = _addresses(report)
    if report.summary.exit_code == 3 or report.preflight or report.judged is not Outcome.NOT_JUDGED or not addresses:
        return ()
    return (f"none of {count(len(addresses), 'LoadBalancer address')} was judged",)


def _otherwise(report: Report) -> str:
    """Of a run that ended without a reason to name."""
    if report.summary.exit_code != 0:
        return verdicts(report)
    if report.preflight:
        return plain(report.preflight.words, PROSE_LIMIT)
    if _addresses(report):
        return "nothing wrong was found"
    quiet = sum(1 for node in report.nodes if node.arp.outcome is Outcome.FINE)
    return f"no LoadBalancer address; {quiet} of {count(len(report.nodes), 'node')} quiet"


def _addresses(report: Report) -> Sequence[TargetReport]:
    """Those that could have a verdict, which a Service without an address is not."""
    return [target for target in report.targets if target.verdict and target.target.ip]


def _left_out(report: Report) -> Sequence[str]:
    """`not judged: 2 IPv6, 1 without an address yet`."""
    counted = Counter(_kind_of(t) for t in report.targets if t.verdict and t.outcome is Outcome.NOT_JUDGED)
    return (f"not judged: {', '.join(f'{number:,} {what}' for what, number in counted.items())}",) if counted else ()


def _kind_of(target: TargetReport) -> str:
    match target.target.skips:
        case Skip.PENDING:
            return "without an address yet"
        case Skip.HOSTNAME:
            return "with a host name"
        case Skip.IPV6:
            return "IPv6"
        case Skip.NOT_UNICAST:
            return "not of one host"
        case Skip.OFF_LINK:
            return "not in a network of this host"
        case None:
            return "that no node should announce"
        case _:
            assert_never(target.target.skips)


def verdicts(report: Report) -> str:
    """`2 non-strict, 1 ok, 1 not-probed`: in the order of the rules, what was left out last."""
    order = sorted(Verdict, key=lambda verdict: verdict.outcome is Outcome.NOT_JUDGED)
    counted = (f"{number:,} {verdict}" for verdict in order if (number := report.summary.verdicts.get(verdict)))
    return ", ".join(counted) or "no address was judged"


def coverage(report: Report) -> tuple[tuple[str, str], ...]:
    """(label, sentence): what it comes to and of how much, from where, how the run went, and its controls."""
    return (
        ("Verdicts", verdicts(report)),
        ("Asked", _asked(report)),
        ("From", _vantage(report)),
        ("Run", _course(report)),
        ("Also", also_asked(report)),
    )


def _asked(report: Report) -> str:
    judged = [t for t in report.targets if t.verdict is not None]
    asked = [t for t in judged if t.rounds]
    services = len({service for t in judged for service in t.target.services})
    return (
        f"{len(asked):,} of {count(len(judged), 'address')} of {count(services, 'Service')} "
        f"in {count(report.run.rounds, 'round')}; {_answered(asked)}"
    )


def _answered(asked: Sequence[TargetReport]) -> str:
    answered = sum(1 for target in asked if target.responders)
    return "none answered" if not answered else "all answered" if answered == len(asked) else f"{answered:,} answered"


def _vantage(report: Report) -> str:
    run = report.run
    interfaces = listing(map(interface, run.interfaces)) if run.interfaces else "no interface"
    interfaces += f" (chosen: {plain(run.interfaces_because)})" if run.interfaces_because else ""
    context = f"context {plain(run.context)}" if run.context is not None else "no cluster context"
    version = f"Kubernetes {plain(run.cluster)}" if run.cluster is not None else "version not known"
    return f"{interfaces}; {context}, {version}; arpcheck {plain(run.arpcheck)}"


def _course(report: Report) -> str:
    run = report.run
    complete = "complete" if report.summary.complete else "NOT COMPLETE, an announced round was not finished"
    return (
        f"{complete}; {count(run.sent, 'question')}, {count(run.received, 'reply')}, {count(run.lost, 'frame')} lost; "
        f"{moment(run.started_at)} UTC, {span(run.ended_at - run.started_at)}"
    )


def also_asked(report: Report) -> str:
    """The targets that judge the others: canary, control, and the nodes' own addresses, counted."""
    said = [
        f"{t.target.kind} {address(t)} ({answered_by(t)})"
        for kind in (Kind.CANARY, Kind.CONTROL)
        for t in report.targets
        if t.target.kind is kind
    ]
    if nodes := [t for t in report.targets if t.target.kind is Kind.NODE]:
        said.append(f"{count(len(nodes), 'node address')} ({_answered(nodes)})")
    return "; ".join(said) or "neither canary nor control"


# ---------------------------------------------------------------------------------------------------------- one target


def is_problem(target: TargetReport) -> bool:
    """It was judged, and is neither in order nor left out for a reason that lies in the Service."""
    match target.outcome:
        case Outcome.FAULT | Outcome.UNSURE:
            return True
        case Outcome.FINE | Outcome.NOT_JUDGED:
            return False
        case _:
            assert_never(target.outcome)


def marked(word: str, accepted: Accepted | None) -> str:
    """A verdict, a node's `arp` or a severity, and that it is not counted; why and up to when is in its reason."""
    return f"{word} (accepted)" if accepted else word


def verdict_of(target: TargetReport) -> str:
    """The verdict of an address and what else is true of it; of another target its kind."""
    if not target.verdict:
        return str(target.target.kind)
    also = "".join(f" +{found}" for found in dict.fromkeys(also.id for also in target.also))
    return marked(target.verdict, target.accepted) + also


def address(target: TargetReport) -> str:
    return str(target.target.ip) if target.target.ip else NONE


def services(target: TargetReport, limit: int = 3) -> str:
    """Its Services, or what it is where it has none."""
    if target.target.services:
        return listing(target.target.services, limit)
    return "(--ip)" if target.target.kind is Kind.EXTRA else f"({target.target.kind})"


def answered_by(target: TargetReport) -> str:
    """The announcer first. `nobody` and `not asked` are different things."""
    if target.responders:
        return listing(responder(r) for r in sorted(target.responders, key=lambda r: not r.expected))
    return "nobody" if target.rounds else "not asked"


def responder(found: Responder) -> str:
    """The node's name; for a MAC of no known node, the MAC and what its prefix says."""
    if found.node is not None:
        return f"{plain(found.node)} ({len(found.macs)} NICs)" if found.flux else plain(found.node)
    macs = listing(found.macs, 2)
    return f"{macs} ({plain(found.vendor)})" if found.vendor else macs


def heard(found: Responder, target: TargetReport, noun: str = "") -> str:
    """`3 of 3`: the rounds in which it answered, of those that asked everybody; a later question went to one MAC alone."""
    asked = {*target.rounds}
    of = count(len(asked), noun) if noun else str(len(asked))
    return f"{len(asked & {*found.rounds})} of {of}{' and unicast' if {*found.rounds} - asked else ''}"


def announcers(target: TargetReport, trust: Trust = Trust.CURRENT) -> tuple[str, ...]:
    """The nodes that the strongest claims of this trust name, for every Service of the address."""
    found = [claim for claim in target.announcers if claim.trust is trust]
    strongest: dict[str, int] = {}
    for claim in found:
        strongest.setdefault(claim.service, claim.rank)
    return tuple(dict.fromkeys(claim.node for claim in found if claim.rank == strongest[claim.service]))


def should_answer(target: TargetReport) -> str:
    """The node by the strongest kind of claim there is; a weaker one than a current one is marked."""
    for trust, mark in ((Trust.CURRENT, ""), (Trust.STALE, " (stale?)"), (Trust.GUESS, " (guess)")):
        if names := announcers(target, trust):
            return listing(f"{plain(name)}{mark}" for name in names)
    return NONE


def claim(found: Claim, now: datetime) -> str:
    """`worker-3 by ServiceL2Status metallb-system/l2-7kzqd (current, 12 s old)`."""
    age = f", {span(now - found.observed_at)} old" if found.observed_at else ""
    return f"{plain(found.node)} by {plain(found.source)} ({found.trust}{age})"


def is_expected(found: Responder, target: TargetReport) -> bool | None:
    """None where no current claim says who is."""
    return found.expected if found.expected or announcers(target) else None


# ------------------------------------------------------------------------------------------- one node, one finding


def kube_proxy_mode(node: NodeReport) -> str:
    return NONE if node.kube_proxy.mode is None else plain(node.kube_proxy.mode)


def strict_arp(node: NodeReport) -> str:
    """As configured; what the wire shows is the node's `arp`."""
    proxy = node.kube_proxy
    configured = yes_no(proxy.strict_arp)
    return f"{configured} (not loaded)" if proxy.loaded is False and proxy.strict_arp is not None else configured


def concerns(finding: Finding) -> str:
    """The nodes and addresses of a finding; empty where it concerns the run alone."""
    names = (finding.nodes, tuple(map(str, finding.ips)))
    return "; ".join(listing(found) for found in names if found)


def interface(found: Interface) -> str:
    about: Sequence[str] = [*([found.mac] if found.mac else []), *found.addresses]
    return f"{plain(found.name)} ({listing(about)})" if about else plain(found.name)


def likely(report: Report) -> tuple[Cause, ...]:
    """Those that explain a fault, and that no finding gives as its own reason already."""
    said = tuple(line for finding in report.findings for line in finding.because)
    faults = (cause for cause in report.causes if cause.id is not CauseId.HEALTHY)
    return tuple(cause for cause in faults if not any(line.startswith(cause.text) for line in said))


def sentence(cause: Cause) -> str:
    """The cause, and the nodes that it concerns."""
    return f"{plain(cause.text, PROSE_LIMIT)}{f': {listing(cause.nodes)}' if cause.nodes else ''}"


def installing(report: Report) -> tuple[str, ...]:
    """`safe: …`, `not safe: …` or `not known: …`, then what is configured; empty where preflight was not asked."""
    asked = report.preflight
    return (plain(asked.words, PROSE_LIMIT), plain(asked.reason, PROSE_LIMIT)) if asked else ()
