"""A whole evidence with everything replaced that must not be left, and the table of what stands for what.

What is judged stays: order, subnets, equality, and where nothing but a name can stand. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Any

from arpcheck.evidence import Capture, Evidence, MacEntry, Options, Vantage
from arpcheck.model import Acceptance, Host, Mac
from arpcheck.objects import Object, Objects, Service, ipv4, labels_of, selects
from arpcheck.saved.redaction.gathering import Gathered, file_of, gather
from arpcheck.saved.redaction.objects import SELECTED, redacted, trimmed
from arpcheck.saved.redaction.strings import Strings
from arpcheck.vantages import SEPARATOR

_MAC_FIELDS, _IP_FIELDS = (0, 6, 22, 32), (28, 38)
"""Of an Ethernet frame with ARP for IPv4 (RFC 826)."""

FRAME = 42
"""Octets of it that mean something; what follows is padding, which may hold anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    evidence: Evidence
    found: Gathered
    strings: Strings

    def frame(self, frame: bytes) -> bytes:
        """The same frame between the same hosts by their other addresses; the padding is emptied."""
        new = bytearray(frame[:FRAME] + bytes(max(0, len(frame) - FRAME)))
        for at in _MAC_FIELDS:
            new[at : at + 6] = self.found.macs.mac(Mac.from_bytes(frame[at : at + 6])).to_bytes()
        for at in _IP_FIELDS:
            new[at : at + 4] = self.found.addresses.address(IPv4Address(frame[at : at + 4])).packed
        return bytes(new)

    def table(self) -> Mapping[str, Mapping[str, str]]:
        """By kind: what stands for each original."""
        return {
            "names": self.found.names.table(),
            "addresses": self.found.addresses.table(),
            "macs": self.found.macs.table(),
            "texts": self.strings.table(),
        }


def redact(evidence: Evidence, frames: Iterable[bytes] = ()) -> Redacted:
    """`frames`: those of the run, which are redacted one by one by what comes back."""
    after = evidence.after and _selected(evidence.after, evidence.options)
    evidence = replace(evidence, objects=_selected(evidence.objects, evidence.options), after=after)
    found = gather(evidence, frames)
    strings = Strings(found.names, found.addresses, found.macs)
    return Redacted(evidence=_Rewriter(found, strings).evidence(evidence), found=found, strings=strings)


def _selected(objects: Objects, options: Options) -> Objects:
    """Trimmed, and with the Services marked that the selector chose: labels lose their names, a selector can't be kept."""
    resources = {resource: trimmed(resource, found) for resource, found in objects.resources.items()}
    if options.selector and "services" in resources:
        resources["services"] = tuple(_marked(obj, options.selector) for obj in resources["services"])
    return Objects(
        resources=resources,
        gaps=objects.gaps,
        context=objects.context,
        version=objects.version,
        read_at=objects.read_at,
        server_ahead=objects.server_ahead,
    )


def _marked(obj: Object, selector: str) -> Object:
    if not selects(selector, Service.read(obj).labels):
        return obj
    metadata: Mapping[str, Any] = obj["metadata"]
    return {**obj, "metadata": {**metadata, "labels": {**labels_of(obj), SELECTED: "true"}}}


