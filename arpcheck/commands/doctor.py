"""`arpcheck doctor`: checks what a probe needs, and says for each command what it lacks, with what to do.

It sends no frame."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from typing import Annotated, assert_never

import typer

import arpcheck
from arpcheck import pipeline
from arpcheck.cluster import ClusterSource, read
from arpcheck.cluster.source import Access, access
from arpcheck.commands.doctor_commands import EVERY_NEED, Check, CheckId, CheckState, CommandState, command_states
from arpcheck.commands.opening import opened
from arpcheck.commands.option_groups import reads_cluster
from arpcheck.commands.options import Iface, Verbose, one_of
from arpcheck.commands.output import show
from arpcheck.errors import ArpcheckError, UsageError, WireError
from arpcheck.evidence import Options
from arpcheck.evidence_json import VERSION
from arpcheck.model import Families, Host, Kind, Need, Outcome, Skip
from arpcheck.model.constants import IPV6
from arpcheck.objects import Objects
from arpcheck.pipeline.interfaces import AUTO, interface_networks
from arpcheck.pipeline.planning import every_node_address
from arpcheck.reports.formatting import listing
from arpcheck.targets import all_targets
from arpcheck.text import PROSE_LIMIT, count, plain
from arpcheck.wire.host import candidates, ipv6_filters, ipv6_state, this_host, usable
from arpcheck.wire.packet_socket import LiveWire
from arpcheck.wire.privilege import is_root_itself

EXAMPLES = (
    "sudo arpcheck doctor",
    "arpcheck doctor --context prod",
)


@reads_cluster()
def doctor(
    *,
    iface: Iface = None,
    cluster: ClusterSource,
    format_name: Annotated[str, typer.Option("-o", metavar="FORMAT", help="table or json.")] = "table",
    _verbose: Verbose = False,
) -> int:
    """Check what a probe needs: privileges, interfaces and access to the API. It sends no frame.

    Exit codes: 0 a probe lacks nothing; 3 something is missing or not known; 2 no probe could run.
    """
    one_of(format_name, FORMATS, "doctor")
    names = tuple(name for name in dict.fromkeys(iface or ()) if name != "auto")
    return run(names, cluster, format_name)


FORMATS = ("table", "json")

SKEW = 5.0
"""Seconds. A Lease that names an announcer is valid for 10 to 15."""

FIRST = ("services", "nodes")
"""These are read, and not only checked for access: a probe needs Services for addresses and Nodes for MAC owners."""


def run(names: tuple[str, ...], source: ClusterSource, format_name: str = "table") -> int:
    """Prints the checks; the exit code is 0, 3 where something is missing or not known, 2 where no probe could run."""
    host = this_host()
    found = [_versions(), _privilege(host, names), *_user(), _interface_check(host, names), _ipv6_check(host, names)]
    granted: Access | None = None
    try:
        with opened((), source) as (_, held):
            granted = None if held.cluster_file else access(held, (*pipeline.NEEDS, *EVERY_NEED))
            for check in in_cluster(host, names, held, granted):
                found.append(check)  # one by one, so that an error does not lose the checks before it
    except ArpcheckError as error:
        what = CheckId.FILE if source.cluster_file else CheckId.API
        found.append(Check(what=what, state=CheckState.FAILS, says=error.message, cure=error.hint))
    rights = (granted.refused, granted.unknown) if granted else ((), ())
    commands = command_states(found, *rights, file=source.cluster_file is not None)
    show(_json(found, commands) if format_name == "json" else _rendered(found, commands))
    return exit_code(found)


def exit_code(found: Iterable[Check]) -> int:
    """The worst of the checks; without a check, that of a run that judged nothing."""
    return max((_code(check.state) for check in found), key=_GRAVITY.index, default=Outcome.NOT_JUDGED.exit_code)


_GRAVITY = (0, 3, 2)


def _code(state: CheckState) -> int:
    match state:
        case CheckState.OK | CheckState.NOTE:
            return Outcome.FINE.exit_code
        case CheckState.NOT_KNOWN | CheckState.MISSING:
            return Outcome.UNSURE.exit_code
        case CheckState.FAILS:
            return 2
        case _:
            assert_never(state)


def _rendered(found: Iterable[Check], commands: Iterable[CommandState]) -> str:
    lines = [f"{c.state:9}  {c.what:9}  {c.says}{f'. {c.cure}' if c.cure else ''}" for c in found]
    lines += ["", *(f"{c.state:9}  arpcheck {c.command:17}  {'; '.join(c.missing)}".rstrip() for c in commands)]
    return "".join(f"{plain(line, PROSE_LIMIT)}\n" for line in lines)


def _json(found: Iterable[Check], commands: Iterable[CommandState]) -> str:
    checks = [*found]
    document = {
        "apiVersion": VERSION,
        "kind": "DoctorReport",
        "exitCode": exit_code(checks),
        "checks": [{"check": c.what, "state": c.state, "says": c.says, "do": c.cure or None} for c in checks],
        "commands": [{"command": c.command, "state": c.state, "missing": [*c.missing]} for c in commands],
    }
    return json.dumps(document, indent=2) + "\n"


# ------------------------------------------------------------------------------------------------------------ this host


def _versions() -> Check:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("scapy", "kubernetes"))
    says = f"arpcheck {arpcheck.__version__}, Python {platform.python_version()}, {libraries}"
    return Check(what=CheckId.VERSIONS, state=CheckState.OK, says=says)


def _privilege(host: Host, names: tuple[str, ...]) -> Check:
    asked = [name for name in names or candidates(host) if name in {interface.name for interface in host.interfaces}]

    def opening() -> str:
        with LiveWire(asked or ["lo"]):
            return "packet sockets can be opened with CAP_NET_RAW, which was given up again"

    return _checked_step(CheckId.PRIVILEGE, opening, WireError)


def _user() -> Iterator[Check]:
    """Under sudo arpcheck becomes the calling user, and in a pod root is expected: neither needs a note."""
    if not is_root_itself() or "KUBERNETES_SERVICE_HOST" in os.environ:
        return
    says = "root without sudo: files and login plug-ins are used as root, without its capabilities"
    cure = "Use sudo if the kubeconfig and the files belong to a user"
    yield Check(what=CheckId.USER, state=CheckState.NOTE, says=says, cure=cure)


def _interface_check(host: Host, names: tuple[str, ...]) -> Check:
    def found() -> str:
        chosen = usable(host, names or candidates(host))
        if not chosen:
            raise UsageError(
                "no interface is up with a MAC address and an IP address", "`ip link set NAME up`; `ip address add …`"
            )
        return "; ".join(f"{i.name} is up, {i.mac}, {', '.join(i.addresses) or 'no IPv4 address'}" for i in chosen)

    return _checked_step(CheckId.INTERFACE, found, UsageError)


def _ipv6_check(host: Host, names: tuple[str, ...]) -> Check:
    """What can be requested in IPv6. Without it IPv6 addresses are left out, which changes no exit code by itself."""
    states = [(name, ipv6_state(name)) for name in names or candidates(host)]
    if not any(state.link_local for _, state in states):
        says = "; ".join(f"{name}: {state.why}" for name, state in states) or "no interface can be used"
        cure = next((state.cure for _, state in states), "")
        return Check(what=CheckId.IPV6, state=CheckState.NOTE, says=f"IPv6 is left out. {says}", cure=cure)
    able = [f"{name} requests IPv6 from {state.link_local}" for name, state in states if state.link_local]
    unable = [f"{name} does not: {state.why}" for name, state in states if not state.link_local]
    says = "; ".join((*able, *unable))
    if deaf := [name for name, state in states if not state.in_group]:
        why = f"{' and '.join(deaf)} is not in the group of that address, so nodes that ask for it get no reply"
        cure = "`ip -6 maddr show` lists the groups; take the link down and up"
        return Check(what=CheckId.IPV6, state=CheckState.NOTE, says=f"{says}; {why}", cure=cure)
    if ipv6_filters():
        says += "; a packet filter is loaded, which must accept ICMPv6 types 135 and 136"
    return Check(what=CheckId.IPV6, state=CheckState.OK, says=says)


def _versions_asked(host: Host, names: tuple[str, ...]) -> frozenset[int]:
    """As a probe without --family."""
    chosen = names or candidates(host)
    return pipeline.versions(Options(interfaces=chosen, families=Families.AUTO), host)


def _checked_step(what: CheckId, found: Callable[[], str], *errors: type[ArpcheckError]) -> Check:
    try:
        return Check(what=what, state=CheckState.OK, says=found())
    except errors as error:
        return Check(what=what, state=CheckState.FAILS, says=error.message, cure=error.hint)


# ---------------------------------------------------------------------------------------------------------- the cluster


def in_cluster(host: Host, names: tuple[str, ...], source: ClusterSource, granted: Access | None = None) -> Iterator[Check]:
    """Yields the checks of the cluster one by one. `granted`: None for a file."""
    if granted is None:
        objects = read(source, pipeline.NEEDS, services_required=False)
        yield _file(objects)
    else:
        yield from (_api(granted), _clock(granted), _rights(granted), _optional(granted))
        objects = read(source, [need for need in pipeline.NEEDS if need.resource in FIRST], services_required=False)
    asked = _versions_asked(host, names)
    yield from (
        _services(objects, asked),
        _nodes(objects, asked),
        _subnet(host, names, objects),
        _vantage(host, names, objects),
    )


def _api(granted: Access) -> Check:
    release = granted.version or "version not known"
    says = f"{granted.server}, context {granted.context}, {release}, {granted.took * 1000:.0f} ms"
    return Check(what=CheckId.API, state=CheckState.OK, says=says)


def _clock(granted: Access) -> Check:
    if granted.ahead is None:
        return Check(what=CheckId.CLOCK, state=CheckState.NOT_KNOWN, says="the API server sent no time to compare with")
    if abs(granted.ahead) <= SKEW:
        return Check(what=CheckId.CLOCK, state=CheckState.OK, says=f"within {SKEW:g} s of the API server's clock")
    side = "ahead of" if granted.ahead > 0 else "behind"
    says = f"{abs(granted.ahead):.0f} s {side} the API server's clock, so Leases are judged wrongly"
    return Check(what=CheckId.CLOCK, state=CheckState.MISSING, says=says, cure="Synchronise the wrong clock by NTP")


def _rights(granted: Access) -> Check:
    return _readable(CheckId.RIGHTS, granted, optional=False, state=CheckState.MISSING, unknown=CheckState.NOT_KNOWN)


def _optional(granted: Access) -> Check:
    return _readable(CheckId.OPTIONAL, granted, optional=True, state=CheckState.NOTE, unknown=CheckState.NOTE)


def _readable(what: CheckId, granted: Access, *, optional: bool, state: CheckState, unknown: CheckState) -> Check:
    checked = [need for need in pipeline.NEEDS if need.optional == optional]
    refused, unclear = (_listed(n for n in checked if n in needs) for needs in (granted.refused, granted.unknown))
    cure = f"`arpcheck pod --rbac{' --with IMPLEMENTATION' if optional else ''}` prints the rights"
    if refused:
        return Check(what=what, state=state, says=f"may not read {', '.join(refused)}", cure=cure)
    if unclear:
        return Check(what=what, state=unknown, says=f"the server does not say whether {', '.join(unclear)} may be read")
    every = count(len({need.resource for need in checked}), "resource")
    return Check(what=what, state=CheckState.OK, says=f"{every} checked, all that are installed may be read")


def _listed(needs: Iterable[Need]) -> list[str]:
    spaces: dict[str, str] = {need.resource: f" in {need.namespace}" if need.namespace else "" for need in needs}
    return [f"{resource}{space}" for resource, space in sorted(spaces.items())]


def _file(objects: Objects) -> Check:
    if missing := [gap.what for gap in objects.gaps]:
        cure = "Make it with `arpcheck snapshot` and an account that may read them"
        return Check(what=CheckId.FILE, state=CheckState.MISSING, says=f"not in it: {', '.join(missing)}", cure=cure)
    if absent := sorted({need.resource for need in pipeline.NEEDS if objects.not_in_file(need.resource)}):
        more = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
        says = f"the file has no {', '.join(absent[:3])}{more}; perhaps kubectl was not asked for them"
        return Check(
            what=CheckId.FILE,
            state=CheckState.NOT_KNOWN,
            says=says,
            cure="--file-has names the kinds that kubectl was asked for",
        )
    return Check(what=CheckId.FILE, state=CheckState.OK, says=f"{objects.context}, {objects.version or 'version not known'}")


def _services(objects: Objects, asked: frozenset[int]) -> Check:
    if gap := objects.gap("services"):
        cure = "Give addresses to the probe with --ip"
        return Check(what=CheckId.SERVICES, state=CheckState.FAILS, says=f"could not be read: {gap.why}", cure=cure)
    found = [t for t in all_targets(objects, Options(), {}, (), versions=asked) if t.kind is Kind.LOAD_BALANCER]
    skipped = sum(1 for target in found if target.skipped)
    six = sum(1 for target in found if target.skips is Skip.IPV6)
    without = f", {six} of them IPv6" if six else ""
    says = f"{count(len(found) - skipped, 'address')} of LoadBalancer Services to probe, {skipped} to skip{without}"
    if found and skipped == len(found):
        cure = "A probe judges only the nodes, and ends with exit code 3"
        return Check(what=CheckId.SERVICES, state=CheckState.MISSING, says=says, cure=cure)
    return Check(what=CheckId.SERVICES, state=CheckState.OK, says=says)


def _nodes(objects: Objects, asked: frozenset[int]) -> Check:
    if gap := objects.gap("nodes"):
        cure = "Without nodes the owners of MAC addresses are not known: `arpcheck pod --rbac` prints the rights"
        return Check(what=CheckId.NODES, state=CheckState.MISSING, says=f"could not be read: {gap.why}", cure=cure)
    if not objects.nodes():
        return Check(what=CheckId.NODES, state=CheckState.NOT_KNOWN, says="no node was read")
    addresses = every_node_address(objects, asked)
    known = sum(1 for node in objects.nodes() if addresses.get(node.name))
    six = sum(1 for node in objects.nodes() if any(ip.version == IPV6 for ip in addresses.get(node.name, ())))
    says = f"{count(len(objects.nodes()), 'node')}, {known} with an address of its own{f', {six} with IPv6' if six else ''}"
    return Check(what=CheckId.NODES, state=CheckState.OK if known else CheckState.NOT_KNOWN, says=says)


def _subnet(host: Host, names: tuple[str, ...], objects: Objects) -> Check:
    known = tuple(name for name in names if name in {interface.name for interface in host.interfaces})
    try:
        auto = Options(interfaces=(AUTO,), families=Families.AUTO)
        settled = pipeline.settle(auto, objects, host, known or candidates(host))
    except UsageError as error:
        says = error.message.removeprefix("--iface auto: ")
        cure = "Probe from the segment of the nodes and the addresses" if known else error.hint
        return Check(what=CheckId.SUBNET, state=CheckState.MISSING, says=says, cure=cure)
    near = interface_networks([i for i in host.interfaces if i.name in settled.interfaces])
    every = all_targets(objects, Options(), {}, (), versions=pipeline.versions(settled, host))
    asked = [t.ip for t in every if t.kind is Kind.LOAD_BALANCER and t.ip and not t.skipped]
    if asked and not any(ip in network for ip in asked for network in near):
        cure = "Probe from the segment of the addresses"
        return Check(what=CheckId.SUBNET, state=CheckState.MISSING, says=f"{settled.interfaces_because}", cure=cure)
    return Check(what=CheckId.SUBNET, state=CheckState.OK, says=f"{settled.interfaces_because}")


def _vantage(host: Host, names: tuple[str, ...], objects: Objects) -> Check:
    """From where this host asks. Which nodes it can reach is known only of those in the networks of its interfaces."""
    node, nodes = pipeline.own_node(objects, host), objects.nodes()
    if node is not None:
        others = [other.name for other in nodes if other.name != node]
        cure = (
            f"Probe from a LAN host that is not a node, or also from {others[0]}"
            if others
            else "Probe from another LAN host"
        )
        says = f"this host is {node}, which cannot probe itself"
        return Check(what=CheckId.VANTAGE, state=CheckState.NOTE, says=says, cure=cure)
    if not nodes:
        gap = objects.gap("nodes")
        why = f"nodes could not be read ({gap.why})" if gap else "no node was read"
        says = f"{why}, so it is not known whether this host is one of them"
        return Check(what=CheckId.VANTAGE, state=CheckState.NOT_KNOWN, says=says)
    chosen = names or candidates(host)
    near = interface_networks([interface for interface in host.interfaces if interface.name in chosen])
    addresses = every_node_address(objects, _versions_asked(host, names))
    here = [n for n in nodes if any(ip in network for ip in addresses.get(n.name, ()) for network in near)]
    of_all = f"{len(here)} of {count(len(nodes), 'node')}"
    if not here:
        says = f"{of_all} with an address in the networks of this host, so it is not known whether it can reach any"
        cure = "Probe from the segment of the nodes"
        return Check(what=CheckId.VANTAGE, state=CheckState.NOT_KNOWN, says=says, cure=cure)
    says = f"this host is not a node; {of_all} with an address in its networks"
    if len(here) == len(nodes):
        return Check(what=CheckId.VANTAGE, state=CheckState.OK, says=says)
    far = [n.name for n in nodes if n not in here]
    cure = f"Probe also from the segment of {listing(far, 3)}"
    return Check(what=CheckId.VANTAGE, state=CheckState.NOTE, says=says, cure=cure)
