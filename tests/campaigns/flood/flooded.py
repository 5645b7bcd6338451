"""Runs `arpcheck probe` under an attack, in an enclosure: `python flooded.py ATTACK RATE SECONDS [OPTION OF probe]…`.

The attack lasts from the first question on. Prints as JSON what the probe said, what it took, and what was sent.
`under` starts it from outside."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from arpcheck.lab import network, scene_file
from arpcheck.lab.fixture import stage

ATTACKS = ("macs", "repeats", "crowd", "crowd_of_new", "not_asked", "gratuitous", "own_mac", "oversized", "mixed")
SCENE = """
title = "Under attack"
about = "Worker-1 announces, worker-2 is without strict ARP, and a host floods the prober with forged frames."

[nodes]
worker-1 = { ipvs = "strict" }
worker-2 = { ipvs = "non-strict" }
worker-3 = { ipvs = "strict" }

[hosts]
client = { addresses = "10.0.0.5" }
attacker = { addresses = "10.0.0.66" }

[[services]]
name = "web/nginx"
ips = "10.0.0.50"
l2_status = "worker-1"

[[announcers]]
at = "worker-1"
ips = "10.0.0.50"

[prober]
at = "client"
"""
ASKED = ("10.0.0.50", "10.96.0.1", "192.0.2.1", "10.0.0.11", "10.0.0.12", "10.0.0.13")
PATIENCE = 120


def under(attack, rate, seconds, *options):
    """What came of it. It ends itself after PATIENCE, with all that it started."""
    program = [sys.executable, __file__, attack, str(rate), str(seconds), *options]
    done = subprocess.run(network.command(program), capture_output=True, text=True, timeout=PATIENCE + 30)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def main(attack, rate, seconds, *options):
    scene = scene_file.parse(SCENE, "under-attack")
    report, said = Path("/run/report.json"), Path("/run/said")
    us = scene.station("client").nics[0].mac
    signal.signal(signal.SIGALRM, lambda *_: os._exit(1))  # the first process of an enclosure ignores it otherwise
    signal.alarm(PATIENCE)
    with stage(scene) as standing:
        asked = [*ASKED, *(option.removeprefix("--ip=") for option in options if option.startswith("--ip="))]
        with report.open("w") as out, said.open("w") as err:
            probe = standing.start_probe(["-o", "json", *options], stdout=out, stderr=err)
            while "asking" not in said.read_text() and not ended(probe):
                time.sleep(0.01)
            since = time.monotonic()
            flood = [sys.executable, str(Path(__file__).with_name("attacker.py")), "eth0", attack, rate, seconds]
            attacker = standing.start("attacker", [*flood, us, "10.0.0.5", *asked], stdout=subprocess.PIPE, text=True)
            _, status, usage = os.wait4(probe.pid, 0)
            took = time.monotonic() - since
        sent, per_second = attacker.communicate()[0].split()
    json.dump(
        {
            "code": os.waitstatus_to_exitcode(status), "seconds": took, "megabytes": usage.ru_maxrss / 1024,
            "sent": int(sent), "perSecond": int(per_second),
            "stderr": said.read_text(), "report": json.loads(report.read_text() or "null"),
        },
        sys.stdout,
    )  # fmt: skip


def ended(probe):
    return os.waitid(os.P_PID, probe.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


if __name__ == "__main__":
    main(*sys.argv[1:])
