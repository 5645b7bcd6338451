"""The table of commands: complete, true to the docstrings, and enough for the help and for completing a command's name."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from arpcheck import commands
from arpcheck.commands.app import COMMANDS, app

FILES = {path.stem: path.read_text() for path in Path(commands.__path__[0]).glob("*.py")}
LIGHT = {
    "arpcheck",
    "arpcheck.__main__",
    "arpcheck.errors",
    "arpcheck.gc_control",
    "arpcheck.commands",
    "arpcheck.commands.app",
}


def command(name):
    found = typer.main.get_command(app)
    for word in name.split():
        found = found.commands[word]
    return found


def loaded(arguments, **env):
    """The modules of arpcheck that a start loads."""
    code = (
        "import json, sys\nfrom arpcheck.__main__ import main\n"
        f"try: main({arguments!r})\n"
        "finally: print(json.dumps([name for name in sys.modules if name.partition('.')[0] == 'arpcheck']), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **env}
    )
    return done.stdout, set(json.loads(done.stderr.splitlines()[-1]))


def test_every_file_with_examples_is_a_line_of_the_table():
    files = {name for name, text in FILES.items() if re.search(r"^EXAMPLES = ", text, re.MULTILINE)}
    groups = {name for name in COMMANDS if any(other.startswith(f"{name} ") for other in COMMANDS)}
    assert files == {re.sub("[ -]", "_", name) for name in COMMANDS if name not in groups}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_line_is_the_first_sentence_of_the_docstring(name):
    assert COMMANDS[name].help == command(name).get_short_help_str(1000)


@pytest.mark.parametrize("arguments", [["--help"], ["strict-arp", "--help"], []], ids=" ".join)
def test_the_help_loads_no_command(arguments):
    text, modules = loaded(arguments)
    shown = [name for name, line in COMMANDS.items() if not line.hidden]
    listed = {name.rpartition(" ")[2] for name in shown if name.startswith("strict-arp ") == ("strict-arp" in arguments)}
    assert set(re.findall(r"^  ([a-z][a-z-]+)  ", text, re.MULTILINE)) == listed
    assert modules <= LIGHT


def test_completing_the_name_of_a_command_loads_none():
    words = {"_ARPCHECK_COMPLETE": "complete_bash", "COMP_WORDS": "arpcheck pre", "COMP_CWORD": "1"}
    text, modules = loaded([], **words)
    assert text.split() == ["preflight"]
    assert modules <= LIGHT | {"arpcheck.wire", "arpcheck.wire.privilege"}


def test_a_command_loads_only_its_own_file():
    _, modules = loaded(["explain", "ok"])
    others = {f"arpcheck.commands.{re.sub('[ -]', '_', name)}" for name in COMMANDS} - {"arpcheck.commands.explain"}
    assert modules & others == set()
