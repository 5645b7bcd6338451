"""The machine: qemu without any network device to the outside, two processors, a disk in memory, and two serial lines.

KVM is tried first, with a bound, since it may open and then hang (nested, or a host that traps too much); elsewhere the
processor is emulated, one, and its clock counts instructions: what the machine waits for takes no time, and a host that is busy
does not make it late. The process is killed at the end, whatever happened, and dies with this one."""

from __future__ import annotations

import ctypes
import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

PROGRAM = "qemu-system-x86_64"
MEMORY = "2048"
"""MiB. The disk takes a third of it."""
ACCELERATORS: Mapping[str, tuple[str, ...]] = {
    "kvm": ("-accel", "kvm", "-smp", "2"),
    "tcg": ("-accel", "tcg,thread=single", "-smp", "1", "-icount", "shift=0,sleep=off", "-rtc", "base=utc,clock=vm"),
}
UP_WITHIN = {"kvm": 25.0, "tcg": 300.0}
"""Seconds until the first line of the first process."""
WORDS = "console=ttyS0 panic=-1 rdinit=/init loglevel=4"
EMULATED_WORDS = "no_timer_check lpj=4000000 tsc=reliable"
"""Without them a kernel calibrates its clocks against an emulated timer, and may wait for it for ever."""
OFF_WITHIN = 30.0
"""Seconds from its last line until it is off."""
PR_SET_PDEATHSIG = 1


class MachineError(Exception):
    """The machine did not come up, or did not end as it should."""


@dataclass(slots=True)
class Machine:
    image: Path
    disk: BinaryIO
    """A file that has no name any more: nothing of it is left behind."""
    console: BinaryIO
    """Where what the kernel says is written; likewise."""
    accelerator: str = ""
    """The one that it came up with."""

    def lines(self, accelerators: Iterable[str], within: float) -> Iterator[dict[str, Any]]:
        """What the first process and the runner say, until the machine is off. Raises MachineError after `within` seconds."""
        troubles = []
        for accelerator in accelerators:
            with self._started(accelerator) as process:
                try:
                    source = Lines(process, time.monotonic() + UP_WITHIN[accelerator])
                    said = iter(source)
                    first = next(said, None)
                    if first is None:
                        troubles.append(f"{accelerator}: {self._trouble(process, hung=not source.over)}")
                        continue
                    self.accelerator = accelerator
                    source.deadline = time.monotonic() + within
                    yield first
                    yield from said
                    if not _ended(process):
                        raise MachineError(f"it was not off after {within:g} s")
                    return
                finally:
                    process.kill()
        raise MachineError("it did not come up; " + "; ".join(troubles))

    def _started(self, accelerator: str) -> subprocess.Popen[bytes]:
        emulated = accelerator != "kvm"
        words = f"{WORDS} {EMULATED_WORDS}" if emulated else WORDS
        command = [
            PROGRAM, "-M", "q35", *ACCELERATORS[accelerator], "-cpu", "max", "-m", MEMORY, "-nic", "none", "-display", "none",
            "-monitor", "none", "-no-reboot", "-kernel", str(self.image), "-initrd", _path(self.disk), "-append", words,
            "-serial", f"file:{_path(self.console)}", "-chardev", "stdio,id=results,signal=off", "-device", "isa-serial,chardev=results",
        ]  # fmt: skip
        return subprocess.Popen(
            command,
            pass_fds=(self.disk.fileno(), self.console.fileno()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=_dies_with_us,
        )

    def _trouble(self, process: subprocess.Popen[bytes], *, hung: bool) -> str:
        process.kill()
        said = process.stderr.read().decode(errors="replace").strip() if process.stderr else ""
        return " ".join(part for part in ("it hung" if hung else "it ended", said[-300:], self.said_last(300)) if part)

    def said_last(self, most: int) -> str:
        """The end of what the kernel and the programs said, in `most` characters."""
        self.console.seek(0)
        return self.console.read().decode(errors="replace").strip()[-most:]


def _path(opened: BinaryIO) -> str:
    return f"/proc/self/fd/{opened.fileno()}"


def _dies_with_us() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _ended(process: subprocess.Popen[bytes]) -> bool:
    """It switches off right after its last line."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(OFF_WITHIN)
        return True
    return False


class Lines:
    """Lines of JSON that a process writes, until the end of its stream or the deadline, which may be moved."""

    def __init__(self, process: subprocess.Popen[bytes], deadline: float) -> None:
        self._process = process
        self.deadline = deadline
        self.over = False
        """The stream has ended."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        assert self._process.stdout
        left = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while selector.select(max(0.0, self.deadline - time.monotonic())):
                if not (data := os.read(self._process.stdout.fileno(), 65536)):
                    self.over = True
                    return
                *lines, left = (left + data).split(b"\n")
                yield from (json.loads(line) for line in lines if line.startswith(b"{"))
