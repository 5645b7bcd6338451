"""The MAC address that replied for a node's own address on the probed segment.

Needs: Nodes and Services, and that the node's kernel replies on this segment
On by default: yes
Gives: the MAC address of the node's NIC on the probed segment, also of a second NIC without an address; not its name"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set

from arpcheck.evidence import Evidence
from arpcheck.mac_owners.addresses import NEEDS as NEEDS
from arpcheck.mac_owners.addresses import extra_addresses, is_station, service_addresses, status_addresses
from arpcheck.mac_owners.devices import is_virtual_router, overlays, proxies, unsure
from arpcheck.mac_owners.own import held
from arpcheck.model import Address, Identity, Mac, SourceRank, order

NAME = "node-ip"

MOST_NICS = 8
"""MAC addresses that may reply for one node's address, by ARP flux. If there are more, they are forged and ignored."""


def identities(evidence: Evidence) -> Iterable[Identity]:
    """One for each MAC address and interface of the prober, since a reply on one segment proves nothing for another."""
    status, extra, shared = _listings(evidence)
    listed = {**status, **extra, **shared}
    down = {node.name for node in evidence.objects.nodes() if node.ready is False}
    for interface, answers in _observed(evidence, frozenset(listed)).items():
        heard = own_words(evidence, interface, answers, listed)
        answered: dict[Mac, list[Address]] = {}
        for ip in sorted(heard, key=order):
            for mac in heard[ip]:
                answered.setdefault(mac, []).append(ip)
        found = owners(heard, status, extra, shared, down)
        many = {node for node, macs in Counter(found.values()).items() if macs > MOST_NICS}
        for mac, node in found.items():
            if node in many:
                continue
            yield Identity(
                mac=mac, node=node, source=NAME, detail=", ".join(str(ip) for ip in answered[mac] if node in listed[ip]),
                interface=interface, observed_at=evidence.started_at, rank=SourceRank.WIRE,
            )  # fmt: skip


def _listings(evidence: Evidence) -> tuple[Listing, Listing, Listing]:
    """The nodes' own addresses: from the status, from annotations, and those of the status that are also a Service's.

    Addresses of this host are left out: it does not receive its own replies, so any reply is from another host. If the
    Services could not be read, any address may be a Service's."""
    here = held(evidence.host)
    services = service_addresses(evidence.objects)
    unread = evidence.objects.gap("services") is not None
    listed = {ip: nodes for ip, nodes in status_addresses(evidence.objects).items() if ip not in here}
    shared = {ip: nodes for ip, nodes in listed.items() if unread or ip in services}
    status = {ip: nodes for ip, nodes in listed.items() if ip not in shared}
    extra = {ip: nodes for ip, nodes in extra_addresses(evidence.objects).items() if ip not in here}
    return status, extra, shared


def _observed(evidence: Evidence, listed: frozenset[Address]) -> Mapping[str, Heard]:
    """By interface of the prober and address: the MAC addresses that replied and could be a node's.

    An address with more replies than can be kept or trusted proves nothing, since the replies are forged."""
    nobodys, proxying = _nobodys(evidence), proxies(evidence)
    replies = evidence.by_address()
    found: dict[str, dict[Address, set[Mac]]] = {}
    for ip in listed - {overflow.ip for overflow in evidence.overflows}:
        for reply in replies.get(ip, ()):
            if (reply.interface, reply.mac, reply.sender) in proxying or reply.mac in nobodys:
                continue
            if is_station(reply.mac) and not is_virtual_router(reply.mac):
                found.setdefault(reply.interface, {}).setdefault(ip, set()).add(reply.mac)
    return {interface: {ip: frozenset(macs) for ip, macs in answers.items()} for interface, answers in found.items()}


def _nobodys(evidence: Evidence) -> frozenset[Mac]:
    """MAC addresses whose replies prove nothing: possible proxies, tunnels, and the prober's own."""
    own = {interface.mac for interface in evidence.host.interfaces if interface.mac}
    return unsure(evidence) | overlays(evidence.objects).keys() | own


TWICE = 2


