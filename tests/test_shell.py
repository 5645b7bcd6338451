"""The completions as the shells ask for them, the help as a user reads it."""

import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path

import forked
import pytest
from apiserver import ApiServer

from arpcheck.commands.app import COMMANDS as LISTED
from arpcheck.commands.completion import kubectl_complete

BIN = Path(sys.executable).parent
COMMANDS = [name for name in LISTED if not any(other.startswith(f"{name} ") for other in LISTED)]


def run(*words, stdin=None, **env):
    return subprocess.run(
        [str(word) for word in words],
        input=stdin, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "TERM": "dumb", **env},
    )  # fmt: skip


def arpcheck(*words, **env):
    return forked.arpcheck(*words, env={"TERM": "dumb", **env})


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory):
    entries = [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in ("prod-b", "prod-a", "lab")]
    path = tmp_path_factory.mktemp("kube") / "config"
    path.write_text(json.dumps({"contexts": entries}))
    return str(path)


LINES = [
    pytest.param(["arpcheck", "pre"], ["preflight"], id="command"),
    pytest.param(["arpcheck", "probe", "--dry"], ["--dry-run"], id="option"),
    pytest.param(["arpcheck", "probe", "--context", "prod"], ["prod-a", "prod-b"], id="contexts"),
    pytest.param(["arpcheck", "demo", "two-non"], ["two-non-strict"], id="scene"),
    pytest.param(["arpcheck", "probe", "-o", "j"], ["json", "junit"], id="formats"),
    pytest.param(["arpcheck", "explain", "non-strict"], ["non-strict", "non-strict-nodes"], id="rules"),
    pytest.param(["arpcheck", "docs", "lim"], ["limits"], id="pages"),
    pytest.param(["arpcheck", "probe", "--iface", "aut"], ["auto"], id="interfaces"),
    pytest.param(["arpcheck", "completion", ""], ["bash", "zsh", "fish"], id="shells"),
]


@cache
def script_for(shell):
    return arpcheck("completion", shell).stdout


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
@pytest.mark.parametrize(("line", "expected"), LINES)
def test_bash_completes_it(line, expected, kubeconfig):
    script = script_for("bash") + (
        f"COMP_WORDS=({' '.join(map(repr, line))}); COMP_CWORD={len(line) - 1}\n"
        '_arpcheck_completion arpcheck; printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = run("bash", "--norc", "-c", script, KUBECONFIG=kubeconfig)
    assert (done.stdout.split(), done.stderr) == (expected, "")


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
@pytest.mark.parametrize(("line", "expected"), LINES)
def test_fish_completes_it(line, expected, kubeconfig, tmp_path):
    script = script_for("fish") + f'\ncomplete --do-complete "{" ".join(line)}"\n'
    done = run("fish", "--no-config", "-c", script, KUBECONFIG=kubeconfig, HOME=str(tmp_path))
    assert sorted(found.split("\t")[0] for found in done.stdout.splitlines()) == sorted(expected)


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
@pytest.mark.parametrize(("line", "expected"), LINES)
def test_zsh_is_given_them(line, expected, kubeconfig):
    """What the script of zsh evaluates: a call of _arguments with the candidates."""
    assert run("zsh", "-n", "-c", script_for("zsh")).stderr == ""
    asked = {"_ARPCHECK_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": " ".join(line), "KUBECONFIG": kubeconfig}
    done = run(BIN / "arpcheck", **asked)
    assert re.findall(r'^(?:_arguments \'\*: :\(\()?"([^"]+)"', done.stdout, re.MULTILINE) == expected


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
def test_the_first_tab_in_a_zsh_completes_too(tmp_path):
    """It loads the file then; what compinit and a terminal would do is left out."""
    (tmp_path / "_arpcheck").write_text(arpcheck("completion", "zsh").stdout)
    script = (
        f'fpath=({tmp_path} $fpath); _arguments() {{ print -r -- "$@" }}; compdef() {{ print registered }}; autoload -Uz _arpcheck;'
        "words=(arpcheck explain latent); CURRENT=3; _arpcheck"
    )
    done = run("zsh", "-f", "-c", script, PATH=f"{BIN}:{os.environ['PATH']}")
    assert (done.stdout, done.stderr) == ('*: :(("latent-non-strict"))\n', "")


@pytest.mark.parametrize(("line", "expected"), LINES[1:4])
def test_kubectl_completes_it(line, expected, kubeconfig):
    done = run(BIN / "kubectl_complete-arpcheck", *line[1:], KUBECONFIG=kubeconfig)
    assert (done.stdout.splitlines(), done.stderr, done.returncode) == ([*expected, ":4"], "", 0)


def test_kubectls_entry_is_the_function_that_is_tried_here():
    assert "arpcheck.__main__:kubectl_complete" in (Path(__file__).parent.parent / "pyproject.toml").read_text()
    assert callable(kubectl_complete)


def test_a_damaged_kubeconfig_completes_to_nothing_and_says_nothing(tmp_path):
    (tmp_path / "config").write_text("{")
    done = run(BIN / "kubectl_complete-arpcheck", "probe", "--context", "", KUBECONFIG=str(tmp_path / "config"))
    assert (done.stdout, done.stderr) == (":4\n", "")


def test_completing_asks_for_nothing_heavy(kubeconfig):
    code = (
        "import sys; sys.argv[1:] = ['probe', '--context', '']; from arpcheck.commands.completion import kubectl_complete as k; k();"
        "print([m for m in ('scapy', 'kubernetes', 'psutil', 'tabulate') if m in sys.modules])"
    )
    assert run(sys.executable, "-c", code, KUBECONFIG=kubeconfig).stdout.splitlines()[-1] == "[]"


def test_an_unknown_shell_is_one_line():
    done = arpcheck("completion", "tcsh")
    assert (done.returncode, done.stderr) == (2, "arpcheck: no completion for 'tcsh'. One of bash, zsh, fish\n")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["probe", "--help"], ["probe"]], ids=["help", "help of a command", "error"]
)
def test_as_a_plugin_it_speaks_of_kubectl(arguments):
    done = run(BIN / "kubectl-arpcheck", *arguments)
    assert "kubectl arpcheck" in done.stdout + done.stderr or arguments == ["probe"]
    assert "Usage: arpcheck" not in done.stdout


# -------------------------------------------------------------------------------------------------------------- help


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_examples_that_can_be_copied(command):
    found = import_module(f"arpcheck.commands.{command.replace(' ', '_').replace('-', '_')}").EXAMPLES
    assert found
    assert all("arpcheck " in example for example in found)
    shown = arpcheck(*command.split(), "--help").stdout
    assert all(f"\n    {example}\n" in shown for example in found)


# --------------------------------------------------------------------------------------------------------------- log


def test_verbose_says_on_stderr_what_is_read_and_no_secret(tmp_path):
    with ApiServer(serves=["v1/Service", "v1/Node"], token="a-secret-token") as api:
        path = api.kubeconfig(tmp_path / "config")
        quiet, loud = (arpcheck("snapshot", *words, "--kubeconfig", path) for words in ((), ("-v",)))
    assert f"read {path}\n" in loud.stderr
    assert re.search(r"arpcheck: +\d+\.\d{3} s  GET /api/v1/services\?limit=500: 200, \d+ octets, \d+ ms\n", loud.stderr)
    assert "a-secret-token" not in loud.stderr
    assert "GET" not in quiet.stderr
    assert [json.loads(done.stdout)["items"] for done in (quiet, loud)] == [[], []]
