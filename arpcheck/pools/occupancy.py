"""Which free addresses of a pool somebody on the LAN already uses: the conclusion from a run over them. Pure.

"Free" takes proof that the wire would have carried an answer: something must have been heard on the segment, no frame
lost, every round finished. A proxy answers for everything, so behind one nothing is known to be free."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address
from typing import Any

from arpcheck.model import Gap, Kind, Report, TargetReport, Verdict
from arpcheck.pools.ranges import NEEDS, Pool


class State(StrEnum):
    FREE = "free"
    IN_USE = "in-use"
    NOT_HEARD = "not-heard"


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


def occupancy(report: Report, found: tuple[Pool, ...], free: Mapping[IPv4Address, str], *, named: bool) -> Occupancy:
    """`free`: what was asked, with its pool. `named`: the pools were named by the user, so that one that could not be
    read costs nothing."""
    by_ip = {target.target.ip: target for target in report.targets if target.target.kind in (Kind.EXTRA, Kind.LOAD_BALANCER)}
    lost = {ip for finding in report.findings if finding.id == "frames-lost" for ip in finding.ips}
    deaf = _deaf(report)
    addresses = tuple(
        _address(ip, pool, by_ip.get(ip), "frames were lost while it was asked" if ip in lost else deaf)
        for ip, pool in free.items()
    )
    run = report.run
    return Occupancy(
        pools=found,
        addresses=addresses,
        gaps=() if named else report.gaps,
        complete=report.summary.complete,
        interrupted=report.summary.exit_code == 130,
        seconds=(run.ended_at - run.started_at).total_seconds(),
    )


def _deaf(report: Report) -> str:
    """Why silence proves nothing in this run; empty where it does."""
    if not report.summary.complete:
        return "the run was not finished"
    return "" if any(target.responders for target in report.targets) else "nothing at all was heard on this segment"


def _address(ip: IPv4Address, pool: str, target: TargetReport | None, deaf: str) -> Address:
    state, reason = _state(target, deaf)
    by = tuple(_words(r.node, r.macs, r.vendor) for r in target.responders) if target else ()
    return Address(ip=ip, pool=pool, state=state, by=by, reason=reason)


def _state(target: TargetReport | None, deaf: str) -> tuple[State, str]:
    if target is None or not target.rounds:
        return State.NOT_HEARD, "it was not asked"
    if target.verdict is Verdict.PROXY_ARP:
        return State.NOT_HEARD, f"{target.reason}: behind a proxy it can't be seen whether anybody has it"
    if target.responders:
        return State.IN_USE, "somebody answered for it"
    if target.verdict is Verdict.FOREIGN:
        return State.IN_USE, target.reason
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
