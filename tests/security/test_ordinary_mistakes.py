"""What anybody gets wrong is one line with its cure and exit 2, and not "a fault in arpcheck"."""

import os
import subprocess
import sys

import pytest
from sudo_world import ARPCHECK, HOME

MISTAKES = [
    pytest.param(
        {},
        "snapshot --kubeconfig ~nouser/x",
        "--kubeconfig ~nouser/x: no such home directory. Use an absolute path",
        id="no such user",
    ),
    pytest.param({}, "snapshot --cluster-file - <&-", "standard input:1: empty. ", id="stdin is closed"),
    pytest.param({}, "report - <&-", "-: empty. ", id="nor is there a report"),
    *(
        pytest.param(
            {"_ARPCHECK_COMPLETE": "complete_bash", **words},
            "",
            "_ARPCHECK_COMPLETE is set, but COMP_WORDS and COMP_CWORD are not",
            id=f"completion {words}",
        )
        for words in (
            {},
            {"COMP_CWORD": "x", "COMP_WORDS": "arpcheck "},
            {"COMP_CWORD": "-1", "COMP_WORDS": ""},
            {"COMP_CWORD": "9" * 5000, "COMP_WORDS": ""},
            {"COMP_CWORD": "1"},
        )
    ),
]


@pytest.mark.parametrize(("environ", "words", "said"), MISTAKES)
def test_it_is_one_line(environ, words, said):
    code, stdout, stderr = ended(words, environ)
    assert (code, stdout, stderr.count("\n")) == (2, "", 1), stderr
    assert stderr.startswith(f"arpcheck: {said}")


def ended(words, environ, folder="/", before="true"):
    told = {"PATH": os.environ["PATH"], "HOME": "/nowhere", **environ}
    script = f"{before} && exec {sys.executable} -P -m arpcheck {words}"
    done = subprocess.run(
        ["sh", "-c", script], env=told, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("path", ["config", "../config"])
def test_in_a_folder_that_is_gone_it_says_so(path, tmp_path):
    (tmp_path / "config").write_text("contexts: [{name: x}]\ncurrent-context: x\n")
    (tmp_path / "gone").mkdir()
    code, stdout, stderr = ended(f"snapshot --kubeconfig {path}", {}, tmp_path / "gone", f"rmdir {tmp_path}/gone")
    assert (code, stdout, stderr.count("\n")) == (2, "", 1), stderr
    assert f"{path}: No such file or directory. " in stderr
    assert os.geteuid() != 0 or "current directory no longer exists" in stderr


@pytest.mark.lab
def test_a_kubeconfig_of_the_environment_that_only_root_may_see_is_named(world):
    world.write("/run/kept/admin.conf", "contexts: []", mode=0o600)
    world.path("/run/kept").chmod(0o700)
    done = world.run(ARPCHECK, "snapshot", env={"KUBECONFIG": "/run/kept/admin.conf"})
    said = "arpcheck: /run/kept/admin.conf: Permission denied. Select another with --kubeconfig, or read a file with --cluster-file\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)


@pytest.mark.lab
def test_a_home_that_its_user_may_not_look_into_is_named(world):
    world.path(f"{HOME}/.kube").mkdir(mode=0o700)
    done = world.run(ARPCHECK, "snapshot")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"arpcheck: {HOME}/.kube/config: Permission denied. ")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user that the machine does not know")
def test_a_user_without_a_name_and_a_home_has_no_kubeconfig():
    """As in a pod whose user is any number."""
    code = "import os; from arpcheck.cluster.kubeconfig import load; os.setuid(4999); print(load(None, None, {}))"
    done = subprocess.run([sys.executable, "-c", code], env={}, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("None\n", "")


@pytest.mark.parametrize("error", ["MemoryError", "ImportError", "OSError"])
def test_what_fails_while_it_is_told_what_failed_is_one_line_and_no_finding(error):
    code = f"import arpcheck.__main__ as m\ndef full(*_): raise {error}\nm._guarded = m._say = full\nm.process()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (2, "arpcheck: not enough memory, or a fault in arpcheck\n")
