"""The same questions to the simulation and to the kernel that runs this: the same stations must answer both."""

import json
from collections import Counter
from ipaddress import IPv4Address

import pytest
from lab_questions import HEAD, put
from simulated.wire import SimulatedWire

from arpcheck.lab import answering, scene_file
from arpcheck.model import Mac

pytestmark = pytest.mark.lab

SENDERS = {
    "0.0.0.0": "an ARP Probe",
    "10.0.0.5": "on the LAN",
    "198.51.100.9": "in no subnet of theirs",
    "172.16.0.9": "in the subnet of another NIC of some",
    "10.0.0.50": "on their kube-ipvs0",
    "127.0.0.1": "a loopback",
    "255.255.255.255": "everybody",
    "224.0.0.1": "a group",
}

BOTH = [(1, 2), (2, 1), (1, 3), (3, 1), (1, 4), (1, 8), (8, 1)]
ARP_IGNORE = [(0, n) for n in range(10)] + [(n, 0) for n in (1, 2, 3, 8)] + BOTH
"""For all interfaces and for the one that is asked."""

HERE, ELSEWHERE = 'default = "eth0"', 'default = "eth1"'
UPLINK = 'nics.eth1 = { lan = "uplink", addresses = "172.16.0.%d" }'
SECOND = "nics.eth1 = {}"
"""A NIC without an address on the same LAN."""

TABLE = [
    *({"station": {"arp_ignore": a}, "nic": {"arp_ignore": n}} for a, n in ARP_IGNORE),
    *({"nic": {"arp_ignore": n}, "more": ["10.0.0.51/32", "10.0.7.1/24"]} for n in (0, 1, 2, 3, 8)),
    *({"nic": {"rp_filter": n}} for n in (1, 2)),
    *({"station": {"rp_filter": n}, "routes": HERE} for n in (0, 1, 2)),
    *({"nic": {"rp_filter": n}, "routes": ELSEWHERE, "nics": UPLINK} for n in (0, 1, 2)),
    *({"nic": {"rp_filter": n}, "nics": UPLINK} for n in (0, 1, 2)),
    *({"station": {"rp_filter": n}, "nics": SECOND} for n in (0, 1, 2)),
    {"station": {"arp_ignore": 1}, "nics": SECOND},
    {"station": {"arp_filter": 1}},
    {"nic": {"arp_filter": 1}, "routes": HERE},
    {"nic": {"arp_filter": 1}, "routes": ELSEWHERE, "nics": UPLINK},
    {"station": {"forwarding": 1}, "nic": {"proxy_arp": 1}, "routes": ELSEWHERE, "nics": UPLINK},
    {"station": {"forwarding": 0}, "nic": {"proxy_arp": 1}, "routes": ELSEWHERE, "nics": UPLINK},
    {"station": {"forwarding": 1}, "nic": {"proxy_arp": 0}, "routes": ELSEWHERE, "nics": UPLINK},
    {"station": {"forwarding": 1, "proxy_arp": 1, "rp_filter": 1}, "routes": ELSEWHERE, "nics": UPLINK},
    {"station": {"forwarding": 1, "proxy_arp": 1, "arp_ignore": 1}, "routes": HERE},
    {"station": {"forwarding": 1, "proxy_arp": 1}, "routes": '"10.0.0.200/32" = "eth1"', "nics": UPLINK},
]
"""What decides about an answer, in every combination that makes a difference; a station each."""

FIRST = 21
"""The first station is 10.0.0.21."""

SCENE = """
services = []
lans = { lan = "10.0.0.0/24", uplink = "172.16.0.0/24" }
[nodes]
[hosts.client]
addresses = "10.0.0.5"
"""

TARGETS = ["10.96.0.1", "10.0.0.50", "10.0.0.51", "10.0.7.1", "192.0.2.1", "10.0.0.200", "10.0.0.201", "127.0.0.1"]


def station(number, *, station=None, nic=None, nics="", routes="", more=()):
    """A host that holds Service addresses, 10.0.0.NUMBER and `more` on its NIC."""
    return f"""
[hosts.h{number}]
held = ["10.96.0.1", "10.0.0.50"]
sysctl = {inline(station)}
routes = {{ {routes} }}
nics.eth0 = {{ addresses = {json.dumps([f"10.0.0.{number}", *more])}, sysctl = {inline(nic)} }}
{nics % number if "%" in nics else nics}
"""


def inline(values):
    return f"{{ {', '.join(f'{key} = {value}' for key, value in (values or {}).items())} }}"


TOML = SCENE + "".join(station(number, **row) for number, row in enumerate(TABLE, FIRST))


def questions(to=None):
    own = [f"10.0.0.{number}" for number in range(FIRST, FIRST + len(TABLE))]
    return [("eth0", target, sender, to) for target in (*TARGETS, *own) for sender in SENDERS]


def heard_on_kernel(asked):
    return Counter(key(heard.packet) for heard in put(TOML, asked, mode="together", wait=1.0))


def heard_in_simulation(asked):
    scene = scene_file.parse(HEAD + TOML, "table")
    wire, mac = SimulatedWire(scene), scene.station("client").nics[0].mac
    for nic, target, sender, to in asked:
        packet = answering.question(mac, IPv4Address(sender), IPv4Address(target), to=Mac(to) if to else answering.BROADCAST)
        wire.send(nic, packet.encode())
    return Counter(key(answering.decode(arrival.frame)) for arrival in drained(wire))


def drained(wire):
    while arrivals := wire.receive(wire.now() + 10):
        yield from arrivals


def key(packet):
    return str(packet.sender_ip), SENDERS[str(packet.target_ip)], str(packet.sender_mac)


def test_broadcast():
    kernel, simulation = heard_on_kernel(questions()), heard_in_simulation(questions())
    assert kernel - simulation == Counter()
    assert simulation - kernel == Counter()
    assert len(kernel) > 400


@pytest.mark.parametrize("to", [Mac("02:02:00:00:02:00"), Mac("02:02:00:00:2e:00"), Mac("02:0f:00:00:00:01")])
def test_unicast(to):
    assert heard_on_kernel(questions(to)) == heard_in_simulation(questions(to))
