"""`arpcheck preflight`: a probe of the nodes alone, before a load balancer is installed."""

from __future__ import annotations

from arpcheck.cluster import ClusterSource
from arpcheck.commands.cluster_options import reads_cluster
from arpcheck.commands.opening import ProbeRequest
from arpcheck.commands.options import (
    Family,
    Format,
    Iface,
    MacMap,
    Output,
    Quiet,
    Rate,
    Rounds,
    Sender,
    Verbose,
    Wait,
    known_family,
    known_format,
)  # fmt: skip
from arpcheck.commands.probe import run
from arpcheck.evidence import Options
from arpcheck.model.constants import RATE, ROUNDS, WAIT

EXAMPLES = ("sudo arpcheck preflight -o markdown",)


@reads_cluster()
def preflight(
    *,
    iface: Iface = None,
    rounds: Rounds = ROUNDS,
    wait: Wait = WAIT,
    rate: Rate = RATE,
    sender: Sender = "auto",
    family: Family = "auto",
    mac_map: MacMap = None,
    cluster: ClusterSource,
    format_name: Format = "table",
    output: Output = None,
    quiet: Quiet = False,
    _verbose: Verbose = False,
) -> int:
    """Before you install a load balancer: check which nodes would reply for its addresses."""
    chosen = known_format(format_name)
    return run(
        ProbeRequest(
            options=Options(
                interfaces=tuple(dict.fromkeys(iface or ())),
                rounds=rounds,
                wait=wait,
                rate=rate,
                sender=sender,
                families=known_family(family),
                services=False,
                preflight=True,
            ),
            source=cluster,
            mac_maps=tuple(mac_map or ()),
            format_name=chosen,
            output=output,
            quiet=quiet,
        )
    )
