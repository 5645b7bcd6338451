"""The only place that knows the order: `planning` and `observing` on the way to the wire, `concluding` after it.

`observe` touches the world through the Wire and the clock that it is handed. `conclude` is pure: the same evidence
gives the same report, anywhere, years later."""

from __future__ import annotations

from arpcheck import identities, kubeproxy, loadbalancers
from arpcheck.model import Need
from arpcheck.objects import Objects
from arpcheck.pipeline.concluding import conclude
from arpcheck.pipeline.observing import observe, recorded
from arpcheck.pipeline.planning import Plan, own_node, plan, settle
from arpcheck.pipeline.records import announcements

__all__ = ["NEEDS", "Plan", "announcements", "conclude", "observe", "own_node", "plan", "recorded", "records_of", "settle"]

NEEDS: tuple[Need, ...] = (*loadbalancers.NEEDS, *identities.NEEDS, *kubeproxy.NEEDS)
"""Everything that is ever read of a cluster, in one snapshot."""


def records_of(objects: Objects) -> tuple[Need, ...]:
    """What is read once more after the last frame, of a cluster that was read as `objects`: what names announcers, as far
    as there was anything of it. Of Services all that a load balancer looks at, where one names a node in an annotation."""
    kinds = loadbalancers.recorded_in(objects)
    asked = (need for need in loadbalancers.NEEDS if need.record or need.resource == "services")
    return tuple(need for need in asked if need.resource in kinds)
