"""Inside an enclosure: arpcheck's own commands on a scene, one after the other. Prints a JSON list of how each ended.

python strict_arp_run.py SCENE COMMANDS-AS-JSON [OBJECTS-AS-JSON]"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from arpcheck.lab import scene_file
from arpcheck.lab.fixture import KUBECONFIG, stage

sys.path.append(str(Path(__file__).parents[1]))
from apiserver.staged import serve


def main(scene: str, commands: list[list[str]], objects: list[dict[str, Any]]) -> None:
    ends = []
    with stage(scene_file.load(scene), serve) as standing:
        for obj in objects:
            standing.api.store.put(obj)
        for command in commands:
            program = [sys.executable, "-m", "arpcheck", *command, "--kubeconfig", str(KUBECONFIG)]
            run = standing.start("client", program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            out, err = run.communicate(timeout=60)
            ends.append({"code": run.returncode, "out": out, "err": err})
    json.dump(ends, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3]) if len(sys.argv) > 3 else [])
