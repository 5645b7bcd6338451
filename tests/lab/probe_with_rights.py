"""Runs `arpcheck probe` on a scene with the rights that a case gives it, and looks at its process while it asks.

    python probe_with_rights.py pod|sudo|sudo-explicit|sudo-plug-in|sudo-borrowed|root [COMMAND OF arpcheck INSTEAD]…

Inside an enclosure; prints what came of it as JSON."""

import json
import os
import select
import socket
import subprocess
import sys
from pathlib import Path

from caller_land import GID, HOME, UID

from arpcheck.lab import scene_file
from arpcheck.lab.announcer import inside
from arpcheck.lab.fixture import KUBECONFIG, stage

sys.path.append(str(Path(__file__).parents[1]))
from apiserver.staged import serve

SCENE = "two-non-strict"
POD = [
    "setpriv",
    "--bounding-set=-all,+net_raw",
    "--inh-caps=-all,+net_raw",
    "--ambient-caps=-all,+net_raw",
    "--no-new-privs",
]
SUDO = ["env", f"SUDO_UID={UID}", f"SUDO_GID={GID}", "SUDO_USER=caller", "HOME=/root"]
KEYS = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapAmb", "NoNewPrivs")
TOKEN, SECRET = "from-the-plug-in", "only-root-may-read-this"
ROOTS = Path("/run/roots-kubeconfig")

PLUGIN = f"""#!/bin/sh
{{ id -u; id -G; grep -E '^Cap(Eff|Prm)' /proc/self/status; echo "$HOME"; }} >{HOME}/plugin.log
echo '{{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {{"token": "{TOKEN}"}}}}'
"""


def main(case, *command):
    scene = scene_file.load(SCENE)
    with stage(scene, serve) as standing:
        before, options = BEFORE[case](standing)
        heard = inside("worker-1", listening)
        words = command or ["probe", "-o", "json", "--rate", "100", *options]
        program = [*before, sys.executable, "-m", "arpcheck", *words]
        probe = standing.start("client", program, stdout=-1, stderr=-1, text=True)
        statuses = read_statuses(heard, probe.pid)
        stdout, stderr = probe.communicate(timeout=60)
        found = {"code": probe.returncode, "stdout": stdout, "stderr": stderr, "statuses": statuses}
        found["tokens"] = sorted({request.headers.get("authorization", "") for request in standing.api.requests})
    log = HOME / "plugin.log"
    found["plug-in"] = log.read_text().split("\n") if log.exists() else None
    found["written by"] = (HOME / "report.md").stat().st_uid if (HOME / "report.md").exists() else None
    json.dump(found, sys.stdout)


def listening():
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.bind(("eth0", 0x0806))
    return sock


def read_statuses(heard, pid):
    """Of every thread of the probe, at its first question for the Service; none where it asks nothing."""
    ended = os.pidfd_open(pid)
    while ended not in select.select([heard, ended], [], [])[0]:
        if heard.recv(60)[38:42] == bytes([10, 0, 0, 50]):
            break
    else:
        return None
    return [status(task) for task in sorted(Path(f"/proc/{pid}/task").iterdir())]


def status(task):
    lines = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
    return {key: lines[key].strip() for key in KEYS}


def pod(_):
    """As `arpcheck pod` prints it: no --iface, and a root file system that can't be written to."""
    for mount in ("/", "/tmp"):  # noqa: S108 - in an enclosure
        subprocess.run(["mount", "-o", "remount,ro,bind", mount], stderr=subprocess.DEVNULL)
    told = ["env", "KUBERNETES_SERVICE_HOST=10.96.0.1", "ARPCHECK_NODE_NAME=worker-9"]
    return [*told, *POD], ["--kubeconfig", str(KUBECONFIG)]


def root(_):
    """A shell of root's, and another user's kubeconfig, which root reads by CAP_DAC_OVERRIDE alone."""
    os.chown(KUBECONFIG, 4999, 4999)
    KUBECONFIG.chmod(0o600)
    return [], ["--iface", "eth0", "--kubeconfig", str(KUBECONFIG)]


def sudo(standing):
    (HOME / ".kube").mkdir()
    write_plugin(standing, HOME / ".kube" / "config")
    for path in (HOME / ".kube", HOME / ".kube" / "config"):
        os.chown(path, UID, GID)
    return SUDO, ["--iface", "auto", "--output", str(HOME / "report.md")]


def sudo_explicit(standing):
    standing.api.kubeconfig(ROOTS, token=TOKEN)
    return SUDO, ["--iface", "eth0", "--kubeconfig", str(ROOTS)]


def sudo_plug_in(standing):
    write_plugin(standing, ROOTS)
    return SUDO, ["--iface", "eth0", "--kubeconfig", str(ROOTS)]


def sudo_borrowed(standing):
    """The caller's own kubeconfig names a file that only root may read."""
    secret, path = Path("/run/secret"), HOME / "borrowed"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    standing.api.kubeconfig(path, tokenFile=str(secret))
    os.chown(path, UID, GID)
    return SUDO, ["--iface", "eth0", "--kubeconfig", str(path)]


def write_plugin(standing, path):
    plugin = HOME / "plugin"
    plugin.write_text(PLUGIN)
    plugin.chmod(0o755)
    exec_ = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "Never"}
    standing.api.kubeconfig(path, exec=exec_)


BEFORE = {
    "pod": pod,
    "root": root,
    "sudo": sudo,
    "sudo-explicit": sudo_explicit,
    "sudo-plug-in": sudo_plug_in,
    "sudo-borrowed": sudo_borrowed,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
