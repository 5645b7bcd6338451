"""MACs that answer for what they do not own: proxies. They own nothing and prove nothing.

Knows what was asked and answered; a Linux proxy answers after a route look-up, which a sender of 0.0.0.0 never reaches
(net/ipv4/arp.c, arp_process: "Special case: IPv4 duplicate address detection packet")."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from arpcheck.evidence import Evidence
from arpcheck.mac_owners.addresses import extra_addresses, service_addresses, status_addresses
from arpcheck.model import Mac
from arpcheck.targets import CONTROLS

ZERO = IPv4Address(0)


Proxying = tuple[str, Mac, IPv4Address]
"""An interface of the prober, a MAC that was heard there, and the sender to whom it answers for what it does not own."""


def proxies(evidence: Evidence) -> frozenset[Proxying]:
    """Who answered a control address, and to which sender; and who answered for two nodes' addresses with an own sender
    and for none with 0.0.0.0, although these were asked with 0.0.0.0 too on that interface.

    What the same MAC answers to another sender is its own: a node may be a proxy too, and a Linux proxy never answers
    0.0.0.0."""
    heard = evidence.by_address()
    replies = (reply for ip in control_addresses(evidence) for reply in heard.get(ip, ()))
    answering = frozenset((reply.interface, reply.mac, reply.sender) for reply in replies)
    return answering | _own_sender_only(evidence)


def control_addresses(evidence: Evidence) -> frozenset[IPv4Address]:
    """The control addresses that were asked: what is a Service's, a node's, in a probed network, or was asked for by the
    user is none."""
    asked = {question.ip for question in evidence.questions}
    known = {*service_addresses(evidence.objects), *status_addresses(evidence.objects), *extra_addresses(evidence.objects)}
    used = _networks(evidence)
    return frozenset(
        ip for ip in CONTROLS if ip in asked and ip not in known and ip not in evidence.options.ips
        and not any(ip in network for network in used)
    )  # fmt: skip


def _own_sender_only(evidence: Evidence) -> frozenset[Proxying]:
    objects = evidence.objects
    listed = {**status_addresses(objects), **extra_addresses(objects)}
    node_of = {ip: nodes for ip, nodes in listed.items() if len(nodes) == 1}
    asked = {(question.interface, question.ip) for question in evidence.questions if question.sender == ZERO}
    heard = evidence.by_address()
    replies = [reply for ip in node_of for reply in heard.get(ip, ())]
    plain = {(r.interface, r.mac) for r in replies if r.sender == ZERO}
    passing = {interface for interface, _ in plain}
    services = service_addresses(objects)
    found: dict[Proxying, set[str]] = {}
    for reply in replies:
        key = (reply.interface, reply.mac)
        if key in plain or (reply.interface, reply.ip) not in asked:
            continue
        # A switch may drop every sender 0.0.0.0; then a node that holds others' addresses as a Service's looks like a proxy.
        if reply.interface in passing or reply.ip not in services:
            found.setdefault((*key, reply.sender), set()).update(node_of[reply.ip])
    return frozenset(key for key, nodes in found.items() if len(nodes) > 1)


def unsure(evidence: Evidence) -> frozenset[Mac]:
    """The MACs that may be a proxy's: they answered for the own addresses of two nodes, and frames were lost in every
    round that asked a control on that interface, so that its answer may be among them."""
    objects, controls = evidence.objects, control_addresses(evidence)
    services = service_addresses(objects)
    listed = {**status_addresses(objects), **extra_addresses(objects)}
    asked = {(q.interface, q.round) for q in evidence.questions if q.ip in controls}
    lost = {(loss.interface, number) for loss in evidence.losses for number in loss.rounds}
    doubtful = {interface for interface, _ in asked} - {interface for interface, _ in asked - lost}
    heard = evidence.by_address()
    found: dict[Mac, set[frozenset[str]]] = {}
    for ip in listed.keys() - services if doubtful else ():
        for reply in heard.get(ip, ()):
            if reply.interface in doubtful:
                found.setdefault(reply.mac, set()).add(listed[ip])
    return frozenset(mac for mac, nodes in found.items() if len(nodes) > 1)


def _networks(evidence: Evidence) -> tuple[IPv4Network, ...]:
    """Those of the interfaces that were probed."""
    probed = evidence.options.interfaces
    return tuple(
        network
        for interface in evidence.host.interfaces if not probed or interface.name in probed
        for address in interface.addresses if (network := _network(address))
    )  # fmt: skip


def _network(address: str) -> IPv4Network | None:
    try:
        return IPv4Interface(address).network
    except ValueError:
        return None
