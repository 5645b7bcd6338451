"""What each kind of responder answers to each form of a solicitation, as it was measured: the kernel, MetalLB's speaker (with
the kernel beneath it), and Cilium by its code. The simulation and the lab on the kernel are both held against it."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv6Address

from arpcheck.lab.advertising import (
    ADVERTISEMENT,
    ALL_NODES,
    UNSPECIFIED,
    NeighbourMessage,
    group_mac,
    question,
)
from arpcheck.lab.answering import BROADCAST
from arpcheck.model import Mac, Request
from arpcheck.wire import neighbour_discovery

ASKER = Mac("02:02:00:00:01:00")
ASKER_LL, ASKER_GLOBAL = IPv6Address("fe80::2:ff:fe00:100"), IPv6Address("2001:db8:10::5")
ANYCAST = IPv6Address("2001:db8:10::")
STRANGER = IPv6Address("fe80::77")
"""Whom no node knows from an earlier question."""

SCENE = """
[hosts.client]
addresses = ["10.0.0.5", "2001:db8:10::5", "2001:db8:77::5/64"]
[nodes.worker-1]
addresses = ["10.0.0.11", "2001:db8:10::11", "2001:db8:10::50/128"]
[nodes.worker-2]
[nodes.worker-3]
[nodes.worker-4]
[nodes.worker-5]
addresses = ["10.0.0.15", "2001:db8:10::15", "2001:db8:10::54/128"]
sysctl6 = { forwarding = 0 }
[nodes.worker-6]
proxied = "2001:db8:10::55"
sysctl6 = { proxy_ndp = 1 }
[nodes.worker-7]
held = "2001:db8:10::56"
[[announcers]]
at = "worker-2"
ips = "2001:db8:10::51"
[[announcers]]
at = "worker-3"
ips = "2001:db8:10::52"
kind = "cilium"
[[announcers]]
at = "worker-4"
ips = "2001:db8:10::53"
lost_group = true
"""


def address(last: str) -> IPv6Address:
    return IPv6Address(f"2001:db8:10::{last}")


def node(number: int) -> Mac:
    return Mac(f"02:01:00:00:{number:02x}:00")


def link_local(number: int) -> IPv6Address:
    return IPv6Address(f"fe80::1:ff:fe00:{number:x}00")


def wrong_checksum(frame: bytes) -> bytes:
    return frame[:57] + bytes((frame[57] ^ 1,)) + frame[58:]


def hop_by_hop(frame: bytes) -> bytes:
    length = int.from_bytes(frame[18:20], "big") + 8
    return frame[:18] + length.to_bytes(2, "big") + b"\0" + frame[21:54] + b"\x3a\0\1\4" + bytes(4) + frame[54:]


def by_the_wire(target: IPv6Address, **changed: object) -> bytes:
    """As arpcheck itself asks."""
    asked = {"interface": "eth0", "ip": target, "sender": ASKER_LL, **changed}
    return neighbour_discovery.encode(Request(**asked), ASKER)


def forms(target: IPv6Address, number: int) -> dict[str, bytes]:
    """`number`: of the node that may answer."""
    plain: NeighbourMessage = question(ASKER, ASKER_LL, target)
    mac = node(number)
    made = {
        "group": by_the_wire(target),
        "group, global source": by_the_wire(target, sender=ASKER_GLOBAL),
        "all nodes": by_the_wire(target, destination=ALL_NODES),
        "group in unicast": by_the_wire(target, to=mac),
        "target": by_the_wire(target, to=mac, destination=target),
        "link-local address": by_the_wire(target, to=mac, destination=link_local(number)),
        "global address": by_the_wire(target, to=mac, destination=address(f"1{number}")),
        "group in broadcast": plain._replace(destination=BROADCAST),
        "group in the frame of all nodes": plain._replace(destination=group_mac(ALL_NODES)),
        "no option": plain._replace(option=None, source_ip=STRANGER),
        "no option, known asker": plain._replace(option=None),
        "duplicate check": plain._replace(source_ip=UNSPECIFIED, option=None),
        "duplicate check with an option": plain._replace(source_ip=UNSPECIFIED),
        "hop limit": plain._replace(hop_limit=64),
        "code": plain._replace(code=1),
        "source is the target": plain._replace(source_ip=target),
        "source of nobody": plain._replace(source_ip=address("99")),
        "source of another network": plain._replace(source_ip=IPv6Address("2001:db8:77::5")),
        "to another MAC": plain._replace(destination=Mac("02:0f:00:00:00:07")),
    }
    made |= {"checksum": wrong_checksum(plain.encode()), "hop-by-hop header": hop_by_hop(plain.encode())}
    return {name: frame if isinstance(frame, bytes) else frame.encode() for name, frame in made.items()}


GROUPS = ("group", "group, global source", "all nodes", "group in unicast")
TRICKS = ("group in broadcast", "group in the frame of all nodes", "hop-by-hop header")
INVENTED = ("source is the target", "source of nobody", "source of another network")
DIRECT = ("target", "link-local address", "global address")

KERNEL = dict.fromkeys((*GROUPS, *TRICKS, *INVENTED), "RSO target +") | dict.fromkeys(DIRECT, "RS target")
KERNEL |= {"duplicate check": "RO target + to all"}
HOST = {form: answer.replace("R", "") for form, answer in KERNEL.items()}
METALLB = dict.fromkeys((*GROUPS, *TRICKS, "link-local address", "hop limit", "code"), "S link-local +")
CILIUM = dict.fromkeys(("group", "group, global source", "group in unicast", *INVENTED), "SO target +")
CILIUM |= dict.fromkeys(("target", "link-local address", "global address"), "SO target +")
WITHOUT_GROUP = dict.fromkeys(("all nodes", "link-local address"), "S link-local +")
PROXY = dict.fromkeys(("group", "all nodes", "group in unicast"), "S link-local +")
NOT_OF_A_PROXY = ("group, global source", *TRICKS, *INVENTED, *DIRECT, "code", "checksum")
NOT_OF_A_PROXY += ("duplicate check with an option", "no option, known asker")

ROWS = {
    "kernel that forwards": (address("50"), 1, KERNEL, ("no option, known asker",)),
    "kernel that does not": (address("54"), 5, HOST, ("no option, known asker",)),
    "MetalLB": (address("51"), 2, METALLB, ()),
    "MetalLB that lost its group": (address("53"), 4, WITHOUT_GROUP, ()),
    # Whether it looks at hop limit, code and other headers is not known.
    "Cilium": (address("52"), 3, CILIUM, ("hop limit", "code", "hop-by-hop header")),
    # It may take its time, so only some are asked. Which of its addresses it answers from, the kernel chooses by the asker's.
    "proxy": (address("55"), 6, PROXY | {"duplicate check": "- link-local + to all"}, NOT_OF_A_PROXY),
    "held on kube-ipvs0": (address("56"), 7, {}, ()),
    "nobody's": (address("57"), 2, {}, ()),
}
"""The address, the node that may answer, what it answers to each form (nothing to the others), and forms that are left out."""


def read(message: NeighbourMessage, number: int) -> str:
    """Of an advertisement: flags, source, `+` where it has the option, and whether all got it."""
    flags = "".join(letter for letter, bit in zip("RSO", (0x80, 0x40, 0x20), strict=True) if message.flags & bit) or "-"
    sources = {message.target: "target", link_local(number): "link-local"}
    source = sources.get(message.source_ip, str(message.source_ip))
    option = {None: "", node(number): " +"}.get(message.option, f" {message.option}")
    everybody = " to all" if message.destination_ip == ALL_NODES else ""
    assert message.source == node(number)
    assert message.destination == (group_mac(ALL_NODES) if everybody else ASKER)
    return f"{flags} {source}{option}{everybody}"


def answers(
    asked: dict[str, bytes], target: IPv6Address, number: int, seen: Iterable[tuple[int, NeighbourMessage]]
) -> dict[str, str]:
    """By form. `seen`: the number of the question, and what came for it; a host of the LAN may ask on its own account."""
    found: dict[str, str] = {}
    for question_number, message in seen:
        form, frame = list(asked.items())[question_number]
        to = IPv6Address(frame[22:38])
        if message.kind == ADVERTISEMENT and message.target == target and message.destination_ip in (to, ALL_NODES):
            assert form not in found, f"two answers to {form}"
            found[form] = read(message, number)
    return found
