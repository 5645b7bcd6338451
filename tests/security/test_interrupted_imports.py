"""A signal that comes while Python loads what it needs ends it in one line, with 130: no traceback, and not as a fault."""

import os
import signal
import subprocess
import sys

import pytest

RUN = """import os, signal, sys

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "MODULE":
            os.kill(os.getpid(), SIGNAL)

sys.argv[:] = ["arpcheck", *"WORDS".split()]
from arpcheck.__main__ import ENTRY
sys.meta_path.insert(0, Finder)
ENTRY()
"""


def ended(module, number, entry, words):
    code = RUN.replace("MODULE", module).replace("SIGNAL", str(int(number))).replace("ENTRY", entry).replace("WORDS", words)
    environ = {**os.environ, "KUBECONFIG": "/nowhere"}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False, env=environ)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    ("module", "entry", "words"),
    [
        pytest.param("typer.exceptions", "process", "explain ok", id="typer"),
        pytest.param("arpcheck.commands.app", "process", "explain ok", id="the commands"),
        pytest.param("pydantic", "process", "explain ok", id="what typer converts options with"),
        pytest.param("arpcheck.commands.explain", "process", "explain ok", id="one command"),
        pytest.param("arpcheck.judge", "process", "explain ok", id="what a command needs"),
        pytest.param("typer", "kubectl_complete", "explain o", id="typer, by kubectl"),
        pytest.param("arpcheck.commands.completion", "kubectl_complete", "explain o", id="the commands, by kubectl"),
        pytest.param("arpcheck.judge", "kubectl_complete", "explain o", id="the candidates, by kubectl"),
    ],
)
def test_it_ends_in_one_line(module, entry, words, number):
    done = ended(module, number, entry, words)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "arpcheck: interrupted\n")


def test_a_signal_that_is_ignored_stays_ignored():
    code = (
        RUN.replace("MODULE", "typer.exceptions")
        .replace("SIGNAL", "signal.SIGHUP")
        .replace("ENTRY", "process")
        .replace("WORDS", "explain ok")
    )
    done = subprocess.run(["nohup", sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
