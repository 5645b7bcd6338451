"""Every command under netem's loss, in the machine: `/settings.json` says how many runs.

For each faulty LAN and loss a scene whose prober has a cable that loses that share of the frames in each direction. No
command may call it clean: a line of JSON tells the exit codes."""

import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path

import forked

sys.path.append(str(Path(__file__).parents[1] / "loss"))
from loss_lans import TRIALS
from loss_on_kernel import MORE, USED

from arpcheck.lab.fixture import KUBECONFIG, stage
from arpcheck.lab.scene import Feature

LOSS = (10, 30, 50, 70)
FAULTY = tuple(trial for trial in TRIALS if trial.faulty)
FAULT_OR_DOUBT = (1, 3)
LONGEST = 300
"""Seconds for one run."""


def main():
    settings = json.loads(Path("/settings.json").read_text())
    forked.PATIENCE = LONGEST * settings["loss"]
    forked.preload("probe_imports")
    cases = list(product(LOSS, range(len(FAULTY))))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for line in pool.map(lambda case: counted(*case, settings["loss"]), cases):
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()


def rows():
    """The names of all lines, in their order."""
    return [row(percent, number) for percent, number in product(LOSS, range(len(FAULTY)))]


def row(percent, number):
    return f"{FAULTY[number].command}, {FAULTY[number].lan}, loss {percent}%"


def counted(percent, number, runs):
    """`number`: of the trial. Other processes are told of it by number, not by value."""
    started = time.monotonic()
    code, out, err = forked.done(in_enclosure, percent, number, runs)
    codes = Counter(json.loads(out)) if code == 0 else Counter()
    differs = [f"{count} x exit code {code}" for code, count in codes.items() if code not in FAULT_OR_DOUBT]
    if codes.total() != runs:
        differs.append(f"{codes.total()} of {runs} runs: {err[-1000:]}")
    told = ", ".join(f"{count} x {code}" for code, count in sorted(codes.items()))
    return {"scene": row(percent, number), "seconds": round(time.monotonic() - started, 1), "differs": differs, "told": told}


def in_enclosure(percent, number, runs):
    return forked.enclosed(lambda: staged(FAULTY[number], percent, runs))


def staged(trial, percent, runs):
    """Forks what runs the commands before there are threads."""
    with Launcher() as launcher, stage(lossy(trial.scene, percent)):
        codes = [exit_code(launcher, trial) for _ in range(runs)]
    sys.stdout.write(json.dumps(codes))
    return 0


def lossy(scene, percent):
    """The scene with a prober whose cable loses frames in both directions; of 0 % as it is, for a kernel without netem."""
    if not percent:
        return scene
    stations = tuple(
        replace(station, nics=tuple(replace(nic, netem=f"loss {percent}%") for nic in station.nics))
        if station.name == scene.prober.station
        else station
        for station in scene.stations
    )
    return replace(scene, stations=stations, needs=(Feature.NETEM,))


def exit_code(launcher, trial):
    """0 also for a pool of which the used address came out free."""
    form = [] if trial.command == "watch" else ["-o", "json"]
    options = [
        "--iface",
        "eth0",
        "--kubeconfig",
        str(KUBECONFIG),
        "--rate",
        "100",
        "-q",
        *MORE.get(trial.command, ()),
        *form,
    ]
    with tempfile.NamedTemporaryFile("r") as out:
        code = launcher.run(trial.scene.prober.station, [trial.command, *options], out.name)
        if trial.command == "pool" and code in FAULT_OR_DOUBT:
            states = {entry["ip"]: entry["state"] for entry in json.load(out)["addresses"]}
            return 0 if states[USED] == "free" else code
    return code


class Launcher:
    """A process without threads that forks arpcheck on a station for every line that it reads, and writes its exit code."""

    def __enter__(self):
        told, self._tell = os.pipe()
        self._answers, answer = os.pipe()
        if not os.fork():
            os.close(self._tell)
            forked.leave(lambda: launch(told, answer))
        os.close(told)
        os.close(answer)
        self._lines = os.fdopen(self._answers)
        return self

    def __exit__(self, *_):
        os.close(self._tell)
        self._lines.close()

    def run(self, station, arguments, out):
        os.write(self._tell, json.dumps([station, arguments, out]).encode() + b"\n")
        return int(self._lines.readline())


def launch(told, answer):
    with open(told) as pipe:
        for line in pipe:
            if not (child := os.fork()):
                forked.leave(lambda line=line: launched(*json.loads(line)))
            os.write(answer, b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    return 0


def launched(station, arguments, out):
    signal.alarm(LONGEST)
    os.dup2(os.open(out, os.O_WRONLY), 1)
    return forked.on_station(station, arguments)


if __name__ == "__main__":
    main()
