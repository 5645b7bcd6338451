"""The options that several commands share, their completion, and the checks of their values."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from ipaddress import IPv6Address, ip_address
from typing import Annotated

import typer

from arpcheck.errors import ArpcheckError, UsageError, did_you_mean
from arpcheck.model import Address, Families, Verdict
from arpcheck.reports import FORMATS, Shown

# ----------------------------------------------------------------------------------------------------- The values of options

# The values of options: durations, addresses, names of formats, each refused in one line that says what to write.

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


def address(text: str) -> Address:
    try:
        found = ip_address(text.strip())
    except ValueError:
        found = None
    if found is None or (isinstance(found, IPv6Address) and found.scope_id):
        raise UsageError(f"--ip {text[:80]!r} is not an IP address", "Write it like 10.0.0.50 or 2001:db8::50")
    return found


def known_family(name: str) -> Families:
    try:
        return Families(name.lower())
    except ValueError:
        hint = did_you_mean(name, Families, f"One of {', '.join(Families)}")
        raise UsageError(f"--family {name[:80]!r} is not one", hint) from None


def known_format(name: str) -> str:
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


# ---------------------------------------------------------------------------------------------------------------- Completion

SHELLS = ("bash", "zsh", "fish")


_HARMLESS = re.compile(r"[A-Za-z0-9._@:/+-]+")
"""Candidates that no shell expands. typer's script for zsh evaluates them and bash expands patterns in them, and the
author of a kubeconfig chooses the names of its contexts."""


def _beginning(incomplete: str, words: Iterable[str]) -> list[str]:
    return [word for word in words if word.startswith(incomplete) and _HARMLESS.fullmatch(word)]


def _kubeconfig(kind: str, ctx: typer.Context, incomplete: str) -> list[str]:
    """The names in the kubeconfig on the command line, or in the one that kubectl would read."""
    from arpcheck.cluster.kubeconfig import names as found

    try:
        return _beginning(incomplete, found(kind, ctx.params.get("kubeconfig"), os.environ))
    except ArpcheckError:
        return []


def contexts(ctx: typer.Context, incomplete: str) -> list[str]:
    return _kubeconfig("contexts", ctx, incomplete)


def clusters(ctx: typer.Context, incomplete: str) -> list[str]:
    return _kubeconfig("clusters", ctx, incomplete)


def users(ctx: typer.Context, incomplete: str) -> list[str]:
    return _kubeconfig("users", ctx, incomplete)


def interfaces(incomplete: str) -> list[str]:
    import socket

    names = [name for _, name in socket.if_nameindex()] if hasattr(socket, "if_nameindex") else []
    return _beginning(incomplete, ["auto", *sorted(name for name in names if name != "lo")])


def implementations(incomplete: str) -> list[str]:
    from arpcheck import pipeline

    return _beginning(incomplete, pipeline.CHOICES)


def scenes(incomplete: str) -> list[str]:
    from arpcheck.lab.scene_file import names

    return _beginning(incomplete, names())


def formats(incomplete: str) -> list[str]:
    return _beginning(incomplete, FORMATS)


def rules(incomplete: str) -> list[str]:
    """The names of all verdicts and findings, and the words of the glossary."""
    from arpcheck.docs import glossary
    from arpcheck.judge import findings, reasons, verdicts

    words = (word.lower().replace(" ", "-") for word in glossary())
    return _beginning(
        incomplete, sorted({text.name for text in (*verdicts.texts(), *findings.texts(), *reasons.texts())}.union(words))
    )


def pages(incomplete: str) -> list[str]:
    """The pages of `docs`."""
    from arpcheck.docs import FILES, PAGES

    return _beginning(incomplete, (*PAGES, *FILES))


def command_names(incomplete: str) -> list[str]:
    from arpcheck.commands.app import COMMANDS

    return _beginning(incomplete, [name for name, listed in COMMANDS.items() if " " not in name and not listed.hidden])


def shells(incomplete: str) -> list[str]:
    return _beginning(incomplete, SHELLS)


# ------------------------------------------------------------------------------------- The options that select and that ask

Services = Annotated[
    list[str] | None,
    typer.Argument(metavar="SERVICE", help="Only these Services: svc/NAME or NAMESPACE/NAME. Default: all."),
]
Namespace = Annotated[
    list[str] | None,
    typer.Option(
        "-n", "--namespace", metavar="NAME", help="Only Services in this namespace. Repeatable; commas separate several."
    ),
]
AllNamespaces = Annotated[bool, typer.Option("-A", "--all-namespaces", help="Services in all namespaces (the default).")]
Selector = Annotated[
    list[str] | None,
    typer.Option("-l", "--selector", metavar="LABELS", help="Only Services with these labels. Repeatable: all must hold."),
]
Format = Annotated[
    str,
    typer.Option(
        "-o",
        metavar="FORMAT",
        autocompletion=formats,
        help=", ".join(FORMATS) + ".",
    ),
]
Output = Annotated[
    str | None,
    typer.Option("--output", metavar="FILE", help="Also write the report to FILE, in the format of its suffix, else of -o."),
]


Iface = Annotated[
    list[str] | None,
    typer.Option(
        "--iface",
        metavar="NAME",
        show_default="auto",
        help="The interface to send on. auto: each whose network holds a LoadBalancer address or a Ready node. Repeatable.",
        autocompletion=interfaces,
    ),
]
Rounds = Annotated[
    int, typer.Option("--rounds", metavar="N", parser=whole(1, 1000), help="Requests for every address, at most 1000.")
]
Wait = Annotated[
    float,
    typer.Option(
        "--wait",
        metavar="TIME",
        parser=duration(0.1, 60),
        show_default="1s",
        help="Time to wait for replies after the last request.",
    ),
]
Rate = Annotated[
    float,
    typer.Option(
        "--rate", metavar="N", parser=number, help="Requests per second on each interface; 0 is the maximum, 4000."
    ),
]
Sender = Annotated[
    str,
    typer.Option(
        "--sender", metavar="ADDRESS", help="The ARP sender address: auto, own, zero, or an address of the interface."
    ),
]
Family = Annotated[
    str,
    typer.Option(
        "--family",
        metavar="NAME",
        help="The IP versions to probe: ipv4, ipv6, both, or auto, which is both where an interface can use IPv6.",
    ),
]
LoadBalancerClass = Annotated[
    list[str] | None,
    typer.Option(
        "--lb-class",
        metavar="NAME",
        help="Only Services with this loadBalancerClass; '' selects those without one. Repeatable.",
    ),
]
Ip = Annotated[
    list[str] | None,
    typer.Option("--ip", metavar="ADDRESS", help="Also send requests for this address, of a Service or not. Repeatable."),
]
ExternalIps = Annotated[
    bool, typer.Option("--external-ips", help="Also send requests for spec.externalIPs of all Services.")
]
OnLink = Annotated[
    bool,
    typer.Option("--on-link", help="Judge only addresses in a network of the interfaces; report the number of the others."),
]
MacMap = Annotated[
    list[str] | None,
    typer.Option(
        "--mac-map",
        metavar="FILE",
        help="A file, or a folder of files, that lists MAC addresses with their hosts. Repeatable.",
    ),
]
Accept = Annotated[
    str | None,
    typer.Option(
        "--accept",
        metavar="FILE",
        help="YAML: known faults with an expiry date, shown without effect on the exit code.",
    ),
]
Pcap = Annotated[
    str | None,
    typer.Option("--pcap", metavar="FILE", help="Write every request and every reply to FILE."),
]
NoHeaders = Annotated[bool, typer.Option("--no-headers", help="No column headings.")]
ExitZero = Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 instead of 1 or 3.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print only errors on stderr.")]


def _speak(wanted: bool) -> None:
    if wanted:
        from arpcheck.commands.log import speak

        speak()


Verbose = Annotated[
    bool,
    typer.Option("-v", "--verbose", callback=_speak, help="Print on stderr what is read and opened, and how long it takes."),
]
"""The callback does it; no command reads the value."""


def ended(code: int, exit_zero: bool) -> int:
    """The exit code of the process: `--exit-zero` turns 1 and 3 into 0, and keeps 2 and 130."""
    return 0 if exit_zero and code in (1, 3) else code


# ---------------------------------------------------------------------------------------------- The options that choose rows

# `--only` and `--faults`: which addresses the formats for people show. They change no count, no exit code and no JSON.


def _verdicts(incomplete: str) -> list[str]:
    return [verdict for verdict in Verdict if verdict.startswith(incomplete)]


Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="VERDICT",
        help="Show only addresses with this verdict. All are counted. Repeatable, or with commas.",
        autocompletion=_verdicts,
    ),
]
Faults = Annotated[bool, typer.Option("--faults", help="Show only addresses with a fault or a doubt. All are counted.")]


def rows_shown(only: list[str] | None, faults: bool) -> Shown | None:
    """What the two options choose together; None without them. Raises UsageError for what is not a verdict."""
    names = [name.strip() for text in only or () for name in text.split(",")]
    wanted = dict.fromkeys(map(_verdict, names))
    options = [f"--only {','.join(wanted)}"] if wanted else []
    if faults:
        wanted |= dict.fromkeys(verdict for verdict in Verdict if verdict.outcome.is_problem)
        options.append("--faults")
    return Shown(verdicts=frozenset(wanted), options=" ".join(options)) if options else None


def _verdict(name: str) -> Verdict:
    try:
        return Verdict(name.lower())
    except ValueError:
        hint = did_you_mean(name, Verdict, f"One of {', '.join(Verdict)}")
        raise UsageError(f"--only {name[:80]!r} is not a verdict", hint) from None
