"""The table of causes: what the wire showed, what is configured, and which cause comes first."""

from __future__ import annotations

import pytest
from kubeproxy_objects import fixture

from arpcheck.kubeproxy import kube_proxies
from arpcheck.kubeproxy.causes import causes, rules
from arpcheck.kubeproxy.modes import Note, Oddity
from arpcheck.kubeproxy.observations import WireObservations
from arpcheck.model import CauseId, KubeProxy

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


def quoted(cause):
    """The notes that follow the sentence of the table."""
    [sentence] = [text for id, text, _ in rules() if id is cause.id]
    assert cause.text.startswith(sentence)
    return cause.text.removeprefix(sentence).strip()


TABLE = [
    pytest.param(
        *(SET, (), WireObservations(answered={"10.0.0.50": frozenset({"n3"})})),
        [(CauseId.HEALTHY, (), "")],
        id="healthy",
    ),
    pytest.param(
        *(UNSET, ("n1",), WireObservations(answered={"10.0.0.50": frozenset({"n3"})})),
        [
            (CauseId.LATENT, ("n1",), ""),
            (CauseId.STRICT_ARP_UNSET, ("n1",), ""),
        ],
        id="latent",
    ),
    pytest.param(
        *(UNSET, ALL, None),
        [(CauseId.STRICT_ARP_UNSET, ("n1", "n2", "n3"), "")],
        id="all nodes, not set",
    ),
    pytest.param(
        *(every(proxy("ipvs", True, False, note(Oddity.OLDER, "older by a day"))), ALL, None),
        [(CauseId.NOT_RESTARTED, ("n1", "n2", "n3"), "(older by a day)")],
        id="all nodes, never loaded",
    ),
    pytest.param(
        *({**SET, "n2": proxy("ipvs", True, False, note(Oddity.OLDER, "older by a day"))}, ("n2",), None),
        [(CauseId.NOT_RESTARTED, ("n2",), "(older by a day)")],
        id="one node, not restarted",
    ),
    pytest.param(
        *({**SET, "n2": proxy("ipvs", True, False, note(Oddity.NOT_ROLLED, "of an earlier template"))}, ("n2",), None),
        [(CauseId.ROLLOUT_NOT_THERE_YET, ("n2",), "(of an earlier template)")],
        id="half rolled out",
    ),
    pytest.param(
        *(SET, ("n1", "n2"), None),
        [
            (
                *(CauseId.MAYBE_NOT_RESTARTED, ("n1", "n2")),
                "",
            ),
            (
                *(CauseId.INTERFACE_ARP_IGNORE, ("n1", "n2")),
                "",
            ),
            (
                *(CauseId.SYSCTL_WRITTEN_BACK, ("n1", "n2")),
                "",
            ),
        ],
        id="some nodes, nothing known",
    ),
    pytest.param(
        *(every(proxy("ipvs", False, True, note(Oddity.MISSPELT, "line 9"))), ALL, None),
        [(CauseId.KEY_MISSPELT, ("n1", "n2", "n3"), "(line 9)")],
        id="misspelt",
    ),
    pytest.param(
        *(every(proxy("ipvs", False, True, note(Oddity.MISPLACED, "key b"))), ALL, None),
        [
            (
                *(CauseId.KEY_MISPLACED, ("n1", "n2", "n3")),
                "(key b)",
            )
        ],
        id="wrong map",
    ),
    pytest.param(
        *(every(proxy("ipvs", False, True, note(Oddity.FLAGS_IGNORED, "--ipvs-strict-arp"))), ALL, None),
        [(CauseId.FLAGS_IGNORED, ("n1", "n2", "n3"), "(--ipvs-strict-arp)")],
        id="flags",
    ),
    pytest.param(
        *(every(proxy("ipvs", None, False, note(Oddity.REFUSED, "a text"))), ALL, None),
        [
            (
                *(CauseId.CONFIGURATION_REFUSED, ("n1", "n2", "n3")),
                "(a text)",
            )
        ],
        id="refused by kube-proxy",
    ),
    pytest.param(
        *(every(proxy("ipvs", True, False, note(Oddity.DIFFERS, "/configz says no"))), ALL, None),
        [(CauseId.RUNS_OTHERWISE, ("n1", "n2", "n3"), "(/configz says no)")],
        id="/configz",
    ),
    pytest.param(
        *(every(proxy("ipvs", True, True)), ("n1",), None),
        [
            (
                *(CauseId.INTERFACE_ARP_IGNORE, ("n1",)),
                "",
            ),
            (
                *(CauseId.SYSCTL_WRITTEN_BACK, ("n1",)),
                "",
            ),
        ],
        id="set, newer, and answers",
    ),
    pytest.param(
        *(every(proxy("ipvs", True, True)), (), WireObservations(gateways=frozenset({"n2"}))),
        [
            (
                *(CauseId.MODE_FELL_BACK, ("n2",)),
                "",
            )
        ],
        id="mode fell back",
    ),
    pytest.param(
        *(every(proxy("iptables", False, True)), ("n1",), None),
        [(CauseId.IPVS_LEFTOVERS, ("n1",), "")],
        id="leftovers",
    ),
    pytest.param(
        *(every(proxy("nftables", False, False, note(Oddity.OLDER, "older"))), ("n1",), None),
        [
            (
                *(CauseId.OLDER_MODE, ("n1",)),
                "(older)",
            ),
            (
                *(CauseId.NFTABLES_NOT_STARTED, ("n1",)),
                "",
            ),
        ],
        id="another mode, not restarted",
    ),
    pytest.param(
        *(every(proxy("ipvs", True, None, note(Oddity.NOT_RUNNING, "CrashLoopBackOff"))), ("n1",), None),
        [
            (
                *(CauseId.KUBE_PROXY_STOPPED, ("n1",)),
                "(CrashLoopBackOff)",
            ),
        ],
        id="it does not run",
    ),
    pytest.param(
        *(every(proxy(None, None, None, note(Oddity.UNREAD, "forbidden"))), ("n1",), None),
        [(CauseId.CONFIGURATION_HIDDEN, ("n1",), "(forbidden)")],
        id="configuration not visible",
    ),
    pytest.param(*({}, ("n1",), None), [(CauseId.CONFIGURATION_HIDDEN, ("n1",), "")], id="nothing is known"),
    pytest.param(
        *(SET, (), WireObservations(answered={"10.0.0.50": frozenset({"n1", "n2"})})),
        [
            (
                *(CauseId.SPLIT_BRAIN, ("n1", "n2")),
                "",
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
                "",
            )
        ],
        id="held by every kernel",
    ),
    pytest.param(
        *(SET, ("old-1",), None),
        [(CauseId.REMOVED_NODE, ("old-1",), "")],
        id="not in the cluster any more",
    ),
    pytest.param(
        *(SET, (), WireObservations(stranger_on_canary=True)),
        [
            (
                *(CauseId.STRANGER_ON_CANARY, ()),
                "",
            )
        ],
        id="a stranger on the canary",
    ),
    pytest.param(
        *(SET, (), WireObservations(answered={"10.0.0.50": frozenset({"n1"})}, strangers=frozenset({"10.0.0.50"}))),
        [
            (
                *(CauseId.STRANGER_BESIDE_NODE, ("n1",)),
                "",
            )
        ],
        id="a stranger beside the node",
    ),
    pytest.param(
        *(
            SET,
            (),
            WireObservations(answered={"10.0.0.50": frozenset()}, strangers=frozenset({"10.0.0.50"}), node_addresses=True),
        ),
        [
            (
                *(CauseId.STRANGER_ALONE, ()),
                "",
            )
        ],
        id="a stranger alone",
    ),
    pytest.param(
        *(
            {**SET, "n3": proxy()},
            ("n3",),
            WireObservations(answered={"10.0.0.50": frozenset({"n3"})}, twice=frozenset({"n3", "n1"})),
        ),
        [
            (CauseId.LATENT, ("n3",), ""),
            (CauseId.STRICT_ARP_UNSET, ("n3",), ""),
            (CauseId.ANSWERS_TWICE, ("n3",), ""),
        ],
        id="answers twice",
    ),
    pytest.param(
        *(SET, (), WireObservations(answered={"10.0.0.50": frozenset()}, node_addresses=True)),
        [(CauseId.NOBODY_ANNOUNCES, (), "")],
        id="silent, nodes heard",
    ),
    pytest.param(
        *(SET, (), WireObservations(answered={"10.0.0.50": frozenset()}, node_addresses=False)),
        [(CauseId.NO_NODE_HEARD, (), "")],
        id="silent, no node heard",
    ),
    pytest.param(
        *(SET, (), WireObservations(prober="n2")),
        [(CauseId.PROBER_IS_NODE, ("n2",), "")],
        id="the prober is a node",
    ),
    pytest.param(
        *(SET, (), WireObservations(answered={"10.0.0.50": frozenset()})),
        [],
        id="silent, no node address asked: nothing said",
    ),
    pytest.param(*(SET, (), None), [], id="nothing seen"),
]


@pytest.mark.parametrize(("proxies", "non_strict", "heard", "expected"), TABLE)
def test_the_table(proxies, non_strict, heard, expected):
    assert [(one.id, one.nodes, quoted(one)) for one in found(proxies, non_strict, heard)] == expected


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
    [found] = causes(proxies, frozenset({"w2"}), nodes, nodes)
    assert (found.id, found.nodes) == (CauseId.NOT_RESTARTED, ("w2",))
    assert quoted(found) == (
        "(pod kube-system/kube-proxy-bbbbb runs since 2026-04-30T08:00:05Z, "
        "configmap kube-system/kube-proxy was changed 2026-05-01T08:00:00Z)"
    )
