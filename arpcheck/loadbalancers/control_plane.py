"""kube-vip's control-plane address: it belongs to no Service. Who has it is said by a Lease; which address it is, by
kube-vip's environment or by a label of the node that has it, and both may be missing.

Source: kube-vip pkg/cluster/clusterLeaderElection.go; the label needs `enable_node_labeling`, which is off by default."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from ipaddress import IPv4Address

from arpcheck.loadbalancers import kube_vip, kube_vip_config
from arpcheck.loadbalancers.common import is_current, named_nodes, refused, strongest_first
from arpcheck.loadbalancers.kube_vip_hosts import as_node, home_of_common
from arpcheck.loadbalancers.leases import LEASES, believed, leases_named
from arpcheck.model import Announcement, Claim, ClaimSource, Trust
from arpcheck.objects import Objects, ipv4

_LABEL = "kube-vip.io/has-ip"
_LEASE = "plndr-cp-lock"


def control_plane_addresses(objects: Objects) -> Mapping[IPv4Address, str]:
    """Every address of the control plane that is known, with what says so, lowest first."""
    labelled = {ip: f"label {_LABEL}" for node in named_nodes(objects) if (ip := ipv4(node.labels.get(_LABEL)))}
    return dict(sorted({**kube_vip_config.control_plane(objects), **labelled}.items()))


def announcement_of(ip: IPv4Address, objects: Objects, at: datetime) -> Announcement | None:
    """Who has it now is said by the Lease, since the label of a node that died stays. Where nothing says which address the
    control plane has, the Lease is taken for the one that was asked for."""
    known = control_plane_addresses(objects)
    leases, strange = believed(leases_named(objects, _LEASE), home_of_common(objects), objects, kube_vip_config.PATTERN)
    if ip not in known and (known or not leases):
        return None
    labelled = [node.name for node in named_nodes(objects) if ipv4(node.labels.get(_LABEL)) == ip]
    mapped = [as_node(lease.claim(at, objects), objects) for lease in leases]
    by_label = (
        Claim(
            node=node, source=f"label {_LABEL} of Node {node}", kind=ClaimSource.NODE_LABEL, trust=Trust.STALE, rank=1
        )
        for node in labelled
    )
    claims = strongest_first((*(claim for claim, _ in mapped), *by_label))
    return Announcement(
        implementation=kube_vip.NAME,
        because=known.get(ip) or f"Lease {leases[0].full_name}",
        order=5,
        claims=claims,
        answers_once=True,
        notes=(*strange, *(note for _, note in mapped if note)),
        unread=() if is_current(claims) else refused(objects, LEASES.resource),
    )
