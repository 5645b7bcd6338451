"""verdicts: one address, rule by rule. The names say what was heard."""

from dataclasses import replace
from itertools import permutations

import pytest
from judge_cases import IP, case, claim, mac, party

from arpcheck.judge.case import key
from arpcheck.judge.verdicts import RULES, judge, texts
from arpcheck.model import (
    Announcement,
    ClaimSource,
    Gratuitous,
    Identity,
    Kind,
    PassedOver,
    PassReason,
    SourceRank,
    Strength,
    Trust,
    Verdict,
)

A, B = party(1, 1, 2, 3, node="a"), party(2, 1, 2, 3, node="b")
C = party(3, 1, 2, 3, node="c")
A_LATER, B_LATER = party(1, 1, node="a"), party(2, 2, 3, node="b")
STRANGER = party(9, 1, 2, 3)
FOREIGN = party(9, 1, 2, 3, foreign=True)
PROXY = party(8, 1, 2, 3, proxy=True)
POD = party(7, 1, 2, 3, foreign=True, named="kube-vip.io/hwaddr")
LOSSY = frozenset({"worker-1"})
LISTED = party(1, 1, 2, 3, node="a", strength=Strength.LISTED)
DOUBTFUL = party(1, 1, 2, 3, node="a", strength=Strength.DOUBTFUL)
MAYBE_B = Identity(mac=mac(1), node="b", source="node-ip", detail="", rank=SourceRank.WIRE)
EITHER = party(1, 1, 2, 3, node="a", strength=Strength.DOUBTFUL, identities=(MAYBE_B,))
STRANGER_OR_B = party(9, 1, 2, 3, identities=(MAYBE_B,))
APART = party(9, 1, 2, 3, apart=True)


TAGGED = PassedOver(interface="eth0", ip=IP, mac=mac(1), reason=PassReason.VLAN, vlan=7, frames=3)


def unreachable(found, *rounds):
    return {key(found.responder): frozenset(("eth0", number) for number in rounds)}


ANNOUNCED = Gratuitous(at=0.0, interface="eth0", ip=IP, mac=mac(9), source=mac(9), frames=1)


def by_event(node):
    return replace(claim(node), kind=ClaimSource.EVENT)


TAKEN = Announcement(implementation="cilium", because="a CiliumL2AnnouncementPolicy", order=5)

