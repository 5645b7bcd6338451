"""Whose name kube-vip wrote: a Node's since 0.8, before that the host's own (os.Hostname), which may be another; and in
which namespace it writes the Leases that all of it shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from arpcheck.loadbalancers.common import named_nodes
from arpcheck.loadbalancers.kube_vip_config import PATTERN
from arpcheck.loadbalancers.leases import homes
from arpcheck.model import Claim, Trust
from arpcheck.objects import Node, Objects, items, text


def as_node(claim: Claim, objects: Objects) -> tuple[Claim, str]:
    """The claim with the Node's name, and a note where there is no one Node that the name could mean.

    Then the name is kept as it was written, and the claim is not current: the wire can't be held against it."""
    names = objects.memo(as_node, lambda: _names(named_nodes(objects)))
    host = claim.node.lower()
    nodes = names.get(host) or names.get(host.partition(".")[0], ())
    if len(nodes) == 1:
        return replace(claim, node=nodes[0]), ""
    matches = "more than one Node" if nodes else "no Node that could be read" if objects.gap("nodes") else "no Node"
    return replace(claim, trust=Trust.STALE), f"{claim.source} names the host {claim.node}, which is {matches}"


def home_of_common(objects: Objects) -> frozenset[str]:
    return homes(objects, PATTERN, _is_common)


def _is_common(lease: str) -> bool:
    return lease in ("plndr-svcs-lock", "plndr-cp-lock")


def _names(nodes: Iterable[Node]) -> Mapping[str, tuple[str, ...]]:
    """By every name that a host of that Node could give itself; the Node's own name belongs to nobody else."""
    found: dict[str, tuple[str, ...]] = {}
    for node in nodes:
        for name in _of(node):
            found[name] = (*found.get(name, ()), node.name)
    return {**found, **{node.name.lower(): (node.name,) for node in nodes}}


def _of(node: Node) -> set[str]:
    addresses = items(node.raw, "status", "addresses")
    hosts = {text(one, "address") for one in addresses if text(one, "type") in ("Hostname", "InternalDNS", "ExternalDNS")}
    full = {name.lower() for name in (node.name, node.labels.get("kubernetes.io/hostname", ""), *hosts) if name}
    return full | {name.partition(".")[0] for name in full}
