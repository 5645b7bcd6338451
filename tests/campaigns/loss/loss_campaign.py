"""Every command under loss: `python tests/campaigns/loss/loss_campaign.py [RUNS]`. A table of exit codes; 1 where one is wrong.

RUNS on a simulated wire for each command, LAN, loss and direction, the same in every campaign."""

import random
import sys
from collections import Counter

from loss_lans import TRIALS, code

LOSS = (10, 30, 50, 70)
DIRECTIONS = ("requests", "replies", "both")


def counted(trial, percent, direction, runs):
    """The exit codes of so many runs, and the seeds of those that are wrong."""
    codes, wrong = Counter(), []
    for number in range(runs):
        seed = f"{trial.command} {trial.lan} {percent} {direction} {number}"
        found = code(trial, random.Random(seed), percent, direction)  # noqa: S311 - the same ones every time
        codes[found] += 1
        if found == (0 if trial.faulty else 1) or found not in (0, 1, 3):
            wrong.append(seed)
    return codes, wrong


def main(runs=200, only=""):
    sys.stdout.write(f"{'command':10} {'LAN':11} {'loss':>5} {'lost':9} {'exit 0':>7} {'exit 1':>7} {'exit 3':>7}\n")
    every = []
    for trial in (trial for trial in TRIALS if only in f"{trial.command} {trial.lan}"):
        for percent in LOSS:
            for direction in DIRECTIONS:
                codes, wrong = counted(trial, percent, direction, int(runs))
                figures = " ".join(f"{codes[found]:7}" for found in (0, 1, 3))
                sys.stdout.write(
                    f"{trial.command:10} {trial.lan:11} {percent:4}% {direction:9} {figures}{'   WRONG' if wrong else ''}\n"
                )
                sys.stdout.flush()
                every += wrong
    for seed in every:
        sys.stdout.write(f"wrong: {seed}\n")
    return 1 if every else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
