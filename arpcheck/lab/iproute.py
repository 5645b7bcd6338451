"""Runs the programs of iproute2 in the namespaces of the lab, many commands at once."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable

from arpcheck.errors import LabError

HINT = "It needs veth and bridge in the kernel, and iproute2 of 2019 or later"


def lan_namespace(lan: str) -> str:
    """The namespace of its switch."""
    return f"lan-{lan}"


def ip(lines: Iterable[str], *, within: str | None = None) -> None:
    """Runs these commands of `ip`, up to the first that fails: a LabError."""
    _batch("ip", lines, within)


def bridge(lines: Iterable[str], *, within: str) -> None:
    """The same for `bridge`."""
    _batch("bridge", lines, within)


def tc(lines: Iterable[str], *, within: str) -> None:
    """The same for `tc`."""
    _batch("tc", lines, within)


def _batch(program: str, lines: Iterable[str], within: str | None) -> None:
    command = [program, *(("-n", within) if within else ()), "-batch", "-"]
    batch = "\n".join(lines)
    done = subprocess.run(command, input=batch + "\n", capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(_told(done.stderr, batch), HINT)


def _told(stderr: str, batch: str) -> str:
    """The first error, with the line that caused it: iproute2 ends its output with `Command failed -:LINE`."""
    message = stderr.strip().splitlines() or ["no message"]
    number = message[-1].rpartition(":")[2]
    line = batch.splitlines()[int(number) - 1] if number.isdecimal() else ""
    return f"{line}: {message[0]}"
