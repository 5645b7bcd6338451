"""`arpcheck doctor`: checks the prerequisites of a probe, and prints a line for each check with what to do.

It sends no frame."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from typing import assert_never

import arpcheck
from arpcheck import pipeline
from arpcheck.cluster import ClusterSource, read
from arpcheck.cluster.source import Access, access
from arpcheck.commands.opening import opened
from arpcheck.commands.options import (
    As,
    ClusterFile,
    Context,
    FileHas,
    Iface,
    Kubeconfig,
    RequestTimeout,
    Verbose,
    source,
)  # fmt: skip
from arpcheck.commands.output import show
from arpcheck.errors import ArpcheckError, UsageError, WireError
from arpcheck.evidence import Options
from arpcheck.model import Host, Kind, Need, Outcome
from arpcheck.model.constants import REQUEST_TIMEOUT
from arpcheck.objects import Objects
from arpcheck.pipeline.planning import AUTO, interface_networks
from arpcheck.reports.formatting import count
from arpcheck.targets import all_targets
from arpcheck.text import plain
from arpcheck.wire.host import candidates, this_host, usable
from arpcheck.wire.packet_socket import LiveWire
from arpcheck.wire.privilege import is_root_itself

EXAMPLES = (
    "sudo arpcheck doctor --iface eth0",
    "arpcheck doctor --context prod",
)


def doctor(
    iface: Iface = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    as_user: As = None,
    cluster_file: ClusterFile = None,
    file_has: FileHas = None,
    request_timeout: RequestTimeout = REQUEST_TIMEOUT,
    _verbose: Verbose = False,
) -> int:
    """Check what a probe needs: privileges, interfaces and access to the API. It sends no frame."""
    names = tuple(name for name in dict.fromkeys(iface or ()) if name != "auto")
    return run(names, source(kubeconfig, context, as_user, cluster_file, request_timeout, file_has))


SKEW = 5.0
"""Seconds. A Lease that names an announcer is valid for 10 to 15."""

FIRST = ("services", "nodes")
"""These are read, and not only checked for access: a probe needs Services for addresses and Nodes for MAC owners."""


class CheckState(StrEnum):
    OK = "ok"
    NOTE = "note"
    """For information; it does not affect the result of a probe."""
    UNKNOWN = "unknown"
    """The check could not be made."""
    MISSING = "missing"
    """A probe runs, but parts of its result are inconclusive."""
    FAILS = "fails"
    """A probe does not start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    what: str
    state: CheckState
    says: str
    cure: str = ""


def run(names: tuple[str, ...], source: ClusterSource) -> int:
    """Prints the lines; the exit code is 0, 3 where something is missing or not known, 2 where no probe could run."""
    host = this_host()
    found = [_versions(), _privilege(host, names), *_user(), _interface_check(host, names)]
    try:
        with opened((), source) as (_, held):
            for check in in_cluster(host, names, held):
                found.append(check)  # one by one, so that an error does not lose the checks before it
    except ArpcheckError as error:
        found.append(Check(what="API", state=CheckState.FAILS, says=error.message, cure=error.hint))
    show(_rendered(found))
    return exit_code(found)


def exit_code(found: Iterable[Check]) -> int:
    """The worst of the checks; without a check, that of a run that judged nothing."""
    return max((_code(check.state) for check in found), key=_GRAVITY.index, default=Outcome.NOT_JUDGED.exit_code)


_GRAVITY = (0, 3, 2)


def _code(state: CheckState) -> int:
    match state:
        case CheckState.OK | CheckState.NOTE:
            return Outcome.FINE.exit_code
        case CheckState.UNKNOWN | CheckState.MISSING:
            return Outcome.UNSURE.exit_code
        case CheckState.FAILS:
            return 2
        case _:
            assert_never(state)


def _rendered(found: Iterable[Check]) -> str:
    lines = (f"{c.state:7}  {c.what:9}  {c.says}{f'. {c.cure}' if c.cure else ''}" for c in found)
    return "".join(f"{plain(line)}\n" for line in lines)


# ------------------------------------------------------------------------------------------------------------ this host


