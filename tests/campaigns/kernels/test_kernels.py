"""The machine without a machine: its disk, its bounds, its table; a script stands in for qemu where one has to fail or to hang."""

import io
import json
import lzma
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import initramfs
import kernels
import loss_runner
import pytest
import qemu
from initramfs import Initramfs
from qemu import Machine, MachineError

UP = '{"up": "6.1"}'
SCENE = '{"scene": "healthy", "seconds": 1.0, "differs": []}'


def entries(archive):
    """By path: mode, time and content; as the kernel reads them (init/initramfs.c)."""
    found, at = {}, 0
    while at < len(archive):
        fields = [int(archive[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        assert archive[at : at + 6] == b"070701"
        _, mode, _, _, _, changed, size, *_ = fields
        length = fields[11]
        name = archive[at + 110 : at + 110 + length - 1].decode()
        start = (at + 110 + length + 3) & ~3
        found[name] = (mode, changed, archive[start : start + size])
        at = (start + size + 3) & ~3
    assert name == "TRAILER!!!"
    return found


def test_files_links_and_folders_of_the_disk(tmp_path):
    real = tmp_path / "usr"
    real.mkdir()
    (real / "program").write_text("odd")
    (tmp_path / "bin").symlink_to("usr")
    (real / "name").symlink_to("program")
    out = io.BytesIO()
    archive = Initramfs(out)
    archive.copy(str(tmp_path / "bin" / "name"))
    archive.copy(str(tmp_path / "usr" / "program"))  # once
    archive.close()
    base, found = str(tmp_path).lstrip("/"), entries(out.getvalue())
    assert stat.S_ISDIR(found[f"{base}/usr"][0])
    assert (stat.S_ISLNK(found[f"{base}/bin"][0]), found[f"{base}/bin"][2]) == (True, b"usr")
    assert (stat.S_ISLNK(found[f"{base}/usr/name"][0]), found[f"{base}/usr/name"][2]) == (True, b"program")
    assert found[f"{base}/usr/program"][1:] == (int((real / "program").stat().st_mtime), b"odd")
    assert list(found).index(base) < list(found).index(f"{base}/usr") < list(found).index(f"{base}/usr/program")


def test_modules_come_with_those_that_they_need(tmp_path):
    modules = tmp_path / "6.1.0"
    (modules / "kernel").mkdir(parents=True)
    for name in ("ip_vs_rr.ko", "ip_vs.ko.xz", "wifi.ko"):
        (modules / "kernel" / name).write_bytes(lzma.compress(b"") if name.endswith("xz") else b"")
    (modules / "modules.dep").write_text("kernel/ip_vs_rr.ko: kernel/ip_vs.ko.xz\nkernel/ip_vs.ko.xz:\nkernel/wifi.ko:\n")
    out = io.BytesIO()
    initramfs.write_modules(out, modules, ["ip_vs_rr", "built_in"])
    found = {name.rpartition("/")[2] for name, (mode, _, _) in entries(out.getvalue()).items() if stat.S_ISREG(mode)}
    assert found == {"ip_vs_rr.ko", "ip_vs.ko.xz", "modules.dep"}


def test_what_arpcheck_requires_is_on_the_disk_and_no_tool_is():
    names = {path.rpartition("site-packages/")[2].partition("/")[0] for path in initramfs._installed()}
    assert {"scapy", "kubernetes", "typer"} <= names
    assert not {"mypy", "ruff", "kubernetes_validate"} & names


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine, and a function that says what its qemu does, by accelerator."""

    def does(kvm, tcg):
        program = tmp_path / "qemu"
        program.write_text(f'#!/bin/sh\ncase "$*" in\n*"-accel kvm "*) {kvm} ;;\n*) {tcg} ;;\nesac\n')
        program.chmod(0o755)
        monkeypatch.setattr(qemu, "PROGRAM", str(program))
        monkeypatch.setattr(qemu, "UP_WITHIN", dict.fromkeys(qemu.ACCELERATORS, 0.5))
        disk, console = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(2))  # noqa: SIM115 - the stack closes it
        return Machine(image=tmp_path / "image", disk=disk, console=console)

    with ExitStack() as stack:
        yield does


def says(*lines):
    return "; ".join(f"echo '{line}'" for line in lines)


def test_kvm_that_opens_and_hangs_or_fails_gives_way_to_the_emulator(machine):
    for kvm in ("exec sleep 60", "echo 'failed to set MSR' >&2; exit 1"):
        found = machine(kvm, says(UP, SCENE))
        assert [*found.lines(qemu.ACCELERATORS, 10)] == [json.loads(UP), json.loads(SCENE)]
        assert found.accelerator == "tcg"


def test_kvm_that_works_is_used(machine):
    found = machine(says(UP, "not ours", SCENE), "exit 1")
    assert [line for line in found.lines(qemu.ACCELERATORS, 10) if "scene" in line] == [json.loads(SCENE)]
    assert found.accelerator == "kvm"


def test_a_machine_that_does_not_come_up_says_why(machine):
    with pytest.raises(MachineError, match=r"kvm: it hung.*tcg: it ended no such kernel"):
        [*machine("exec sleep 60", "echo 'no such kernel' >&2; exit 1").lines(qemu.ACCELERATORS, 10)]


def test_a_machine_is_ended_at_its_bound(machine, monkeypatch):
    monkeypatch.setattr(qemu, "OFF_WITHIN", 0.2)
    found, started = machine("exit 1", f"{says(UP)}; exec sleep 60"), time.monotonic()
    with pytest.raises(MachineError, match="not off after"):
        [*found.lines(qemu.ACCELERATORS, 0.5)]
    assert time.monotonic() - started < 50  # it did not wait for the sleep


@pytest.mark.parametrize(
    ("lines", "code", "words"),
    [
        ({"a": {"seconds": 1.0, "differs": []}, "b": {"seconds": 2.0, "differs": []}}, 0, "2 of 2 as expected"),
        ({"a": {"seconds": 1.0, "differs": ["exit code: expected 0, found 1"]}, "b": {"seconds": 2.0, "differs": []}}, 1, "expected 0, found 1"),
        ({"a": {"seconds": 1.0, "differs": []}}, 1, "not run"),
    ],
)  # fmt: skip
def test_the_table_ends_with_1_where_a_scene_differs_or_was_not_run(capsys, lines, code, words):
    assert kernels._show(["a", "b"], {"Debian 12": lines}) == code
    assert words in capsys.readouterr().out


def test_nothing_run_is_not_as_expected(capsys):
    assert kernels._show([], {"Debian 12": {}}) == 1


def test_scenes_are_chosen_by_name_or_path():
    own = {name.rpartition("/")[2].removesuffix(".toml") for name in kernels._scenes([], everything=False)}
    assert {"vlan-and-parent", "ipvs-non-strict"} <= own
    assert len(own) >= 15
    everything = list(kernels._scenes([], everything=True))
    assert {"healthy", "healthy-in-ipv6"} <= set(everything)
    assert len(everything) == len(set(everything))
    assert next(iter(kernels._scenes(["healthy", "vlan-and-parent"], everything=True))) == "healthy"


@pytest.mark.skipif(not shutil.which("ldd"), reason="there is no ldd")
def test_programs_come_with_their_libraries():
    assert any("ld-linux" in path for path in initramfs._libraries([shutil.which("sh")]))


@pytest.mark.lab
@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces without a user namespace take root")
@pytest.mark.parametrize("command", ["probe", "pool"])
def test_commands_are_run_anew_for_every_count(command):
    number = next(n for n, trial in enumerate(loss_runner.FAULTY) if trial.command == command)
    line = loss_runner.counted(0, number, 2)
    assert (line["differs"], line["told"]) == ([], "2 x 1")


def test_a_run_that_is_clean_or_did_not_end_differs(monkeypatch):
    for out, differs in (("[1, 0]", ["1 x exit code 0"]), ("[3]", ["1 of 2 runs: it failed"]), ("[1, 3]", [])):
        monkeypatch.setattr(loss_runner.forked, "done", lambda *_, out=out: (0, out, "it failed"))
        assert loss_runner.counted(50, 0, 2)["differs"] == differs


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["11"], "no kernel '11'; there are 12, 13"),
        (["--scene", "helthy"], "no scene 'helthy'"),
        (["--accel", "xen"], "invalid choice"),
    ],
)
def test_what_there_is_not_is_one_line_and_2(capsys, arguments, words):
    with pytest.raises(SystemExit) as ended:
        kernels.main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_a_machine_that_fails_leaves_cells_that_were_not_run(monkeypatch, capsys):
    """Under loss as well: a campaign that broke off is not as expected."""

    def breaks(kernel, machine, work, chosen):
        yield {"scene": loss_runner.rows()[0] if chosen.loss else "healthy", "seconds": 1.0, "differs": []}
        raise MachineError("it was not off")

    monkeypatch.setattr(kernels, "_run", breaks)
    kernel = kernels.debian.Kernel(release="12", image=Path("image"), modules=Path("6.1"))
    monkeypatch.setattr(kernels.debian, "kernel", lambda release, fresh: kernel)
    for arguments in (["12", "--loss", "1"], ["12", "--scene", "healthy", "--scene", "silent"]):
        assert kernels.main(arguments) == 1
        assert "not run" in capsys.readouterr().out


def test_it_runs_as_a_program(tmp_path):
    program = [sys.executable, kernels.__file__, "--help"]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "KERNEL" in done.stdout


def test_the_disk_has_all_that_the_runners_import():
    """Nothing but the standard library, the checkout, and what arpcheck requires; setuptools loads its own at every start."""
    listed = "import sys, loss_runner, scene_runner, probe_imports; print(*(m.__file__ for m in sys.modules.values() if getattr(m, '__file__', None)), sep='\\n')"
    folders = os.pathsep.join(str(kernels.TESTS / folder) for folder in (".", "lab", "campaigns/kernels"))
    done = subprocess.run(
        [sys.executable, "-c", listed], env={**os.environ, "PYTHONPATH": folders}, capture_output=True, text=True, check=True
    )
    imported = {
        os.path.realpath(path)
        for path in done.stdout.splitlines()
        if "site-packages" in path and "_distutils_hack" not in path
    }
    assert imported - set(map(os.path.realpath, initramfs._installed())) == set()
