"""The exceptions: arpcheck could not run; and what their hints say a mistyped name or a wrong file may be.

They are raised anywhere and caught once, in `__main__`, which prints one line with a hint. Data is never an error: a missing
reply, duplicates, a forbidden resource and an unknown MAC address are values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


class ArpcheckError(Exception):
    """Arpcheck could not run. Shown as `arpcheck: MESSAGE. HINT`."""

    exit_code = 2

    def __init__(self, message: str, hint: str = "", details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.details = details
        """Shown below, a line each: what there is to choose from."""
        self.message = message
        """The problem, and where it is: a file and its line, an option, an interface."""
        self.hint = hint
        """The remedy; empty if the message implies it."""

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message


class UsageError(ArpcheckError):
    """An option or an argument is not valid."""


class InputError(ArpcheckError):
    """An input file can't be read or parsed."""


class ClusterError(ArpcheckError):
    """The API server, the kubeconfig or a required permission fails."""


class WireError(ArpcheckError):
    """An interface, a packet socket or the privilege to open it is missing."""


class LabError(ArpcheckError):
    """The lab can't be built on this machine."""


class OutputError(ArpcheckError):
    """An output file or stdout can't be written."""


class StoppedByUserError(ArpcheckError):
    """Ctrl-C or a signal came before there was a result."""

    exit_code = 130


MOST_PLACES = 6


def fault(error: BaseException) -> str:
    """One line for an unexpected exception: its type and its innermost places.

    Without its message, which may contain input, except that of an ImportError, which names what is missing."""
    places, at = list[str](), error.__traceback__
    while at is not None:
        name = "/".join(at.tb_frame.f_code.co_filename.split("/")[-2:])
        places.append(f"{name}:{at.tb_lineno}")
        at = at.tb_next
    said = f" ({error})" if isinstance(error, ImportError | SyntaxError) else ""
    return f"{type(error).__name__}{said} at {' < '.join(reversed(places[-MOST_PLACES:])) or 'no place'}"


# ------------------------------------------------------------- Names that are alike: what a mistyped one may have meant

_ALIKE, _CLOSE = 0.6, 0.12
"""The ratio of SequenceMatcher from which on two names are alike, and by which the best may beat the others."""


def near(word: str, known: Iterable[str]) -> tuple[str, ...]:
    """At most three of `known` that are spelled like `word`, the most alike first; another case counts as alike."""
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(b=word.lower(), autojunk=False)
    scored = []
    for name in dict.fromkeys(known):
        matcher.set_seq1(name.lower())
        if name and (score := matcher.ratio()) >= _ALIKE:
            scored.append((score, name))
    best = max(scored, default=(0.0, ""))[0]
    return tuple(name for score, name in sorted(scored, key=lambda one: (-one[0], one[1]))[:3] if score > best - _CLOSE)


def alternatives(names: Sequence[str]) -> str:
    """`did you mean web or wiki?`; empty without names."""
    return f"did you mean {' or '.join(names)}?" if names else ""


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """The hint of an error: `Did you mean web?`, else `otherwise`."""
    found = alternatives(near(word, known))
    return found[:1].upper() + found[1:] or otherwise


# ------------------------------------------------------------------- What a file is that was given in the place of another

CAPTURE, GZIP, UTF16, PAGE = "a capture of frames", "a gzip archive", "UTF-16 text", "an HTML page"

TEXTS = (UTF16, "XML", PAGE)

_MAGIC = (
    (rb"\xd4\xc3\xb2\xa1|\xa1\xb2\xc3\xd4|\x4d\x3c\xb2\xa1|\xa1\xb2\x3c\x4d|\x0a\x0d\x0d\x0a", CAPTURE),
    (rb"\x1f\x8b", GZIP),
    (rb"\x28\xb5\x2f\xfd", "a zstd archive"),
    (rb"PK\x03\x04", "a zip archive"),
    (rb"\x7fELF", "a program"),
    (rb"\xff\xfe|\xfe\xff", UTF16),
    (rb"%PDF-", "a PDF"),
    (rb"\s*<\?xml", "XML"),
    (rb"\s*<(!doctype html|html)", PAGE),
)
"""By the first bytes: pcap-savefile(5) in both byte orders and resolutions, pcapng (section header), RFC 1952, RFC 8878."""


def kind_of(head: bytes) -> str | None:
    """What the first bytes of a file say that it is; None if they say nothing."""
    return next((what for magic, what in _MAGIC if re.match(magic, head, re.IGNORECASE)), None)


def kind_of_document(document: Any) -> tuple[str, str] | None:
    """What a JSON document is if it is not a saved run, and what to do with it."""
    if not isinstance(document, Mapping):
        return None
    kind, version = document.get("kind"), document.get("apiVersion")
    if kind == "List" and "arpcheck" in document:
        return "a snapshot of a cluster", "Give it with --cluster-file, to probe or to report --capture"
    if kind == "Config" and ("clusters" in document or "contexts" in document):
        return "a kubeconfig", "Give it with --kubeconfig"
    if kind == "DryRun":
        return "the output of --dry-run", "Run the probe without --dry-run, with -o json"
    if isinstance(kind, str) and kind and isinstance(version, str) and not version.startswith("arpcheck/"):
        what = "a list of objects of a cluster" if kind.endswith("List") else f"an object of kind {kind[:60]}"
        return what, "Give the output of `kubectl get … -o json` with --cluster-file"
    return None
