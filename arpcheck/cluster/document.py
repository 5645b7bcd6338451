"""A document of a file or an answer: plain values and where they stood. Pure.

The values are what JSON has and nothing else: text keys, finite numbers, timestamps as text, no lone surrogates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Document:
    value: Any
    line: int
    """Where it begins, from 1."""


class MalformedError(ValueError):
    """No JSON, no YAML. Says what and where, never the text: a kubeconfig's text is secret."""

    def __init__(self, what: str, line: int = 1) -> None:
        super().__init__(what)
        self.line = line


def decoded(data: bytes) -> str:
    """UTF-8, or UTF-16 with its mark, which is what PowerShell redirects into a file."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise MalformedError("not UTF-8 text", 1 + data.count(b"\n", 0, error.start)) from None
