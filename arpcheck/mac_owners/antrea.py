"""The MAC address of a node's transport interface, from Antrea's annotation on the Node.

Needs: Antrea in mode noEncap, hybrid or networkPolicyOnly (its default, encap, writes none)
On by default: yes
Gives: the MAC address of the transport interface, without its name"""

from __future__ import annotations

from collections.abc import Iterable

from arpcheck.evidence import Evidence
from arpcheck.mac_owners.addresses import station
from arpcheck.model import Identity, Need, SourceRank

NAME = "antrea"

_KEY = "node.antrea.io/mac-address"

NEEDS: tuple[Need, ...] = (
    Need(resource="nodes", costs="no MAC address has an owner", fields=(f"metadata annotations {_KEY}",)),
)


def identities(evidence: Evidence) -> Iterable[Identity]:
    """At most one a node (antrea: pkg/agent/types/annotations.go)."""
    for node in evidence.objects.nodes():
        if mac := station(node.annotations.get(_KEY)):
            yield Identity(
                mac=mac, node=node.name, source=NAME, detail=f"annotation {_KEY}",
                rank=SourceRank.PUBLISHED, lists_nics=True,
            )  # fmt: skip
