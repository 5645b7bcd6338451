"""The only place that knows the order: `planning` and `observing` on the way to the wire, `concluding` after it.

`observe` touches the world through the Wire and the clock that it is handed. `conclude` is pure: the same evidence
gives the same report, anywhere, years later."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from arpcheck import kubeproxy, loadbalancers, mac_owners
from arpcheck.model import Need
from arpcheck.objects import Objects
from arpcheck.pipeline.concluding import conclude
from arpcheck.pipeline.observing import observe, recorded
from arpcheck.pipeline.planning import Plan, own_node, plan, settle
from arpcheck.pipeline.records import announcements

__all__ = [
    "CHOICES", "NEEDS", "Plan", "announcements", "conclude", "observe", "own_node", "plan", "recorded", "records_of",
    "rights", "settle",
]  # fmt: skip

NEEDS: tuple[Need, ...] = (*loadbalancers.NEEDS, *mac_owners.NEEDS, *kubeproxy.NEEDS)
"""Everything that is ever read of a cluster, in one snapshot."""

_CHOICES: Mapping[str, tuple[Need, ...]] = {
    **{source.NAME: source.NEEDS for source in mac_owners.SOURCES if any(n.optional for n in source.NEEDS)},
    **{plugin.NAME: plugin.NEEDS for plugin in loadbalancers.IMPLEMENTATIONS},
}
CHOICES: tuple[str, ...] = tuple(sorted(_CHOICES))
"""The load balancers and MAC sources that `rights` can be narrowed to."""


def rights(chosen: Collection[str] = (), config_maps: tuple[str, ...] = ()) -> tuple[Need, ...]:
    """What an account needs to read: of every implementation what can name an announcer, or, where some are `chosen`, all
    that those look at and nothing of the others. `config_maps`: kube-proxy's, where they have names of their own.

    KeyError for what is none of `CHOICES`."""
    found = [need for need in NEEDS if not need.optional or need in kubeproxy.NEEDS]
    if chosen:
        base = (*loadbalancers.COMMON, *kubeproxy.NEEDS, *(need for need in mac_owners.NEEDS if not need.optional))
        found = [*base, *(need for name in chosen for need in _CHOICES[name])]
    return tuple(replace(need, names=(*need.names, *config_maps)) if need.mounted else need for need in dict.fromkeys(found))


def records_of(objects: Objects) -> tuple[Need, ...]:
    """What is read once more after the last frame, of a cluster that was read as `objects`: what names announcers, as far
    as there was anything of it. Of Services all that a load balancer looks at, where one names a node in an annotation."""
    kinds = loadbalancers.recorded_in(objects)
    asked = (need for need in loadbalancers.NEEDS if need.record or need.resource == "services")
    return tuple(need for need in asked if need.resource in kinds)
