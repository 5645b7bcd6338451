"""What a MAC said when it was asked alone, where the broadcast answers in its name are for several nodes' addresses.

A switch that suppresses ARP answers a broadcast from its table, which may be old; a unicast question goes to the station.
So an answer in the name of a MAC that the MAC itself does not repeat is set aside, where all this holds:

1. it was asked alone, at least twice, for every node's address that was answered in its name on this interface.
2. it repeated some of them, and those are one node's alone: the station is there and hears such questions.
3. it was asked alone for a Service address that is no node's (the canary) and never answered that: its kernel is
   strict, so what it repeats is not merely held. One without strict ARP repeats everything it holds (net/ipv4/arp.c,
   arp_process), and proves nothing.
4. no frame was lost on this interface."""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv4Address

from arpcheck.evidence import Evidence
from arpcheck.mac_owners.addresses import service_addresses
from arpcheck.mac_owners.elimination import Heard, Listing
from arpcheck.model import Mac

TWICE = 2


def own_words(evidence: Evidence, interface: str, heard: Heard, listed: Listing) -> Heard:
    """What was heard without the answers that others gave in a MAC's name. `listed`: the nodes' own addresses."""
    if any(loss.interface == interface for loss in evidence.losses):
        return heard
    alone = ((q.to, q.ip) for q in evidence.questions if q.to and q.interface == interface)
    asked: Counter[tuple[Mac, IPv4Address]] = Counter(alone)
    replies = evidence.by_address()
    said = {(r.mac, ip) for ip in heard for r in replies.get(ip, ()) if r.to == r.mac and r.interface == interface}
    strict = _strict(evidence, interface, asked, listed)
    answers: dict[Mac, set[IPv4Address]] = {}
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


def _strict(
    evidence: Evidence, interface: str, asked: Counter[tuple[Mac, IPv4Address]], listed: Listing
) -> frozenset[Mac]:
    """The MACs that were asked alone for a Service address that is no node's and never answered one."""
    held = service_addresses(evidence.objects) - listed.keys()
    alone = {ip for _, ip in asked} & held
    replies = evidence.by_address()
    answered = {reply.mac for ip in alone for reply in replies.get(ip, ()) if reply.interface == interface}
    return frozenset(mac for mac, ip in asked if ip in alone) - answered
