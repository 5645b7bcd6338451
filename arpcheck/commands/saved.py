"""`arpcheck report`: a saved JSON report, judged and rendered again. Needs no cluster, no wire and no privilege."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TextIO

from arpcheck import pipeline
from arpcheck.commands.bundle import Bundle, bundled
from arpcheck.commands.input_files import read_acceptances
from arpcheck.commands.output import check, deliver
from arpcheck.commands.terminal import style
from arpcheck.errors import InputError, UsageError
from arpcheck.evidence import Evidence
from arpcheck.evidence_json import VERSION, from_json
from arpcheck.judge import findings, verdicts
from arpcheck.judge.rule_docs import Text
from arpcheck.reports.formatting import extracted
from arpcheck.runs.merge import merge

PIECE = 1 << 20
MOST_BYTES = 1 << 30


def report(
    read: Callable[[], Evidence],
    format_name: str,
    output: str | None,
    *,
    accept: str | None = None,
    headers: bool = True,
    bundle: Bundle | None = None,
) -> int:
    """Renders the report that follows from the evidence that `read` gives; the exit code is that report's. `accept`
    takes the place of what was accepted when it was saved."""
    bundle = bundle or Bundle()
    check(output)
    bundle.check()
    accepted, evidence = read_acceptances(accept), read()
    evidence = replace(evidence, accepted=accepted) if accept else evidence
    concluded = pipeline.conclude(evidence)
    unwritten = bundled(bundle, evidence, concluded, None)
    deliver(concluded, format_name, output, style(sys.stdout, headers=headers))
    if unwritten:
        raise unwritten
    return concluded.summary.exit_code


def load(path: str) -> Evidence:
    """The evidence in a saved report, or a saved evidence alone. `-` is stdin. Raises InputError with the place."""
    document = _document(path)
    path = "standard input" if path == "-" else path
    version = document.get("apiVersion")
    if isinstance(version, str) and version.startswith("arpcheck/") and version != VERSION:
        raise InputError(f"{path}: written as {version!r}, this arpcheck reads {VERSION}", "Use a newer arpcheck")
    return from_json(document if document.get("kind") == "Evidence" else document.get("evidence"), path)


def _document(path: str) -> dict[str, Any]:
    text = _file_text(path)
    try:
        document = json.loads(_embedded(text, path) if text.lstrip().startswith("<") else text)
    except ValueError as error:
        raise InputError(f"{path}: not JSON: {error}", "Save a report with `arpcheck probe -o json`") from None
    except RecursionError:
        raise InputError(f"{path}: nested too deeply", "It was not written by arpcheck") from None
    if not isinstance(document, dict):
        raise InputError(f"{path}: no report of arpcheck", "Save one with `arpcheck probe -o json`")
    return document


def _embedded(page: str, path: str) -> str:
    """The JSON in a page of `-o html`."""
    if (found := extracted(page)) is None:
        raise InputError(f"{path}: a page without a report of arpcheck in it", "Take the page that `-o html` wrote")
    return found


def _file_text(path: str) -> str:
    try:
        if path == "-":
            return _stream_text(sys.stdin)
        with Path(path).open(encoding="utf-8") as file:
            return _stream_text(file)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}", "Name a file that `arpcheck probe -o json` wrote") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text at byte {error.start}", "Is it a saved report?") from None


def _stream_text(file: TextIO) -> str:
    """Piece by piece: who asks for as much as may come is given room for it before anything has come."""
    found, left = list[str](), MOST_BYTES
    while left and (piece := file.read(min(left, PIECE))):
        found.append(piece)
        left -= len(piece)
    return "".join(found)


# ------------------------------------------------------------------------------------------------------ arpcheck merge A B …


def merged(paths: Sequence[str]) -> Evidence:
    """Raises InputError where a file can't be read, or the runs are not of one state of one cluster."""
    if len(paths) < 2:
        raise UsageError("merge takes two reports or more", "Save one on each host with `arpcheck probe -o json`")
    if paths.count("-") > 1:
        raise UsageError("several runs from stdin", "Name files")
    return merge([("stdin" if path == "-" else Path(path).stem, load(path)) for path in paths])


# ---------------------------------------------------------------------------------------------------------- arpcheck explain


def explain(name: str | None) -> str:
    """The text of one rule, or of all. An unknown name is a UsageError that says which are alike."""
    known = {"verdict": verdicts.texts(), "finding": findings.texts()}
    parts = [_page(kind, text) for kind, texts in known.items() for text in texts if name in (None, text.name)]
    if not parts:
        names = sorted({text.name for texts in known.values() for text in texts})
        near = get_close_matches(name or "", names)
        hint = f"Is it {' or '.join(near)}?" if near else "`arpcheck explain` shows all of them"
        raise UsageError(f"no verdict and no finding is called {name!r}", hint)
    return "\n".join(parts)


def _page(kind: str, text: Text) -> str:
    lines = [f"{text.name} ({kind})", *_filled(text.means, "  "), "  Decided when:"]
    for number, condition in enumerate(text.decided, 1):
        lines.extend(_filled(condition, f"  {number}. ", "     "))
    lines.append("  Do:")
    for step in text.do:
        lines.extend(_filled(step, "  - ", "    "))
    return "\n".join(lines) + "\n"


def _filled(words: str, first: str, rest: str = "  ") -> Iterable[str]:
    width = min(shutil.get_terminal_size((100, 24)).columns, 100)
    return textwrap.wrap(words, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
