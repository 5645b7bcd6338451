"""What is asked under loss: LANs with a fault and healthy ones, and the four commands that must tell them apart.

No command may call a faulty LAN clean (exit code 0, `safe`, `free`), and none may call a healthy one faulty (1)."""

import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from arpcheck import pipeline
from arpcheck.commands.watch_loop import Pace, WatchDependencies, run_watch
from arpcheck.evidence import Options
from arpcheck.lab import cluster_objects, scene_file
from arpcheck.pools import range_pool, split
from arpcheck.pools.occupancy import occupancy

sys.path.append(str(Path(__file__).parents[2]))
from simulated.wire import SimulatedWire, scene_host

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

POOL = "10.0.0.60-10.0.0.61"
PRINTER = """
[hosts]
printer = { addresses = "10.0.0.61" }
"""
HEALTHY = """
title = "Healthy"
about = "Made by a test."
[nodes]
worker-1 = { ipvs = "strict" }
worker-2 = { ipvs = "strict" }
worker-3 = { ipvs = "strict" }
[[services]]
name = "web/nginx"
ips = "10.0.0.50"
l2_status = "worker-1"
[[announcers]]
at = "worker-1"
ips = "10.0.0.50"
"""
SPLIT = (
    HEALTHY
    + """
[[announcers]]
at = "worker-2"
ips = "10.0.0.50"
"""
)
LATENT = HEALTHY.replace('worker-2 = { ipvs = "strict" }', 'worker-2 = { ipvs = "non-strict", held = ["10.96.0.1"] }')
"""The canary alone can tell it."""


@dataclass(frozen=True)
class Trial:
    """One command on one LAN."""

    command: str
    lan: str
    faulty: bool
    scene: object
    pace: Pace = Pace(interval=10, lasts=30, every=0.5)  # noqa: RUF009 - frozen


def trial(command, lan, faulty, text):
    return Trial(command, lan, faulty, scene_file.parse(text, "x"))


TRIALS = (
    trial("probe", "non-strict", True, LATENT),
    trial("probe", "split", True, SPLIT),
    trial("probe", "healthy", False, HEALTHY),
    trial("preflight", "non-strict", True, LATENT),
    trial("preflight", "healthy", False, HEALTHY),
    trial("pool", "in use", True, HEALTHY + PRINTER),
    trial("pool", "all free", False, HEALTHY),
    trial("watch", "non-strict", True, LATENT),
    trial("watch", "split", True, SPLIT),
    trial("watch", "healthy", False, HEALTHY),
)


def code(trial, dice, percent, direction):
    """The exit code on a simulated wire that loses so many frames, seen by nobody."""
    prober = trial.scene.station(trial.scene.prober.station).nics

    def misses(nic):
        ours = any(nic is own for own in prober)
        return (direction == "both" or ours == (direction == "replies")) and dice.random() * 100 < percent

    wire = SimulatedWire(trial.scene, misses=misses)
    objects = cluster_objects.objects(trial.scene, NOW, pipeline.NEEDS)
    return COMMANDS[trial.command](trial, wire, objects, scene_host(trial.scene), Options(interfaces=("eth0",)))


def _concluded(wire, objects, host, options):
    def clock():
        return NOW + timedelta(seconds=wire.now())

    evidence = pipeline.observe(options, objects=objects, host=host, wire=wire, clock=clock)
    return evidence, pipeline.conclude(evidence)


def probe(_trial, wire, objects, host, options):
    return _concluded(wire, objects, host, options)[1].summary.exit_code


def preflight(_trial, wire, objects, host, options):
    report = _concluded(wire, objects, host, replace(options, services=False, preflight=True))[1]
    assert (report.summary.exit_code == 0) == (report.preflight.safe is True)
    return report.summary.exit_code


def pool(_trial, wire, objects, host, options):
    found = range_pool(POOL)
    addresses = split([found], objects, 100)
    options = replace(options, ips=tuple(addresses.free), services=False, both_senders=True)
    evidence, report = _concluded(wire, objects, host, options)
    result = occupancy(report, evidence, (found,), addresses, named=True)
    free = {address.ip for address in result.addresses if address.state == "free"}
    used = host_addresses(_trial.scene)
    assert not free & used or result.exit_code == 1, "free, and used"
    return 0 if free & used else result.exit_code


def host_addresses(scene):
    return {IPv4Address(ip) for station in scene.stations for ip in station.own}


def watch(trial, wire, objects, host, options):
    world = WatchDependencies(
        wire=wire, clock=lambda: NOW + timedelta(seconds=wire.now()), host=host, objects=objects, reading=None,
        say=lambda _: None, store=lambda _: None, stop=lambda: False,
    )  # fmt: skip
    return run_watch(replace(options, rounds=1), trial.pace, world)


COMMANDS = {"probe": probe, "preflight": preflight, "pool": pool, "watch": watch}
