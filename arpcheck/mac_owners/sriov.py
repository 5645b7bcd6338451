"""The SR-IOV NICs of a node, as the SR-IOV network operator reports them.

Needs: the SR-IOV network operator, and the right to list `sriovnetworknodestates.sriovnetwork.openshift.io`
On by default: yes
Gives: SR-IOV NICs and the virtual functions that the node uses, with their names; not bonds or VLANs"""

from __future__ import annotations

from collections.abc import Iterable

from arpcheck.evidence import Evidence
from arpcheck.mac_owners.addresses import station
from arpcheck.model import Identity, Need, SourceRank
from arpcheck.objects import Object, full_name, items, name, text

NAME = "sriov"

_RESOURCE = "sriovnetworknodestates.sriovnetwork.openshift.io"

NEEDS: tuple[Need, ...] = (
    Need(
        resource=_RESOURCE,
        costs="an SR-IOV NIC that does not reply for its node's address is unknown",
        fields=tuple(f"status interfaces {key}" for key in ("name", "mac", "Vfs name", "Vfs mac")),
        optional=True,
    ),
)


def identities(evidence: Evidence) -> Iterable[Identity]:
    """The object has the node's name (sriov-network-operator: api/v1/sriovnetworknodestate_types.go)."""
    for state in evidence.objects.of(_RESOURCE):
        for nic in _nics(state):
            if mac := station(text(nic, "mac")):
                yield Identity(
                    mac=mac, node=name(state), source=NAME, detail=f"SriovNetworkNodeState {full_name(state)}",
                    interface=text(nic, "name") or None, rank=SourceRank.PUBLISHED, lists_nics=True,
                )  # fmt: skip


def _nics(state: Object) -> Iterable[object]:
    """A virtual function without a name is in a pod."""
    for nic in items(state, "status", "interfaces"):
        yield nic
        yield from (function for function in items(nic, "Vfs") if text(function, "name"))
