"""The first process in an enclosure: sets the stage, runs `arpcheck probe` on it, ends with the probe's exit code.

    python -m arpcheck.lab.inside SCENE [OPTION OF arpcheck probe]…

Started by `run`, which tells the exit code of one that died from the probe's (`enclosure.PAST`)."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence

from arpcheck.errors import ArpcheckError, LabError, fault
from arpcheck.lab import network, scene_file
from arpcheck.lab.fixture import stage

PATIENCE = 1800.0
"""Seconds that a probe may take."""


def main(arguments: Sequence[str]) -> int:
    signal.signal(signal.SIGINT, lambda *_: None)  # the probe gets it too, and ends with what it has
    name, *options = arguments
    try:
        scene = scene_file.load(name)
        with stage(scene) as standing:
            return network.ended(_await(standing.start_probe(options, past=network.PAST)), "the probe")
    except ArpcheckError as error:
        sys.stderr.write(f"arpcheck: {error}\n")
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - a traceback is no help to who runs a demo
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
