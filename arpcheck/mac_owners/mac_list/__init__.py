"""Files that say whose a MAC is, as text: what people already have, each format recognised by what is in it.

Reads text that was handed in; opens nothing. Whatever the text is, the result is entries or an InputError that names
the wrong lines. A format is one module with `FORMAT`, `recognises` and `read`, listed in `FORMATS`, the surest first."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from arpcheck.errors import InputError
from arpcheck.evidence import MacEntry
from arpcheck.mac_owners.mac_list.ip_formats import IP_BRIEF, IP_JSON, IP_NEIGH_JSON
from arpcheck.mac_owners.mac_list.source import MAC, Blank, Format, MacListText, Place, Row, blocks
from arpcheck.mac_owners.mac_list.text_formats import ADDRESS_CSV, ARP_SCAN, ETHERS, NETBOX, OWN_CSV, TABLES
from arpcheck.mac_owners.mac_list.tool_formats import ANSIBLE, JOB_LOG, NODE_EXPORTER
from arpcheck.mac_owners.mac_list.yaml_formats import OBJECTS, OWN_YAML

FORMATS: tuple[Format, ...] = (
    *(IP_JSON, IP_NEIGH_JSON, OBJECTS, ANSIBLE, NODE_EXPORTER, JOB_LOG, IP_BRIEF),
    *(ADDRESS_CSV, NETBOX, OWN_CSV, *TABLES, ARP_SCAN, ETHERS, OWN_YAML),
)

LIMIT = 8 * 1024 * 1024
"""Characters of a file; a fact cache of a host has some 100,000."""
ENTRIES = 65_536
"""Entries of a file; more than the NICs of the largest cluster."""

ROWS = 4 * ENTRIES
"""Rows of a file, those without a MAC included."""

_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff\ufffd]")
_KNOWN = (
    "Read are CSV (mac,node or hostname,mac), YAML, NetBox, /etc/ethers, ip -j link, ip -br link, ip neigh, arp -an, "
    "/proc/net/arp, arp-scan, dnsmasq.leases, Kea's leases, Ansible's facts, node_exporter, BareMetalHost, NodeNetworkState "
    "and the log of inventory's Job"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MacList:
    """What a file says."""

    entries: tuple[MacEntry, ...]
    """In the file's order, none twice."""
    blanks: tuple[Place, ...] = ()
    """Where a MAC was missing; what is there was passed over."""


def read_mac_map(text: str, name: str) -> MacList:
    """What a `--mac-map` file says.

    `name`: the file's, for messages and, without its ending, as the node's where a format names none. An address in the
    place of a name stays, and is matched with the nodes later. Without entries there are blanks. Raises InputError."""
    text = _checked_text(text, name)
    source = MacListText(name=name, text=text, blocks=blocks(text))
    for form in FORMATS:
        if form.recognises(source):
            found = _bounded(form.read(source), name)
            if not found.entries and not found.blanks:
                raise InputError(f"{name}: names no MAC ({form.FORMAT})", "Leave the file out, or fill it")
            return found
    refuse(source)
    _refuse_half_json(source)
    raise InputError(f"{name}: not a MAC list of a format that is known", _KNOWN)


def _refuse_half_json(source: MacListText) -> None:
    if source.blocks or source.text.lstrip()[0] not in "[{":
        return
    try:
        json.loads(source.text)
    except json.JSONDecodeError as error:
        raise InputError(f"{source.name}:{error.lineno}: JSON that breaks off here", "Save it again, whole") from None
    except RecursionError:
        raise InputError(f"{source.name}: JSON that is nested too deeply", "Give the list alone") from None
    except ValueError:  # an integer of more digits than Python reads
        raise InputError(f"{source.name}: JSON with a number that can't be read", "Give the list alone") from None


def _checked_text(text: str, name: str) -> str:
    if len(text) > LIMIT:
        raise InputError(f"{name}: {len(text):,} characters; at most {LIMIT:,} are read", "Split it, one file a node")
    if odd := _NO_TEXT.search(text):
        line = text.count("\n", 0, odd.start()) + 1
        raise InputError(f"{name}:{line}: no text (character {ord(odd[0]):#04x})", "Save it as UTF-8 text")
    if not text.removeprefix("\ufeff").strip():
        raise InputError(f"{name}: the file is empty", "Leave it out, or fill it")
    return text.removeprefix("\ufeff")


def _bounded(rows: Iterable[Row], name: str) -> MacList:
    found = tuple(islice(rows, ROWS + 1))
    entries = tuple(row for row in found if isinstance(row, MacEntry))
    if len(entries) > ENTRIES:
        raise InputError(f"{name}: more than {ENTRIES:,} MACs", "Split it, one file a node")
    if len(found) > ROWS:
        raise InputError(f"{name}: more than {ROWS:,} rows", "Split it, one file a node")
    return MacList(
        entries=tuple(dict.fromkeys(entries)), blanks=tuple(row.place for row in found if isinstance(row, Blank))
    )


# --------------------------------------------------------------------------- What people hand in that names MACs and no node

_DOTTED = r"[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}"
_SWITCH = re.compile(rf"\*?\s*(vlan)?(\d+|all)\s+{_DOTTED}\s+(dynamic|static)\b", re.IGNORECASE)
_BRIDGE = re.compile(rf"{MAC.pattern}\s+dev\s+\S+")

_KINDS = (
    (_SWITCH, "a switch's table of MACs names its ports, not nodes", "Give who has which address (show ip arp), or NICs"),
    (_BRIDGE, "`bridge fdb` names a bridge's ports, not nodes", "Give `ip neigh` or `ip -j link` of each node"),
)


def refuse(source: MacListText) -> None:
    """Raises InputError where the text is one of those."""
    for line, why, cure in _KINDS:
        if source.any(line):
            raise InputError(f"{source.name}: {why}", cure)