def own_words(evidence: Evidence, interface: str, heard: Heard, listed: Listing) -> Heard:
    """The replies without those that another host sent with a node's MAC address. `listed`: the nodes' own addresses."""
    if any(loss.interface == interface for loss in evidence.losses):
        return heard
    alone = ((q.to, q.ip) for q in evidence.questions if q.to and q.interface == interface)
    asked: Counter[tuple[Mac, Address]] = Counter(alone)
    replies = evidence.by_address()
    said = {(r.mac, ip) for ip in heard for r in replies.get(ip, ()) if r.to == r.mac and r.interface == interface}
    strict = _strict(evidence, interface, asked, listed)
    answers: dict[Mac, set[Address]] = {}
    for ip, macs in heard.items():
        for mac in macs & strict:
            answers.setdefault(mac, set()).add(ip)
    borrowed = {
        (mac, ip)
        for mac, ips in answers.items()
        for own in [{ip for ip in ips if (mac, ip) in said}]
        if all(asked[mac, ip] >= TWICE for ip in ips) and len({listed[ip] for ip in own}) == 1
        for ip in ips - own
    }
    return {ip: frozenset(mac for mac in macs if (mac, ip) not in borrowed) for ip, macs in heard.items()}


def _strict(evidence: Evidence, interface: str, asked: Counter[tuple[Mac, Address]], listed: Listing) -> frozenset[Mac]:
    """The MAC addresses that got unicast requests for a Service address that is not a node's, and never replied."""
    held = service_addresses(evidence.objects) - listed.keys()
    alone = {ip for _, ip in asked} & held
    replies = evidence.by_address()
    answered = {reply.mac for ip in alone for reply in replies.get(ip, ()) if reply.interface == interface}
    return frozenset(mac for mac, ip in asked if ip in alone) - answered


# --------------------------------------------------------------------------------------------- The owner rule of one segment

Heard = Mapping[Address, frozenset[Mac]]
"""By address: the MAC addresses that replied for it."""
Listing = Mapping[Address, frozenset[str]]
"""By address: the nodes that have it."""


def owners(
    heard: Heard, status: Listing, extra: Listing, shared: Listing, down: Set[str] = frozenset()
) -> Mapping[Mac, str]:
    """The node of each MAC address that has one. `shared`: the nodes' own addresses that are also a Service's; `down`: the
    nodes that are not Ready.

    A MAC address that replied for one node's addresses is that node's. If it replied for several nodes, it belongs to the
    node for which no other MAC address replied, or, of several such nodes, to the one that is not down; else to none. A
    shared address counts only if one MAC address remains for it without those known to be other nodes'."""
    found: dict[Mac, str | None] = {}
    answered: dict[str, set[Mac]] = {}
    for listing in (status, extra):
        _hear(answered, heard, listing)
        found.update(_credit(answered, found, down))
    while True:
        usable = {ip: left for ip in shared if len(left := _left(heard.get(ip, frozenset()), shared[ip], found)) == 1}
        clearer = {node: set(macs) for node, macs in answered.items()}
        _hear(clearer, usable, shared)
        if not (more := _credit(clearer, found, down)):
            return {mac: node for mac, node in found.items() if node is not None}
        found.update(more)


def _hear(answered: dict[str, set[Mac]], heard: Heard, listing: Listing) -> None:
    for ip in listing.keys() & heard.keys():
        for node in listing[ip]:
            answered.setdefault(node, set()).update(heard[ip])


def _left(macs: Iterable[Mac], nodes: frozenset[str], found: Mapping[Mac, str | None]) -> frozenset[Mac]:
    """The MAC addresses that replied, without those known to be other nodes'."""
    return frozenset(mac for mac in macs if (node := found.get(mac)) is None or node in nodes)


def _credit(answered: Mapping[str, set[Mac]], settled: Mapping[Mac, str | None], down: Set[str]) -> Mapping[Mac, str | None]:
    """The node of each MAC address that is not settled yet; None if it could be several nodes'."""
    nodes: dict[Mac, list[str]] = {}
    for node, macs in answered.items():
        for mac in macs:
            if mac not in settled:
                nodes.setdefault(mac, []).append(node)
    return {mac: _one(mac, names, answered, down) for mac, names in nodes.items()}


def _one(mac: Mac, nodes: list[str], answered: Mapping[str, set[Mac]], down: Set[str]) -> str | None:
    alone = nodes if len(nodes) == 1 else [node for node in nodes if answered[node] == {mac}]
    if len(alone) > 1:
        alone = [node for node in alone if node not in down]
    return alone[0] if len(alone) == 1 else None
