"""The only place that knows the order: `planning` and `observing` on the way to the wire, `concluding` after it.

`observe` touches the world through the Wire and the clock that it is handed. `conclude` is pure: the same evidence
gives the same report, anywhere, years later."""

from __future__ import annotations

from arpcheck import identities, kubeproxy, loadbalancers
from arpcheck.model import Need
from arpcheck.pipeline.concluding import conclude
from arpcheck.pipeline.observing import observe, recorded
from arpcheck.pipeline.planning import Plan, own_node, plan, settle
from arpcheck.pipeline.records import announcements

__all__ = ["NEEDS", "Plan", "announcements", "conclude", "observe", "own_node", "plan", "recorded", "settle"]

NEEDS: tuple[Need, ...] = (*loadbalancers.NEEDS, *identities.NEEDS, *kubeproxy.NEEDS)
"""Everything that is ever read of a cluster, in one snapshot."""