class _Rewriter:
    def __init__(self, found: Gathered, strings: Strings) -> None:
        self._names, self._addresses, self._macs, self._strings = found.names, found.addresses, found.macs, strings

    def evidence(self, evidence: Evidence) -> Evidence:
        ip, mac = self._addresses.address, self._macs.mac
        return replace(
            evidence,
            options=self._options(evidence.options),
            host=self._host(evidence.host),
            objects=redacted(evidence.objects, self._strings, self._names),
            after=evidence.after and redacted(evidence.after, self._strings, self._names),
            mac_map=tuple(map(self._entry, evidence.mac_map)),
            questions=tuple(
                replace(q, interface=self._interface(q.interface), ip=ip(q.ip), sender=ip(q.sender), to=q.to and mac(q.to))
                for q in evidence.questions
            ),
            replies=tuple(
                replace(
                    r, interface=self._interface(r.interface), ip=ip(r.ip), sender=ip(r.sender), to=r.to and mac(r.to),
                    mac=mac(r.mac), source=mac(r.source),
                )
                for r in evidence.replies
            ),
            losses=tuple(replace(loss, interface=self._interface(loss.interface)) for loss in evidence.losses),
            overflows=tuple(replace(overflow, ip=ip(overflow.ip)) for overflow in evidence.overflows),
            gratuitous=tuple(
                replace(g, interface=self._interface(g.interface), ip=ip(g.ip), mac=mac(g.mac), source=mac(g.source))
                for g in evidence.gratuitous
            ),
            passed_over=tuple(
                replace(p, interface=self._interface(p.interface), ip=ip(p.ip), mac=mac(p.mac)) for p in evidence.passed_over
            ),
            capture=self._capture(evidence.capture) if evidence.capture else None,
            vantages=tuple(map(self._vantage, evidence.vantages)),
            accepted=tuple(map(self._acceptance, evidence.accepted)),
            outdated=tuple(map(ip, evidence.outdated)),
            trouble=tuple(map(self._strings.sentence, evidence.trouble)),
        )  # fmt: skip

    def _options(self, options: Options) -> Options:
        sender = ipv4(options.sender)
        return replace(
            options,
            interfaces=tuple(map(self._interface, options.interfaces)),
            interfaces_because=self._strings.sentence(options.interfaces_because) if options.interfaces_because else None,
            sender=str(self._addresses.address(sender)) if sender else options.sender,
            namespace=self._name(options.namespace),
            selector=f"{SELECTED}=true" if options.selector else "",
            load_balancer_class=options.load_balancer_class and self._strings.value(options.load_balancer_class),
            ips=tuple(map(self._addresses.address, options.ips)),
        )

    def _host(self, host: Host) -> Host:
        return Host(
            interfaces=tuple(
                replace(
                    i, name=self._interface(i.name), mac=i.mac and self._macs.mac(i.mac),
                    addresses=tuple(map(self._addresses.interface, i.addresses)),
                )
                for i in host.interfaces
            ),
            node_name=self._name(host.node_name),
            neighbours=tuple(
                replace(
                    n, ip=self._addresses.address(n.ip), mac=self._macs.mac(n.mac), interface=self._interface(n.interface)
                )
                for n in host.neighbours
            ),
        )  # fmt: skip

    def _interface(self, name: str) -> str:
        """Of one host, or with the host's name before it."""
        vantage, separator, rest = name.partition(SEPARATOR)
        if separator and (host := self._names.of(vantage)) is not None:
            return f"{host}{separator}{self._names.of(rest) or rest}"
        return self._names.of(name) or name

    def _name(self, name: str | None) -> str | None:
        return None if name is None else self._names.of(name) or self._strings.value(name)

    def _entry(self, entry: MacEntry) -> MacEntry:
        file = file_of(entry.where)
        address = ipv4(entry.node)
        return MacEntry(
            mac=self._macs.mac(entry.mac),
            node=str(self._addresses.address(address)) if address else self._name(entry.node) or "",
            interface=self._interface(entry.interface) if entry.interface else entry.interface,
            where=(self._names.of(file) or file) + self._strings.sentence(entry.where.removeprefix(file)),
            format=entry.format,
        )

    def _vantage(self, vantage: Vantage) -> Vantage:
        return replace(vantage, name=self._name(vantage.name) or "", node_name=self._name(vantage.node_name))

    def _capture(self, capture: Capture) -> Capture:
        return replace(capture, name=self._name(capture.name) or "")

    def _acceptance(self, entry: Acceptance) -> Acceptance:
        space, slash, service = (entry.service or "").partition("/")
        return replace(
            entry,
            ip=entry.ip and self._addresses.address(entry.ip),
            service=f"{self._name(space)}{slash}{self._name(service)}" if entry.service else None,
            node=self._name(entry.node),
            reason=self._strings.opaque(entry.reason),
        )
