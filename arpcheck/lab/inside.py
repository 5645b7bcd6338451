"""The first process in an enclosure: sets the stage, runs `arpcheck probe` on it, ends with the probe's exit code.

    python -m arpcheck.lab.inside SCENE [OPTION OF arpcheck probe]…"""

from __future__ import annotations

import signal
import subprocess
import sys
import traceback
from collections.abc import Sequence

from arpcheck.errors import ArpcheckError, LabError
from arpcheck.lab import scene_file
from arpcheck.lab.stage import stage

PATIENCE = 1800.0
"""Seconds that a probe may take."""


def main(arguments: Sequence[str]) -> int:
    signal.signal(signal.SIGINT, lambda *_: None)  # the probe gets it too, and ends with what it has
    name, *options = arguments
    try:
        scene = scene_file.load(name)
        with stage(scene) as standing:
            return _await(standing.start_probe(options))
    except ArpcheckError as error:
        sys.stderr.write(f"arpcheck: {error}\n")
        return error.exit_code
    except Exception:  # noqa: BLE001 - Python would end with 1, which is the code of a finding
        traceback.print_exc()
        return LabError.exit_code


def _await(probe: subprocess.Popen[bytes]) -> int:
    try:
        return probe.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        probe.kill()
        raise LabError(f"the probe did not end within {PATIENCE:g} s") from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
