"""MetalLB's election, computed again: which node would win if the speakers see what was read here.

A guess, since who takes part is known to the speakers alone (memberlist, endpoints). Source: metallb
speaker/layer2_controller.go: of the candidates the one with the lowest sha256 of `NODE#IP`."""

from __future__ import annotations

from collections import Counter

from arpcheck.loadbalancers.hashes import lowest_hash
from arpcheck.loadbalancers.records import condition
from arpcheck.loadbalancers.selectors import any_of, entries, fits
from arpcheck.model import Claim, Trust
from arpcheck.objects import Node, Object, Service

_EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"


def elected(service: Service, nodes: tuple[Node, ...], advertisements: tuple[Object, ...]) -> Claim | None:
    """`advertisements`: those that cover its pool; none: before 0.13, when all nodes took part.

    All addresses of a Service go to the node that is elected for the first one. With externalTrafficPolicy Local only
    nodes with an endpoint take part, which is not read: None."""
    first = service.ingress[0].ip if service.ingress else None
    if service.local_traffic_only or first is None:
        return None
    winner = lowest_hash((node.name for node in nodes if not _barred(node, advertisements)), first)
    if winner is None:
        return None
    source = "recomputed election (sha256 of node#address)"
    return Claim(node=winner, source=source, trust=Trust.GUESS, service=service.full_name, rank=2)


def nobody(nodes: tuple[Node, ...], advertisements: tuple[Object, ...]) -> str:
    """Why no node may announce, as `3 × label …, 1 × not Ready`; empty where one may, or none is known."""
    reasons = [_barred(node, advertisements) for node in nodes]
    if not nodes or not all(reasons):
        return ""
    counted = ", ".join(f"{count} × {reason}" for reason, count in sorted(Counter(reasons).items()))
    return f"no node may announce it: {counted}"


def _barred(node: Node, advertisements: tuple[Object, ...]) -> str:
    """Why the node takes no part; empty: it may."""
    if _EXCLUDED in node.labels:
        return f"label {_EXCLUDED}"
    if condition(node.raw, "NetworkUnavailable") == "True":
        return "NetworkUnavailable"
    if node.ready is False:
        return "not Ready"
    if advertisements and any_of(_admits(ad, node) for ad in advertisements) is False:
        return "not selected by an L2Advertisement"
    return ""


def _admits(advertisement: Object, node: Node) -> bool | None:
    chosen = entries(advertisement, "spec", "nodeSelectors")
    if chosen is None:
        return None
    return any_of(fits(selector, node.labels) for selector in chosen) if chosen else True
