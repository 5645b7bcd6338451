"""The files that `--mac-map` reads: `FORMATS` has a line for each format. A file of this package has the formats of a
family: how each is recognised and read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice

from arpcheck.errors import InputError
from arpcheck.evidence import MacEntry
from arpcheck.mac_owners.mac_list import neighbours, nics, objects, tables
from arpcheck.mac_owners.mac_list.source import MAC, Blank, ListFormat, MacListText, Place, Row, blocks
from arpcheck.model import MacListFormat

FORMATS: tuple[ListFormat, ...] = (
    nics.IP_JSON,
    nics.IP_LINK,
    neighbours.IP_NEIGH_JSON,
    objects.OBJECTS,
    nics.ANSIBLE,
    nics.NODE_EXPORTER,
    nics.JOB,
    nics.IP_BRIEF,
    tables.ADDRESS_CSV,
    tables.NETBOX,
    tables.CSV,
    neighbours.PROC_NET_ARP,
    neighbours.DNSMASQ,
    neighbours.DHCPD,
    neighbours.ARP,
    neighbours.IP_NEIGH,
    neighbours.ARP_SCAN,
    tables.ETHERS,
    tables.YAML,
)
"""The first that recognises the text reads it, so the most specific come first."""

LIMIT = 8 * 1024 * 1024
"""Characters of a file; Ansible's facts of a host have some 100,000."""
ENTRIES = 65_536
"""MAC addresses of a file; more than the NICs of the largest cluster."""
ROWS = 4 * ENTRIES
"""Rows of a file, including those without a MAC address."""

_NOT_TEXT = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff\ufffd]")
_ORDER = tuple(MacListFormat)
_SUPPORTED = "Supported are " + ", ".join(
    dict.fromkeys(form.called for form in sorted(FORMATS, key=lambda form: _ORDER.index(form.format)))
)

_JSON = re.compile(r'\s*(\{\s*("|\}|$)|\[\s*(["\[\]{0-9-]|$))')
"""How a JSON list or mapping begins. The sections of an INI or TOML file begin with a bracket too."""

_DOTTED = r"[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}"
_NAMES_NO_NODE = (
    (
        re.compile(rf"\*?\s*(vlan)?(\d+|all)\s+{_DOTTED}\s+(dynamic|static)\b", re.IGNORECASE),
        "a switch's MAC table names the switch's ports, not nodes",
        "Give the ARP table instead (show ip arp), or a list of NICs",
    ),
    (
        re.compile(rf"{MAC.pattern}\s+dev\s+\S+"),
        "`bridge fdb` names the ports of a bridge, not nodes",
        "Give the output of `ip neigh` or `ip -j link` of each node",
    ),
)
"""Lists of MAC addresses that users may give, which name no node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MacList:
    """The content of a file."""

    entries: tuple[MacEntry, ...]
    """In the order of the file, without duplicates."""
    blanks: tuple[Place, ...] = ()
    """Where a MAC address is missing; these lines are skipped."""


def read_mac_map(text: str, name: str) -> MacList:
    """The content of a `--mac-map` file.

    `name`: the file's, for messages. Without its ending it is the node's name where the format has none. An IP address in
    place of a node's name is matched with the nodes later. Without entries there are blanks. Raises InputError."""
    text = _checked_text(text, name)
    source = MacListText(name=name, text=text, blocks=blocks(text))
    for form in FORMATS:
        if form.recognises(source):
            found = _bounded(form.read(replace(source, format=form.format)), name)
            if not found.entries and not found.blanks:
                raise InputError(f"{name}: no MAC address in it (format: {form.format})", "Leave out the file, or fill it")
            return found
    for line, why, cure in _NAMES_NO_NODE:
        if source.any(line):
            raise InputError(f"{name}: {why}", cure)
    _refuse_broken_json(source)
    raise InputError(f"{name}: not a MAC list in a supported format", _SUPPORTED)


def _refuse_broken_json(source: MacListText) -> None:
    if source.blocks or not _JSON.match(source.text):
        return
    try:
        json.loads(source.text)
    except json.JSONDecodeError as error:
        message = f"{source.name}:{error.lineno}: the JSON is not valid from here on"
        raise InputError(message, "Save the whole file again") from None
    except RecursionError:
        raise InputError(f"{source.name}: the JSON is nested too deeply", "Give only the list") from None
    except ValueError:  # an integer with more digits than Python reads
        raise InputError(f"{source.name}: the JSON has a number with too many digits", "Give only the list") from None


def _checked_text(text: str, name: str) -> str:
    if len(text) > LIMIT:
        raise InputError(f"{name}: {len(text):,} characters; the limit is {LIMIT:,}", "Split it into one file per node")
    if odd := _NOT_TEXT.search(text):
        line = text.count("\n", 0, odd.start()) + 1
        raise InputError(f"{name}:{line}: not text (character {ord(odd[0]):#04x})", "Save it as UTF-8 text")
    if not text.removeprefix("\ufeff").strip():
        raise InputError(f"{name}: the file is empty", "Leave out the file, or fill it")
    return text.removeprefix("\ufeff")


def _bounded(found: Iterable[Row], name: str) -> MacList:
    read = tuple(islice(found, ROWS + 1))
    entries = tuple(row for row in read if isinstance(row, MacEntry))
    if len(entries) > ENTRIES:
        raise InputError(f"{name}: more than {ENTRIES:,} MAC addresses", "Split it into one file per node")
    if len(read) > ROWS:
        raise InputError(f"{name}: more than {ROWS:,} rows", "Split it into one file per node")
    return MacList(entries=tuple(dict.fromkeys(entries)), blanks=tuple(row.place for row in read if isinstance(row, Blank)))
