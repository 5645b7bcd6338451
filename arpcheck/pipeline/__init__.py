"""Runs the stages in order: `planning` and `observing` before and during the scan, `concluding` after it.

`observe` uses only the Wire and the clock that it is given. `conclude` depends on the evidence alone: the same evidence
gives the same report at any time."""

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
"""Everything that arpcheck reads of a cluster, in one snapshot."""

_CHOICES: Mapping[str, tuple[Need, ...]] = {
    **{source.NAME: source.NEEDS for source in mac_owners.SOURCES if any(n.optional for n in source.NEEDS)},
    **{plugin.NAME: plugin.NEEDS for plugin in loadbalancers.IMPLEMENTATIONS},
}
CHOICES: tuple[str, ...] = tuple(sorted(_CHOICES))
"""The load balancers and MAC sources to which `rights` can be limited."""


def rights(chosen: Collection[str] = (), config_maps: tuple[str, ...] = ()) -> tuple[Need, ...]:
    """The reads that an account needs: for every implementation, those that can name an announcer; with `chosen`, all reads
    of the chosen ones and none of the others. `config_maps`: names of kube-proxy's ConfigMaps if they are not the usual
    ones.

    Raises KeyError for a name that is not in `CHOICES`."""
    found = [need for need in NEEDS if not need.optional or need in kubeproxy.NEEDS]
    if chosen:
        base = (*loadbalancers.COMMON, *kubeproxy.NEEDS, *(need for need in mac_owners.NEEDS if not need.optional))
        found = [*base, *(need for name in chosen for need in _CHOICES[name])]
    return tuple(replace(need, names=(*need.names, *config_maps)) if need.mounted else need for need in dict.fromkeys(found))


def records_of(objects: Objects) -> tuple[Need, ...]:
    """The reads to repeat after the last frame, for a cluster that was read as `objects`: the kinds that name announcers, if
    there were any. For Services, everything that a load balancer uses, if one names a node in an annotation."""
    kinds = loadbalancers.recorded_in(objects)
    asked = (need for need in loadbalancers.NEEDS if need.record or need.resource == "services")
    return tuple(need for need in asked if need.resource in kinds)
