"""Scenes on Debian's kernels: `scripts/kernels [KERNEL…] [OPTION…]`. A table scene x kernel; 1 where one differs.

    scripts/kernels                     the scenes that need such a kernel, on those of Debian 12 and 13
    scripts/kernels 13 --all            every scene and every IPv6 twin of one, on that of Debian 13
    scripts/kernels 12 --scene vlan-and-parent --scene healthy
    scripts/kernels --loss 10           preflight, probe, pool and watch under netem loss instead of scenes

The machine is made of packages of Debian and of this host's Python; it has no network device but those of its scenes."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import debian
import initramfs
from qemu import ACCELERATORS, Machine, MachineError

from arpcheck.errors import ArpcheckError
from arpcheck.lab import scene_file

TESTS = initramfs.CHECKOUT / "tests"
sys.path += [str(TESTS), str(TESTS / "lab")]
import ipv6_twins  # noqa: E402 - of the tests of the lab
import loss_runner  # noqa: E402 - which needs `forked` of the tests

KERNEL_SCENES = initramfs.CHECKOUT / "tests/lab/kernel_scenes"
MODULES = (
    "veth", "bridge", "dummy", "ip_vs", "ip_vs_rr", "8021q", "bonding", "macvlan", "ipvlan", "vrf", "vxlan", "sch_netem", "nf_conntrack",
)  # fmt: skip
OTHERWISE = ("ipv6-suppressed", "ipv6-suppression-hides-second", "ipv6-suppression-of-nobody", "ipv6-suppression-outdated")
"""Scenes of the package in which kernels differ: before commit 827b2ac8 a bridge replied from its table to unicast too."""
FASTER = ("--rate", "100")
PATIENCE = 300.0
"""Seconds for one scene, on an emulated processor."""


def main(arguments: Sequence[str]) -> int:
    chosen = _chosen(arguments)
    names = list(_scenes(chosen.scene, everything=chosen.all))
    work = {"loss": chosen.loss} if chosen.loss else {"scenes": names}
    rows = loss_runner.rows() if chosen.loss else [Path(name).stem for name in names]
    table: dict[str, dict[str, Mapping[str, object]]] = {}
    for release in chosen.kernel or debian.RELEASES:
        column = f"Debian {release}"
        table[column] = {}
        try:
            kernel = debian.kernel(release, fresh=chosen.fresh)
            _tell(f"{column}: {kernel.version}")
            with tempfile.TemporaryFile() as disk, tempfile.TemporaryFile() as console:
                for line in _run(kernel, Machine(image=kernel.image, disk=disk, console=console), work, chosen):
                    table[column][str(line["scene"])] = line
        except (MachineError, RuntimeError, OSError, subprocess.SubprocessError) as error:
            _tell(f"{column}: {error}")  # and its cells are `not run`
    return _show(rows, table)


def _chosen(arguments: Sequence[str]) -> argparse.Namespace:
    """Ends with 2 and a line where something is asked for that there is not."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if unknown := [release for release in chosen.kernel if release not in debian.RELEASES]:
        parser.error(f"no kernel {unknown[0]!r}; there are {', '.join(debian.RELEASES)}")
    try:
        for name in _scenes(chosen.scene, everything=False):
            scene_file.load(name)
    except ArpcheckError as error:
        parser.error(str(error))
    return chosen


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/kernels", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kernel", nargs="*", metavar="KERNEL", help=f"a Debian release: {', '.join(debian.RELEASES)}")
    parser.add_argument("--all", action="store_true", help="every scene")
    parser.add_argument(
        "--scene", action="append", default=[], metavar="NAME", help="this scene; a name or a path; repeatable"
    )
    parser.add_argument(
        "--loss", type=int, default=0, metavar="RUNS", help="runs of every command at each loss, instead of scenes"
    )
    parser.add_argument("--accel", choices=("auto", "kvm", "tcg"), default="auto", help="auto tries KVM first")
    parser.add_argument("--fresh", action="store_true", help="fetch the newest packages")
    parser.add_argument("--within", type=float, default=1800, metavar="SECONDS", help="for one kernel")
    return parser


def _scenes(asked: Sequence[str], *, everything: bool) -> Iterator[str]:
    """Paths of the scenes that only such a kernel shows, names of those of the package that it shows otherwise, or all."""
    own = {path.stem: str(path) for path in sorted(KERNEL_SCENES.glob("*.toml"))}
    if asked:
        yield from (own.get(name) or (os.path.abspath(name) if name.endswith(".toml") else name) for name in asked)
        return
    yield from own.values()
    yield from scene_file.names() if everything else OTHERWISE
    if everything:
        yield from (f"{name}{ipv6_twins.SUFFIX}" for name in ipv6_twins.names())


def _run(
    kernel: debian.Kernel, machine: Machine, work: Mapping[str, object], chosen: argparse.Namespace
) -> Iterator[Mapping[str, object]]:
    """Lines of the runner, told as they come."""
    settings = {
        "python": sys.executable, "folder": str(TESTS), "modules": MODULES, "options": FASTER, "patience": PATIENCE,
        "runner": "loss_runner" if "loss" in work else "scene_runner", "environment": {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join(str(TESTS / folder) for folder in (".", "lab", "campaigns/kernels")),
        },
        **work,
    }  # fmt: skip
    initramfs.write_base(machine.disk, json.dumps(settings))
    initramfs.write_modules(machine.disk, kernel.modules, MODULES)
    machine.disk.flush()
    accelerators = {"auto": tuple(ACCELERATORS), "kvm": ("kvm",), "tcg": ("tcg",)}[chosen.accel]
    started, ended = time.monotonic(), None
    for line in machine.lines(
        tuple(one for one in accelerators if one != "kvm" or os.access("/dev/kvm", os.R_OK | os.W_OK)), chosen.within
    ):
        if "up" in line:
            _tell(f"  {line['up']} is up with {machine.accelerator} after {time.monotonic() - started:.0f} s")
        elif "scene" in line:
            _tell("\n    ".join([f"  {line['scene']}: {_cell(line)}", *line["differs"]]))
            yield line
        else:
            ended = line.get("ended")
    _tell(f"  off after {time.monotonic() - started:.0f} s")
    if ended != 0:
        raise MachineError(f"the runner ended with {ended}; the console: {machine.said_last(1000)}")


def _show(rows: Sequence[str], table: Mapping[str, Mapping[str, Mapping[str, object]]]) -> int:
    wide = max(map(len, rows), default=0)
    sys.stdout.write(f"{'scene':{wide}}" + "".join(f"  {column:>16}" for column in table) + "\n")
    wrong = []
    for name in rows:
        cells = [_cell(lines.get(name)) for lines in table.values()]
        sys.stdout.write(f"{name:{wide}}" + "".join(f"  {cell:>16}" for cell in cells) + "\n")
        for column, lines in table.items():
            line = lines.get(name)
            if line is None or line["differs"]:
                wrong.append(
                    f"{name} on {column}:\n" + "".join(f"  {text}\n" for text in (line["differs"] if line else ["not run"]))
                )  # type: ignore[attr-defined]
    good = len(rows) * len(table) - len(wrong)
    sys.stdout.write("\n" + "".join(wrong) + f"{good} of {len(rows) * len(table)} as expected\n")
    return 1 if wrong or not rows else 0


def _cell(line: Mapping[str, object] | None) -> str:
    if line is None:
        return "not run"
    return f"{'DIFFERS' if line['differs'] else line.get('told', 'ok')} {line['seconds']} s"


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # which ends the machine first
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
