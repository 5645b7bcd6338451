"""The words that the formats for people share: the outcome of the run, what was probed, who replied, who announces.

Every returned text is `plain`, that is, safe for a terminal. A format escapes it again for its own markup."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from arpcheck.model import (
    Accepted,
    Arp,
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
from arpcheck.model.constants import IPVS
from arpcheck.reports.formatting import NONE, listing, moment, span, yes_no
from arpcheck.text import PROSE_LIMIT, count, plain

_OUTCOMES = {
    0: "OK",
    1: "PROBLEM",
    3: "INCONCLUSIVE",
    130: "INTERRUPTED",
}


# ------------------------------------------------------------------------------------------------------------------- the run


def outcome(report: Report) -> str:
    """One word for the exit code."""
    return _OUTCOMES.get(report.summary.exit_code, "FAILED")


def verdict_line(report: Report) -> str:
    """The reasons for the exit code as one sentence. It also says what was not judged: first if that is everything, else as
    a count at the end."""
    because = "; ".join(plain(reason, PROSE_LIMIT) for reason in report.summary.because)
    parts = (*_first(report), because or _otherwise(report), *_left_out(report))
    return plain("; ".join(part for part in parts if part), PROSE_LIMIT)


def _first(report: Report) -> Sequence[str]:
    """For a clean or a faulty run in which no address was judged, which the reasons for the exit code do not say."""
    addresses = _addresses(report)
    if report.summary.exit_code == 3 or report.preflight or report.judged is not Outcome.NOT_JUDGED or not addresses:
        return ()
    return (f"none of {count(len(addresses), 'LoadBalancer address')} was judged",)


def _otherwise(report: Report) -> str:
    """For a run that ended without a reason for its exit code."""
    if report.summary.exit_code != 0:
        return verdicts(report)
    if report.preflight:
        return plain(report.preflight.words, PROSE_LIMIT)
    if _addresses(report):
        return "no problem was found"
    if not report.nodes:
        return "no LoadBalancer address and no node"
    return f"no LoadBalancer address; {_nodes_by_state(report)}"


def _nodes_by_state(report: Report) -> str:
    """`3 nodes quiet, 1 unreached`: a node that did not reply is not counted as one that is not quiet."""
    counted = Counter(node.arp for node in report.nodes)
    (most, first), *others = [(counted[arp], arp) for arp in dict.fromkeys((Arp.QUIET, *Arp)) if counted[arp]]
    return ", ".join((f"{count(most, 'node')} {first}", *(f"{number:,} {arp}" for number, arp in others)))


def _addresses(report: Report) -> Sequence[TargetReport]:
    """The targets with an address and a verdict."""
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
        case Skip.IPV4:
            return "IPv4"
        case Skip.NOT_UNICAST:
            return "not a unicast address"
        case Skip.OFF_LINK:
            return "outside the networks of this host"
        case None:
            return "not announced by a node"
        case _:
            assert_never(target.target.skips)


def verdicts(report: Report) -> str:
    """`2 non-strict, 1 ok, 1 not-probed`: in the order of the rules, what was not judged at the end."""
    order = sorted(Verdict, key=lambda verdict: verdict.outcome is Outcome.NOT_JUDGED)
    counted = (f"{number:,} {verdict}" for verdict in order if (number := report.summary.verdicts.get(verdict)))
    return ", ".join(counted) or "no address was judged"


def coverage(report: Report) -> tuple[tuple[str, str], ...]:
    """(label, sentence): the verdicts, what was probed, from where, how the run went, and the canary and control."""
    return (
        ("Verdicts", verdicts(report)),
        ("Probed", _probed(report)),
        ("From", _vantage(report)),
        ("Run", _run(report)),
        ("Also", also_asked(report)),
    )


def _probed(report: Report) -> str:
    judged = [t for t in report.targets if t.verdict is not None]
    asked = [t for t in judged if t.rounds]
    services = len({service for t in judged for service in t.target.services})
    return (
        f"{len(asked):,} of {count(len(judged), 'address')} of {count(services, 'Service')} "
        f"in {count(report.run.rounds, 'round')}; {_replies(asked)}"
    )


def _replies(asked: Sequence[TargetReport]) -> str:
    replied = sum(1 for target in asked if target.responders)
    return "no replies" if not replied else "replies for all" if replied == len(asked) else f"replies for {replied:,}"


def _vantage(report: Report) -> str:
    run = report.run
    interfaces = listing(map(interface, run.interfaces)) if run.interfaces else "no interface"
    interfaces += f" (chosen: {plain(run.interfaces_because)})" if run.interfaces_because else ""
    context = f"context {plain(run.context)}" if run.context is not None else "no cluster context"
    version = f"Kubernetes {plain(run.cluster)}" if run.cluster is not None else "version unknown"
    return f"{interfaces}; {context}, {version}; arpcheck {plain(run.arpcheck)}"


def _run(report: Report) -> str:
    run = report.run
    complete = "complete" if report.summary.complete else "NOT COMPLETE, the run ended before its last round"
    return (
        f"{complete}; {count(run.sent, 'request')}, {count(run.received, 'reply')}, {count(run.lost, 'frame')} lost; "
        f"{moment(run.started_at)} UTC, {span(run.ended_at - run.started_at)}"
    )


def also_asked(report: Report) -> str:
    """The canary, the control, and the number of the nodes' own addresses, each with who replied."""
    probed = [
        f"{t.target.kind} {address(t)} ({replied_by(t)})"
        for kind in (Kind.CANARY, Kind.CONTROL)
        for t in report.targets
        if t.target.kind is kind
    ]
    if nodes := [t for t in report.targets if t.target.kind is Kind.NODE]:
        probed.append(f"{count(len(nodes), 'node address')} ({_replies(nodes)})")
    return "; ".join(probed) or "no canary and no control"


