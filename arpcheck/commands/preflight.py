"""`arpcheck preflight`: a probe of the nodes alone, before a load balancer is installed."""

from __future__ import annotations

from arpcheck.commands.opening import ProbeRequest
from arpcheck.commands.options import (
    As,
    ClusterFile,
    Context,
    FileHas,
    Format,
    Iface,
    Kubeconfig,
    MacMap,
    Output,
    Quiet,
    Rate,
    RequestTimeout,
    Rounds,
    Sender,
    Verbose,
    Wait,
    known_format,
    source,
)  # fmt: skip
from arpcheck.commands.probe import run
from arpcheck.evidence import Options
from arpcheck.model.constants import RATE, REQUEST_TIMEOUT, ROUNDS, WAIT

EXAMPLES = ("sudo arpcheck preflight --iface eth0 -o markdown",)


def preflight(
    iface: Iface = None,
    rounds: Rounds = ROUNDS,
    wait: Wait = WAIT,
    rate: Rate = RATE,
    sender: Sender = "auto",
    mac_map: MacMap = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    as_user: As = None,
    cluster_file: ClusterFile = None,
    file_has: FileHas = None,
    request_timeout: RequestTimeout = REQUEST_TIMEOUT,
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
                services=False,
                preflight=True,
            ),
            source=source(kubeconfig, context, as_user, cluster_file, request_timeout, file_has),
            mac_maps=tuple(mac_map or ()),
            format_name=chosen,
            output=output,
            quiet=quiet,
        )
    )
