"""The page: whole, self-contained, and nothing in it that the cluster wrote is markup."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files

import pytest
from report_crowds import crowd
from report_samples import CLEAN, EMPTY, NON_STRICT, SAMPLES, service
from test_report_hostile import HOSTILE, filled

from arpcheck.model import Report, Verdict
from arpcheck.reports import render
from arpcheck.reports.formatting import embedded, extracted
from arpcheck.reports.html import prose
from arpcheck.reports.html.charts import MOST, timelines

ELEMENTS = """html head meta title style body main header section article nav div span p a b code h1 h2 h3 h4 ul ol li
    dl dt dd table thead tbody tr th td details summary svg g desc line circle rect polygon text script"""
ATTRIBUTES = """lang charset http-equiv content name class id href scope role width height x x1 x2 y y1 y2 cx cy r points
    text-anchor type aria-label aria-labelledby aria-hidden data-label tabindex"""


class Page(HTMLParser):
    """Reads a page and holds it to what a page of ours consists of."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: Counter[str] = Counter()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        assert tag in ELEMENTS.split()
        assert set(found) <= set(ATTRIBUTES.split())
        assert tag != "script" or found == {"type": "application/json", "id": "report"}
        self.elements[tag] += 1
        self.tags.append((tag, found))
        self.ids += [str(found["id"])] if "id" in found else []
        self.links += [str(found["href"])] if "href" in found else []

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.words += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment")

    unknown_decl = handle_pi = handle_comment

    @property
    def dots(self) -> int:
        """Drawn replies."""
        return sum(tag == "circle" and "class" in attributes for tag, attributes in self.tags)


REPORTS: Mapping[str, Report] = {**SAMPLES, "crowd": crowd(70, 30, 20)}


@pytest.mark.parametrize("name", REPORTS)
def test_every_link_leads_to_a_place_in_the_page(name: str) -> None:
    page = Page(render(REPORTS[name], "html"))
    assert len(page.ids) == len(set(page.ids))
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    assert page.elements["script"] == page.elements["style"] == 1


def test_the_style_sheet_fetches_nothing_and_prints() -> None:
    css = files("arpcheck.reports.html").joinpath("page.css").read_text(encoding="utf-8")
    assert not re.search(r"url\(|@import|@font-face|https?:|</", css)
    assert css.count("{") == css.count("}")
    assert "@media print" in css
    assert "prefers-color-scheme: dark" in css


@pytest.mark.parametrize("name", REPORTS)
def test_the_json_in_the_page_is_the_report(name: str) -> None:
    text = render(REPORTS[name], "html")
    assert json.loads(str(extracted(text))) == json.loads(render(REPORTS[name], "json"))


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(
    "report", [pytest.param(NON_STRICT, id="non-strict"), pytest.param(SAMPLES["partial"], id="partial")]
)
def test_nothing_hostile_is_markup(report: Report, text: str) -> None:
    hostile, tame = (Page(render(filled(report, value), "html")) for value in (text, "tame"))
    kept = ("script", "style", "a", "article", "tr", "td", "section", "b", "div", "svg", "g", "circle")
    assert text == "" or {e: hostile.elements[e] for e in kept} == {e: tame.elements[e] for e in kept}
    found = json.loads(str(extracted(render(filled(report, text), "html"))))
    assert found == json.loads(render(filled(report, text), "json"))


def test_the_verdict_and_the_findings_come_first() -> None:
    text = render(NON_STRICT, "html")
    places = (
        "<h1>PROBLEM",
        "2 non-strict",
        "<b>worker-1</b> replies wrongly for 2 addresses",
        ">non-strict-nodes<",
        'id="replies"',
        'id="addresses"',
        'id="nodes"',
        'id="run"',
    )
    found = [text.index(place, text.index("<body>")) for place in places]
    assert found == sorted(found)


def test_problems_are_shown_before_what_is_in_order() -> None:
    fine, bad = NON_STRICT.targets[2], NON_STRICT.targets[0]
    text = render(replace(NON_STRICT, targets=(fine, bad)), "html")
    assert text.index('id="ip-10.0.0.50"') < text.index('id="ip-10.0.0.52"')


def test_an_empty_report_says_so() -> None:
    words = Page(render(EMPTY, "html")).words
    assert "no address was judged" in words
    assert "No address was probed." in words


def test_of_many_addresses_all_are_in_the_page_and_those_in_order_are_folded() -> None:
    page = Page(render(crowd(400, 20, 3), "html"))
    addresses = {f"10.0.{1 + number // 256}.{number % 256}" for number in range(400)}
    assert addresses <= {row.removeprefix("ip-") for row in page.ids if row.startswith("ip-")}
    assert page.elements["article"] < 20
    assert 0 < page.elements["details"] < 20


