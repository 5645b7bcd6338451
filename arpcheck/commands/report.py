"""`arpcheck report`: judges and renders a saved report, or the frames of a tcpdump capture (`--capture`).

It needs no cluster, no network and no privilege."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Annotated, Any, TextIO

import typer

from arpcheck import pipeline
from arpcheck.cluster import ClusterSource, read
from arpcheck.commands.bundle import BUNDLE, Bundle, bundled
from arpcheck.commands.input_files import read_acceptances, read_mac_maps
from arpcheck.commands.option_groups import REPORT, SELECTION, ClusterFile, FileHas, ReportOptions, Selection, stands_for
from arpcheck.commands.options import ExitZero, MacMap, ended
from arpcheck.commands.output import check
from arpcheck.errors import CAPTURE, GZIP, PAGE, UTF16, InputError, UsageError, kind_of, kind_of_document
from arpcheck.evidence import Evidence, Options
from arpcheck.evidence_json import VERSION, from_json
from arpcheck.model import Families
from arpcheck.reports.formatting import extracted
from arpcheck.wire.pcap import entries
from arpcheck.wire.scapy_library import manufacturers

EXAMPLES = (
    "arpcheck report saved.json -o markdown",
    "tcpdump -i eth0 -w lan.pcap 'arp or icmp6'; arpcheck report --capture lan.pcap --cluster-file cluster.json",
)


@stands_for(selection=SELECTION.but("all_namespaces"), wanted=REPORT, bundle=BUNDLE)
def report(
    *,
    file: Annotated[
        str | None, typer.Argument(metavar="FILE", help="Output of `arpcheck probe -o json` or `-o html`; - is stdin.")
    ] = None,
    capture: Annotated[
        str | None,
        typer.Option("--capture", metavar="FILE", help="Judge the frames of a tcpdump capture; needs --cluster-file."),
    ] = None,
    cluster_file: ClusterFile = None,
    file_has: FileHas = None,
    mac_map: MacMap = None,
    selection: Selection,
    wanted: ReportOptions,
    bundle: Bundle,
    exit_zero: ExitZero = False,
) -> int:
    """Judge and render a saved report, or the frames of a tcpdump capture. The exit code is the report's."""
    if file is None and capture is None:
        raise UsageError("FILE is missing", "Name a saved report, or the file of a capture with --capture")
    if file is not None and capture is not None:
        raise UsageError(f"{file} and --capture can't be combined", "Give a saved report or --capture")
    if capture is None and any((cluster_file, file_has, mac_map, selection)):
        raise UsageError("a saved report contains its cluster and its selection", "Give those options only with --capture")
    if capture is not None and cluster_file is None:
        raise UsageError("--capture needs --cluster-file", "Make one where the cluster can be read: arpcheck snapshot")

    def recorded() -> Evidence:
        return evidence(
            Recording(
                path=capture or "",
                cluster_file=cluster_file or "",
                file_has=tuple(file_has or ()),
                options=selection.of(Options(families=Families.BOTH)),
                mac_maps=tuple(mac_map or ()),
            )
        )

    read = recorded if file is None else lambda: load(file)
    return ended(render_report(read, wanted, bundle), exit_zero)


PIECE = 1 << 20
MOST_BYTES = 1 << 30
HINT = "Save a report with `arpcheck probe -o json`"


def render_report(read: Callable[[], Evidence], wanted: ReportOptions, bundle: Bundle) -> int:
    """Renders the report that follows from the evidence that `read` gives; the exit code is that report's. `--accept` takes
    the place of what was accepted when it was saved."""
    check(wanted.output)
    bundle.check()
    accepted, evidence = read_acceptances(wanted.accept), read()
    evidence = replace(evidence, accepted=accepted) if wanted.accept else evidence
    concluded = pipeline.conclude(evidence)
    unwritten = bundled(bundle, evidence, concluded, None)
    wanted.deliver(concluded)
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
    if not text.strip():
        raise InputError(f"{path}: empty", HINT)
    try:
        document = json.loads(_embedded(text, path) if text.lstrip().startswith("<") else text)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: not JSON (line {error.lineno}, column {error.colno})", HINT) from None
    except ValueError:
        raise InputError(f"{path}: not JSON: a number in it has too many digits", HINT) from None
    except RecursionError:
        raise InputError(f"{path}: nested too deeply", HINT) from None
    if found := kind_of_document(document):
        raise InputError(f"{path}: this is {found[0]}, not a report", found[1])
    if not isinstance(document, dict):
        raise InputError(f"{path}: not a report of arpcheck", HINT)
    return document


