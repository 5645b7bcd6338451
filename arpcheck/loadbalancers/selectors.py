"""Label selectors as objects carry them (metav1.LabelSelector), with three answers: yes, no, and None where the selector
is none or what it would be held against is not known.

Knows no load balancer. Selectors as text are in `objects.selects`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from arpcheck.objects import at, text, texts


def any_of(answers: Iterable[bool | None]) -> bool | None:
    """Yes if one is; no only if all are; None as long as an unknown one could still be a yes."""
    known = tuple(answers)
    if True in known:
        return True
    return None if None in known else False


def all_of(answers: Iterable[bool | None]) -> bool | None:
    opposite = any_of(None if answer is None else not answer for answer in answers)
    return None if opposite is None else not opposite


def entries(obj: Any, *path: str) -> tuple[Any, ...] | None:
    """The entries of a list; none where there is no list; None where there is something else."""
    value = at(obj, *path)
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list | tuple) else None


def fits(selector: Any, labels: Mapping[str, str]) -> bool | None:
    """Whether the labels fit. An empty selector fits everything; what no selector means is for the caller to say."""
    if not isinstance(selector, Mapping):
        return None
    equal, terms = selector.get("matchLabels") or {}, entries(selector, "matchExpressions")
    if not isinstance(equal, Mapping) or terms is None:
        return None
    exact = (labels.get(key) == value if isinstance(value, str) else None for key, value in equal.items())
    return all_of((*exact, *(_term(term, labels) for term in terms)))


def _term(term: Any, labels: Mapping[str, str]) -> bool | None:
    """A key that is missing is not in any list of values, so NotIn holds (apimachinery pkg/labels)."""
    key, values = text(term, "key"), texts(term, "values")
    if not key:
        return None
    match text(term, "operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:
            return None
