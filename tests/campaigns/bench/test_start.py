"""What a start loads, in modules: nothing that its command does not need."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from arpcheck.lab import network

LOADED = "import json, sys; {}; print(json.dumps([*sys.modules]), file=sys.stderr)"


def loaded(program):
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(program)], capture_output=True, text=True, timeout=60, check=True
    )
    return set(json.loads(done.stderr))


def test_the_help_loads_little_beside_typer():
    bare = loaded("import typer")
    more = loaded("from arpcheck.__main__ import main; main(['--help'])") - bare
    assert len(more) < 0.2 * len(bare)


@pytest.mark.lab
def test_a_probe_from_a_file_loads_one_layer_of_scapy_no_route_and_no_client():
    program = [sys.executable, str(Path(__file__).with_name("start.py")), "loads"]
    done = subprocess.run(network.command(program), capture_output=True, text=True, timeout=120, check=True)
    assert json.loads(done.stdout) == {"layers": ["scapy.layers.l2"], "routesRead": 0, "needless": []}
