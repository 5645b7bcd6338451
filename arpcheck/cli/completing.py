"""What can stand for a value on the command line, for the shells' completion. Nothing that takes long: no API is asked,
and what can't be read is left out, since a shell has no place for an error."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

import typer

from arpcheck.errors import ArpcheckError

SHELLS = ("bash", "zsh", "fish")


_HARMLESS = re.compile(r"[A-Za-z0-9._@:/+-]+")
"""Words of which no shell makes anything else. typer's script for zsh evaluates what it is given, and bash expands its
patterns; a context may have any name, and whoever sends a kubeconfig around chooses it."""


def _beginning(incomplete: str, words: Iterable[str]) -> list[str]:
    return [word for word in words if word.startswith(incomplete) and _HARMLESS.fullmatch(word)]


def contexts(ctx: typer.Context, incomplete: str) -> list[str]:
    """Of the kubeconfig that the command line names, else as kubectl finds it."""
    from arpcheck.cluster.kubeconfig import contexts as found

    try:
        return _beginning(incomplete, found(ctx.params.get("kubeconfig"), os.environ))
    except ArpcheckError:
        return []


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
    from arpcheck.reports import FORMATS

    return _beginning(incomplete, FORMATS)


def rules(incomplete: str) -> list[str]:
    """Verdicts and findings."""
    from arpcheck.judge import findings, verdicts

    return _beginning(incomplete, sorted(text.name for text in (*verdicts.texts(), *findings.texts())))


def pages(incomplete: str) -> list[str]:
    """The pages of `docs`."""
    from arpcheck.docs import PAGES

    return _beginning(incomplete, PAGES)


def shells(incomplete: str) -> list[str]:
    return _beginning(incomplete, SHELLS)