def test_the_page_of_a_flood_says_what_is_not_drawn() -> None:
    row = [0.0, "eth0", 1, "10.0.0.50", "10.0.0.5", None, "02:00:00:00:01:03", "02:00:00:00:01:03", 0.2]
    page = Page(render(replace(CLEAN, evidence={"replies": [row] * (MOST + 7)}), "html"))
    assert page.dots == MOST
    assert "7 more replies not drawn" in page.words


# ------------------------------------------------------------------------------------------------------------ timelines

GOOD = [0.0, "eth0", 1, "10.0.0.50", "10.0.0.5", None, "02:00:00:00:01:03", "02:00:00:00:01:03", 0.2]
ODD = [
    pytest.param(None, id="none"),
    pytest.param("text", id="text"),
    pytest.param({"a": 1}, id="a mapping"),
    pytest.param([None, 1, "x", [], [1] * 9], id="no rows"),
    pytest.param([[*GOOD[:8], "0.2"]], id="a time that is text"),
    pytest.param([[*GOOD[:8], float("nan")]], id="a time that is no number"),
    pytest.param([[*GOOD[:3], "10.0.0.99", *GOOD[4:]]], id="an address that is no target"),
    pytest.param([GOOD[:8]], id="a short row"),
]


@pytest.mark.parametrize("replies", ODD)
def test_a_row_of_another_shape_says_nothing(replies: object) -> None:
    report = replace(CLEAN, evidence={"replies": replies})
    assert not any(timeline.points for timeline in timelines(report).values())
    assert Page(render(report, "html")).dots == 0


def test_the_first_to_each_question_is_marked_whoever_else_was_asked() -> None:
    rows = [
        [*GOOD[:8], 5.0], [*GOOD[:8], 0.4], [*GOOD[:2], 2, *GOOD[3:8], 7.0], [*GOOD[:4], "0.0.0.0", *GOOD[5:8], 9.0],
    ]  # fmt: skip
    points = timelines(replace(CLEAN, evidence={"replies": rows}))["10.0.0.50"].points
    assert [(point.round, point.after, point.first) for point in points] == [
        (1, 5.0, False), (1, 0.4, True), (2, 7.0, True), (1, 9.0, True),
    ]  # fmt: skip


def test_of_two_replies_at_the_same_time_one_is_the_first() -> None:
    other = [*GOOD[:6], "02:00:00:00:01:02", "02:00:00:00:01:02", 0.2]
    points = timelines(replace(CLEAN, evidence={"replies": [other, GOOD]}))["10.0.0.50"].points
    assert [(point.mac[-2:], point.first) for point in points] == [("02", True), ("03", False)]


@pytest.mark.parametrize("after", [0.0, -5.0, 0.05, 999.9, 1000.0, 5_000.0, 1e9])
def test_a_dot_is_never_outside_of_its_lane(after: float) -> None:
    text = render(replace(CLEAN, evidence={"replies": [[*GOOD[:8], after]]}), "html")
    (across,) = re.findall(r'<circle cx="([\d.]+)%"', text)
    assert 4 <= float(across) <= 96


def test_many_responders_share_lanes_by_their_mark() -> None:
    text = render(crowd(1, 30, 20), "html")
    assert text.count('class="lane"') == 2
    assert "20 responders" in text


# --------------------------------------------------------------------------------------------------- markup, embedding


def test_code_in_a_sentence_is_escaped_like_the_rest() -> None:
    assert prose("a `<b>` `c") == "a <code>&lt;b&gt;</code> `c"


@pytest.mark.parametrize("text", ["</script>", "<!--<script>", "&amp;", "]]>"])
def test_the_embedded_json_has_no_end_but_its_own(text: str) -> None:
    element = embedded(json.dumps({"x": text}))
    assert element.count("<") == 2
    assert json.loads(str(extracted(f"<html>{element}</html>"))) == {"x": text}


def test_a_page_without_a_report_has_none() -> None:
    assert extracted("<html></html>") is None


def test_the_recorded_announcer_is_beside_the_verdict() -> None:
    silent = service("10.0.0.50", "web/nginx", Verdict.SILENT, "nobody answered")
    words = Page(render(replace(CLEAN, targets=(silent,)), "html")).words
    assert "worker-3 by ServiceL2Status metallb-system/l2-nginx (current, 118 s old)" in words
