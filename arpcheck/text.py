"""Strings from the cluster and the wire made harmless for a terminal: whoever shows one, shows it by this.

Every such string is hostile: it may hold terminal escapes, right-to-left marks, or ten thousand characters. What is
changed stays visible, what is cut is counted. Knows nothing else."""

from __future__ import annotations

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


def is_plain(char: str) -> bool:
    """Whether a terminal draws it, by itself, where it stands."""
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
