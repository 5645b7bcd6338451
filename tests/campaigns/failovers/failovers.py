"""`arpcheck watch` through failovers in namespaces: `python tests/campaigns/failovers/failovers.py [FAILOVERS [AT_ONCE]]`.

Each is a watch of its own with real processes: at a random moment another node takes the address over, with or without a
gap, and its record follows, or comes first. The API stays healthy, refuses the token from some moment on, or is gone. A
correct failover is no fault: a table, and 1 where one was accused."""

import json
import random
import socket
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread

from arpcheck.lab import answering, scene_file
from arpcheck.lab.announcer import inside
from arpcheck.lab.fixture import KUBECONFIG, stage

sys.path.append(str(Path(__file__).parents[2]))
import forked
from apiserver import Fault
from apiserver.staged import serve

APIS = ("healthy", "expired", "gone")
LASTS = 50.0
"""Seconds of a watch, beside its last probe."""

SCENE = """
title = "A failover"
about = "Made by a test."
[nodes]
worker-1 = {{ ipvs = "strict" }}
worker-2 = {{ ipvs = "strict" }}
worker-3 = {{ ipvs = "strict" }}
[[services]]
name = "web/nginx"
ips = "10.0.0.50"
l2_status = "worker-1"
[[announcers]]
at = "worker-1"
ips = "10.0.0.50"
until = "{moment:.2f}s"
[[announcers]]
at = "worker-2"
ips = "10.0.0.50"
from = "{begins:.2f}s"
"""
ACCUSES = ("wrong-node", "non-strict", "duplicate", "foreign", "silent", "both reply", "all reply")


def main(failovers="20", at_once="10"):
    cases = [(api, number) for api in APIS for number in range(int(failovers))]
    with ThreadPoolExecutor(int(at_once)) as pool:
        found = list(zip(cases, pool.map(lambda case: failover(*case), cases), strict=True))
    sys.stdout.write(f"{'API':8} {'failovers':>9} {'told':>5} {'exit 3':>7} {'exit 1':>7} {'accused':>8}\n")
    for api in APIS:
        mine = [one for (which, _), one in found if which == api]
        codes = Counter(one["code"] for one in mine)
        told, accused = sum(one["told"] for one in mine), sum(bool(one["accused"]) for one in mine)
        sys.stdout.write(f"{api:8} {len(mine):9} {told:5} {codes[3]:7} {codes[1]:7} {accused:8}\n")
    bad = [(case, one) for case, one in found if one["accused"] or not one["told"]]
    for case, one in bad:
        sys.stdout.write(f"\n{case}: {one['plan']}: {one['accused']}\n{one['text']}")
    return 1 if bad else 0


def failover(api, number, lasts=LASTS):
    """What one watch of `lasts` seconds came to: its exit code, whether the move was told, and what it was accused of."""
    done = forked.program([__file__, "inside", api, number, lasts])
    if done.returncode:
        raise RuntimeError(f"{api} {number}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def watched(api, number, lasts):
    dice = random.Random(f"failover {number}")  # noqa: S311 - the same ones every time
    moment, gap, recorded, fails = (
        dice.uniform(10, lasts - 12),
        dice.choice([0, 0, 1.5]),
        dice.uniform(-3, 6),
        dice.uniform(-8, 5),
    )
    scene = scene_file.parse(SCENE.format(moment=moment, begins=moment + gap), "x")
    then = [(moment + recorded, lambda standing: move_record(standing.api.store))]
    if api != "healthy":
        then.append((moment + fails, FAILING[api]))
    program = [
        sys.executable, "-m", "arpcheck", "watch", "--iface", "eth0", "--kubeconfig", str(KUBECONFIG), "--rate", "100",
        "--interval", "10s", "--for", f"{lasts}s", "-q",
    ]  # fmt: skip
    with stage(scene, serve) as standing, Then(standing, sorted(then, key=lambda step: step[0])):
        run = standing.start("client", program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        text, trouble = run.communicate(timeout=lasts + 120)
    if run.returncode not in (1, 3):
        raise RuntimeError(f"exit code {run.returncode}: {text}{trouble}")
    accused = [word for word in ACCUSES if word in text]
    if run.returncode == 1 and not (gap and "no reply for 10.0.0.50; exit code 1" in text):
        accused.append("exit code 1")
    if api != "healthy" and "earlier records are not used" not in text:
        accused.append("the API failed and nothing tells of it")
    told = "10.0.0.50: moved from worker-1 to worker-2" in text
    plan = f"moment {moment:.1f}, gap {gap}, recorded {recorded:+.1f}, fails {fails:+.1f}"
    return {"code": run.returncode, "told": told, "accused": accused, "text": text, "plan": plan}


def move_record(store):
    """As MetalLB's speakers do it: the one that took over writes a status of its own, the other's goes."""
    (before,) = [stored.obj for stored in store.view("servicel2statuses.metallb.io").values()]
    meta = before["metadata"]
    after = json.loads(json.dumps(before).replace("worker-1", "worker-2"))
    after["metadata"] |= {"name": meta["name"] + "-next"}
    after["metadata"].pop("uid", None)
    store.put(after)
    store.delete("servicel2statuses.metallb.io", meta["namespace"], meta["name"])


FAILING = {
    "expired": lambda standing: standing.api.fail(Fault(status=401)),
    "gone": lambda standing: standing.api.die(),
}


class Then:
    """A context: inside it steps are taken, each so many seconds after the first question for the address."""

    def __init__(self, standing, steps):
        self._standing, self._steps, self._over, self._failed = standing, steps, Event(), []
        self._ear = inside("worker-3", heard)
        self._ear.settimeout(0.1)
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, error, _trace):
        self._over.set()
        self._thread.join()
        self._ear.close()
        if error is None:
            if self._failed:
                raise self._failed[0]
            assert not self._steps, "the watch was over before"

    def _run(self):
        try:
            first = self._first()
            while self._steps and not self._over.wait(max(0.0, first + self._steps[0][0] - time.monotonic())):
                self._steps.pop(0)[1](self._standing)
        except Exception as error:  # noqa: BLE001 - raised by __exit__
            self._failed.append(error)

    def _first(self):
        while not self._over.is_set():
            try:
                asked = answering.decode(self._ear.recv(2048))
            except TimeoutError:
                continue
            if asked and asked.operation == answering.REQUEST and str(asked.target_ip) == "10.0.0.50":
                break
        return time.monotonic()


def heard():
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.bind(("eth0", answering.ETHERTYPE))
    return sock


if __name__ == "__main__":
    if sys.argv[1:2] == ["inside"]:
        sys.stdout.write(json.dumps(watched(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))))
        sys.exit(0)
    sys.exit(main(*sys.argv[1:]))
