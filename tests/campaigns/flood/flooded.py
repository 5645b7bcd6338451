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

from arpcheck.lab import scene_file
from arpcheck.lab.fixture import stage

sys.path.append(str(Path(__file__).parents[2]))
import forked

IPV6 = "ipv6-"
"""Before the name of an attack in IPv6."""
ATTACKS = ("macs", "repeats", "crowd", "crowd_of_new", "not_asked", "gratuitous", "own_mac", "oversized", "mixed")
ATTACKS6 = tuple(
    IPV6 + name
    for name in ("macs", "repeats", "crowd", "not_asked", "gratuitous", "own_mac", "checksums", "oversized", "mixed")
)
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
SCENE6 = """
title = "Under attack in IPv6"
about = "Worker-1 announces, worker-2 has the address on its NIC, and a host floods the prober with forged frames."
lans.lan = { network = "10.0.0.0/24", network6 = "2001:db8:10::/64" }

[nodes]
worker-1 = { ipvs = "strict" }
worker-2 = { ipvs = "strict", addresses = ["10.0.0.12", "2001:db8:10::12", "2001:db8:10::50/128"] }
worker-3 = { ipvs = "strict" }

[hosts]
client = { addresses = "10.0.0.5" }
attacker = { addresses = "10.0.0.66" }

[[services]]
name = "web/nginx"
ips = "2001:db8:10::50"
l2_status = "worker-1"

[[announcers]]
at = "worker-1"
ips = "2001:db8:10::50"

[prober]
at = "client"
options = ["--family", "ipv6"]
"""
ASKED6 = ("2001:db8:10::50", "2001:db8:10::11", "2001:db8:10::12", "2001:db8:10::13")
ASKED = ("10.0.0.50", "10.96.0.1", "192.0.2.1", "10.0.0.11", "10.0.0.12", "10.0.0.13")
PATIENCE = 120


def under(attack, rate, seconds, *options):
    """What came of it. It ends itself after PATIENCE, with all that it started."""
    done = forked.program([__file__, attack, rate, seconds, *options], patience=PATIENCE + 30)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def main(attack, rate, seconds, *options):
    six = attack.startswith(IPV6)
    scene = scene_file.parse(SCENE6 if six else SCENE, "under-attack")
    report, said = Path("/run/report.json"), Path("/run/said")
    nic = scene.station("client").nics[0]
    us, own = nic.mac, str(nic.link_local) if six else "10.0.0.5"
    signal.signal(signal.SIGALRM, lambda *_: os._exit(1))  # the first process of an enclosure ignores it otherwise
    signal.alarm(PATIENCE)
    with stage(scene) as standing:
        asked = [
            *(ASKED6 if six else ASKED),
            *(option.removeprefix("--ip=") for option in options if option.startswith("--ip=")),
        ]
        with report.open("w") as out, said.open("w") as err:
            probe = standing.start_probe(["-o", "json", *options], stdout=out, stderr=err)
            while "asking" not in said.read_text() and not ended(probe):
                time.sleep(0.01)
            since = time.monotonic()
            flood = [
                sys.executable,
                str(Path(__file__).with_name("attacker.py")),
                "eth0",
                attack.removeprefix(IPV6),
                rate,
                seconds,
            ]
            attacker = standing.start("attacker", [*flood, us, own, *asked], stdout=subprocess.PIPE, text=True)
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
