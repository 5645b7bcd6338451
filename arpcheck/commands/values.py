"""The values of options: durations, addresses, names of formats, each refused in one line that says what to write."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address

import typer

from arpcheck.errors import UsageError, did_you_mean

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PARTS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h)", re.ASCII)


def duration(least: float, most: float) -> Callable[[str | float], float]:
    """A parser of `10`, `0.5s`, `90s`, `1m30s` and `2h`, as Go writes durations, and of bare seconds. In seconds."""

    def parsed(written: str | float) -> float:
        found = _seconds(str(written))
        if found is None:
            raise typer.BadParameter(f"{str(written)[:80]!r} is not a duration. Write 0.5s, 90s, 10m or 1m30s")
        if not least <= found <= most:
            raise typer.BadParameter(f"{str(written)[:80]!r} is out of range, {_go(least)} to {_go(most)}")
        return found

    return parsed


def whole(least: int, most: int) -> Callable[[str | int], int]:
    """A parser of whole numbers."""

    def parsed(written: str | int) -> int:
        text = str(written).strip()
        if not re.fullmatch(r"[+-]?\d{1,12}", text, re.ASCII):
            raise typer.BadParameter(f"{str(written)[:80]!r} is not a whole number")
        if not least <= int(text) <= most:
            raise typer.BadParameter(f"{text!r} is out of range, {least} to {most}")
        return int(text)

    return parsed


def number(written: str | float) -> float:
    """A parser of numbers; their range is checked where they are used."""
    if not re.fullmatch(r"[+-]?\d{1,12}(\.\d{1,9})?", str(written).strip(), re.ASCII):
        raise typer.BadParameter(f"{str(written)[:80]!r} is not a number")
    return float(written)


def _seconds(written: str) -> float | None:
    text = written.strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII):
        return float(text)
    parts = _PARTS.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def _go(seconds: float) -> str:
    """`0.1s`, `60s`, `8784h`."""
    return f"{seconds / 3600:g}h" if seconds >= 3600 else f"{seconds:g}s"


def address(text: str) -> IPv4Address:
    try:
        return IPv4Address(text.strip())
    except ValueError:
        pass
    try:
        IPv6Address(text.strip())
    except ValueError:
        raise UsageError(f"--ip {text[:80]!r} is not an IPv4 address", "Write it like 10.0.0.50") from None
    raise UsageError(f"--ip {text} is an IPv6 address", "arpcheck asks by ARP, which is for IPv4 only")


def known_format(name: str) -> str:
    from arpcheck.reports import FORMATS

    return one_of(name, FORMATS)


_FIELDS = (
    "jsonpath",
    "jsonpath-file",
    "go-template",
    "go-template-file",
    "template",
    "custom-columns",
    "custom-columns-file",
)


def one_of(name: str, formats: Iterable[str], command: str = "") -> str:
    """The format if it is one of them, else a UsageError with what is alike."""
    known = tuple(formats)
    if name in known:
        return name
    listed = f"One of {', '.join(known)}"
    if name.partition("=")[0] in _FIELDS and "json" in known:
        hint = "Take -o json, and pick fields with jq"
    else:
        hint = f"{did_you_mean(name, known)} {listed}".strip()
    raise UsageError(f"-o {name[:80]!r}: unknown format{f' of {command}' if command else ''}", hint)
