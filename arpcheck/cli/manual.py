"""The manual page, made from the commands as they stand: man(7) macros, which groff and mandoc both read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from arpcheck import __version__
from arpcheck.cli.examples import examples
from arpcheck.cli.help import described

CODES = (
    ("0", "every address is as it should be"),
    ("1", "a fault is proven"),
    ("2", "arpcheck could not run"),
    ("3", "nothing is proven, and something could not be told"),
    ("130", "interrupted; what was heard is reported"),
)

VARIABLES = (
    ("KUBECONFIG", "kubeconfigs as kubectl reads them"),
    ("ARPCHECK_NODE_NAME", "the node that this host is, where it is one; a pod is told it"),
    ("NO_COLOR", "no colour (no-color.org)"),
)


def manual(program: Any) -> str:
    """The page of typer's command group."""
    return "\n".join(_lines(program)) + "\n"


def _lines(program: Any) -> Iterator[str]:
    yield f'.TH ARPCHECK 1 "" "arpcheck {__version__}" "User Commands"'
    yield from (".SH NAME", rf"arpcheck \- {_text(program.help.splitlines()[0].rstrip('.'))}")
    yield from (".SH SYNOPSIS", r".B arpcheck", r".I COMMAND", r"[\fIOPTION\fR]...")
    yield from (".SH DESCRIPTION", _text(program.help), ".PP", r"As a kubectl plug-in: \fBkubectl arpcheck\fR.")
    yield from (".SH EXAMPLES", *_shown(_first_examples(program)))
    yield ".SH COMMANDS"
    for name, command in _commands(program):
        yield from _command(name, command)
    yield from (".SH EXIT STATUS", *(line for code in CODES for line in _item(*code)))
    yield from (".SH ENVIRONMENT", *(line for variable in VARIABLES for line in _item(*variable)))
    yield from (".SH SEE ALSO", r".BR arping (8),", r".BR arp-scan (1),", r".BR kubectl (1)")


def _first_examples(program: Any) -> Iterator[str]:
    """One of each command: what there is, at a glance."""
    for _, command in _commands(program):
        yield from examples(command.epilog)[:1]


def _shown(lines: Iterable[str]) -> Iterator[str]:
    yield from (".nf", ".RS", *map(_text, lines), ".RE", ".fi")


def _commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Those of groups within it too, under their whole names."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before}{name} ")
        elif not command.hidden:
            yield f"{before}{name}", command


def _command(name: str, command: Any) -> Iterator[str]:
    context = command.make_context(name, [], resilient_parsing=True)
    usage = " ".join(command.collect_usage_pieces(context))
    yield from (f".SS {_text(name)}", rf"\fBarpcheck {_text(name)}\fR {_text(usage)}", ".PP", _text(command.help))
    for parameter in command.get_params(context):
        if (record := described(parameter, context)) and "--help" not in parameter.opts:
            yield from _item(*record)
    if found := examples(command.epilog):
        yield from (".PP", "Examples:" if len(found) > 1 else "Example:", ".PP", *_shown(found))


def _item(term: str, words: str) -> Iterator[str]:
    yield from (".TP", rf"\fB{_text(term)}\fR", _text(words) or r"\&")


def _text(words: str) -> str:
    """One line of text in which nothing is a request: groff reads a backslash, and a dot or a quote that begins a line."""
    line = re.sub(r"\s+", " ", words).strip().replace("\\", r"\e").replace("-", r"\-")
    line = re.sub(r"[^\x20-\x7e]", lambda found: rf"\[u{ord(found[0]):04X}]", line)
    return rf"\&{line}" if line.startswith((".", "'")) else line
