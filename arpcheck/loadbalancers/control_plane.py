"""kube-vip's control-plane address: it belongs to no Service, so it is only known by a label of the node that has it.

Source: kube-vip pkg/cluster/clusterLeaderElection.go; the label needs `enable_node_labeling`."""

from __future__ import annotations

from datetime import datetime
from ipaddress import IPv4Address

from arpcheck.loadbalancers import kube_vip
from arpcheck.loadbalancers.kube_vip_hosts import as_node
from arpcheck.loadbalancers.leases import LEASES, leases_named
from arpcheck.loadbalancers.records import is_current, named_nodes, refused, strongest_first
from arpcheck.model import Announcement, Claim, Trust
from arpcheck.objects import Objects, ipv4

_LABEL = "kube-vip.io/has-ip"
_LEASE = "plndr-cp-lock"


def announcement_of(ip: IPv4Address, objects: Objects, at: datetime) -> Announcement | None:
    """The label says that the address is the control plane's; who has it now is said by the Lease, since the label of a
    node that died stays."""
    labelled = [node.name for node in named_nodes(objects) if ipv4(node.labels.get(_LABEL)) == ip]
    if not labelled:
        return None
    mapped = [as_node(lease.claim(at), objects) for lease in leases_named(objects, _LEASE)]
    by_label = (Claim(node=node, source=f"label {_LABEL} of Node {node}", trust=Trust.STALE, rank=1) for node in labelled)
    claims = strongest_first((*(claim for claim, _ in mapped), *by_label))
    return Announcement(
        implementation=kube_vip.NAME,
        because=f"label {_LABEL}",
        order=5,
        claims=claims,
        notes=tuple(note for _, note in mapped if note),
        unread=() if is_current(claims) else refused(objects, LEASES.resource),
    )
