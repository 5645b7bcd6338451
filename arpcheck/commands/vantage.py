"""`arpcheck vantage`: what runs in a Job of `arpcheck cluster`. It reads no API: it probes by a plan in a file, and prints
its evidence as lines of the container's log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

import arpcheck
from arpcheck.cluster import ClusterSource
from arpcheck.commands.opening import ProbeRequest, checked, observed, opened, settled, stopping, to_open, with_ipv6
from arpcheck.commands.options import Iface
from arpcheck.commands.output import show
from arpcheck.errors import InputError, UsageError
from arpcheck.evidence import Evidence, Options
from arpcheck.evidence_json import from_json, to_json
from arpcheck.gc_control import held_back
from arpcheck.model import Families
from arpcheck.objects import Objects, text
from arpcheck.vantages.jobs import LogError, lines, unpack
from arpcheck.vantages.manifests import MOST_BYTES, PLAN_KEY
from arpcheck.wire.host import candidates, this_host, vlan_tags
from arpcheck.wire.privilege import give_up

EXAMPLES = ("arpcheck vantage --job arpcheck-7f3a01-v1 --iface eth0 /plan",)


def vantage(
    plan: Annotated[str | None, typer.Argument(metavar="FOLDER", help="Where the plan is mounted.")] = None,
    job: Annotated[str, typer.Option("--job", metavar="NAME", help="The name of the Job.")] = "",
    scout: Annotated[bool, typer.Option("--scout", help="Print which interfaces this node has, and send nothing.")] = False,
    iface: Iface = None,
) -> int:
    """Probe by a plan and print the evidence as log lines: what a Job of `arpcheck cluster` runs."""
    if not job:
        raise UsageError("--job is missing", "This command is run by `arpcheck cluster`")
    if scout:
        give_up()
        return _printed(_scouted(), job)
    if plan is None or not iface:
        raise UsageError("FOLDER and --iface are missing", "This command is run by `arpcheck cluster`")
    return _printed(_probed(Path(plan) / PLAN_KEY, tuple(dict.fromkeys(iface)), job), job)


def _printed(document: Mapping[str, Any], job: str) -> int:
    """All lines, or none where they would be too many."""
    try:
        show("".join(lines(document, job)))
    except LogError as error:
        raise InputError(str(error), "Select fewer Services, or fewer --rounds") from None
    return 0


def _scouted() -> dict[str, Any]:
    """This node's interfaces, those of them that may lead to the LAN, and their VLANs."""
    now, host = datetime.now(UTC), this_host()
    found = Evidence(
        arpcheck=arpcheck.__version__, started_at=now, ended_at=now, options=Options(interfaces=candidates(host)), host=host
    )
    return {"evidence": to_json(found), "vlans": dict(vlan_tags())}


def _probed(path: Path, interfaces: tuple[str, ...], job: str) -> dict[str, Any]:
    """The sockets are opened and privileges given up before the plan is read."""
    host = this_host()
    named = Options(interfaces=interfaces, families=Families.AUTO)
    with (
        held_back(for_good=True),
        opened(to_open(named, host), ClusterSource(cluster_file=str(path)), ipv6=with_ipv6(host, interfaces, named)) as (
            wire,
            source,
        ),
    ):
        planned = _plan(path, job)
        options = settled(checked(replace(planned.options, interfaces=interfaces)), planned.objects, host, wire)
        request = ProbeRequest(options=options, source=source, quiet=True)
        with stopping() as stop:
            found = observed(
                request, options, host, planned.mac_map, planned.objects, wire, accepted=planned.accepted, stop=stop
            )
    return {"evidence": to_json(replace(found, objects=Objects(), mac_map=(), accepted=()))}


def _plan(path: Path, job: str) -> Evidence:
    """Raises InputError for what `arpcheck cluster` did not write for this Job."""
    hint = "This command is run by `arpcheck cluster`"
    try:
        with path.open("rb") as file:
            packed = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}", hint) from None
    try:
        document = unpack(packed)
    except LogError:
        raise InputError(f"{path}: not a plan of arpcheck", hint) from None
    if text(document, "job") != job:
        raise InputError(f"{path}: the plan of another Job", hint)
    return from_json(document.get("evidence"), str(path))
