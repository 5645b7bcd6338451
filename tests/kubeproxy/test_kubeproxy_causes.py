"""The table of causes: what the wire showed, what is configured, and which cause comes first."""

from __future__ import annotations

import pytest
from kubeproxy_objects import fixture

from arpcheck.kubeproxy import kube_proxies
from arpcheck.kubeproxy.causes import Heard, causes, rows
from arpcheck.kubeproxy.notes import Note, Oddity
from arpcheck.model import Cause, KubeProxy

ALL = frozenset({"n1", "n2", "n3"})
MAP = "configmap kube-system/kube-proxy"


def proxy(mode="ipvs", strict_arp: bool | None = False, loaded=None, *notes):
    return KubeProxy(mode=mode, strict_arp=strict_arp, source=MAP, loaded=loaded, notes=notes)


def every(one):
    return dict.fromkeys(sorted(ALL), one)


def note(oddity, text="…"):
    return Note(text, oddity)


def found(proxies, non_strict, heard=None, *, judged=ALL, in_cluster=ALL):
    return causes(proxies, frozenset(non_strict), frozenset(judged), frozenset(in_cluster), heard)


SET = every(proxy(strict_arp=True))
UNSET = every(proxy())

TABLE = [
    pytest.param(
        *(SET, (), Heard(answered={"10.0.0.50": frozenset({"n3"})})),
        [(1, (), "One node answers for each address, and no kernel holds Service addresses")],
        id="1 healthy",
    ),
    pytest.param(
        *(UNSET, ("n1",), Heard(answered={"10.0.0.50": frozenset({"n3"})})),
        [
            (2, ("n1",), "Latent: each address has one answer here, but the kernels of these nodes would answer for it too"),
            (4, ("n1",), "IPVS mode binds every Service address to kube-ipvs0, and strictARP is not set"),
        ],
        id="2 latent",
    ),
    pytest.param(
        *(UNSET, ALL, None),
        [(3, ("n1", "n2", "n3"), "IPVS mode binds every Service address to kube-ipvs0, and strictARP is not set")],
        id="3 all nodes, not set",
    ),
    pytest.param(
        *(every(proxy("ipvs", True, False, note(Oddity.OLDER, "older by a day"))), ALL, None),
        [(3, ("n1", "n2", "n3"), "strictARP is set, but kube-proxy was not restarted since (older by a day)")],
        id="3 all nodes, never loaded",
    ),
    pytest.param(
        *({**SET, "n2": proxy("ipvs", True, False, note(Oddity.OLDER, "older by a day"))}, ("n2",), None),
        [(4, ("n2",), "strictARP is set, but kube-proxy was not restarted since (older by a day)")],
        id="4 one node, not restarted",
    ),
    pytest.param(
        *({**SET, "n2": proxy("ipvs", True, False, note(Oddity.NOT_ROLLED, "of an earlier template"))}, ("n2",), None),
        [(4, ("n2",), "The rollout has not reached these nodes: their kube-proxy is one of before (of an earlier template)")],
        id="4 half rolled out",
    ),
    pytest.param(
        *(SET, ("n1", "n2"), None),
        [
            (
                *(4, ("n1", "n2")),
                "strictARP is set, and kube-proxy may be older than that: nothing in the API shows what it loaded",
            ),
            (
                *(5, ("n1", "n2")),
                "strictARP sets arp_ignore of all interfaces to 1, but an interface of its own with 3 to 7, or more than 8, "
                "undoes that",
            ),
            (
                *(5, ("n1", "n2")),
                "Something writes the sysctl back after kube-proxy has started (sysctl.d, a tuning daemon, an agent)",
            ),
        ],
        id="4 some nodes, nothing known",
    ),
    pytest.param(
        *(every(proxy("ipvs", False, True, note(Oddity.MISSPELT, "line 9"))), ALL, None),
        [(5, ("n1", "n2", "n3"), "The key is misspelt or in the wrong place, and kube-proxy ignores it without an error (line 9)")],
        id="5 misspelt",
    ),
    pytest.param(
        *(every(proxy("ipvs", False, True, note(Oddity.MISPLACED, "key b"))), ALL, None),
        [
            (
                *(5, ("n1", "n2", "n3")),
                "strictARP was set in a ConfigMap, key or document that kube-proxy does not read (key b)",
            )
        ],
        id="5 wrong map",
    ),
    pytest.param(
        *(every(proxy("ipvs", False, True, note(Oddity.FLAGS_IGNORED, "--ipvs-strict-arp"))), ALL, None),
        [(5, ("n1", "n2", "n3"), "The flags of kube-proxy are ignored, since it has a --config file (--ipvs-strict-arp)")],
        id="5 flags",
    ),
    pytest.param(
        *(every(proxy("ipvs", None, False, note(Oddity.REFUSED, "a text"))), ALL, None),
        [
            (
                *(5, ("n1", "n2", "n3")),
                "kube-proxy does not start with this configuration, so what runs, or ran last, had another one (a text)",
            )
        ],
        id="5 refused by kube-proxy",
    ),
    pytest.param(
        *(every(proxy("ipvs", True, False, note(Oddity.DIFFERS, "/configz says no"))), ALL, None),
        [(5, ("n1", "n2", "n3"), "The running kube-proxy has loaded something else (/configz says no)")],
        id="5 /configz",
    ),
    pytest.param(
        *(every(proxy("ipvs", True, True)), ("n1",), None),
        [
            (
                *(5, ("n1",)),
                "strictARP sets arp_ignore of all interfaces to 1, but an interface of its own with 3 to 7, or more than 8, "
                "undoes that",
            ),
            (
                *(5, ("n1",)),
                "Something writes the sysctl back after kube-proxy has started (sysctl.d, a tuning daemon, an agent)",
            ),
        ],
        id="5 set, newer, and answers",
    ),
    pytest.param(
        *(every(proxy("ipvs", True, True)), (), Heard(gateways=frozenset({"n2"}))),
        [
            (
                *(5, ("n2",)),
                "Quiet only because it holds no Service address: its kernel is not strict, and kube-proxy is not in IPVS mode",
            )
        ],
        id="5 mode fell back",
    ),
    pytest.param(
        *(every(proxy("iptables", False, True)), ("n1",), None),
        [(6, ("n1",), "The configured mode binds nothing: kube-ipvs0 is left over from IPVS mode, with its addresses")],
        id="6 leftovers",
    ),
    pytest.param(
        *(every(proxy("nftables", False, False, note(Oddity.OLDER, "older"))), ("n1",), None),
        [
            (
                *(6, ("n1",)),
                "The configured mode binds nothing, but kube-proxy is older than that and may still be in IPVS mode (older)",
            ),
            (6, ("n1",), "The configured mode binds nothing: kube-ipvs0 is left over from IPVS mode, with its addresses"),
        ],
        id="6 another mode, not restarted",
    ),
    pytest.param(
        *(every(proxy(None, None, None, note(Oddity.UNREAD, "forbidden"))), ("n1",), None),
        [(5, ("n1",), "What kube-proxy is configured to do there is not known (forbidden)")],
        id="configuration not visible",
    ),
    pytest.param(
        *({}, ("n1",), None), [(5, ("n1",), "What kube-proxy is configured to do there is not known")], id="nothing is known"
    ),
    pytest.param(
        *(SET, (), Heard(answered={"10.0.0.50": frozenset({"n1", "n2"})})),
        [
            (
                *(7, ("n1", "n2")),
                "Two announcers for one address, and neither kernel holds it: split brain, two controllers, or a failover",
            )
        ],
        id="7 split brain",
    ),
    pytest.param(
        *(SET, ("old-1",), None),
        [(8, ("old-1",), "No node of this cluster any more: removed, but still switched on, with kube-proxy's addresses")],
        id="8 not in the cluster any more",
    ),
    pytest.param(
        *(SET, (), Heard(stranger_on_canary=True)),
        [
            (
                *(8, ()),
                "A host that is no node holds this cluster's Service addresses: a removed node, or another cluster's with the "
                "same Service range",
            )
        ],
        id="8 a stranger on the canary",
    ),
    pytest.param(
        *(SET, (), Heard(answered={"10.0.0.50": frozenset({"n1"})}, strangers=frozenset({"10.0.0.50"}))),
        [
            (
                *(8, ("n1",)),
                "A host that is no node answers beside the node: a LAN host with this address, another cluster, proxy ARP",
            )
        ],
        id="8 a stranger beside the node",
    ),
    pytest.param(
        *(SET, (), Heard(answered={"10.0.0.50": frozenset()}, strangers=frozenset({"10.0.0.50"}), node_addresses=True)),
        [
            (
                *(9, ()),
                "Only a host that is no node answers: the address belongs to it, or a switch or access point answers itself",
            )
        ],
        id="9 a stranger alone",
    ),
    pytest.param(
        *({**SET, "n3": proxy()}, ("n3",), Heard(answered={"10.0.0.50": frozenset({"n3"})}, twice=frozenset({"n3", "n1"}))),
        [
            (2, ("n3",), "Latent: each address has one answer here, but the kernels of these nodes would answer for it too"),
            (4, ("n3",), "IPVS mode binds every Service address to kube-ipvs0, and strictARP is not set"),
            (11, ("n3",), "The announcer itself is non-strict: its speaker and its kernel both answer"),
        ],
        id="11 answers twice",
    ),
    pytest.param(
        *(SET, (), Heard(answered={"10.0.0.50": frozenset()}, node_addresses=True)),
        [(16, (), "Nobody announces the address here: no advertisement, no ready endpoint, BGP, another interface or VLAN")],
        id="16 silent, nodes heard",
    ),
    pytest.param(
        *(SET, (), Heard(answered={"10.0.0.50": frozenset()}, node_addresses=False)),
        [(17, (), "No node is heard here at all: the wrong interface or segment, or a switch that drops ARP (inspection)")],
        id="17 silent, no node heard",
    ),
    pytest.param(
        *(SET, (), Heard(prober="n2")),
        [(19, ("n2",), "arpcheck runs on this node, which therefore can't be heard")],
        id="19 the prober is a node",
    ),
    pytest.param(*(SET, (), Heard(answered={"10.0.0.50": frozenset()})), [], id="silent, no node address asked: nothing said"),
    pytest.param(*(SET, (), None), [], id="nothing seen"),
]


