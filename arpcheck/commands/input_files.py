"""Reads the files that the user names: the YAML of `--accept`, and the MAC lists of `--mac-map`.

accept:
- {verdict: duplicate, service: web/nginx, responders: [worker-1], until: 2026-04-01, reason: "goes in March"}
- {finding: non-strict-nodes, node: worker-1, until: 2026-04-01, reason: "replaced next week, TICKET-17"}"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from arpcheck.cluster.parse import MalformedError, decoded, parse
from arpcheck.commands.output import notice
from arpcheck.errors import InputError, did_you_mean
from arpcheck.evidence import MacEntry
from arpcheck.model import Acceptance, Address, Mac, Verdict
from arpcheck.objects import address
from arpcheck.text import count

MOST_BYTES = 1 << 20
KEYS = ("verdict", "finding", "ip", "service", "node", "reason", "until")
"""The keys with a string as their value."""
HELP = "An entry is {verdict, ip or service, responders, reason, until} or {finding, node or ip, reason, until}"

_MARK = re.compile(r"\S")


def read_acceptances(path: str | None) -> tuple[Acceptance, ...]:
    """The entries of the file in their order, () if `path` is None. Raises InputError with the place of an error."""
    if path is None:
        return ()
    where = f"--accept {path}"
    return acceptances(_content(where, Path(path)), where)


def acceptances(content: bytes, where: str) -> tuple[Acceptance, ...]:
    """The entries in `content`. `where` names the file in errors."""
    found = _document(where, content)
    entries = found.get("accept") if isinstance(found, Mapping) else found
    if not isinstance(entries, list):
        raise InputError(f"{where}: expected a list, or a mapping with the list `accept`", HELP)
    return tuple(_entry(f"{where}: entry {number}", entry) for number, entry in enumerate(entries, 1))


def _content(where: str, path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{where}: {error.strerror}", "Name a file that you may read") from None


def _document(where: str, content: bytes) -> Any:
    if len(content) > MOST_BYTES:
        raise InputError(f"{where}: larger than {MOST_BYTES >> 20} MiB", "Check that it is a list of known issues")
    try:
        documents = parse(content)
    except MalformedError as error:
        raise InputError(f"{where}:{error.line}: {error}", HELP) from None
    if len(documents) != 1:
        raise InputError(f"{where}: {len(documents)} documents, expected one", HELP)
    return documents[0].value


def _entry(where: str, entry: Any) -> Acceptance:
    if not isinstance(entry, Mapping):
        raise InputError(f"{where}: not a mapping", HELP)
    if unknown := sorted(entry.keys() - {*KEYS, "responders"}):
        hint = f"{did_you_mean(str(unknown[0]), (*KEYS, 'responders'))} {HELP}".strip()
        raise InputError(f"{where}: unknown key {str(unknown[0])[:80]!r}", hint)
    for key in KEYS:
        if key in entry and not (isinstance(entry[key], str) and _MARK.search(entry[key])):
            raise InputError(f"{where}: {key} is not a string, or is empty", HELP)
    for key in ("reason", "until"):
        if key not in entry:
            raise InputError(
                f"{where}: {key} is missing", "An entry needs a reason, and a last day such as until: 2026-04-01"
            )
    return _of_verdict(where, entry) if "verdict" in entry else _of_finding(where, entry)


def _of_verdict(where: str, entry: Mapping[str, str]) -> Acceptance:
    from arpcheck.judge.acceptance import COUNTED

    if entry["verdict"] not in COUNTED:
        hint = f"{did_you_mean(entry['verdict'], COUNTED)} One of {', '.join(COUNTED)}".strip()
        raise InputError(f"{where}: verdict {entry['verdict']!r} can't be accepted", hint)
    if {"finding", "node"} & entry.keys() or not {"ip", "service"} & entry.keys():
        raise InputError(
            f"{where}: an entry for a verdict needs ip, service or both, and takes neither finding nor node", HELP
        )
    return Acceptance(
        verdict=Verdict(entry["verdict"]),
        ip=_ip(where, entry),
        service=entry.get("service"),
        responders=_responders(where, entry.get("responders", [])),
        reason=entry["reason"].strip(),
        until=_day(where, entry["until"]),
    )


def _responders(where: str, found: Any) -> tuple[str, ...]:
    """MAC addresses in arpcheck's notation, and node names unchanged."""
    if not isinstance(found, list) or not all(isinstance(entry, str) and _MARK.search(entry) for entry in found):
        raise InputError(f"{where}: responders is not a list of MAC addresses and node names", HELP)
    return tuple(dict.fromkeys(_parsed_mac(entry.strip()) or entry.strip() for entry in found))


