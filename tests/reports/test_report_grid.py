"""What each mark of the picture stands for, and how a picture that is too large is folded."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from report_crowds import crowd
from report_samples import CLEAN, NON_STRICT, PARTIAL, known, node, responder, service

from arpcheck.model import Arp, Claim, ClaimSource, Kind, Report, Responder, TargetReport, Trust, Verdict
from arpcheck.reports import Style, render
from arpcheck.reports.matrix import FEW, Mark, grid


def claimed(node_name: str, trust: Trust = Trust.CURRENT, rank: int = 0, name: str = "web/nginx") -> Claim:
    return Claim(node=node_name, source="a record", kind=ClaimSource.LEASE, trust=trust, service=name, rank=rank)


def asked(*responders: Responder, claims: tuple[Claim, ...] = (), **more: object) -> TargetReport:
    found = service("10.0.0.50", "web/nginx", Verdict.OK, "", *responders)
    return replace(found, announcers=claims, **more)  # type: ignore[arg-type]


def one_row(target: TargetReport) -> Report:
    return replace(CLEAN, targets=(target,), nodes=(node("worker-1", Arp.NON_STRICT), node("worker-2"), node("worker-3")))


EXPECTED = responder("worker-3", expected=True)
MARKS = [
    pytest.param(asked(EXPECTED, claims=(claimed("worker-3"),)), "··A", id="the announcer alone"),
    pytest.param(asked(EXPECTED, responder("worker-2"), claims=(claimed("worker-3"),)), "·XA", id="another beside it"),
    pytest.param(asked(responder("worker-2"), claims=(claimed("worker-3"),)), "·XS", id="another instead of it"),
    pytest.param(asked(claims=(claimed("worker-3"),)), "··S", id="nobody, and somebody should"),
    pytest.param(asked(), "···", id="nobody, and nobody is known to have to"),
    pytest.param(asked(responder("worker-2")), "·a·", id="no record"),
    pytest.param(asked(responder("worker-1"), responder("worker-2")), "Xa·", id="no record, and one is non-strict"),
    pytest.param(asked(responder("worker-2"), claims=(claimed("worker-3", Trust.STALE),)), "·a·", id="only a stale record"),
    pytest.param(asked(responder("worker-2"), claims=(claimed("worker-3", Trust.GUESS),)), "·a·", id="only a guess"),
    pytest.param(asked(EXPECTED, claims=(claimed("worker-3"), claimed("worker-2", rank=1))), "··A", id="a weaker record"),
    pytest.param(asked(EXPECTED, claims=(claimed("worker-3"), claimed("worker-1", name="db/x"))), "S·A", id="two Services"),
    pytest.param(asked(EXPECTED, responder(None), claims=(claimed("worker-3"),)), "F··A", id="a stranger comes first"),
    pytest.param(asked(responder(None, expected=True)), "A···", id="a MAC that the Service names"),
    pytest.param(asked(rounds=()), "---", id="not asked"),
    pytest.param(known("10.96.0.1", Kind.CANARY, responder("worker-1"), responder("worker-2")), "XX·", id="the canary"),
    pytest.param(known("192.0.2.1", Kind.CONTROL, responder(None)), "F···", id="the control"),
]


@pytest.mark.parametrize(("target", "marks"), MARKS)
def test_marks(target: TargetReport, marks: str) -> None:
    (row,) = grid(one_row(target)).rows
    assert "".join(cell.mark for cell in row.cells) == marks


DEAF = [
    pytest.param(Arp.SELF, (), "?", id="arpcheck runs on it"),
    pytest.param(Arp.SELF, (claimed("worker-1"),), "?", id="arpcheck runs on the announcer"),
    pytest.param(Arp.UNREACHED, (), "?", id="nothing was heard of it"),
    pytest.param(Arp.UNREACHED, (claimed("worker-1"),), "S", id="nothing was heard of the announcer"),
    pytest.param(Arp.UNKNOWN, (), "·", id="heard, but not judged"),
]


@pytest.mark.parametrize(("arp", "claims", "mark"), DEAF)
def test_the_silence_of_a_node_that_cannot_be_heard_says_nothing(arp: Arp, claims: tuple[Claim, ...], mark: str) -> None:
    (row,) = grid(replace(one_row(asked(claims=claims)), nodes=(node("worker-1", arp),))).rows
    assert "".join(cell.mark for cell in row.cells) == mark


def test_a_node_that_is_only_named_has_a_column() -> None:
    gone = asked(responder("worker-9"), claims=(claimed("worker-8"),))
    assert grid(one_row(gone)).nodes == ("worker-1", "worker-2", "worker-3", "worker-8", "worker-9")


def test_node_targets_are_no_rows_and_the_controls_are_the_last() -> None:
    kinds = [row.target.target.kind for row in grid(NON_STRICT).rows]
    assert kinds == [Kind.LOAD_BALANCER] * 4 + [Kind.CANARY, Kind.CONTROL]


def test_nodes_that_say_nothing_are_folded_when_there_are_many() -> None:
    many = tuple(replace(node("worker-1"), name=f"idle-{number}") for number in range(FEW))
    found = grid(replace(NON_STRICT, nodes=(*NON_STRICT.nodes, *many)))
    assert found.nodes == ("worker-1", "worker-2", "worker-3")
    assert found.quiet == tuple(f"idle-{number}" for number in range(FEW))
    text = render(replace(NON_STRICT, nodes=(*NON_STRICT.nodes, *many)), "matrix")
    assert "Not shown: 8 nodes without replies that no record names as announcer: idle-0," in text


def test_the_legend_names_the_marks_that_occur() -> None:
    assert grid(PARTIAL).marks == (Mark.FOREIGN, Mark.DEAF, Mark.QUIET, Mark.UNASKED)


@pytest.mark.parametrize(("nodes", "parts"), [pytest.param(3, 1, id="names"), pytest.param(12, 1, id="numbers"),
                                              pytest.param(40, 4, id="parts")])  # fmt: skip
def test_every_column_is_drawn_once_whatever_the_width(nodes: int, parts: int) -> None:
    text = render(crowd(9, nodes, nodes - 1), "matrix", Style(width=100))
    headings = [line.split()[2:-1] for line in text.splitlines() if line.startswith("IP ")]
    assert len(headings) == parts
    drawn = [heading for part in headings for heading in part]
    assert len(drawn) == len(set(drawn))
    assert max(map(len, text.splitlines())) <= 100


def test_a_row_of_an_address_has_the_same_marks_in_every_layout() -> None:
    report = crowd(3, 40, 39)
    narrow, wide = (render(report, "matrix", Style(width=width)) for width in (100, 100_000))
    rows = [line.split() for line in narrow.splitlines() if line.startswith("10.0.1.1 ")]
    (whole,) = (line.split() for line in wide.splitlines() if line.startswith("10.0.1.1 "))
    assert [mark for row in rows for mark in row[2:-1]] == whole[2:-1]


def test_what_is_wrong_comes_first_and_the_rest_is_in_the_order_of_the_addresses() -> None:
    rows = [row.target for row in grid(crowd(20, 4, 1)).rows][:20]
    assert [target.verdict for target in rows[:2]] == [Verdict.FOREIGN, Verdict.NON_STRICT]
    fine = [target.target.ip for target in rows if target.verdict is Verdict.OK]
    assert fine == sorted(ip for ip in fine if isinstance(ip, IPv4Address))
