"""Every NIC of a node, as kubernetes-nmstate reports it.

Needs: kubernetes-nmstate, and the right to list `nodenetworkstates.nmstate.io`
On by default: yes
Gives: all NICs, bonds, VLANs and bridges with their names, also without an address; as old as the last report"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from arpcheck.evidence import Evidence
from arpcheck.mac_owners.addresses import is_inside, station
from arpcheck.model import Identity, Need, SourceRank
from arpcheck.objects import Object, Objects, instant, items, name, text

NAME = "node-network-state"

_RESOURCE = "nodenetworkstates.nmstate.io"

_TYPES = ("ethernet", "bond", "team", "vlan", "linux-bridge", "ovs-bridge", "ovs-interface")
"""Interfaces that can reply on a LAN. Those of pods, virtual machines (mac-vtap) and tunnels have other types."""

NEEDS: tuple[Need, ...] = (
    Need(
        resource=_RESOURCE,
        costs="a node's NIC that does not reply for the node's address is unknown",
        fields=(
            "status lastSuccessfulUpdateTime",
            *(f"status currentState interfaces {key}" for key in ("name", "type", "mac-address", "ipv4", "ipv6")),
        ),
        optional=True,
    ),
)


FRESH = timedelta(minutes=10)
"""Updated every minute (kubernetes-nmstate: pkg/node/refresh.go). An older one is of a node that is down or replaced."""


def identities(evidence: Evidence) -> Iterable[Identity]:
    """The object has the node's name, and MAC addresses in upper case (kubernetes-nmstate: api/shared). An old one, or one
    of a node that is not Ready, ranks as a file."""
    ready = {node.name for node in evidence.objects.nodes() if node.ready}
    for state in evidence.objects.of(_RESOURCE):
        told = instant(text(state, "status", "lastSuccessfulUpdateTime"))
        fresh = name(state) in ready and _is_fresh(told, evidence.objects)
        for nic, value in own_nics(state):
            if mac := station(value):
                yield Identity(
                    mac=mac, node=name(state), source=NAME, detail=f"NodeNetworkState {name(state)}", interface=nic or None,
                    observed_at=told, rank=SourceRank.PUBLISHED if fresh else SourceRank.OTHER_FILE,
                    lists_nics=fresh, lists_all=fresh,
                )  # fmt: skip


def _is_fresh(told: datetime | None, objects: Objects) -> bool:
    """By the API server's clock at the time of reading."""
    if told is None or objects.read_at is None:
        return False
    try:
        return objects.read_at + timedelta(seconds=objects.server_ahead or 0.0) - told <= FRESH
    except OverflowError:
        return False


def own_nics(state: Object) -> Iterable[tuple[str, str]]:
    """Name and MAC address of the interfaces on which the node may reply. A mac-vlan without an address is a guest's."""
    for nic in items(state, "status", "currentState", "interfaces"):
        addresses = [text(entry, "ip") for family in ("ipv4", "ipv6") for entry in items(nic, family, "address")]
        addressed = any(ip and not ip.startswith("fe80:") for ip in addresses)
        answers = text(nic, "type") in _TYPES or (text(nic, "type") == "mac-vlan" and addressed)
        if answers and not is_inside(text(nic, "name")):
            yield text(nic, "name"), text(nic, "mac-address")
