"""Strings from the cluster and the wire made harmless for Markdown and for HTML, beside what `text` does for a terminal.

What is changed stays visible, what is cut is counted. Knows no report."""

from __future__ import annotations

import html as _html
import re
from itertools import groupby

from arpcheck.text import NAME_LIMIT, PROSE_LIMIT, plain

__all__ = ["NAME_LIMIT", "PROSE_LIMIT", "code", "html", "inline", "plain"]

def code(text: str, limit: int = NAME_LIMIT) -> str:
    """Markdown that shows `text` as code, in a table cell too: no mention, reference, link or markup comes of it.

    Where a code span can't hold it (a backtick, a pipe inside a table), an element with numeric entities does."""
    text = plain(text, limit)
    if text.strip() == text != "" and not re.search(r"[`|]|\\$", text):
        return f"`{text}`"
    return _element(text)


def inline(text: str, limit: int = PROSE_LIMIT) -> str:
    """Markdown for prose: plain words stay, whatever GitHub or GitLab could read as markup, mention, reference or link
    becomes code. A pair of backticks is taken as the code that it means."""
    pieces = re.split(r"`([^`]+)`", plain(text, limit).strip())
    text = ""
    for number, piece in enumerate(pieces):
        if number % 2:  # two code spans that touch would be read as one with other ends
            after = _words(pieces[number + 1], limit)
            text += _element(piece) if text.endswith("`") or after.startswith("`") else code(piece, limit)
        else:
            text += _words(piece, limit)
    return text


def html(text: str, limit: int = PROSE_LIMIT) -> str:
    """Text for an element or a quoted attribute of HTML, and of XML 1.0: what XML forbids is spelled out by then."""
    return _html.escape(plain(text, limit), quote=True)


def _element(text: str) -> str:
    return f"<code>{re.sub(r'[^A-Za-z0-9 -]', lambda m: f'&#{ord(m[0])};', text)}</code>"


_WORD = re.compile(
    r"""[("]?(?!\S*www\.|gh-\d)[^\W_]+(?:[-./,'’][^\W_]+)*[).,;:!?%"]*"""  # what no parser of Markdown looks at twice
    r"""|[–—…·→(]|[).,;:!?]+|\d\d:\d\d:\d\d|""",
    re.IGNORECASE,
)
_LIST_NUMBER = re.compile(r"\s*\d+[.)]")


def _words(text: str, limit: int) -> str:
    runs = groupby(enumerate(text.split(" ")), key=lambda word: _is_safe(*word))
    return " ".join(
        (" ".join(word for _, word in run) if safe else _as_code(" ".join(word for _, word in run), limit))
        for safe, run in runs
    )


def _is_safe(position: int, word: str) -> bool:
    return bool(_WORD.fullmatch(word)) and not (position == 0 and _LIST_NUMBER.fullmatch(word))


def _as_code(run: str, limit: int) -> str:
    """The punctuation around it stays outside, a bracket where its other half is outside too."""
    text = run.rstrip(".,;:!?") or run
    lead = "(" if text.startswith("(") and text.count("(") > text.count(")") and len(text) > 1 else ""
    tail = ")" if text.endswith(")") and text.count(")") > text.count("(") and len(text) > 1 else ""
    return f"{lead}{code(text[len(lead) : len(text) - len(tail)], limit)}{tail}{run[len(text) :]}"
