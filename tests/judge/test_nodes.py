"""nodes: how a node's kernel treats Service addresses, with the reason as the report says it."""

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest

from arpcheck.evidence import Capture, Evidence, Options
from arpcheck.judge.nodes import node_states
from arpcheck.judge.observations import Observations
from arpcheck.model import Identity, Loss, Mac, Overflow, Owner, Question, Reply, SourceRank, Strength
from arpcheck.objects import Node

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ZERO, OURS = IPv4Address(0), IPv4Address("10.0.0.5")
HOME, CANARY, GATEWAY = IPv4Address("10.0.0.11"), IPv4Address("10.96.0.1"), IPv4Address("10.244.1.1")
M1, M2 = Mac("02:00:00:00:00:01"), Mac("02:00:00:00:00:02")
ALIKE = "a node that holds no Service address (iptables or nftables mode, Cilium) looks the same"
LISTED = Identity(mac=M1, node="n1", source="mac-map", detail="", rank=SourceRank.OWN_FILE, lists_nics=True, lists_all=True)
BY_ITSELF = replace(LISTED, source="nmstate", rank=SourceRank.PUBLISHED)
HEARD = replace(LISTED, mac=M2, source="node-ip", rank=SourceRank.WIRE, lists_nics=False, lists_all=False)
MISSED = "it missed requests for its own address, so it may have missed those for the canary"
STRICT = "replied for its own 10.0.0.11 and not for 10.96.0.1"


def state(
    *replies, asked=((HOME, ZERO), (CANARY, ZERO)), addresses=(HOME,), canary=CANARY, owned=("n1", "n1"), proxy=False,
    blind=(), gateways=(), to=None, times=8, missing=(), strength=Strength.HEARD, marks=None, shared=(), more=(), **evidence,
):  # fmt: skip
    """`replies`: address and MAC, answered to the sender that it was asked with, all of `times` but the `missing`; `owned`:
    the nodes of M1 and M2; `marks`: what else is known of them; `more`: other nodes."""
    senders = dict(asked)
    made = Evidence(
        arpcheck="x", started_at=NOW, ended_at=NOW, options=Options(interfaces=("eth0",)),
        questions=tuple(
            Question(10.0 * n, "eth0", 1, ip, sender, to if ip == CANARY else None) for n in range(times) for ip, sender in asked
        ),
        replies=tuple(
            Reply(10.0 * n + 1, "eth0", 1, ip, senders[ip], None, mac, mac, 1.0)
            for n in range(times) if n not in missing for ip, mac in replies
        ), **evidence,
    )  # fmt: skip
    proxied = frozenset({ZERO}) if proxy else frozenset()
    owners = {
        ("eth0", mac): Owner(
            mac=mac,
            node=node,
            proxied=proxied,
            **{"strength": strength if node else Strength.NONE, **(marks or {}).get(mac, {})},
        )
        for mac, node in ((M2, owned[1]), (M1, owned[0]))
    }
    nodes = [Node(name=name, ready=True, addresses=(), labels={}, annotations={}, raw={}) for name in ("n1", *more)]
    found, *_ = node_states(nodes, {"n1": addresses}, canary, owners, Observations(made), blind, {"n1": gateways}, shared)
    assert found.macs == tuple(mac for mac, node in zip((M1, M2), owned, strict=True) if node == "n1")
    return found.arp.value, found.reason


def told(*replies, **options):
    """To be judged in the test."""
    return lambda: state(*replies, **options)


WITH_GATEWAY = {"asked": ((HOME, ZERO), (CANARY, ZERO), (GATEWAY, ZERO)), "gateways": (GATEWAY,)}

