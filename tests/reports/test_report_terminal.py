"""The report on a terminal: what is on the first screen, what is cut in which order, and whether its colours can be read."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from report_crowds import crowd
from report_samples import CLEAN, SAMPLES, service
from report_samples import responder as replying
from terminals import TERMINALS, terminal
from test_report_formats import EXPECTED

from arpcheck.model import Mac, Report, Responder, Verdict
from arpcheck.reports import Style, render
from arpcheck.reports.formatting import GREEN, GREY, RED, YELLOW, NameList, aligned

SCREEN = 50
"""Lines."""


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize(("addresses", "width"), TERMINALS)
def test_the_terminal(addresses: int, width: int) -> None:
    expected = (EXPECTED / f"{addresses}-on-{width}.ansi").read_text(encoding="utf-8")
    assert terminal(addresses, width) == expected
    assert terminal(addresses, width, colour=False) == plain(expected)
    assert max(map(len, plain(expected).splitlines())) <= width


@pytest.mark.parametrize("width", [80, 100, 160])
def test_the_first_screen_of_500_addresses_has_outcome_cause_and_culprits(width: int) -> None:
    screen = terminal(500, width, colour=False).splitlines()[:SCREEN]
    assert screen[0].startswith("PROBLEM (exit code 1): 10 foreign; ")
    first = [line.split()[0] for line in screen if line]
    assert first.index("Cause") < first.index("Do") < first.index("IP") < 10
    rows = [line for line in screen if re.match(r"10\.0\.\d+\.\d+ ", line)]
    assert {"foreign", "non-strict"} == {verdict for line in rows for verdict in line.split() if verdict in {*Verdict}}


# ------------------------------------------------------------------------------------------------------------------ colours


def luminance(red: int, green: int, blue: int) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    parts = [value / 255 for value in (red, green, blue)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def rgb(code: str) -> tuple[int, int, int]:
    """Of `38;5;N`: the cube of 6 × 6 × 6 colours and the greys of xterm."""
    match = re.search(r"38;5;(\d+)$", code)
    assert match, f"{code} leaves its colour to the terminal's theme"
    number = int(match[1])
    if number >= 232:
        return (8 + 10 * (number - 232),) * 3
    steps = (0, 95, 135, 175, 215, 255)
    return steps[(number - 16) // 36], steps[(number - 16) // 6 % 6], steps[(number - 16) % 6]


@pytest.mark.parametrize("code", [RED, YELLOW, GREEN, GREY])
def test_a_colour_can_be_read_on_black_and_on_white(code: str) -> None:
    """WCAG 2.2 asks 4.5 of text, and 3 of bold text that is large. No colour has more than 4.58 on both."""
    light = luminance(*rgb(code))
    assert min(1.05 / (light + 0.05), (light + 0.05) / 0.05) >= (3.9 if code.startswith("1;") else 4.4)


@pytest.mark.parametrize("sample", SAMPLES)
def test_no_other_colour_is_used(sample: str) -> None:
    for name in ("table", "wide", "matrix"):
        codes = set(re.findall(r"\x1b\[([0-9;]*)m", render(SAMPLES[sample], name, Style(colour=True, width=80))))
        assert codes <= {"0", "1", RED, YELLOW, GREEN, GREY}


# ------------------------------------------------------------------------------------------------- what is cut, and what not


def responder(node: str | None, **more: object) -> Responder:
    return replying("worker-1", **more)._replace(node=node)


def of(*responders: Responder, ip: str = "10.0.0.50", name: str = "web/nginx", announcer: str = "worker-3") -> Report:
    target = service(ip, name, Verdict.DUPLICATE, "two nodes", *responders, announcer=announcer)
    return replace(CLEAN, targets=(target,), nodes=())


def row(report: Report, width: int | None) -> tuple[str, str]:
    """The line of the address and the one under it."""
    lines = render(report, "table", Style(width=width)).splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("10.0.0.50"))
    return lines[at], lines[at + 1]


RIGHT = responder("worker-3", expected=True)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(["rack1-worker-b"], id="a node"),
        pytest.param([None], id="a MAC"),
        pytest.param(["ip-10-0-1-23.eu-central-1"], id="a long name"),
        pytest.param(["rack1-worker-a", "rack1-worker-b"], id="two"),
        pytest.param([f"rack1-worker-{number}" for number in range(9)], id="nine"),
    ],
)
@pytest.mark.parametrize("width", [80, 100, 160, None])
def test_the_culprit_is_whole_and_first_at_every_width(wrong: list[str | None], width: int | None) -> None:
    found = [responder(node, macs=(Mac("00:00:5e:00:01:33"),)) for node in wrong]
    line, _ = row(of(*found, RIGHT, name="ingress-nginx/ingress-nginx-controller-of-the-shop"), width)
    named = wrong[0] or "00:00:5e:00:01:33"
    assert f"  {named}" in line
    assert line.index(named) < line.index("worker-3")
    assert width is None or len(line) <= width


def test_who_is_not_named_is_counted() -> None:
    line, _ = row(of(*(responder(f"rack-{number}") for number in range(9)), RIGHT), None)
    assert "rack-0, rack-1, rack-2 +7 " in line


@pytest.mark.parametrize("name", ["ip-10-0-1-23.eu-central-1.compute.internal", f"{'a' * 60}.example.com"])
def test_a_culprit_that_no_row_holds_is_whole_under_its_row(name: str) -> None:
    line, under = row(of(responder(name), RIGHT, name="ingress-nginx/ingress-nginx-controller"), 80)
    assert "+1 " in line
    assert under.startswith(f"  from {name}")


def test_names_are_cut_in_their_middle_and_the_others_still_counted() -> None:
    cells = NameList(names=("rack1-worker-a", "rack1-worker-b", "rack1-worker-c"), most=3)
    assert [cells.at(width) for width in (46, 40, 20, 12)] == [
        "rack1-worker-a, rack1-worker-b, rack1-worker-c",
        "rack1-worker-a, rack1-worker-b +1",
        "rack1-worker-a +2",
        "rack…er-a +2",
    ]


def test_columns_without_culprits_give_way_first() -> None:
    rows = [("a" * 40, NameList(names=("b" * 30,), most=1, whole=1), "c" * 40)]
    [_, line] = aligned(("A", "B", "C"), rows, Style(width=80))
    assert "b" * 30 in line
    assert len(line) <= 80


# ------------------------------------------------------------------------------------------------------------------- a pipe


@pytest.mark.parametrize("addresses", [1, 40, 500])
def test_a_pipe_gets_no_colour_no_cut_name_and_no_endless_line(addresses: int) -> None:
    text = render(crowd(addresses, 40, 39), "table", Style())
    assert "\x1b" not in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 140


def test_vendors_are_in_wide_and_not_in_the_row() -> None:
    report = SAMPLES["partial"]
    assert "VRRP" not in "".join(row(report, None))
    assert "00:00:5e:00:01:33 (VRRP, virtual router 51)" in render(report, "wide")
