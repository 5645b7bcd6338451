"""What the tries of `--reach` come to, and what may be concluded from them."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from arpcheck.endpoints import ENDPOINT_SLICES
from arpcheck.judge.reach import ReachContext, by_port, is_broken, is_unreached, is_wrong_source, reach_rows
from arpcheck.model import (
    Handling,
    HandlingBecause,
    NotAsked,
    ReachDoubt,
    ReachReply,
    ReachResult,
    ReachRun,
    ReachSignal,
    ReachSkip,
    ReachTry,
)
from arpcheck.objects import Objects
from tests.judge.judge_cases import IP, OURS, evidence, mac

ONE, TWO, SECOND_NIC, ROUTER = mac(1), mac(2), mac(3), mac(9)
NODES = {ONE: "n1", TWO: "n2", SECOND_NIC: "n1"}
POD = IPv4Address("10.42.0.7")
SYN_ACK, RST, UNREACHABLE, REDIRECT = (
    ReachSignal.SYN_ACK, ReachSignal.RST, ReachSignal.UNREACHABLE, ReachSignal.REDIRECT,
)  # fmt: skip


def context(**rest):
    made = {
        "node_of": lambda _, found: NODES.get(found),
        "outside": lambda _, found: found == ROUTER,
        "announcers": lambda _: frozenset({"n1"}),
        "moved": frozenset(),
        "own_nodes": frozenset(),
    }
    return ReachContext(**{**made, **rest})


def reply(signal, by, source=IP, port=80, code=None):
    if signal not in (SYN_ACK, RST):
        port, code = None, code or 1
    return ReachReply(at=1.0, signal=signal, source=source, port=port, code=code, mac=by, interface="eth0", ttl=63)


def tried(to, *replies, times=None, port=80):
    """Three times after silence or a redirect, as on the wire."""
    ends = any(one.signal is not REDIRECT for one in replies)
    one = ReachTry(
        at=0.0, interface="eth0", ip=IP, port=port, mac=to, sender=OURS, sender_port=61000, service="web/nginx",
        replies=replies,
    )  # fmt: skip
    return (one,) * (times or (1 if ends else 3))


def objects(*nodes, local=True, ready=True):
    """A Service with an endpoint on each of these nodes; without nodes' names there is none."""
    service = {
        "metadata": {"namespace": "web", "name": "nginx"},
        "spec": {
            "type": "LoadBalancer", "ports": [{"port": 80}], "externalTrafficPolicy": "Local" if local else "Cluster",
        },
    }  # fmt: skip
    found = {
        "metadata": {"namespace": "web", "name": "x", "labels": {"kubernetes.io/service-name": "nginx"}},
        "addressType": "IPv4",
        "ports": [{"port": 8080}],
        "endpoints": [
            {"addresses": [f"10.42.0.{n}"], "nodeName": node, "conditions": {"ready": ready}}
            for n, node in enumerate(nodes, 7)
        ],
    }
    return Objects(resources={"services": (service,), ENDPOINT_SLICES.resource: (found,)})


def rows(*tries, cluster=None, skips=(), lost=0, changed=(), unconfirmed=(), complete=True, **rest):
    run = ReachRun(
        tries=tuple(one for several in tries for one in several), skips=skips, lost=lost, changed=changed,
        unconfirmed=unconfirmed, complete=complete,
    )  # fmt: skip
    return reach_rows(evidence(reach=run, objects=cluster or Objects()), context(**rest)).get(IP, ())


OPEN = tried(ONE, reply(SYN_ACK, ONE))


