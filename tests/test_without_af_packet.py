"""A system without AF_PACKET (macOS): everything but the wire works, and the wire says so in one line."""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import socket, sys
import psutil
socket.AF_LINK = psutil.AF_LINK  # where a MAC stands among the addresses there
del socket.AF_PACKET

def without_recvmmsg(*words, **more):
    raise AttributeError("recvmmsg")

import ctypes
ctypes.PyDLL = without_recvmmsg
from arpcheck.__main__ import main
sys.exit(main(sys.argv[1:]))
"""

CLUSTER = {
    "apiVersion": "v1", "kind": "List",
    "items": [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "web", "name": "nginx"},
         "spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.50"}]}}},
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "worker-1"}},
    ],
}  # fmt: skip


def arpcheck(*words, stdin="", **env):
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        input=stdin, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **env},
    )  # fmt: skip


def reading(saved):
    """Each command that needs no wire, with its exit code and a word of what it prints."""
    return {
        "report": (["report", saved], 1, "10.0.0.50"),
        "compare": (["compare", saved, saved], 0, ""),
        "snapshot": (["snapshot", "--cluster-file", "-"], 0, '"nginx"'),
        "strict-arp": (["strict-arp", "status", "--cluster-file", "-"], None, "worker-1"),
        "pod": (["pod", "--node", "worker-1"], 0, "kind: Pod"),
        "explain": (["explain", "non-strict"], 0, "Decided when"),
        "docs": (["docs", "glossary"], 0, "canary"),
        "completion": (["completion", "bash"], 0, "complete"),
    }


@pytest.mark.parametrize("name", reading(""))
def test_it_works_without_a_wire(name, saved):
    words, code, word = reading(saved)[name]
    done = arpcheck(*words, stdin=json.dumps(CLUSTER))
    assert "Traceback" not in done.stderr
    assert word in done.stdout
    assert done.returncode == code if code is not None else done.returncode in (0, 1, 3)


def test_probe_says_so_in_one_line():
    done = arpcheck("probe", "--iface", first_interface(), "--cluster-file", "-", stdin=json.dumps(CLUSTER))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"arpcheck: this system ({sys.platform}) has no AF_PACKET. "
        "Probe from a Linux host; report, compare, snapshot and strict-arp work here too\n"
    )


def first_interface():
    from arpcheck.wire.host import candidates, this_host

    found = candidates(this_host())
    if not found:
        pytest.skip("this host has no interface that could be asked on")
    return found[0]