# ---------------------------------------------------------------------------------------------------------------- one target


def marked(word: str, accepted: Accepted | None) -> str:
    """A verdict, a node's `arp` or a severity, marked if it is accepted. Its reason says why and until when."""
    return f"{word} (accepted)" if accepted else word


def verdict_of(target: TargetReport) -> str:
    """The verdict of an address and the ids of `also`. For a target without a verdict, its kind."""
    if not target.verdict:
        return str(target.target.kind)
    also = "".join(f" +{found}" for found in dict.fromkeys(also.id for also in target.also))
    return marked(target.verdict, target.accepted) + also


def address(target: TargetReport) -> str:
    return str(target.target.ip) if target.target.ip else NONE


def services(target: TargetReport, limit: int = 3) -> str:
    """Its Services; without any, its kind."""
    return listing(service_names(target), limit)


def service_names(target: TargetReport) -> tuple[str, ...]:
    """At least one: without a Service its kind."""
    if target.target.services:
        return tuple(map(plain, target.target.services))
    return ("(--ip)",) if target.target.kind is Kind.EXTRA else (f"({target.target.kind})",)


def replied_by(target: TargetReport) -> str:
    """Who replied, who should not first."""
    return listing(repliers(target))


def repliers(target: TargetReport) -> tuple[str, ...]:
    """At least one: `nobody` means that requests were sent and no reply came."""
    return tuple(map(responder, target.responders)) or ("nobody" if target.rounds else "not probed",)


def responder(found: Responder) -> str:
    """The node's name; for a MAC address of no known node, that address."""
    if found.node is not None:
        return f"{plain(found.node)} ({len(found.macs)} NICs)" if found.flux else plain(found.node)
    return listing(found.macs, 2)


def with_vendor(found: Responder) -> str:
    """The responder, and the vendor of a MAC address of no known node."""
    return f"{responder(found)} ({plain(found.vendor)})" if found.vendor and found.node is None else responder(found)


def rounds_of(found: Responder, target: TargetReport, noun: str = "") -> str:
    """`3 of 3`: the rounds in which it replied, out of the broadcast rounds. Later rounds are unicast to one MAC address."""
    asked = {*target.rounds}
    of = count(len(asked), noun) if noun else str(len(asked))
    return f"{len(asked & {*found.rounds})} of {of}{' and unicast' if {*found.rounds} - asked else ''}"


def announcers(target: TargetReport, trust: Trust = Trust.CURRENT) -> tuple[str, ...]:
    """The nodes in the strongest claims of this trust, for each Service of the address."""
    found = [claim for claim in target.announcers if claim.trust is trust]
    strongest: dict[str, int] = {}
    for claim in found:
        strongest.setdefault(claim.service, claim.rank)
    return tuple(dict.fromkeys(claim.node for claim in found if claim.rank == strongest[claim.service]))


