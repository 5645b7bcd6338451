"""The table of causes: what the wire showed, what is configured, and which cause comes first."""

from __future__ import annotations

import pytest
from kubeproxy_objects import fixture

from arpcheck.kubeproxy import kube_proxies
from arpcheck.kubeproxy.causes import causes, rules
from arpcheck.kubeproxy.modes import Note, Oddity
from arpcheck.kubeproxy.observations import WireObservations
from arpcheck.model import Cause, CauseId, KubeProxy

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
        *(SET, (), WireObservations(answered={"10.0.0.50": frozenset({"n3"})})),
        [(CauseId.HEALTHY, (), "One node answers for each address, and no kernel holds Service addresses")],
        id="healthy",
    ),
    pytest.param(
        *(UNSET, ("n1",), WireObservations(answered={"10.0.0.50": frozenset({"n3"})})),
        [
            (CauseId.LATENT, ("n1",), "Latent: each address has one answer here, but the kernels of these nodes would answer for it too"),
            (CauseId.STRICT_ARP_UNSET, ("n1",), "IPVS mode binds every Service address to kube-ipvs0, and strictARP is not set"),
        ],
        id="latent",
    ),
    pytest.param(
        *(UNSET, ALL, None),
        [(CauseId.STRICT_ARP_UNSET, ("n1", "n2", "n3"), "IPVS mode binds every Service address to kube-ipvs0, and strictARP is not set")],
        id="all nodes, not set",
    ),
    pytest.param(
        *(every(proxy("ipvs", True, False, note(Oddity.OLDER, "older by a day"))), ALL, None),
        [(CauseId.NOT_RESTARTED, ("n1", "n2", "n3"), "strictARP is set, but kube-proxy was not restarted since (older by a day)")],
        id="all nodes, never loaded",
    ),
    pytest.param(
        *({**SET, "n2": proxy("ipvs", True, False, note(Oddity.OLDER, "older by a day"))}, ("n2",), None),
        [(CauseId.NOT_RESTARTED, ("n2",), "strictARP is set, but kube-proxy was not restarted since (older by a day)")],
        id="one node, not restarted",
    ),
    pytest.param(
        *({**SET, "n2": proxy("ipvs", True, False, note(Oddity.NOT_ROLLED, "of an earlier template"))}, ("n2",), None),
        [(CauseId.ROLLOUT_NOT_THERE_YET, ("n2",), "The rollout has not reached these nodes: their kube-proxy is one of before (of an earlier template)")],
        id="half rolled out",
    ),
    pytest.param(
        *(SET, ("n1", "n2"), None),
        [
            (
                *(CauseId.MAYBE_NOT_RESTARTED, ("n1", "n2")),
                "strictARP is set, and kube-proxy may be older than that: nothing in the API shows what it loaded",
            ),
            (
                *(CauseId.INTERFACE_ARP_IGNORE, ("n1", "n2")),
                "strictARP sets arp_ignore of all interfaces to 1, but an interface of its own with 3 to 7, or more than 8, "
                "undoes that",
            ),
            (
                *(CauseId.SYSCTL_WRITTEN_BACK, ("n1", "n2")),
                "Something writes the sysctl back after kube-proxy has started (sysctl.d, a tuning daemon, an agent)",
            ),
        ],
        id="some nodes, nothing known",
    ),
    pytest.param(
        *(every(proxy("ipvs", False, True, note(Oddity.MISSPELT, "line 9"))), ALL, None),
        [(CauseId.KEY_MISSPELT, ("n1", "n2", "n3"), "The key is misspelt or in the wrong place, and kube-proxy ignores it without an error (line 9)")],
        id="misspelt",
    ),
    pytest.param(
        *(every(proxy("ipvs", False, True, note(Oddity.MISPLACED, "key b"))), ALL, None),
        [
            (
                *(CauseId.KEY_MISPLACED, ("n1", "n2", "n3")),
                "strictARP was set in a ConfigMap, key or document that kube-proxy does not read (key b)",
            )
        ],
        id="wrong map",
    ),
    pytest.param(
        *(every(proxy("ipvs", False, True, note(Oddity.FLAGS_IGNORED, "--ipvs-strict-arp"))), ALL, None),
        [(CauseId.FLAGS_IGNORED, ("n1", "n2", "n3"), "The flags of kube-proxy are ignored, since it has a --config file (--ipvs-strict-arp)")],
        id="flags",
    ),
    pytest.param(
        *(every(proxy("ipvs", None, False, note(Oddity.REFUSED, "a text"))), ALL, None),
        [
            (
                *(CauseId.CONFIGURATION_REFUSED, ("n1", "n2", "n3")),
                "kube-proxy does not start with this configuration, so what runs, or ran last, had another one (a text)",
            )
        ],
        id="refused by kube-proxy",
    ),
    pytest.param(
        *(every(proxy("ipvs", True, False, note(Oddity.DIFFERS, "/configz says no"))), ALL, None),
        [(CauseId.RUNS_OTHERWISE, ("n1", "n2", "n3"), "The running kube-proxy has loaded something else (/configz says no)")],
        id="/configz",
    ),
    pytest.param(
        *(every(proxy("ipvs", True, True)), ("n1",), None),
        [
            (
                *(CauseId.INTERFACE_ARP_IGNORE, ("n1",)),
                "strictARP sets arp_ignore of all interfaces to 1, but an interface of its own with 3 to 7, or more than 8, "
                "undoes that",
            ),
            (
                *(CauseId.SYSCTL_WRITTEN_BACK, ("n1",)),
                "Something writes the sysctl back after kube-proxy has started (sysctl.d, a tuning daemon, an agent)",
            ),
        ],
        id="set, newer, and answers",
    ),
    pytest.param(
        *(every(proxy("ipvs", True, True)), (), WireObservations(gateways=frozenset({"n2"}))),
        [
            (
                *(CauseId.MODE_FELL_BACK, ("n2",)),
                "Quiet only because it holds no Service address: its kernel is not strict, and kube-proxy is not in IPVS mode",
            )
        ],
        id="mode fell back",
    ),
    pytest.param(
        *(every(proxy("iptables", False, True)), ("n1",), None),
        [(CauseId.IPVS_LEFTOVERS, ("n1",), "The configured mode binds nothing: kube-ipvs0 is left over from IPVS mode, with its addresses")],
        id="leftovers",
    ),
    pytest.param(
        *(every(proxy("nftables", False, False, note(Oddity.OLDER, "older"))), ("n1",), None),
        [
            (
                *(CauseId.OLDER_MODE, ("n1",)),
                "The configured mode binds nothing, but kube-proxy is older than that and may still be in IPVS mode (older)",
            ),
            (
                *(CauseId.NFTABLES_NOT_STARTED, ("n1",)),
                "kube-proxy has most likely never started in mode nftables: with that it deletes the kube-ipvs0 of IPVS mode",
            ),
        ],
        id="another mode, not restarted",
    ),
    pytest.param(
        *(every(proxy("ipvs", True, None, note(Oddity.NOT_RUNNING, "CrashLoopBackOff"))), ("n1",), None),
        [
            (
                *(CauseId.KUBE_PROXY_STOPPED, ("n1",)),
                "kube-proxy does not run there, so the kernel is as its last process has left it (CrashLoopBackOff)",
            ),
        ],
        id="it does not run",
    ),
    pytest.param(
        *(every(proxy(None, None, None, note(Oddity.UNREAD, "forbidden"))), ("n1",), None),
        [(CauseId.CONFIGURATION_HIDDEN, ("n1",), "What kube-proxy is configured to do there is not known (forbidden)")],
        id="configuration not visible",
    ),
    pytest.param(
        *({}, ("n1",), None), [(CauseId.CONFIGURATION_HIDDEN, ("n1",), "What kube-proxy is configured to do there is not known")], id="nothing is known"
    ),
    pytest.param(
        *(SET, (), WireObservations(answered={"10.0.0.50": frozenset({"n1", "n2"})})),
        [
            (
                *(CauseId.SPLIT_BRAIN, ("n1", "n2")),
                "Several nodes answer for one address: two announcers (a split brain, two controllers, a failover), or the "
                "address is on an interface of a node, whose kernel answers unless arp_ignore=1",
            )
        ],
        id="split brain",
    ),
    pytest.param(
        *(SET, (), WireObservations(holders=frozenset({"n1", "n2"}))),
        [
            (
                CauseId.HELD_BY_KERNELS,
                ("n1", "n2"),
                "BGP announces the address, and the load balancer puts it on an interface of every node, whose kernel answers "
                "ARP for it since arp_ignore is 0",
            )
        ],
        id="held by every kernel",
    ),
    pytest.param(
        *(SET, ("old-1",), None),
        [(CauseId.REMOVED_NODE, ("old-1",), "No node of this cluster any more: removed, but still switched on, with kube-proxy's addresses")],
        id="not in the cluster any more",
    ),
    pytest.param(
        *(SET, (), WireObservations(stranger_on_canary=True)),
        [
            (
                *(CauseId.STRANGER_ON_CANARY, ()),
                "A host that is no node holds this cluster's Service addresses: a removed node, or another cluster's with the "
                "same Service range",
            )
        ],
        id="a stranger on the canary",
    ),
    pytest.param(
        *(SET, (), WireObservations(answered={"10.0.0.50": frozenset({"n1"})}, strangers=frozenset({"10.0.0.50"}))),
        [
            (
                *(CauseId.STRANGER_BESIDE_NODE, ("n1",)),
                "A host that is no node answers beside the node: a LAN host with this address, another cluster, proxy ARP",
            )
        ],
        id="a stranger beside the node",
    ),
    pytest.param(
        *(SET, (), WireObservations(answered={"10.0.0.50": frozenset()}, strangers=frozenset({"10.0.0.50"}), node_addresses=True)),
        [
            (
                *(CauseId.STRANGER_ALONE, ()),
                "Only a host that is no node answers: the address belongs to it, or a switch or access point answers itself",
            )
        ],
        id="a stranger alone",
    ),
    pytest.param(
        *({**SET, "n3": proxy()}, ("n3",), WireObservations(answered={"10.0.0.50": frozenset({"n3"})}, twice=frozenset({"n3", "n1"}))),
        [
            (CauseId.LATENT, ("n3",), "Latent: each address has one answer here, but the kernels of these nodes would answer for it too"),
            (CauseId.STRICT_ARP_UNSET, ("n3",), "IPVS mode binds every Service address to kube-ipvs0, and strictARP is not set"),
            (CauseId.ANSWERS_TWICE, ("n3",), "The announcer itself is non-strict: its speaker and its kernel both answer"),
        ],
        id="answers twice",
    ),
    pytest.param(
        *(SET, (), WireObservations(answered={"10.0.0.50": frozenset()}, node_addresses=True)),
        [(CauseId.NOBODY_ANNOUNCES, (), "Nobody announces the address here: no advertisement, no ready endpoint, BGP, another interface or VLAN")],
        id="silent, nodes heard",
    ),
    pytest.param(
        *(SET, (), WireObservations(answered={"10.0.0.50": frozenset()}, node_addresses=False)),
        [(CauseId.NO_NODE_HEARD, (), "No node is heard here at all: the wrong interface or segment, or a switch that drops ARP (inspection)")],
        id="silent, no node heard",
    ),
    pytest.param(
        *(SET, (), WireObservations(prober="n2")),
        [(CauseId.PROBER_IS_NODE, ("n2",), "arpcheck runs on this node, which therefore can't be heard")],
        id="the prober is a node",
    ),
    pytest.param(*(SET, (), WireObservations(answered={"10.0.0.50": frozenset()})), [], id="silent, no node address asked: nothing said"),
    pytest.param(*(SET, (), None), [], id="nothing seen"),
]


