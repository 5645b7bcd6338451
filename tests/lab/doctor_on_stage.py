"""Runs `arpcheck doctor` on stations of a scene, inside an enclosure, with the rights that are asked for.

python doctor_on_stage.py STATION [PREFIX WORD]… -- [OPTION]…"""

import subprocess
import sys
from pathlib import Path

from arpcheck.lab import scene_file
from arpcheck.lab.fixture import KUBECONFIG, stage

sys.path.append(str(Path(__file__).parents[1]))
from apiserver.staged import serve


def main(station, *words):
    prefix, options = words[: words.index("--")], words[words.index("--") + 1 :]
    scene = scene_file.load("two-non-strict")
    with stage(scene, serve) as standing:
        if station != scene.prober.station:
            options = ("--cluster-file", snapshot(standing), *options)
        else:
            options = ("--kubeconfig", str(KUBECONFIG), *options)
        program = [*prefix, sys.executable, "-m", "arpcheck", "doctor", *options]
        return standing.start(station, program).wait(60)


def snapshot(standing):
    path = "/run/cluster.json"
    program = [sys.executable, "-m", "arpcheck", "snapshot", "--kubeconfig", str(KUBECONFIG), "--output", path]
    subprocess.run(["ip", "netns", "exec", "client", *program], check=True, capture_output=True)  # it says what it read
    return path


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
