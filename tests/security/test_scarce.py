"""A host that gives little: no /proc, few files, little memory. One clear line each, and exit code 2."""

import os
import subprocess
import sys

import pytest

RUN = f"{sys.executable} -m arpcheck"
WITH_MOUNTS = ("unshare", *(("--map-root-user",) if os.geteuid() else ()), "--mount", "--net")
"""Root needs no user namespace for it, which not every system allows."""
SMALL = '{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "b"}}]}'


def shell(script, folder, *how):
    return subprocess.run([*how, "sh", "-c", script], cwd=folder, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("command", ["probe --iface lo", "watch --iface lo"])
def test_without_proc(tmp_path, command):
    (tmp_path / "c.json").write_text(SMALL)
    done = shell(f"mount -t tmpfs none /proc && exec {RUN} {command} --cluster-file c.json", tmp_path, *WITH_MOUNTS)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith("arpcheck: cannot read this host's interfaces: ")
    assert "fault in arpcheck" not in done.stderr


def test_few_files(tmp_path):
    done = shell(f"ulimit -n 7; exec {RUN} demo", tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("arpcheck: the lab cannot start a program: Too many open files")


@pytest.mark.parametrize("command", ["pool --cluster-file c.json", "report r.json"])
def test_little_memory_is_enough_for_a_small_file(tmp_path, command):
    (tmp_path / "c.json").write_text(SMALL)
    (tmp_path / "r.json").write_text("{}")
    done = shell(f"ulimit -v 400000; exec {RUN} {command}", tmp_path)
    free = shell(f"exec {RUN} {command}", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (free.returncode, free.stdout, free.stderr)
    assert "fault in arpcheck" not in done.stderr
