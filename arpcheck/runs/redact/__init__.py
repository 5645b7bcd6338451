"""Replaces names, addresses and MAC addresses in an evidence without changing its verdicts, keeps the table of replacements,
and checks the result.

First every name, address and MAC address of the evidence and its frames is collected, then each is replaced. Order, subnets
and equality stay, because verdicts depend on them. `pseudonyms` assigns replacements, `objects` applies them to Kubernetes
objects and strings, `frames` to frames. `vocabulary` lists the words that stay."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Interface, ip_address
from typing import Any

from arpcheck.evidence import SEPARATOR, Capture, Evidence, MacEntry, Options, Vantage
from arpcheck.evidence_json import to_json
from arpcheck.judge import findings, verdicts
from arpcheck.mac_owners.addresses import HOLDERS, INSIDE
from arpcheck.model import Acceptance, Address, Host, Mac, NodeReport, ReachRun, Report, TargetReport
from arpcheck.objects import Object, Objects, Service, ipv4, labels_of, selects
from arpcheck.objects import address as ip_of
from arpcheck.runs.redact.frames import IS_IPV4, ip_fields, ipv6_fields, mac_fields, rewritten, rewritten_ipv6
from arpcheck.runs.redact.objects import IPV6, MAC, SELECTED, Strings, ipv4_in, name_objects, redacted, trimmed
from arpcheck.runs.redact.pseudonyms import Addresses, Macs, Names
from arpcheck.runs.redact.vocabulary import WORDS
from arpcheck.wire.families import is_ipv6

# --------------------------------------------------------------------------------------------------------------- Collecting

_KERNELS = re.compile(r"(lo|eth|ens|eno|enp|wlan|bond|team|br|dummy|kube-ipvs)\d{0,3}|kube-dummy-if|nodelocaldns|kube-lb0")
"""Interface names that kernels and installers choose, which reveal nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    names: Names
    addresses: Addresses
    macs: Macs


def gather(evidence: Evidence, frames: Iterable[bytes] = ()) -> Gathered:
    """`frames`: complete Ethernet frames with ARP, or with IPv4 of `--reach`."""
    hosts, networks, six, macs = set[IPv4Address](), set[IPv4Network](), set[IPv6Address](), set[Mac]()

    def note(*found: Address | None) -> None:
        hosts.update(ip for ip in found if isinstance(ip, IPv4Address))
        six.update(ip for ip in found if isinstance(ip, IPv6Address))

    for question in evidence.questions:
        note(question.ip, question.sender, question.destination)
        macs.update((question.to,) if question.to else ())
    for reply in evidence.replies:
        note(reply.ip, reply.sender, reply.destination, reply.source_ip)
        macs.update((reply.mac, reply.source, *((reply.to,) if reply.to else ())))
    for text in _texts(to_json(replace(evidence, questions=(), replies=()))):
        for interface in ipv4_in(text):
            hosts.add(interface.ip)
            if interface.network.prefixlen < 32:
                networks.add(interface.network)
        six.update(_six(text))
        macs.update(_macs(text))
    for frame in frames:
        if frame[12:14] == IS_IPV4:
            macs.update(Mac.from_bytes(frame[at : at + 6]) for at in (0, 6))
            hosts.update(IPv4Address(frame[at : at + 4]) for at in ip_fields(frame))
            continue
        if is_ipv6(frame):
            macs.update(Mac.from_bytes(frame[at : at + 6]) for at in mac_fields(frame))
            six.update(IPv6Address(frame[at : at + 16]) for at in ipv6_fields(frame))
            continue
        macs.update(Mac.from_bytes(frame[at : at + 6]) for at in (0, 6, 22, 32))
        hosts.update(IPv4Address(frame[at : at + 4]) for at in (28, 38))
    return Gathered(names=_names(evidence), addresses=Addresses(hosts, networks, six), macs=Macs(macs, evidence.vendors))


def is_everybodys(interface: str) -> bool:
    """Whether an interface name need not be replaced."""
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
            continue  # has colons, but is not an address


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
        if not (ipv4_in(host) or ip_of(host)) and names.of(host) is None:
            names.give_host(host, "host")
    for interface in _interfaces(evidence):
        if not is_everybodys(interface):
            names.give(interface, _kind(interface))
    names.give(objects.context or "", "context")
    names.give(objects.kubeconfig or "", "kubeconfig")
    named = (*evidence.options.service_names, *(a.service for a in evidence.accepted if a.service))
    for name in (*evidence.options.namespaces, *(name.rpartition("/")[0] for name in named)):
        names.give(name, "namespace")
    for name in (name.rpartition("/")[2] for name in named):
        names.give(name, "service")
    for name in (a.node for a in evidence.accepted if a.node):
        names.give_host(name, "node")
    for entry in evidence.mac_map:
        names.give(file_of(entry.where), "file")
    if evidence.capture:
        names.give(evidence.capture.name, "file")
    return names


