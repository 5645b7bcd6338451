"""The first process in an enclosure: builds the scene, runs `arpcheck probe` in it, ends with the probe's exit code.

    python -m arpcheck.lab.inside SCENE [OPTION OF arpcheck probe]…

`run` starts it, and tells a crash from an exit code of the probe (`network.PAST`)."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence

from arpcheck.errors import ArpcheckError, LabError, fault
from arpcheck.lab import network, scene_file
from arpcheck.lab.fixture import stage

PATIENCE = 1800.0
"""Time limit of a probe in seconds."""


def main(arguments: Sequence[str]) -> int:
    signal.signal(signal.SIGINT, lambda *_: None)  # the probe gets it too, and then prints its report
    name, *options = arguments
    try:
        scene = scene_file.load(name)
        with stage(scene) as standing:
            return network.ended(_await(standing.start_probe(options, past=network.PAST)), "the probe")
    except ArpcheckError as error:
        sys.stderr.write(f"arpcheck: {error}\n")
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - a traceback does not help who runs a demo
        sys.stderr.write(f"arpcheck: the lab failed: {fault(error)}. Please report it with this line\n")
        return LabError.exit_code


def _await(probe: subprocess.Popen[bytes]) -> int:
    try:
        return probe.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        probe.kill()
        raise LabError(f"the probe did not end within {PATIENCE:g} s") from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
