"""Reads a file instead of an API server: the output of `kubectl get … -o json` or `-o yaml`, or a snapshot.

kubectl prints the kinds that it may read and leaves out the others. A kind that every cluster has and the file lacks is a
gap. Any other kind may not have been read: a snapshot records what was read, and for other files the user can state it with
--file-has."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO

from arpcheck import __version__
from arpcheck.cluster.discovery import CORE, EVERYWHERE, SHORT, resource_of
from arpcheck.cluster.parse import MalformedError, parse
from arpcheck.cluster.requirements import Want, fold, joined, selected, unknown_mounts
from arpcheck.errors import CAPTURE, TEXTS, ClusterError, InputError, UsageError, kind_of
from arpcheck.model import Gap
from arpcheck.objects import Object, Objects, instant, name, namespace
from arpcheck.text import is_plain

SIZE = 512 << 20
"""Maximum size in bytes. A cluster of 10,000 Services and 1,000 nodes prints about 60 MiB."""

ALWAYS_IN_KUBE_SYSTEM = EVERYWHERE - {"nodes", "daemonsets.apps"}
"""Resources that kube-system always has: a file without them was written without `-A`. k3s has no DaemonSet in
kube-system."""

PIECE = 1 << 20

HINT = "Use the output of `kubectl get services,nodes,events,… -A -o json` or of `arpcheck snapshot`"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFile:
    """The objects of a file by resource; of several with one name, the last. A snapshot also has a header."""

    where: str
    found: Mapping[str, tuple[Object, ...]]
    headers: tuple[SnapshotHeader, ...]

    @property
    def gaps(self) -> tuple[Gap, ...]:
        return tuple(gap for head in self.headers for gap in head.gaps)

    @property
    def read(self) -> frozenset[str]:
        return frozenset(resource for head in self.headers for resource in head.read) | self.found.keys()


def read_file(path: str, wants: Sequence[Want], *, services_required: bool, has: Sequence[str] = ()) -> Objects:
    """`path`: a file, or `-` for standard input. `has`: the kinds that the file covers, as kubectl was given them, or `all`.
    Raises UsageError for an unknown kind."""
    stated = _stated(has, wants)
    where = "standard input" if path == "-" else Path(path).name
    content = _content(path)
    if (what := kind_of(content[:16])) and what not in TEXTS:
        hint = "Give it to `arpcheck report --capture`" if what == CAPTURE else HINT
        raise InputError(f"{where}: this is {what}, not objects of a cluster", hint)
    file = open_file(content, where)
    if services_required and any(want.resource == "services" for want in wants) and "services" not in file.read:
        raise _without_services(file)
    resources = fold([(want, _chosen(file, want)) for want in wants if want.resource in file.read | stated])
    head = file.headers[0] if file.headers else None
    return Objects(
        resources=resources,
        gaps=_gaps(file, wants, resources),
        context=head.context if head else where,
        version=head.version if head else None,
        read_at=head.taken_at if head else None,
        server_ahead=head.server_ahead if head else None,
    )


ALL = "all"


def _stated(has: Sequence[str], wants: Sequence[Want]) -> frozenset[str]:
    """Resources whose absence from the file means that the cluster has none. Never those that every cluster has."""
    every = {want.resource for want in wants}
    found: set[str] = set()
    for word in (word.strip().lower() for words in has for word in words.split(",")):
        name = SHORT.get(word, word)
        named = every if word == ALL else {one for one in every if name in (one, one.partition(".")[0])}
        if not named and name not in CORE and "." not in name:
            raise UsageError(
                f"--file-has {word!r}: unknown kind", "List the kinds that the kubectl command named, or use all"
            )
        found |= named
    return frozenset(found - EVERYWHERE - {"services"})


def _chosen(file: ClusterFile, want: Want) -> list[Object]:
    """Selects and cuts down objects as a server read does."""
    try:
        cuts = [want.cut(obj) for obj in file.found.get(want.resource, ()) if selected(want, obj)]
    except ValueError as error:
        raise UsageError(str(error)) from None
    return [cut for cut in cuts if cut is not None]


def open_file(content: bytes, where: str) -> ClusterFile:
    """Parses a file. `where` names it in errors."""
    found: dict[str, dict[tuple[str, str], Object]] = {}
    headers = []
    try:
        for doc in parse(content):
            place = f"{where}:{doc.line}"
            for top in doc.value if isinstance(doc.value, list) else [doc.value]:
                if isinstance(top, dict) and (head := header(top, place)):
                    headers.append(head)
                for obj in _objects(top, place):
                    resource = resource_of(obj["apiVersion"], obj["kind"])
                    found.setdefault(resource, {})[namespace(obj), name(obj)] = obj
    except MalformedError as error:
        raise InputError(f"{where}:{error.line}: {error}", HINT) from None
    return ClusterFile(where=where, found={r: tuple(by.values()) for r, by in found.items()}, headers=tuple(headers))


def _content(path: str) -> bytes:
    try:
        with nullcontext(sys.stdin.buffer) if path == "-" else Path(path).open("rb") as file:
            too_much = os.fstat(file.fileno()).st_size > SIZE  # 0 for a pipe
            content = b"" if too_much else _file_bytes(file)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or type(error).__name__}", HINT) from None
    if too_much or len(content) > SIZE:
        raise InputError(f"{path}: larger than {SIZE >> 20} MiB", HINT)
    return content


def _file_bytes(file: BinaryIO) -> bytes:
    """Reads in pieces: one large read would allocate its full size before any data arrives."""
    found = bytearray()
    while len(found) <= SIZE and (piece := file.read(min(PIECE, SIZE + 1 - len(found)))):
        found += piece
    return bytes(found)


def _objects(top: Any, place: str) -> Iterator[dict[str, Any]]:
    """The objects of a document: the document itself, or the items of a List at any depth."""
    pending = [top]
    while pending:
        obj = pending.pop()
        if not isinstance(obj, dict) or not all(isinstance(obj.get(key), str) for key in ("apiVersion", "kind")):
            raise InputError(f"{place}: not a Kubernetes object", HINT)
        if obj["apiVersion"].startswith("arpcheck/"):
            raise InputError(
                f"{place}: this is a {obj['kind']}, not a list of Kubernetes objects", "Read it with `arpcheck report`"
            )
        if obj["kind"].endswith("List") and "items" in obj:
            pending += reversed(_items(obj, place))
        elif not name(obj):
            if obj["kind"] == "Config" and "clusters" in obj:
                raise InputError(f"{place}: this is a kubeconfig, not objects of a cluster", "Give it with --kubeconfig")
            raise InputError(f"{place}: the {obj['kind']} has no metadata.name", HINT)
        else:
            yield obj


def _items(top: dict[str, Any], place: str) -> list[Any]:
    """Entries of a typed list (`kubectl get --raw`) have no kind; the list implies it."""
    entries = [] if top["items"] is None else top["items"]
    if not isinstance(entries, list):
        raise InputError(f"{place}: items of the {top['kind']} is not a list", HINT)
    kind = top["kind"].removesuffix("List")
    if not kind:
        return entries
    own = {"apiVersion": top["apiVersion"], "kind": kind}
    return [own | entry if isinstance(entry, dict) else entry for entry in entries]


# --------------------------------------------------------------------------------------------------------------- gaps


def _gaps(file: ClusterFile, wants: Sequence[Want], resources: Collection[str]) -> tuple[Gap, ...]:
    asked = {want.resource for want in wants}
    recorded = {gap for gap in file.gaps if gap.what in asked or not _is_resource(gap.what)}
    absent: dict[str, list[str]] = {}
    for want in wants:
        if want.resource not in {gap.what for gap in recorded} and _is_missing(file, want):
            absent.setdefault(want.resource, []).append(want.costs)
    missing = {Gap(what=resource, why="not in the file", costs=joined(lost)) for resource, lost in absent.items()}
    return tuple(sorted(recorded | missing | set(unknown_mounts(wants, resources))))


def _is_resource(what: str) -> bool:
    return " " not in what


def _is_missing(file: ClusterFile, want: Want) -> bool:
    if any(want.resource in head.read for head in file.headers):
        return False
    found = file.found.get(want.resource, ())
    if want.namespace == "kube-system" and want.resource in ALWAYS_IN_KUBE_SYSTEM:
        return not any(namespace(obj) == want.namespace for obj in found)
    return not found and (want.resource in EVERYWHERE or want.resource == "services")


def _without_services(file: ClusterFile) -> ClusterError:
    refused = next((gap.why for gap in file.gaps if gap.what == "services"), None)
    if refused:
        return ClusterError(
            f"{file.where}: Services could not be read when this snapshot was taken ({refused})",
            "Take it again with an account that may list Services",
        )
    return ClusterError(f"{file.where}: the file contains no Services", HINT)


# ------------------------------------------------------------------------------------------------------- Writing a snapshot

_BEYOND = re.compile("[\x7f-\U0010ffff]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotHeader:
    """The header of a snapshot."""

    taken_at: datetime | None
    server_ahead: float | None
    context: str | None
    version: str | None
    read: frozenset[str]
    """The resources that were read, including those without objects."""
    gaps: tuple[Gap, ...]


def snapshot(objects: Objects) -> str:
    return "".join(pieces(objects))


def pieces(objects: Objects) -> Iterator[str]:
    """The snapshot's text in pieces, so that a large cluster is never held as text. Sorted by resource: the same objects
    give the same text, each on a line of its own. Never contains a Secret."""
    read = sorted(resource for resource in objects.resources if resource != "secrets")
    document = {
        "apiVersion": "v1",
        "kind": "List",
        "arpcheck": {
            "writtenBy": __version__,
            "takenAt": objects.read_at.isoformat() if objects.read_at else None,
            "serverAhead": objects.server_ahead,
            "context": objects.context,
            "serverVersion": objects.version,
            "read": read,
            "gaps": [{"what": gap.what, "why": gap.why, "costs": gap.costs} for gap in sorted(objects.gaps)],
        },
        "items": [],
    }
    head, empty, tail = _harmless(_LINES(document)).partition('"items": []')
    yield head
    start = '"items": [\n  '
    for obj in (obj for resource in read for obj in objects.of(resource)):
        yield start
        yield _harmless(_LINE(obj))
        start = ",\n  "
    yield f"{empty if start[0] != ',' else f'{chr(10)} ]'}{tail}\n"


_LINES = json.JSONEncoder(indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False).encode
_LINE = json.JSONEncoder(sort_keys=True, ensure_ascii=False, allow_nan=False).encode
"""On one line, which Python's encoder writes in C: with an indent 5,000 objects take a quarter of a second."""


