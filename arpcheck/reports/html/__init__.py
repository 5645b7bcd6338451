"""`-o html`: one page that needs nothing else: no network, no script, light and dark, on paper too.

The report is embedded as JSON, so that the page that was attached to a ticket can be judged again."""

from __future__ import annotations

from importlib.resources import files

from arpcheck.model import Report
from arpcheck.reports.document import document
from arpcheck.reports.embedding import embedded
from arpcheck.reports.grid import grid
from arpcheck.reports.html.addresses import addresses
from arpcheck.reports.html.markup import Markup, tag
from arpcheck.reports.html.picture import picture
from arpcheck.reports.html.sections import causes, findings, gaps, nodes, run, verdict
from arpcheck.reports.html.timeline import timelines
from arpcheck.reports.json import written
from arpcheck.reports.likely import likely
from arpcheck.reports.style import Style
from arpcheck.reports.words import outcome, verdict_line

NAME = "html"

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Content Security Policy: even a page that somebody edited fetches nothing and runs nothing."""


def render(report: Report, style: Style) -> str:  # noqa: ARG001 - the same for every terminal
    found = grid(report)
    parts = (
        ("Findings", findings(report.findings)),
        ("Causes", causes(likely(report))),
        ("Who answers what", picture(found)),
        ("Addresses", addresses(report, found, timelines(report))),
        ("Nodes", nodes(report.nodes)),
        ("Gaps", gaps(report.gaps)),
        ("Run", run(report)),
    )
    shown = [(title, title.split()[0].lower(), content) for title, content in parts if content is not None]
    links = tag("nav", *(tag("a", title, href=f"#{anchor}") for title, anchor, _ in shown))
    sections = (tag("section", tag("h2", title), content, id=anchor) for title, anchor, content in shown)
    content = tag("main", verdict(report), links, *sections)
    data = Markup(embedded(written(document(report))))
    return f"<!DOCTYPE html>\n{tag('html', _head(report), tag('body', content, data), lang='en')}\n"


def _head(report: Report) -> Markup:
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"arpcheck: {outcome(report)}: {verdict_line(report)}"),
        tag("style", Markup(files("arpcheck.reports.html").joinpath("page.css").read_text(encoding="utf-8"))),
    )


