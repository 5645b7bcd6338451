"""Runs `arpcheck probe` on a scene and does something to its interface, its process or its output once it asks.

    python probe_in_trouble.py TROUBLE AFTER [OPTION OF arpcheck probe]…

Inside an enclosure; prints what came of it as JSON. `in_trouble` starts it from outside."""

import fcntl
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import termios
import time
from pathlib import Path

from arpcheck.lab import scene_file
from arpcheck.lab.announcer import inside
from arpcheck.lab.fixture import stage
from arpcheck.lab.network import lan_namespace

sys.path.append(str(Path(__file__).resolve().parents[1]))
import forked

SCENE, PATIENCE = "two-non-strict", 30
FULL, ROOMY, GOOD = Path("/run/full"), Path("/run/roomy"), "a good report"
IP = {
    "down": "link set eth0 down",
    "down and up": "link set eth0 down; link set eth0 up",
    "deleted": "link del eth0",
    "renamed": "link set eth0 down; link set eth0 name lan0; link set lan0 up",
    "address removed": "address del 10.0.0.5/24 dev eth0",
    "other MAC": "link set eth0 address 02:0e:00:00:00:09",
}
WRITING, PIPE = "SIGINT while it writes", 4096
QUEUES = {"narrow": 64, "long queue": 1_000_000}
"""Octets that a transmit queue holds."""
SIGNALS = {"SIGINT", "SIGTERM", "SIGHUP"}


def in_trouble(trouble, *options, after=10):
    """Exit code, stdout, stderr, and the files for the output. `after` so many questions that worker-1 hears."""
    done = forked.program([__file__, trouble, str(after), *options])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def main(trouble, after, *options):
    scene = scene_file.load(SCENE)
    small_folder()
    with stage(scene) as standing:
        heard = inside("worker-1", listening)
        outs = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        leader = None
        if trouble == "terminal gone":
            leader, follower = pty.openpty()
            outs = dict.fromkeys(("stdin", "stdout", "stderr"), follower)
        if trouble == "full stdout":
            outs["stdout"] = os.open("/dev/full", os.O_WRONLY)
        if trouble == WRITING:
            reader, outs["stdout"] = narrow_pipe()
        probe = standing.start_probe(["-o", "json", *options], start_new_session=True, text=True, **outs)
        for _ in range(int(after)):
            heard.recv(64)
        if leader is not None:
            os.close(follower)
            os.close(leader)
            os.kill(probe.pid, signal.SIGHUP)
        elif trouble == "reader gone":
            probe.stdout.close()
            probe.stdout = None
        elif trouble == WRITING:
            os.close(outs["stdout"])
            probe.stdout = open(reader)  # noqa: SIM115 - closed by communicate
            until_full(reader)
            os.kill(probe.pid, signal.SIGINT)
        else:
            happen(trouble, scene, probe)
        out, err = probe.communicate(timeout=PATIENCE)
    json.dump({"code": probe.returncode, "out": out or "", "err": err or "", "files": files()}, sys.stdout)


def happen(trouble, scene, probe):
    if trouble in IP:
        for line in IP[trouble].split("; "):
            subprocess.run(["ip", "-n", "client", *line.split()], check=True)
    elif trouble in SIGNALS:
        os.kill(probe.pid, getattr(signal, trouble))
    elif trouble == "no carrier":
        lan = scene.lans and next(iter(scene.lans))
        space = lan_namespace(lan)
        port = next(line.split()[0].split("@")[0] for line in ports(space) if to_client(space, line))
        subprocess.run(["ip", "-n", space, "link", "set", port, "down"], check=True)
    elif trouble in QUEUES:  # a shaper that lets hardly anything through refuses frames with ENOBUFS, or holds them
        shaper = f"qdisc add dev eth0 root tbf rate 1kbit burst 64 limit {QUEUES[trouble]}"
        subprocess.run(["tc", "-n", "client", *shaper.split()], check=True)


def narrow_pipe():
    """It holds less than any report: whoever writes one waits for us."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE)
    return reader, writer


def until_full(reader):
    deadline = time.monotonic() + PATIENCE
    while int.from_bytes(fcntl.ioctl(reader, termios.FIONREAD, bytes(4)), sys.byteorder) < PIPE:
        if time.monotonic() > deadline:
            raise TimeoutError("it wrote no report")
        time.sleep(0.01)


def ports(space):
    shown = subprocess.run(
        ["ip", "-n", space, "-br", "link", "show", "type", "veth"], capture_output=True, text=True, check=True
    )
    return shown.stdout.splitlines()


def to_client(space, line):
    """The peer's index stands behind the name: port4@if2; the peer of the client's is asked by its namespace."""
    shown = subprocess.run(
        ["ip", "-n", space, "-o", "link", "show", line.split()[0].split("@")[0]], capture_output=True, text=True, check=True
    )
    return "link-netns client" in shown.stdout


def small_folder():
    """One that is full after a page, with a good report in it."""
    FULL.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(FULL)], check=True)
    ROOMY.mkdir()
    for folder in (FULL, ROOMY):
        (folder / "report.json").write_text(GOOD)


def files():
    return {str(path): path.read_text() for folder in (FULL, ROOMY) for path in sorted(folder.iterdir())}


def listening():
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.bind(("eth0", 0x0806))
    sock.settimeout(PATIENCE)
    return sock


if __name__ == "__main__":
    main(*sys.argv[1:])
