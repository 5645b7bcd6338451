"""`arpcheck probe --dry-run`: what would be asked, in which frames, and how long it would take. Sends nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from arpcheck.commands.terminal import duration
from arpcheck.evidence import Evidence, Options
from arpcheck.model import Target
from arpcheck.objects import Objects
from arpcheck.pipeline import Plan, announcements
from arpcheck.targets import JUDGED
from arpcheck.text import plain


def dry_run(plan: Plan, options: Options, objects: Objects, now: datetime) -> str:
    """A page of text. `now`: when it would begin."""
    from tabulate import tabulate

    senders: dict[object, list[str]] = {}
    for ask in plan.asks:
        senders.setdefault(ask.ip, []).append(f"{ask.sender} on {ask.interface}")
    unasked = Evidence(arpcheck="", started_at=now, ended_at=now, options=options, objects=objects)
    rows = [
        (target.ip or "-", target.kind.value, _services(target), _asked(target, senders), _claims(target, unasked))
        for target in plan.targets
    ]
    table = tabulate(rows, headers=("IP", "KIND", "SERVICES", "ASKED WITH SENDER", "SHOULD ANSWER"), tablefmt="plain")
    return "\n".join((table, "", *_frames(plan, options), ""))


def _services(target: Target) -> str:
    return plain(", ".join(target.services or target.nodes)) or "-"


def _asked(target: Target, senders: dict[object, list[str]]) -> str:
    return plain(f"not asked: {target.skipped}") if target.skipped else ", ".join(senders.get(target.ip, ())) or "-"


def _claims(target: Target, evidence: Evidence) -> str:
    """Of what gets a verdict."""
    said = announcements(target, evidence) if target.kind in JUDGED else ()
    found = [announcement for of_service in said for announcement in of_service]
    claims = [f"{claim.node} ({claim.trust.value}, {claim.source})" for one in found for claim in one.claims]
    nobody = [f"nobody ({one.silence})" for one in found if one.silence]
    return plain("; ".join(dict.fromkeys(claims or nobody))) or "-"


def _frames(plan: Plan, options: Options) -> Iterable[str]:
    by_interface = Counter(ask.interface for ask in plan.asks)
    for interface in options.interfaces:
        count = by_interface[interface]
        yield (
            f"{interface}: {count} frames a round, {options.rounds} rounds, {count * options.rounds} frames of 42 bytes"
            f" at {options.rate:g}/s"
        )
    yield f"At least {duration(plan.seconds)}; addresses that have to be asked again add to it. Nothing was sent."
