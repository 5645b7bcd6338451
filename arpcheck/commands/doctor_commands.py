"""What each command lacks on this host with this account, from the checks of `arpcheck doctor`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from arpcheck import kubeproxy, pipeline, pools
from arpcheck.kubeproxy import workload
from arpcheck.model import Need


class CheckState(StrEnum):
    OK = "ok"
    NOTE = "note"
    """For information; it does not affect the result of a probe."""
    NOT_KNOWN = "not-known"
    """The check could not be made."""
    MISSING = "missing"
    """A command runs, but parts of its result are inconclusive."""
    FAILS = "fails"
    """A command does not start."""


class CheckId(StrEnum):
    VERSIONS = "versions"
    PRIVILEGE = "privilege"
    USER = "user"
    INTERFACE = "interface"
    IPV6 = "IPv6"
    API = "API"
    FILE = "file"
    CLOCK = "clock"
    RIGHTS = "rights"
    OPTIONAL = "optional"
    SERVICES = "services"
    NODES = "nodes"
    SUBNET = "subnet"
    VANTAGE = "vantage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    what: CheckId
    state: CheckState
    says: str
    cure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandState:
    """What one command lacks."""

    command: str
    state: CheckState
    missing: tuple[str, ...]
    """Why it is not OK, a sentence each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Requirement:
    command: str
    checks: tuple[CheckId, ...]
    """Those that decide whether it starts, and what it can judge."""
    starts: tuple[CheckId, ...] = ()
    """Those without which it does not start; anything less is nothing to it."""
    needs: tuple[Need, ...] = ()
    """What it reads; a right that is refused makes a part of the result inconclusive."""
    writes: tuple[Need, ...] = ()
    """What it changes; without the right it fails."""
    optional: bool = False
    """Without a right that is optional for a probe it lacks something too."""
    live: bool = False
    """It reads an API server, and not a file."""


_WIRE = (CheckId.PRIVILEGE, CheckId.INTERFACE)

WRITES: tuple[Need, ...] = (
    Need(
        resource="configmaps", verb="patch", namespace=workload.SYSTEM, names=("kube-proxy",),
        costs="strict ARP can't be set",
    ),
    Need(
        resource="daemonsets.apps", verb="patch", namespace=workload.SYSTEM, names=("kube-proxy",),
        costs="kube-proxy can't be restarted",
    ),
)  # fmt: skip
"""What `strict-arp enable` changes."""

_REQUIREMENTS: tuple[_Requirement, ...] = (
    _Requirement(
        command="probe",
        checks=(*_WIRE, CheckId.SERVICES, CheckId.NODES, CheckId.SUBNET, CheckId.VANTAGE, CheckId.CLOCK),
        needs=pipeline.NEEDS,
    ),
    _Requirement(
        command="preflight", checks=(*_WIRE, CheckId.NODES, CheckId.VANTAGE), starts=(CheckId.SERVICES,),
        needs=kubeproxy.NEEDS,
    ),
    _Requirement(command="pool", checks=_WIRE, needs=pools.NEEDS, optional=True),
    _Requirement(
        command="watch",
        checks=(*_WIRE, CheckId.SERVICES, CheckId.NODES, CheckId.SUBNET, CheckId.VANTAGE, CheckId.CLOCK),
        needs=pipeline.NEEDS,
    ),
    _Requirement(command="inventory", checks=(CheckId.NODES,), needs=()),
    _Requirement(command="snapshot", checks=(CheckId.NODES,), starts=(CheckId.SERVICES,), needs=pipeline.NEEDS),
    _Requirement(command="strict-arp status", checks=(CheckId.NODES,), needs=kubeproxy.NEEDS),
    _Requirement(
        command="strict-arp enable", checks=(CheckId.NODES,), needs=kubeproxy.NEEDS,
        writes=WRITES, live=True,
    ),
    _Requirement(command="pod", checks=()),
)  # fmt: skip
"""`pod` prints a manifest, for which it needs nothing here; who applies it needs the right to create a Pod."""

EVERY_NEED: tuple[Need, ...] = tuple(dict.fromkeys(need for one in _REQUIREMENTS for need in (*one.needs, *one.writes)))


def command_states(
    checks: Collection[Check], refused: Collection[Need], unknown: Collection[Need], *, file: bool
) -> tuple[CommandState, ...]:
    """`refused`, `unknown`: rights of which the server says that this account has them not, or does not say. `file`: the
    cluster is read from a file."""
    return tuple(_command_state(one, checks, refused, unknown, file=file) for one in _REQUIREMENTS)


def _command_state(
    one: _Requirement, checks: Collection[Check], refused: Collection[Need], unknown: Collection[Need], *, file: bool
) -> CommandState:
    found: list[tuple[CheckState, str]] = []
    reached = any(check.what in (CheckId.API, CheckId.FILE) and check.state is not CheckState.FAILS for check in checks)
    cluster = CheckId.FILE if file else CheckId.API
    if one.command != "pod":
        found += [(check.state, check.says) for check in checks if check.what is cluster and check.state is CheckState.FAILS]
        if not reached and not found:
            found.append((CheckState.NOT_KNOWN, "the cluster was not read"))
    found += [(check.state, check.says) for check in checks if check.what in one.checks]
    found += [(c.state, c.says) for c in checks if c.what in one.starts and c.state is CheckState.FAILS]
    if one.live and file:
        found.append((CheckState.FAILS, "needs an API server, not a file"))
    else:
        found += [(CheckState.FAILS, f"may not {what}") for what in _phrases(one.writes, refused)]
        found += [(CheckState.NOT_KNOWN, f"not known whether it may {what}") for what in _phrases(one.writes, unknown)]
    required = [need for need in one.needs if one.optional or not need.optional]
    found += [(CheckState.MISSING, f"may not {what}") for what in _phrases(required, refused)]
    found += [(CheckState.NOT_KNOWN, f"not known whether it may {what}") for what in _phrases(required, unknown)]
    open_ones = [(state, says) for state, says in found if state in _ORDER]
    state = min((state for state, _ in open_ones), key=_ORDER.index, default=CheckState.OK)
    return CommandState(
        command=one.command, state=state, missing=tuple(dict.fromkeys(says for _, says in sorted(open_ones, key=_gravity)))
    )


_ORDER = (CheckState.FAILS, CheckState.MISSING, CheckState.NOT_KNOWN)


def _gravity(found: tuple[CheckState, str]) -> int:
    return _ORDER.index(found[0])


def _phrases(needs: Sequence[Need], of: Collection[Need]) -> Iterable[str]:
    """`list nodes`, `patch configmaps in kube-system`: one phrase for each verb and resource."""
    rights = ((need.verb, need.resource, need.namespace) for need in needs if need in of)
    return (f"{verb} {resource}{f' in {space}' if space else ''}" for verb, resource, space in dict.fromkeys(rights))
