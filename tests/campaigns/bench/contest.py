"""One case on the kernel, every tool after the other, as often as told: `python contest.py CASE RUNS [TOOL]…`.

Runs in an enclosure. Prints JSON: each tool's runs. What was sent is counted where it was sent, at the NICs of all who answer."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cases import CHATTER, EVERY, Case, owners
from tools import ADDRESSES, CLUSTER, MACS, TOOLS, Tool

from arpcheck.lab import cluster_objects
from arpcheck.lab.announcer import inside
from arpcheck.lab.fixture import Fixture, stage
from arpcheck.lab.scene import Station
from arpcheck.wire.packet_socket import PACKET_STATISTICS, SOL_PACKET
from arpcheck.wire.packet_socket import _attach_filter as attach_filter

PATIENCE = 180.0
"""Seconds that a tool may take; more is an error of the bench."""

ETH_P_ALL = 3
"""That of what is sent too."""

TOOK, SAID, TOLD = Path("/run/took"), Path("/run/said"), Path("/run/told")


def main(name: str, runs: str, *tools: str) -> None:
    case = EVERY[name]
    chosen = [
        tool
        for tool in TOOLS
        if tool.ipv6 == case.ipv6 and tool.name in (tools or (tool.name,)) and tool.only in (None, name)
    ]
    scene = case.scene()
    there = {str(ip): macs for ip, macs in owners(scene).items()}
    with stage(scene) as standing, busy(standing, case) as foreign, Counted(standing, case) as counted:
        provide(standing, case)
        found: dict[str, list[dict[str, object]]] = {}
        for _ in range(int(runs)):
            for tool in chosen:
                found.setdefault(tool.name, []).append(once(standing, case, tool, there, counted))
        json.dump({"foreignPerSecond": foreign(), "tools": found}, sys.stdout)


def provide(standing: Fixture, case: Case) -> None:
    """The files that the tools read."""
    Path(MACS).write_text("".join(f"{nic.mac}\n" for node in _nodes(standing) for nic in node.nics))
    Path(ADDRESSES).write_text("".join(f"{ip}\n" for ip in case.ips))
    objects = cluster_objects.resources(standing.scene, datetime.now(UTC)).values()
    items = [obj for found in objects for obj in found]
    Path(CLUSTER).write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


def once(standing: Fixture, case: Case, tool: Tool, there: dict[str, frozenset[str]], counted: Counted) -> dict[str, object]:
    asked = [str(ip) for ip in case.ips[: tool.sample]]
    before, start = counted.sent(), time.monotonic()
    with SAID.open("w") as out, TOLD.open("w") as err:
        measured = ["time", "-q", "-o", str(TOOK), "-f", "%U %S %M", *tool.program]
        process = standing.start(standing.scene.prober.station, measured, stdout=out, stderr=err, start_new_session=True)
        wait(process)
    wall = time.monotonic() - start
    time.sleep(case.late + 0.1)
    user, system, kilobytes = map(float, TOOK.read_text().split()[-3:])
    try:
        said = tool.read(SAID.read_text())
    except ValueError:
        raise RuntimeError(f"{tool.name}: {TOLD.read_text().strip() or 'it said nothing'}") from None
    true = {(ip, mac) for ip in asked for mac in there.get(ip, ())}
    silent = said.silent if said.silent is not None else set(asked) - {ip for ip, _ in said.pairs}
    return {
        "replies": said.replies, "sent": counted.sent() - before,
        "owners": len(said.pairs & true), "ownersThere": len(true), "silent": len(silent & {ip for ip, _ in true}),
        "wall": wall, "cpu": user + system, "megabytes": kilobytes / 1024, "asked": len(asked),
        **(said.more or {}),
    }  # fmt: skip


def wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise RuntimeError(f"{process.args} took longer than {PATIENCE:g} s") from None


def _nodes(standing: Fixture) -> list[Station]:
    return [s for s in standing.scene.stations if s.name not in (standing.scene.prober.station, CHATTER)]


class Counted:
    """What the nodes' NICs have sent. In IPv4 they send nothing but replies. In IPv6 they also report groups and check that
    neighbours are there, so there a packet socket that nobody reads counts the advertisements (packet(7), PACKET_STATISTICS)."""

    def __init__(self, standing: Fixture, case: Case) -> None:
        self._nodes = [node.name for node in _nodes(standing)]
        self._sockets = [inside(node, _advertisements) for node in self._nodes] if case.ipv6 else []
        self._advertised = 0

    def __enter__(self) -> Counted:
        return self

    def __exit__(self, *_: object) -> None:
        for opened in self._sockets:
            opened.close()

    def sent(self) -> int:
        """Since the beginning."""
        if not self._sockets:
            return sum(map(transmitted, self._nodes))
        found = (opened.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8) for opened in self._sockets)  # which sets them to zero
        self._advertised += sum(struct.unpack("II", octets)[0] for octets in found)
        return self._advertised


# Classic BPF (linux/filter.h): sent from here, an advertisement, and not for a link-local address, which nobody here asks
# but the kernel of the prober, when it checks that a neighbour is there.
OUTGOING_ADVERTISEMENTS = (
    (0x28, 0, 0, 0xFFFFF004), (0x15, 0, 9, 4),
    (0x28, 0, 0, 12), (0x15, 0, 7, 0x86DD),
    (0x30, 0, 0, 20), (0x15, 0, 5, 58),
    (0x30, 0, 0, 54), (0x15, 0, 3, 136),
    (0x28, 0, 0, 62), (0x15, 1, 0, 0xFE80),
    (0x06, 0, 0, 1), (0x06, 0, 0, 0),
)  # fmt: skip


def _advertisements() -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    attach_filter(opened, OUTGOING_ADVERTISEMENTS)
    opened.bind(("eth0", ETH_P_ALL))
    return opened


def transmitted(station: str) -> int:
    """Of eth0, by /proc/net/dev: the tenth figure after the name."""
    text = inside(station, lambda: Path("/proc/thread-self/net/dev").read_text())
    return next(int(line.split()[10]) for line in text.splitlines() if line.strip().startswith("eth0:"))


@contextmanager
def busy(standing: Fixture, case: Case):
    """The LAN's other hosts. Yields how many frames a second they came to."""
    if not case.foreign:
        yield lambda: 0
        return
    program = [sys.executable, str(Path(__file__).with_name("chatter.py")), "eth0", str(case.foreign)]
    since, before = time.monotonic(), transmitted(CHATTER)
    chatter = standing.start(CHATTER, program)
    try:
        yield lambda: round((transmitted(CHATTER) - before) / (time.monotonic() - since))
    finally:
        chatter.kill()
        chatter.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
