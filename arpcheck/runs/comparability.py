"""Decides whether two runs are about the same cluster, segment and selection of Services.

Clusters count as the same unless something tells them apart; segments count as different unless something joins them."""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv4Network

from arpcheck.evidence import Evidence
from arpcheck.model import Mac
from arpcheck.objects import Objects, full_name, text


def difference(one: Evidence, other: Evidence) -> str | None:
    """Why the two runs can't be compared; None if they can."""
    if found := different_clusters(one.objects, other.objects):
        return found
    if not _same_segment(one, other):
        ours, theirs = (", ".join(map(str, sorted(networks(run)))) or "no known network" for run in (one, other))
        return f"they ran on different segments ({ours}; {theirs}): no MAC address replied in both"
    return None


def different_clusters(one: Objects, other: Objects) -> str | None:
    """Compares the uid of `default/kubernetes`, which lives as long as its cluster; else the uids of Nodes and Services,
    else the node names. None if nothing tells the clusters apart."""
    ours, theirs = _uids(one), _uids(other)
    if ours.get("default/kubernetes", "") != theirs.get("default/kubernetes", ours.get("default/kubernetes", "")):
        return "they are of different clusters: default/kubernetes has another uid"
    if ours and theirs and not {*ours.values()} & {*theirs.values()}:
        return "they are of different clusters: they have no Service and no node in common"
    nodes, others = ({node.name for node in objects.nodes()} for objects in (one, other))
    if nodes and others and not nodes & others:
        return "they are of different clusters: they have no node in common"
    return None


def selection(evidence: Evidence) -> tuple[object, ...]:
    """The options that select addresses; runs with equal ones request the same addresses of a cluster."""
    options = evidence.options
    return (
        options.namespace, options.selector, options.load_balancer_class, options.external_ips, options.services,
        options.on_link,
    )  # fmt: skip


def networks(evidence: Evidence) -> frozenset[IPv4Network]:
    """The networks of the probing interfaces."""
    used = (i for i in evidence.host.interfaces if i.name in evidence.options.interfaces)
    return frozenset(network for interface in used for a in interface.addresses if (network := _network(a)))


def _same_segment(one: Evidence, other: Evidence) -> bool:
    return bool(networks(one) & networks(other)) or bool(_macs_that_replied(one) & _macs_that_replied(other))


def _macs_that_replied(evidence: Evidence) -> frozenset[Mac]:
    return frozenset(reply.mac for reply in evidence.replies)


def _network(address: str) -> IPv4Network | None:
    try:
        return IPv4Interface(address).network
    except ValueError:
        return None


def _uids(objects: Objects) -> dict[str, str]:
    """Uids by name, of objects that live long."""
    found = ((full_name(obj), text(obj, "metadata", "uid")) for what in ("services", "nodes") for obj in objects.of(what))
    return {name: uid for name, uid in found if uid}
