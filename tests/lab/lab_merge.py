"""A program for an enclosure: the same probe from several stations of one scene, each with the same snapshot.

    python lab_merge.py SCENE FOLDER STATION…      (writes FOLDER/STATION.json)

A station as `pod:STATION` is probed from as a pod on its network does it, which is told its node."""

import subprocess
import sys

from arpcheck.lab import scene_file
from arpcheck.lab.fixture import KUBECONFIG, stage


def main(name, folder, *stations):
    scene = scene_file.load(name)
    with stage(scene) as standing:
        cluster = f"{folder}/cluster.json"
        snapshot = [sys.executable, "-m", "arpcheck", "snapshot", "--kubeconfig", str(KUBECONFIG), "--output", cluster]
        assert standing.start(scene.prober.station, snapshot).wait(60) == 0
        for asker in stations:
            pod, _, station = asker.rpartition(":")
            probe = ["env", f"ARPCHECK_NODE_NAME={station}"] if pod else []
            probe += [
                sys.executable,
                "-m",
                "arpcheck",
                "probe",
                "--iface",
                "eth0",
                "--rate",
                "100",
                "--cluster-file",
                cluster,
            ]
            probe += ["--output", f"{folder}/{station}.json", "-q"]
            code = standing.start(station, probe, stdout=subprocess.DEVNULL).wait(60)
            sys.stdout.write(f"{station} {code}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
