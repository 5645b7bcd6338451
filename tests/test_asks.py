"""planning: on which interfaces an address is requested, with which sender."""

from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest
from simulated.probe_options import options
from simulated.wire import scene_host

from arpcheck import pipeline
from arpcheck.errors import UsageError
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.model import Interface, Kind, Mac, Target
from arpcheck.pipeline.planning import requests

VIP, NODE, FAR, CANARY, CONTROL = (
    IPv4Address(ip) for ip in ("10.0.0.50", "10.0.0.11", "172.16.0.11", "10.96.0.1", "192.0.2.1")
)
ETH0 = Interface(name="eth0", mac=Mac("02:00:00:00:00:05"), addresses=("10.0.0.5/24",))
ETH1 = Interface(name="eth1", mac=Mac("02:00:00:00:00:06"), addresses=("10.0.1.5/24",))
HOLDER = Interface(name="eth0", mac=Mac("02:00:00:00:00:05"), addresses=("10.0.0.50/24",))
BARE = Interface(name="eth2", mac=Mac("02:00:00:00:00:07"), addresses=())


def put(*targets, interfaces=(ETH0,), sender="auto", services=(), home=(), both=False):
    return [
        (a.interface, str(a.ip), str(a.sender))
        for a in requests(targets, interfaces, sender, services, home=home, both=both)
    ]


def vip(ip=VIP, **rest):
    return Target(ip=ip, kind=Kind.LOAD_BALANCER, services=("web/a",), **rest)


def test_a_service_is_asked_as_a_client_would():
    assert put(vip()) == [("eth0", "10.0.0.50", "10.0.0.5")]


def test_both_senders_where_that_is_wanted_and_no_sender_is_named():
    assert put(vip(), both=True) == [("eth0", "10.0.0.50", "0.0.0.0"), ("eth0", "10.0.0.50", "10.0.0.5")]
    assert put(vip(FAR), both=True) == [("eth0", "172.16.0.11", "0.0.0.0"), ("eth0", "172.16.0.11", "10.0.0.5")]
    assert put(vip(), both=True, sender="own") == [("eth0", "10.0.0.50", "10.0.0.5")]


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        pytest.param(
            "auto", ["0.0.0.0", "10.0.0.5"], id="auto: a proxy answers the second alone, a strict rp_filter the first"
        ),
        pytest.param("own", ["10.0.0.5"], id="own"),
        pytest.param("zero", ["0.0.0.0"], id="zero"),
        pytest.param("10.0.0.5", ["10.0.0.5"], id="an address"),
    ],
)
def test_the_sender_for_an_address_in_no_subnet_of_ours(sender, expected):
    assert put(vip(FAR), sender=sender) == [("eth0", "172.16.0.11", own) for own in expected]
    assert put(vip(FAR), interfaces=(BARE,)) == [("eth2", "172.16.0.11", "0.0.0.0")]


def test_an_address_is_asked_where_its_subnet_is_else_everywhere():
    assert put(vip(), interfaces=(ETH0, ETH1)) == [("eth0", "10.0.0.50", "10.0.0.5")]
    assert put(vip(FAR), interfaces=(ETH0, ETH1)) == [
        ("eth0", "172.16.0.11", "0.0.0.0"), ("eth0", "172.16.0.11", "10.0.0.5"),
        ("eth1", "172.16.0.11", "0.0.0.0"), ("eth1", "172.16.0.11", "10.0.1.5"),
    ]  # fmt: skip


def test_the_canary_is_asked_with_both_senders_on_every_interface():
    canary = Target(ip=CANARY, kind=Kind.CANARY)
    assert put(canary, interfaces=(ETH0, BARE)) == [
        ("eth0", "10.96.0.1", "0.0.0.0"), ("eth0", "10.96.0.1", "10.0.0.5"), ("eth2", "10.96.0.1", "0.0.0.0"),
    ]  # fmt: skip


def test_a_node_elsewhere_is_asked_with_zero_alone_since_a_router_would_answer_for_it():
    assert put(Target(ip=NODE, kind=Kind.NODE, nodes=("n",))) == [
        ("eth0", "10.0.0.11", "0.0.0.0"), ("eth0", "10.0.0.11", "10.0.0.5"),
    ]  # fmt: skip
    assert put(Target(ip=FAR, kind=Kind.NODE, nodes=("n",)), sender="own") == [("eth0", "172.16.0.11", "0.0.0.0")]


def test_a_service_address_that_is_a_nodes_is_asked_as_both():
    assert put(vip(NODE, nodes=("n",)), interfaces=(ETH0, ETH1)) == [
        ("eth0", "10.0.0.11", "0.0.0.0"), ("eth0", "10.0.0.11", "10.0.0.5"),
        ("eth1", "10.0.0.11", "0.0.0.0"), ("eth1", "10.0.0.11", "10.0.1.5"),
    ]  # fmt: skip


