"""The nodes that may announce an address of MetalLB: by labels, conditions and selectors, and by whether a speaker runs.
Source: metallb speaker/layer2_controller.go (speakersForAds, ShouldAnnounce), internal/speakerlist."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from fnmatch import fnmatchcase

from arpcheck.loadbalancers.common import any_of, condition, entries, fits, lowest_hash, named_nodes
from arpcheck.loadbalancers.metallb.configuration import SPEAKERS, Speakers, speakers
from arpcheck.model import Claim, ClaimSource, Need, Trust
from arpcheck.objects import Node, Object, Objects, Service, at, items, name, namespace, text

_PODS = "pods"
_SPACE = "metallb-system"
"""The namespace of its own manifests. Pods of other namespaces are not read, since they may hold secrets."""

PODS = Need(
    resource=_PODS,
    costs="it is unknown whether MetalLB's speaker is ready on the node that should announce, and its controller",
    namespace=_SPACE,
    names=("speaker-*", "*metallb*speaker*", "controller-*", "*metallb*controller*"),
    fields=("spec nodeName", "status conditions type", "status conditions status"),
    group="metallb.io",
    optional=True,
    apart=True,
)
_EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"


class Barred(StrEnum):
    """Why a node takes no part."""

    EXCLUDED = f"label {_EXCLUDED}"
    NETWORK_UNAVAILABLE = "NetworkUnavailable"
    NOT_READY = "not Ready"
    """MetalLB does not look at that itself: the speaker of such a node usually does not run."""
    NOT_SELECTED = "not selected by an L2Advertisement"
    NO_SPEAKER = "no speaker runs there"
    OUTSIDE_SELECTOR = "no speaker runs there, by the nodeSelector of its DaemonSet"
    TAINTED = "a taint that its DaemonSet does not tolerate"
    """A pod that ran before a taint NoSchedule stays."""
    SPEAKER_NOT_READY = "its speaker is not ready"
    NOT_HERE = "not in the cluster"


def is_sure(why: Barred, served_by: Iterable[Speakers]) -> bool:
    """The label alone is not sure where the speakers' flags are unknown."""
    unsure = (Barred.NOT_READY, Barred.TAINTED, Barred.SPEAKER_NOT_READY)
    return why not in unsure and (why is not Barred.EXCLUDED or any(True for _ in served_by))


def counted_reasons(barred: Iterable[Barred]) -> str:
    """`2 × not Ready, 1 × NetworkUnavailable`."""
    return ", ".join(f"{count} × {reason}" for reason, count in sorted(Counter(barred).items()))


def barred_nodes(
    objects: Objects, advertisements: tuple[Object, ...], served_by: tuple[Speakers, ...] = ()
) -> tuple[tuple[str, Barred | None], ...]:
    """Each node with the reason why it takes no part. Computed once for all Services of a pool. `advertisements`: those that
    select the pool; none for MetalLB before 0.13, where all nodes took part. `served_by`: the speakers that count."""
    key = (barred_nodes, *(one.full_name for one in served_by), *(id(advertisement) for advertisement in advertisements))
    ignores = any(one.ignores_label for one in speakers(objects))

    def barred() -> tuple[tuple[str, Barred | None], ...]:
        nodes = named_nodes(objects)
        return tuple((n.name, _why(n, advertisements, ignores) or without_speaker(n, objects, served_by)) for n in nodes)

    return objects.memo(key, barred)


def _why(node: Node, advertisements: tuple[Object, ...], ignores_label: bool) -> Barred | None:
    if _EXCLUDED in node.labels and not ignores_label:
        return Barred.EXCLUDED
    if condition(node.raw, "NetworkUnavailable") == "True":
        return Barred.NETWORK_UNAVAILABLE
    if node.ready is False:
        return Barred.NOT_READY
    if advertisements and any_of(_admits(ad, node) for ad in advertisements) is False:
        return Barred.NOT_SELECTED
    return None


def _admits(advertisement: Object, node: Node) -> bool | None:
    """An advertisement without selectors admits all nodes; with an invalid selector it may."""
    chosen = entries(advertisement, "spec", "nodeSelectors")
    return any_of(fits(selector, node.labels) for selector in chosen) if chosen else True


# ------------------------------------------------------------------------------------------------ Where the speakers run


def without_speaker(node: Node, objects: Objects, served_by: tuple[Speakers, ...]) -> Barred | None:
    """By the pods, if they were read; else by nodeSelector and tolerations of the DaemonSets. Affinity is not looked at."""
    if not served_by:
        return None
    if all(any(node.labels.get(key) != value for key, value in one.selector.items()) for one in served_by):
        return Barred.OUTSIDE_SELECTOR
    if (ready := speaker_ready(node.name, objects)) is not None:
        return None if ready else Barred.SPEAKER_NOT_READY if node.name in _speaker_pods(objects) else Barred.NO_SPEAKER
    taints = [taint for taint in items(node.raw, "spec", "taints") if text(taint, "effect") in ("NoSchedule", "NoExecute")]
    kept_away = (any(not _tolerated(taint, one.tolerations) for taint in taints) for one in served_by)
    return Barred.TAINTED if all(kept_away) else None


def speaker_ready(node: str, objects: Objects) -> bool | None:
    """Whether a pod of the speakers is ready there, False also if there is none. None if their pods are not known."""
    return any(map(_is_ready, _speaker_pods(objects).get(node, ()))) if _pods_known(objects) else None


def controller_ready(objects: Objects) -> bool | None:
    """Whether a pod of the controller is ready. None if that is not known, or there is no such pod: it may have any name."""
    found = [pod for pod in objects.of(_PODS) if namespace(pod) == _SPACE and fnmatchcase(name(pod), "*controller-*")]
    return any(map(_is_ready, found)) if found and _pods_known(objects) else None


def _pods_known(objects: Objects) -> bool:
    """Some were read, and all speakers are in that namespace."""
    known = not objects.gap(_PODS) and not objects.gap(PODS.what) and objects.read_at is not None
    return known and bool(_speaker_pods(objects)) and all(one.namespace == _SPACE for one in speakers(objects))


def _is_ready(pod: Object) -> bool:
    return condition(pod, "Ready") == "True"


def _speaker_pods(objects: Objects) -> Mapping[str, tuple[Object, ...]]:
    """By node."""
    return objects.by(_PODS, _node_of_speaker)


def _node_of_speaker(pod: Object) -> str | None:
    own = namespace(pod) == _SPACE and any(fnmatchcase(name(pod), f"{pattern}*") for pattern in SPEAKERS.names)
    return text(pod, "spec", "nodeName") or None if own else None


_OF_DAEMONSETS = "node.kubernetes.io/"
"""The pods of a DaemonSet tolerate the taints of the node controller (docs: concepts/workloads/controllers/daemonset)."""


def _tolerated(taint: object, tolerations: Iterable[object]) -> bool:
    """kubernetes/api core/v1 (Toleration.ToleratesTaint)."""
    key = text(taint, "key")
    if key.startswith(_OF_DAEMONSETS):
        return True
    return any(
        text(one, "effect") in ("", text(taint, "effect"))
        and text(one, "key") in ("", key)
        and (text(one, "operator") == "Exists" or (text(one, "key") and text(one, "value") == text(taint, "value")))
        for one in tolerations
    )


# ---------------------------------------------------------------------------------------- MetalLB's election, computed again


def candidates(objects: Objects, advertisements: tuple[Object, ...]) -> tuple[str, ...]:
    """The nodes that may announce, wherever speakers run. `advertisements`: as for `barred_nodes`."""
    return tuple(name for name, barred in barred_nodes(objects, advertisements) if not barred)


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
