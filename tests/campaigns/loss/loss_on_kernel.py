"""Every command under loss, as a program in namespaces: `python tests/campaigns/loss/loss_on_kernel.py [RUNS [AT_ONCE]]`.

For each LAN, loss and direction an enclosure with a switch that loses frames, and in it every command RUNS times. Most of
it is waiting, so AT_ONCE enclosures stand side by side. The same table as of the simulated wire; 1 where one is wrong."""

import json
import random
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from loss_campaign import DIRECTIONS, LOSS
from loss_lans import POOL, TRIALS
from lossy_switch import LossySwitch

from arpcheck.lab.fixture import KUBECONFIG, stage

sys.path.append(str(Path(__file__).parents[2]))
import forked

HERE = Path(__file__)
MORE = {"pool": ["--range", POOL], "watch": ["--for", "12s", "--interval", "30s", "--probe-every", "0.25s"]}
USED = "10.0.0.61"
LONGEST = 300.0
"""Seconds for one run."""


def main(runs="10", at_once="8"):
    cases = [
        (lan, percent, direction)
        for lan in dict.fromkeys(t.lan for t in TRIALS)
        for percent in LOSS
        for direction in DIRECTIONS
    ]
    sys.stdout.write(f"{'command':10} {'LAN':11} {'loss':>5} {'lost':9} {'exit 0':>7} {'exit 1':>7} {'exit 3':>7}\n")
    wrong = 0
    with ThreadPoolExecutor(int(at_once)) as pool:
        for (lan, percent, direction), found in zip(
            cases, pool.map(lambda case: counted(*case, int(runs)), cases), strict=True
        ):
            for trial in (trial for trial in TRIALS if trial.lan == lan):
                codes = Counter(found[trial.command])
                bad = codes[0 if trial.faulty else 1] + codes.total() - codes[0] - codes[1] - codes[3]
                wrong += bad
                figures = " ".join(f"{codes[code]:7}" for code in (0, 1, 3))
                sys.stdout.write(
                    f"{trial.command:10} {lan:11} {percent:4}% {direction:9} {figures}{'   WRONG' if bad else ''}\n"
                )
                sys.stdout.flush()
    return 1 if wrong else 0


def counted(lan, percent, direction, runs, *commands):
    """The exit codes by command, of one enclosure; without `commands` those of all."""
    done = forked.program([HERE, "inside", lan, percent, direction, runs, *commands], patience=runs * 4 * LONGEST)
    if done.returncode:
        raise RuntimeError(f"{lan}, {percent} %, {direction}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def inside(lan, percent, direction, runs, *commands):
    trials = [trial for trial in TRIALS if trial.lan == lan and (not commands or trial.command in commands)]
    dice = random.Random(f"{lan} {percent} {direction}")  # noqa: S311 - the same ones every time
    scene = trials[0].scene
    with stage(scene) as standing, LossySwitch(scene, dice, int(percent), direction):
        found = {trial.command: [code(standing, trial) for _ in range(int(runs))] for trial in trials}
    sys.stdout.write(json.dumps(found))
    return 0


def code(standing, trial):
    """The exit code of one run; 0 also for a pool of which the used address came out free."""
    options = ["--iface", "eth0", "--kubeconfig", str(KUBECONFIG), "--rate", "100", "-q", *MORE.get(trial.command, ())]
    form = [] if trial.command == "watch" else ["-o", "json"]
    program = [sys.executable, "-m", "arpcheck", trial.command, *options, *form]
    run = standing.start("client", program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    text, trouble = run.communicate(timeout=LONGEST)
    if run.returncode not in (0, 1, 3):
        raise RuntimeError(f"{trial.command}: exit code {run.returncode}: {trouble}")
    if trial.command == "pool" and trial.faulty:
        states = {entry["ip"]: entry["state"] for entry in json.loads(text)["addresses"]}
        return 0 if states[USED] == "free" else run.returncode
    if trial.command == "preflight":
        assert (run.returncode == 0) == (json.loads(text)["preflight"]["safe"] is True)
    return run.returncode


if __name__ == "__main__":
    sys.exit(inside(*sys.argv[2:]) if sys.argv[1:2] == ["inside"] else main(*sys.argv[1:]))
