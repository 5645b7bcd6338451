"""summary: the exit code and what made it, doubt by doubt. Nothing that could hide a fault leaves a clean run."""

from dataclasses import replace
from datetime import UTC, date, datetime
from ipaddress import IPv4Address, IPv6Address

import pytest
from judge_cases import CANARY, IP, OURS, case, evidence, judged, mac, observations, of_owner, party, state

from arpcheck.evidence import Capture
from arpcheck.judge.acceptance import Acceptances
from arpcheck.judge.findings import findings
from arpcheck.judge.judged import AskingHost
from arpcheck.judge.observations import Observations
from arpcheck.judge.owners import Conflict
from arpcheck.judge.summary import summarise
from arpcheck.model import Acceptance, Arp, Gap, Host, Interface, Loss, Overflow, Owner, Question, Verdict

A, B = party(1, 1, 2, 3, node="a"), party(2, 1, 2, 3, node="b")
OK, SILENT, MOVED = case(A, announcers="a"), case(announcers="a"), case(party(1, 1, node="a"), party(2, 2, 3, node="b"))
PENDING = case(skipped="no address", ip=None)
STRICT, NON_STRICT = state("a", Arp.QUIET), state("b", Arp.NON_STRICT)
CANARY_LOST = observations((CANARY, 1), losses=(Loss(interface="eth0", rounds=(1,), frames=1),))


def clean(*cases, **rest):
    """A healthy run, but for what is given."""
    return judged(*(cases or (OK,)), **{"nodes": (STRICT,), "observations": observations((CANARY, 1)), **rest})


def summary(run, *, complete=True, interrupted=False, **more):
    found = summarise(run, findings(run), complete=complete, interrupted=interrupted, **more)
    return found.exit_code, found.because


def test_a_healthy_run_is_clean():
    assert summary(clean()) == summary(clean(PENDING)) == summary(clean(OK, nodes=())) == (0, ())


def stranger(**of):
    return {
        "observations": observations((CANARY, 1), answered=[(CANARY, 1, 9)]),
        "owners": {("eth0", mac(9)): Owner(mac=mac(9), **of_owner(**{"node": None, **of}))},
    }


def gap(what):
    return (Gap(what=what, why="forbidden", costs="x"),)


ASKED_OF_ONE = Observations(evidence(questions=[Question(0.0, "eth0", 1, CANARY, OURS, mac(1))]))
DOUBTS = [
    pytest.param(clean(case(A, lost=True)), "1 inconclusive", id="inconclusive"),
    pytest.param(clean(MOVED, OK), "1 moved", id="moved"),
    pytest.param(clean(blind={"a": AskingHost(host=Host(), interfaces=())}), "a, on which arpcheck ran, was not tested", id="a blind node"),
    pytest.param(
        clean(observations=observations((CANARY, 1), capture=Capture(name="x", frames=1, unseen=0))),
        "the frames are from a capture, which may be incomplete", id="a capture",
    ),
    pytest.param(clean(canary=None), "the canary was not probed", id="no canary"),
    pytest.param(clean(observations=observations((IP, 1))), "the canary was not probed", id="not asked"),
    pytest.param(clean(observations=ASKED_OF_ONE), "the canary was not probed", id="asked of one MAC alone"),
    pytest.param(clean(observations=CANARY_LOST), "frames were lost while the canary was probed", id="frames lost"),
    pytest.param(
        clean(observations=observations((CANARY, 1), overflows=(Overflow(ip=CANARY, replies=1),))), "frames were lost while the canary was probed",
        id="more answers than were kept",
    ),
    pytest.param(clean(**stranger()), f"{mac(9)}, which belongs to no known node, replied for the canary", id="a stranger on the canary"),
    pytest.param(clean(**stranger(foreign=True)), f"{mac(9)}, which belongs to no known node, replied for the canary", id="another cluster on the canary"),
    pytest.param(clean(nodes=(STRICT, state("c", Arp.UNKNOWN))), "it is not known whether the kernel of c replies for Service addresses", id="an unknown node"),
    pytest.param(clean(gaps=gap("services")), "services could not be read: forbidden", id="no Services"),
    pytest.param(clean(gaps=gap("nodes")), "nodes could not be read: forbidden", id="no nodes"),
    pytest.param(clean(empty_selection=("no LoadBalancer Service was selected by -n wbe",)), "no LoadBalancer Service was selected by -n wbe", id="selected in vain"),
    pytest.param(clean(PENDING, nodes=()), "no address and no node was judged", id="nothing judged"),
    pytest.param(clean(PENDING, nodes=(state("a", Arp.UNREACHED),)), "no address and no node was judged", id="nobody reached"),
]  # fmt: skip


@pytest.mark.parametrize(("run", "doubt"), DOUBTS)
def test_each_doubt_alone_makes_a_run_unsure(run, doubt):
    assert summary(run) == (3, (doubt,))


def test_a_run_that_was_not_finished_is_unsure():
    assert summary(clean(), complete=False) == (3, ("the run was not finished",))
    assert [
        summarise(clean(), (), complete=complete, interrupted=stopped).complete
        for complete, stopped in ((1, 0), (0, 0), (1, 1))
    ] == [True, False, False]


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(clean(gaps=gap("pods")), id="what a Service needs is in its own verdict"),
        pytest.param(clean(**stranger(node="a")), id="whose canary answer is known is in the node's state"),
        pytest.param(clean(**stranger(proxy=True)), id="a proxy on the canary"),
        pytest.param(clean(nodes=(STRICT, state("c", Arp.UNREACHED))), id="a node that is not on this segment"),
    ],
)
def test_what_leaves_a_run_clean(run):
    assert summary(run) == (0, ())


