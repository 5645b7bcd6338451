"""The wheel by itself does what the checkout does, as far as a file or a dependency that is missing would stop it: each command
starts, each format is written, the explanations are there, and a scene comes out on the kernel."""

import subprocess
import zipfile
from pathlib import Path

import pytest
from wheel_environment import CHECKOUT, environment

import arpcheck

PACKAGE = Path(arpcheck.__file__).parent


@pytest.fixture
def run(programs, tmp_path):
    def started(name, *arguments):
        """In a folder of its own."""
        return subprocess.run(
            [str(programs / name), *arguments], capture_output=True, text=True, cwd=tmp_path, env=environment(), check=False
        )

    return started


def commands():
    from arpcheck.commands.app import COMMANDS

    return sorted(name for name, line in COMMANDS.items() if not line.hidden and " " not in name)


def test_it_has_every_file_of_the_package(wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("arpcheck/")}
    files = [
        path.relative_to(PACKAGE.parent) for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]
    assert packed == {str(path) for path in files}


def test_nothing_but_the_wheel_and_what_it_declares_can_be_imported(run):
    where = "import arpcheck, sys; print(arpcheck.__file__); print(*sys.path, sep='\\n')"
    lines = run("python", "-c", where).stdout.split()
    assert "/away" in lines[0]
    assert [line for line in lines if line.startswith(str(CHECKOUT))] == []
    for module in ("pytest", "hypothesis", "forked", "tests"):
        assert run("python", "-c", f"import {module}").stderr.endswith(f"No module named '{module}'\n")


@pytest.mark.parametrize("name", ["arpcheck", "kubectl-arpcheck"])
def test_help_names_every_command(run, name):
    done = run(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert [command for command in commands() if f"\n  {command} " not in done.stdout] == []


@pytest.mark.parametrize("page", [page for page in ("explain", "man", "docs") if page in commands()])
def test_its_pages_are_those_of_the_checkout(run, page):
    import forked

    done, ours = run("arpcheck", page), forked.arpcheck(page, env=environment())
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ours.stdout != ""


@pytest.mark.parametrize("name", ["table", "html", "json"])  # with no file of the package, with templates, with the contract
def test_it_writes_a_report_as_the_checkout_does(run, saved, name):
    import forked

    done, ours = run("arpcheck", "report", saved, "-o", name), forked.arpcheck("report", saved, "-o", name)
    assert done.returncode == ours.returncode == 1, done.stderr
    assert done.stdout == ours.stdout != ""


@pytest.mark.lab
def test_a_scene_comes_out_on_the_kernel(run):
    done = run("python", "-m", "arpcheck.lab", "healthy", "--check", "--", "--rate", "100")
    assert (done.returncode, done.stdout) == (0, "healthy: as expected\n"), done.stderr
