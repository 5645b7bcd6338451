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

BIN = Path(sys.executable).parent
PATIENCE = 60
READY, END = "READY42[^>]*> ", "END42"

HOSTILE = [
    pytest.param("ctx$(touch MARK)", id="substitution"),
    pytest.param(r"ctx\$(touch MARK)", id="escaped substitution"),
    pytest.param("ctx`touch MARK`", id="backticks"),
    pytest.param(r"ctx\`touch MARK\`", id="escaped backticks"),
    pytest.param("ctx;touch MARK", id="semicolon"),
    pytest.param("ctx'; touch MARK; '", id="quote"),
    pytest.param('ctx"; touch MARK; "', id="double quote"),
    pytest.param("ctx))'; touch MARK; : '((", id="end of the list"),
    pytest.param("ctx\ntouch MARK", id="line"),
    pytest.param("ctx<(touch MARK)", id="process"),
    pytest.param("ctx*", id="pattern"),
    pytest.param("ctx[f]*", id="class"),
    pytest.param("ctx{f,g}ile-1", id="braces"),
    pytest.param("ctx\x1b]0;x\x07", id="escape"),
]
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "bind 'set enable-bracketed-paste off'; . ./script\r"),
    "zsh": (["zsh", "-f", "-i"], "unsetopt zle_bracketed_paste; autoload -Uz compinit; compinit -u -D; . ./script\r"),
}


@pytest.fixture(
    params=[
        pytest.param(name, marks=pytest.mark.skipif(not shutil.which(name), reason=f"{name} is not installed"))
        for name in SHELLS
    ]
)
def shell(request, tmp_path):
    """A function that types a line in an interactive shell whose arpcheck completes, and returns what it showed."""
    script = forked.arpcheck("completion", request.param).stdout
    (tmp_path / "script").write_text(script)
    (tmp_path / "ctxfile-1").write_text("a file that a pattern would find")

    def typed(line, contexts):
        entries = [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in contexts]
        (tmp_path / "config").write_text(json.dumps({"contexts": entries}))
        program, ready = SHELLS[request.param]
        # the line, then all of it away, then a word that only the shell itself can put together
        return on_a_terminal(
            program, [(f"{ready}echo READY$((6*7))\r", READY), (f"{line}\x05\x15echo END$((6*7))\r", END)], tmp_path
        )

    return typed


def on_a_terminal(program, turns, folder):
    """What the program shows in the last turn: each types keys and waits for what they come to."""
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(folder)
        environment = {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(folder),
            "KUBECONFIG": str(folder / "config"),
            "TERM": "dumb",
            "PS1": "> ",
        }
        os.execvpe(program[0], program, environment)  # noqa: S606 - the shell that is tried
    try:
        until = time.monotonic() + PATIENCE
        for keys, end in turns:
            os.write(terminal, keys.encode())
            shown = ""
            while not re.search(end, shown) and select.select([terminal], [], [], max(until - time.monotonic(), 0))[0]:
                shown += os.read(terminal, 65536).decode(errors="replace")
        return shown
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


def test_an_ordinary_name_is_completed(shell, tmp_path):
    shown = shell("arpcheck probe --context ctx-o\t", ["ctx-one@lab:6443/x_y+z", "other"])
    assert END in shown
    assert "ctx-one@lab" in shown.replace("\\", "")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_left_out_and_nothing_comes_of_it(shell, name, tmp_path):
    shown = shell("arpcheck probe --context ctx\t\t\t", ["ctx-one", "ctx-two", name])
    assert END in shown
    assert not (tmp_path / "MARK").exists()
    assert "ctx-two" in shown, "the others are offered"
    assert "ctxfile-1" not in shown


@pytest.mark.parametrize("name", HOSTILE)
def test_nor_where_it_is_the_only_one(shell, name, tmp_path):
    shown = shell("arpcheck probe --context ctx\t\t", [name])
    assert END in shown
    assert not (tmp_path / "MARK").exists()