CASES = [
    # not-probed
    pytest.param(case(skipped="no address"), "not-probed", "no address", id="the Service has none"),
    pytest.param(
        case(external=True, turns=frozenset()),
        "not-probed",
        "it was not probed",
        id="an external load balancer's, and nobody was asked",
    ),
    pytest.param(
        case(external=True), "not-probed", "nobody replied here", id="an external load balancer's, and nobody answered"
    ),
    pytest.param(
        case(STRANGER, external=True), "not-probed", f"{mac(9)} replied", id="an external load balancer's, and it answered"
    ),
    pytest.param(case(FOREIGN, external=True), "not-probed", f"{mac(9)} replied", id="whatever is listed"),
    pytest.param(
        case(A, external=True, non_strict="a"),
        "non-strict",
        "no node should",
        id="an external load balancer's, and a kernel answers",
    ),
    pytest.param(
        case(A, STRANGER, external=True),
        "duplicate",
        "a and 02",
        id="an external load balancer's, and a node answers beside it",
    ),
    pytest.param(
        case(A, external=True),
        "inconclusive",
        "outside the cluster",
        id="an external load balancer's, and a node alone answers",
    ),
    # proxy-arp
    pytest.param(case(party(1, 1, 2, 3, node="a", proxy=True)), "proxy-arp", "a replies", id="a node that is a proxy"),
    pytest.param(
        case(party(1, 1, 2, 3, node="a", proxy=True), announcers="a"), "ok", "", id="the announcer, which is a proxy too"
    ),
    pytest.param(
        case(B, party(1, 1, 2, 3, node="a", proxy=True), announcers="b", non_strict="a"),
        "non-strict",
        "a replied",
        id="a node that is a proxy too and answers the canary",
    ),
    pytest.param(case(PROXY), "proxy-arp", "it does not own", id="a proxy answered"),
    pytest.param(case(A, PROXY, announcers="a"), "proxy-arp", "a also replied", id="a proxy beside the announcer"),
    pytest.param(case(PROXY, lost=True), "proxy-arp", "", id="a proxy, and frames were lost"),
    # foreign
    pytest.param(case(FOREIGN), "foreign", "does not belong to a node", id="a foreign MAC alone"),
    pytest.param(case(A, FOREIGN, announcers="a"), "foreign", "a also replied", id="a foreign MAC beside the announcer"),
    pytest.param(case(held_on="eth0"), "foreign", "this host", id="the prober has it and is no node"),
    pytest.param(
        case(A, POD, announcers="a"), "duplicate", "kube-vip.io/hwaddr", id="a MAC that the Service names is not foreign"
    ),
    pytest.param(case(POD), "ok", "", id="such a MAC alone"),
    pytest.param(
        case(FOREIGN, named_unread=True), "inconclusive", f"the owner of {mac(9)}", id="it may be one that the Service names"
    ),
    pytest.param(
        case(A, APART, announcers="a"), "foreign", "a also replied", id="most likely no node's, beside the announcer"
    ),
    pytest.param(case(A, party(9, 1, 2, apart=True), announcers="a"), "foreign", "", id="in some rounds"),
    pytest.param(case(APART, announcers="a"), "inconclusive", "the owner of", id="most likely no node's, alone"),
    pytest.param(
        case(A, APART), "inconclusive", "the owner of", id="most likely no node's, beside a node that nothing records"
    ),
    pytest.param(
        case(party(1, 2, 3, node="a"), APART, announcers="a"),
        "inconclusive",
        "the owner of",
        id="the announcer missed one of its rounds",
    ),
    # non-strict
    pytest.param(
        case(A, B, held_everywhere="a PureLB pool"),
        "non-strict",
        "arp_ignore is 0",
        id="every kernel holds it by configuration",
    ),
    pytest.param(
        case(A, held_everywhere="a PureLB pool", silence="by BGP"),
        "wrong-node",
        "nobody should: by BGP",
        id="one of them answers",
    ),
    pytest.param(case(A, B, announcers="a", non_strict="b"), "non-strict", "b replied without", id="beside the announcer"),
    pytest.param(case(B, announcers="a", non_strict="b"), "non-strict", "a should", id="instead of the announcer"),
    pytest.param(case(A, B, non_strict="b"), "non-strict", "not known", id="no announcer known, beside another"),
    pytest.param(
        case(EITHER, B, non_strict="b"),
        "inconclusive",
        "not certain that it belongs to a",
        id="no announcer known, beside a MAC that may be its own",
    ),
    pytest.param(
        case(STRANGER_OR_B, B, non_strict="b"),
        "inconclusive",
        "the owner of",
        id="no announcer known, beside a MAC that is another's or its own",
    ),
    pytest.param(
        case(EITHER, B, announcers="c", non_strict="b"),
        "non-strict",
        "b replied without",
        id="beside a MAC that may be its own, and another should",
    ),
    pytest.param(
        case(B, non_strict="b"),
        "inconclusive",
        "replies for every Service",
        id="no announcer known, alone: it may be the announcer",
    ),
    pytest.param(case(A, announcers="a", non_strict="a"), "ok", "", id="the announcer itself, alone"),
    pytest.param(
        case(B, silence="announced by BGP only", non_strict="b"),
        "non-strict",
        "nobody should: announced by BGP only",
        id="alone, and nobody should",
    ),
    pytest.param(case(A, B, announcers="a", non_strict="b", lost=True), "non-strict", "", id="proven, and frames were lost"),
    pytest.param(case(A, party(2, 2, node="b"), announcers="a", non_strict="b"), "non-strict", "", id="in one round only"),
    pytest.param(
        case(A, B, claims=(claim("a", Trust.STALE),), non_strict="b"),
        "non-strict",
        "an old record names a",
        id="an old record",
    ),
    # duplicate
    pytest.param(case(A, B, announcers="a"), "duplicate", "a and b", id="two strict nodes, one is the announcer"),
    pytest.param(case(A, B, announcers="ab"), "duplicate", "", id="two announcers"),
    pytest.param(case(A, B), "duplicate", "", id="two nodes, no announcer known"),
    pytest.param(
        case(A, B, announcers="a", non_strict="a"), "duplicate", "", id="the announcer's own kernel excuses nobody"
    ),
    pytest.param(case(A, B, unread=("leases",)), "duplicate", "", id="proven, whatever could not be read"),
    pytest.param(
        case(DOUBTFUL, B, announcers="a"), "duplicate", "(a, not certain) and b", id="two machines, whoever the first is"
    ),
    # inconclusive
    pytest.param(
        case(DOUBTFUL, announcers="a"),
        "inconclusive",
        f"{mac(1)} replied, and it is not certain that it belongs to a",
        id="it may be another machine with the node's address",
    ),
    pytest.param(
        case(A, announcers="a", doubled=((("eth0", mac(1)), "a"),)),
        "inconclusive",
        f"{mac(1)} (a) replied more than once per request",
        id="twins",
    ),
    pytest.param(
        case(A, announcers="a", nodes_down=frozenset("a")),
        "inconclusive",
        "a replied but is not Ready",
        id="a node that is down answers, and no list has its MAC",
    ),
    pytest.param(
        case(LISTED, announcers="a", nodes_down=frozenset("a")),
        "ok",
        "",
        id="a node that is down answers, with a MAC that is its own",
    ),
    pytest.param(
        case(C, changed=(claim("a"), claim("b"))),
        "inconclusive",
        "c replied, but the recorded announcer changed while arpcheck ran (a and b)",
        id="a third, while the record went from one to another",
    ),
    pytest.param(case(A, changed=(claim("a"), claim("b"))), "ok", "", id="the one before, to the end"),
    pytest.param(
        case(A, changed=(claim("a"), claim("b")), blind={"b"}),
        "inconclusive",
        "arpcheck ran on b and can't receive its replies",
        id="the one before, to the end, and the one after is the prober's node",
    ),
    pytest.param(
        case(A, changed=(claim("a"), claim("b")), blind={"c"}), "ok", "", id="the one before, and the prober is a third node"
    ),
    pytest.param(
        case(A, announcers="b", claims=(by_event("b"),)),
        "inconclusive",
        "only events name the announcer (b)",
        id="an event names b, and the address may have moved back",
    ),
    pytest.param(
        case(A, announcers="b", claims=(by_event("b"),), non_strict="a"),
        "inconclusive",
        "only events name the announcer (b)",
        id="an event names b, and a, which is non-strict, may be the announcer",
    ),
    pytest.param(
        case(A, B, announcers="b", claims=(by_event("b"),), non_strict="a"),
        "non-strict",
        "a replied",
        id="a non-strict node beside b",
    ),
    pytest.param(
        case(A, announcers="bc", claims=(by_event("b"), claim("c"))),
        "wrong-node",
        "b and c should",
        id="an event and a status",
    ),
    pytest.param(case(A, announcers="a", claims=(by_event("a"),)), "ok", "", id="an event names a"),
    pytest.param(
        case(A, gratuitous=(ANNOUNCED,)),
        "inconclusive",
        f"a replied, but {mac(9)} announced it by gratuitous ARP",
        id="another announced it, and no record names the announcer",
    ),
    pytest.param(
        case(A, announcers="a", gratuitous=(ANNOUNCED,)), "ok", "", id="another announced it, and the record names a"
    ),
    pytest.param(
        case(A, announcers="b", gratuitous=(ANNOUNCED,)), "wrong-node", "b should", id="another announced it, and b should"
    ),
    pytest.param(
        case(A, claims=(replace(claim("b", Trust.STALE), kind=ClaimSource.LEASE, absent=True),)),
        "inconclusive",
        "still names b, which did not reply here",
        id="a Lease that still holds names a node that was not heard",
    ),
    pytest.param(
        case(A, claims=(replace(claim("b", Trust.STALE), kind=ClaimSource.LEASE),)), "ok", "", id="a Lease that expired"
    ),
    pytest.param(
        case(A, claims=(replace(claim("b", Trust.STALE), absent=True),)), "ok", "", id="a record that nobody renews"
    ),
    pytest.param(
        case(B, announcers="c", changed=(claim("a"), claim("b"))),
        "inconclusive",
        "one record of the announcer changed (a and b), another names c",
        id="the one after, and a record that was left behind names another",
    ),
    pytest.param(
        case(B, announcers="c", changed=(claim("a"), claim("d"))), "wrong-node", "c should", id="one that no record names"
    ),
    pytest.param(
        case(POD, changed=(claim("a"), claim("b"))), "ok", "", id="a MAC that the Service names, while the record changed"
    ),
    pytest.param(
        case(A, announcers="a", blind={"b"}, held_by={"b": "eth0"}),
        "inconclusive",
        "b has it on eth0; arpcheck ran there",
        id="the prober is a node that has it too",
    ),
    pytest.param(case(B, announcers="b", blind={"b"}, held_by={"b": "eth0"}), "ok", "", id="another host heard that node"),
    pytest.param(
        case(A, announcers="a", conflict=(claim("a"), claim("b"))),
        "inconclusive",
        "two current records name different nodes",
        id="two records",
    ),
    pytest.param(
        case(announcers="a", nodes_heard=frozenset({"worker-1"})),
        "inconclusive",
        "a, which should reply, did not reply to the same sender",
        id="silence, the announcer was not heard",
    ),
    pytest.param(
        case(nodes_heard=frozenset({"worker-1"})),
        "inconclusive",
        "worker-2, worker-3, which could be the announcer",
        id="silence, and a Ready node was not heard",
    ),
    pytest.param(
        case(announcers="a", nodes_missed=frozenset({"worker-1"})),
        "inconclusive",
        "frames get lost here: worker-1",
        id="silence where frames get lost",
    ),
    pytest.param(
        case(A, announcers="a", nodes_missed=LOSSY, often=7),
        "inconclusive",
        "frames get lost here (worker-1",
        id="right, asked too seldom where frames get lost",
    ),
    pytest.param(
        case(A, announcers="a", nodes_missed=LOSSY, often=8), "ok", "", id="right, asked often enough where frames get lost"
    ),
    pytest.param(case(A, announcers="a", often=1), "ok", "", id="right, asked once where nothing is lost"),
    pytest.param(
        case(B, announcers="a", nodes_missed=LOSSY, often=3),
        "wrong-node",
        "a should",
        id="heard is heard, whatever was lost",
    ),
    pytest.param(
        case(silence="by BGP", nodes_missed=LOSSY, often=7),
        "inconclusive",
        "frames get lost here",
        id="nobody should, where frames get lost",
    ),
    pytest.param(
        case(announcers="a", often=3), "inconclusive", "3 requests for it may be too few", id="silence, asked too seldom"
    ),
    pytest.param(case(announcers="a", often=4), "silent", "", id="silence, asked often enough"),
    pytest.param(
        case(A, announcers="a", nodes_missed=LOSSY, often=3, recorded=True), "ok", "", id="a capture is never clean anyway"
    ),
    pytest.param(
        case(announcers="a", passed_over=(TAGGED,)), "inconclusive", "VLAN 7", id="silence, and a tagged frame speaks for it"
    ),
    pytest.param(case(A, announcers="a", lost=True), "inconclusive", "lost", id="frames were lost"),
    pytest.param(case(A, announcers="a", excess=5), "inconclusive", "5 more replies", id="more came than was kept"),
    pytest.param(case(A, announcers="a", excess=1), "inconclusive", "1 more reply", id="one more came than was kept"),
    pytest.param(case(A, announcers="a", complete=False), "inconclusive", "ended before", id="the run was not finished"),
    pytest.param(case(rounds=()), "inconclusive", "ended before", id="it was never asked"),
    pytest.param(case(STRANGER), "inconclusive", "the owner of 02:00:00:00:00:09", id="an unknown MAC"),
    pytest.param(
        case(A, STRANGER, announcers="a"), "inconclusive", "the owner of", id="an unknown MAC beside the announcer"
    ),
    pytest.param(
        case(held_on="kube-ipvs0", nodes_read=False),
        "inconclusive",
        "whether the host is a node",
        id="the prober has it, and may be a node",
    ),
    pytest.param(
        case(party(1, 1, 3, node="a"), announcers="a"), "inconclusive", "rounds 1, 3 of 1, 2, 3", id="some rounds only"
    ),
    pytest.param(case(nodes_heard=frozenset()), "inconclusive", "no node replied", id="silence on a silent segment"),
    pytest.param(
        case(silence="announced by BGP only", nodes_heard=frozenset()),
        "inconclusive",
        "no node replied",
        id="silence on a silent segment, and nobody should",
    ),
    pytest.param(
        case(blind={"a"}, announcers="a"),
        "inconclusive",
        "which is the announcer",
        id="silence, the prober is the announcer",
    ),
    pytest.param(case(blind={"a"}), "inconclusive", "may be", id="silence, the prober may be the announcer"),
    pytest.param(
        case(blind={"a"}, claims=(claim("a", Trust.STALE), claim("b")), announcers="b"),
        "inconclusive",
        "may be",
        id="silence, an old record names the prober",
    ),
    pytest.param(case(A, unread=("leases",)), "inconclusive", "leases", id="who should answer was refused"),
    pytest.param(
        case(A, announcers="a", claims=(replace(claim("a"), kind=ClaimSource.NODE_ADDRESS),), unread=("leases",)),
        "inconclusive",
        "leases",
        id="that a node has the address is no record, and those were refused",
    ),
    pytest.param(case(unread=("bgpadvertisements",)), "inconclusive", "bgp", id="whether anybody should was refused"),
    pytest.param(
        case(B, announcers="a", unread=("servicel2statuses",)),
        "inconclusive",
        "servicel2",
        id="a record names another, a better one was refused",
    ),
    pytest.param(
        case(blind=set("dcfeab")),
        "inconclusive",
        "arpcheck ran on a,",
        id="silence, several hosts asked from nodes: the first is named",
    ),
    pytest.param(case(recorded=True), "inconclusive", "the capture has no reply for it", id="silence in a capture"),
    pytest.param(
        case(recorded=True, silence="announced by BGP only"),
        "inconclusive",
        "capture",
        id="silence in a capture, and nobody should",
    ),
    pytest.param(
        case(A, recorded=True, rounds=()),
        "inconclusive",
        "no broadcast request",
        id="a capture with questions to one MAC alone",
    ),
    pytest.param(
        case(A, not_in_file=("events",)),
        "inconclusive",
        "the file has no record of who should reply: events",
        id="a file without who should",
    ),
    pytest.param(
        case(not_in_file=("events",)),
        "inconclusive",
        "nobody replied, and the file has no record of whether anybody should: events",
        id="a file without whether anybody should",
    ),
    pytest.param(
        case(A_LATER, B_LATER, unreachable=unreachable(A_LATER, 2, 3)),
        "inconclusive",
        "a and b replied to different hosts",
        id="two nodes, and who received one cannot be reached by the other",
    ),
    pytest.param(
        case(A_LATER, B_LATER, unreachable=unreachable(B_LATER, 1)),
        "inconclusive",
        "a and b replied to different hosts",
        id="two nodes, and the other way round",
    ),
    pytest.param(
        case(B, outdated="yesterday", claims=tuple(claim(node, Trust.STALE) for node in "fdeca")),
        "inconclusive",
        "b replied, but the cluster was read yesterday and then recorded a and c and d and e and f: the current announcer is not known",
        id="not who was recorded long ago",
    ),
    pytest.param(
        case(outdated="yesterday"),
        "inconclusive",
        "nobody replied, but the cluster was read yesterday: the current announcer is not known",
        id="nobody, and nothing is known of today",
    ),
    # moved
    pytest.param(
        case(A_LATER, B_LATER, unreachable=unreachable(A_LATER, 2)), "moved", "", id="two nodes, and somebody heard both"
    ),
    pytest.param(
        case(party(1, 1, node="a"), party(2, 2, 3, node="b"), announcers="b"),
        "moved",
        "a (round 1), then from b (rounds 2, 3)",
        id="a failover",
    ),
    pytest.param(
        case(party(1, 2, 3, node="a"), party(2, 1, 4, node="b")),
        "moved",
        "replies from b (rounds 1, 4), then from a (rounds 2, 3)",
        id="there and back, in the order of the first answers",
    ),
    pytest.param(case(party(1, 1, node="a"), party(2, 3, node="b")), "moved", "", id="a failover with a gap"),
    pytest.param(
        case(A_LATER, B_LATER, outdated="yesterday", claims=(claim("b", Trust.STALE),)),
        "moved",
        "",
        id="to or from who was recorded long ago",
    ),
    pytest.param(
        case(A_LATER, B_LATER, announcers="a", unread=("leases",)),
        "moved",
        "",
        id="from or to who should, whatever could not be read",
    ),
    # wrong-node
    pytest.param(
        case(B, announcers="a"), "wrong-node", "b replied in every round; a should", id="another than the record says"
    ),
    pytest.param(case(B, announcers="a", blind={"a"}), "wrong-node", "", id="the record names the prober's node"),
    pytest.param(case(B, claims=(claim("a", Trust.STALE),)), "ok", "", id="an old record makes no wrong node"),
    pytest.param(case(B, claims=(claim("a", Trust.GUESS),)), "ok", "", id="a guess judges nothing"),
    # silent
    pytest.param(case(announcers="a"), "silent", "3 rounds; a should", id="nobody, and a should"),
    pytest.param(
        case(announcers="ecdba"), "silent", "3 rounds; a and b and c and d and e should", id="nobody, and five should"
    ),
    pytest.param(
        case(announcers="a", rounds=(4,), faster=3),
        "silent",
        "nobody replied in 1 slow round; a should",
        id="nobody, after faster rounds",
    ),
    pytest.param(case(), "silent", "not known", id="nobody, no record"),
    pytest.param(case(blind={"b"}, announcers="a"), "silent", "a should", id="nobody, the prober is another node"),
    pytest.param(
        case(announcers="a", unread=("servicel2statuses",)),
        "silent",
        "a should",
        id="nobody, and a record names one, whatever else was refused",
    ),
    pytest.param(
        case(announcers="a", outdated="yesterday"), "silent", "a should", id="nobody, and a current record names one"
    ),
    pytest.param(
        case(kind=Kind.EXTRA), "inconclusive", "nothing says that anybody should", id="an address that is nobody's"
    ),
    pytest.param(
        case(kind=Kind.EXTERNAL_IP, announcements=(TAKEN,)),
        "silent",
        "not known",
        id="an external IP that a load balancer takes, and no node",
    ),
    pytest.param(
        case(kind=Kind.EXTERNAL_IP, announcements=(TAKEN,), announcers="a"),
        "silent",
        "a should",
        id="an external IP that is claimed",
    ),
    pytest.param(
        case(kind=Kind.EXTERNAL_IP, announcements=(TAKEN,), unread=("policies",)),
        "inconclusive",
        "policies",
        id="an external IP, and what would take it was refused",
    ),
    # ok
    pytest.param(case(A, announcers="a"), "ok", "a replied in every round", id="the announcer alone"),
    pytest.param(case(A, announcers="a", unread=("events",)), "ok", "", id="a current record is enough"),
    pytest.param(
        case(silence="announced by BGP only", not_in_file=("events",)),
        "ok",
        "BGP",
        id="nobody, and nobody should, whatever is not in the file",
    ),
    pytest.param(
        case(A, announcers="a", not_in_file=("events",)), "ok", "", id="the announcer alone, whatever is not in the file"
    ),
    pytest.param(case(silence="announced by BGP only"), "ok", "BGP", id="nobody, and nobody should"),
    pytest.param(
        case(silence="announced by BGP only", blind={"a"}),
        "ok",
        "BGP",
        id="nobody, and nobody should: the prober is no announcer",
    ),
    pytest.param(
        case(A, silence="announced by BGP only"),
        "wrong-node",
        "nobody should: announced by BGP only",
        id="BGP only, and a node answers alone",
    ),
    pytest.param(case(A, announcers="a", recorded=True), "ok", "", id="the announcer alone, in a capture"),
    pytest.param(case(B, outdated="yesterday"), "ok", "", id="one node, and nothing was recorded long ago"),
    pytest.param(case(B, outdated="yesterday", claims=(claim("b", Trust.STALE),)), "ok", "", id="who was recorded long ago"),
    pytest.param(
        case(POD, outdated="yesterday", claims=(claim("a", Trust.STALE),)),
        "ok",
        "",
        id="a MAC that the Service names, long ago",
    ),
    pytest.param(
        case(outdated="yesterday", silence="announced by BGP only"), "ok", "BGP", id="nobody, and nobody should, long ago"
    ),
    pytest.param(case(kind=Kind.EXTERNAL_IP), "ok", "nothing claims", id="an external IP that nothing claims"),
]


