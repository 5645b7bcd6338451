"""Decides which addresses of a pool are in use, from a run over those that no Service has.

An address is free only if a reply would have been received: it is in a network of a probing interface that sent enough
requests with both senders, replies were received there, no node missed a request, and no frame was lost. Behind a proxy no
address is known to be free. An IPv6 address was also requested from all nodes, which reaches hosts that do not receive
requests to its group. Addresses of this host, of a Node or of a Service are in use even without a reply, because a
host does not receive its own replies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from typing import Any, assert_never

from arpcheck.evidence import Evidence
from arpcheck.model import Address as Ip
from arpcheck.model import Gap, Host, Interface, Kind, Mac, Report, Responder, TargetReport, Verdict, order
from arpcheck.model.constants import IPV6, ZERO
from arpcheck.pools import NEEDS, NEXT, AddressInUse, Pool, Span, Split, size
from arpcheck.text import count

LINK_OF_TWO = 127
"""Such a network has no subnet-router anycast address (RFC 6164)."""

ENOUGH = 3
"""Minimum rounds."""


class AddressState(StrEnum):
    FREE = "free"
    IN_USE = "in-use"
    NOT_HEARD = "not-heard"


JUDGED = (Kind.EXTRA, Kind.EXTERNAL_IP, Kind.LOAD_BALANCER)
"""The target kinds of pool addresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    ip: Ip
    pool: str
    state: AddressState
    by: tuple[str, ...]
    """The responders (node, or MAC address with its vendor), or the owner by its object."""
    reason: str
    handed_out: bool = False
    """In use as intended: a load balancer assigned it to a Service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy:
    pools: tuple[Pool, ...]
    addresses: tuple[Address, ...]
    """Sorted."""
    named: bool
    """The user gave the ranges, so that every address counts, including assigned ones."""
    gaps: tuple[Gap, ...]
    complete: bool
    interrupted: bool
    seconds: float
    shortened: tuple[Span, ...] = ()
    """IPv6 ranges that are too long: of each, only the next addresses were requested."""

    @property
    def exit_code(self) -> int:
        """1: an address is in use. 3: an address is uncertain, or there was nothing to request. 0: all that were requested
        are free. Ranges that were shortened or left out change nothing, and are named."""
        if self.interrupted:
            return 130
        asked = [address for address in self.addresses if self.named or not address.handed_out]
        codes = {_code(address.state) for address in asked}
        if 1 in codes:
            return 1
        return 3 if 3 in codes or not codes or self._unsure() else 0

    def _unsure(self) -> bool:
        """A pool, entry, Service or Node that could not be read may contain the address that is in use."""
        return any(pool.unreadable for pool in self.pools) or any(gap.what in _POOL_GAPS for gap in self.gaps)


def _code(state: AddressState) -> int:
    match state:
        case AddressState.FREE:
            return 0
        case AddressState.IN_USE:
            return 1
        case AddressState.NOT_HEARD:
            return 3
        case _:
            assert_never(state)


_OBJECT_GAPS = ("services", "nodes")
_POOL_GAPS = (*_OBJECT_GAPS, *(need.resource for need in NEEDS))


def occupancy(report: Report, evidence: Evidence, found: tuple[Pool, ...], split: Split, *, named: bool) -> Occupancy:
    """`split`: the addresses of the pools; the free ones were requested. `named`: the user gave the pools, so that
    unreadable ones do not matter."""
    by_ip = {target.target.ip: target for target in report.targets if target.target.kind in JUDGED}
    conditions = _ProbeConditions.of(report, evidence)
    unproven, own = _unproven(report, conditions), _own(evidence.host)
    proxies, beyond = _proxies(report), _beyond_multicast(evidence)
    asked = [
        _hidden(_address_state(ip, pool, by_ip.get(ip), own.get(ip), unproven.get(ip, ""), proxies), beyond.get(ip), proxies)
        for ip, pool in split.free.items()
    ]
    asked = [replace(one, reason=why) if one.by and (why := conditions.reserved(one.ip)) else one for one in asked]
    recorded = [_recorded(ip, record) for ip, record in split.recorded.items()]
    run = report.run
    return Occupancy(
        pools=found,
        addresses=tuple(sorted((*asked, *recorded), key=lambda address: order(address.ip))),
        named=named,
        gaps=tuple(gap for gap in report.gaps if not named or gap.what in _OBJECT_GAPS),
        complete=report.summary.complete,
        interrupted=report.summary.exit_code == 130,
        seconds=(run.ended_at - run.started_at).total_seconds(),
        shortened=split.shortened,
    )


# --------------------------------------------------------------------------------------------- Where silence proves nothing


def _unproven(report: Report, context: _ProbeConditions) -> Mapping[Ip, str]:
    """For each requested address: why its silence proves nothing; empty if it proves that the address is free."""
    lost = {ip for finding in report.findings if finding.id == "frames-lost" for ip in finding.ips}
    trouble = next((gap.why for gap in report.gaps if gap.what == "wire"), "")
    whole = "" if report.summary.complete else "the run was not finished"
    return {
        ip: whole or trouble or ("frames were lost while it was requested" if ip in lost else context.why_unproven(ip))
        for ip in context.asked
    }


Questions = Mapping[tuple[str, Ip], frozenset[int]]
"""The rounds with a broadcast request, by interface and sender."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _ProbeConditions:
    """How addresses were requested, and where a reply would have been received."""

    interfaces: tuple[Interface, ...]
    """The probing interfaces."""
    heard: frozenset[tuple[str, int]]
    """Interfaces that received any reply, each with its IP version."""
    lossy: Mapping[tuple[str, int], str]
    """The same on which a node missed a request that it otherwise answers, with the reason."""
    asked: Mapping[Ip, Questions]
    from_all: frozenset[Ip]
    """IPv6 addresses that were requested from all nodes too."""
    services: frozenset[object]
    """The addresses of Services, which are never a sender."""

    @classmethod
    def of(cls, report: Report, evidence: Evidence) -> _ProbeConditions:
        asked: dict[Ip, dict[tuple[str, Ip], set[int]]] = {}
        from_all: set[Ip] = set()
        for question in evidence.questions:
            if question.destination is not None and question.to is None:
                from_all.add(question.ip)
            elif question.to is None:
                rounds = asked.setdefault(question.ip, {}).setdefault((question.interface, question.sender), set())
                rounds.add(question.round)
        every = {ip: {key: frozenset(rounds) for key, rounds in found.items()} for ip, found in asked.items()}
        nodes = [t.target.ip for t in report.targets if t.target.kind is Kind.NODE and t.target.ip]
        return cls(
            interfaces=tuple(i for i in evidence.host.interfaces if i.name in evidence.options.interfaces),
            heard=frozenset(
                (name, t.target.ip.version)
                for t in report.targets
                if t.target.ip
                for r in t.responders
                for name in r.interfaces
            ),
            lossy=dict(_missed(nodes, every, evidence)),
            asked=every,
            from_all=frozenset(from_all),
            services=frozenset(ip for service in evidence.objects.services() for ip in service.addresses),
        )

    def why_unproven(self, ip: Ip) -> str:
        """Empty if silence on one interface is proof."""
        near = self._near(ip)
        if not near:
            networks = sorted({str(own.network) for interface in self.interfaces for own in _own_of(interface)})
            return f"it is outside the networks of this host's interfaces ({', '.join(networks) or 'they have none'})"
        if reserved := self.reserved(ip):
            return reserved
        reasons = [self._why_unproven_on(interface, ip) for interface in near]
        return "" if "" in reasons else reasons[0]

    def _near(self, ip: Ip) -> list[Interface]:
        return [interface for interface in self.interfaces if any(ip in own.network for own in _own_of(interface))]

    def reserved(self, ip: Ip) -> str:
        """Why no host can have it alone; empty if one can."""
        every = (_reserved(ip, own) for interface in self._near(ip) for own in _own_of(interface))
        return next((why for why in every if why), "")

    def _why_unproven_on(self, interface: Interface, ip: Ip) -> str:
        name, version = interface.name, ip.version
        if (name, version) not in self.heard and version == IPV6:
            return f"no replies at all were received on {name} by neighbour discovery"
        if (name, version) not in self.heard:
            return f"no replies at all were received on {name}"
        if (name, version) in self.lossy:
            return f"requests or replies get lost on {name}: {self.lossy[name, version]}"
        if version == IPV6:
            return self._why_unproven_in_ipv6(name, ip)
        with_zero = self._rounds(name, ip, own=False)
        if with_zero < ENOUGH:
            return f"only {with_zero} rounds with sender 0.0.0.0; at least {ENOUGH} are needed"
        can_send = any(ip in own.network and own.ip != ip and own.ip not in self.services for own in _own_of(interface))
        with_own = self._rounds(name, ip, own=True)
        if can_send and with_own < ENOUGH:
            return f"only {with_own} rounds with the address of {name} as sender; at least {ENOUGH} are needed"
        return ""

    def _why_unproven_in_ipv6(self, name: str, ip: Ip) -> str:
        if (rounds := self._rounds(name, ip, own=True)) < ENOUGH:
            return f"only {rounds} rounds on {name}; at least {ENOUGH} are needed"
        return "" if ip in self.from_all else "it was not requested from all nodes, and a switch may filter its group"

    def _rounds(self, interface: str, ip: Ip, *, own: bool) -> int:
        asked = self.asked.get(ip, {}).items()
        return max((len(found) for (i, sender), found in asked if i == interface and (sender != ZERO) == own), default=0)


