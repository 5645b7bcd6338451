"""Which addresses of a pool somebody already uses: the conclusion from a run over those that no Service has. Pure.

"Free" takes proof that an answer would have been heard: the address is in a network of an interface that asked it, often
enough and with both senders, something was heard there, no node missed a question and no frame was lost. A proxy answers
for everything, so behind one nothing is known to be free. What is this host's own, or a node's or a Service's by its
object, is in use whoever is silent: a host does not hear itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface
from typing import Any, assert_never

from arpcheck.evidence import Evidence
from arpcheck.model import Gap, Host, Interface, Kind, Report, Responder, TargetReport, Verdict
from arpcheck.pools.ranges import NEEDS, AddressInUse, Pool, Split

ENOUGH = 3
"""Rounds."""

ZERO = IPv4Address(0)


class AddressState(StrEnum):
    FREE = "free"
    IN_USE = "in-use"
    NOT_HEARD = "not-heard"


JUDGED = (Kind.EXTRA, Kind.EXTERNAL_IP, Kind.LOAD_BALANCER)
"""What an address of a pool may be a target as."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    ip: IPv4Address
    pool: str
    state: AddressState
    by: tuple[str, ...]
    """Who answered: the node, or the MAC with what its prefix says; or whose it is by its object."""
    reason: str
    handed_out: bool = False
    """In use as it should be: by the Service that a load balancer gave it to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy:
    pools: tuple[Pool, ...]
    addresses: tuple[Address, ...]
    """Sorted."""
    named: bool
    """The user named the ranges and asks for every address of them, one that was handed out too."""
    gaps: tuple[Gap, ...]
    complete: bool
    interrupted: bool
    seconds: float

    @property
    def exit_code(self) -> int:
        """1 an address is in use, 3 something was not heard or there was nothing to ask, 0 all are free."""
        if self.interrupted:
            return 130
        asked = [address for address in self.addresses if self.named or not address.handed_out]
        codes = {_code(address.state) for address in asked}
        if 1 in codes:
            return 1
        return 3 if 3 in codes or not codes or self._unsure() else 0

    def _unsure(self) -> bool:
        """A pool that could not be read, or an entry of one, may hold the address that is in use; a Service or a Node that
        could not be may have it."""
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
    """`split`: the addresses of the pools; its free ones were asked. `named`: the pools were named by the user, so that
    those that could not be read cost nothing."""
    by_ip = {target.target.ip: target for target in report.targets if target.target.kind in JUDGED}
    deaf, own = _deaf(report, evidence), _own(evidence.host)
    proxies = _proxies(report)
    asked = [
        _address_state(ip, pool, by_ip.get(ip), own.get(ip), deaf.get(ip, ""), proxies) for ip, pool in split.free.items()
    ]
    recorded = [_recorded(ip, record) for ip, record in split.recorded.items()]
    run = report.run
    return Occupancy(
        pools=found,
        addresses=tuple(sorted((*asked, *recorded), key=lambda address: address.ip)),
        named=named,
        gaps=tuple(gap for gap in report.gaps if not named or gap.what in _OBJECT_GAPS),
        complete=report.summary.complete,
        interrupted=report.summary.exit_code == 130,
        seconds=(run.ended_at - run.started_at).total_seconds(),
    )


# ------------------------------------------------------------------------------------- where silence proves nothing


def _deaf(report: Report, evidence: Evidence) -> Mapping[IPv4Address, str]:
    """By address that was asked: why its silence proves nothing in this run; empty where it does."""
    lost = {ip for finding in report.findings if finding.id == "frames-lost" for ip in finding.ips}
    trouble = next((gap.why for gap in report.gaps if gap.what == "wire"), "")
    whole = "" if report.summary.complete else "the run was not finished"
    ground = _AskingContext.of(report, evidence)
    return {
        ip: whole or trouble or ("frames were lost while it was asked" if ip in lost else ground.why_deaf(ip))
        for ip in ground.asked
    }


Questions = Mapping[tuple[str, IPv4Address], frozenset[int]]
"""By interface and sender: the rounds in which all were asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _AskingContext:
    """How it was asked, and where an answer would have been heard."""

    interfaces: tuple[Interface, ...]
    """Those that were asked on."""
    heard: frozenset[str]
    """Interfaces on which anybody answered anything."""
    lossy: Mapping[str, str]
    """Interfaces on which a node missed a question that it otherwise answers, and which."""
    asked: Mapping[IPv4Address, Questions]
    services: frozenset[object]
    """The addresses of Services, which are never a sender."""

    @classmethod
    def of(cls, report: Report, evidence: Evidence) -> _AskingContext:
        asked: dict[IPv4Address, dict[tuple[str, IPv4Address], set[int]]] = {}
        for question in evidence.questions:
            if question.to is None:
                rounds = asked.setdefault(question.ip, {}).setdefault((question.interface, question.sender), set())
                rounds.add(question.round)
        every = {ip: {key: frozenset(rounds) for key, rounds in found.items()} for ip, found in asked.items()}
        nodes = [t.target.ip for t in report.targets if t.target.kind is Kind.NODE and isinstance(t.target.ip, IPv4Address)]
        return cls(
            interfaces=tuple(i for i in evidence.host.interfaces if i.name in evidence.options.interfaces),
            heard=frozenset(name for t in report.targets for responder in t.responders for name in responder.interfaces),
            lossy=dict(_missed(nodes, every, evidence)),
            asked=every,
            services=frozenset(ip for service in evidence.objects.services() for ip in service.addresses),
        )

    def why_deaf(self, ip: IPv4Address) -> str:
        """Empty where one interface is enough to have heard it."""
        near = [interface for interface in self.interfaces if any(ip in own.network for own in _own_of(interface))]
        if not near:
            networks = sorted({str(own.network) for interface in self.interfaces for own in _own_of(interface)})
            return f"it is outside of the networks of this host's interfaces ({', '.join(networks) or 'they have none'})"
        if reserved := next((word for interface in near for own in _own_of(interface) if (word := _reserved(ip, own))), ""):
            return reserved
        reasons = [self._why_deaf_on(interface, ip) for interface in near]
        return "" if "" in reasons else reasons[0]

    def _why_deaf_on(self, interface: Interface, ip: IPv4Address) -> str:
        name = interface.name
        if name not in self.heard:
            return f"nothing at all was heard on the segment of {name}"
        if name in self.lossy:
            return f"questions or answers get lost on {name}: {self.lossy[name]}"
        with_zero = self._rounds(name, ip, own=False)
        if with_zero < ENOUGH:
            return f"asked in {with_zero} rounds with 0.0.0.0, which is too seldom to tell"
        can_ask = any(ip in own.network and own.ip != ip and own.ip not in self.services for own in _own_of(interface))
        with_own = self._rounds(name, ip, own=True)
        if can_ask and with_own < ENOUGH:
            return f"asked in {with_own} rounds with the address of {name}, which is too seldom to tell"
        return ""

    def _rounds(self, interface: str, ip: IPv4Address, *, own: bool) -> int:
        asked = self.asked.get(ip, {}).items()
        return max((len(found) for (i, sender), found in asked if i == interface and (sender != ZERO) == own), default=0)


