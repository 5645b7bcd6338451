"""Draws worlds and holds arpcheck to its promises: `scripts/model FIRST COUNT [--small] [--kernel|--merged]`.

Every world goes through the real `observe` and `conclude` on a simulated wire. `--small` draws each kind of wrong result again
without one trait after the other, until none can be left out. `--kernel` builds them out of namespaces, `--merged` asks from
several places and merges the runs."""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from random import Random
from typing import Any, NamedTuple

import kube_records
from drawing import NO_FOCUS, Focus, draw
from promises import WRONG, Wrong, broken, healthy, provable
from world import Machine, Nic, Prober, World
from world_truth import Truth, truth
from world_wire import Came, Put, WorldWire

from arpcheck import pipeline
from arpcheck.evidence import Evidence, MacEntry, Options
from arpcheck.model import Acceptance, Host, Interface, MacListFormat, Report, Verdict
from arpcheck.runs.merge import merge

READ_BEFORE = 0.3
"""Seconds between the reading of the cluster and the first question, and from the last frame to the second reading."""


@dataclass(frozen=True, slots=True)
class Result:
    world: World
    wire: Any
    """What was asked and what came, as `promises` reads it."""
    truth: Truth
    report: Report
    wrong: tuple[Wrong, ...]
    healthy: bool
    provable: tuple[str, ...]


def judged(seed: int, without: frozenset[str] = frozenset(), focus: Focus = NO_FOCUS) -> Result:
    """A world, what is so in it, and what arpcheck says."""
    world = draw(seed, without, focus)
    wire = WorldWire(world)
    report = pipeline.conclude(observed(world, wire))
    found = truth(world, max((put.at for put in wire.put), default=0.0))
    return Result(
        world, wire, found, report, broken(world, found, wire, report), healthy(world, found), provable(world, found)
    )


def observed(world: World, wire: WorldWire) -> Evidence:
    """The evidence, as `arpcheck probe` gathers it: the cluster is read before the first frame and after the last one."""
    entries = tuple(
        MacEntry(mac=mac, node=node, interface=nic, where=f"macs.csv:{line}", format=MacListFormat.CSV)
        for line, (mac, node, nic) in enumerate(world.mac_list, 1)
    )
    evidence = pipeline.observe(
        Options(interfaces=world.prober.interfaces, **world.options),
        objects=kube_records.objects(world, -READ_BEFORE, pipeline.NEEDS),
        host=host(world),
        mac_map=entries,
        wire=wire,
        clock=lambda: kube_records.at(world, wire.now() + world.prober.clock),
    )
    return replace(evidence, accepted=accepted(world), **second_reading(world, wire, evidence))


def accepted(world: World) -> tuple[Acceptance, ...]:
    until = (kube_records.at(world, 0) + timedelta(days=30)).date()
    return tuple(
        Acceptance(reason="known", until=until, verdict=Verdict.DUPLICATE, ip=ip, responders=names)
        for ip, names in world.accepted
    )


def merged(seed: int, without: frozenset[str] = frozenset()) -> Result | None:
    """The same of a world that was asked from several places, one after the other; None where it moves in time, or where
    nobody else can ask."""
    world = draw(seed, without)
    dice = Random(f"{seed} places")  # noqa: S311 - a draw, not a secret
    if set(world.traits) & ONE_PLACE:
        return None
    nodes = [name for name in world.nodes if world.machines[name].on and world.machines[name].nics[0].segment == "lan"]
    places = (["client"] if dice.random() < 0.5 else []) + dice.sample(nodes, k=min(2, len(nodes)))
    if len(places) < 2:
        return None
    wires, runs = [], []
    for number, place in enumerate(places):
        begun = timedelta(minutes=number)
        here = replace(world, prober=Prober(place), start=kube_records.START + begun)
        wires.append(WorldWire(here))
        runs.append((place, observed(here, wires[-1])))
    wire = Heard([put for one in wires for put in one.put], [came for one in wires for came in one.came])
    asked = replace(world, prober=Prober("client", others=tuple(places)))
    found = truth(asked, max((put.at for put in wire.put), default=0.0))
    report = pipeline.conclude(merge(runs))
    return Result(asked, wire, found, report, broken(asked, found, wire, report), healthy(asked, found), ())


