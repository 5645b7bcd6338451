"""Gives its rights up and prints what it can still do. The arguments: set-uid programs that print who they are."""

import json
import os
import socket
import subprocess
import sys

from arpcheck.wire.privilege import drop, seal

KEYS = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs")
CHILD = "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)"


def attempt(what):
    try:
        what()
    except PermissionError:
        return "refused"
    return "done"


def packet_socket():
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()


def status():
    with open("/proc/self/status") as file:
        lines = dict(line.split(":", 1) for line in file)
    return {key: lines[key].strip() for key in KEYS}


def ids():
    return [int(subprocess.check_output([program, "-u"])) for program in sys.argv[1:]]


if __name__ == "__main__":
    before = attempt(packet_socket)
    drop()
    found = {
        "socket before": before,
        "status": status(),
        "socket": attempt(packet_socket),
        "root": attempt(lambda: os.setuid(0)),
        "socket of a child": subprocess.run([sys.executable, "-c", CHILD], stderr=subprocess.DEVNULL).returncode,
        "environment": {key: os.environ.get(key) for key in ("HOME", "USER", "LOGNAME")},
        "set-uid": ids(),
    }
    seal()
    found |= {"set-uid, sealed": ids(), "sealed": status()["NoNewPrivs"]}
    json.dump(found, sys.stdout)
