"""What a start loads, in modules: nothing that its command does not need."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from arpcheck.cli import app, strict_arp
from arpcheck.lab import network

LOADED = "import json, sys; {}; print(json.dumps([*sys.modules]), file=sys.stderr)"


def loaded(program):
    done = subprocess.run([sys.executable, "-c", LOADED.format(program)], capture_output=True, text=True, timeout=60, check=True)
    return set(json.loads(done.stderr))


def test_the_help_loads_little_beside_typer():
    bare = loaded("import typer")
    more = loaded("from arpcheck.__main__ import main; main(['--help'])") - bare
    assert len(more) < 0.2 * len(bare)
    assert {name for name in more if name.startswith("arpcheck.")} <= {"arpcheck.__main__", "arpcheck.errors"} | {n for n in more if n.startswith("arpcheck.cli")}


@pytest.mark.parametrize("command", [*app.registered_commands, *strict_arp.strict_arp.registered_commands], ids=lambda c: c.callback.__name__)
def test_no_annotation_of_a_command_is_evaluated_at_each_start(command):
    assert [name for name, found in command.callback.__annotations__.items() if isinstance(found, str)] == []


@pytest.mark.lab
def test_a_probe_from_a_file_loads_one_layer_of_scapy_no_route_and_no_client():
    program = [sys.executable, str(Path(__file__).with_name("start.py")), "loads"]
    done = subprocess.run(network.command(program), capture_output=True, text=True, timeout=120, check=True)
    assert json.loads(done.stdout) == {"layers": ["scapy.layers.l2"], "routesRead": 0, "needless": []}