@pytest.mark.parametrize(("proxies", "non_strict", "heard", "expected"), TABLE)
def test_the_table(proxies, non_strict, heard, expected):
    assert [(one.row, one.nodes, one.text) for one in found(proxies, non_strict, heard)] == expected


def test_every_row_that_was_asked_for_is_there_and_tells_what_decides_it():
    """Rows 10, 12-15, 18 and 20 of the decision table are about the wire alone, and are judged elsewhere."""
    numbers = {row for row, _, _ in rows()} - {None}
    assert numbers | {3, 4} == {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 16, 17, 19}
    assert all(text and do and "\n" not in text + do for _, text, do in rows())
    shown = {row for case in TABLE for row, _, _ in case.values[3]}
    assert shown == {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 16, 17, 19}


def test_causes_of_a_mixed_cluster_name_their_own_nodes():
    proxies = {
        "n1": proxy("ipvs", True, False, note(Oddity.OLDER)),
        "n2": proxy("iptables"),
        "n3": proxy("ipvs", False, True, note(Oddity.MISSPELT)),
    }
    got = found(proxies, {*ALL, "gone"}, in_cluster=ALL)
    assert [(one.row, one.nodes) for one in got] == [(3, ("n1",)), (5, ("n3",)), (6, ("n2",)), (8, ("gone",))]


def test_from_the_objects_of_a_cluster():
    """k0s: both nodes are set, one kube-proxy is older; its kernel answers."""
    proxies = kube_proxies(fixture("k0s"))
    nodes = frozenset(proxies)
    assert causes(proxies, frozenset({"w2"}), nodes, nodes) == (
        Cause(
            row=4,
            text="strictARP is set, but kube-proxy was not restarted since (pod kube-system/kube-proxy-bbbbb runs since "
            "2026-04-30T08:00:05Z, configmap kube-system/kube-proxy was changed 2026-05-01T08:00:00Z)",
            do="Restart kube-proxy there (kubectl rollout restart); it never reads its configuration again by itself",
            nodes=("w2",),
        ),
    )
