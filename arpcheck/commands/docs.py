"""`arpcheck docs`: prints a reference page, without the marks of its generated parts and with its links as words, or a file
for another program as it is."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from arpcheck.commands.options import pages
from arpcheck.commands.output import show
from arpcheck.docs import FILES, PAGES, file, page, title
from arpcheck.errors import UsageError

EXAMPLES = (
    "arpcheck docs",
    "arpcheck docs symptoms",
    "arpcheck docs alerts > arpcheck.rules.yaml",
)


def docs(
    page: Annotated[str | None, typer.Argument(metavar="PAGE", help="A page of the list.", autocompletion=pages)] = None,
) -> int:
    """Show the documentation that comes with arpcheck. Without PAGE, list the pages."""
    show(text(page))
    return 0


_MARK = re.compile(r"^<!-- .* -->\n", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]+)\]\(([a-z-]*)(?:\.md)?(#[a-z0-9-]+)?\)")


def text(name: str | None) -> str:
    """One page or file, or the list of all. UsageError for a page that does not exist, with the names that are alike."""
    if name is None:
        titles = {one: title(one) for one in PAGES} | {one: what for one, (_, what) in FILES.items()}
        width = max(map(len, titles))
        return "\n".join(("Pages, for `arpcheck docs PAGE`:", "", *(f"  {o:{width}}  {t}" for o, t in titles.items()), ""))
    if name in FILES:
        return file(name)
    if name not in PAGES:
        raise UsageError(f"no page is called {name[:80]!r}", _hint(name))
    return _LINK.sub(_followed, _MARK.sub("", page(name)))


def _hint(name: str) -> str:
    from arpcheck.errors import did_you_mean
    from arpcheck.judge import findings, reasons, verdicts

    if name in {text.name for text in (*verdicts.texts(), *findings.texts(), *reasons.texts())}:
        return f"`arpcheck explain {name}` shows it"
    return did_you_mean(name, (*PAGES, *FILES), "`arpcheck docs` lists the pages")


def _followed(link: re.Match[str]) -> str:
    """Where a link leads, as words; a place on the same page is just named."""
    text, other, _ = link.groups()
    return f"{text} (see {other})" if other else text
