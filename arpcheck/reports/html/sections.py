"""The sections of the page that are text and tables: the verdict, findings, nodes, gaps, and the facts of the run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from arpcheck.model import Cause, Finding, Gap, NodeReport, Report, Verdict
from arpcheck.reports.html.markup import Markup, joined, prose, tag
from arpcheck.reports.html.picture import badge, tone
from arpcheck.reports.language import NONE, listing, moment
from arpcheck.reports.likely import installing, sentence
from arpcheck.reports.words import concerns, coverage, kube_proxy_mode, marked, outcome, strict_arp, verdict_line


def verdict(report: Report) -> Markup:
    word = outcome(report)
    brand = tag("p", tag("b", "arpcheck"), f" exit code {report.summary.exit_code}", class_="brand")
    counted = [
        tag("li", tag("b", f"{number:,}"), f" {found}", class_=tone(found))
        for found in sorted(Verdict, key=lambda v: v is Verdict.NOT_PROBED)
        if (number := report.summary.verdicts.get(found))
    ]
    facts = (joined(tag("dt", label), tag("dd", text)) for label, text in coverage(report) if label != "Verdicts")
    first = (tag("p", prose(told), class_="lead") for told in installing(report))
    return tag(
        "header", brand, *first, tag("h1", word), tag("p", prose(verdict_line(report)), class_="lead"),
        tag("ul", *counted, class_="counts") if counted else None, tag("dl", *facts), class_=f"verdict {tone(word)}",
    )  # fmt: skip


def findings(found: Sequence[Finding]) -> Markup:
    return joined(*map(_finding, found)) if found else tag("p", "None.", class_="note")


def _finding(found: Finding) -> Markup:
    about, word = concerns(found), marked(found.severity, found.accepted)
    return tag(
        "article",
        tag("h3", badge(word), " ", tag("code", found.id)),
        tag("p", about, class_="concerns") if about else None,
        tag("p", prose(found.means)),
        tag("div", _points("Because", "ul", found.because), _points("Do", "ol", found.do), class_="columns"),
        class_=f"finding {tone(word)}",
    )


def _points(label: str, kind: str, texts: Sequence[str]) -> Markup | None:
    return tag("div", tag("h4", label), tag(kind, *(tag("li", prose(text)) for text in texts))) if texts else None


def causes(found: Sequence[Cause]) -> Markup | None:
    if not found:
        return None
    return _table(("Likely cause", "Do"), ((prose(sentence(cause)), prose(cause.do)) for cause in found))


def nodes(found: Sequence[NodeReport]) -> Markup | None:
    if not found:
        return None
    heads = ("Node", "ARP", "MAC", "kube-proxy", "strictARP, configured", "Why")
    return _table(heads, map(_node, found))


def _node(node: NodeReport) -> tuple[str, ...]:
    macs = listing((mac.mac for mac in node.macs), 3)
    configured = strict_arp(node) if node.kube_proxy.source is None else f"{strict_arp(node)}, {node.kube_proxy.source}"
    why = "; ".join(text for text in (node.reason, *node.kube_proxy.notes) if text) or NONE
    arp = badge(marked(node.arp, node.accepted))
    return node.name, arp, tag("code", macs), kube_proxy_mode(node), configured, prose(why)


def gaps(found: Sequence[Gap]) -> Markup | None:
    if not found:
        return None
    rows = ((gap.what, gap.why, prose(gap.costs)) for gap in found)
    return _table(("What", "Why", "What it costs"), rows)


def run(report: Report) -> Markup:
    facts = report.run
    ignored = ", ".join(f"{count:,} {reason}" for reason, count in sorted(facts.ignored.items())) or "none"
    rows = (
        ("Started", f"{moment(facts.started_at)} UTC"),
        ("Ended", f"{moment(facts.ended_at)} UTC"),
        ("Rounds", f"{facts.rounds}, {facts.wait:g} s listened after the last, {facts.rate:g} frames a second"),
        ("Sender", facts.sender),
        ("Frames", f"{facts.sent:,} sent, {facts.received:,} replies, {facts.lost:,} lost, ignored: {ignored}"),
        ("Cluster", f"context {facts.context or NONE}, Kubernetes {facts.cluster or NONE}"),
        ("arpcheck", facts.arpcheck),
    )
    listed = tag("dl", *(joined(tag("dt", label), tag("dd", text)) for label, text in rows))
    kept = tag("p", "The whole report, with all that was observed, is in this page as JSON: ",
               tag("code", "arpcheck report FILE.html"), " judges it again.", class_="note")  # fmt: skip
    return joined(listed, kept)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    """On a narrow screen a row becomes a card, and each cell says its own heading."""
    head = tag("tr", *(tag("th", head, scope="col") for head in heads))
    body = (tag("tr", *(tag("td", cell, data_label=label) for label, cell in zip(heads, row, strict=True))) for row in rows)
    return tag("table", tag("thead", head), tag("tbody", *body), class_="cards")