@pytest.mark.parametrize(("proxies", "non_strict", "heard", "expected"), TABLE)
def test_the_table(proxies, non_strict, heard, expected):
    assert [(one.id, one.nodes, one.text) for one in found(proxies, non_strict, heard)] == expected


def test_every_cause_is_one_rule_that_a_case_shows_and_that_tells_what_decides_it():
    assert sorted(id for id, _, _ in rules()) == sorted(CauseId)
    assert all(text and do and "\n" not in text + do for _, text, do in rules())
    assert {one for case in TABLE for one, _, _ in case.values[3]} == set(CauseId)


def test_causes_of_a_mixed_cluster_name_their_own_nodes():
    proxies = {
        "n1": proxy("ipvs", True, False, note(Oddity.OLDER)),
        "n2": proxy("iptables"),
        "n3": proxy("ipvs", False, True, note(Oddity.MISSPELT)),
    }
    got = found(proxies, {*ALL, "gone"}, in_cluster=ALL)
    assert [(one.id, one.nodes) for one in got] == [
        (CauseId.NOT_RESTARTED, ("n1",)),
        (CauseId.KEY_MISSPELT, ("n3",)),
        (CauseId.IPVS_LEFTOVERS, ("n2",)),
        (CauseId.REMOVED_NODE, ("gone",)),
    ]


def test_from_the_objects_of_a_cluster():
    """k0s: both nodes are set, one kube-proxy is older; its kernel answers."""
    proxies = kube_proxies(fixture("k0s"))
    nodes = frozenset(proxies)
    assert causes(proxies, frozenset({"w2"}), nodes, nodes) == (
        Cause(
            id=CauseId.NOT_RESTARTED,
            text="strictARP is set, but kube-proxy was not restarted since (pod kube-system/kube-proxy-bbbbb runs since "
            "2026-04-30T08:00:05Z, configmap kube-system/kube-proxy was changed 2026-05-01T08:00:00Z)",
            do="Restart kube-proxy there (kubectl rollout restart); it never reads its configuration again by itself",
            nodes=("w2",),
        ),
    )