@pytest.mark.parametrize(("made", "verdict", "words"), CASES)
def test_the_verdict_and_its_reason(made, verdict, words):
    found, reason = judge(made)
    assert (found.value, words in reason) == (verdict, True), reason


def test_those_of_the_first_round_in_which_several_answered_are_named():
    made = case(party(1, 1, 8, node="a"), party(2, 1, 8, node="b"), party(3, 8, node="c"), rounds=(1, 8))
    assert judge(made) == (Verdict.DUPLICATE, "a and b replied in one round; the announcer is not known")


WORDS = [
    pytest.param(FOREIGN, f"{mac(9)} replied and does not belong to a node", id="the MAC"),
    pytest.param(
        party(9, 1, foreign=True, label="VRRP, virtual router 51"),
        f"{mac(9)} (VRRP, virtual router 51) replied and does not belong to a node",
        id="its prefix",
    ),
    pytest.param(
        party(7, 1, 2, 3, named="kube-vip.io/hwaddr", label="VRRP"),
        f"{mac(7)} (kube-vip.io/hwaddr) replied in every round",
        id="the Service's word",
    ),
]


def test_what_a_file_lacks_is_said_without_silence_where_somebody_answered():
    assert judge(case(A, not_in_file=("events",)))[1] == "the file has no record of who should reply: events"


