"""Several `arpcheck probe` at once on one host, inside an enclosure: `python probes_side_by_side.py SCENE NUMBER`.

Prints their reports as a list, with the exit codes."""

import json
import subprocess
import sys

from arpcheck.lab import scene_file
from arpcheck.lab.fixture import stage


def main(name, number):
    with stage(scene_file.load(name)) as standing:
        options = ["-o", "json", "-q", "--rate", "100"]
        probes = [standing.start_probe(options, stdout=subprocess.PIPE, text=True) for _ in range(int(number))]
        reports = [(probe.communicate(timeout=120)[0], probe.returncode) for probe in probes]
    sys.stdout.write(json.dumps([(json.loads(text), code) for text, code in reports]))


if __name__ == "__main__":
    main(*sys.argv[1:])