def _versions() -> Check:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("scapy", "kubernetes"))
    says = f"arpcheck {arpcheck.__version__}, Python {platform.python_version()}, {libraries}"
    return Check(what="versions", state=CheckState.OK, says=says)


def _privilege(host: Host, names: tuple[str, ...]) -> Check:
    asked = [name for name in names or candidates(host) if name in {interface.name for interface in host.interfaces}]

    def opening() -> str:
        with LiveWire(asked or ["lo"]):
            return "packet sockets can be opened with CAP_NET_RAW, which was given up again"

    return _checked_step("privilege", opening, WireError)


def _user() -> Iterator[Check]:
    """Under sudo arpcheck becomes the calling user, and in a pod root is expected: neither needs a note."""
    if not is_root_itself() or "KUBERNETES_SERVICE_HOST" in os.environ:
        return
    says = "root without sudo: files and login plug-ins are used as root, without its capabilities"
    cure = "Use sudo if the kubeconfig and the files belong to a user"
    yield Check(what="user", state=CheckState.NOTE, says=says, cure=cure)


def _interface_check(host: Host, names: tuple[str, ...]) -> Check:
    def found() -> str:
        chosen = usable(host, names or candidates(host))
        if not chosen:
            raise UsageError(
                "no interface is up with a MAC address and an IP address", "`ip link set NAME up`; `ip address add …`"
            )
        return "; ".join(f"{i.name} is up, {i.mac}, {', '.join(i.addresses) or 'no IPv4 address'}" for i in chosen)

    return _checked_step("interface", found, UsageError)


def _checked_step(what: str, found: Callable[[], str], *errors: type[ArpcheckError]) -> Check:
    try:
        return Check(what=what, state=CheckState.OK, says=found())
    except errors as error:
        return Check(what=what, state=CheckState.FAILS, says=error.message, cure=error.hint)


# ---------------------------------------------------------------------------------------------------------- the cluster


def in_cluster(host: Host, names: tuple[str, ...], source: ClusterSource) -> Iterator[Check]:
    """Yields the checks of the cluster one by one."""
    if source.cluster_file:
        objects = read(source, pipeline.NEEDS, services_required=False)
        yield _file(objects)
    else:
        granted = access(source, pipeline.NEEDS)
        yield from (_api(granted), _clock(granted), _rights(granted), _optional(granted))
        objects = read(source, [need for need in pipeline.NEEDS if need.resource in FIRST], services_required=False)
    yield from (_services(objects), _subnet(host, names, objects), _vantage(host, objects))


def _api(granted: Access) -> Check:
    release = granted.version or "version not known"
    says = f"{granted.server}, context {granted.context}, {release}, {granted.took * 1000:.0f} ms"
    return Check(what="API", state=CheckState.OK, says=says)


def _clock(granted: Access) -> Check:
    if granted.ahead is None:
        return Check(what="clock", state=CheckState.UNKNOWN, says="the API server sent no time to compare with")
    if abs(granted.ahead) <= SKEW:
        return Check(what="clock", state=CheckState.OK, says=f"within {SKEW:g} s of the API server's clock")
    side = "ahead of" if granted.ahead > 0 else "behind"
    says = f"{abs(granted.ahead):.0f} s {side} the API server's clock, so Leases are judged wrongly"
    return Check(what="clock", state=CheckState.MISSING, says=says, cure="Synchronise the wrong clock by NTP")


def _rights(granted: Access) -> Check:
    return _readable("rights", granted, optional=False, state=CheckState.MISSING, unknown=CheckState.UNKNOWN)


def _optional(granted: Access) -> Check:
    return _readable("optional", granted, optional=True, state=CheckState.NOTE, unknown=CheckState.NOTE)


def _readable(what: str, granted: Access, *, optional: bool, state: CheckState, unknown: CheckState) -> Check:
    refused, unclear = (_named(n for n in needs if n.optional == optional) for needs in (granted.refused, granted.unknown))
    cure = f"`arpcheck pod --rbac{' --with IMPLEMENTATION' if optional else ''}` prints the rights"
    if refused:
        return Check(what=what, state=state, says=f"may not read {', '.join(refused)}", cure=cure)
    if unclear:
        return Check(what=what, state=unknown, says=f"the server does not say whether {', '.join(unclear)} may be read")
    every = len({need.resource for need in pipeline.NEEDS if need.optional == optional})
    return Check(what=what, state=CheckState.OK, says=f"{every} resources checked, all that are installed may be read")


