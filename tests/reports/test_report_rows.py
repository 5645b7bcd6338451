"""Which addresses are shown, in which order, and which share a row."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from ipaddress import IPv6Address

import pytest
from report_samples import CLEAN, node, responder, service, skipped

from arpcheck.model import (
    Accepted,
    Also,
    AlsoId,
    Arp,
    KubeProxy,
    NodeReport,
    Report,
    Skip,
    TargetReport,
    Verdict,
)
from arpcheck.reports import Style, render
from arpcheck.reports.rows import FOLDED, MANY_OK, blocks, chosen
from arpcheck.reports.words import at_odds

STYLE = Style(width=100)


def of(*targets: TargetReport, nodes: tuple[NodeReport, ...] = ()) -> Report:
    return replace(CLEAN, targets=targets, nodes=nodes)


def one(ip: str, verdict: Verdict = Verdict.OK, reason: str = "because", **more: object) -> TargetReport:
    found = service(ip, f"web/of-{ip.replace('.', '-')}", verdict, reason, responder("worker-3", expected=True))
    return replace(found, **more)  # type: ignore[arg-type]


def table(report: Report, style: Style = STYLE) -> list[str]:
    return render(report, "table", style).splitlines()


def rows(report: Report, style: Style = STYLE) -> list[str]:
    """The addresses that have a row, in order."""
    lines = table(report, style)
    start = next(number for number, line in enumerate(lines) if line.startswith("IP "))
    section = lines[start + 1 : lines.index("", start)]
    return [line.split()[0] for line in section if not line.startswith((" ", "ok: "))]


# -------------------------------------------------------------------------------------------------------------------- order

ACCEPTED = Accepted(reason="known", until=date(2026, 4, 1))
IN_ORDER = (
    one("10.0.0.90", Verdict.FOREIGN, "a"),
    one("10.0.0.9", Verdict.NON_STRICT, "b"),
    one("10.0.0.10", Verdict.NON_STRICT, "c"),
    one("10.0.0.80", Verdict.SILENT, "d"),
    one("10.0.0.70", Verdict.INCONCLUSIVE, "e"),
    one("10.0.0.60", Verdict.FOREIGN, "f", accepted=ACCEPTED),
    skipped(IPv6Address("fd00::1"), "web/six", Skip.IPV6, "g"),
    one("10.0.0.1", Verdict.OK, "h"),
    one("10.0.0.2", Verdict.OK, "h"),
)


def test_what_is_wrong_comes_first_then_what_is_not_certain_then_what_was_not_judged() -> None:
    report = of(*IN_ORDER[4:], *reversed(IN_ORDER[:4]))
    assert chosen(report, STYLE) == IN_ORDER
    assert rows(report) == [str(target.target.ip) for target in IN_ORDER]


@pytest.mark.parametrize("name", ["wide", "matrix"])
def test_the_order_is_the_same_in_every_format_for_a_terminal(name: str) -> None:
    lines = render(of(*reversed(IN_ORDER)), name).splitlines()
    found = [line.split()[0] for line in lines if line.startswith(("10.0.0.", "fd00::"))]
    assert found == [str(target.target.ip) for target in IN_ORDER]


# ----------------------------------------------------------------------------------------------------------- addresses alike


def alike(number: int, verdict: Verdict = Verdict.SILENT) -> tuple[TargetReport, ...]:
    return tuple(one(f"10.0.0.{last}", verdict) for last in range(1, number + 1))


def test_addresses_that_have_all_in_common_share_a_row_with_their_number_and_the_first_of_them() -> None:
    [header, first, members, reason, *_] = table(of(*alike(28)))[2:]
    assert first.startswith("10.0.0.1 +27 ")
    assert "web/of-10-0-0-1 +27 " in first
    assert members == "  10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4 and 24 more"
    assert reason == "  because"
    assert header.startswith("IP ")


def test_fewer_than_that_have_a_row_each() -> None:
    assert rows(of(*alike(FOLDED - 1))) == ["10.0.0.1", "10.0.0.2"]
    assert rows(of(*alike(FOLDED))) == ["10.0.0.1"]


OTHER = [
    pytest.param({"verdict": Verdict.WRONG_NODE}, 2, id="verdict"),
    pytest.param({"reason": "another reason"}, 2, id="reason"),
    pytest.param({"responders": (responder("worker-1"),)}, 2, id="responders"),
    pytest.param({"announcers": ()}, 2, id="announcer"),
    pytest.param({"accepted": ACCEPTED}, 2, id="accepted"),
    pytest.param({"also": (Also(id=AlsoId.STRANGER, text="x"),)}, 2, id="what else holds"),
    pytest.param({"implementation": "cilium"}, 1, id="what no row shows"),
]


@pytest.mark.parametrize(("changes", "number"), OTHER)
def test_what_differs_in_a_row_has_a_row_of_its_own(changes: dict[str, object], number: int) -> None:
    others = tuple(replace(target, **changes) for target in alike(6)[3:])  # type: ignore[arg-type]
    assert len(rows(of(*alike(3), *others))) == number


def test_the_reason_stands_under_its_rows_and_once() -> None:
    first, second = one("10.0.0.1", Verdict.SILENT, "same"), one("10.0.0.5", Verdict.SILENT, "same", announcers=())
    lines = table(of(first, one("10.0.0.3", Verdict.SILENT, "other"), second))[3:]
    assert [line.split()[0] for line in lines[:5]] == ["10.0.0.1", "10.0.0.5", "same", "10.0.0.3", "other"]
    assert [len(block.rows) for block in blocks((first, second))] == [2]


def test_what_is_in_order_needs_no_reason() -> None:
    assert "  because" not in table(of(one("10.0.0.1")))
    told = one("10.0.0.1", also=(Also(id=AlsoId.GRATUITOUS, text="x"),))
    assert "  because" in table(of(told))


def test_whom_clients_reach_is_said_where_several_replied() -> None:
    both = responder("worker-1"), responder("worker-3", expected=True)
    target = one("10.0.0.1", Verdict.NON_STRICT, responders=both, winner="worker-1")
    assert "  because; clients most likely reach worker-1" in table(of(target))
    assert "  because" in table(of(replace(target, responders=both[:1])))


# -------------------------------------------------------------------------------------------------------- what is in order


@pytest.mark.parametrize(("number", "shown"), [(MANY_OK, MANY_OK), (MANY_OK + 1, 0)])
def test_many_addresses_that_are_in_order_are_one_line_and_wide_has_them_all(number: int, shown: int) -> None:
    report = of(one("10.0.0.200", Verdict.SILENT), *alike(number, Verdict.OK))
    assert len(rows(report)) == shown + 1
    [*line] = [line for line in table(report) if line.startswith("ok: ")]
    assert len(line) == (0 if shown else 1)
    assert shown or f"ok: {number} addresses (10.0.0.1, 10.0.0.2 and {number - 2} more)" in line[0]
    wide = render(report, "wide").splitlines()
    assert sum(line.startswith("10.0.0.") for line in wide) == number + 1


def test_an_address_in_order_of_which_more_is_to_be_said_keeps_its_row() -> None:
    told = one("10.0.0.250", also=(Also(id=AlsoId.GRATUITOUS, text="x"),))
    assert rows(of(*alike(MANY_OK + 1, Verdict.OK), told)) == ["10.0.0.250"]


# -------------------------------------------------------------------------------------------------------------------- nodes


def section(nodes: tuple[NodeReport, ...]) -> list[str]:
    lines = table(of(nodes=nodes))
    start = next(number for number, line in enumerate(lines) if line.startswith("NODE "))
    return lines[start : lines.index("", start)]


def test_nodes_that_answer_come_first_and_many_alike_share_a_row() -> None:
    quiet = tuple(replace(node("worker-1"), name=f"quiet-{number}") for number in range(30))
    [_, *found] = section((*quiet, node("worker-2", Arp.UNREACHED), node("worker-3", Arp.NON_STRICT)))
    assert [line.split()[0] for line in found] == ["worker-3", "configured", "worker-2", "quiet-0", "quiet-0,"]
    assert found[3].startswith("quiet-0 +29 ")


@pytest.mark.parametrize(
    ("arp", "proxy", "differs"),
    [
        pytest.param(Arp.QUIET, KubeProxy(mode="ipvs", strict_arp=True, source=None), False, id="as configured"),
        pytest.param(Arp.NON_STRICT, KubeProxy(mode="ipvs", strict_arp=False, source=None), False, id="as not configured"),
        pytest.param(Arp.QUIET, KubeProxy(mode="iptables", strict_arp=False, source=None), True, id="no Service address"),
        pytest.param(Arp.QUIET, KubeProxy(mode="ipvs", strict_arp=False, source=None), True, id="still quiet"),
        pytest.param(Arp.NON_STRICT, KubeProxy(mode="ipvs", strict_arp=True, source=None), True, id="replies all the same"),
        pytest.param(Arp.NON_STRICT, KubeProxy(mode="iptables", strict_arp=False, source=None), True, id="left behind"),
        pytest.param(Arp.QUIET, KubeProxy(mode="ipvs", strict_arp=True, source=None, loaded=False), True, id="not loaded"),
        pytest.param(Arp.QUIET, KubeProxy(mode=None, strict_arp=None, source=None), False, id="not known"),
        pytest.param(Arp.UNREACHED, KubeProxy(mode="ipvs", strict_arp=False, source=None), False, id="not heard"),
    ],
)
def test_where_wire_and_configuration_differ_a_line_says_why(arp: Arp, proxy: KubeProxy, differs: bool) -> None:
    found = replace(node("worker-1", arp), kube_proxy=proxy)
    assert bool(at_odds(found)) is differs
    [_, _, *under] = section((found,))
    assert len(under) == (1 if differs else 0)