def _harmless(written: str) -> str:
    """The same JSON, safe for a terminal: invisible characters and those that move the cursor are escaped. They occur only
    inside strings."""
    return _BEYOND.sub(lambda found: "".join(map(_escaped, found[0])), written)


def _escaped(char: str) -> str:
    return char if is_plain(char) else json.dumps(char)[1:-1] if char != "\x7f" else "\\u007f"


def header(document: Mapping[str, Any], where: str) -> SnapshotHeader | None:
    """The header of a List that `snapshot` wrote; None for any other List. Raises InputError for a damaged header, because a
    lost gap would hide missing data."""
    if "arpcheck" not in document:
        return None
    found = document["arpcheck"]
    try:
        return SnapshotHeader(
            taken_at=instant(found["takenAt"]),
            server_ahead=_number(found.get("serverAhead")),
            context=_optional(found["context"]),
            version=_optional(found["serverVersion"]),
            read=frozenset(map(_text_value, _list(found["read"]))),
            gaps=tuple(_gap(entry) for entry in _list(found["gaps"])),
        )
    except (KeyError, TypeError) as error:
        raise InputError(f"{where}: the snapshot's header is damaged: {error}", "Take the snapshot again") from None


def _gap(entry: Any) -> Gap:
    return Gap(what=_text_value(entry["what"]), why=_text_value(entry["why"]), costs=_text_value(entry["costs"]))


def _text_value(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a string, got {type(value).__name__}")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, got {type(value).__name__}")
    return value


def _number(value: Any) -> float | None:
    """None also for snapshots of earlier versions."""
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value):
        raise TypeError("expected a number")
    return float(value)


def _optional(value: Any) -> str | None:
    return None if value is None else _text_value(value)