def _missed(nodes: Iterable[Ip], asked: Mapping[Ip, Questions], evidence: Evidence) -> Iterable[tuple[tuple[str, int], str]]:
    """Nodes that replied in some rounds but not in all: a single silence there may be chance. A kernel that never replies to
    0.0.0.0 (arp_ignore 2) is not a loss."""
    heard = evidence.by_address()
    for ip in nodes:
        replies = [reply for reply in heard.get(ip, ()) if reply.to is None and reply.destination is None]
        for (interface, sender), rounds in asked.get(ip, {}).items():
            answered = {r.round for r in replies if (r.interface, r.sender) == (interface, sender)}
            here = any(reply.interface == interface for reply in replies)
            if here and not rounds <= answered and (answered or sender != ZERO):
                yield (
                    (interface, ip.version),
                    f"node address {ip} replied in {len(answered)} of {count(len(rounds), 'round')}",
                )


def _reserved(ip: Ip, own: Own) -> str:
    """Why it can't be one host's; empty if it can (RFC 1122, 3.2.1.3; RFC 3021 for a /31; RFC 4291 section 2.6.1)."""
    network = own.network
    if ip.version == IPV6:
        anycast = ip == network.network_address and network.prefixlen < LINK_OF_TWO
        return f"it is the subnet-router anycast address of {network}: remove it from the pool" if anycast else ""
    if network.prefixlen > 30 or ip not in (network[0], network[-1]):
        return ""
    what = "broadcast" if ip == network[-1] else "network"
    return f"it is the {what} address of {network}, which hosts there do not request: remove it from the pool"


