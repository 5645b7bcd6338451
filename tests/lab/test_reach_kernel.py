"""Every row of the table of faults as a scene on the kernel: the result of `--reach`, and what a real client gets.

The client has a static neighbour entry for the MAC address that was asked."""

from __future__ import annotations

import shutil
from collections import Counter

import pytest
from reach_stage import CLOSED, FULL, NETS, NEVER_ACCEPTS, Host, Scene, Stage, dnat, play

from arpcheck.model import NotAsked, ReachResult

pytestmark = [
    pytest.mark.lab(long=True),
    pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed (Debian package nftables)"),
]

OWNER = Host(name="owner", number=10, pod=True)
N1, N2 = Host(name="n1", number=11, pod=True), Host(name="n2", number=12, pod=True, redirects=False)
TWO_NICS = Host(name="n3", number=13, nics=2, pod=True)
STRICT = Host(name="n4", number=14, nics=2, pod=True, rp_filter=1)
DIRECT, BEHIND = Host(name="n5", number=15, pod=True), Host(name="n6", number=16, pod=True)
STRANGER = Host(name="x", number=99, forwards=False)
ROUTER, PICKY, LONELY = Host(name="r", number=98), Host(name="q", number=97), Host(name="s", number=96)
ROUTING = Host(name="n7", number=17, pod=True)
"""Alone for its scene, since a redirect eats the credit for other ICMP to the same host (net/ipv4/route.c, icmp.c)."""
ELSEWHERE = Host(name="n8", number=18, pod=True, net=NETS[1])
"""Of a second network on the same LAN, with no way to the first."""
TO_LOOSE, TO_STRICT = (
    Host(name="n9", number=19, pod=True, replies_to="eth1"), Host(name="n10", number=20, pod=True, replies_to="eth2"),
)  # fmt: skip
"""They reply to another NIC of the prober, one with rp_filter=0 and one with 1."""
REJECTING = Host(name="n11", number=21, pod=True)
"""Alone for its scene, as ROUTING."""
BLOCKED = Host(name="n12", number=22, pod=True, blocked=True)
HOSTS = (
    OWNER,
    N1,
    N2,
    TWO_NICS,
    STRICT,
    DIRECT,
    BEHIND,
    ROUTING,
    ELSEWHERE,
    TO_LOOSE,
    TO_STRICT,
    REJECTING,
    BLOCKED,
    STRANGER,
    ROUTER,
    PICKY,
    LONELY,
)

TO_VIP = "ip daddr VIP tcp dport 80"
ACCEPTED, OTHER_MAC, WRONG_SOURCE = ReachResult.ACCEPTED, ReachResult.OTHER_MAC, ReachResult.WRONG_SOURCE
REFUSED, UNREACHABLE, NO_ANSWER = ReachResult.REFUSED, ReachResult.UNREACHABLE, ReachResult.NO_ANSWER


def masqueraded(address: str) -> str:
    return f"after ip daddr {address} ct original ip daddr VIP masquerade"


def refused_in(chain: str, how: str) -> str:
    return f"{chain} ct original ip daddr VIP {how}"


