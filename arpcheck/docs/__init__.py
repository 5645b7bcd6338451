"""The reference pages: Markdown files in this folder, part of the package, so that they need no network.

Every line fits a terminal of 80 columns. What the code knows is written by `scripts/docs` between marks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files

PAGES = (
    "how-it-works",
    "exit-codes",
    "verdicts",
    "findings",
    "reasons",
    "symptoms",
    "load-balancers",
    "mac-sources",
    "rights",
    "recipes",
    "strict-arp",
    "reach",
    "commands",
    "always-on",
    "ci",
    "json",
    "limits",
    "security",
    "benchmarks",
    "glossary",
)
"""In the order of the list: first what a reader needs first."""


FILES = {
    "alerts": ("alerts.yaml", "Alerts for Prometheus, as a rule file"),
    "dashboard": ("dashboard.json", "A dashboard for Grafana, as JSON"),
}
"""Files for other programs: what they are called here, and what they are."""


def file(name: str) -> str:
    """The text of one of `FILES`, word for word."""
    return files(__name__).joinpath(FILES[name][0]).read_text(encoding="utf-8")


def page(name: str) -> str:
    """The Markdown of one of `PAGES`."""
    return files(__name__).joinpath(f"{name}.md").read_text(encoding="utf-8")


def glossary() -> Mapping[str, str]:
    """The words of a report, each with its meaning."""
    entries = re.findall(r"^- ([^:`]+): (.*(?:\n  .*)*)$", page("glossary").partition("\n## ")[0], re.MULTILINE)
    return {word: " ".join(meaning.split()) for word, meaning in entries}


def title(name: str) -> str:
    return page(name).partition("\n")[0].removeprefix("# ")
