"""Binds pods to nodes, as the scheduler does where resources are no matter: names, selectors, affinity, taints.

`fits` is what the kubelet checks too of a pod that names its node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from apiserver.store import Store

from arpcheck.lab.api_objects import Object
from arpcheck.objects import at, items, mapping, name, text, texts
from kubelet.events import condition, tell, with_condition

SCHEDULER = "default-scheduler"
_NOT_CHOSEN = "node(s) didn't match Pod's node affinity/selector"
UNREACHABLE = "node.kubernetes.io/unreachable"


def schedule(store: Store) -> None:
    """One look at all pods without a node."""
    nodes = [stored.obj for stored in store.view("nodes").values()]
    for stored in [*store.view("pods").values()]:
        pod = stored.obj
        if (
            text(pod, "spec", "nodeName")
            or at(pod, "metadata", "deletionTimestamp")
            or text(pod, "status", "phase") != "Pending"
        ):
            continue
        named = _named(pod)
        refused = {
            name(node): why
            for node in nodes
            if (why := unfit(pod, node) if named is None or name(node) in named else _NOT_CHOSEN)
        }
        if left := [node for node in nodes if name(node) not in refused]:
            _bind(store, pod, min(left, key=lambda node: (_load(store, name(node)), name(node))))
        else:
            _unschedulable(store, pod, Counter(refused.values()))


def unfit(pod: Object, node: Object) -> str:
    """Why not, in the scheduler's words; empty where it fits."""
    if at(node, "spec", "unschedulable") and not _tolerated(
        {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}, pod
    ):
        return "node(s) were unschedulable"
    for taint in items(node, "spec", "taints"):
        if text(taint, "effect") in ("NoSchedule", "NoExecute") and not _tolerated(taint, pod):
            return f"node(s) had untolerated taint {{{text(taint, 'key')}: {text(taint, 'value')}}}"
    return "" if chosen(pod, node) else _NOT_CHOSEN


def _named(pod: Object) -> set[str] | None:
    """The nodes that its only term names, as for a pod of a DaemonSet: the others need no look. None: it may be any."""
    required = at(pod, "spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    terms = items(required, "nodeSelectorTerms")
    fields = [*items(terms[0], "matchFields")] if len(terms) == 1 else []
    return {*texts(fields[0], "values")} if len(fields) == 1 and text(fields[0], "operator") == "In" else None


def chosen(pod: Object, node: Object) -> bool:
    """By its nodeSelector and required node affinity (v1.helpers, GetRequiredNodeAffinity)."""
    labels = mapping(node, "metadata", "labels")
    if any(labels.get(key) != value for key, value in mapping(pod, "spec", "nodeSelector").items()):
        return False
    required = at(pod, "spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    terms = items(required, "nodeSelectorTerms")
    return required is None or any(_matches(term, labels, name(node)) for term in terms)


def _matches(term: Any, labels: Mapping[str, str], called: str) -> bool:
    """An empty term selects nothing."""
    wanted = [(one, labels) for one in items(term, "matchExpressions")]
    wanted += [(one, {"metadata.name": called}) for one in items(term, "matchFields")]
    return bool(wanted) and all(_holds(one, among) for one, among in wanted)


def _holds(expression: Any, labels: Mapping[str, str]) -> bool:
    key, values = text(expression, "key"), texts(expression, "values")
    match text(expression, "operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    raise ValueError(f"operator of {expression}")


def _tolerated(taint: Any, pod: Object) -> bool:
    return any(_tolerates(one, taint) for one in items(pod, "spec", "tolerations"))


def _tolerates(one: Any, taint: Any) -> bool:
    if text(one, "effect") not in ("", text(taint, "effect")):
        return False
    if text(one, "operator") == "Exists":
        return text(one, "key") in ("", text(taint, "key"))
    return (text(one, "key"), text(one, "value")) == (text(taint, "key"), text(taint, "value"))


def toleration_seconds(pod: Object, taint: Any) -> float | None:
    """How long a pod that runs may stay with a taint of NoExecute; None: for ever, 0: not at all."""
    tolerating = [one for one in items(pod, "spec", "tolerations") if _tolerates(one, taint)]
    limits = [float(at(one, "tolerationSeconds")) for one in tolerating if isinstance(at(one, "tolerationSeconds"), int)]
    return 0.0 if not tolerating else min(limits) if limits else None


def _load(store: Store, node: str) -> int:
    return sum(text(stored.obj, "spec", "nodeName") == node for stored in store.view("pods").values())


def _bind(store: Store, pod: Object, node: Object) -> None:
    bound = store.put({**pod, "spec": {**pod["spec"], "nodeName": name(node)}})
    bound = with_condition(store, bound, "PodScheduled", "True")
    tell(
        store,
        bound,
        "Scheduled",
        f"Successfully assigned {pod['metadata']['namespace']}/{name(pod)} to {name(node)}",
        component=SCHEDULER,
    )


def _unschedulable(store: Store, pod: Object, why: Counter[str]) -> None:
    """Said once for each reason, not at every look."""
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(why.items()))
    message = f"0/{sum(why.values())} nodes are available: {reasons}. preemption: 0/{sum(why.values())} nodes are available."
    if condition(pod, "PodScheduled") != "False" or message not in str(items(pod, "status", "conditions")):
        with_condition(store, pod, "PodScheduled", "False", "Unschedulable", message)
        tell(store, pod, "FailedScheduling", message, component=SCHEDULER, warning=True)
