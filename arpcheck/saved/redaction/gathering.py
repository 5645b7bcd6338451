"""What must not be left: every name, address and MAC that occurs in an evidence or in the frames of its run. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Interface
from typing import Any

from arpcheck.evidence import Evidence
from arpcheck.evidence_json import to_json
from arpcheck.identities.nics import HOLDERS, INSIDE
from arpcheck.model import Mac
from arpcheck.saved.redaction.addresses import Addresses
from arpcheck.saved.redaction.macs import Macs
from arpcheck.saved.redaction.names import Names
from arpcheck.saved.redaction.objects import name_objects
from arpcheck.saved.redaction.strings import IPV6, MAC, ipv4_in
from arpcheck.vantages import SEPARATOR

_KERNELS = re.compile(r"(lo|eth|ens|eno|enp|wlan|bond|team|br|dummy|kube-ipvs)\d{0,3}|kube-dummy-if|nodelocaldns|kube-lb0")
"""Interface names that a kernel or an installer counts, and that say nothing of anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    names: Names
    addresses: Addresses
    macs: Macs


def gather(evidence: Evidence, frames: Iterable[bytes] = ()) -> Gathered:
    """`frames`: Ethernet frames that carry ARP, whole."""
    hosts, networks, six, macs = set[IPv4Address](), set[IPv4Network](), set[IPv6Address](), set[Mac]()
    for question in evidence.questions:
        hosts.update((question.ip, question.sender))
        macs.update((question.to,) if question.to else ())
    for reply in evidence.replies:
        hosts.update((reply.ip, reply.sender))
        macs.update((reply.mac, reply.source, *((reply.to,) if reply.to else ())))
    for text in _texts(to_json(replace(evidence, questions=(), replies=()))):
        for interface in ipv4_in(text):
            hosts.add(interface.ip)
            if interface.network.prefixlen < 32:
                networks.add(interface.network)
        six.update(_six(text))
        macs.update(_macs(text))
    for frame in frames:
        macs.update(Mac.from_bytes(frame[at : at + 6]) for at in (0, 6, 22, 32))
        hosts.update(IPv4Address(frame[at : at + 4]) for at in (28, 38))
    return Gathered(
        names=_names(evidence), addresses=Addresses(hosts, networks, six), macs=Macs(macs, evidence.vendors)
    )


def is_everybodys(interface: str) -> bool:
    """The name of an interface that need not be replaced."""
    return _KERNELS.fullmatch(interface) is not None


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for key, entry in value.items():
                yield str(key)
                yield from _texts(entry)
        case list() | tuple():
            for entry in value:
                yield from _texts(entry)


def _six(text: str) -> Iterator[IPv6Address]:
    for found in IPV6.findall(text) if ":" in text else ():
        try:
            yield IPv6Interface(found).ip
        except ValueError:
            continue  # as many colons, and no address


def _macs(text: str) -> Iterator[Mac]:
    return (Mac(found) for found in MAC.findall(text))


def _names(evidence: Evidence) -> Names:
    objects = evidence.objects
    names = Names(_real(evidence))
    name_objects(objects, names)
    if evidence.after:
        name_objects(evidence.after, names)
    for host in (evidence.host.node_name, *(v.node_name for v in evidence.vantages)):
        names.give_host(host or "", "node")
    for host in (*(v.name for v in evidence.vantages), *(entry.node for entry in evidence.mac_map)):
        if not ipv4_in(host) and names.of(host) is None:
            names.give_host(host, "host")
    for interface in _interfaces(evidence):
        if not is_everybodys(interface):
            names.give(interface, _kind(interface))
    names.give(objects.context or "", "context")
    for name in (evidence.options.namespace, *(a.service and a.service.partition("/")[0] for a in evidence.accepted)):
        names.give(name or "", "namespace")
    for name in (a.service.partition("/")[2] for a in evidence.accepted if a.service):
        names.give(name, "service")
    for name in (a.node for a in evidence.accepted if a.node):
        names.give_host(name, "node")
    for entry in evidence.mac_map:
        names.give(file_of(entry.where), "file")
    if evidence.capture:
        names.give(evidence.capture.name, "file")
    return names


def file_of(where: str) -> str:
    """`macs.csv` of `macs.csv:3 (arp-scan)`."""
    return re.sub(r"(:\d+)?(:? .*)?$", "", where, count=1)


def _interfaces(evidence: Evidence) -> list[str]:
    """Without the name of the host before it."""
    prefixes = tuple(vantage.name + SEPARATOR for vantage in evidence.vantages)
    found = {interface.name for interface in evidence.host.interfaces} | {*evidence.options.interfaces}
    found |= {n.interface for n in evidence.host.neighbours} | {q.interface for q in evidence.questions}
    found |= {r.interface for r in evidence.replies} | {entry.interface for entry in evidence.mac_map if entry.interface}
    found |= {g.interface for g in evidence.gratuitous} | {p.interface for p in evidence.passed_over}
    for prefix in prefixes:
        found = {interface.removeprefix(prefix) for interface in found}
    return sorted(found)


def _kind(interface: str) -> str:
    """What its pseudonym begins with: the part by which it is told what an interface is for."""
    for pattern in (*HOLDERS, *INSIDE):
        begin = pattern.rstrip("*")
        if interface.startswith(begin) and pattern.endswith("*"):
            return begin.rstrip("-_")
    return "if"


def _real(evidence: Evidence) -> set[str]:
    """Names that no pseudonym may be."""
    readings = (evidence.objects, *((evidence.after,) if evidence.after else ()))
    objects = (obj for reading in readings for found in reading.resources.values() for obj in found)
    return {text for obj in objects for text in _texts(obj.get("metadata", {})) if len(text) < 64}
