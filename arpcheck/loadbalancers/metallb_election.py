"""MetalLB's election, computed again: which node would win if the speakers see what was read here.

A guess, since who takes part is known to the speakers alone (memberlist, endpoints). Source: metallb
speaker/layer2_controller.go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from arpcheck.loadbalancers.common import condition, named_nodes
from arpcheck.loadbalancers.hashes import lowest_hash
from arpcheck.loadbalancers.selectors import any_of, entries, fits
from arpcheck.model import Claim, ClaimSource, Trust
from arpcheck.objects import Node, Object, Objects, Service, at

_EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"


def candidates(objects: Objects, advertisements: tuple[Object, ...]) -> tuple[str, ...]:
    """The nodes that may announce. `advertisements`: those that cover the pool; none: before 0.13, when all took part."""
    return tuple(name for name, barred in _barred(objects, advertisements) if not barred)


def why_nobody(objects: Objects, advertisements: tuple[Object, ...]) -> str:
    """As `3 × not Ready`; empty where a node may announce, or none is known."""
    reasons = Counter(barred for _, barred in _barred(objects, advertisements))
    if not reasons or "" in reasons:
        return ""
    return "no node may announce it: " + ", ".join(f"{count} × {reason}" for reason, count in sorted(reasons.items()))


def elected(
    service: Service, names: tuple[str, ...], objects: Objects, advertisements: tuple[Object, ...]
) -> Claim | None:
    """All addresses of a Service go to the node that is elected for the first one. With externalTrafficPolicy Local only
    nodes with an endpoint take part, which is not read: None. After 0.16.1 those go first that an advertisement prefers."""
    first = service.ingress[0].ip
    if service.local_traffic_only or first is None or not (names := _preferred(names, objects, advertisements)):
        return None
    if not (winner := lowest_hash(names, first)):
        return None
    source = "recomputed election (sha256 of node#address)"
    kind = ClaimSource.GUESS
    return Claim(node=winner, source=source, kind=kind, trust=Trust.GUESS, service=service.full_name, rank=2)


def _preferred(names: tuple[str, ...], objects: Objects, advertisements: tuple[Object, ...]) -> tuple[str, ...]:
    """Those of the highest sum of weights; none where a weight or a selector can't be read."""
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
    """Every node with why it takes no part. The same for all Services of a pool, so found once."""
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
    """One without selectors admits all, and so may one that has something else in their place."""
    chosen = entries(advertisement, "spec", "nodeSelectors")
    return any_of(fits(selector, node.labels) for selector in chosen) if chosen else True
