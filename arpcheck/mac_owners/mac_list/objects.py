"""Objects of a cluster that list a host's NICs, as `kubectl get … -o yaml` or `-o json` writes them: BareMetalHost and
HardwareData of metal3 (of the management cluster, often), NodeNetworkState of kubernetes-nmstate.

A BareMetalHost's node is the host name that its inspection saw, else the object's name (metal3-io/baremetal-operator:
apis/metal3.io/v1alpha1/hardwaredata_types.go)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from arpcheck.mac_owners.mac_list import plain_yaml
from arpcheck.mac_owners.mac_list.source import Blank, Nic, Place, Row, Source, is_blank, listed
from arpcheck.mac_owners.node_network_state import own_nics
from arpcheck.model import MacListFormat
from arpcheck.objects import at, items, name, text

FORMAT = MacListFormat.OBJECTS

_KIND = re.compile(
    r"^[ \t-]*kind[ \t]*:[ \t]*[\"']?(BareMetalHost|HardwareData|NodeNetworkState)(List)?[\"']?[ \t\r]*$", re.MULTILINE
)
_METAL3 = ("BareMetalHost", "HardwareData")
_STATE = "NodeNetworkState"


def recognises(source: Source) -> bool:
    if source.blocks:
        return any(text(found, "kind") in (*_METAL3, _STATE) for found in _flat(block.value for block in source.blocks))
    return _KIND.search(source.text) is not None


def read(source: Source) -> Iterable[Row]:
    found = [block.value for block in source.blocks] or plain_yaml.documents(source.text, source.name)
    nics = [nic for number, entry in enumerate(_flat(found), 1) for nic in _nics(f"entry {number}", entry)]
    yield from listed(source, (nic for nic in nics if not is_blank(str(nic.mac))), FORMAT)
    yield from (Blank(nic.place) for nic in nics if not nic.mac)


def _flat(found: Iterable[Any]) -> Iterator[Any]:
    """The objects, those in lists too; a list has no list in it."""
    for entry in found:
        yield from items(entry, "items") if text(entry, "kind").endswith("List") else (entry,)


def _nics(place: Place, entry: Any) -> Iterator[Nic]:
    match text(entry, "kind"):
        case "BareMetalHost" | "HardwareData":
            yield from _of_metal3(place, entry)
        case "NodeNetworkState":
            yield from (Nic(place, name(entry), nic, mac) for nic, mac in own_nics(entry))
        case _:
            return


def _of_metal3(place: Place, entry: Any) -> Iterator[Nic]:
    hardware = at(entry, "status", "hardware") or at(entry, "spec", "hardware")
    seen = text(hardware, "hostname")
    node = seen if seen and not seen.startswith("localhost") else name(entry)
    for nic in items(hardware, "nics"):
        yield Nic(place, node, text(nic, "name"), text(nic, "mac"))
    boot = text(entry, "spec", "bootMACAddress")
    if boot and boot.lower() not in (text(nic, "mac").lower() for nic in items(hardware, "nics")):
        yield Nic(place, node, "", boot)
