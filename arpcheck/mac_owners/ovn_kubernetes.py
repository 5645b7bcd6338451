"""The MAC address of a node's gateway bridge, from OVN-Kubernetes' annotation on the Node.

Needs: OVN-Kubernetes (OpenShift's default network)
On by default: yes
Gives: the gateway bridge (br-ex), which has its uplink's MAC address and is MetalLB's interface there; not a second NIC"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from arpcheck.evidence import Evidence
from arpcheck.mac_owners.addresses import decoded, station
from arpcheck.model import Identity, Need, SourceRank
from arpcheck.objects import Node, text

NAME = "ovn-kubernetes"

_KEY = "k8s.ovn.org/l3-gateway-config"

NEEDS: tuple[Need, ...] = (
    Need(resource="nodes", costs="no MAC address has an owner", fields=(f"metadata annotations {_KEY}",)),
)


def identities(evidence: Evidence) -> Iterable[Identity]:
    """One for the bridge of each network and its second gateway (go-controller/pkg/util/node_annotations.go)."""
    for node in evidence.objects.nodes():
        networks = decoded(node, _KEY)
        for config in networks.values() if isinstance(networks, Mapping) else ():
            bridge = text(config, "bridge-id") or _bridge(node, text(config, "interface-id"))
            second = _bridge(node, text(config, "exgw-interface-id"))
            for key, interface in (("mac-address", bridge), ("exgw-mac-address", second)):
                if mac := station(text(config, key)):
                    yield Identity(
                        mac=mac, node=node.name, source=NAME, detail=f"annotation {_KEY}", interface=interface or None,
                        rank=SourceRank.PUBLISHED, lists_nics=True,
                    )  # fmt: skip


def _bridge(node: Node, port: str) -> str:
    """The device of the port `br-ex_NODE`; older versions have no `bridge-id`."""
    return port.removesuffix(f"_{node.name}")