def _parsed_mac(text: str) -> str | None:
    try:
        return Mac(text)
    except ValueError:
        return None


def _of_finding(where: str, entry: Mapping[str, str]) -> Acceptance:
    from arpcheck.judge import findings
    from arpcheck.judge.acceptance import NOT_KNOWN

    known = sorted({text.name for text in findings.texts()} - set(NOT_KNOWN))
    if entry.get("finding") not in known:
        named = entry.get("finding")
        if named is None:
            raise InputError(f"{where}: neither verdict nor finding", HELP)
        hint = f"{did_you_mean(named, known)} One of {', '.join(known)}".strip()
        raise InputError(f"{where}: finding {named!r} can't be accepted", hint)
    if {"service", "responders"} & entry.keys() or len({"node", "ip"} & entry.keys()) != 1:
        raise InputError(
            f"{where}: an entry for a finding needs either node or ip, and takes neither service nor responders", HELP
        )
    return Acceptance(
        finding=entry["finding"],
        ip=_ip(where, entry),
        node=entry.get("node"),
        reason=entry["reason"].strip(),
        until=_day(where, entry["until"]),
    )


def _ip(where: str, entry: Mapping[str, str]) -> Address | None:
    if "ip" in entry and address(entry["ip"]) is None:
        raise InputError(f"{where}: {entry['ip']!r} is not an IP address", HELP)
    return address(entry.get("ip"))


def _day(where: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{where}: until: {text!r} is not a date", "Write it like 2026-04-01") from None


# ------------------------------------------------------------------------------------------------- the files of --mac-map

MOST_BYTES_OF_A_MAC_LIST = 16 << 20
SHOWN = 5
"""Entries without a MAC address that the notice names."""


def read_mac_maps(paths: tuple[str, ...]) -> tuple[MacEntry, ...]:
    """The entries of all files. A folder stands for its files, sorted by name. Prints a notice about entries without a MAC
    address. Raises InputError with the place of an error, and if a path has no MAC address."""
    return tuple(entry for path in paths for entry in _mac_entries(path))


def _mac_entries(path: str) -> Iterator[MacEntry]:
    from arpcheck.mac_owners.mac_list import read_mac_map

    lists = [(file.name, read_mac_map(_file_text(file), file.name)) for file in _files(Path(path))]
    for name, found in lists:
        if found.blanks:
            notice(f"--mac-map {name}: {_passed_over(found.blanks)}")
    if not any(found.entries for _, found in lists):
        raise InputError(f"--mac-map {path}: no MAC address in it", "Leave the option out, or name another file")
    for _, found in lists:
        yield from found.entries


def _passed_over(blanks: Sequence[int | str]) -> str:
    places = ", ".join(f"line {place}" if isinstance(place, int) else place for place in blanks[:SHOWN])
    more = f" and {len(blanks) - SHOWN} more" if len(blanks) > SHOWN else ""
    return f"skipped {count(len(blanks), 'entry')} without a MAC address: {places}{more}"


def _files(path: Path) -> list[Path]:
    if not os.path.isdir(path):
        return [path]
    try:
        found = sorted(file for file in path.iterdir() if os.path.isfile(file) and not file.name.startswith("."))
    except OSError as error:
        raise InputError(f"--mac-map {path}: {error.strerror}") from None
    if not found:
        raise InputError(f"--mac-map {path}: the folder has no files", "Put one file for each node there")
    return found


def _file_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES_OF_A_MAC_LIST + 1)
    except OSError as error:
        raise InputError(f"--mac-map {path}: {error.strerror}", "Name a file that you may read") from None
    if len(content) > MOST_BYTES_OF_A_MAC_LIST:
        raise InputError(
            f"--mac-map {path}: larger than {MOST_BYTES_OF_A_MAC_LIST >> 20} MiB", "Check that it is a MAC list"
        )
    try:
        return decoded(content)
    except MalformedError as error:
        raise InputError(f"--mac-map {path}:{error.line}: {error}", "Save it as UTF-8") from None