Own = IPv4Interface | IPv6Interface


def _own_of(interface: Interface) -> tuple[Own, ...]:
    found = map(ip_interface, (*interface.addresses, *interface.ipv6))
    return tuple(one for one in found if one.version != IPV6 or not one.is_link_local)


def _own(host: Host) -> Mapping[Ip, str]:
    """This host's addresses, each with the first interface that has it."""
    return {own.ip: interface.name for interface in reversed(host.interfaces) for own in _own_of(interface)}


# -------------------------------------------------------------------------------------------------------------- One address


def _recorded(ip: Ip, record: AddressInUse) -> Address:
    return Address(
        ip=ip,
        pool=record.pool,
        state=AddressState.IN_USE,
        by=(record.by,),
        reason=record.reason,
        handed_out=record.handed_out,
    )


def _address_state(
    ip: Ip, pool: str, target: TargetReport | None, own: str | None, unproven: str, proxies: frozenset[str]
) -> Address:
    by = tuple(_words(r.node, r.macs, r.vendor) for r in target.responders) if target else ()
    nodes = target.target.nodes if target else ()
    if own:
        return Address(ip=ip, pool=pool, state=AddressState.IN_USE, by=by or nodes, reason=f"this host has it on {own}")
    if nodes and not by:
        return Address(ip=ip, pool=pool, state=AddressState.IN_USE, by=nodes, reason="it is this node's own address")
    state, reason = _state(target, unproven, proxies)
    return Address(ip=ip, pool=pool, state=state, by=by, reason=reason)


def _beyond_multicast(evidence: Evidence) -> Mapping[Ip, frozenset[Mac]]:
    """Who replied for IPv6 addresses to requests that are not a client's."""
    found: dict[Ip, set[Mac]] = {}
    for reply in evidence.replies:
        if reply.ip.version == IPV6 and (reply.to is not None or reply.destination is not None):
            found.setdefault(reply.ip, set()).add(reply.mac)
    return {ip: frozenset(macs) for ip, macs in found.items()}


def _hidden(address: Address, macs: frozenset[Mac] | None, proxies: frozenset[str]) -> Address:
    """A host that has it and does not receive what clients send, as behind a switch with MLD snooping."""
    if address.state is AddressState.IN_USE or not macs:
        return address
    if hosts := sorted(macs - proxies):
        reason = "a host replied for it, though not to its group"
        return replace(address, state=AddressState.IN_USE, by=tuple(hosts), reason=reason)
    return replace(address, state=AddressState.NOT_HEARD, reason=_PROXY)


_PROXY = "only a proxy replied, which hides whether the address is in use"


def _state(target: TargetReport | None, unproven: str, proxies: frozenset[str]) -> tuple[AddressState, str]:
    if target is None or not target.rounds:
        return AddressState.NOT_HEARD, "it was not requested"
    if target.responders and all(_is_proxy(responder, target, proxies) for responder in target.responders):
        return (
            AddressState.NOT_HEARD,
            "only a proxy ARP device replied, which hides whether the address is in use",
        )
    if target.responders:
        return AddressState.IN_USE, "a host replied for it"
    return (AddressState.NOT_HEARD, unproven) if unproven else (AddressState.FREE, "no reply")


