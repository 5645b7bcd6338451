"""Fills the templates of this folder: Jinja, with every value escaped unless it is markup that was made here.

A page is whole in itself: no script, no font, no picture from elsewhere, and a policy that keeps an edited page to that."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from arpcheck.model import Arp, Outcome, Severity, Verdict
from arpcheck.reports.formatting import listing
from arpcheck.reports.matrix import Mark
from arpcheck.text import PROSE_LIMIT, count, plain

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Content Security Policy: even an edited page loads and runs nothing."""


def page(template: str, **values: Any) -> str:
    """The page that the template of this name makes of the values. It ends with a newline."""
    made: str = _environment().get_template(template).render(**values)
    return f"{made.rstrip()}\n"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("arpcheck.reports.html", ""),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"policy": POLICY, "css": Markup(_style_sheet())}  # noqa: S704 - a file of this package
    made.filters |= {
        "prose": prose,
        "tone": tone,
        "css": css,
        "count": count,
        "listing": listing,
        "anchor": anchor,
    }
    return made


def _style_sheet() -> str:
    return files("arpcheck.reports.html").joinpath("page.css").read_text(encoding="utf-8")


def _shown(value: object) -> object:
    """What an expression in a template becomes before it is escaped: visible characters on one line."""
    if isinstance(value, Markup):
        return value
    return "" if value is None else plain(str(value), PROSE_LIMIT)


def prose(text: str) -> Markup:
    """A sentence; text in backticks becomes code."""
    pieces = re.split(r"`([^`]+)`", plain(text, PROSE_LIMIT))
    written = (Markup("<code>{}</code>").format(piece) if at % 2 else piece for at, piece in enumerate(pieces))
    return Markup("").join(written)


def anchor(text: object) -> str:
    """A name for a place in the page. Only an address or a number has one."""
    return re.sub(r"[^0-9a-zA-Z.:]", "-", str(text))


def css(mark: Mark) -> str:
    """A class name; the letters of two marks differ in case only."""
    return mark.name.lower()


_TONES = {Outcome.FAULT: "bad", Outcome.UNSURE: "doubt", Outcome.FINE: "good", Outcome.NOT_JUDGED: "calm"}


def tone(found: Outcome | Verdict | Arp | Severity | None, accepted: object = None) -> str:
    """The class that colours it: `good`, `bad`, `doubt` or `calm`. Its word is always beside it."""
    if accepted or found is None:
        return "calm"
    match found:
        case Outcome():
            return _TONES[found]
        case Arp.UNREACHED:
            return "doubt"
        case Verdict() | Arp():
            return _TONES[found.outcome]
        case Severity.ERROR:
            return "bad"
        case Severity.WARNING:
            return "doubt"
        case Severity.INFO:
            return "calm"


OF_EXIT_CODE = {0: Outcome.FINE, 1: Outcome.FAULT}
"""For the colour of a page. Everything else is a doubt."""
