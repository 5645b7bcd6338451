"""A program for an enclosure: a host of the LAN asks, tcpdump on it records, and `arpcheck snapshot` saves the cluster.

    python lab_capture.py SCENE FOLDER OPTIONS-OF-TCPDUMP ADDRESS…

Every address is asked three times, an IPv6 address from the link-local address of eth0. The recording ends when tcpdump has written a last question of our own."""

import json
import subprocess
import sys
import time
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from lab_questions import ask, opened, replies

from arpcheck.lab import scene_file
from arpcheck.lab.announcer import inside
from arpcheck.lab.fixture import KUBECONFIG, stage
from arpcheck.model import Request
from arpcheck.wire.neighbour_discovery import encode

MARK = "192.0.2.77"
PATIENCE = 20.0


def main(name, folder, options, *addresses):
    scene = scene_file.load(name)
    station = scene.station(scene.prober.station)
    with stage(scene) as standing:
        snapshot = [
            sys.executable,
            "-m",
            "arpcheck",
            "snapshot",
            "--kubeconfig",
            str(KUBECONFIG),
            "--output",
            f"{folder}/cluster.json",
        ]
        assert standing.start(station.name, snapshot).wait(60) == 0
        tcpdump = ["tcpdump", "-Z", "root", "--immediate-mode", "-U", *json.loads(options), "-w", "-"]
        with Path(folder, "lan.pcap").open("wb") as file:
            recorder = standing.start(station.name, tcpdump, stdout=file, stderr=subprocess.PIPE, text=True)
            while "listening on" not in (line := recorder.stderr.readline()):
                assert line, "tcpdump did not start"
            sock = inside(station.name, lambda: opened("eth0"))
            macs = {nic.name: nic.mac for nic in station.nics}
            sender = str(next(a.ip for nic in station.nics for a in nic.addresses))
            for address in [*addresses * 3, MARK]:
                if ":" in address:
                    sock.send(solicitation(address, station.name, macs["eth0"]))
                else:
                    ask({"eth0": sock}, macs, ("eth0", address, sender, None))
                list(replies({"eth0": sock}, time.monotonic() + 0.06))
            _await(Path(folder, "lan.pcap"))
        recorder.terminate()
        recorder.wait(PATIENCE)


def solicitation(address, station, mac):
    words = ["ip", "-n", station, "-6", "-o", "addr", "show", "dev", "eth0", "scope", "link"]
    shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    sender = IPv6Address(shown.split("inet6 ")[1].partition("/")[0])
    request = Request(interface="eth0", ip=IPv6Address(address), sender=sender)
    return encode(request, mac)


def _await(path):
    """Until the last question is in the file."""
    deadline = time.monotonic() + PATIENCE
    while IPv4Address(MARK).packed not in path.read_bytes():
        assert time.monotonic() < deadline, "tcpdump wrote nothing"
        time.sleep(0.01)


if __name__ == "__main__":
    main(*sys.argv[1:])
