"""Which responder a client most likely takes, and how well an address was asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address

from arpcheck.judge.observations import SLOW, Hearing
from arpcheck.model import Confidence, Loss, Reply, Responder


def winner(ip: IPv4Address, responders: Sequence[Responder], hearing: Hearing) -> str | None:
    """The node or the MAC that replied first to most of the requests that everybody received: Linux ignores another reply
    within a second of the first (net/ipv4/arp.c, arp_process, `locktime`). Of two that were first equally often the one
    with the fastest reply. None where nobody replied to such a request."""
    asked = hearing.asked(ip).broadcast
    by_nic = {(mac, interface): one for one in responders for mac in one.macs for interface in one.interfaces}
    first: dict[tuple[str, int, IPv4Address], Reply] = {}
    for reply in hearing.replies(ip):
        if reply.to is None and (reply.interface, reply.round) in asked and (reply.mac, reply.interface) in by_nic:
            request = reply.interface, reply.round, reply.sender
            if request not in first or reply.at < first[request].at:
                first[request] = reply
    won = Counter(by_nic[reply.mac, reply.interface] for reply in first.values())
    best = min(won, key=lambda one: (-won[one], one.first_reply_ms, one.macs), default=None)
    return (best.node or str(best.macs[0])) if best else None


def confidence(ip: IPv4Address, hearing: Hearing, losses: Iterable[Loss]) -> Confidence:
    """Of an address that was asked; a capture does not say at what rate it was."""
    asked, rounds = hearing.asked(ip).broadcast, hearing.rounds(ip)
    rates = (
        min(course.rate, SLOW) if number > course.last_announced else course.rate
        for course in hearing.courses for number in rounds if course.has(number)
    )  # fmt: skip
    return Confidence(
        rounds=len(rounds),
        lost=sum(loss.frames for loss in losses if any((loss.interface, number) in asked for number in loss.rounds)),
        slowest_rate=None if hearing.recorded else min(rates, default=None),
    )
