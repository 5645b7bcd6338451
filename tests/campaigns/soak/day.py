"""`watch --serve` through simulated hours: `python tests/campaigns/soak/day.py [HOURS [SEED]]`; 24 and 1.

No alert that pages for anything but the split brains that were drawn, each of which is on /metrics with its nodes by the end
of the second probe that began after it, and within two cycles where the API could be read; the process is restarted in between
with its state; and its memory does not grow."""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import FunctionType, ModuleType

sys.path.append(str(Path(__file__).parents[2]))

import promtool
from day_network import NOW, SEEDED, Day, DayWire, scene_of
from promtool import EVERY, failures, firing, never
from simulated.wire import scene_host

from arpcheck.commands.serving import Snapshot, collector
from arpcheck.commands.watch import CONFIRM
from arpcheck.commands.watch_loop import Pace, WatchDependencies, _WatchLoop
from arpcheck.docs import file
from arpcheck.errors import ArpcheckError
from arpcheck.evidence import Options
from arpcheck.model import Families, Verdict
from arpcheck.objects import Objects
from arpcheck.watch import state as states
from arpcheck.watch.state import WatchState

RESTARTS = 5
"""In a day of 24 hours."""
AWAY = 20.0
"""Seconds of a restart."""
LATEST_PAGE = 240.0
"""Seconds from a split brain to its page: two probes, and a minute that it has to last."""
UNDER_WAY = 15.0
"""Seconds of a probe, which may be under way when a split brain begins, and have asked that address already."""
MOST_GROWTH = 1 << 20
"""Bytes of what the watch holds, after the first quarter."""

ASKED = frozenset(re.findall(r"\barpcheck_[a-z_]+", file("alerts")))
"""What the alerts read."""


