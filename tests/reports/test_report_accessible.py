"""Whoever can't see the colours, the pictures or a mouse pointer reads the same report."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from itertools import pairwise

import pytest
from page_samples import other_pages
from report_crowds import crowd
from report_samples import SAMPLES
from test_report_html import Page

from arpcheck.reports import render

LEAST = 4.5
"""Contrast of text (WCAG 2.2, 1.4.3, level AA)."""
LEAST_OF_LINES = 3.0
"""Of what is drawn and means something (1.4.11)."""
TONES = ("good", "bad", "doubt", "calm")
ON_PAGE = ("text", "muted", "link", *TONES)
PAIRS = (
    *((colour, "page") for colour in ON_PAGE),
    *((colour, "panel") for colour in ("text", "muted", "link")),
    *((tone, f"{tone}-soft") for tone in TONES),
    ("link", "calm-soft"),
    ("muted", "calm-soft"),
)
"""(text, background): all that the style sheet puts together."""

REPORTS = {**SAMPLES, "crowd": crowd(70, 30, 20)}
OTHERS = ("watch-failover-overlap", "watch-rollout", "watch-healthy", "compare-cured", "compare-worse", "compare-same")
every = pytest.mark.parametrize("name", [*REPORTS, *OTHERS])


def page_of(name: str) -> Page:
    return Page(render(REPORTS[name], "html") if name in REPORTS else other_pages()[name])


def schemes() -> Mapping[str, Mapping[str, str]]:
    css = files("arpcheck.reports.html").joinpath("page.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    light, dark, printed = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]+)", block)) for block in blocks)
    return {"light": light, "dark": {**light, **dark}, "printed": {**light, **printed}}


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    shares = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_measured_as_the_standard_does() -> None:
    assert contrast("#000000", "#fff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark", "printed"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_can_be_read_on_its_ground(scheme: str, text: str, ground: str) -> None:
    colours = schemes()[scheme]
    assert contrast(colours[text], colours[ground]) >= LEAST


def test_every_colour_of_the_style_sheet_is_in_a_pair_or_a_line() -> None:
    css = files("arpcheck.reports.html").joinpath("page.css").read_text(encoding="utf-8")
    named = {colour for pair in PAIRS for colour in pair}
    assert set(schemes()["light"]) - named == {"line"}
    lines = [line for line in css.splitlines() if "var(--line)" in line]
    assert all("border" in line or "stroke" in line for line in lines)
    outside = re.sub(r":root \{.*?\}", "", css, flags=re.DOTALL)
    assert not re.search(r"#[0-9a-f]{3,6}\b(?!-)|rgb\(|opacity", outside)


@pytest.mark.parametrize("scheme", ["light", "dark", "printed"])
def test_what_is_drawn_stands_out(scheme: str) -> None:
    colours = schemes()[scheme]
    for tone in (*TONES, "muted", "link"):
        assert contrast(colours[tone], colours["page"]) >= LEAST_OF_LINES


# ------------------------------------------------------------------------------------------------------------- structure


def own(page: Page, *names: str) -> Iterator[dict[str, str | None]]:
    return (attributes for tag, attributes in page.tags if tag in names)


@every
def test_a_page_has_a_language_a_title_landmarks_and_a_way_past_them(name: str) -> None:
    page = page_of(name)
    assert [found["lang"] for found in own(page, "html")] == ["en"]
    assert [page.elements[landmark] for landmark in ("title", "header", "nav", "main", "h1")][1:] == [1, 1, 1, 1]
    first = next(attributes for tag, attributes in page.tags if tag == "a")
    assert first == {"class": "skip", "href": "#main"}
    assert "main" in page.ids
    assert all(found.get("aria-labelledby") in page.ids for found in own(page, "section"))
    assert all(found.get("aria-label") for found in own(page, "nav"))


@every
def test_no_level_of_headings_is_left_out(name: str) -> None:
    levels = [int(tag[1]) for tag, _ in page_of(name).tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


@every
def test_every_picture_has_a_text(name: str) -> None:
    page = page_of(name)
    for found in own(page, "svg"):
        if found.get("aria-hidden") == "true":
            continue
        assert found["role"] == "img"
        assert found.get("aria-label") or set(str(found["aria-labelledby"]).split()) <= set(page.ids)


@every
def test_every_heading_of_a_table_says_of_what(name: str) -> None:
    page = page_of(name)
    assert {found.get("scope") for found in own(page, "th")} <= {"col", "row"}
    assert all(found.get("aria-label") or "matrix" in str(found["class"]) for found in own(page, "table"))


@every
def test_what_scrolls_can_be_reached_with_a_keyboard(name: str) -> None:
    page = page_of(name)
    scrolling = [found for found in own(page, "div") if found.get("class") == "scroll"]
    assert all(found.get("tabindex") == "0" and found["role"] == "region" and found["aria-label"] for found in scrolling)
    assert page.elements["summary"] == page.elements["details"]


def test_a_mark_is_a_letter_and_a_sentence() -> None:
    text = render(SAMPLES["non-strict"], "html")
    cells = re.findall(r'<td class="cell [a-z]+">(.).*?<span class="unseen"> (.+?)</span></td>', text)
    assert {("X", "replied, and should not"), ("A", "replied, and is the announcer")} <= set(cells)