def _missed(
    nodes: Iterable[IPv4Address], asked: Mapping[IPv4Address, Questions], evidence: Evidence
) -> Iterable[tuple[str, str]]:
    """Nodes that answered in some rounds and not in all: what is silent once may be so by chance. Never to answer 0.0.0.0 is
    a kernel's way (arp_ignore 2), and no loss."""
    heard = evidence.by_address()
    for ip in nodes:
        replies = [reply for reply in heard.get(ip, ()) if reply.to is None]
        for (interface, sender), rounds in asked.get(ip, {}).items():
            answered = {r.round for r in replies if (r.interface, r.sender) == (interface, sender)}
            here = any(reply.interface == interface for reply in replies)
            if here and not rounds <= answered and (answered or sender != ZERO):
                yield interface, f"the node address {ip} was answered in {len(answered)} of {len(rounds)} rounds"


def _reserved(ip: IPv4Address, own: IPv4Interface) -> str:
    """Why no host of this network asks for it; empty where they do (RFC 1122, 3.2.1.3; RFC 3021 of a /31)."""
    network = own.network
    if network.prefixlen > 30 or ip not in (network[0], network[-1]):
        return ""
    what = "broadcast" if ip == network[-1] else "network"
    return f"it is the {what} address of {network}, which no host there asks for: keep it out of the pool"


def _own_of(interface: Interface) -> tuple[IPv4Interface, ...]:
    return tuple(map(IPv4Interface, interface.addresses))


def _own(host: Host) -> Mapping[IPv4Address, str]:
    """This host's addresses, each with the first interface that has it."""
    return {own.ip: interface.name for interface in reversed(host.interfaces) for own in _own_of(interface)}


# --------------------------------------------------------------------------------------------------------- one address


def _recorded(ip: IPv4Address, record: AddressInUse) -> Address:
    return Address(
        ip=ip,
        pool=record.pool,
        state=AddressState.IN_USE,
        by=(record.by,),
        reason=record.reason,
        handed_out=record.handed_out,
    )


