"""The loop by itself, as fast as it goes: arpcheck's, and the floor's beside it.

`python loop.py RUNS [CASE]`, in an enclosure, builds the LAN and prints each run as JSON: frames sent and received, and
the seconds from the first question to the last frame. Nothing caps the rate here, as `--rate` does for users."""

from __future__ import annotations

import json
import subprocess
import sys
from ipaddress import IPv4Address
from pathlib import Path

import floor
from cases import EVERY
from contest import provide
from tools import ADDRESSES, BUFFER, ONLY_NET_RAW

HERE = "--here"
NO_CAP = 1e9
WAIT = 0.5
BIG = "4,096 × 3"


def main(runs: str, name: str = BIG) -> None:
    from arpcheck.lab.fixture import stage

    case = EVERY[name]
    with stage(case.scene()) as standing:
        provide(standing, case)
        program = [*ONLY_NET_RAW, sys.executable, __file__, HERE, runs]
        measured = standing.start(standing.scene.prober.station, program, stdout=subprocess.PIPE, text=True)
        sys.stdout.write(measured.communicate()[0])


def here(runs: str) -> None:
    ips = [IPv4Address(line) for line in Path(ADDRESSES).read_text().split()]
    json.dump([{"arpcheck": swept(ips), "floor": bare(ips)} for _ in range(int(runs))], sys.stdout)


def bare(ips: list[IPv4Address]) -> dict[str, float]:
    with floor.opened("eth0", BUFFER) as sock:
        sent, replies = floor.asked(sock, [ip.packed for ip in ips], 0.0, WAIT)
    return {"sent": len(sent), "replies": len(replies), "lost": 0, "seconds": max(sent[-1], replies[-1][1]) - sent[0]}


def swept(ips: list[IPv4Address]) -> dict[str, float]:
    from arpcheck.wire import packet_socket
    from arpcheck.wire.host import this_host
    from arpcheck.wire.scan import Endpoint, scan
    from arpcheck.wire.scan_plan import ScanPlan

    packet_socket.RECEIVE_BUFFER = BUFFER
    interface = next(found for found in this_host().interfaces if found.name == "eth0")
    own = IPv4Address(interface.addresses[0].partition("/")[0])
    from arpcheck.model import Request

    asks = tuple(Request(interface="eth0", ip=ip, sender=own) for ip in ips)
    course = ScanPlan(requests=asks, rounds=1, rate=NO_CAP, wait=WAIT, judged=frozenset(ips))
    assert interface.mac  # a veth has one
    with packet_socket.LiveWire(["eth0"]) as wire:
        heard = scan(wire, (Endpoint(interface="eth0", mac=interface.mac, addresses=frozenset({own})),), course)
    first, last = heard.questions[0].at, max(heard.questions[-1].at, heard.replies[-1].at)
    lost = sum(loss.frames for loss in heard.losses)
    return {"sent": len(heard.questions), "replies": len(heard.replies), "lost": lost, "seconds": (last - first) / 1000}


if __name__ == "__main__":
    here(sys.argv[2]) if sys.argv[1] == HERE else main(*sys.argv[1:])
