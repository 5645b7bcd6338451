"""Strings from the cluster and the wire made harmless: for a terminal, for Markdown, for HTML.

Every such string is hostile: it may hold terminal escapes, markup, right-to-left marks, or ten thousand characters.
What is changed stays visible, what is cut is counted. Knows no report."""

from __future__ import annotations

import html as _html
import re
from itertools import groupby
from unicodedata import bidirectional, category

NAME_LIMIT = 300
"""Longer than any `namespace/name` (63 + 1 + 253) with room for a remark."""
PROSE_LIMIT = 4000
"""For sentences of our own, which carry names."""

_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols by category, but drawn as nothing."""
_SHIFTING = frozenset(("R", "AL", "AN"))
"""Bidirectional classes that move their neighbours: a right-to-left letter turns the address beside it around."""


def plain(text: str, limit: int = NAME_LIMIT) -> str:
    """One line for a terminal, at most `limit` characters: what is invisible, combines or moves the cursor is spelled
    `\\x1b` or `\\u{202e}`, and a cut says how much is missing. The result is taken unchanged a second time."""
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    shown = [_spell(char) for char in text[:limit]]
    if len(text) <= limit and sum(map(len, shown)) <= limit:
        return "".join(shown)
    return _cut(shown, len(text), limit)


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


def _spell(char: str) -> str:
    if char == " " or (category(char)[0] in "LNPS" and char not in _BLANK and bidirectional(char) not in _SHIFTING):
        return char
    return f"\\x{ord(char):02x}" if ord(char) < 0x100 else f"\\u{{{ord(char):x}}}"


def _element(text: str) -> str:
    return f"<code>{re.sub(r'[^A-Za-z0-9 -]', lambda m: f'&#{ord(m[0])};', text)}</code>"


def _cut(shown: list[str], length: int, limit: int) -> str:
    room = limit - len(f"…(+{length} characters)")
    kept = 0
    while kept < len(shown) and len(shown[kept]) <= room:
        room -= len(shown[kept])
        kept += 1
    return f"{''.join(shown[:kept])}…(+{length - kept} characters)"


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
