"""The pages of `watch` and `compare`: what is in them, and that nothing from outside is markup."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from page_samples import FORTY, OFFENDER, cured, drawings, evidence, other_pages
from test_report_hostile import HOSTILE, filled
from test_report_html import Page

from arpcheck import pipeline
from arpcheck.cluster import ClusterSource
from arpcheck.commands.compare import render
from arpcheck.commands.opening import ProbeRequest
from arpcheck.commands.option_groups import ReportOptions
from arpcheck.commands.watch import as_page, drawer
from arpcheck.commands.watch_page import Stretch, watch_page
from arpcheck.errors import UsageError
from arpcheck.evidence import Options
from arpcheck.model import Outcome, Verdict
from arpcheck.reports import Style
from arpcheck.reports import render as render_report
from arpcheck.reports.formatting import extracted
from arpcheck.reports.html import POLICY
from arpcheck.runs.compare import Change

PAGES = (
    "watch-failover-overlap",
    "watch-rollout",
    "watch-healthy",
    f"watch-{FORTY}",
    "compare-cured",
    "compare-worse",
    "compare-same",
)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_and_its_links_lead_somewhere(name: str) -> None:
    page = Page(other_pages()[name])
    policy = [found["content"] for tag, found in page.tags if tag == "meta" and "http-equiv" in found]
    assert policy == [POLICY]
    assert len(page.ids) == len(set(page.ids))
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    assert page.elements["script"] == name.startswith("watch")


# ------------------------------------------------------------------------------------------------------------------ watch


def test_a_watch_is_drawn_after_each_probe_and_at_its_end() -> None:
    found = drawings("failover-overlap")
    assert [drawing.is_over for drawing in found] == [False, False, True]
    assert "and goes on" in watch_page(found[0])
    assert "and goes on" not in watch_page(found[-1])


def test_the_timeline_has_a_bar_for_each_time_in_its_place() -> None:
    (address, *others) = drawings("failover-overlap")[-1].record.addresses
    assert (str(address.ip), address.worst, others[0].is_canary) == ("10.0.0.50", Outcome.FAULT, True)
    assert [span.owners for span in address.spans] == [("worker-1",), ("worker-1", "worker-2"), ("worker-2",)]
    page = Page(other_pages()["watch-failover-overlap"])
    bars = [found for tag, found in page.tags if tag == "rect"]
    assert [bar["class"] for bar in bars] == [Stretch.ONE, Stretch.SEVERAL, Stretch.ONE]
    starts, widths = ([float(str(bar[key]).removesuffix("%")) for bar in bars] for key in ("x", "width"))
    assert starts == sorted(starts)
    assert all(start >= 0 and start + width <= 100.2 for start, width in zip(starts, widths, strict=True))


def test_the_kernels_of_a_rollout_are_a_timeline_of_their_own() -> None:
    page = Page(other_pages()["watch-rollout"])
    classes = [found["class"] for tag, found in page.tags if tag == "rect"]
    assert classes.count(Stretch.UNHEARD) == 1
    (picture, _) = [str(found["aria-label"]) for tag, found in page.tags if tag == "svg"]
    assert picture.startswith("10.96.0.1: ")
    assert "worker-1, worker-2 and worker-3" in picture


def test_an_address_that_never_changed_is_in_the_list_with_who_replies() -> None:
    page = Page(other_pages()["watch-healthy"])
    assert page.elements["rect"] == 0
    assert "unchanged" in page.ids


def test_the_page_of_a_watch_can_be_judged_again() -> None:
    report = drawings("rollout")[-1].report
    assert report is not None
    assert json.loads(str(extracted(other_pages()["watch-rollout"]))) == json.loads(render_report(report, "json"))


def test_before_the_first_probe_a_page_says_that_nothing_was_judged() -> None:
    first = drawings("healthy")[-1]
    early = replace(first, report=None, record=replace(first.record, worst=Outcome.NOT_JUDGED, addresses=()))
    page = Page(watch_page(early))
    assert (page.elements["script"], page.elements["rect"]) == (0, 0)
    assert "INCONCLUSIVE" in page.words


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_is_markup_in_a_watch(text: str) -> None:
    found = drawings("rollout")[-1]

    def with_text(value: str) -> Page:
        spans = [
            replace(one, label=value, summary=one.summary, spans=tuple(filled(one.spans, value)))
            for one in found.record.addresses
        ]
        lines = tuple((at, value) for at, _ in found.lines)
        return Page(
            watch_page(replace(found, record=replace(found.record, words=value, addresses=tuple(spans)), lines=lines))
        )

    hostile, tame = with_text(text), with_text("tame")
    kept = ("script", "a", "article", "tr", "td", "rect", "svg", "ol", "li")
    assert {tag: hostile.elements[tag] for tag in kept} == {tag: tame.elements[tag] for tag in kept}


@pytest.mark.parametrize("name", ["page.html", "page.HTML"])
def test_a_file_with_the_suffix_of_a_page_has_the_timeline(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    draw = drawer(
        ProbeRequest(options=Options(interfaces=("eth0",)), source=ClusterSource(), report=ReportOptions(output=str(file))),
        pages=False,
    )
    assert draw is not None
    draw(drawings("rollout")[0])
    assert "exit code so far" in file.read_text()


def test_no_page_is_made_where_nobody_asked_for_one(tmp_path: Path) -> None:
    request = ProbeRequest(
        options=Options(interfaces=("eth0",)), source=ClusterSource(), report=ReportOptions(output=str(tmp_path / "a.prom"))
    )
    assert drawer(request, pages=False) is None
    assert drawer(request, pages=True) is not None


def test_a_watch_has_two_formats() -> None:
    assert (as_page("text"), as_page("html")) == (False, True)
    with pytest.raises(UsageError, match="unknown format of watch"):
        as_page("json")


# ---------------------------------------------------------------------------------------------------------------- compare


def rows(page: str) -> list[tuple[str, ...]]:
    """(change, number of subjects, who before, who after) of each row."""
    found = []
    for row in re.findall(r"<tr>\n<td data-label=\"Change\">.*?</tr>", page, re.DOTALL):
        change, subject, before, after = re.split(r'data-label="(?:What|Before|After)"', row)
        names = (",".join(re.findall(r"<b class=\"mark [a-z]+\">(.)</b>", side)) for side in (before, after))
        alike = re.search(r"(\d+) alike", subject)
        found.append((re.findall(r"badge [a-z]+\">([^<]+)", change)[0], alike[1] if alike else "1", *names))
    return found


def test_what_is_new_comes_first_and_alike_addresses_share_a_row() -> None:
    found = rows(other_pages()["compare-worse"])
    assert found[0] == (Change.NEW, "29", "A", "X,A")
    order = [list(Change).index(Change(change)) for change, *_ in found]
    assert order == sorted(order)
    assert 8 < len(found) < 14


def test_before_is_left_of_after() -> None:
    assert rows(other_pages()["compare-cured"])[0][2:] != rows(other_pages()["compare-worse"])[0][2:]
    assert (Change.FIXED, "29", "X,A", "A") in rows(other_pages()["compare-cured"])


def test_a_run_with_itself_has_no_change() -> None:
    assert {change for change, *_ in rows(other_pages()["compare-same"])} == {Change.SAME}


def test_the_announcer_is_named_where_it_is_the_same() -> None:
    faulty = evidence(FORTY)
    services = {target.target.ip for target in pipeline.conclude(faulty).targets if target.verdict is Verdict.NON_STRICT}
    assert len(services) > 20
    assert OFFENDER in {reply.mac for reply in faulty.replies}
    page = Page(other_pages()["compare-worse"])
    assert "the announcer of each" in page.words
    assert "rack2-worker-b" in page.words


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_is_markup_in_a_comparison(text: str) -> None:
    def with_text(value: str) -> Page:
        found = cured(again=True)
        addresses = tuple(
            replace(
                entry,
                subject=value,
                services=(value, value),
                after=replace(entry.after, who=(value,), wrong=frozenset({value})),
            )
            for entry in found.addresses
        )
        changed = replace(found, addresses=addresses, notes=(value,), doubts=(value,))
        return Page(render(changed, "html", Style()))

    hostile, tame = with_text(text), with_text("tame")
    kept = ("script", "a", "tr", "td", "details", "li", "section", "b")
    assert {tag: hostile.elements[tag] for tag in kept} == {tag: tame.elements[tag] for tag in kept}
