"""report: what a format is given, beside the verdicts."""

from dataclasses import replace
from datetime import date
from ipaddress import IPv4Address, IPv6Address

import pytest
from judge_cases import CANARY, IP, case, claim, evidence, judged, mac, observations, party, state

from arpcheck.evidence import Options
from arpcheck.judge.acceptance import Acceptances
from arpcheck.judge.summary import report
from arpcheck.model import (
    Acceptance,
    Announcement,
    Arp,
    Host,
    Identity,
    Interface,
    Kind,
    Loss,
    Overflow,
    Owner,
    Question,
    Reply,
    Target,
    Verdict,
)

HOME = IPv4Address("10.0.0.11")
A = party(1, 1, 2, 3, node="a")
OWNERS = {("eth0", mac(1)): Owner(mac=mac(1), node="a")}


def told(*targets, **rest):
    return report(judged(targets=targets, **{"owners": OWNERS, **rest}), evidence(), None).targets


def test_only_a_node_s_own_address_is_answered_as_it_should_be():
    heard = observations((HOME, 1), (HOME, 2), (CANARY, 1), answered=[(HOME, 1, 1), (CANARY, 1, 1)])
    home, canary = told(
        Target(ip=HOME, kind=Kind.NODE, nodes=("a",)), Target(ip=CANARY, kind=Kind.CANARY, nodes=("a",)), observations=heard
    )  # fmt: skip
    assert [(party.node, party.expected) for party in (*home.responders, *canary.responders)] == [("a", True), ("a", False)]
    assert (home.rounds, canary.rounds) == ((1, 2), (1,))
    assert (home.verdict, home.reason, home.announcers) == (None, "", ())


@pytest.mark.parametrize("ip", [None, IPv6Address("2001:db8::1")])
def test_what_is_not_asked_has_neither_rounds_nor_responders(ip):
    (target,) = told(Target(ip=ip, kind=Kind.NODE, nodes=("a",)))
    assert (target.rounds, target.responders) == ((), ())


def test_a_judged_address_is_shown_with_what_it_was_judged_by():
    said = tuple(Announcement(implementation=name, because="", order=3) for name in ("cilium", "metallb"))
    made = case(announcers="a", announcements=said)
    entry = Acceptance(reason="known", until=date(2026, 4, 1), verdict=Verdict.SILENT, ip=IP)
    run = judged(
        made, case(A, ip=HOME), observations=observations((IP, 1), (IP, 2)), acceptances=Acceptances(entries=(entry,))
    )
    first, second = report(run, evidence(), None).targets
    assert (first.implementation, second.implementation) == ("cilium", None)
    assert (first.announcers, first.responders, first.rounds) == ((claim("a"),), made.parties, (1, 2))
    assert (first.accepted.reason, second.accepted) == ("known", None)


def test_who_should_not_reply_comes_first_and_a_stranger_before_all():
    quiet, loud, right, stranger = (
        party(2, 1, node="quiet"),
        party(3, 1, node="loud"),
        party(1, 1, node="a"),
        party(4, 1),
    )
    made = case(right, quiet, loud, stranger, announcers="a")
    (found,) = report(
        judged(made, nodes=(state("loud", Arp.NON_STRICT), state("quiet", Arp.QUIET))), evidence(), None
    ).targets
    assert [one.node for one in found.responders] == [None, "loud", "quiet", "a"]


def test_a_node_s_macs_are_those_that_a_source_gives_to_it():
    said = [
        ("a", "mac-map", None),
        ("b", "mac-map", None),
        ("a", "node-ip", "eth0"),
        ("a", "node-ip", "eth0"),
        ("a", "node-ip", "eth1"),
    ]
    identities = tuple(
        Identity(mac=mac(1), node=node, source=source, detail="", interface=nic) for node, source, nic in said
    )
    owners = {("eth0", mac(1)): Owner(mac=mac(1), node="a", identities=identities)}
    run = judged(nodes=(replace(state("a", Arp.QUIET), macs=(mac(1),), nics=(("eth0", mac(1)),)),), owners=owners)
    (node,) = report(run, evidence(), None).nodes
    assert [(found.interface, found.source) for found in node.macs] == [
        (None, "mac-map"),
        ("eth0", "node-ip"),
        ("eth1", "node-ip"),
    ]
    assert (node.kube_proxy.mode, node.addresses) == (None, ())


def test_the_run_is_told_in_figures():
    """What was counted and not kept was received all the same."""
    question = Question(0.0, "eth0", 1, IP, HOME, None)
    reply = Reply(1.0, "eth0", 1, IP, HOME, None, mac(1), mac(1), 1.0)
    nics = {name: Interface(name=name, mac=None, addresses=()) for name in ("eth0", "eth1", "eth2")}
    made = evidence(
        options=Options(interfaces=("eth2", "eth0", "eth9")), host=Host(interfaces=tuple(nics.values())), questions=(question,) * 3, replies=(reply,) * 2,
        overflows=(Overflow(ip=IP, replies=5), Overflow(ip=HOME, replies=7)), losses=(Loss(interface="eth0", rounds=(1,), frames=2),) * 2,
    )  # fmt: skip
    run = report(judged(), made, None).run
    assert (run.sent, run.received, run.lost) == (3, 14, 4)
    assert run.interfaces == (nics["eth2"], nics["eth0"])
