"""`-o table` and `-o wide`: the report for a terminal.

The outcome and its cause come first, then the addresses, what is wrong before what is not, each with its reason under it;
then the nodes, the findings with what to do, the gaps, and how the run was made. `wide` has a line for each responder, more
columns, such as MAC addresses, rounds, reply times and records, and cuts no cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain, zip_longest
from typing import assert_never

from arpcheck.model import Arp, Finding, NodeReport, Report, Responder, TargetReport
from arpcheck.reports import Style
from arpcheck.reports.formatting import (
    GAP,
    GREY,
    NONE,
    NameList,
    Section,
    aligned,
    fitted,
    hanging,
    joined,
    led_by,
    listing,
    of_outcome,
    of_word,
    painted,
    points,
    title,
    yes_no,
)
from arpcheck.reports.rows import (
    Alike,
    SameReason,
    blocks,
    chosen,
    first_line,
    in_one_line,
    in_order,
    remarks,
    sentences,
    summary,
)
from arpcheck.reports.words import (
    address,
    announcer_of,
    at_odds,
    claim,
    concerns,
    coverage,
    installing,
    is_expected,
    kube_proxy_mode,
    likely,
    main_causes,
    marked,
    outcome,
    repliers,
    rounds_of,
    sentence,
    service_names,
    services,
    verdict_of,
    with_vendor,
)
from arpcheck.text import PROSE_LIMIT, count, plain

REPLIERS = 3
"""Responders that a row names. The others are counted; `wide` has all of them."""
MANY_ALIKE = 20
"""More nodes than these that have all in common share a row."""

_TARGET = ("IP", "SERVICE", "VERDICT", "REPLIES FROM", "ANNOUNCER")
_NODE = ("NODE", "ON THE WIRE", "CONFIGURED", "KUBE-PROXY", "MAC")
_WIDE_TARGET = (
    "IP", "SERVICE", "IMPLEMENTATION", "VERDICT", "REPLIES FROM", "EXPECTED", "MAC", "INTERFACE", "ROUNDS", "PER REQUEST",
    "FIRST MS", "RECORDED", "WHY", "REASONS",
)  # fmt: skip
_WIDE_NODE = (
    "NODE", "READY", "ON THE WIRE", "CONFIGURED", "LOADED", "KUBE-PROXY", "CONFIGURED IN", "ADDRESS", "MAC", "WHY"
)  # fmt: skip


def render(report: Report, style: Style) -> str:
    endless = replace(style, width=None)
    rows = (
        (_wide_targets(report, endless), _wide_nodes(report, endless))
        if style.wide
        else (_targets(report, style), _nodes_section(report, style))
    )
    found = _findings(report, style), _causes(report, style), _not_read(report, style)
    return joined((headline(report, style), *rows, *found, facts(report, style)))


# -------------------------------------------------------------------------------------------- The first and the last section


def headline(report: Report, style: Style) -> Section:
    """The outcome, why, and what is to be done first."""
    lines = [line for first in installing(report) for line in hanging("", first, style)]
    word = outcome(report)
    lines += led_by(word, word, f" (exit code {report.summary.exit_code}): {first_line(report, style)}", style)
    for cause in main_causes(report):
        lines += hanging("Cause     ", sentence(cause), style)
        lines += hanging("Do        ", plain(cause.do, PROSE_LIMIT), style)
    return lines


def facts(report: Report, style: Style) -> Section:
    """How the run was made, and all verdicts as numbers."""
    lines = [title("RUN", style)]
    for label, fact in coverage(report):
        lines += hanging(f"{label:<10}", fact, style)
    return lines


# ----------------------------------------------------------------------------------------------------------------- Addresses


def _targets(report: Report, style: Style) -> Section:
    rows, fine = in_order(chosen(report, style))
    lines = _blocks(blocks(rows), style) if rows else []
    return [*lines, *_folded(fine, style)] if fine else lines


def _folded(fine: Sequence[TargetReport], style: Style) -> Section:
    """One line for what is in order."""
    what = f": {count(len(fine), 'address')} ({listing(map(address, fine), 2)}); -o wide lists all"
    word = verdict_of(fine[0])
    first, *rest = hanging("", f"{word}{what}", style)
    return [painted(word, of_outcome(fine[0].outcome), style) + first.removeprefix(word), *rest]


def _blocks(found: Sequence[SameReason], style: Style) -> Section:
    """The rows of each block, and its reason under them. A name or an address that its cell does not hold is there too."""
    rows = [row for block in found for row in block.rows]
    cells = [_cells(row) for row in rows]
    widths = fitted(_TARGET, cells, style)
    drawn = iter(aligned(_TARGET, cells, style))
    lines = [next(drawn)] if style.headers else []
    for block in found:
        for row in block.rows:
            lines += [next(drawn), *_under(row, widths, style)]
        lines += hanging("  ", reason, style) if (reason := block.reason()) else []
    return lines


def _cells(row: Alike) -> tuple[NameList | str, ...]:
    target = row.first
    names = dict.fromkeys(chain.from_iterable(map(service_names, row.targets)))
    wrong = sum(not found.expected for found in target.responders)
    return (
        NameList(names=tuple(map(address, row.targets)), most=1, whole=1),
        NameList(names=tuple(names), most=1),
        verdict_cell(target),
        NameList(names=repliers(target), most=REPLIERS, whole=min(max(wrong, 1), 2)),
        announcer_of(target),
    )


def verdict_cell(target: TargetReport) -> NameList:
    """What else holds is counted, since the reason says it: `non-strict +1`."""
    colour = GREY if target.accepted else of_outcome(target.outcome)
    return NameList(names=tuple(verdict_of(target).split(" +")), most=1, whole=1, colour=colour)


def _under(row: Alike, widths: Sequence[int], style: Style) -> Section:
    """What of a row its cells do not hold."""
    ip, _, _, replies, _ = widths
    lines = hanging("  ", row.members(), style) if len(row.targets) > 1 or len(address(row.first)) > ip else []
    who = repliers(row.first)
    if NameList(names=who, most=1, whole=1).least(1) > replies:
        lines += hanging("  from ", listing(who, REPLIERS), style)
    for connections in summary(row.first):
        lines += hanging("  reach ", connections, style)
    for remark in remarks(row.first):
        lines += hanging("        ", remark, style)
    return lines


def _wide_targets(report: Report, style: Style) -> Section:
    """One line for each responder. Each line has the address and its verdict, so that `grep` finds complete lines."""
    rows = [row for target in (*chosen(report, style), *_without_verdict(report)) for row in _wide_rows(target, report)]
    return aligned(_WIDE_TARGET, rows, style) if rows else []


def _without_verdict(report: Report) -> Iterable[TargetReport]:
    return (target for target in report.targets if target.verdict is None)


def _wide_rows(target: TargetReport, report: Report) -> list[tuple[NameList | str, ...]]:
    verdict = replace(verdict_cell(target), names=(verdict_of(target),)) if target.verdict else NONE
    lead = (address(target), services(target, 99), plain(target.implementation or NONE), verdict)
    claims = "; ".join(claim(found, report.run.started_at) for found in target.announcers) or NONE
    why = "; ".join(filter(None, (plain(target.reason, PROSE_LIMIT), *sentences(target)))) or NONE
    tail = claims, why, in_one_line(target)
    if not target.responders:
        none = f"0 of {len(target.rounds)}"
        return [(*lead, *repliers(target), *(NONE,) * 3, none, *(NONE,) * 2, *tail)]
    return [(*lead, *_wide_responder(found, target), *tail) for found in target.responders]


def _wide_responder(found: Responder, target: TargetReport) -> tuple[str, ...]:
    return (
        with_vendor(found), yes_no(is_expected(found, target)), _mac_cell(found), listing(found.interfaces, 99),
        rounds_of(found, target), f"{found.replies_per_probe:.2f}", f"{found.first_reply_ms:.2f}",
    )  # fmt: skip


def _mac_cell(found: Responder) -> str:
    macs = listing(found.macs, 99)
    return f"{macs} (sent by {listing(found.sources, 99)})" if found.sources else macs


# --------------------------------------------------------------------------------------------------------------------- Nodes


def _nodes_section(report: Report, style: Style) -> Section:
    """Nodes that have all in common share a row if they are many. What needs an explanation has it under its rows."""
    rows: dict[tuple[object, ...], list[NodeReport]] = {}
    for node in _by_gravity(report):
        rows.setdefault((_said_of(node), node.arp, node.accepted, _configured(node), kube_proxy_mode(node)), []).append(node)
    alike = [group for same in rows.values() for group in ([same] if len(same) > MANY_ALIKE else [[node] for node in same])]
    drawn = iter(_node_lines(list(map(_node_cells, alike)), style))
    lines = [next(drawn)] if style.headers and alike else []
    for nodes, following in zip_longest(alike, alike[1:]):
        lines.append(next(drawn))
        lines += hanging("  ", listing(node.name for node in nodes), style) if len(nodes) > 1 else []
        if (said := _said_of(nodes[0])) and (following is None or said != _said_of(following[0])):
            lines += hanging("  ", said, style)
    return lines


def _node_lines(rows: Sequence[Sequence[NameList | str]], style: Style) -> Section:
    """Without the MAC addresses where they do not fit beside whole names."""
    if not rows:
        return []
    if style.width and sum(fitted(_NODE, rows, replace(style, width=None))) + GAP * (len(_NODE) - 1) > style.width:
        return aligned(_NODE[:-1], [row[:-1] for row in rows], style)
    return aligned(_NODE, rows, style)


def _by_gravity(report: Report) -> Sequence[NodeReport]:
    return sorted(report.nodes, key=lambda node: (_NODE_ORDER.index(node.arp), node.accepted is not None, at_odds(node)))


_NODE_ORDER = (Arp.NON_STRICT, Arp.UNKNOWN, Arp.SELF, Arp.UNREACHED, Arp.IPV6_ALONE, Arp.QUIET)


def _said_of(node: NodeReport) -> str:
    """Why it was not judged, or why wire and configuration differ."""
    match node.arp:
        case Arp.UNKNOWN | Arp.SELF:
            return "; ".join(filter(None, (plain(node.reason, PROSE_LIMIT), at_odds(node))))
        case Arp.NON_STRICT | Arp.QUIET | Arp.IPV6_ALONE | Arp.UNREACHED:
            return at_odds(node)
        case _:
            assert_never(node.arp)


def _node_cells(nodes: Sequence[NodeReport]) -> tuple[NameList | str, ...]:
    node = nodes[0]
    arp = marked(node.arp, node.accepted)
    macs = tuple(dict.fromkeys(str(mac.mac) for mac in node.macs)) if len(nodes) == 1 else ()
    return (
        NameList(names=tuple(plain(one.name) for one in nodes), most=1, whole=1),
        NameList(names=(arp,), most=1, whole=1, colour=of_word(arp)),
        _configured(node),
        kube_proxy_mode(node),
        NameList(names=macs or (NONE,), most=1),
    )


def _configured(node: NodeReport) -> str:
    return NONE if node.kube_proxy.strict_arp is None else f"strictARP {yes_no(node.kube_proxy.strict_arp)}"


def _wide_nodes(report: Report, style: Style) -> Section:
    rows = [_wide_node(node) for node in _by_gravity(report)]
    return aligned(_WIDE_NODE, rows, style) if rows else []


def _wide_node(node: NodeReport) -> tuple[NameList | str, ...]:
    proxy, arp = node.kube_proxy, marked(node.arp, node.accepted)
    macs = listing((f"{m.mac} ({m.interface or NONE}, {m.source})" for m in node.macs), 99)
    why = "; ".join(plain(text, PROSE_LIMIT) for text in (node.reason, at_odds(node), *proxy.notes) if text) or NONE
    return (
        plain(node.name), yes_no(node.ready), NameList(names=(arp,), most=1, colour=of_word(arp)), _configured(node),
        yes_no(proxy.loaded), kube_proxy_mode(node), plain(proxy.source or NONE), listing(map(str, node.addresses), 99),
        macs, why,
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------- Findings, causes and gaps


def _findings(report: Report, style: Style) -> Section:
    lines: Section = []
    for finding in report.findings:
        lines += ["", *_finding(finding, style)] if lines else [title("FINDINGS", style), *_finding(finding, style)]
    return lines


def _finding(finding: Finding, style: Style) -> Section:
    named = ": ".join(filter(None, (plain(finding.id), concerns(finding))))
    word = marked(finding.severity.upper(), finding.accepted)
    lines = led_by(word, marked(finding.severity, finding.accepted), f" {named}", style)
    lines += hanging("  ", plain(finding.means, PROSE_LIMIT), style)
    return lines + points("because", finding.because, style) + points("do", finding.do, style, numbered=True)


def _causes(report: Report, style: Style) -> Section:
    found = [cause for cause in likely(report) if cause not in main_causes(report)]
    lines = [title("LIKELY CAUSES", style)] if found else []
    for cause in found:
        lines += hanging("- ", sentence(cause), style)
        lines += hanging("  do  ", plain(cause.do, PROSE_LIMIT), style)
    return lines


def _not_read(report: Report, style: Style) -> Section:
    lines = [title("NOT READ OR NOT PROBED", style)] if report.gaps else []
    for gap in report.gaps:
        lines += hanging("", f"{plain(gap.what)} ({plain(gap.why)}): {plain(gap.costs, PROSE_LIMIT)}", style)
    return lines