def file_of(where: str) -> str:
    """`macs.csv` from `macs.csv:3 (arp-scan)`."""
    return re.sub(r"(:\d+)?(:? .*)?$", "", where, count=1)


def _interfaces(evidence: Evidence) -> list[str]:
    """Interface names without the host's name in front."""
    prefixes = tuple(vantage.name + SEPARATOR for vantage in evidence.vantages)
    found = {interface.name for interface in evidence.host.interfaces} | {*evidence.options.interfaces}
    found |= {n.interface for n in evidence.host.neighbours} | {q.interface for q in evidence.questions}
    found |= {r.interface for r in evidence.replies} | {entry.interface for entry in evidence.mac_map if entry.interface}
    for one in evidence.reach.tries if evidence.reach else ():
        found |= {one.interface, *(reply.interface for reply in one.replies)}
    found |= {g.interface for g in evidence.gratuitous} | {p.interface for p in evidence.passed_over}
    for prefix in prefixes:
        found = {interface.removeprefix(prefix) for interface in found}
    return sorted(found)


def _kind(interface: str) -> str:
    """The beginning of its pseudonym: the part that shows the purpose of an interface."""
    for pattern in (*HOLDERS, *INSIDE):
        begin = pattern.rstrip("*")
        if interface.startswith(begin) and pattern.endswith("*"):
            return begin.rstrip("-_")
    return "if"


def _real(evidence: Evidence) -> set[str]:
    """Names that must not become a pseudonym."""
    readings = (evidence.objects, *((evidence.after,) if evidence.after else ()))
    objects = (obj for reading in readings for found in reading.resources.values() for obj in found)
    return {text for obj in objects for text in _texts(obj.get("metadata", {})) if len(text) < 64}


# ---------------------------------------------------------------------------------------------------------------- Replacing

_MAC_FIELDS, _IP_FIELDS = (0, 6, 22, 32), (28, 38)
"""Offsets in an Ethernet frame with ARP for IPv4 (RFC 826)."""

FRAME = 42
"""Meaningful bytes of it; padding follows, which may contain anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    evidence: Evidence
    found: Gathered
    strings: Strings

    def frame(self, frame: bytes) -> bytes:
        """The frame with replaced addresses; its padding is zeroed."""
        if frame[12:14] == IS_IPV4:
            return rewritten(frame, self.found.macs.mac, self.found.addresses.ipv4)
        if is_ipv6(frame):
            return rewritten_ipv6(frame, self.found.macs.mac, self.found.addresses.ipv6)
        new = bytearray(frame[:FRAME] + bytes(max(0, len(frame) - FRAME)))
        for at in _MAC_FIELDS:
            new[at : at + 6] = self.found.macs.mac(Mac.from_bytes(frame[at : at + 6])).to_bytes()
        for at in _IP_FIELDS:
            new[at : at + 4] = self.found.addresses.address(IPv4Address(frame[at : at + 4])).packed
        return bytes(new)

    def table(self) -> Mapping[str, Mapping[str, str]]:
        """The replacement of each original, by kind."""
        return {
            "names": self.found.names.table(),
            "addresses": self.found.addresses.table(),
            "macs": self.found.macs.table(),
            "texts": self.strings.table(),
        }


def redact(evidence: Evidence, frames: Iterable[bytes] = ()) -> Redacted:
    """`frames`: those of the run; redact each one with the result's `frame`."""
    after = evidence.after and _selected(evidence.after, evidence.options)
    evidence = replace(evidence, objects=_selected(evidence.objects, evidence.options), after=after)
    found = gather(evidence, frames)
    strings = Strings(found.names, found.addresses, found.macs)
    return Redacted(evidence=_Rewriter(found, strings).evidence(evidence), found=found, strings=strings)