def test_the_control_is_asked_with_every_sender_that_is_used():
    targets = (vip(), vip(FAR), Target(ip=CONTROL, kind=Kind.CONTROL))
    controls = [ask for ask in put(*targets, interfaces=(ETH0, ETH1)) if ask[1] == "192.0.2.1"]
    assert sorted(controls) == [
        ("eth0", "192.0.2.1", "0.0.0.0"), ("eth0", "192.0.2.1", "10.0.0.5"),
        ("eth1", "192.0.2.1", "0.0.0.0"), ("eth1", "192.0.2.1", "10.0.1.5"),
    ]  # fmt: skip


def test_with_zero_nothing_is_asked_with_an_own_address():
    kinds = {CANARY: Kind.CANARY, NODE: Kind.NODE, CONTROL: Kind.CONTROL}
    knowledge = [Target(ip=ip, kind=kind) for ip, kind in kinds.items()]
    assert {sender for *_, sender in put(vip(), *knowledge, sender="zero")} == {"0.0.0.0"}


def test_a_services_address_is_never_a_sender():
    holder = Interface(name="eth0", mac=ETH0.mac, addresses=("10.0.0.50/24", "10.0.0.5/24", "10.0.0.60/32"))
    assert put(vip(), interfaces=(holder,)) == [("eth0", "10.0.0.50", "10.0.0.5")]
    only = Interface(name="eth0", mac=ETH0.mac, addresses=("10.0.0.60/24",))
    assert put(vip(), interfaces=(only,), services=(IPv4Address("10.0.0.60"),)) == [("eth0", "10.0.0.50", "0.0.0.0")]
    home = Interface(name="eth0", mac=ETH0.mac, addresses=("10.0.0.60/24", "10.0.0.70/24"))
    both = IPv4Address("10.0.0.60"), IPv4Address("10.0.0.70")
    assert put(vip(), interfaces=(home,), services=both, home=both[:1]) == [("eth0", "10.0.0.50", "10.0.0.60")], (
        "but this node's own"
    )


@pytest.mark.parametrize(
    ("first", "ips", "senders"),
    [
        pytest.param("", ["10.0.0.11", "10.0.0.12"], {"0.0.0.0", "10.0.0.11"}, id="k3s ServiceLB hands out the node's one address"),
        pytest.param(
            'addresses = ["10.0.0.11", "10.0.0.50/32"], internal_ips = ["10.0.0.11", "10.0.0.50"]', ["10.0.0.11", "10.0.0.50"],
            {"0.0.0.0"}, id="it lists an address that moves too: which is which, nothing says",
        ),
        pytest.param('addresses = ["10.0.0.50"], internal_ips = "10.0.0.11"', ["10.0.0.50"], {"0.0.0.0"}, id="it merely holds one"),
    ],
)  # fmt: skip
def test_the_one_address_of_the_node_that_asks_is_a_sender_although_a_service_has_it(first, ips, senders):
    scene = scene_file.parse(
        f"""title = "x"\nabout = "Made by a test."\n[nodes]\nworker-1 = {{ {first} }}\nworker-2 = {{}}\n[prober]\nat = "worker-1"
        [[services]]\nname = "web/nginx"\nips = {ips}\nannotations = {{}}""",
        "x",
    )
    objects = cluster_objects.objects(scene, datetime(2026, 3, 1, tzinfo=UTC), pipeline.NEEDS)
    asked = pipeline.plan(options(scene), objects, scene_host(scene)).requests
    assert {str(ask.sender) for ask in asked} == senders


def test_our_own_address_is_never_asked_with_itself():
    own = Target(ip=IPv4Address("10.0.0.5"), kind=Kind.NODE, nodes=("me",))
    assert put(own) == [("eth0", "10.0.0.5", "0.0.0.0")]


@pytest.mark.parametrize(
    ("interface", "sender", "words"),
    [
        pytest.param(ETH0, "10.0.0.99", "eth0 does not have this address", id="another host's"),
        pytest.param(ETH0, "somebody", "not an IPv4 address", id="rubbish"),
        pytest.param(HOLDER, "10.0.0.50", "Service's", id="a target"),
        pytest.param(BARE, "own", "has no address that can be the sender", id="none to ask with"),
    ],
)
def test_a_sender_that_would_do_harm_is_refused(interface, sender, words):
    with pytest.raises(UsageError, match=words):
        put(vip(), interfaces=(interface,), sender=sender)


def test_what_is_not_to_be_asked_is_not_asked():
    assert put(vip(skipped="IPv6")) == []