def _proxies(report: Report) -> frozenset[str]:
    """The MAC addresses that replied for the control, which no host owns."""
    controls = (target for target in report.targets if target.target.kind is Kind.CONTROL)
    return frozenset(mac for target in controls for responder in target.responders for mac in responder.macs)


def _is_proxy(found: Responder, target: TargetReport, proxies: frozenset[str]) -> bool:
    """A proxy by its reply for the control; by a verdict, every responder that is not a known node."""
    by_verdict = target.verdict is Verdict.PROXY_ARP and proxies.isdisjoint(m for r in target.responders for m in r.macs)
    return found.node is None and (by_verdict or not proxies.isdisjoint(found.macs))


def _words(node: str | None, macs: tuple[str, ...], vendor: str | None) -> str:
    return node or (f"{', '.join(macs)} ({vendor})" if vendor else ", ".join(macs))


def to_json(result: Occupancy) -> dict[str, Any]:
    """`kind: PoolReport`, camelCase, every key in every entry."""
    states = Counter(address.state for address in result.addresses)
    return {
        "apiVersion": "arpcheck/v1",
        "kind": "PoolReport",
        "summary": {
            "exitCode": result.exit_code,
            "inUse": states[AddressState.IN_USE],
            "free": states[AddressState.FREE],
            "notHeard": states[AddressState.NOT_HEARD],
            "complete": result.complete,
        },
        "pools": [
            {
                "name": pool.name,
                "ranges": [f"{a}-{b}" for a, b in (*pool.spans, *pool.left_out)],
                "unreadable": list(pool.unreadable),
                "shortened": [f"{a}-{b}" for a, b in pool.spans if (a, b) in result.shortened],
                "notRequested": [f"{a}-{b}" for a, b in pool.left_out],
            }
            for pool in result.pools
        ],
        "addresses": [
            {
                "ip": str(a.ip),
                "pool": a.pool,
                "state": a.state.value,
                "by": list(a.by),
                "reason": a.reason,
                "handedOut": a.handed_out,
            }
            for a in result.addresses
        ],
        "gaps": [{"what": gap.what, "why": gap.why, "costs": gap.costs} for gap in result.gaps],
    }


def to_text(result: Occupancy) -> str:
    """One line with the counts, one for each pool, and one for each address that is not free."""
    states = Counter(address.state for address in result.addresses)
    words = {0: "FREE", 1: "IN USE", 3: "NOT SURE", 130: "INTERRUPTED"}[result.exit_code]
    handed = sum(address.handed_out for address in result.addresses)
    lines = [
        f"{words} (exit code {result.exit_code}): {states[AddressState.IN_USE]} in use, {states[AddressState.FREE]} free,"
        f" {states[AddressState.NOT_HEARD]} not known, of {count(len(result.addresses), 'address')}"
        f"{f'; {handed} of those in use were assigned by a load balancer' if handed else ''}{_not_whole(result)}",
        "",
    ]
    for pool in result.pools:
        own = [address for address in result.addresses if address.pool == pool.name]
        whole = sum(size(span) for span in pool.spans if span not in result.shortened)
        lines.append(f"{pool.name}: {count(whole, 'address')}, {sum(not a.handed_out for a in own)} not assigned")
        lines.extend(f"  invalid entry: {entry}" for entry in pool.unreadable)
        lines.extend(
            f"  {first}-{last}: too long to request whole, only its next {NEXT} addresses were"
            for first, last in pool.spans
            if (first, last) in result.shortened
        )
        lines.extend(f"  {first}-{last}: not requested, for it is IPv{first.version}" for first, last in pool.left_out)
    shown = [address for address in result.addresses if result.named or not address.handed_out]
    busy = [address for address in shown if address.state is not AddressState.FREE]
    if busy:
        lines.append("")
    for address in busy:
        lines.append(f"{address.ip}  {address.state.value}  {', '.join(address.by) or '-'}  {address.reason}")
    lines.extend(f"gap: {gap.what}: {gap.why}; {gap.costs}" for gap in result.gaps)
    return "\n".join(lines) + "\n"


def _not_whole(result: Occupancy) -> str:
    """What the first line must not hide."""
    left = sum(len(pool.left_out) for pool in result.pools)
    short = f"; of {count(len(result.shortened), 'IPv6 range')} only the next {NEXT} addresses were requested"
    none = f"; {count(left, 'range')} not requested"
    return (short if result.shortened else "") + (none if left else "")
