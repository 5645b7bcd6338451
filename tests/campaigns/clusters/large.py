"""`arpcheck cluster` on large clusters without a kernel: what it asks of the API, and how long it takes beyond the wire.

    python large.py [SEGMENTS NODES ADDRESSES]      nodes and addresses of each segment; 3 50 40 by default

The API server, its controllers and kubelets run in this process, `arpcheck cluster` in one of its own; a vantage asks on a simulated
wire, which takes no time, so that the seconds are all of arpcheck's and of the cluster's own."""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[2] / "vantages"))
from kubelet import segments
from simulated_cluster import world

from arpcheck.lab import network


def main(count=3, nodes=50, addresses=40):
    scene = segments.scene(count=count, nodes=nodes, each=addresses, ipvs=False)
    with tempfile.TemporaryDirectory() as folder, world(scene, Path(folder)) as there:
        began = time.monotonic()
        command = network.python("arpcheck", "cluster", "--kubeconfig", there.kubeconfig, "--rate", "0", "-o", "json")
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # its progress is shown
        report = json.loads(done.stdout)
        seconds = time.monotonic() - began
        verdicts = Counter(target["verdict"] for target in report["targets"] if target["verdict"])
        spent = resource.getrusage(resource.RUSAGE_SELF)
        methods = Counter(request.method for request in there.server.requests)
        print(json.dumps({  # noqa: T201
            "nodes": count * nodes, "addresses": count * addresses, "code": done.returncode, "verdicts": verdicts, "requests": methods,
            "seconds": round(seconds, 1), "of them the cluster's own processor": round(spent.ru_utime + spent.ru_stime, 1), "left": there.left(),
        }))  # fmt: skip


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