ONE_PLACE = frozenset({
    "failover", "failover before", "shouter", "leader's gratuitous ARP", "prober is a node", "two interfaces", "storage too",
    "no address", "prober's clock",
})  # fmt: skip


class Heard(NamedTuple):
    """What `promises` reads of several wires."""

    put: list[Put]
    came: list[Came]


def second_reading(world: World, wire: WorldWire, evidence: Evidence) -> dict[str, Any]:
    """The records of announcers once more, as `arpcheck probe` reads them when the last frame has come."""
    if "after" not in {field.name for field in fields(Evidence)}:
        return {}
    needed = {need.resource for need in pipeline.records_of(evidence.objects)}
    again = kube_records.objects(world, wire.now() + READ_BEFORE, pipeline.NEEDS)
    kept = {what: found for what, found in again.resources.items() if what in needed}
    return {"after": replace(again, resources=kept, gaps=tuple(gap for gap in again.gaps if gap.what in needed))}


def host(world: World) -> Host:
    """As the prober sees itself."""
    machine = world.machines[world.prober.machine]
    found = [_interface(machine, nic) for nic in machine.nics]
    found.append(Interface(name="lo", mac=None, addresses=("127.0.0.1/8",)))
    if held := [thing.ip for thing in machine.held if thing.on is None]:
        found.append(Interface(name="kube-ipvs0", mac=None, addresses=tuple(f"{ip}/32" for ip in held), up=False))
    return Host(interfaces=tuple(sorted(found, key=lambda interface: interface.name)))


def _interface(machine: Machine, nic: Nic) -> Interface:
    held = tuple(f"{thing.ip}/32" for thing in machine.held if thing.on == nic.name and thing.start <= 0 < thing.end)
    return Interface(
        name=nic.name,
        mac=nic.mac,
        addresses=(*(address.with_prefixlen for address in nic.addresses), *held),
        arp_ignore=max(machine.arp_ignore, nic.arp_ignore),
        arp_announce=0,
    )


def smallest(seed: int, wanted: Callable[[Result], bool]) -> Result:
    """The same world with no trait that could be left out."""
    without: frozenset[str] = frozenset()
    result = judged(seed)
    again = True
    while again:
        again = False
        for trait in result.world.traits:
            if wanted(fewer := judged(seed, without | {trait})):
                result, without, again = fewer, without | {trait}, True
                break
    return result