@pytest.mark.parametrize(("found", "words"), WORDS)
def test_a_mac_of_no_node_is_shown_with_what_is_known_of_it(found, words):
    assert judge(case(found))[1] == words


def test_whether_a_record_says_who_should_is_told():
    assert judge(case(A, announcers="a")) == (Verdict.OK, "a replied in every round")
    assert judge(case(A)) == (Verdict.OK, "a replied in every round; no record names the announcer")


BY_LIST = Identity(mac=mac(1), node="a", source="mac-map", detail="", rank=SourceRank.OTHER_FILE, lists_nics=True)


@pytest.mark.parametrize(
    ("identities", "settles"), [((), "--mac-map"), ((BY_LIST,), "switch"), ((BY_LIST, MAYBE_B), "correct")]
)
def test_a_list_is_asked_for_only_where_it_would_settle_whose_the_mac_is(identities, settles):
    """Listed, and it replied twice for the node's own address, as legs of a bond may: a line more changes nothing."""
    doubtful = party(1, 1, 2, 3, node="a", strength=Strength.DOUBTFUL, identities=identities)
    verdict, words = judge(case(doubtful, announcers="a"))
    assert verdict is Verdict.INCONCLUSIVE
    assert [word for word in ("--mac-map", "switch", "correct") if word in words] == [settles]