def test_a_fault_counts_whatever_else_is_missing():
    assert summary(clean(SILENT, OK, canary=None)) == (1, ("1 silent",))
    assert summary(clean(nodes=(STRICT, NON_STRICT)), complete=False) == (1, ("1 of 2 nodes without strict ARP",))
    both = clean(SILENT, case(B, announcers="a"), case(A, lost=True), nodes=(NON_STRICT,))
    assert summary(both) == (1, ("1 wrong-node", "1 silent", "1 of 1 node without strict ARP"))
    assert summary(both, interrupted=True) == (
        130, ("the run was interrupted", "1 wrong-node", "1 silent", "1 of 1 node without strict ARP", "1 inconclusive"),
    )  # fmt: skip
    assert summarise(both, (), complete=True, interrupted=False).verdicts == {
        Verdict.WRONG_NODE: 1,
        Verdict.SILENT: 1,
        Verdict.INCONCLUSIVE: 1,
    }


def test_a_ready_node_that_was_not_heard_counts_where_it_should_have_been():
    """Its address is in a probed network, or a judged address's record names it."""
    here = Host(interfaces=(Interface(name="eth0", mac=None, addresses=("10.0.0.5/24",)),))
    requested = observations((CANARY, 1), (IPv4Address("10.0.0.13"), 1))
    near = {"host": here, "addresses": {"c": (IPv4Address("10.0.0.13"),)}, "observations": requested}
    far = {"host": here, "addresses": {"c": (IPv4Address("10.9.0.13"),)}}
    unheard = {"nodes": (STRICT, state("c", Arp.UNREACHED))}
    assert summary(clean(**unheard, **near)) == (3, ("no reply from c",))
    assert summary(clean(**unheard, **far)) == (0, ())
    assert summary(clean(**unheard, **{**near, "observations": observations((CANARY, 1))})) == (0, ()), (
        "it was not requested"
    )
    assert summary(clean(case(A, announcers="ac"), **unheard, **far)) == (3, ("no reply from c",))
    off = {"nodes": (STRICT, replace(state("c", Arp.UNREACHED), ready=False))}
    assert summary(clean(**off, **near)) == (0, ()), "it is powered off"
    entry = {"finding": "unreached-nodes", "node": "c"}
    assert summary(clean(**unheard, **near, **accepted(entry)))[0] == 0


def test_a_finding_alone_is_no_clean_run():
    conflict = Conflict(ip=IPv4Address("10.0.0.11"), node="a", nics=(("eth0", mac(1)), ("eth0", mac(2))))
    assert summary(clean(conflicts=(conflict,))) == (3, ("address-conflict: a, 10.0.0.11",))


def test_addresses_of_which_none_was_judged_are_no_clean_run():
    v6 = case(ip=IPv6Address("fd00::1"), skipped="IPv6")
    assert summary(clean(v6)) == (3, ("none of 1 LoadBalancer address was judged",))
    assert summary(clean(v6, case(external=True)))[1] == ("none of 2 LoadBalancer addresses was judged",)
    assert summary(clean(v6, OK)) == (0, ())


def test_without_an_own_sender_a_proxy_would_not_be_seen():
    assert summary(clean(case(A, announcers="a", own_sender=False))) == (
        3,
        (f"no request for {IP} came from an own address, so a proxy would not be seen",),
    )


def accepted(*entries):
    known = tuple(Acceptance(reason="known", until=date(2026, 4, 1), **entry) for entry in entries)
    return {"acceptances": Acceptances(entries=known, today=datetime(2026, 3, 1, tzinfo=UTC).date())}


def test_what_is_accepted_is_named_and_not_counted():
    both = {"nodes": (STRICT, NON_STRICT, state("c", Arp.NON_STRICT)), "blind": {}}
    entries = [{"verdict": Verdict.SILENT, "ip": IP}, *({"finding": "non-strict-nodes", "node": name} for name in "cb")]
    assert summary(clean(SILENT, OK, **both, **accepted(*entries))) == (
        0, ("accepted and not counted: 1 silent, b non-strict, c non-strict",),
    )  # fmt: skip
    assert summary(clean(SILENT, **both, **accepted(*entries[:2]))) == (
        1, ("1 of 3 nodes without strict ARP", "accepted and not counted: 1 silent, c non-strict"),
    )  # fmt: skip


def test_a_blind_node_that_is_accepted_is_named_and_not_counted():
    blind = {
        "blind": {name: AskingHost(host=Host(), interfaces=()) for name in "ba"},
        "nodes": (state("a", Arp.SELF), state("b", Arp.SELF)),
    }
    assert summary(clean(**blind)) == (3, tuple(f"{name}, on which arpcheck ran, was not tested" for name in "ab"))
    entries = [{"finding": "self-blind", "node": name} for name in "ab"]
    assert summary(clean(**blind, **accepted(*entries))) == (0, ("accepted and not counted: a self, b self",))


def test_another_cluster_on_the_canary_that_is_accepted_hides_no_other_stranger():
    entry = {"finding": "foreign-mac", "ip": CANARY}
    assert summary(clean(**stranger(foreign=True), **accepted(entry))) == (0, ())
    assert summary(clean(**stranger(), **accepted(entry)))[0] == 3
    heard = observations((CANARY, 1), answered=[(CANARY, 1, 9), (CANARY, 1, 8)])
    owners = {("eth0", mac(9)): Owner(mac=mac(9), node=None, outside=True), ("eth0", mac(8)): Owner(mac=mac(8), node=None)}
    assert summary(clean(observations=heard, owners=owners, **accepted(entry))) == (
        3,
        (f"{mac(8)}, {mac(9)}, which belongs to no known node, replied for the canary",),
    )


def test_what_is_said_twice_is_said_once():
    assert summary(clean(gaps=gap("nodes") * 2)) == (3, ("nodes could not be read: forbidden",))
