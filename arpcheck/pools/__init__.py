"""Pools of addresses that a load balancer may hand out, and which of them somebody on the LAN already uses.

Pure: `ranges` reads the pools of each implementation, `occupancy` draws the conclusion from a run over their free
addresses. Knows no wire."""

from arpcheck.pools.occupancy import Address, AddressState, Occupancy, occupancy, to_json, to_text
from arpcheck.pools.ranges import NEEDS, AddressInUse, Pool, Split, pools, range_pool, split

__all__ = [
    "NEEDS",
    "Address",
    "AddressInUse",
    "AddressState",
    "Occupancy",
    "Pool",
    "Split",
    "occupancy",
    "pools",
    "range_pool",
    "split",
    "to_json",
    "to_text",
]  # fmt: skip
