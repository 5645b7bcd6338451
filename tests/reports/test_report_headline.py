"""The first line of a report: what the exit code rests on, and what of the addresses was not judged."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest
from report_samples import CLEAN, NON_STRICT, node, skipped

from arpcheck.model import Arp, Preflight, Report, Skip, Verdict
from arpcheck.reports import Style, render
from arpcheck.reports.words import verdict_line

KNOWN = tuple(target for target in CLEAN.targets if target.verdict is None)
SIX = skipped(IPv6Address("fd00::50"), "web/six", Skip.IPV6, "IPv6 is not asked")
SEVEN = skipped(IPv6Address("fd00::51"), "web/seven", Skip.IPV6, "IPv6 is not asked")
FAR = skipped(IPv4Address("10.9.0.50"), "web/far", Skip.OFF_LINK, "elsewhere")
PENDING = skipped(None, "web/new", Skip.PENDING, "no address yet")
OUTSIDE = replace(CLEAN.targets[0], verdict=Verdict.NOT_PROBED)


def of(*targets: object, code: int = 0, because: tuple[str, ...] = (), sample: Report = CLEAN, **more: object) -> str:
    summary = replace(sample.summary, exit_code=code, because=because)
    return verdict_line(replace(sample, targets=(*targets, *KNOWN), summary=summary, **more))


def test_a_clean_run_says_what_it_left_out() -> None:
    assert of(CLEAN.targets[0]) == "no problem was found"
    assert of(CLEAN.targets[0], SIX, SEVEN, FAR, PENDING) == (
        "no problem was found; not judged: 2 IPv6, 1 outside the networks of this host, 1 without an address yet"
    )
    assert of(CLEAN.targets[0], OUTSIDE).endswith("not judged: 1 not announced by a node")


def test_without_any_address_it_speaks_of_the_nodes() -> None:
    assert of() == "no LoadBalancer address; 3 nodes quiet"
    assert of(PENDING) == "no LoadBalancer address; 3 nodes quiet; not judged: 1 without an address yet"
    some = node("worker-1"), node("worker-2", Arp.UNREACHED)
    assert of(nodes=some) == "no LoadBalancer address; 1 node quiet, 1 unreached"
    assert of(nodes=some[1:]) == "no LoadBalancer address; 1 node unreached"
    assert of(nodes=()) == "no LoadBalancer address and no node"


def test_where_no_address_was_judged_that_is_what_comes_first() -> None:
    """Also where something else is proven."""
    because = ("1 of 3 nodes without strict ARP",)
    assert of(SIX, SEVEN, code=1, because=because) == (
        "none of 2 LoadBalancer addresses was judged; 1 of 3 nodes without strict ARP; not judged: 2 IPv6"
    )
    assert of(SIX, code=0).startswith("none of 1 LoadBalancer address was judged")


def test_a_preflight_answers_its_question() -> None:
    found = Preflight(safe=True, words="safe: 3 of 3 nodes are quiet", strict_arp="set", reason="set")
    assert of(preflight=found) == "safe: 3 of 3 nodes are quiet"


@pytest.mark.parametrize("name", ["table", "markdown", "html"])
def test_every_format_for_people_begins_with_it(name: str) -> None:
    text = render(NON_STRICT, name, Style(width=500))
    assert "not judged: 1 without an address yet" in " ".join(text.split())
