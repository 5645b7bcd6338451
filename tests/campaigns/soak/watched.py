"""`arpcheck watch` on the lab for some minutes: `python watched.py MINUTES`; 1 where its memory or its descriptors grow."""

import os
import subprocess
import sys
import time
from pathlib import Path

from arpcheck.lab import network, scene_file
from arpcheck.lab.fixture import KUBECONFIG, stage

MOST_GROWTH = 16 << 10
"""KiB after the first quarter."""


def main(minutes, *inside):
    if not inside:
        return subprocess.run(network.command([sys.executable, __file__, minutes, "inside"])).returncode
    seconds = float(minutes) * 60
    scene = scene_file.load("two-non-strict")
    options = ["--iface", "eth0", "--kubeconfig", str(KUBECONFIG), "--for", f"{seconds:.0f}s", "--interval", "10s"]
    program = [sys.executable, "-m", "arpcheck", "watch", *options, "--rate", "100", "--probe-every", "0.1s"]
    program += ["--serve", ":9798", "--state", "/run/arpcheck-state.json"]
    with stage(scene) as standing:
        watch = standing.start(scene.prober.station, program, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        next(line for line in watch.stderr if "metrics: http" in line)
        scrape(scene.prober.station, seconds / 4)
        early = size(watch.pid)
        scrape(scene.prober.station, seconds / 2)
        late = size(watch.pid)
        code = watch.wait(seconds + 60)
    sys.stdout.write(
        f"watch for {minutes} minutes: exit code {code}, KiB and descriptors {early} at a quarter, {late} at three\n"
    )
    return 0 if code == 1 and late[0] - early[0] <= MOST_GROWTH and late[1] <= early[1] else 1


def scrape(station, seconds):
    """Ten times as often as Prometheus does."""
    fetch = "import sys,time,urllib.request as r\nend=time.monotonic()+float(sys.argv[1])\n"
    fetch += "while time.monotonic()<end:\n time.sleep(3)\n r.urlopen('http://10.0.0.5:9798/metrics',timeout=30).read()"
    subprocess.run(["ip", "netns", "exec", station, sys.executable, "-c", fetch, str(seconds)], check=True)


def size(pid):
    """The least of a while: a whole probe, which comes every ten seconds, opens what it closes again."""
    return tuple(map(min, zip(*(now(pid) for _ in range(24)), strict=True)))


def now(pid):
    time.sleep(0.5)
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["VmRSS"].split()[0]), len(os.listdir(f"/proc/{pid}/fd"))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
