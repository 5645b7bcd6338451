"""What MetalLB says of its own configuration and of itself: ConfigurationState of each component (0.15.3 and later,
metallb api/v1beta1/configurationstate_types.go), and the class that its speakers were told to serve (`--lb-class`)."""

from __future__ import annotations

from collections.abc import Iterator

from arpcheck.model import Need
from arpcheck.objects import Object, Objects, full_name, items, labels_of, name, text, texts

STATES = Need(
    resource="configurationstates.metallb.io",
    costs="whether MetalLB goes on with an older configuration, because of a faulty object, is not known",
    fields=("metadata labels metallb.io/*", "status result", "status lastError", "status errorSummary"),
    optional=True,
)
SPEAKERS = Need(
    resource="daemonsets.apps",
    costs="a loadBalancerClass that MetalLB was told to serve is not recognised as its own",
    names=("speaker", "*metallb*speaker*"),
    fields=("spec template spec containers args",),
    group="metallb.io",
    optional=True,
)

_CLASS = "--lb-class"


def invalid(objects: Objects) -> tuple[str, ...]:
    """A sentence for each component that refused the configuration: it goes on with the last one that it accepted."""
    found = sorted(objects.of(STATES.resource), key=full_name)
    return tuple(_words(state) for state in found if text(state, "status", "result") == "Invalid")


def _words(state: Object) -> str:
    labels = labels_of(state)
    who = " of ".join(part for part in (labels.get("metallb.io/component-type"), labels.get("metallb.io/node-name")) if part)
    why = text(state, "status", "lastError") or text(state, "status", "errorSummary") or "it does not say why"
    return f"ConfigurationState {full_name(state)}: the configuration is invalid{f' for the {who}' if who else ''}: {why}"


def serves_class(objects: Objects, wanted: str) -> bool:
    """A speaker was told to serve Services of that class and no other."""
    return wanted in objects.memo(serves_class, lambda: frozenset(_classes(objects)))


def _classes(objects: Objects) -> Iterator[str]:
    for daemonset in objects.of(SPEAKERS.resource):
        for container in items(daemonset, "spec", "template", "spec", "containers") if "speaker" in name(daemonset) else ():
            args = texts(container, "args")
            for this, following in zip(args, (*args[1:], ""), strict=True):
                flag, equals, value = this.partition("=")
                if flag == _CLASS:
                    yield value if equals else following
