"""`-o wide`: the table with more columns, such as MAC addresses, rounds, reply times and records. No cell is cut."""

from __future__ import annotations

from dataclasses import replace

from arpcheck.model import NodeReport, Report, Responder, TargetReport
from arpcheck.reports import Style
from arpcheck.reports.formatting import NONE, listing, yes_no
from arpcheck.reports.grid import aligned, of_word, painted
from arpcheck.reports.table import Section, causes, findings, gaps, headline, sections
from arpcheck.reports.words import (
    address,
    claim,
    is_expected,
    kube_proxy_mode,
    marked,
    replied_by,
    responder,
    rounds_of,
    services,
    verdict_of,
)
from arpcheck.text import PROSE_LIMIT, plain

NAME = "wide"

_TARGET = (
    "IP", "SERVICE", "IMPLEMENTATION", "VERDICT", "REPLIES FROM", "EXPECTED", "MAC", "INTERFACE", "ROUNDS", "PER REQUEST",
    "FIRST MS", "RECORDED", "WHY",
)  # fmt: skip
_NODE = ("NODE", "READY", "ARP", "ADDRESS", "MAC", "KUBE-PROXY", "STRICT-ARP", "LOADED", "CONFIGURED IN", "WHY")


def render(report: Report, style: Style) -> str:
    endless = replace(style, width=None)
    targets, nodes = _targets(report, endless), _nodes_section(report, endless)
    found = findings(report, style), causes(report, style), gaps(report, style)
    return sections(headline(report, style), targets, nodes, *found)


def _targets(report: Report, style: Style) -> Section:
    """One line for each responder. Each line has the address and its verdict, so that `grep` finds complete lines."""
    rows = [row for target in report.targets for row in _rows(target, report)]
    verdict = _TARGET.index("VERDICT")
    paint = lambda column, cell: painted(cell, of_word(cell) if column == verdict and cell != NONE else "", style)  # noqa: E731
    return aligned(_TARGET, rows, style, paint) if rows else []


def _rows(target: TargetReport, report: Report) -> list[tuple[str, ...]]:
    verdict = verdict_of(target) if target.verdict else NONE
    lead = (address(target), services(target, 99), plain(target.implementation or NONE), verdict)
    claims = "; ".join(claim(found, report.run.started_at) for found in target.announcers) or NONE
    tail = (claims, plain(target.reason, PROSE_LIMIT) or NONE)
    if not target.responders:
        none = f"0 of {len(target.rounds)}"
        return [(*lead, replied_by(target), *(NONE,) * 3, none, *(NONE,) * 2, *tail)]
    return [(*lead, *_responder(found, target), *tail) for found in target.responders]


def _responder(found: Responder, target: TargetReport) -> tuple[str, ...]:
    return (
        responder(found), yes_no(is_expected(found, target)), _mac_cell(found), listing(found.interfaces, 99),
        rounds_of(found, target), f"{found.replies_per_probe:.2f}", f"{found.first_reply_ms:.2f}",
    )  # fmt: skip


def _mac_cell(found: Responder) -> str:
    macs = listing(found.macs, 99)
    return f"{macs} (sent by {listing(found.sources, 99)})" if found.sources else macs


def _nodes_section(report: Report, style: Style) -> Section:
    arp = _NODE.index("ARP")
    paint = lambda column, cell: painted(cell, of_word(cell) if column == arp else "", style)  # noqa: E731
    return aligned(_NODE, [_node_cells(node) for node in report.nodes], style, paint) if report.nodes else []


def _node_cells(node: NodeReport) -> tuple[str, ...]:
    proxy = node.kube_proxy
    macs = listing((f"{m.mac} ({m.interface or NONE}, {m.source})" for m in node.macs), 99)
    why = "; ".join(plain(text, PROSE_LIMIT) for text in (node.reason, *proxy.notes) if text) or NONE
    return (
        plain(node.name), yes_no(node.ready), marked(node.arp, node.accepted), listing(map(str, node.addresses), 99), macs,
        kube_proxy_mode(node), yes_no(proxy.strict_arp), yes_no(proxy.loaded), plain(proxy.source or NONE), why,
    )  # fmt: skip
