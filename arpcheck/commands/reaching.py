"""The option `--reach`: after the ARP run, one TCP SYN at a time to each MAC address that replied."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from arpcheck import pipeline
from arpcheck.cluster import ClusterSource, read
from arpcheck.commands.output import ProgressLine, duration, notice
from arpcheck.endpoints import ENDPOINT_SLICES, are_read
from arpcheck.errors import ArpcheckError
from arpcheck.evidence import Evidence, Options
from arpcheck.objects import Objects
from arpcheck.text import count
from arpcheck.wire.reach import ReachPlan, reach, reach_seconds
from arpcheck.wire.reach_socket import ReachWire

_log = logging.getLogger(__name__)

Reach = Annotated[
    bool,
    typer.Option(
        "--reach",
        help="Then try a TCP connection to each Service over every MAC address that replied. Sends no data.",
    ),
]

READ_AGAIN = 10.0
"""Time limit in seconds of the last reading, for which the report waits."""


def expected(plan: pipeline.Plan, objects: Objects, options: Options) -> str:
    """A sentence before the run, when nobody has replied yet."""
    tries, least, most = pipeline.expected_seconds(plan.targets, objects, options)
    if not tries:
        return "--reach: no address has a Service with a TCP port"
    return (
        f"--reach: then {count(tries, 'TCP SYN')} for each MAC address that replies for each address,"
        f" about {duration(least)}, at most {duration(most)} with one reply each"
    )


def reached(
    evidence: Evidence,
    wire: ReachWire,
    source: ClusterSource,
    *,
    quiet: bool,
    stop: Callable[[], bool],
    tap: Callable[[datetime, bytes], None],
) -> Evidence:
    """The evidence with the tries, after a notice with their number and the time they take."""
    planned = pipeline.reach_plan(evidence, pipeline.conclude(evidence))
    if not quiet:
        notice(_announced(planned))
    line = ProgressLine(shown=not quiet)
    passed = (datetime.now(UTC) - evidence.started_at).total_seconds()
    run = reach(
        wire,
        planned,
        begun=wire.now() - passed,
        stop=stop,
        tap=lambda at, frame: tap(evidence.started_at + timedelta(milliseconds=at), frame),
        progress=line.reach,
    )
    line.clear()
    _log.info("%d SYNs sent, %d replies kept", len(run.tries), sum(len(one.replies) for one in run.tries))
    return pipeline.with_reach(evidence, run, _again(evidence.objects, source) if run.tries else None)


def _announced(plan: ReachPlan) -> str:
    if not plan.aims:
        return "--reach: nothing can be tried"
    least, most = reach_seconds(plan)
    macs = len({aim.mac for aim in plan.aims})
    at_most = f", at most {duration(most)} if nobody replies" if most - least > 1 else ""
    return f"--reach: {count(len(plan.aims), 'TCP SYN')} to {count(macs, 'MAC address')}, about {duration(least)}{at_most}"


def _again(objects: Objects, source: ClusterSource) -> Objects | None:
    """The EndpointSlices and the announcers' records after the last try; None where they come from a file, were not read, or
    can't be read now."""
    needs = (*([ENDPOINT_SLICES] if are_read(objects) else []), *pipeline.records_of(objects))
    if source.cluster_file is not None or not needs:
        return None
    source = replace(source, request_timeout=min(source.request_timeout, READ_AGAIN))
    try:
        return read(source, needs, services_required=False)
    except ArpcheckError as error:
        _log.info("the EndpointSlices and records could not be read again: %s", error)
        return None