STATES = [
    pytest.param(told((HOME, M1), (CANARY, M2)), ("non-strict", f"{M2} replied for 10.96.0.1, a ClusterIP that nobody announces"), id="non-strict"),
    pytest.param(told((CANARY, M1), losses=(Loss(interface="eth0", rounds=(1,), frames=1),)), ("non-strict", f"{M1} replied for 10.96.0.1, a ClusterIP that nobody announces"), id="heard, whatever was lost"),
    pytest.param(told((HOME, M1)), ("quiet", f"{STRICT}; {ALIKE}"), id="strict, or it holds none"),
    pytest.param(told((HOME, M1), gateways=(GATEWAY,)), ("quiet", f"{STRICT}; {ALIKE}"), id="a gateway that was not asked tells nothing"),
    pytest.param(
        told((HOME, M1), **WITH_GATEWAY), ("quiet", f"{STRICT}; nor for its pod gateway 10.244.1.1: its kernel is strict"), id="strict"
    ),
    pytest.param(
        told((HOME, M1), (GATEWAY, M1), **WITH_GATEWAY),
        ("quiet", f"{STRICT}; it replied for its pod gateway 10.244.1.1, so its kernel is not strict and holds no Service address"),
        id="not strict, and it holds none",
    ),
    pytest.param(
        told((HOME, M1), (GATEWAY, M2), owned=("n1", None), **WITH_GATEWAY),
        ("quiet", f"{STRICT}; nor for its pod gateway 10.244.1.1: its kernel is strict"), id="another replied for the gateway",
    ),
    pytest.param(
        told((HOME, M1), (CANARY, M2), owned=("n1", None)),
        ("unknown", f"{M2} replied for 10.96.0.1 and may be this node"), id="a MAC of nobody answers the canary",
    ),
    pytest.param(
        told((HOME, M1), (CANARY, M2), owned=("n1", None), marks={M2: {"apart": True}}), ("quiet", f"{STRICT}; {ALIKE}"),
        id="a MAC that is most likely no node's answers the canary",
    ),
    pytest.param(
        told((HOME, M1), (CANARY, M2), owned=("n1", None), marks={M1: {"identities": (LISTED,)}}), ("quiet", f"{STRICT}; {ALIKE}"),
        id="a MAC answers the canary that the node's complete list lacks",
    ),
    pytest.param(
        told((HOME, M1), (CANARY, M2), owned=("n1", None), marks={M1: {"identities": (LISTED,)}}, more=("n2",)),
        ("unknown", f"{M2} replied for 10.96.0.1 and may be this node"),
        id="a MAC answers the canary that the user's list lacks, as it lacks a whole node",
    ),
    pytest.param(
        told((HOME, M1), (CANARY, M2), owned=("n1", None), marks={M1: {"identities": (BY_ITSELF,)}}, more=("n2",)),
        ("quiet", f"{STRICT}; {ALIKE}"),
        id="a MAC answers the canary that the node itself does not list",
    ),
    pytest.param(
        told(
            (HOME, M1), (HOME, M2), (CANARY, M2), owned=("n1", "n2"), shared={HOME},
            marks={M2: {"identities": (HEARD,), "strength": Strength.DOUBTFUL}},
        ),
        ("unknown", f"{M2} replied for 10.96.0.1 and may be this node"),
        id="a list gives the MAC that answers the canary to another node, and the wire to this one",
    ),
    pytest.param(
        told((HOME, M1), (HOME, M2), (CANARY, M2), owned=("n1", "n2")),
        ("unknown", f"{M2} replied for 10.96.0.1 and may be this node"),
        id="another node's MAC answers for its own address and the canary",
    ),
    pytest.param(
        told((HOME, M1), (HOME, M2), (CANARY, M2), owned=("n1", "n2"), shared={HOME}), ("quiet", f"{STRICT}; {ALIKE}"),
        id="another node's MAC answers for its own address, which is a Service's, and the canary",
    ),
    pytest.param(told((HOME, M1), blind={"n1"}), ("self", "arpcheck ran on it, and a host does not receive its own replies"), id="the prober's own"),
    pytest.param(told(), ("unreached", "no reply for its addresses here (10.0.0.11)"), id="not heard"),
    pytest.param(told(addresses=()), ("unreached", "no reply for its addresses here (it has none that is IPv4)"), id="no address"),
    pytest.param(
        told((HOME, M1), owned=(None, None), proxy=True), ("unreached", "no reply for its addresses here (10.0.0.11)"),
        id="only a proxy was heard",
    ),
    pytest.param(told((HOME, M1), canary=None), ("unknown", "the canary was not probed"), id="no canary"),
    pytest.param(told((HOME, M1), asked=((HOME, ZERO),)), ("unknown", "the canary was not probed"), id="a canary that was not asked"),
    pytest.param(told((HOME, M1), to=M1), ("unknown", "the canary was not probed"), id="a canary that was asked of one MAC alone"),
    pytest.param(
        told((HOME, M1), losses=(Loss(interface="eth0", rounds=(1,), frames=1),)),
        ("unknown", "frames were lost while the canary was probed"), id="lost frames",
    ),
    pytest.param(
        told((HOME, M1), overflows=(Overflow(ip=CANARY, replies=1),)),
        ("unknown", "frames were lost while the canary was probed"), id="more answers than could be kept",
    ),
    pytest.param(
        told((HOME, M1), capture=Capture(name="x.pcap", frames=2, unseen=0)),
        ("unknown", "the capture has no reply for 10.96.0.1 and may be incomplete"), id="from a capture",
    ),
    pytest.param(
        told((HOME, M1), owned=(None, None)), ("unknown", "there was a reply for 10.0.0.11, but it may not be from this node"),
        id="answered by nobody who is known",
    ),
    pytest.param(
        told((HOME, M1), asked=((HOME, OURS), (CANARY, ZERO))),
        ("unknown", "its own address and the canary were not probed in the same way"), id="asked with another sender",
    ),
    pytest.param(
        told((HOME, M1), times=7),
        ("unknown", "only 7 requests for its own address and 7 for the canary reached it, 8 are needed"), id="asked too seldom",
    ),
    pytest.param(
        told((HOME, M1), missing=[2]), ("unknown", MISSED), id="a question was missed"
    ),
    pytest.param(told((HOME, M1), missing=[2], times=10), ("unknown", MISSED), id="a question was missed, and too few came after"),
    pytest.param(told((HOME, M1), missing=[2], times=11), ("quiet", f"{STRICT}; {ALIKE}"), id="a question was missed, and enough came after"),
    pytest.param(
        told((HOME, M1), (HOME, M2), (CANARY, M2), strength=Strength.DOUBTFUL),
        ("unknown", f"{M2} replied for 10.96.0.1, but may not be this node"), id="one of two at its address is non-strict",
    ),
    pytest.param(
        told((HOME, M1), (HOME, M2), (CANARY, M1), (CANARY, M2), strength=Strength.DOUBTFUL),
        ("non-strict", f"{M1}, {M2} replied for 10.96.0.1, a ClusterIP that nobody announces"), id="both at its address are non-strict",
    ),
    pytest.param(
        told((HOME, M1), (HOME, M2), (CANARY, M1), (CANARY, M2), owned=("n1", "n2"), strength=Strength.DOUBTFUL),
        ("non-strict", f"{M1} replied for 10.96.0.1, a ClusterIP that nobody announces"),
        id="both at its address are non-strict, and one may be another node's",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("found", "expected"), STATES)
def test_how_a_node_treats_service_addresses(found, expected):
    assert found() == expected
