"""Which free addresses of a pool somebody on the LAN already uses: the conclusion from a run over them. Pure.

"Free" takes proof that the wire would have carried an answer: something must have been heard on every segment that it was
asked on, no frame lost, every round finished. A proxy answers for everything, so behind one nothing is known to be free.
What is this host's own, or a node's by its object, is in use whoever is silent: a host does not hear itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface
from typing import Any

from arpcheck.evidence import Evidence
from arpcheck.model import Gap, Host, Kind, Report, TargetReport, Verdict
from arpcheck.pools.ranges import NEEDS, Pool


class State(StrEnum):
    FREE = "free"
    IN_USE = "in-use"
    NOT_HEARD = "not-heard"


JUDGED = (Kind.EXTRA, Kind.EXTERNAL_IP, Kind.LOAD_BALANCER)
"""What an address of a pool may be a target as."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    ip: IPv4Address
    pool: str
    state: State
    by: tuple[str, ...]
    """Who answered: the node, or the MAC with what its prefix says."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy:
    pools: tuple[Pool, ...]
    addresses: tuple[Address, ...]
    """Sorted; only those that no Service has."""
    gaps: tuple[Gap, ...]
    complete: bool
    interrupted: bool
    seconds: float

    @property
    def exit_code(self) -> int:
        """1 an address is in use, 3 something was not heard or there was nothing to ask, 0 all are free."""
        states = {address.state for address in self.addresses}
        if self.interrupted:
            return 130
        if State.IN_USE in states:
            return 1
        return 3 if State.NOT_HEARD in states or not states or self._unsure() else 0

    def _unsure(self) -> bool:
        """A pool that could not be read, or an entry of one, may hold the address that is in use."""
        return any(pool.unreadable for pool in self.pools) or any(gap.what in _POOL_GAPS for gap in self.gaps)


_POOL_GAPS = ("services", *(need.resource for need in NEEDS))


def occupancy(
    report: Report, evidence: Evidence, found: tuple[Pool, ...], free: Mapping[IPv4Address, str], *, named: bool
) -> Occupancy:
    """`free`: what was asked, with its pool. `named`: the pools were named by the user, so that one that could not be
    read costs nothing."""
    by_ip = {target.target.ip: target for target in report.targets if target.target.kind in JUDGED}
    deaf, own = _deaf(report, evidence), _own(evidence.host)
    run = report.run
    return Occupancy(
        pools=found,
        addresses=tuple(_address(ip, pool, by_ip.get(ip), own.get(ip), deaf.get(ip, "")) for ip, pool in free.items()),
        gaps=() if named else report.gaps,
        complete=report.summary.complete,
        interrupted=report.summary.exit_code == 130,
        seconds=(run.ended_at - run.started_at).total_seconds(),
    )


def _deaf(report: Report, evidence: Evidence) -> Mapping[IPv4Address, str]:
    """By address that was asked: why its silence proves nothing in this run; empty where it does."""
    lost = {ip for finding in report.findings if finding.id == "frames-lost" for ip in finding.ips}
    heard = {name for target in report.targets for responder in target.responders for name in responder.interfaces}
    asked: dict[IPv4Address, set[str]] = {}
    for question in evidence.questions:
        asked.setdefault(question.ip, set()).add(question.interface)
    found = {ip: _unheard(names - heard) for ip, names in asked.items()}
    if not report.summary.complete:
        found = dict.fromkeys(found, "the run was not finished")
    return {ip: "frames were lost while it was asked" if ip in lost else why for ip, why in found.items()}


def _unheard(silent: set[str]) -> str:
    return f"nothing at all was heard on the segment of {' and '.join(sorted(silent))}" if silent else ""


def _own(host: Host) -> Mapping[IPv4Address, str]:
    """This host's addresses, each with its interface."""
    return {IPv4Interface(address).ip: nic.name for nic in host.interfaces for address in nic.addresses}


def _address(ip: IPv4Address, pool: str, target: TargetReport | None, own: str | None, deaf: str) -> Address:
    by = tuple(_words(r.node, r.macs, r.vendor) for r in target.responders) if target else ()
    nodes = target.target.nodes if target else ()
    if own:
        return Address(ip=ip, pool=pool, state=State.IN_USE, by=by or nodes, reason=f"this host has it, on {own}")
    if nodes and not by:
        return Address(ip=ip, pool=pool, state=State.IN_USE, by=nodes, reason="it is this node's own address")
    state, reason = _state(target, deaf)
    return Address(ip=ip, pool=pool, state=state, by=by, reason=reason)


def _state(target: TargetReport | None, deaf: str) -> tuple[State, str]:
    if target is None or not target.rounds:
        return State.NOT_HEARD, "it was not asked"
    if target.verdict is Verdict.PROXY_ARP:
        return State.NOT_HEARD, f"{target.reason}: behind a proxy it can't be seen whether anybody has it"
    if target.responders:
        return State.IN_USE, "somebody answered for it"
    return (State.NOT_HEARD, deaf) if deaf else (State.FREE, "nobody answered")


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
            "inUse": count[State.IN_USE],
            "free": count[State.FREE],
            "notHeard": count[State.NOT_HEARD],
            "complete": result.complete,
        },
        "pools": [
            {"name": pool.name, "ranges": [f"{a}-{b}" for a, b in pool.spans], "unreadable": list(pool.unreadable)}
            for pool in result.pools
        ],
        "addresses": [
            {"ip": str(a.ip), "pool": a.pool, "state": a.state.value, "by": list(a.by), "reason": a.reason}
            for a in result.addresses
        ],
        "gaps": [{"what": gap.what, "why": gap.why, "costs": gap.costs} for gap in result.gaps],
    }


def to_text(result: Occupancy) -> str:
    """A line that counts, a line a pool, and a line for every address that is not free."""
    count = Counter(address.state for address in result.addresses)
    words = {0: "FREE", 1: "IN USE", 3: "NOT SURE", 130: "INTERRUPTED"}[result.exit_code]
    lines = [
        f"{words} (exit code {result.exit_code}): {count[State.IN_USE]} in use, {count[State.FREE]} free,"
        f" {count[State.NOT_HEARD]} not heard, of {len(result.addresses)} addresses that no Service has",
        "",
    ]
    for pool in result.pools:
        asked = sum(address.pool == pool.name for address in result.addresses)
        lines.append(f"{pool.name}: {len(pool)} addresses, {asked} asked")
        lines.extend(f"  can't be read: {entry}" for entry in pool.unreadable)
    busy = [address for address in result.addresses if address.state is not State.FREE]
    if busy:
        lines.append("")
    for address in busy:
        lines.append(f"{address.ip}  {address.state.value}  {', '.join(address.by) or '-'}  {address.reason}")
    lines.extend(f"gap: {gap.what}: {gap.why}; {gap.costs}" for gap in result.gaps)
    return "\n".join(lines) + "\n"
