"""Completion in real shells on a terminal: a name that somebody else chose is never evaluated, expanded or split."""

import json
import os
import pty
import re
import select
import shutil
import signal
import sys
import time
from pathlib import Path

import forked
import pytest
from typer.completion import completion_init, shell_complete
from typer.main import get_command

from arpcheck.commands.app import COMPLETE, app

BIN = Path(sys.executable).parent
PATIENCE = 60
READY, END = "READY42[^>]*> ", "END42"

HOSTILE = {
    "substitution": "ctx$(touch MARK)",
    "escaped substitution": r"ctx\$(touch MARK)",
    "backticks": "ctx`touch MARK`",
    "escaped backticks": r"ctx\`touch MARK\`",
    "semicolon": "ctx;touch MARK",
    "quote": "ctx'; touch MARK; '",
    "double quote": 'ctx"; touch MARK; "',
    "end of the list": "ctx))'; touch MARK; : '((",
    "line": "ctx\ntouch MARK",
    "process": "ctx<(touch MARK)",
    "pattern": "ctx*",
    "class": "ctx[f]*",
    "braces": "ctx{f,g}ile-1",
    "escape": "ctx\x1b]0;x\x07",
}
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "bind 'set enable-bracketed-paste off'; . ./script\r"),
    "zsh": (["zsh", "-f", "-i"], "unsetopt zle_bracketed_paste; autoload -Uz compinit; compinit -u -D; . ./script\r"),
}

ASKED = {
    "bash": {"COMP_WORDS": "arpcheck probe --context ctx", "COMP_CWORD": "3"},
    "zsh": {"_TYPER_COMPLETE_ARGS": "arpcheck probe --context ctx"},
}
"""How the script of each says what was typed."""


@pytest.fixture(
    params=[
        pytest.param(name, marks=pytest.mark.skipif(not shutil.which(name), reason=f"{name} is not installed"))
        for name in SHELLS
    ]
)
def shell(request, tmp_path):
    """A function that types a line in one interactive shell whose arpcheck completes, and returns what it showed."""
    (tmp_path / "script").write_text(forked.arpcheck("completion", request.param).stdout)
    (tmp_path / "ctxfile-1").write_text("a file that a pattern would find")
    program, ready = SHELLS[request.param]
    with Terminal(program, tmp_path) as terminal:
        terminal.types(f"{ready}echo READY$((6*7))\r", READY)

        def typed(line, contexts):
            write_config(tmp_path, contexts)
            # the line, then all of it away, then a word that only the shell itself can put together
            return terminal.types(f"{line}\x05\x15echo END$((6*7))\r", END)

        yield typed


def write_config(folder, contexts):
    entries = [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in contexts]
    (folder / "config").write_text(json.dumps({"contexts": entries}))


class Terminal:
    """A context: a program in a folder, on a terminal of its own."""

    def __init__(self, program, folder):
        self._pid, self._terminal = pty.fork()
        if not self._pid:
            os.chdir(folder)
            environment = {
                "PATH": f"{BIN}:{os.environ['PATH']}",
                "HOME": str(folder),
                "KUBECONFIG": str(folder / "config"),
                "TERM": "dumb",
                "PS1": "> ",
            }
            os.execvpe(program[0], program, environment)  # noqa: S606 - the shell that is tried

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._terminal)

    def types(self, keys, end):
        """What is shown until `end`, or within PATIENCE."""
        until = time.monotonic() + PATIENCE
        os.write(self._terminal, keys.encode())
        shown = ""
        while not re.search(end, shown) and select.select([self._terminal], [], [], max(until - time.monotonic(), 0))[0]:
            shown += os.read(self._terminal, 65536).decode(errors="replace")
        return shown


def test_an_ordinary_name_is_completed(shell, tmp_path):
    shown = shell("arpcheck probe --context ctx-o\t", ["ctx-one@lab:6443/x_y+z", "other"])
    assert END in shown
    assert "ctx-one@lab" in shown.replace("\\", "")


def test_hostile_names_are_left_out_and_nothing_comes_of_them(shell, tmp_path):
    shown = shell("arpcheck probe --context ctx\t\t\t", ["ctx-one", "ctx-two", *HOSTILE.values()])
    assert END in shown
    assert not (tmp_path / "MARK").exists()
    assert "ctx-two" in shown, "the others are offered"
    assert "ctxfile-1" not in shown


@pytest.mark.parametrize("what", ["substitution", "pattern"])
def test_nor_where_one_is_the_only_one(shell, tmp_path, what):
    """Two for all: the shell is told the same of each, as the test below shows."""
    shown = shell("arpcheck probe --context ctx\t\t", [HOSTILE[what]])
    assert END in shown
    assert not (tmp_path / "MARK").exists()


@pytest.mark.parametrize("name", SHELLS)
def test_a_shell_is_told_of_none_of_them_as_where_there_is_none(tmp_path, monkeypatch, capsys, name):
    for variable, value in {**ASKED[name], "HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / "config")}.items():
        monkeypatch.setenv(variable, value)
    completion_init()

    def told(*contexts):
        write_config(tmp_path, contexts)
        shell_complete(get_command(app), {}, "arpcheck", COMPLETE, f"complete_{name}")
        return capsys.readouterr().out

    assert "ctx-one" in told("ctx-one")
    nothing = told()
    assert {what: told(one) for what, one in HOSTILE.items()} == dict.fromkeys(HOSTILE, nothing)
