"""The command line as a bundle keeps it: without what could be a secret, and redacted where that is asked for.

Knows how options are written, not which there are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from arpcheck.reports import FORMATS
from arpcheck.runs.redact.evidence import Redacted, is_everybodys

COMMANDS = ("probe", "report", "merge")
"""Those that write a bundle."""

_SECRET = re.compile(r"(--[\w-]*(?:token|password|secret|key)[\w-]*)(?:=.*)?", re.DOTALL)
_CREDENTIALS = re.compile(r"://[^/@\s]*@")
_OPTION = re.compile(r"(?P<option>--[a-z-]+(?:=|$)|-[A-Za-z])(?P<value>.*)", re.DOTALL)


def without_secrets(words: Sequence[str]) -> Iterator[str]:
    """Values of options that could be secrets, and credentials in addresses, are left out."""
    hidden = False
    for word in words:
        secret = _SECRET.fullmatch(word)
        yield "…" if hidden else f"{secret[1]}=…" if secret and "=" in word else _CREDENTIALS.sub("://…@", word)
        hidden = bool(secret) and "=" not in word


def redacted(words: Sequence[str], found: Redacted) -> Iterator[str]:
    """The command and the options stay; a value may follow its option at once: `-nweb`, `--namespace=web`."""
    for number, word in enumerate(words):
        option = _OPTION.fullmatch(word)
        if number == 0 and word in COMMANDS:
            yield word
        elif option:
            yield option["option"] + (_value(option["value"], found) if option["value"] else "")
        else:
            yield _value(word, found)


def _value(word: str, found: Redacted) -> str:
    if found.found.names.of(word) is None and (word in FORMATS or is_everybodys(word)):
        return word
    return found.strings.value(word, name=True)