@pytest.mark.parametrize(
    ("tries", "result"),
    [
        (OPEN, ReachResult.ACCEPTED),
        (tried(ONE, reply(SYN_ACK, SECOND_NIC)), ReachResult.ACCEPTED),
        (tried(ROUTER, reply(SYN_ACK, ONE)), ReachResult.OTHER_MAC),
        (tried(ONE, reply(SYN_ACK, TWO)), ReachResult.OTHER_MAC),
        (tried(ROUTER, reply(SYN_ACK, ROUTER)), ReachResult.ACCEPTED),
        (tried(ONE, reply(SYN_ACK, TWO, source=POD, port=8080)), ReachResult.WRONG_SOURCE),
        (tried(ONE, reply(SYN_ACK, ONE, port=8080)), ReachResult.WRONG_SOURCE),
        (tried(ONE, reply(RST, ONE)), ReachResult.REFUSED),
        (tried(ONE, reply(UNREACHABLE, ONE)), ReachResult.UNREACHABLE),
        (tried(ONE, reply(REDIRECT, ONE), reply(UNREACHABLE, ONE)), ReachResult.UNREACHABLE),
        (tried(ONE), ReachResult.NO_ANSWER),
        (tried(ONE, reply(REDIRECT, ONE)), ReachResult.NO_ANSWER),
    ],
)
def test_the_word(tries, result) -> None:
    (row,) = rows(tries)
    assert (row.result, row.tries, row.node) == (result, len(tries), NODES.get(row.mac))


def test_what_decided_it_is_kept() -> None:
    (row,) = rows(tried(TWO, reply(SYN_ACK, ONE, source=POD, port=8080)))
    assert (row.source, row.by, row.by_node, row.ttl) == ("10.42.0.7:8080", ONE, "n1", 63)
    (row,) = rows(tried(TWO, reply(REDIRECT, TWO), reply(UNREACHABLE, TWO, source=IP, code=3)))
    assert (row.source, row.code, row.routes, row.by) == (str(IP), 3, True, None)


def test_a_reply_on_another_interface_of_this_host_is_said() -> None:
    (row,) = rows(tried(ONE, replace(reply(SYN_ACK, ONE), interface="eth1")))
    assert (row.result, row.over) == (ReachResult.ACCEPTED, "eth1")
    assert "eth1" in row.text
    (row,) = rows(OPEN)
    assert row.over is None


def test_a_redirect_by_another_does_not_make_it_a_router() -> None:
    (row,) = rows(tried(ONE, reply(REDIRECT, ROUTER)))
    assert not row.routes


# ------------------------------------------------------------------------------------------------------------- conclusions


def broken(found):
    return [row.mac for row in found if is_broken(row, found)]


def test_silence_beside_an_acceptance_is_a_fault() -> None:
    assert broken(rows(OPEN, tried(TWO))) == [TWO]
    assert broken(rows(OPEN, tried(ROUTER))) == [ROUTER]


def test_silence_of_all_accuses_nobody_but_is_a_doubt() -> None:
    found = rows(tried(ONE), tried(TWO))
    assert broken(found) == []
    assert is_unreached(found)


def test_two_tries_are_too_few() -> None:
    found = rows(OPEN, tried(TWO, times=2))
    assert broken(found) == []
    assert found[1].doubt is ReachDoubt.TOO_FEW_TRIES


def test_a_refusal_may_be_of_one_of_several_endpoints_unless_the_slices_say_otherwise() -> None:
    refused = tried(TWO, reply(RST, TWO))
    assert broken(rows(OPEN, refused)) == []
    assert broken(rows(OPEN, refused, cluster=objects("n1", "n3", local=False))) == []
    assert broken(rows(OPEN, refused, cluster=objects("n1"))) == [TWO]


@pytest.mark.parametrize("what", ["lost", "changed", "unconfirmed", "unfinished", "moved", "own_nodes"])
def test_what_could_be_the_reason_forbids_the_conclusion(what) -> None:
    more = {
        "lost": {"lost": 1},
        "changed": {"changed": ("web/nginx",)},
        "unconfirmed": {"unconfirmed": ("web/nginx",)},
        "unfinished": {"complete": False},
        "moved": {"moved": frozenset({IP})},
        "own_nodes": {"own_nodes": frozenset({"n3"})},
    }[what]
    found = rows(OPEN, tried(TWO), **more)
    assert broken(found) == []
    assert found[1].doubt is not None
    assert "does not serve" not in found[1].text


def test_slices_that_an_acceptance_contradicts_are_no_witness_of_a_refusal() -> None:
    """By them no node serves, and one does: another proxy than kube-proxy, or rules that lag."""
    refused = tried(TWO, reply(RST, TWO))
    found = rows(OPEN, refused, cluster=objects("n3"))
    assert broken(found) == []
    assert "does not serve" not in found[1].text
    assert broken(rows(OPEN, tried(TWO), cluster=objects("n3"))) == [TWO]