@pytest.mark.parametrize(("made", "verdict", "words"), CASES)
def test_the_order_of_the_parties_changes_nothing(made, verdict, words):
    from dataclasses import replace

    assert {judge(replace(made, parties=order))[0].value for order in permutations(made.parties)} == {verdict}


def test_what_was_heard_is_not_undone_by_what_was_lost():
    proven = [verdict for verdict, _ in RULES[: [v for v, _ in RULES].index(Verdict.INCONCLUSIVE)]]
    assert proven == [Verdict.NOT_PROBED, Verdict.PROXY_ARP, Verdict.FOREIGN, Verdict.NON_STRICT, Verdict.DUPLICATE]
    assert RULES[-1][0] is Verdict.OK


def test_every_rule_says_what_it_means_how_it_is_decided_and_what_to_do():
    assert [text.name for text in texts()] == [verdict.value for verdict in Verdict]
    assert all(text.means and text.decided and text.do for text in texts())


@pytest.mark.parametrize(("entries", "verdict"), [(("a", "b"), "inconclusive"), (("a", "worker-1"), "ok"), (("a",), "ok")])
def test_one_of_several_entries_of_an_annotation_is_right(entries, verdict):
    """A single entry that is stale is of a node that is gone."""
    written = tuple(
        replace(claim(node, Trust.STALE), kind=ClaimSource.ANNOTATION, source="annotation x") for node in entries
    )
    assert judge(case(party(1, 1, 2, 3, node="worker-1"), claims=written))[0].value == verdict
