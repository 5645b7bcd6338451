"""The words that are nobody's secret: those that arpcheck's own plug-ins spell out, and so look for in objects.

A word of an object stays only where it is one of them, so a new plug-in's words are kept as soon as it is written.
Read from the package's own sources, docstrings left out: these give examples of names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

PACKAGES = ("arpcheck.loadbalancers", "arpcheck.identities", "arpcheck.kubeproxy")
"""All that reads objects by their words. (`arpcheck.objects` and `targets` read fields that these name too.)"""

_MORE = (
    "true false null yes no none unknown ready int float string auto default kubernetes kube dns system public lease "
    "v1 v1alpha1 v1beta1 v1beta2 v1beta3 v2 v3 apps List ClusterIP LoadBalancer NodePort ExternalName Cluster Local "
    "VIP Proxy "
    "InternalIP ExternalIP Hostname InternalDNS ExternalDNS MemoryPressure DiskPressure PIDPressure NetworkUnavailable "
    "Running Pending Succeeded Failed RollingUpdate OnDelete TCP UDP SCTP http https amd64 arm64 linux windows "
    "lastTransitionTime lastHeartbeatTime KubeletReady KubeletHasSufficientMemory message kubelet created started "
    "In NotIn Exists DoesNotExist matchLabels matchExpressions key operator values layer2 bgp "
    "forbidden timed out not in the file var lib etc run usr bin sh cluster svc"
)
"""What the API itself says in fields that are kept."""

_NAMES = frozenset({"worker"})
"""What people call their nodes, though a plug-in spells it too."""

_WORD = re.compile(r"[A-Za-z0-9]+")


@cache
def words() -> frozenset[str]:
    """In lower case."""
    found = set(_MORE.lower().split())
    for text in _constants():
        found.update(word.lower() for word in _WORD.findall(text))
        found.update(part.lower() for word in _WORD.findall(text) for part in _humps(word))
    return frozenset(found) - _NAMES


@cache
def _spelt() -> frozenset[str]:
    return frozenset(part for text in _constants() for part in re.split(r"[\s/]+", text) if "-" in part)


def is_spelt(text: str) -> bool:
    """It stands in a plug-in just so, and is made of several words: `openshift-kube-proxy`."""
    return text in _spelt()


def is_known(text: str) -> bool:
    """Every word of it is one of them, or a short number."""
    found = _WORD.findall(text)
    return bool(found) and text.isascii() and all(word.lower() in words() or _short(word) for word in found)


def _short(word: str) -> bool:
    return word.isdecimal() and len(word) <= 5


def _humps(word: str) -> list[str]:
    return re.findall(r"[A-Z]?[a-z]{2,}", word)


def _constants() -> Iterator[str]:
    for package in PACKAGES:
        pending = [files(package)]
        while pending:
            entry = pending.pop()
            if entry.is_dir():
                pending.extend(entry.iterdir())
            elif entry.name.endswith(".py"):
                yield from _of_source(entry.read_text(encoding="utf-8"))


def _of_source(source: str) -> Iterator[str]:
    tree = ast.parse(source)
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value
