"""`arpcheck probe --dry-run`: what would be asked, in which frames, and how long it would take. Sends nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from ipaddress import IPv4Address

from arpcheck.commands.terminal import duration
from arpcheck.evidence import Options
from arpcheck.loadbalancers import announcements, announcements_of_address
from arpcheck.model import Target
from arpcheck.objects import Objects
from arpcheck.pipeline import Plan
from arpcheck.reports.escape import plain


def dry_run(plan: Plan, options: Options, objects: Objects) -> str:
    """A page of text."""
    from tabulate import tabulate

    senders: dict[object, list[str]] = {}
    for ask in plan.asks:
        senders.setdefault(ask.ip, []).append(f"{ask.sender} on {ask.interface}")
    rows = [
        (target.ip or "-", target.kind.value, _services(target), _asked(target, senders), _claims(target, objects))
        for target in plan.targets
    ]
    table = tabulate(rows, headers=("IP", "KIND", "SERVICES", "ASKED WITH SENDER", "SHOULD ANSWER"), tablefmt="plain")
    return "\n".join((table, "", *_frames(plan, options), ""))


def _services(target: Target) -> str:
    return plain(", ".join(target.services or target.nodes)) or "-"


def _asked(target: Target, senders: dict[object, list[str]]) -> str:
    return plain(f"not asked: {target.skipped}") if target.skipped else ", ".join(senders.get(target.ip, ())) or "-"


def _claims(target: Target, objects: Objects) -> str:
    if not isinstance(target.ip, IPv4Address) or objects.read_at is None:
        return "-"
    by_name = {service.full_name: service for service in objects.services()}
    ip, at = target.ip, objects.read_at
    found = [a for name in target.services for a in announcements(by_name[name], ip, objects, at)]
    found += announcements_of_address(ip, objects, at) if not target.services else ()
    claims = dict.fromkeys(f"{claim.node} ({claim.trust.value}, {claim.source})" for a in found for claim in a.claims)
    return plain("; ".join(claims)) or "-"


def _frames(plan: Plan, options: Options) -> Iterable[str]:
    by_interface = Counter(ask.interface for ask in plan.asks)
    for interface in options.interfaces:
        count = by_interface[interface]
        yield (
            f"{interface}: {count} frames a round, {options.rounds} rounds, {count * options.rounds} frames of 42 bytes"
            f" at {options.rate:g}/s"
        )
    yield f"At least {duration(plan.seconds)}; addresses that have to be asked again add to it. Nothing was sent."
