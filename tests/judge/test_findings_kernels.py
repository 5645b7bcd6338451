"""Findings about the nodes' kernels, rule by rule, with the words that an operator reads."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from judge_cases import CANARY, IP, because, case, finding, judged, mac, party, state

from arpcheck.judge.judged import AskingHost
from arpcheck.model import Arp, Cause, CauseId, Host, Interface, KubeProxy

A, B = party(1, 1, 2, 3, node="a"), party(2, 1, 2, 3, node="b")
HOME, SECOND_HOME = IPv4Address("10.0.0.11"), IPv4Address("10.1.0.11")


STATES = (
    state("a", Arp.QUIET),
    state("b", Arp.NON_STRICT),
    state("c", Arp.NON_STRICT),
    state("d", Arp.UNKNOWN),
    state("e", Arp.UNREACHED),
)
PROXY = KubeProxy(mode="ipvs", strict_arp=False, source="configmap x")
INVISIBLE = "its configuration is not visible"


def test_nodes_without_strict_arp_are_counted_among_those_that_could_be_judged():
    found = finding(
        "non-strict-nodes",
        judged(case(A, B, announcers="a", non_strict="b"), case(A, announcers="a", ip=HOME), nodes=STATES),
    )
    assert found.because == (
        f"2 of 3 nodes that could be judged replied for {CANARY}: b, c",
        f"b: {INVISIBLE}",
        f"c: {INVISIBLE}",
    )
    assert (found.nodes, found.ips) == (("b", "c"), (IP,))
    assert finding("non-strict-nodes", judged(case(A), nodes=STATES[:1])) is None


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        pytest.param(None, INVISIBLE, id="nothing"),
        pytest.param(KubeProxy(mode=None, strict_arp=None, source="configmap x"), INVISIBLE, id="neither"),
        pytest.param(PROXY, "configured with mode ipvs, strictARP false (configmap x)", id="both"),
        pytest.param(
            KubeProxy(mode="ipvs", strict_arp=True, source="configmap x", loaded=True, notes=("odd", "old")),
            "configured with mode ipvs, strictARP true (configmap x); odd; old", id="with notes",
        ),
        pytest.param(
            KubeProxy(mode="ipvs", strict_arp=True, source="configmap x", loaded=False),
            "configured with mode ipvs, strictARP true (configmap x), but the running kube-proxy started earlier", id="not loaded",
        ),
        pytest.param(KubeProxy(mode="ipvs", strict_arp=None, source="x"), "configured with mode ipvs, strictARP not visible (x)", id="no strictARP"),
        pytest.param(KubeProxy(mode=None, strict_arp=True, source="x"), "configured with mode not visible, strictARP true (x)", id="no mode"),
    ],
)  # fmt: skip
def test_what_is_configured_stands_beside_what_the_wire_shows(proxy, said):
    run = judged(nodes=(state("b", Arp.NON_STRICT),), kube_proxies={"b": proxy} if proxy else {})
    assert because("non-strict-nodes", run)[1:] == (f"b: {said}",)


def test_the_causes_are_those_of_answering():
    told = (CauseId.LATENT, CauseId.NOT_RESTARTED, CauseId.IPVS_LEFTOVERS, CauseId.SPLIT_BRAIN)
    causes = [
        Cause(id=id, text=f"text {id}", do=f"do {id}", nodes=("b", "c") if id is CauseId.NOT_RESTARTED else ())
        for id in told
    ]
    found = finding("non-strict-nodes", judged(nodes=STATES, causes=tuple(causes)))
    assert found.because[3:] == ("text not-restarted: b, c", "text ipvs-leftovers")
    assert found.do[:2] == ("do not-restarted", "do ipvs-leftovers")
    assert "arpcheck preflight" in found.do[2]


def test_a_latent_fault_is_said_with_node_and_mac():
    found = finding("latent-non-strict", judged(case(A, announcers="a"), doubled=((IP, "a", mac(1)),)))
    assert found.because == (f"a ({mac(1)}) replied more than once per request for {IP}",)
    assert (found.nodes, found.ips) == (("a",), (IP,))


def prober(*interfaces, used=("eth0",)):
    return AskingHost(host=Host(interfaces=interfaces), interfaces=used)


def nic(name, ignore=0, *addresses):
    return Interface(name=name, mac=None, addresses=addresses, arp_ignore=ignore, arp_announce=2)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        pytest.param(prober(), "its kernel has no ARP setting that could be read", id="nothing"),
        pytest.param(prober(nic("eth0", 1), nic("eth1")), "its kernel has eth0: arp_ignore 1, arp_announce 2", id="the probed interface"),
        pytest.param(
            prober(nic("eth0"), nic("kube-ipvs0", 0, "10.96.0.1/32", "10.96.0.10/32")),
            "its kernel has eth0: arp_ignore 0, arp_announce 2; 2 Service addresses are on its kube-ipvs0", id="Service addresses",
        ),
        pytest.param(prober(nic("kube-dummy-if", 0, "x")), "its kernel has no ARP setting that could be read; 1 Service addresses are on its kube-dummy-if", id="kube-router's"),
    ],
)  # fmt: skip
def test_the_prober_s_own_kernel_is_shown(place, said):
    assert because("self-blind", judged(nodes=STATES, blind={"b": place})) == (f"arpcheck ran on b; {said}",)


@pytest.mark.parametrize(
    ("states", "blind", "first"),
    [
        pytest.param(STATES, "a", "Run it also from b, which can receive the replies of a", id="the first other node"),
        pytest.param(
            STATES, "ba", "Run it also from c, which can receive the replies of a and b", id="that is not blind itself"
        ),
        pytest.param(
            (state("a", Arp.UNREACHED), state("b", Arp.SELF), state("c", Arp.QUIET)),
            "b",
            "Run it also from c, which can receive the replies of b",
            id="that was heard",
        ),
        pytest.param(
            (state("a", Arp.UNREACHED), state("b", Arp.SELF)), "b", "Run arpcheck also from another host", id="none"
        ),
    ],
)
def test_from_where_a_blind_node_is_heard(states, blind, first):
    found = finding("self-blind", judged(nodes=states, blind={name: prober() for name in blind}))
    assert found.do[0].startswith(first)
    assert found.nodes == tuple(sorted(blind))


def test_nodes_of_which_nothing_was_heard():
    found = finding("unreached-nodes", judged(nodes=STATES))
    assert (found.because, found.nodes) == (("e: why unreached",), ("e",))
    assert finding("unreached-nodes", judged(nodes=STATES[:4])) is None


@pytest.mark.parametrize(
    ("version", "mode", "deprecated"),
    [
        ("v1.35.0", "ipvs", True), ("1.35", "ipvs", True), ("v1.36.1+k3s1", "ipvs", True), ("v2.0.0", "ipvs", True), ("v1.34.9", "ipvs", False),
        ("v1.9.0", "ipvs", False), ("v1.35.0", "iptables", False), ("v1.35.0", None, False), (None, "ipvs", False), ("dev", "ipvs", False),
    ],
)  # fmt: skip
def test_ipvs_is_deprecated_since_1_35(version, mode, deprecated):
    proxies = {name: KubeProxy(mode=mode, strict_arp=None, source=None) for name in "ba"}
    found = finding("ipvs-deprecated", judged(kube_proxies=proxies, cluster_version=version))
    assert (found is not None) is deprecated
    if found:
        assert (found.because, found.nodes) == ((f"kube-proxy is in mode ipvs, and the server is {version}",), ("a", "b"))


def test_many_unreached_nodes_that_leave_nothing_in_doubt_are_one_line():
    away = tuple(replace(STATES[4], name=f"w{n:03}") for n in range(400))
    found = finding("unreached-nodes", judged(nodes=away))
    assert len(found.because) == 1
    assert "400" in found.because[0]
    assert len(found.nodes) == 400
