"""Files that say whose a MAC is, as text: what people already have, each format recognised by what is in it.

Reads text that was handed in; opens nothing. Whatever the text is, the result is entries or an InputError that names
the wrong lines. A format is one module with `FORMAT`, `recognises` and `read`, listed in `FORMATS`, the surest first."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from itertools import islice
from typing import Any

from arpcheck.errors import InputError
from arpcheck.evidence import MacEntry
from arpcheck.identities.files import ansible, arp_scan, ethers, ip_json, job_log, node_exporter, own_csv, own_yaml
from arpcheck.identities.files.source import Format, Source

FORMATS: tuple[Format, ...] = (ip_json, ansible, node_exporter, job_log, arp_scan, ethers, own_csv, own_yaml)

LIMIT = 8 * 1024 * 1024
"""Characters of a file; a fact cache of a host has some 100,000."""
ENTRIES = 65_536
"""Entries of a file; more than the NICs of the largest cluster."""

_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff\ufffd]")
_KNOWN = "CSV (mac,node[,interface]), YAML, /etc/ethers, ip -j, Ansible's facts, node_exporter, arp-scan, inventory's job"


def read_mac_map(text: str, name: str) -> tuple[MacEntry, ...]:
    """The entries of a `--mac-map` file, in its order.

    `name`: the file's, for messages and, without its ending, as the node's where a format names none. An address in the
    place of a name stays, and is matched with the nodes later. Raises InputError."""
    text = _checked(text, name)
    source = Source(name=name, text=text, json=_json(text))
    for form in FORMATS:
        if form.recognises(source):
            found = _bounded(form.read(source), name)
            if not found:
                raise InputError(f"{name}: names no MAC ({form.FORMAT})", "Leave the file out, or fill it")
            return found
    raise InputError(f"{name}: no format that is known", f"There are: {_KNOWN}")


def _checked(text: str, name: str) -> str:
    if len(text) > LIMIT:
        raise InputError(f"{name}: {len(text):,} characters; at most {LIMIT:,} are read", "Split it, one file a node")
    if odd := _NO_TEXT.search(text):
        line = text.count("\n", 0, odd.start()) + 1
        raise InputError(f"{name}:{line}: no text (character {ord(odd[0]):#04x})", "Save it as UTF-8 text")
    if not text.removeprefix("\ufeff").strip():
        raise InputError(f"{name}: the file is empty", "Leave it out, or fill it")
    return text.removeprefix("\ufeff")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _bounded(entries: Iterable[MacEntry], name: str) -> tuple[MacEntry, ...]:
    found = tuple(islice(entries, ENTRIES + 1))
    if len(found) > ENTRIES:
        raise InputError(f"{name}: more than {ENTRIES:,} MACs", "Split it, one file a node")
    return tuple(dict.fromkeys(found))
