"""`arpcheck version`: the version, also as JSON for scripts."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version as installed
from typing import Annotated

import typer

import arpcheck
from arpcheck.commands.options import one_of
from arpcheck.commands.output import show

EXAMPLES = ("arpcheck version -o json",)

FORMATS = ("text", "json", "yaml")
LIBRARIES = ("scapy", "kubernetes")


def version(
    format_name: Annotated[str, typer.Option("-o", "--output", metavar="FORMAT", help="text, json or yaml.")] = "text",
) -> int:
    """Print the version."""
    one_of(format_name, FORMATS, "version")
    found = {
        "arpcheck": arpcheck.__version__,
        "python": platform.python_version(),
        **{name: installed(name) for name in LIBRARIES},
    }
    match format_name:
        case "json":
            show(json.dumps(found, indent=2) + "\n")
        case "yaml":
            show("".join(f"{name}: {json.dumps(number)}\n" for name, number in found.items()))
        case _:
            show(f"arpcheck {arpcheck.__version__}\n")
    return 0
