"""Whose MAC answered, on the probed segment, for a node's own address.

Needs: Nodes and Services, and that the node's kernel answers on this segment
On by default: yes
Gives: the MAC of the node's NIC on the probed segment, a second NIC without an address included; no name of the NIC"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address

from arpcheck.evidence import Evidence
from arpcheck.mac_owners.addresses import NEEDS as NEEDS
from arpcheck.mac_owners.addresses import extra_addresses, service_addresses, status_addresses
from arpcheck.mac_owners.devices import proxies, unsure
from arpcheck.mac_owners.elimination import Heard, Listing, owners
from arpcheck.mac_owners.nics import is_station
from arpcheck.mac_owners.own import held
from arpcheck.mac_owners.own_word import own_words
from arpcheck.mac_owners.pod_networks import overlays
from arpcheck.mac_owners.vendor import is_virtual_router
from arpcheck.model import Identity, Mac, SourceRank

NAME = "node-ip"

MOST_NICS = 8
"""MACs that may answer for one node's address, by ARP flux. A crowd of more is forged, and none of it is the node's."""


def identities(evidence: Evidence) -> Iterable[Identity]:
    """One for every MAC and interface of the prober; what was heard on one segment says nothing of another."""
    status, extra, shared = _listings(evidence)
    listed = {**status, **extra, **shared}
    down = {node.name for node in evidence.objects.nodes() if node.ready is False}
    for interface, answers in _heard(evidence, frozenset(listed)).items():
        heard = own_words(evidence, interface, answers, listed)
        answered: dict[Mac, list[IPv4Address]] = {}
        for ip in sorted(heard):
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
    """The nodes' own addresses: of the status, of annotations, and those of the status that are also a Service's.

    What this host has itself is left out: it can't hear its own answer, so any other that comes is not that node's.
    Where the Services could not be read, any address could be one's."""
    here = held(evidence.host)
    services = service_addresses(evidence.objects)
    unread = evidence.objects.gap("services") is not None
    listed = {ip: nodes for ip, nodes in status_addresses(evidence.objects).items() if ip not in here}
    shared = {ip: nodes for ip, nodes in listed.items() if unread or ip in services}
    status = {ip: nodes for ip, nodes in listed.items() if ip not in shared}
    extra = {ip: nodes for ip, nodes in extra_addresses(evidence.objects).items() if ip not in here}
    return status, extra, shared


def _heard(evidence: Evidence, listed: frozenset[IPv4Address]) -> Mapping[str, Heard]:
    """By interface of the prober and address: the MACs that answered and could be one node's.

    An address for which more replies came than could be kept or trusted proves nothing: somebody forges them."""
    nobodys, proxying = _nobodys(evidence), proxies(evidence)
    replies = evidence.by_address()
    found: dict[str, dict[IPv4Address, set[Mac]]] = {}
    for ip in listed - {overflow.ip for overflow in evidence.overflows}:
        for reply in replies.get(ip, ()):
            if (reply.interface, reply.mac, reply.sender) in proxying or reply.mac in nobodys:
                continue
            if is_station(reply.mac) and not is_virtual_router(reply.mac):
                found.setdefault(reply.interface, {}).setdefault(ip, set()).add(reply.mac)
    return {interface: {ip: frozenset(macs) for ip, macs in answers.items()} for interface, answers in found.items()}


def _nobodys(evidence: Evidence) -> frozenset[Mac]:
    """MACs whose answers prove nothing: what may be a proxy, tunnels, and the prober's own."""
    own = {interface.mac for interface in evidence.host.interfaces if interface.mac}
    return unsure(evidence) | overlays(evidence.objects).keys() | own
