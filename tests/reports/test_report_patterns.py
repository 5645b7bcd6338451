"""What is wrong comes first, and what looks the same is shown once."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import IPv4Address

from report_crowds import crowd
from report_samples import ACCEPTED, CLEAN, NON_STRICT, known, node, responder, service
from test_report_html import Page

from arpcheck.model import Arp, Kind, Mac, Outcome, Report, Verdict
from arpcheck.reports import render
from arpcheck.reports.matrix import Mark, grid
from arpcheck.reports.patterns import ALONE, Conduct, Picture, conducts, picture

STRANGER = responder(None, macs=(Mac("00:00:5e:00:01:33"),), vendor="VRRP, virtual router 51", first=0.1)


def order(report: Report) -> tuple[Conduct, ...]:
    return conducts(report, grid(report))


def drawn(report: Report, most: int = 14) -> Picture:
    return picture(grid(report), order(report), most)


def names(report: Report) -> list[str]:
    return [one.name for one in order(report)]


def marks(found: Picture) -> list[str]:
    return ["".join(tally.mark for tally in pattern.tallies) for pattern in found.patterns]


def test_who_did_what_is_counted() -> None:
    offender, second, third = order(NON_STRICT)
    assert (offender.name, offender.wrong, offender.first, offender.right) == ("worker-1", 2, 1, 0)
    assert (offender.canary, offender.is_offender) == (True, True)
    assert [(one.name, one.wrong, one.right, one.is_offender) for one in (second, third)] == [
        ("worker-2", 0, 1, False), ("worker-3", 0, 2, False),
    ]  # fmt: skip


def test_nodes_come_by_what_they_did() -> None:
    silent = service("10.0.0.54", "web/x", Verdict.SILENT, "nobody answered", announcer="worker-3")
    wrong = service("10.0.0.55", "web/y", Verdict.WRONG_NODE, "", responder("worker-2"), announcer="worker-3")
    assert names(replace(CLEAN, targets=(*CLEAN.targets, silent, wrong))) == ["worker-2", "worker-3", "worker-1"]


def test_a_node_without_strict_arp_is_before_the_others_where_it_hurts_no_address() -> None:
    nodes = (node("worker-1"), node("worker-2"), node("worker-3", Arp.NON_STRICT))
    assert names(replace(CLEAN, nodes=nodes))[0] == "worker-3"


def test_what_is_accepted_accuses_nobody() -> None:
    accepted = replace(ACCEPTED, targets=ACCEPTED.targets[:1])
    assert not any(one.is_offender for one in order(accepted))


def test_a_stranger_is_wrong_only_where_the_verdict_says_so() -> None:
    for verdict, wrong, doubtful in ((Verdict.FOREIGN, 1, 0), (Verdict.INCONCLUSIVE, 0, 1), (Verdict.NON_STRICT, 0, 1)):
        target = service("10.0.0.50", "web/nginx", verdict, "", STRANGER, responder("worker-3", expected=True))
        (stranger,) = (one for one in order(replace(CLEAN, targets=(target,))) if one.node is None)
        assert (stranger.wrong, stranger.doubtful, stranger.first) == (wrong, doubtful, 1)


def test_nodes_that_reply_where_nobody_knows_who_should_are_a_doubt() -> None:
    target = replace(
        service("10.0.0.50", "web/nginx", Verdict.DUPLICATE, "", responder("worker-1"), responder("worker-2")), announcers=()
    )
    assert [(one.wrong, one.doubtful) for one in order(replace(CLEAN, targets=(target,)))] == [(0, 1), (0, 1), (0, 0)]


def test_rows_come_by_gravity() -> None:
    fine, bad = NON_STRICT.targets[2], NON_STRICT.targets[0]
    skipped, canary = NON_STRICT.targets[3], NON_STRICT.targets[4]
    unsure = service("10.0.0.58", "a/b", Verdict.INCONCLUSIVE, "")
    known_fault = replace(bad, accepted=ACCEPTED.targets[0].accepted)
    found = drawn(replace(NON_STRICT, targets=(canary, fine, known_fault, skipped, unsure, bad)))
    assert [pattern.target for pattern in found.patterns] == [bad, unsure, known_fault, skipped, fine, canary]


def test_of_few_rows_each_is_alone() -> None:
    found = drawn(crowd(ALONE - 2, 4, 1))
    assert all(pattern.is_one for pattern in found.patterns)


def test_many_alike_are_one_row_and_the_odd_ones_stay() -> None:
    report = crowd(40, 12, 3)
    found = drawn(report)
    assert sum(len(pattern.rows) for pattern in found.patterns) == 42
    assert len(found.patterns) < 12
    (fine,) = (pattern for pattern in found.patterns if pattern.target.outcome is Outcome.FINE)
    assert len(fine.rows) > 20
    assert sum(tally.addresses for tally in fine.tallies) == len(fine.rows)
    outcomes = [pattern.target.outcome for pattern in found.patterns if pattern.target.verdict]
    assert outcomes == sorted(outcomes, key=lambda outcome: outcome is Outcome.FINE)


def test_a_different_offender_is_a_different_row() -> None:
    many = tuple(
        service(
            f"10.0.1.{number}",
            f"a/{number}",
            Verdict.DUPLICATE,
            "",
            responder("worker-1"),
            responder("worker-3", expected=True),
        )
        for number in range(ALONE)
    )
    odd = service("10.0.2.1", "a/odd", Verdict.DUPLICATE, "", responder("worker-2"), responder("worker-3", expected=True))
    assert marks(drawn(replace(CLEAN, targets=(*many, odd)))) == ["X·A", "·XA"]


def test_nodes_that_did_nothing_special_share_a_column() -> None:
    found = drawn(crowd(60, 40, 3), 8)
    assert len(found.columns) <= 8
    assert found.columns[0].nodes == (None,)
    assert {column.title for column in found.columns[1:4]} == {"worker-1", "worker-2", "worker-3"}
    others = found.columns[-1]
    assert len(others.nodes) > 20
    assert others.title == f"{len(others.nodes)} other nodes"
    shared = [pattern.tallies[-1] for pattern in found.patterns]
    assert {tally.mark for tally in shared} <= {Mark.ANNOUNCER, Mark.QUIET}


def test_a_shared_column_shows_the_worst_of_its_nodes() -> None:
    found = drawn(crowd(60, 40, 30), 4)
    (first,) = (pattern for pattern in found.patterns if pattern.target.target.ip == IPv4Address("10.0.1.0"))
    assert first.tallies[-1].mark is Mark.UNEXPECTED


# ------------------------------------------------------------------------------------------------------------ in the page


def test_columns_and_nodes_of_the_page_begin_with_the_offender() -> None:
    turned = replace(NON_STRICT, nodes=tuple(reversed(NON_STRICT.nodes)))
    text = render(turned, "html")
    columns, nodes = text[text.index('<table class="matrix"') :], text[text.index('id="nodes"') :]
    for part in (columns, nodes):
        assert part.index("worker-1") < part.index("worker-2")
        assert part.index("worker-1") < part.index("worker-3")


def test_the_page_says_whose_reply_is_first_how_often_and_how_sure_that_is() -> None:
    first = [0.3, "eth0", 1, "10.0.0.50", "10.0.0.5", None, "02:00:00:00:01:01", "02:00:00:00:01:01", 0.2]
    later = [*first[:6], "02:00:00:00:01:03", "02:00:00:00:01:03", 0.9]
    report = replace(NON_STRICT, targets=NON_STRICT.targets[:1], evidence={"replies": [later, first]})
    words = Page(render(report, "html")).words
    assert "A client most likely takes: worker-1 (first reply to 1 of 1 request)" in words
    assert "3 of 3 rounds, 0 frames lost" in words


def test_the_sketch_tells_in_words_who_is_on_the_segment() -> None:
    lone = replace(node("worker-3", Arp.UNREACHED), name="worker-9")
    target = service("10.0.0.50", "web/nginx", Verdict.FOREIGN, "", STRANGER, responder("worker-3", expected=True))
    own = known("10.0.0.12", Kind.NODE, responder("worker-2", expected=True))
    page = Page(render(replace(CLEAN, targets=(target, own), nodes=(node("worker-2"), node("worker-3"), lone)), "html"))
    classes = [attributes["class"] for tag, attributes in page.tags if tag == "g"]
    assert classes == ["prober", "stranger", "replied", "replied", "unheard"]
    for said in ("00:00:5e:00:01:33: replies wrongly for 1 address", "worker-9: no reply", "eth0 (02:00:00:00:00:05"):
        assert said in page.words


def test_a_ticket_has_the_picture_and_the_nodes_in_the_order_of_the_page() -> None:
    text = render(crowd(60, 40, 3), "markdown")
    heads = next(line for line in text.splitlines() if line.startswith("| Address |"))
    assert heads.count("|") <= 11
    assert [head in heads for head in ("no known node", "worker-1", "worker-2", "worker-3", "other nodes")] == [True] * 5
    page = render(crowd(60, 40, 3), "html")
    nodes = [
        re.findall(r"worker-[123]\b", part) for part in (text.partition("### Nodes")[2], page.partition('id="nodes"')[2])
    ]
    assert list(dict.fromkeys(nodes[0])) == list(dict.fromkeys(nodes[1]))
    assert "- Confidence: 3 of 3 rounds, 0 frames lost, for every address" in text


def test_in_a_ticket_a_confidence_that_differs_is_beside_its_verdict() -> None:
    one = replace(NON_STRICT.targets[0], rounds=(1,), confidence=replace(NON_STRICT.targets[0].confidence, rounds=1, lost=4))
    text = render(replace(NON_STRICT, targets=(one, *NON_STRICT.targets[1:])), "markdown")
    assert "| **non-strict** (1 of 1 round, 4 frames lost) |" in text
    assert "for every address" not in text


def test_replies_of_microseconds_have_places_of_their_own() -> None:
    fast = [
        [0.0, "eth0", 1, "10.0.0.50", "10.0.0.5", None, "02:00:00:00:01:03", "02:00:00:00:01:03", after]
        for after in (0.02, 0.04, 0.09)
    ]
    page = Page(render(replace(CLEAN, evidence={"replies": fast}), "html"))
    places = [attributes["cx"] for tag, attributes in page.tags if tag == "circle" and "class" in attributes]
    assert len(set(places)) == 3
    assert "0.01 ms" in page.words