@dataclass(slots=True)
class Tally:
    worlds: int = 0
    seconds: float = 0.0
    codes: Counter[int] = field(default_factory=Counter)
    healthy: Counter[int] = field(default_factory=Counter)
    provable: Counter[int] = field(default_factory=Counter)
    kinds: dict[tuple[str, str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    doubts: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    missed: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, seed: int, result: Result) -> None:
        code = result.report.summary.exit_code
        self.worlds += 1
        self.codes[code] += 1
        for wrong in {(w.promise, w.said, w.true): w for w in result.wrong}:
            self.kinds[wrong].append(seed)
        if result.healthy:
            self.healthy[code] += 1
            if code != 0:
                for words in {_shape(because) for because in result.report.summary.because}:
                    self.doubts[words].append(seed)
        if result.provable:
            self.provable[code] += 1
            if code != 1:
                self.missed[_shape(result.provable[0])].append(seed)

    def wrong(self) -> int:
        return sum(len(seeds) for (promise, _, _), seeds in self.kinds.items() if promise in WRONG)


def _shape(words: str) -> str:
    """Without the names in it."""
    found = ["…" if any(c.isdigit() for c in word) else word for word in words.split()]
    return " ".join(word for word, before in zip(found, ["", *found], strict=False) if word != "…" or before != "…")


def run(first: int, count: int) -> Tally:
    tally, begun = Tally(), time.monotonic()
    for seed in range(first, first + count):
        tally.add(seed, judged(seed))
    tally.seconds = time.monotonic() - begun
    return tally


def run_merged(first: int, count: int) -> Tally:
    tally, begun = Tally(), time.monotonic()
    for seed in range(first, first + count):
        if result := merged(seed):
            tally.add(seed, result)
    tally.seconds = time.monotonic() - begun
    return tally


def run_on_the_kernel(first: int, count: int) -> Tally:
    """The first `count` worlds from that number that the kernel can be given."""
    from world_kernel import fits, probed

    tally, begun = Tally(), time.monotonic()
    for seed in (seed for seed in itertools.count(first) if fits(draw(seed))):
        if tally.worlds == count:
            break
        tally.add(seed, probed(seed))
    tally.seconds = time.monotonic() - begun
    return tally


def lines(tally: Tally, *, small: bool) -> Iterator[str]:
    """The report of a campaign, the most frequent kind first."""
    yield f"{tally.worlds} worlds, {tally.worlds / max(tally.seconds, 1e-9):.0f} a second, exit codes {dict(sorted(tally.codes.items()))}"
    for name, codes, due in (("healthy", tally.healthy, 0), ("provable", tally.provable, 1)):
        total = sum(codes.values())
        yield f"{name}: {total}, of which exit {due}: {codes[due]} ({100 * codes[due] / max(total, 1):.1f} %), {dict(sorted(codes.items()))}"
    yield f"promises broken: {tally.wrong()}"
    for kind, seeds in sorted(tally.kinds.items(), key=lambda item: (item[0][0] not in WRONG, -len(item[1]))):
        yield ""
        yield from _kind(kind, seeds, small=small)
    for title, found in (("healthy, and not exit 0", tally.doubts), ("provable, and not exit 1", tally.missed)):
        for what, seeds in sorted(found.items(), key=lambda item: -len(item[1])):
            yield ""
            yield f"* {title}: {what} ({len(seeds)}: {', '.join(map(str, seeds[:5]))})"


def _kind(kind: tuple[str, str, str], seeds: list[int], *, small: bool) -> Iterator[str]:
    promise, said, true = kind
    yield f"* {promise}: said {said}; true: {true} ({len(seeds)} worlds: {', '.join(map(str, seeds[:6]))})"
    if not small or promise == "model":
        return

    def same(result: Result) -> bool:
        return kind in {(w.promise, w.said, w.true) for w in result.wrong}

    shapes: Counter[tuple[str, ...]] = Counter()
    told: dict[tuple[str, ...], tuple[int, Result]] = {}
    for seed in seeds[:8]:
        result = smallest(seed, same)
        shapes[result.world.traits] += 1
        told.setdefault(result.world.traits, (seed, result))
    for traits, number in shapes.most_common(4):
        seed, result = told[traits]
        wrong = next(w for w in result.wrong if (w.promise, w.said, w.true) == kind)
        yield f"    {number}x seed {seed}, {len(result.world.nodes)} nodes, {result.world.kube_proxy}, traits {list(traits)}: {'; '.join(result.world.about)}"
        yield f"       {wrong.subject}: {_reason(result.report, wrong)}"


def _reason(report: Report, wrong: Wrong) -> str:
    for target in report.targets:
        if str(target.target.ip) == wrong.subject and target.verdict:
            return f"{target.verdict} ({target.implementation}): {target.reason}"
    return next(
        (f"{node.arp}: {node.reason}" for node in report.nodes if node.name == wrong.subject),
        "; ".join(report.summary.because),
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--small", action="store_true")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--kernel", action="store_true")
    how.add_argument("--merged", action="store_true")
    asked = parser.parse_args(arguments)
    campaign = run_on_the_kernel if asked.kernel else run_merged if asked.merged else run
    tally = campaign(asked.first, asked.count)
    for line in lines(tally, small=asked.small):
        print(line)  # noqa: T201
    return 1 if tally.wrong() else 0


__all__ = ["Result", "judged", "main", "observed", "run", "smallest"]

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