def _named(needs: Iterable[Need]) -> list[str]:
    spaces: dict[str, str] = {need.resource: f" in {need.namespace}" if need.namespace else "" for need in needs}
    return [f"{resource}{space}" for resource, space in sorted(spaces.items())]


def _file(objects: Objects) -> Check:
    if missing := [gap.what for gap in objects.gaps]:
        cure = "Make it with `arpcheck snapshot` and an account that may read them"
        return Check(what="file", state=CheckState.MISSING, says=f"not in it: {', '.join(missing)}", cure=cure)
    if absent := sorted({need.resource for need in pipeline.NEEDS if objects.not_in_file(need.resource)}):
        more = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
        says = f"the file has no {', '.join(absent[:3])}{more}; perhaps kubectl was not asked for them"
        return Check(
            what="file", state=CheckState.UNKNOWN, says=says, cure="--file-has names the kinds that kubectl was asked for"
        )
    return Check(what="file", state=CheckState.OK, says=f"{objects.context}, {objects.version or 'version not known'}")


def _services(objects: Objects) -> Check:
    if gap := objects.gap("services"):
        cure = "Give addresses to the probe with --ip"
        return Check(what="services", state=CheckState.FAILS, says=f"could not be read: {gap.why}", cure=cure)
    found = [t for t in all_targets(objects, Options(), {}, ()) if t.kind is Kind.LOAD_BALANCER]
    skipped = sum(1 for target in found if target.skipped)
    says = f"{count(len(found) - skipped, 'address')} of LoadBalancer Services to probe, {skipped} to skip"
    if gap := objects.gap("nodes"):
        cure = "Without nodes the owners of MAC addresses are not known"
        return Check(
            what="services", state=CheckState.MISSING, says=f"{says}; nodes could not be read: {gap.why}", cure=cure
        )
    if found and skipped == len(found):
        cure = "A probe judges only the nodes, and ends with exit code 3"
        return Check(what="services", state=CheckState.MISSING, says=says, cure=cure)
    return Check(what="services", state=CheckState.OK, says=says)


def _subnet(host: Host, names: tuple[str, ...], objects: Objects) -> Check:
    known = tuple(name for name in names if name in {interface.name for interface in host.interfaces})
    try:
        settled = pipeline.settle(Options(interfaces=(AUTO,)), objects, host, known or candidates(host))
    except UsageError as error:
        says = error.message.removeprefix("--iface auto: ")
        cure = "Probe from the segment of the nodes and the addresses" if known else error.hint
        return Check(what="subnet", state=CheckState.MISSING, says=says, cure=cure)
    near = interface_networks([i for i in host.interfaces if i.name in settled.interfaces])
    asked = [
        t.ip for t in all_targets(objects, Options(), {}, ()) if t.kind is Kind.LOAD_BALANCER and t.ip and not t.skipped
    ]
    if asked and not any(ip in network for ip in asked for network in near):
        cure = "Probe from the segment of the addresses"
        return Check(what="subnet", state=CheckState.MISSING, says=f"{settled.interfaces_because}", cure=cure)
    return Check(what="subnet", state=CheckState.OK, says=f"{settled.interfaces_because}")


def _vantage(host: Host, objects: Objects) -> Check:
    node = pipeline.own_node(objects, host)
    if node is None and not objects.nodes():
        says = "it is not known whether this host is a node: no node was read"
        return Check(what="vantage", state=CheckState.UNKNOWN, says=says)
    if node is None:
        return Check(what="vantage", state=CheckState.OK, says="this host is not a node, so it can probe every node")
    others = [other.name for other in objects.nodes() if other.name != node]
    cure = f"Probe from a LAN host that is not a node, or also from {others[0]}" if others else "Probe from another LAN host"
    return Check(what="vantage", state=CheckState.NOTE, says=f"this host is {node}, which cannot probe itself", cure=cure)