def announcer_of(target: TargetReport) -> str:
    """The announcing node by the most trusted claims. A claim that is not current is marked."""
    for trust, mark in ((Trust.CURRENT, ""), (Trust.STALE, " (stale?)"), (Trust.GUESS, " (guess)")):
        if names := announcers(target, trust):
            return listing(f"{plain(name)}{mark}" for name in names)
    return NONE


def claim(found: Claim, now: datetime) -> str:
    """`worker-3 by ServiceL2Status metallb-system/l2-7kzqd (current, 12 s old)`."""
    age = f", {span(now - found.observed_at)} old" if found.observed_at else ""
    return f"{plain(found.node)} by {plain(found.source)} ({found.trust}{age})"


def is_expected(found: Responder, target: TargetReport) -> bool | None:
    """Whether it is the announcer; None without a current claim."""
    return found.expected if found.expected or announcers(target) else None


# ----------------------------------------------------------------------------------------------------- one node, one finding


def kube_proxy_mode(node: NodeReport) -> str:
    return NONE if node.kube_proxy.mode is None else plain(node.kube_proxy.mode)


def strict_arp(node: NodeReport) -> str:
    """As configured. How the kernel behaves is the node's `arp`."""
    proxy = node.kube_proxy
    configured = yes_no(proxy.strict_arp)
    return f"{configured} (not loaded)" if proxy.loaded is False and proxy.strict_arp is not None else configured


def at_odds(node: NodeReport) -> str:
    """Why what its kernel does and what kube-proxy has configured are not the same; empty where they agree, or nothing is
    known. strictARP matters in mode ipvs alone: in another mode the kernel holds no Service address."""
    proxy = node.kube_proxy
    if proxy.loaded is False and proxy.strict_arp is not None:
        return "kube-proxy has not loaded this, it started earlier"
    match node.arp, proxy.strict_arp, proxy.mode:
        case Arp.QUIET, False, mode if mode == IPVS:
            return "configured without strict ARP, but the kernel is still quiet"
        case Arp.QUIET, False, str():
            return "in this mode the kernel holds no Service address, so strictARP does not matter"
        case Arp.NON_STRICT, True, _:
            return "configured with strict ARP, but the kernel replies"
        case Arp.NON_STRICT, False, str(mode) if mode != IPVS:
            return "in this mode the kernel should hold no Service address, but it replies for them"
        case _:
            return ""


def concerns(finding: Finding) -> str:
    """The nodes and addresses of a finding; empty if it is about the whole run."""
    names = (finding.nodes, tuple(map(str, finding.ips)))
    return "; ".join(listing(found) for found in names if found)


def interface(found: Interface) -> str:
    about: Sequence[str] = [*([found.mac] if found.mac else []), *found.addresses]
    return f"{plain(found.name)} ({listing(about)})" if about else plain(found.name)


def likely(report: Report) -> tuple[Cause, ...]:
    """The causes of faults that no finding has already."""
    given = tuple(line for finding in report.findings for line in finding.because)
    faults = (cause for cause in report.causes if cause.id is not CauseId.HEALTHY)
    grouped = any(finding.id == "why-silent" for finding in report.findings)
    return tuple(
        cause
        for cause in faults
        if not any(line.startswith(cause.text) for line in given)
        if not (grouped and cause.id is CauseId.NOBODY_ANNOUNCES)
    )


def main_causes(report: Report) -> tuple[Cause, ...]:
    """The causes that belong beside the outcome: why kernels reply, else the first one. None of a run without a fault."""
    if report.summary.exit_code == 0:
        return ()
    found = [cause for cause in report.causes if cause.id not in (CauseId.HEALTHY, CauseId.LATENT)]
    return tuple([cause for cause in found if cause.id.of_answering][:2] or found[:1])


def sentence(cause: Cause) -> str:
    """The cause and its nodes."""
    return f"{plain(cause.text, PROSE_LIMIT)}{f': {listing(cause.nodes)}' if cause.nodes else ''}"


def installing(report: Report) -> tuple[str, ...]:
    """`safe: …`, `not safe: …` or `not known: …`, then the configuration and IPv6; empty for other commands than
    preflight."""
    asked = report.preflight
    lines = (asked.words, asked.reason, asked.ipv6) if asked else ()
    return tuple(plain(line, PROSE_LIMIT) for line in lines if line)