def _selected(objects: Objects, options: Options) -> Objects:
    """Trims objects and marks the selected Services: labels lose their names, so the selector can't be kept."""
    resources = {resource: trimmed(resource, found) for resource, found in objects.resources.items()}
    if options.selector and "services" in resources:
        resources["services"] = tuple(_marked(obj, options.selector) for obj in resources["services"])
    return Objects(
        resources=resources,
        gaps=objects.gaps,
        context=objects.context,
        kubeconfig=objects.kubeconfig,
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
        ip, six, mac = self._addresses.address, self._addresses.ipv6, self._macs.mac
        return replace(
            evidence,
            options=self._options(evidence.options),
            host=self._host(evidence.host),
            objects=redacted(evidence.objects, self._strings, self._names),
            after=evidence.after and redacted(evidence.after, self._strings, self._names),
            mac_map=tuple(map(self._entry, evidence.mac_map)),
            questions=tuple(
                replace(
                    q, interface=self._interface(q.interface), ip=ip(q.ip), sender=ip(q.sender), to=q.to and mac(q.to),
                    destination=q.destination and six(q.destination),
                )
                for q in evidence.questions
            ),
            replies=tuple(
                replace(
                    r, interface=self._interface(r.interface), ip=ip(r.ip), sender=ip(r.sender), to=r.to and mac(r.to),
                    mac=mac(r.mac), source=mac(r.source), destination=r.destination and six(r.destination),
                    source_ip=r.source_ip and six(r.source_ip),
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
            reach=evidence.reach and self._reach(evidence.reach),
            trouble=tuple(map(self._strings.sentence, evidence.trouble)),
        )  # fmt: skip

    def _reach(self, run: ReachRun) -> ReachRun:
        ip, mac = self._addresses.ipv4, self._macs.mac
        return replace(
            run,
            tries=tuple(
                replace(
                    one, interface=self._interface(one.interface), ip=ip(one.ip), mac=mac(one.mac), sender=ip(one.sender),
                    service=self._service(one.service),
                    replies=tuple(
                        replace(r, source=ip(r.source), mac=mac(r.mac), interface=self._interface(r.interface))
                        for r in one.replies
                    ),
                )
                for one in run.tries
            ),
            skips=tuple(
                replace(
                    one, interface=self._interface(one.interface), ip=ip(one.ip), mac=mac(one.mac),
                    service=self._service(one.service) if one.service else None,
                )
                for one in run.skips
            ),
            changed=tuple(map(self._service, run.changed)),
            unconfirmed=tuple(map(self._service, run.unconfirmed)),
        )  # fmt: skip

    def _options(self, options: Options) -> Options:
        sender = ipv4(options.sender)
        return replace(
            options,
            interfaces=tuple(map(self._interface, options.interfaces)),
            interfaces_because=self._strings.sentence(options.interfaces_because) if options.interfaces_because else None,
            sender=str(self._addresses.ipv4(sender)) if sender else options.sender,
            namespaces=tuple(self._name(name) or "" for name in options.namespaces),
            service_names=tuple(map(self._service, options.service_names)),
            selector=f"{SELECTED}=true" if options.selector else "",
            load_balancer_classes=tuple(found and self._strings.value(found) for found in options.load_balancer_classes),
            ips=tuple(map(self._addresses.address, options.ips)),
        )

    def _host(self, host: Host) -> Host:
        return Host(
            interfaces=tuple(
                replace(
                    i, name=self._interface(i.name), mac=i.mac and self._macs.mac(i.mac),
                    addresses=tuple(map(self._addresses.interface, i.addresses)),
                    ipv6=tuple(map(self._addresses.six, i.ipv6)),
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
        """An interface name, possibly with a host's name in front."""
        vantage, separator, rest = name.partition(SEPARATOR)
        if separator and (host := self._names.of(vantage)) is not None:
            return f"{host}{separator}{self._names.of(rest) or rest}"
        return self._names.of(name) or name

    def _service(self, written: str) -> str:
        return "/".join(self._name(part) or "" for part in written.split("/"))

    def _name(self, name: str | None) -> str | None:
        return None if name is None else self._names.of(name) or self._strings.value(name)

    def _entry(self, entry: MacEntry) -> MacEntry:
        file = file_of(entry.where)
        address = ip_of(entry.node)
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


# ----------------------------------------------------------------------------------------------- Checks of what was redacted

# Checks a redacted run: the verdicts are unchanged, and no original is left.
# `difference` finds changed verdicts. `left_over` searches every text for every original, also within other words. A name
# that arpcheck's own reports contain can't be distinguished from them and is not searched.

# ----------------------------------------------------------------------------------------------------------- Equal verdicts


def difference(before: Report, after: Report, found: Gathered) -> str | None:
    """The first difference between the verdicts, in words without names; None if there is none."""
    if before.summary.exit_code != after.summary.exit_code:
        return f"the exit code was {before.summary.exit_code} and would be {after.summary.exit_code}"
    pairs = sorted((_key(target, found), str(target.verdict), len(target.responders)) for target in before.targets)
    others = sorted((_key(target, None), str(target.verdict), len(target.responders)) for target in after.targets)
    if pairs != others:
        return "an address would get another verdict"
    nodes = sorted((found.names.of(node.name) or node.name, _facts(node)) for node in before.nodes)
    if nodes != sorted((node.name, _facts(node)) for node in after.nodes):
        return "a node would be judged differently"
    if [finding.id for finding in before.findings] != [finding.id for finding in after.findings]:
        return "there would be other findings"
    return None


def _facts(node: NodeReport) -> tuple[str, ...]:
    proxy = node.kube_proxy
    return str(node.arp), str(proxy.mode), str(proxy.strict_arp), str(proxy.loaded)


def _key(target: TargetReport, found: Gathered | None) -> str:
    """Its pseudonym; the kind alone for a target without an address, or one that was not probed."""
    if target.target.ip is None or target.target.skipped:
        return str(target.target.kind)
    return str(found.addresses.address(target.target.ip) if found else target.target.ip)


# ------------------------------------------------------------------------------------------------------ Remaining originals

SHORTEST = 4
"""Minimum letters of a name; a shorter one is part of many words."""

_TOKEN = re.compile(r"[^\s\"'`<>{}\[\](),;|=&#\\]+")
_PSEUDONYM = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*-\d+", re.IGNORECASE)


def left_over(texts: Iterable[str], found: Gathered) -> tuple[str, ...]:
    """The originals that are still in one of the texts, sorted."""
    tokens = {token for text in texts for token in _TOKEN.findall(text.lower())}
    pseudonyms = {new.lower() for new in found.names.table().values()}
    haystack = "\n".join(sorted(_without(token, pseudonyms) for token in tokens))
    left = {needle for needle in _needles(found) if needle.lower() in haystack}
    return tuple(sorted(left | {old for old, new in found.names.table().items() if _holds(new, old)}))


def _holds(pseudonym: str, name: str) -> bool:
    """Whether the pseudonym reveals the name."""
    return len(name) >= SHORTEST and name.lower() in pseudonym.lower() and name.lower() not in _everywhere()


def _without(token: str, pseudonyms: set[str]) -> str:
    """The token without pseudonyms, which may contain a short name."""
    return _PSEUDONYM.sub(lambda match: " " if match[0].lower() in pseudonyms else match[0], token)


def _needles(found: Gathered) -> Iterator[str]:
    for old, new in found.names.table().items():
        if old != new and len(old) >= SHORTEST and not is_everybodys(old) and old.lower() not in _everywhere():
            yield old
    for old, new in found.addresses.table().items():
        if old != new and "/" not in old:
            yield from _spellings_of_address(ip_address(old))
    for old, new in found.macs.table().items():
        if old != new:
            yield from _spellings(Mac(old))


def _spellings_of_address(ip: Address) -> tuple[str, ...]:
    """Also in the forms of cloud host names and reverse DNS."""
    return str(ip), ip.exploded, ip.reverse_pointer, str(ip).replace(".", "-").replace(":", "-")


def _spellings(mac: Mac) -> tuple[str, ...]:
    digits = mac.replace(":", "")
    return mac, mac.replace(":", "-"), digits, ".".join(digits[at : at + 4] for at in (0, 4, 8))


@cache
def _everywhere() -> str:
    """The text of every report, in lower case."""
    rules = (*findings.texts(), *verdicts.texts())
    texts = [part for text in rules for part in (text.name, text.means, *text.decided, *text.do)]
    reports = files("arpcheck.reports")
    for name in ("report.schema.json", "document.py", "markdown.py"):
        texts.append(reports.joinpath(name).read_text(encoding="utf-8"))
    for entry in reports.joinpath("html").iterdir():
        texts.append(entry.read_text(encoding="utf-8") if entry.name.endswith((".py", ".css", ".html")) else "")
    return "\n".join((*texts, *WORDS)).lower()