TABLE = [
    # (scene, result, what of the row must be so, what the client gets)
    (Scene(name="a", host="n1", rules=[dnat(N1)]), ACCEPTED, {"ttl": 63}, "ok"),
    (Scene(name="j", host="n1", rules=[dnat(N2), masqueraded(N2.pod_address)]), ACCEPTED, {"ttl": 62}, "ok"),
    (
        Scene(name="l", host="n1", held_by=["n1"], rules=[dnat(N2), masqueraded(N2.pod_address)]),
        ACCEPTED, {"ttl": 62}, "ok",
    ),
    (Scene(name="j2", host="n1", rules=[dnat(N2)]), WRONG_SOURCE, {"source": "10.42.12.2:8080", "by": N2.mac()}, "timeout"),
    (Scene(name="b", host="n7", rules=[f"forward {TO_VIP} drop"]), NO_ANSWER, {"routes": True}, "timeout"),
    (Scene(name="b-quiet", host="n2", rules=[f"forward {TO_VIP} drop"]), NO_ANSWER, {"routes": False}, "timeout"),
    (Scene(name="b2", host="n1", rules=[f"early {TO_VIP} drop"]), NO_ANSWER, {"routes": False}, "timeout"),
    (
        Scene(name="b3", host="n2", rules=[f"forward {TO_VIP} reject with icmp port-unreachable"]),
        UNREACHABLE, {"code": 3, "source": N2.address}, "refused",
    ),
    (
        Scene(name="b4", host="n2", held_by=["n2"], rules=[f"input {TO_VIP} reject with icmp port-unreachable"]),
        UNREACHABLE, {"code": 3, "source": "VIP"}, "refused",
    ),
    (Scene(name="c", host="n1", rules=[dnat(N1), refused_in("forward", "drop")]), NO_ANSWER, {"routes": False}, "timeout"),
    (
        Scene(name="d", host="n1", rules=[dnat(N1), refused_in("forward", "meta l4proto tcp reject with tcp reset")]),
        REFUSED, {"ttl": 64}, "refused",
    ),
    (
        Scene(name="e", host="n1", rules=[dnat(N1), refused_in("forward", "reject with icmp admin-prohibited")]),
        UNREACHABLE, {"code": 13}, "unreachable",
    ),
    (Scene(name="i", host="n1", rules=[dnat(N1, CLOSED)]), REFUSED, {"ttl": 63}, "refused"),
    (Scene(name="i2", host="n1", rules=[dnat(N1, address="10.42.11.77")]), UNREACHABLE, {"code": 1}, "unreachable"),
    (Scene(name="i3", host="n1", rules=[dnat(N1, FULL)]), NO_ANSWER, {}, "timeout"),
    (Scene(name="i4", host="n1", rules=[dnat(N1, NEVER_ACCEPTS)]), ACCEPTED, {"ttl": 63}, "timeout"),
    (Scene(name="f", host="n3", nic=1, rules=[dnat(TWO_NICS)]), ACCEPTED, {"by": TWO_NICS.mac(0)}, "ok"),
    (Scene(name="g", host="n4", nic=1, rules=[dnat(STRICT)]), NO_ANSWER, {}, "timeout"),
    (Scene(name="h1", host="x"), NO_ANSWER, {"routes": False}, "timeout"),
    (Scene(name="h2", host="x", held_by=["x"]), REFUSED, {"ttl": 64}, "refused"),
    (Scene(name="h3", host="x", held_by=["x"], listens={"x": 1}), ACCEPTED, {"ttl": 64}, "ok"),
    (Scene(name="h4", host="r"), OTHER_MAC, {"routes": True, "by": OWNER.mac()}, "ok"),
    (
        Scene(name="h4-invalid", host="q", rules=["forward ct state invalid ip daddr VIP drop"]),
        OTHER_MAC, {"routes": True, "by": OWNER.mac()}, "timeout",
    ),
    (Scene(name="h5", host="s", owned=False), UNREACHABLE, {"routes": True, "code": 1}, "timeout"),
    (
        Scene(name="dsr", host="n5", owned=False, routes={"n5": "n6"}, held_by=["n6"], listens={"n6": 1}),
        OTHER_MAC, {"routes": True, "by": BEHIND.mac()}, "ok",
    ),
    (
        Scene(name="b3-redirects", host="n11", rules=[f"forward {TO_VIP} reject with icmp port-unreachable"]),
        NO_ANSWER, {"routes": True, "tries": 3}, "refused",  # three redirects, before the first port-unreachable
    ),
    (Scene(name="second-nic", host="n9", rules=[dnat(TO_LOOSE)]), ACCEPTED, {"over": "eth1", "by": None}, "ok"),
    (Scene(name="strict-second-nic", host="n10", rules=[dnat(TO_STRICT)]), ACCEPTED, {"over": "eth2"}, "timeout"),
    (
        Scene(name="egress", host="n12", rules=[dnat(BLOCKED)]),
        ReachResult.NOT_ASKED, {"why": NotAsked.SEND_FAILED, "tries": 0}, "timeout",
    ),
    (Scene(name="second-net", host="n8", rules=[dnat(ELSEWHERE)]), ACCEPTED, {"ttl": 63}, "ok"),
]  # fmt: skip

NAMES = [scene.name for scene, *_ in TABLE]


@pytest.fixture(scope="module")
def played():
    return play(Stage(hosts=HOSTS, scenes=[scene for scene, *_ in TABLE]))


def test_the_word_is_that_of_the_table_and_the_client_agrees(played) -> None:
    """All scenes in one test, as in the next: split over several processes, each would play all of them."""
    said, table = {}, {}
    for name, (_, result, more, client) in zip(NAMES, TABLE, strict=True):
        found = played["scenes"][name]
        wanted = {
            key: value.replace("VIP", found["vip"]) if isinstance(value, str) else value for key, value in more.items()
        }
        said[name] = {key: found[key] for key in ("result", *more, "client")}
        table[name] = {"result": result, **wanted, "client": client}
    assert said == table
    assert {name: found["owner"] for name, found in played["scenes"].items() if found["owner"] not in (ACCEPTED, None)} == {}


def test_who_is_accused_serves_no_client(played) -> None:
    for name in NAMES:
        found = played["scenes"][name]
        assert not (found["fault"] and found["client"] == "ok"), name
        beside, silent = found["owner"] == ACCEPTED, found["result"] == NO_ANSWER
        assert found["fault"] == (found["result"] == WRONG_SOURCE or (beside and silent)), name


def test_no_connection_is_left_half_open(played) -> None:
    assert played["half_open"] == []


def test_a_capture_shows_three_syns_at_most_and_nothing_but_tcp_and_arp(played) -> None:
    segments = Counter(played["frames"])
    ours = {(found["mac"], found["vip"]) for found in played["scenes"].values()}
    ours |= {(OWNER.mac(), found["vip"]) for found in played["scenes"].values()}
    for written, often in segments.items():
        mac, place, flags = written.split(" ")
        assert flags in ("02", "04", "14")  # the kernel's own RST goes where ARP says
        assert flags != "02" or (often <= 3 and (mac, place.removesuffix(":80")) in ours)
    assert played["complete"]
    assert played["lost"] == 0
