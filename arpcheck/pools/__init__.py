"""Finds which addresses of a load balancer's pools are already in use on the LAN.

`ranges` reads the pools of each implementation; `occupancy` evaluates a run over their free addresses."""

from arpcheck.pools.occupancy import Address, AddressState, Occupancy, occupancy, to_json, to_text
from arpcheck.pools.ranges import NEEDS, NEXT, AddressInUse, Pool, Split, of_versions, pools, range_pool, split

__all__ = [
    "NEEDS",
    "NEXT",
    "Address",
    "AddressInUse",
    "AddressState",
    "Occupancy",
    "Pool",
    "Split",
    "occupancy",
    "of_versions",
    "pools",
    "range_pool",
    "split",
    "to_json",
    "to_text",
]  # fmt: skip
