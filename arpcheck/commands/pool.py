"""`arpcheck pool`: is somebody on the LAN already using an address that a load balancer may hand out next?"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from arpcheck import pipeline
from arpcheck.cluster import read
from arpcheck.commands.opening import opened, settled, stopping, to_open
from arpcheck.commands.output import format_of, show, write
from arpcheck.commands.probe import ProbeRequest, checked, observed
from arpcheck.errors import UsageError
from arpcheck.objects import Objects
from arpcheck.pools import NEEDS, Occupancy, Pool, occupancy, pools, range_pool, split, to_json, to_text
from arpcheck.text import plain
from arpcheck.wire.host import this_host

FORMATS = ("table", "json")


def pool(request: ProbeRequest, ranges: tuple[str, ...], most: int) -> int:
    """Asks every address that no Service has; the exit code is 0 all free, 1 one in use, 3 not heard."""
    options = checked(request.options)
    named = tuple(range_pool(written) for written in ranges)
    host = this_host()
    with opened(to_open(options, host), request.source, (request.output, "--output")) as (wire, source):
        objects = read(source, (*pipeline.NEEDS, *NEEDS), services_required=not named)
        found = named or _found(objects)
        addresses = split(found, objects, most)
        asked = replace(options, ips=tuple(addresses.free), services=False, both_senders=True)
        asking = settled(asked, objects, host, wire)
        with stopping() as stop:
            evidence = observed(request, asking, host, (), objects, wire, stop=stop)
            result = occupancy(pipeline.conclude(evidence), evidence, found, addresses, named=bool(named))
            _deliver(result, request)
    return result.exit_code


def _deliver(result: Occupancy, request: ProbeRequest) -> None:
    if request.output:
        write(Path(request.output), _rendered(result, format_of(request.output, request.format_name, FORMATS)))
    show(_rendered(result, request.format_name))


def _rendered(result: Occupancy, format_name: str) -> str:
    return json.dumps(to_json(result), indent=2) + "\n" if format_name == "json" else _plain(to_text(result))


def _found(objects: Objects) -> tuple[Pool, ...]:
    found = pools(objects)
    if not found:
        raise UsageError("no pool was found in the cluster", "Name the addresses with --range A-B")
    return found


def _plain(text: str) -> str:
    return "\n".join(plain(line) for line in text.splitlines()) + "\n"
