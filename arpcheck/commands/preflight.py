"""`arpcheck preflight`: a probe of the nodes alone, before a load balancer is installed."""

from __future__ import annotations

from dataclasses import replace

from arpcheck.cluster import ClusterSource
from arpcheck.commands.opening import ProbeRequest
from arpcheck.commands.option_groups import REPORT, REQUESTS, ReportOptions, reads_cluster, stands_for
from arpcheck.commands.options import Iface, MacMap, Quiet, Verbose
from arpcheck.commands.probe import run
from arpcheck.evidence import Options

EXAMPLES = ("sudo arpcheck preflight -o markdown",)


@reads_cluster()
@stands_for(requests=REQUESTS, wanted=REPORT.but("accept", "only", "faults", "no_headers"))
def preflight(
    *,
    iface: Iface = None,
    requests: Options,
    mac_map: MacMap = None,
    cluster: ClusterSource,
    wanted: ReportOptions,
    quiet: Quiet = False,
    _verbose: Verbose = False,
) -> int:
    """Before you install a load balancer: check which nodes would reply for its addresses."""
    return run(
        ProbeRequest(
            options=replace(requests, interfaces=tuple(dict.fromkeys(iface or ())), services=False, preflight=True),
            source=cluster,
            mac_maps=tuple(mac_map or ()),
            report=wanted,
            quiet=quiet,
        )
    )
