"""Escapes strings from the cluster and the network for a terminal, and counts things in words. Every output of such a
string uses `plain`.

A hostile string may contain terminal escapes, right-to-left marks, or ten thousand characters. Escapes stay visible, and a
cut shows how many characters are missing."""

from __future__ import annotations

from unicodedata import bidirectional, category

NAME_LIMIT = 300
"""Characters that are shown of a name; `namespace/name` has at most 63 + 1 + 253."""
PROSE_LIMIT = 4000
"""Characters of a sentence that contains names."""

_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols by category that are drawn as blanks."""
_SHIFTING = frozenset(("R", "AL", "AN"))
"""Bidirectional classes that reorder their neighbours: a right-to-left letter would reverse the address beside it."""


def plain(text: str, limit: int = NAME_LIMIT) -> str:
    """One line for a terminal, at most `limit` characters: invisible, combining and control characters are
    written as `\\x1b` or `\\u{202e}`, and a cut shows how much is missing. Idempotent."""
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    shown = [_spell(char) for char in text[:limit]]
    if len(text) <= limit and sum(map(len, shown)) <= limit:
        return "".join(shown)
    return _cut(shown, len(text), limit)


def is_plain(char: str) -> bool:
    """True if a terminal draws the character visibly and in its place."""
    shown = category(char)[0] in "LNPS" and char not in _BLANK
    return char == " " or (shown and bidirectional(char) not in _SHIFTING)


def _spell(char: str) -> str:
    if is_plain(char):
        return char
    return f"\\x{ord(char):02x}" if ord(char) < 0x100 else f"\\u{{{ord(char):x}}}"


def _cut(shown: list[str], length: int, limit: int) -> str:
    room = limit - len(f"…(+{length} characters)")
    kept = 0
    while kept < len(shown) and len(shown[kept]) <= room:
        room -= len(shown[kept])
        kept += 1
    return f"{''.join(shown[:kept])}…(+{length - kept} characters)"


def count(number: int, noun: str) -> str:
    """`1 address`, `1,200 addresses`, `0 replies`."""
    return f"{number:,} {noun if number == 1 else _plural(noun)}"


def _plural(noun: str) -> str:
    if noun.endswith("y"):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"
