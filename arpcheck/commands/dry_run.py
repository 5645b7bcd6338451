"""`arpcheck probe --dry-run`: what a probe would send, and what would be left out, as a table or as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from arpcheck.commands.opening import expected_reach, unselected
from arpcheck.commands.output import how_long
from arpcheck.evidence import Evidence, Options
from arpcheck.model import Address, Announcement, Target
from arpcheck.objects import Objects
from arpcheck.pipeline import Plan, announcements, expected_seconds
from arpcheck.targets import JUDGED
from arpcheck.text import count, plain

DRY_RUN = ("table", "json")
"""Its formats."""


@dataclass(frozen=True, slots=True)
class DryRun:
    plan: Plan
    options: Options
    objects: Objects
    now: datetime
    """When the probe would begin."""

    def text(self) -> str:
        from tabulate import tabulate

        senders = self._senders()
        rows = [
            (target.ip or "-", target.kind.value, _named(target), _asked(target, senders), _claims(self._announced(target)))
            for target in self.plan.targets
        ]
        table = tabulate(rows, headers=("IP", "KIND", "SERVICES", "REQUESTS FROM", "ANNOUNCER"), tablefmt="plain")
        missing = [f"{plain(words)}." for words in self._unselected()]
        return "\n".join((*missing, *([""] if missing else ()), table, "", *self._frames(), ""))

    def json(self) -> str:
        """The same, for scripts; every key in every entry."""
        senders, by_interface = self._senders(), Counter(ask.interface for ask in self.plan.requests)
        found = {
            "apiVersion": "arpcheck/v1",
            "kind": "DryRun",
            "context": self.objects.context,
            "unselected": [*self._unselected()],
            "targets": [
                {
                    "ip": str(target.ip) if target.ip else None,
                    "kind": target.kind.value,
                    "services": [*target.services],
                    "nodes": [*target.nodes],
                    "skipped": target.skipped,
                    "requests": [
                        {"interface": interface, "sender": sender} for sender, interface in senders.get(target.ip, ())
                    ],
                    "announcers": [
                        {"node": claim.node, "trust": claim.trust.value, "source": claim.source}
                        for one in self._announced(target)
                        for claim in one.claims
                    ],
                }
                for target in self.plan.targets
            ],
            "interfaces": [
                {"name": name, "framesPerRound": by_interface[name], "frames": by_interface[name] * self.options.rounds}
                for name in self.options.interfaces
            ],
            "interfacesBecause": self.options.interfaces_because,
            "rounds": self.options.rounds,
            "rate": self.options.rate,
            "seconds": round(self.plan.seconds, 1),
            "reach": self._tries(),
        }
        return json.dumps(found, indent=2, ensure_ascii=True) + "\n"

    def _tries(self) -> Mapping[str, float] | None:
        """SYNs to one MAC address each, and the seconds that they take; None without `--reach`."""
        if not self.options.reach:
            return None
        tries, least, most = expected_seconds(self.plan.targets, self.objects, self.options)
        return {"tries": tries, "seconds": round(least, 1), "mostSeconds": round(most, 1)}

    def _unselected(self) -> tuple[str, ...]:
        return unselected(self.plan, self.options, self.objects)

    def _senders(self) -> Mapping[Address | None, list[tuple[str, str]]]:
        """(sender, interface) by address."""
        found: dict[Address | None, list[tuple[str, str]]] = {}
        for ask in self.plan.requests:
            found.setdefault(ask.ip, []).append((str(ask.sender), ask.interface))
        return found

    def _announced(self, target: Target) -> tuple[Announcement, ...]:
        """Of an address that gets a verdict."""
        if target.kind not in JUDGED:
            return ()
        evidence = Evidence(arpcheck="", started_at=self.now, ended_at=self.now, options=self.options, objects=self.objects)
        return tuple(one for of_service in announcements(target, evidence) for one in of_service)

    def _frames(self) -> Iterable[str]:
        by_interface = Counter(ask.interface for ask in self.plan.requests)
        for interface in self.options.interfaces:
            frames = by_interface[interface]
            total, rounds = count(frames * self.options.rounds, "frame"), count(self.options.rounds, "round")
            yield (
                f"{interface}: {count(frames, 'frame')} per round, {rounds}, {total} of 42 bytes"
                f" at {self.options.rate:g} frames/s"
            )
        if self.options.reach:
            yield expected_reach(self.plan, self.objects, self.options)
        yield (
            f"At least {how_long(self.plan.seconds, self.plan.most_seconds)}; additional requests for unclear addresses"
            " take longer. Nothing was sent."
        )


def _named(target: Target) -> str:
    return plain(", ".join(target.services or target.nodes)) or "-"


def _asked(target: Target, senders: Mapping[Address | None, list[tuple[str, str]]]) -> str:
    if target.skipped:
        return plain(f"not probed: {target.skipped}")
    return ", ".join(f"{sender} on {interface}" for sender, interface in senders.get(target.ip, ())) or "-"


def _claims(announced: Iterable[Announcement]) -> str:
    found = [*announced]
    claims = [f"{claim.node} ({claim.trust.value}, {claim.source})" for one in found for claim in one.claims]
    nobody = [f"none ({one.silence})" for one in found if one.silence]
    return plain("; ".join(dict.fromkeys(claims or nobody))) or "-"
