"""MetalLB's election, computed again: a guess where nothing is recorded.
Source: metallb speaker/layer2_controller.go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from arpcheck.loadbalancers.common import any_of, condition, entries, fits, lowest_hash, named_nodes
from arpcheck.model import Claim, ClaimSource, Trust
from arpcheck.objects import Node, Object, Objects, Service, at

_EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"


def candidates(objects: Objects, advertisements: tuple[Object, ...]) -> tuple[str, ...]:
    """The nodes that may announce. `advertisements`: those that select the pool; none for MetalLB before 0.13, where all
    nodes took part."""
    return tuple(name for name, barred in _barred(objects, advertisements) if not barred)


def why_nobody(objects: Objects, advertisements: tuple[Object, ...]) -> str:
    """`no node may announce it: 3 × not Ready`; empty if a node may announce it, or no node is known."""
    reasons = Counter(barred for _, barred in _barred(objects, advertisements))
    if not reasons or "" in reasons:
        return ""
    return "no node may announce it: " + ", ".join(f"{count} × {reason}" for reason, count in sorted(reasons.items()))


def elected(service: Service, names: tuple[str, ...], objects: Objects, advertisements: tuple[Object, ...]) -> Claim | None:
    """All addresses of a Service go to the node that is elected for the first address. With externalTrafficPolicy Local only
    nodes with an endpoint take part. Endpoints are not read, so it is None then. After 0.16.1 preferred nodes go first."""
    first = service.ingress[0].ip
    if service.local_traffic_only or first is None or not (names := _preferred(names, objects, advertisements)):
        return None
    if not (winner := lowest_hash(names, first)):
        return None
    source = "recomputed election (sha256 of node#address)"
    kind = ClaimSource.GUESS
    return Claim(node=winner, source=source, kind=kind, trust=Trust.GUESS, service=service.full_name, rank=2)


def _preferred(names: tuple[str, ...], objects: Objects, advertisements: tuple[Object, ...]) -> tuple[str, ...]:
    """The nodes with the highest sum of weights; none if a weight or a selector is not valid."""
    terms = [term for ad in advertisements for term in entries(ad, "spec", "preferredNodeSelectors") or (None,) if term]
    if not terms:
        return names
    labels = {node.name: node.labels for node in named_nodes(objects)}
    scores = {name: _score(terms, labels.get(name, {})) for name in names}
    known = {name: score for name, score in scores.items() if score is not None}
    best = max(known.values(), default=0)
    return tuple(name for name, score in known.items() if score == best) if len(known) == len(scores) else ()


def _score(terms: Iterable[object], labels: Mapping[str, str]) -> int | None:
    total = 0
    for term in terms:
        weight, fit = at(term, "weight"), fits(at(term, "preference"), labels)
        if fit is None or not isinstance(weight, int):
            return None
        total += weight if fit else 0
    return total


def _barred(objects: Objects, advertisements: tuple[Object, ...]) -> tuple[tuple[str, str], ...]:
    """Each node with the reason why it takes no part, or "". Computed once for all Services of a pool."""
    key = (_barred, *(id(advertisement) for advertisement in advertisements))
    return objects.memo(key, lambda: tuple((n.name, _why(n, advertisements)) for n in named_nodes(objects)))


def _why(node: Node, advertisements: tuple[Object, ...]) -> str:
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
    """An advertisement without selectors admits all nodes; with an invalid selector it may."""
    chosen = entries(advertisement, "spec", "nodeSelectors")
    return any_of(fits(selector, node.labels) for selector in chosen) if chosen else True