def _address_state(
    ip: IPv4Address, pool: str, target: TargetReport | None, own: str | None, deaf: str, proxies: frozenset[str]
) -> Address:
    by = tuple(_words(r.node, r.macs, r.vendor) for r in target.responders) if target else ()
    nodes = target.target.nodes if target else ()
    if own:
        return Address(ip=ip, pool=pool, state=AddressState.IN_USE, by=by or nodes, reason=f"this host has it, on {own}")
    if nodes and not by:
        return Address(ip=ip, pool=pool, state=AddressState.IN_USE, by=nodes, reason="it is this node's own address")
    state, reason = _state(target, deaf, proxies)
    return Address(ip=ip, pool=pool, state=state, by=by, reason=reason)


def _state(target: TargetReport | None, deaf: str, proxies: frozenset[str]) -> tuple[AddressState, str]:
    if target is None or not target.rounds:
        return AddressState.NOT_HEARD, "it was not asked"
    if target.responders and all(_is_proxy(responder, target, proxies) for responder in target.responders):
        return (
            AddressState.NOT_HEARD,
            "a proxy answered, who does so for what is not its own: whether anybody has it can't be seen",
        )
    if target.responders:
        return AddressState.IN_USE, "somebody answered for it"
    return (AddressState.NOT_HEARD, deaf) if deaf else (AddressState.FREE, "nobody answered")


def _proxies(report: Report) -> frozenset[str]:
    """The MACs that answered the control, which nobody owns."""
    controls = (target for target in report.targets if target.target.kind is Kind.CONTROL)
    return frozenset(mac for target in controls for responder in target.responders for mac in responder.macs)


def _is_proxy(found: Responder, target: TargetReport, proxies: frozenset[str]) -> bool:
    """By the control; where a verdict found it otherwise, whoever is no known node."""
    by_verdict = target.verdict is Verdict.PROXY_ARP and proxies.isdisjoint(m for r in target.responders for m in r.macs)
    return found.node is None and (by_verdict or not proxies.isdisjoint(found.macs))


def _words(node: str | None, macs: tuple[str, ...], vendor: str | None) -> str:
    return node or (f"{', '.join(macs)} ({vendor})" if vendor else ", ".join(macs))


def to_json(result: Occupancy) -> dict[str, Any]:
    """`kind: PoolReport`, camelCase, every key in every entry."""
    count = Counter(address.state for address in result.addresses)
    return {
        "apiVersion": "arpcheck/v1",
        "kind": "PoolReport",
        "summary": {
            "exitCode": result.exit_code,
            "inUse": count[AddressState.IN_USE],
            "free": count[AddressState.FREE],
            "notHeard": count[AddressState.NOT_HEARD],
            "complete": result.complete,
        },
        "pools": [
            {"name": pool.name, "ranges": [f"{a}-{b}" for a, b in pool.spans], "unreadable": list(pool.unreadable)}
            for pool in result.pools
        ],
        "addresses": [
            {
                "ip": str(a.ip), "pool": a.pool, "state": a.state.value, "by": list(a.by), "reason": a.reason,
                "handedOut": a.handed_out,
            }
            for a in result.addresses
        ],
        "gaps": [{"what": gap.what, "why": gap.why, "costs": gap.costs} for gap in result.gaps],
    }


def to_text(result: Occupancy) -> str:
    """A line that counts, a line a pool, and a line for every address that is not free."""
    count = Counter(address.state for address in result.addresses)
    words = {0: "FREE", 1: "IN USE", 3: "NOT SURE", 130: "INTERRUPTED"}[result.exit_code]
    handed = sum(address.handed_out for address in result.addresses)
    lines = [
        f"{words} (exit code {result.exit_code}): {count[AddressState.IN_USE]} in use, {count[AddressState.FREE]} free,"
        f" {count[AddressState.NOT_HEARD]} not heard, of {len(result.addresses)} addresses"
        f"{f'; {handed} of those in use were handed out by a load balancer' if handed else ''}",
        "",
    ]
    for pool in result.pools:
        own = [address for address in result.addresses if address.pool == pool.name]
        lines.append(f"{pool.name}: {len(pool)} addresses, {sum(not a.handed_out for a in own)} not handed out")
        lines.extend(f"  can't be read: {entry}" for entry in pool.unreadable)
    shown = [address for address in result.addresses if result.named or not address.handed_out]
    busy = [address for address in shown if address.state is not AddressState.FREE]
    if busy:
        lines.append("")
    for address in busy:
        lines.append(f"{address.ip}  {address.state.value}  {', '.join(address.by) or '-'}  {address.reason}")
    lines.extend(f"gap: {gap.what}: {gap.why}; {gap.costs}" for gap in result.gaps)
    return "\n".join(lines) + "\n"