def _embedded(page: str, path: str) -> str:
    """The JSON in a page of `-o html`."""
    if (found := extracted(page)) is None:
        raise InputError(f"{path}: an HTML page without a report of arpcheck in it", "Take the page that `-o html` wrote")
    return found


def _file_text(path: str) -> str:
    try:
        if path == "-":
            return _stream_text(sys.stdin)
        with Path(path).open("rb") as binary, TextIOWrapper(binary, encoding="utf-8") as file:
            _check_kind(path, binary.peek(16)[:16])
            return _stream_text(file)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}", "Name a file that `arpcheck probe -o json` wrote") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text at byte {error.start}", HINT) from None


def _check_kind(path: str, head: bytes) -> None:
    """Raises InputError for a file of another kind, by its first bytes."""
    what = kind_of(head)
    if what == CAPTURE:
        hint = f"Judge it with `arpcheck report --capture {path} --cluster-file FILE`"
        raise InputError(f"{path}: this is {what}, not a report", hint)
    if what == GZIP:
        raise InputError(f"{path}: this is {what}, not a report", "Unpack it: the report in a bundle is report.json")
    if what == UTF16:
        raise InputError(f"{path}: this is {what}, not a report", "Save it as UTF-8")
    if what and what != PAGE:
        raise InputError(f"{path}: this is {what}, not a report", HINT)


def _stream_text(file: TextIO) -> str:
    """Piece by piece: who asks for as much as may come is given room for it before anything has come."""
    found, left = list[str](), MOST_BYTES
    while left and (piece := file.read(min(left, PIECE))):
        found.append(piece)
        left -= len(piece)
    return "".join(found)


# --------------------------------------------------------------------------------------------------------------- --capture

MOST_CAPTURED = 4 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A file of frames and what is to be judged by it."""

    path: str
    """`-` is stdin."""
    cluster_file: str
    file_has: tuple[str, ...] = ()
    options: Options
    mac_maps: tuple[str, ...] = ()


def evidence(recording: Recording) -> Evidence:
    """Raises InputError with the place of a fault in one of the files."""
    if recording.path == recording.cluster_file == "-":
        raise UsageError("--capture and --cluster-file both from stdin", "Name a file for one of them")
    options = recording.options
    objects = read(
        ClusterSource(cluster_file=recording.cluster_file, file_has=recording.file_has),
        pipeline.NEEDS,
        namespaces=options.namespaces,
        services_required=not options.ips,
    )
    mac_map = read_mac_maps(recording.mac_maps)
    name = "stdin" if recording.path == "-" else Path(recording.path).name
    with _opened(recording.path) as file:
        found = entries(file, f"--capture {recording.path}")
        return pipeline.recorded(options, objects=objects, mac_map=mac_map, entries=found, name=name, vendors=manufacturers)


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    if path == "-":
        yield sys.stdin.buffer
        return
    try:
        with Path(path).open("rb") as file:
            if (size := Path(path).stat().st_size) > MOST_CAPTURED:
                hint = "Extract what it needs: tcpdump -r FILE -w NEW 'arp or icmp6'"
                raise InputError(f"--capture {path}: {size >> 30} GiB", hint)
            yield file
    except OSError as error:
        raise InputError(f"--capture {path}: {error.strerror}", "Name a file that `tcpdump -w` wrote") from None
