"""The only place that knows the order: `planning` and `observing` on the way to the wire, `concluding` after it.

`observe` touches the world through the Wire and the clock that it is handed. `conclude` is pure: the same evidence
gives the same report, anywhere, years later."""

from __future__ import annotations

from arpcheck import identities, kubeproxy, loadbalancers
from arpcheck.evidence import Evidence
from arpcheck.model import Need, Report
from arpcheck.pipeline.observing import observe, recorded
from arpcheck.pipeline.planning import Plan, own_node, plan, settle
from arpcheck.pipeline.records import announcements

__all__ = ["NEEDS", "Plan", "announcements", "conclude", "observe", "own_node", "plan", "recorded", "settle"]

NEEDS: tuple[Need, ...] = (*loadbalancers.NEEDS, *identities.NEEDS, *kubeproxy.NEEDS)
"""Everything that is ever read of a cluster, in one snapshot."""


def conclude(evidence: Evidence) -> Report:
    """Owners, nodes, verdicts, findings, exit code. The judge is loaded here, or before that while a sweep listens."""
    from arpcheck.pipeline import concluding

    return concluding.conclude(evidence)
