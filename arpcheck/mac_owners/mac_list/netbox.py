"""NetBox's list of interfaces as it exports CSV: `device,name,mac_address` and whatever else the view shows.

The device is the node, the name its interface's (netbox-community/netbox: dcim/tables/devices.py)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from arpcheck.mac_owners.mac_list import own_csv, table
from arpcheck.mac_owners.mac_list.source import Row, Source, each
from arpcheck.model import MacListFormat

FORMAT = MacListFormat.NETBOX


def recognises(source: Source) -> bool:
    header = table.header(source)
    return header is not None and header.node in ("device", "vm") and header.mac in ("mac_address", "primary_mac_address")


def read(source: Source) -> Iterable[Row]:
    header = table.header(source)
    return each(source, table.rows(source), partial(own_csv.row, source, header, FORMAT)) if header else ()