def test_with_session_affinity_all_tries_are_of_one_endpoint() -> None:
    def sticky(cluster):
        (service,) = cluster.of("services")
        spec = {**service["spec"], "sessionAffinity": "ClientIP"}
        return replace(cluster, resources={**cluster.resources, "services": ({**service, "spec": spec},)})

    several = objects("n1", "n3", local=False)
    unknown = replace(several, resources={"services": several.of("services")})
    assert broken(rows(OPEN, tried(TWO), cluster=several)) == [TWO]
    for cluster in (several, unknown):
        found = rows(OPEN, tried(TWO), cluster=sticky(cluster))
        assert broken(found) == []
        assert found[1].doubt is ReachDoubt.ONE_ENDPOINT
    for cluster in (objects("n1"), objects("n1", local=False)):
        assert broken(rows(OPEN, tried(TWO), cluster=sticky(cluster))) == [TWO]


def test_a_node_that_asks_and_has_no_endpoint_itself_may_conclude() -> None:
    found = rows(OPEN, tried(TWO), cluster=objects("n1"), own_nodes=frozenset({"n3"}))
    assert broken(found) == [TWO]
    found = rows(OPEN, tried(TWO), cluster=objects("n1", "n3"), own_nodes=frozenset({"n3"}))
    assert broken(found) == []


def test_an_acceptance_by_a_stranger_shows_nothing_of_a_node() -> None:
    assert broken(rows(tried(ROUTER, reply(SYN_ACK, ROUTER)), tried(TWO))) == []


@pytest.mark.parametrize("more", [{"sender": OURS + 1}, {"interface": "b:eth0"}])
def test_what_another_address_or_host_gets_shows_nothing(more) -> None:
    """A firewall may let in one and not the other; so may it with the hosts of merged runs."""
    elsewhere = tuple(replace(one, **more) for one in OPEN)
    found = rows(elsewhere, tried(TWO))
    assert broken(found) == []
    assert f"n1 (asked by {elsewhere[0].sender})" in found[1].text
    assert "does not serve" not in found[1].text
    assert not is_unreached(found)


def test_another_port_is_another_question() -> None:
    assert broken(rows(OPEN, tried(TWO, port=443))) == []


def test_a_mixed_acceptance_accuses_nobody() -> None:
    one, two = tried(ONE, times=1), tried(ONE, reply(SYN_ACK, ONE))
    found = rows((*one, *two), tried(TWO))
    assert found[0].result is ReachResult.ACCEPTED
    assert found[0].doubt is ReachDoubt.MIXED
    assert broken(found) == []


AGAIN = reply(SYN_ACK, ONE)


@pytest.mark.parametrize(
    ("replies", "result"),
    [
        ((reply(RST, ONE), AGAIN), ReachResult.REFUSED),
        ((AGAIN, reply(RST, ONE)), ReachResult.ACCEPTED),
        ((reply(UNREACHABLE, ROUTER, source=POD), AGAIN), ReachResult.UNREACHABLE),
        ((reply(SYN_ACK, ROUTER), AGAIN), ReachResult.OTHER_MAC),
        ((AGAIN, reply(SYN_ACK, ROUTER)), ReachResult.ACCEPTED),
    ],
)
def test_replies_to_one_syn_that_exclude_each_other_are_those_of_the_first_and_in_doubt(replies, result) -> None:
    """A client takes the first one. The others show that more than one host or firewall replies."""
    (row,) = rows(tried(ONE, *replies))
    assert (row.result, row.doubt) == (result, ReachDoubt.CONTRADICTED)
    found = rows(tried(ONE, *replies), tried(TWO))
    assert broken(found) == []
    assert "does not serve" not in found[0].text


@pytest.mark.parametrize(
    "replies",
    [
        (AGAIN, AGAIN),
        (AGAIN, reply(SYN_ACK, SECOND_NIC)),
        (reply(SYN_ACK, TWO, source=POD, port=8080), AGAIN),
        (reply(RST, TWO, source=POD, port=8080), AGAIN),
        (reply(REDIRECT, ONE), AGAIN),
    ],
    ids=["repeated", "two NICs", "another source", "RST of another source", "redirect"],
)
def test_what_no_client_takes_is_no_contradiction(replies) -> None:
    (row,) = rows(tried(ONE, *replies))
    assert (row.result, row.doubt) == (ReachResult.ACCEPTED, None)