@dataclass(slots=True)
class Kept:
    """What was served when: only what the alerts read, and of a state set only what holds."""

    times: list[float] = field(default_factory=list)
    scrapes: list[Mapping[str, float]] = field(default_factory=list)
    verdicts: list[dict[str, tuple[Verdict, frozenset[str]]]] = field(default_factory=list)
    began: list[float] = field(default_factory=list)
    """When the probe began."""
    faults: int = 0

    def publish(self, at: float, snapshot: Snapshot) -> None:
        self.times.append(at)
        self.began.append((snapshot.report.run.started_at - NOW).total_seconds())
        self.scrapes.append(dict(_samples(snapshot)))
        self.verdicts.append(
            {
                str(target.target.ip): (target.verdict, frozenset(one.node or "?" for one in target.responders))
                for target in snapshot.report.targets
                if target.verdict
            }
        )

    def gone(self, at: float) -> None:
        self.times.append(at)
        self.began.append(at)
        self.scrapes.append({})
        self.verdicts.append({})

    def grid(self, length: float) -> list[Mapping[str, float]]:
        """As Prometheus scrapes them: what was served last."""
        found: list[Mapping[str, float]] = []
        place = -1
        for number in range(int(length // EVERY) + 1):
            while place + 1 < len(self.times) and self.times[place + 1] <= number * EVERY:
                place += 1
            found.append(self.scrapes[place] if place >= 0 else {})
        return found


_NAMES: dict[tuple[str, tuple[tuple[str, str], ...]], str] = {}


def _samples(snapshot: Snapshot):
    for family in collector(lambda: snapshot).collect():
        for sample in family.samples:
            if sample.name in ASKED and (sample.value or not sample.name.endswith(("_verdict", "_state", "_accepted"))):
                labels = tuple(sorted(sample.labels.items()))
                name = _NAMES.setdefault((sample.name, labels), _series(sample.name, labels))
                yield name, sample.value - NOW.timestamp() if sample.name.endswith("_timestamp_seconds") else sample.value


def _series(name, labels):
    return f"{name}{{{','.join(f'{label}={chr(34)}{value}{chr(34)}' for label, value in labels if value)}}}"


class Reading:
    """A reading takes a second."""

    def __init__(self, day, scene, wire):
        self._wire, self._ready = wire, wire.now() + 1
        try:
            self._found: Objects | ArpcheckError = day.objects(scene, wire.now())
        except ArpcheckError as error:
            self._found = error

    def result(self):
        return self._found if self._wire.now() >= self._ready else None


def live(day: Day, restarts: int, told=lambda _: None) -> tuple[Kept, list[int]]:
    """The day from its beginning to its end, and the bytes that the watch held on the way."""
    scene = scene_of()
    wire, kept, held = DayWire(scene, day), Kept(), []
    ends = [day.length * (number + 1) / (restarts + 1) for number in range(restarts + 1)]
    state: list[WatchState] = []
    loops: list[_WatchLoop] = []
    for number, end in enumerate(ends):
        while True:
            try:
                objects = day.objects(scene, wire.now())
                break
            except ArpcheckError:  # the pod is started again until it can be read
                wire.receive(wire.now() + AWAY)

        def publish(snapshot):
            kept.publish(wire.now(), snapshot)
            if len(kept.times) % 60 == 0:
                held.append(deep_size(*loops))

        world = WatchDependencies(
            wire=wire, clock=lambda: NOW + timedelta(seconds=wire.now()), host=scene_host(scene), objects=objects,
            reading=lambda: Reading(day, scene, wire), say=told, store=lambda _: None,
            stop=lambda end=end: wire.now() >= end, publish=publish,
            state=states.read(states.written(state[-1]), state[-1].place) if state else None,
            keep=lambda one: state.__setitem__(slice(None), [one]),
        )  # fmt: skip
        options = Options(interfaces=("eth0",), rounds=1, rate=10.0, families=Families.IPV4)
        loops[:] = [_WatchLoop(options, Pace(interval=EVERY, lasts=None, every=0.5, confirm=CONFIRM), world)]
        loops[0].run()
        if number < len(ends) - 1:
            kept.gone(wire.now())
            wire.receive(wire.now() + AWAY)
    return kept, held


def deep_size(*roots):
    """Bytes of all that these hold, without code."""
    seen, rest, size = set(), list(roots), 0
    while rest:
        one = rest.pop()
        if id(one) in seen or isinstance(one, type | ModuleType | FunctionType):
            continue
        seen.add(id(one))
        size += sys.getsizeof(one)
        rest += gc.get_referents(one)
    return size


def missed(day: Day, kept: Kept) -> tuple[list[str], list[float]]:
    """The split brains that were not on /metrics with their nodes when the second probe after them was over, or were still
    there after the second probe that did not meet them; and how many seconds each took."""
    faults, took = [], []
    for split in day.splits:
        after = [number for number, began in enumerate(kept.began) if began >= split.begins and kept.scrapes[number]]
        during = [number for number in after if kept.times[number] < split.ends]
        shown = [n for n in during if kept.verdicts[n].get(str(split.ip)) == (Verdict.DUPLICATE, split.nodes)]
        if len(during) < 2:
            continue
        if not shown or shown[0] > during[1]:
            faults.append(f"{split.ip} at {split.begins:.0f} s: {[kept.verdicts[n].get(str(split.ip)) for n in during[:4]]}")
        else:
            took.append(kept.times[shown[0]] - split.begins)
            until = kept.times[shown[0]]
            unread = any(begins <= until and split.begins <= ends for begins, ends in (*day.outages, *day.expired))
            if took[-1] > 2 * EVERY + UNDER_WAY and not unread and not _restarted(kept, split.begins, until):
                faults.append(f"{split.ip} at {split.begins:.0f} s: on /metrics after {took[-1]:.0f} s")
        cleared = [number for number in after if kept.began[number] >= split.ends][:1]
        if any(kept.verdicts[number][str(split.ip)][0].outcome.value == "fault" for number in cleared):
            faults.append(f"{split.ip} at {split.ends:.0f} s: it did not end")
    return faults, took


def false_pages(day: Day, kept: Kept) -> str:
    """What promtool says against: no page for another address or a node at any time, and one for each split brain."""
    scrapes = kept.grid(day.length)
    seeded = "|".join(map(re.escape, map(str, SEEDED))).replace("\\", "\\\\")
    end = EVERY * (len(scrapes) - 1)
    no_other = never("critical", end)
    no_other["expr"] = no_other["expr"].replace("severity=", f'address!~"{seeded}",severity=')
    pages = [
        firing(
            EVERY * (split.ends // EVERY - 1), {"alertname": "LoadBalancerAddressDuplicate", "address": str(split.ip)},
            address=str(split.ip), severity="critical",
        )
        for split in day.splits
        if split.ends - split.begins > LATEST_PAGE
        and split.ends < end
        and not _restarted(kept, split.ends - LATEST_PAGE, split.ends)
        and not day.was_down(split.nodes, split.ends - LATEST_PAGE, split.ends)
    ]  # fmt: skip
    return failures(scrapes, expressions=[no_other, *pages])


def _restarted(kept: Kept, since: float, until: float) -> bool:
    """Whether nothing was served at some time of it: a restart in an outage of the API takes as long as the outage."""
    back = [*kept.times[1:], until]
    return any(
        gone <= until and since <= again for gone, again, one in zip(kept.times, back, kept.scrapes, strict=True) if not one
    )


def main(hours: float = 24, seed: int = 1) -> int:
    day = Day(hours, seed)
    kept, held = live(day, round(RESTARTS * hours / 24))
    faults, took = missed(day, kept)
    say(f"{hours:g} h, {len(kept.times)} probes, {day.failovers} failovers, {sum(map(len, day.down.values()))} reboots, "
        f"{len(day.outages)} outages of the API, {len(day.expired)} tokens, {len(day.splits)} split brains")  # fmt: skip
    if took:
        say(f"on /metrics after {min(took):.0f} to {max(took):.0f} s, in the median {sorted(took)[len(took) // 2]:.0f} s")
    if len(held) > 3:
        early, late = max(held[: len(held) // 4 + 1]), max(held[-3:])
        say(f"the watch held {early >> 10} KiB at most in the first quarter and {late >> 10} KiB at the end")
        if late - early > MOST_GROWTH:
            faults.append(f"memory grew from {early} to {late} bytes")
    if promtool.PROMTOOL is None:
        say(promtool.MISSING)
    elif wrong := false_pages(day, kept):
        faults.append(wrong)
    for fault in faults:
        say(fault)
    return 1 if faults else 0


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(*(kind(text) for kind, text in zip((float, int), sys.argv[1:], strict=False))))
