"""Escapes text from the cluster and the network for Markdown and HTML; and shows numbers, lists and times.

Changed characters stay visible, and cut text is counted."""

from __future__ import annotations

import html as _html
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import groupby

from arpcheck.text import NAME_LIMIT, PROSE_LIMIT, plain

__all__ = ["NAME_LIMIT", "PROSE_LIMIT", "code", "html", "inline", "plain"]


def code(text: str, limit: int = NAME_LIMIT) -> str:
    """Markdown that shows `text` as code, also in a table cell, without mentions, references, links or markup.

    If a code span cannot hold it (a backtick, a pipe in a table), an element with numeric entities does."""
    text = plain(text, limit)
    if text.strip() == text != "" and not re.search(r"[`|]|\\$", text):
        return f"`{text}`"
    return _element(text)


def inline(text: str, limit: int = PROSE_LIMIT) -> str:
    """Markdown for prose. Plain words stay; what GitHub or GitLab could read as markup, mention, reference or link becomes
    code. Text in backticks stays code."""
    pieces = re.split(r"`([^`]+)`", plain(text, limit).strip())
    text = ""
    for number, piece in enumerate(pieces):
        if number % 2:  # two code spans that touch would be read as one with other ends
            after = _limited_words(pieces[number + 1], limit)
            text += _element(piece) if text.endswith("`") or after.startswith("`") else code(piece, limit)
        else:
            text += _limited_words(piece, limit)
    return text


def html(text: str, limit: int = PROSE_LIMIT) -> str:
    """Text for an element or a quoted attribute of HTML or XML 1.0. `plain` has replaced what XML forbids."""
    return _html.escape(plain(text, limit), quote=True)


def _element(text: str) -> str:
    return f"<code>{re.sub(r'[^A-Za-z0-9 -]', lambda m: f'&#{ord(m[0])};', text)}</code>"


_WORD = re.compile(
    r"""[("]?(?!\S*www\.|gh-\d)[^\W_]+(?:[-./,'’][^\W_]+)*['’]?[).,;:!?%"]*"""  # what no parser of Markdown looks at twice
    r"""|[–—…·→(]|[).,;:!?]+|\d\d:\d\d:\d\d|""",
    re.IGNORECASE,
)
_LIST_NUMBER = re.compile(r"\s*\d+[.)]")


def _limited_words(text: str, limit: int) -> str:
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


# -------------------------------------------------------------------------------------- Numbers, lists, times, true or false

NONE = "-"
"""Shown for what is unknown or not recorded."""


def listing(names: Iterable[str], limit: int = 6) -> str:
    """`a, b, c and 397 more`; a dash for nothing."""
    shown = [plain(name) for name in names]
    more = len(shown) - limit
    if more == 1:  # "and 1 more" is longer than most names
        limit, more = limit + 1, 0
    return ", ".join(shown[:limit]) + (f" and {more:,} more" if more > 0 else "") or NONE


def moment(time: datetime) -> str:
    """`2026-03-01 02:59:58`, in UTC."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def span(length: timedelta) -> str:
    """`0.4 s`, `12 s`, `5 min`, `3 h`, `8 d`: one figure, as kubectl shows an age."""
    seconds = length.total_seconds()
    if abs(seconds) < 10:
        return f"{seconds:.1f} s"
    for unit, size, up_to in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if abs(seconds) < up_to:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def yes_no(value: bool | None) -> str:
    return NONE if value is None else "true" if value else "false"


# --------------------------------------------------------------------------------------- The JSON report inside an HTML page

_OPENING = '<script type="application/json" id="report">'
_CLOSING = "</script>"
_EMBEDDED = re.compile(f"{re.escape(_OPENING)}(.*?){re.escape(_CLOSING)}", re.DOTALL)


def embedded(document: str) -> str:
    """The script element. In JSON `<`, `>` and `&` only occur in strings, where they can be escaped (RFC 8259, 7)."""
    for char in "<>&":
        document = document.replace(char, f"\\u{ord(char):04x}")
    return f"{_OPENING}\n{document}\n{_CLOSING}"


def extracted(page: str) -> str | None:
    """The document in a page of `arpcheck -o html`; None if there is none."""
    match = _EMBEDDED.search(page)
    return match[1] if match else None
