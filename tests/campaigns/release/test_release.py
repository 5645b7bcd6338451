"""The parts of a release that can be tried without fetching anything: the one-file build of a small tree, the choice of locked
packages, krew's manifest."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "scripts" / "releasing"))

import krew
import locked_packages
import one_file_archive
from krew_rules import broken_rules
from locked_packages import ReleaseError, Target

RELEASING = Path(krew.__file__).parent
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
HERE = (Target(version=VERSION, architecture=os.uname().machine),)

PROGRAM = """
import sys
from arpcheck.text import WORD

def process():
    import psutil
    print(WORD, psutil.Process().pid > 0, psutil._psutil_linux.__file__, sys.path[0] == __spec__.loader.archive)
    sys.exit(3)
"""


@pytest.fixture
def tree(tmp_path):
    """A package called arpcheck, and psutil with its extension module."""
    folder = tmp_path / "tree"
    (folder / "arpcheck").mkdir(parents=True)
    (folder / "arpcheck" / "__init__.py").touch()
    (folder / "arpcheck" / "__main__.py").write_text(PROGRAM)
    (folder / "arpcheck" / "text.py").write_text("WORD = 'imported'\n")
    shutil.copytree(Path(psutil.__file__).parent, folder / "psutil", ignore=shutil.ignore_patterns("__pycache__", "tests"))
    return folder


def one_file(tree, place, targets=HERE, *, compiled=True, epoch=1_800_000_000):
    place.mkdir()
    made = one_file_archive.compile_for(tree, {VERSION: sys.executable} if compiled else {}, place)
    one_file_archive.write(place / "made.pyz", tree, made, targets, epoch)
    return place / "made.pyz"


def run(program, *options, **more):
    return subprocess.run(
        (sys.executable, "-I", *options, str(program)), capture_output=True, text=True, check=False, **more
    )


@pytest.mark.parametrize("compiled", [True, False])
def test_it_runs_from_the_archive_alone(tree, tmp_path, compiled):
    program = one_file(tree, tmp_path / "one", compiled=compiled)
    shutil.rmtree(tree)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    done = run(program)
    assert (done.returncode, done.stderr) == (3, "")
    word, works, place, first = done.stdout.split()
    assert (word, works, first) == ("imported", "True", "True")
    assert place.startswith("/proc/self/fd/"), "an extension module was unpacked"
    assert sorted(path.name for path in tmp_path.rglob("*")) == before, "something was written"


def test_compiled_code_is_used(tree, tmp_path):
    """Else each start would compile everything."""
    made = one_file_archive.compile_for(tree, {VERSION: sys.executable}, tmp_path)
    (tree / "arpcheck" / "text.py").write_text("WORD = 'compiled-at-the-start'\n")
    one_file_archive.write(tmp_path / "made.pyz", tree, made, HERE, 1_800_000_000)
    assert run(tmp_path / "made.pyz").stdout.split()[0] == "imported"


def test_nothing_beside_python_is_imported(tree, tmp_path):
    """An installed psutil of another version must not take the place of the one in the archive."""
    program = one_file(tree, tmp_path / "one")
    shutil.rmtree(tree / "psutil")
    bare = one_file(tree, tmp_path / "bare")
    assert run(program).returncode == 3
    assert "No module named 'psutil'" in run(bare).stderr


def test_a_python_for_which_it_was_not_built_is_named(tree, tmp_path):
    program = one_file(tree, tmp_path / "one", (Target(version="3.10", architecture="x86_64"),))
    done = run(program)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("arpcheck: this file has no modules for .cpython-")
    assert done.stderr.count("\n") == 1


def test_every_byte_follows_from_what_is_in_it(tree, tmp_path):
    first = one_file(tree, tmp_path / "one").read_bytes()
    for path in tree.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        path.chmod(0o700 if path.is_dir() else 0o600)
    before = os.umask(0o077)
    try:
        assert one_file(tree, tmp_path / "two").read_bytes() == first
    finally:
        os.umask(before)
    assert one_file(tree, tmp_path / "three", epoch=1_900_000_000).read_bytes() != first


LOCKED = """\
both==1 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
old==2 ; python_full_version < '3.14' \\
    --hash=sha256:cc
new==3 ; python_full_version >= '3.14' \\
    --hash=sha256:dd
windows==4 ; sys_platform == 'win32' \\
    --hash=sha256:ee
"""


@pytest.mark.parametrize(("version", "names"), [("3.13", ["both", "old"]), ("3.14", ["both", "new"])])
def test_a_python_gets_what_its_markers_say(tmp_path, version, names):
    path = tmp_path / "locked.txt"
    path.write_text(LOCKED)
    lines = locked_packages.requirements(path, version).splitlines()
    assert [line.split("==")[0] for line in lines] == names
    assert lines[0] == "both==1 --hash=sha256:aa --hash=sha256:bb"


def test_an_unknown_marker_is_an_error(tmp_path):
    path = tmp_path / "locked.txt"
    path.write_text("one==1 ; platform_machine == 'x86_64' --hash=sha256:aa\n")
    with pytest.raises(ReleaseError, match="platform_machine"):
        locked_packages.requirements(path, "3.13")


@pytest.fixture
def manifest(tmp_path):
    archives = {name: tmp_path / f"{name}.tar.gz" for name in ("amd64", "arm64")}
    for path in archives.values():
        krew.archive(path, RELEASING / "krew.py", RELEASING / "krew.yaml", 1_800_000_000)
    made = tmp_path / "arpcheck.yaml"
    made.write_text(krew.manifest(archives, "1.2.3", "https://example.com/it", "https://example.com/it/v1.2.3"))
    return made


def test_the_manifest_keeps_the_rules_of_krew(manifest):
    assert list(broken_rules(manifest)) == []
    platforms = yaml.safe_load(manifest.read_text())["spec"]["platforms"]
    assert {one["selector"]["matchLabels"]["arch"] for one in platforms} == {"amd64", "arm64"}


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("version: v1.2.3", "version: 1.2.3"),
        ("kind: Plugin", "kind: Plug"),
        ("uri: https", "uri: http"),
        ("arch: amd64", "arch: arm64"),
        ("shortDescription: ", f"shortDescription: {'long ' * 10}"),
        ("bin: kubectl", "bin: ../kubectl"),
    ],
)
def test_a_broken_rule_is_found(manifest, right, wrong):
    text = manifest.read_text()
    assert right in text
    manifest.write_text(text.replace(right, wrong, 1))
    assert list(broken_rules(manifest))
