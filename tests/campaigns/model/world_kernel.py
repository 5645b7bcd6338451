"""Worlds on the kernel: namespaces, real frames, the API over HTTP, the command as it is run.

A namespace has no loss that can be drawn, no bond and no clock of its own, and the lab's announcers know no time of the
run; worlds with such traits are left out. The truth is the same as of a simulated world, so this holds the model's kernel
against the one that runs as well."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Interface, IPv4Network
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import kube_records
from drawing import draw
from promises import Wrong, broken, healthy, provable
from world import ZERO, Machine, World, replies
from world_campaign import READ_BEFORE, Result
from world_truth import truth
from world_wire import Came, Put

from arpcheck import pipeline
from arpcheck.evidence import Evidence
from arpcheck.evidence_json import from_json
from arpcheck.lab.scene import Announcer, Cluster, Prober, Route, Scene, SceneNic, Station
from arpcheck.model import Mac

sys.path.append(str(Path(__file__).parents[2]))
import forked

BEYOND = frozenset({
    "balance-alb bond", "failover", "failover before", "shouter", "leader's gratuitous ARP", "questions lost", "replies lost",
    "dropped by the prober", "frames doubled", "prober's clock", "twin MAC", "short leases",
    "announcer restarts", "the last are dropped", "accepted",
})  # fmt: skip
"""Traits that a namespace can't express, or not at a moment that is known. Short Leases expire here: nobody renews them."""

RATE, MOST_STATIONS = 1000.0, 10


def fits(world: World) -> bool:
    """Whether the kernel can be given this world."""
    ebpf = {speaker.ip for m in world.machines.values() for speaker in m.speakers if speaker.ebpf}
    held = {thing.ip for m in world.machines.values() for thing in m.held}
    return not set(world.traits) & BEYOND and len(world.machines) <= MOST_STATIONS and not ebpf & held


def scene(seed: str) -> Scene:
    """The scene of a world; its API speaks as of now."""
    world = started(int(seed))
    objects = kube_records.objects(world, -READ_BEFORE, pipeline.NEEDS)
    machines = [machine for machine in world.machines.values() if machine.on]
    return Scene(
        name=f"world-{seed}",
        title="",
        about="",
        lans={**world.networks, "beyond": IPv4Network("10.200.0.0/24")},
        stations=tuple(map(_station, machines)),
        announcers=tuple(announcer for machine in machines for announcer in _announcers(machine)),
        cluster=Cluster(
            version=kube_records.VERSION,
            nodes=(),
            services=(),
            objects=objects.resources,
            refused=tuple(sorted(world.refused)),
        ),
        prober=Prober(station=world.prober.machine, interfaces=world.prober.interfaces),
        expect=None,
    )


def started(seed: int) -> World:
    world = draw(seed)
    world.start = datetime.now(UTC) + timedelta(seconds=1)
    world.options["rate"] = RATE
    return world


def _station(machine: Machine) -> Station:
    """A router gets a NIC elsewhere and its default route there, so that its kernel has what to be a proxy for."""
    nics = [
        SceneNic(
            name=nic.name, lan=nic.segment, mac=nic.mac, sysctl={"arp_ignore": nic.arp_ignore},
            addresses=(*nic.addresses, *(IPv4Interface((held.ip, 32)) for held in machine.held if held.on == nic.name)),
        )
        for nic in machine.nics
    ]  # fmt: skip
    router = machine.proxy == "off-link"
    if router:
        nics.append(
            SceneNic(name="wan0", lan="beyond", mac=Mac("02:0d:00:00:00:01"), addresses=(IPv4Interface("10.200.0.1/24"),))
        )
    return Station(
        name=machine.name,
        nics=tuple(nics),
        sysctl={"arp_ignore": machine.arp_ignore, "arp_announce": 2 if machine.arp_ignore else 0, **({"proxy_arp": 1, "forwarding": 1} if router else {})},
        held=tuple(sorted({held.ip for held in machine.held if held.on is None})),
        routes=(Route(to=IPv4Network("0.0.0.0/0"), nic="wan0"),) if router else (),
    )  # fmt: skip


def _announcers(machine: Machine) -> list[Announcer]:
    found = []
    for speaker in machine.speakers:
        if (speaker.start, speaker.end) != (-inf, inf):
            raise ValueError(f"{machine.name}: a speaker with times")
        found.append(Announcer(station=machine.name, ips=(speaker.ip,), nics=speaker.nics, mac=speaker.mac))
    if machine.proxy == "all":
        found.append(Announcer(station=machine.name, probes=machine.proxy_takes_zero))
    return found


class Log(NamedTuple):
    """What `promises` reads of a wire, from the evidence of a real one."""

    put: list[Put]
    came: list[Came]


def probed(seed: int) -> Result:
    """The world on the kernel, and what the command says of it."""
    world = started(seed)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        options = ["-o", "json", f"--rounds={world.options['rounds']}", f"--rate={RATE:g}"]
        if world.mac_list:
            listed = Path(folder) / "macs.csv"
            listed.write_text("".join(f"{mac},{node},{nic}\n" for mac, node, nic in world.mac_list))
            options.append(f"--mac-map={listed}")
        done = forked.scene(str(seed), options, load=scene)
    if done.exit_code == 2 or not done.stdout:
        raise RuntimeError(f"world {seed}: exit {done.exit_code}: {done.stderr}")
    evidence = from_json(_evidence(done.report), f"world {seed}")
    report = pipeline.conclude(evidence)
    if report.summary.exit_code != done.exit_code:
        raise RuntimeError(f"world {seed}: exit {done.exit_code}, and {report.summary.exit_code} from its own evidence")
    log = _log(world, evidence)
    found = truth(world, max((put.at for put in log.put), default=0.0))
    wrong = (*broken(world, found, log, report), *differences(world, evidence))
    return Result(world, log, found, report, wrong, healthy(world, found), provable(world, found))


def differences(world: World, evidence: Evidence) -> Iterator[Wrong]:
    """Where this kernel answers otherwise than the model's: who answered each kind of question to all, by sender."""
    prober = world.machines[world.prober.machine]
    for interface, ip, sender in sorted({(q.interface, q.ip, q.sender) for q in evidence.questions if q.to is None}):
        asking = prober.nic(interface)
        due = {
            sent.mac
            for machine in world.machines.values()
            for nic in machine.nics
            if nic.segment == asking.segment and nic is not asking
            for sent in replies(machine, nic, ip, sender, 0.0)
        }
        heard = {r.mac for r in evidence.replies if (r.interface, r.ip, r.sender, r.to) == (interface, ip, sender, None)}
        if due != heard:
            more, fewer = sorted(heard - due), sorted(due - heard)
            yield Wrong(
                "model",
                f"the kernel answers {'more' if more else 'less'}",
                f"sender {'0.0.0.0' if sender == ZERO else 'own'}",
                f"{ip}: {more} {fewer}",
            )


def _evidence(report: Mapping[str, Any]) -> Any:
    return report["evidence"]


def _log(world: World, evidence: Evidence) -> Log:
    """Who sent a reply is told by its MAC: no two machines have one here."""
    segments = {name: world.machines[world.prober.machine].nic(name).segment for name in world.prober.interfaces}
    owner = {nic.mac: machine.name for machine in world.machines.values() for nic in machine.nics}
    put = [Put(q.at / 1000, segments[q.interface], q.ip, q.sender, q.to) for q in evidence.questions]
    came = [
        Came(reply.at / 1000, segments[reply.interface], reply.ip, owner[reply.mac], reply.mac, "")
        for reply in evidence.replies
        if reply.mac in owner
    ]
    return Log(put, came)
