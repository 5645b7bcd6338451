"""`arpcheck pool`: checks whether a host on the LAN already uses an address that a load balancer may assign next."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from arpcheck import pipeline
from arpcheck.cluster import ClusterSource, read
from arpcheck.commands.opening import ProbeRequest, checked, observed, opened, settled, stopping, to_open, with_ipv6
from arpcheck.commands.option_groups import REQUESTS, ReportOptions, reads_cluster, stands_for
from arpcheck.commands.options import Iface, Output, Quiet, Verbose, one_of, whole
from arpcheck.commands.output import format_of, show, write
from arpcheck.errors import UsageError
from arpcheck.evidence import Options
from arpcheck.objects import Objects
from arpcheck.pools import NEEDS, NEXT, Pool, Split, of_versions, pools, range_pool, split
from arpcheck.pools.occupancy import Occupancy, occupancy, to_json, to_text
from arpcheck.text import plain
from arpcheck.wire.host import this_host

EXAMPLES = (
    "sudo arpcheck pool",
    "sudo arpcheck pool --range 10.0.0.50-10.0.0.99",
)


@reads_cluster()
@stands_for(requests=REQUESTS)
def pool(
    *,
    iface: Iface = None,
    ranges: Annotated[
        list[str] | None,
        typer.Option("--range", metavar="A-B", help="Check A-B, or a CIDR, instead of the cluster's pools. Repeatable."),
    ] = None,
    most: Annotated[
        int,
        typer.Option(
            "--most",
            metavar="N",
            parser=whole(1, 65536),
            help="Stop with an error if there are more addresses than this, at most 65536. Of an IPv6 range of the cluster"
            f" that is longer, the next {NEXT} addresses are checked.",
        ),
    ] = 1024,
    requests: Options,
    cluster: ClusterSource,
    format_name: Annotated[str, typer.Option("-o", metavar="FORMAT", help="table or json.")] = "table",
    output: Output = None,
    quiet: Quiet = False,
    _verbose: Verbose = False,
) -> int:
    """Check whether a host already uses an address that a load balancer may assign next."""
    one_of(format_name, FORMATS, "pool")
    return run(
        ProbeRequest(
            options=replace(requests, interfaces=tuple(dict.fromkeys(iface or ()))),
            source=cluster,
            report=ReportOptions(format_name=format_name, output=output),
            quiet=quiet,
        ),
        tuple(ranges or ()),
        most,
    )


FORMATS = ("table", "json")


def run(request: ProbeRequest, ranges: tuple[str, ...], most: int) -> int:
    """Sends requests for every address that no Service has.

    Returns 0 if all are free, 1 if one is in use, 3 if it is not known.
    """
    options = checked(request.options)
    named = tuple(range_pool(written) for written in ranges)
    host = this_host()
    interfaces = to_open(options, host)
    six = with_ipv6(host, interfaces, options)
    versions = options.families.versions(link_local=bool(six))
    _check(named, versions)
    with opened(interfaces, request.source, (request.report.output, "--output"), ipv6=six) as (wire, source):
        objects = read(source, (*pipeline.NEEDS, *NEEDS), services_required=not named)
        every = named or _found(objects)

        def asked(versions: Container[int]) -> tuple[tuple[Pool, ...], Split, Options]:
            found = of_versions(every, versions)
            addresses = split(found, objects, most, named=bool(named))
            return found, addresses, replace(options, ips=tuple(addresses.free), services=False, both_senders=True)

        found, addresses, asking = asked(versions)
        asking = settled(asking, objects, host, wire)
        if (usable := pipeline.versions(asking, host)) != versions:  # --iface auto chose one without a link-local address
            _check(named, usable)
            found, addresses, narrower = asked(usable)
            asking = replace(asking, ips=narrower.ips)
        with stopping() as stop:
            evidence = observed(request, asking, host, (), objects, wire, stop=stop)
            result = occupancy(pipeline.conclude(evidence), evidence, found, addresses, named=bool(named))
            _deliver(result, request)
    return result.exit_code


def _check(named: Iterable[Pool], versions: Container[int]) -> None:
    """Raises UsageError for ranges on the command line that can't be requested."""
    if left := next((pool for pool in of_versions(named, versions) if pool.left_out), None):
        raise UsageError(
            f"{left.name}: IPv{left.left_out[0][0].version} is not requested",
            "Choose --family accordingly; for IPv6, choose an --iface that has a usable link-local address",
        )


def _deliver(result: Occupancy, request: ProbeRequest) -> None:
    if request.report.output:
        write(
            Path(request.report.output),
            _rendered(result, format_of(request.report.output, request.report.format_name, FORMATS)),
        )
    show(_rendered(result, request.report.format_name))


def _rendered(result: Occupancy, format_name: str) -> str:
    return json.dumps(to_json(result), indent=2) + "\n" if format_name == "json" else _plain(to_text(result))


def _found(objects: Objects) -> tuple[Pool, ...]:
    found = pools(objects)
    if not found:
        raise UsageError("no address pool was found in the cluster", "Give the addresses with --range A-B")
    return found


def _plain(text: str) -> str:
    return "\n".join(plain(line) for line in text.splitlines()) + "\n"