def test_passed_on_is_no_conclusion() -> None:
    found = rows(tried(ROUTER, reply(REDIRECT, ROUTER), reply(SYN_ACK, ONE)), OPEN)
    assert broken(found) == []
    assert not is_unreached(found)


def test_a_wrong_source_is_a_fault_alone_unless_something_changed() -> None:
    tries = tried(ONE, reply(SYN_ACK, TWO, source=POD, port=8080))
    assert [is_wrong_source(row) for row in rows(tries)] == [True]
    for more in ({"changed": ("web/nginx",)}, {"unconfirmed": ("web/nginx",)}):
        (row,) = rows(tries, **more)
        assert not is_wrong_source(row)
        assert "does not serve" not in row.text
    assert broken(rows(OPEN, tried(TWO, reply(SYN_ACK, TWO, source=POD)))) == []


def test_a_service_without_endpoints_is_nobodys_fault() -> None:
    for cluster in (objects(), objects("n1", ready=False)):
        found = rows(tried(ONE, reply(UNREACHABLE, ONE)), cluster=cluster)
        assert found[0].because is HandlingBecause.NO_ENDPOINT
        assert not is_unreached(found)
        assert is_unreached(rows(tried(ONE, reply(UNREACHABLE, ONE)), cluster=cluster, changed=("web/nginx",)))
        assert is_unreached(rows(tried(ONE, reply(UNREACHABLE, ONE)), cluster=cluster, unconfirmed=("web/nginx",)))


def test_only_a_proof_says_that_a_node_does_not_serve() -> None:
    """All may be silent for a reason of this host's, and one refusal may be that of one endpoint of several."""
    for found in (rows(tried(ONE), tried(TWO)), rows(OPEN, tried(TWO, reply(RST, TWO)))):
        assert "does not serve" not in found[1].text
    for found in (rows(OPEN, tried(TWO)), rows(tried(TWO), tried(ROUTER), cluster=objects("n1"))):
        assert "does not serve" in next(row.text for row in found if row.mac == TWO)


def test_the_slices_say_what_a_node_should_do() -> None:
    (row,) = rows(tried(TWO), cluster=objects("n1"))
    assert (row.expected, row.because) == (Handling.DROP, HandlingBecause.NO_LOCAL_ENDPOINT)
    assert is_unreached((row,))
    (row,) = rows(OPEN, cluster=objects("n1"))
    assert row.expected is Handling.SERVE
    (row,) = rows(OPEN)
    assert row.expected is None


@pytest.mark.parametrize("why", NotAsked)
def test_what_was_not_asked_is_a_doubt_only_where_this_host_is_the_reason(why) -> None:
    skip = ReachSkip(ip=IP, service="web/nginx", port=80, interface="eth0", mac=ONE, why=why)
    found = rows(skips=(skip,))
    assert [(row.result, row.why, row.tries) for row in found] == [(ReachResult.NOT_ASKED, why, 0)]
    of_service = (NotAsked.NO_SERVICE, NotAsked.NO_TCP_PORT, NotAsked.SOURCE_RANGES, NotAsked.OWN_MAC, NotAsked.GROUP_MAC)
    assert is_unreached(found) == (why not in of_service)


def test_a_try_that_could_not_be_repeated_is_one_row() -> None:
    skip = ReachSkip(ip=IP, service="web/nginx", port=80, interface="eth0", mac=ONE, why=NotAsked.SEND_FAILED)
    (row,) = rows(tried(ONE, times=1), skips=(skip,))
    assert (row.result, row.doubt) == (ReachResult.NO_ANSWER, ReachDoubt.TOO_FEW_TRIES)


def test_without_the_option_there_is_nothing() -> None:
    assert reach_rows(evidence(), context()) == {}


def test_rows_are_told_apart_by_port() -> None:
    found = rows(OPEN, tried(TWO), tried(TWO, port=443))
    assert {port: len(several) for (_, port), several in by_port(found).items()} == {80: 2, 443: 1}
    assert all(row.text for row in found)
    assert replace(found[0], text="") != found[0]
