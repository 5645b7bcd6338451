"""What a row of `--reach` says, in words for an operator.

That a node does not serve is said only where it is proven. Else a sentence tells what was seen, and why nothing follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from typing import assert_never

from arpcheck.model import Handling, HandlingBecause, NotAsked, ReachDoubt, ReachResult, ReachRow
from arpcheck.text import count

NOT_SERVING = (Handling.DROP, Handling.REJECT)
"""By the EndpointSlices it does not serve."""


def sentence(
    ip: IPv4Address, row: ReachRow, rows: Sequence[ReachRow], *, proven: bool, recorded: bool, outside: bool,
    elsewhere: Sequence[str],
) -> str:  # fmt: skip
    """A sentence or two for an operator. `rows`: all of the address. `proven`: it is, that the node does not serve.
    `recorded`: the node is the announcer. `outside`: the MAC address is known to be no node's. `elsewhere`: the nodes that
    have an endpoint, if this one has none."""
    if row.result is ReachResult.NOT_ASKED:
        what = f"{row.service}:{row.port}" if row.service and row.port else row.service or str(ip)
        return f"{what} was not tried at {row.who}: {_NOT_ASKED[row.why] if row.why else 'not known why'}"
    others = tuple(other for other in rows if (other.service, other.port) == (row.service, row.port) and other != row)
    alone = len({other.who for other in rows}) == 1
    verb = "does not serve" if proven else "took no connection for"
    port = f"{row.service}:{row.port}"
    match row.result:
        case ReachResult.ACCEPTED if row.node is None and outside:
            reaches = "who learns this MAC address reaches another host"
            return f"{row.mac} is not a node and accepts {port}: {reaches}{_contradicted(row)}"
        case ReachResult.ACCEPTED if row.node is None:
            return f"{row.mac} belongs to no known node and accepts {port}{_contradicted(row)}"
        case ReachResult.ACCEPTED:
            returns = f"; returns by {row.by}" if row.by else ""
            returns += f"; the reply reaches this host on {row.over}, not {row.interface}" if row.over else ""
            tries = f" in the {_nth(row.tries)} try" if row.tries > 1 else ""
            beside = any(other.result is ReachResult.ACCEPTED and other.node not in (None, row.node) for other in others)
            fault = ". Still a fault: connections break when clients change nodes" if beside and not recorded else ""
            return f"{row.node} takes connections for {port}{tries}{returns}{fault}{_contradicted(row)}"
        case ReachResult.OTHER_MAC:
            by = f"{row.by_node} ({row.by})" if row.by_node else str(row.by)
            ways = f"passes {port} on, or its replies return by another way"
            return f"{row.who} {ways}: {by} accepts. Connections may hang{_contradicted(row)}"
        case ReachResult.WRONG_SOURCE:
            what = f"the reply comes from {row.source}, which no client accepts"
            return f"{row.who} {verb} {port}: {what}{_in_doubt(row)}"
        case ReachResult.REFUSED | ReachResult.UNREACHABLE | ReachResult.NO_ANSWER:
            accepting = (other for other in others if other.result is ReachResult.ACCEPTED and other.node)
            accepts = sorted({_from(other, row) for other in accepting})
            beside_it = f", {' and '.join(accepts)} {'accepts' if len(accepts) == 1 else 'accept'}" if accepts else ""
            certain = alone and not row.doubt and row.expected in NOT_SERVING
            end = ": clients get no connection" if certain else ""
            subject = (
                f"{row.who} alone replies for {ip}{', as announced,' if recorded else ''}"
                if alone
                else f"{row.who} {'' if recorded else 'also '}replies for {ip}"
            )
            seen = f"{_seen(row)}{beside_it}{_because(row, elsewhere)}{end}{_in_doubt(row)}"
            return f"{subject} and {verb} {port}: {seen}"
        case _:
            assert_never(row.result)


def _from(other: ReachRow, row: ReachRow) -> str:
    return other.who if asked_alike(other, row) else f"{other.who} (asked by {other.sender})"


def asked_alike(other: ReachRow, row: ReachRow) -> bool:
    """By the same host from the same address. In merged runs the interface names the host."""
    return (other.interface, other.sender) == (row.interface, row.sender)


def _contradicted(row: ReachRow) -> str:
    return _in_doubt(row) if row.doubt is ReachDoubt.CONTRADICTED else ""


def _in_doubt(row: ReachRow) -> str:
    return f". Nothing follows from it: {_DOUBTS[row.doubt]}" if row.doubt else ""


def _seen(row: ReachRow) -> str:
    tries = f" in {count(row.tries, 'try')}" if row.tries > 1 else ""
    match row.result:
        case ReachResult.REFUSED:
            return f"it refuses{tries}"
        case ReachResult.UNREACHABLE:
            return f"{row.source} rejects it (ICMP code {row.code}){tries}"
        case _:
            return f"no reply{tries}{', and it only routes' if row.routes else ''}"


def _because(row: ReachRow, elsewhere: Sequence[str]) -> str:
    """From the EndpointSlices; they also tell a drop from plain silence."""
    match row.because:
        case None:
            return ""
        case HandlingBecause.NO_LOCAL_ENDPOINT:
            where = f", only on {', '.join(elsewhere[:3])}{' …' if len(elsewhere) > 3 else ''}" if elsewhere else ""
            return f". No endpoint there{where} (externalTrafficPolicy Local)"
        case HandlingBecause.NO_ENDPOINT:
            return ". The Service has no ready endpoint"
        case HandlingBecause.READY | HandlingBecause.TERMINATING:
            return ". By the EndpointSlices it should serve: check its firewall, NetworkPolicies and the endpoint"
        case _:
            assert_never(row.because)


def _nth(number: int) -> str:
    return {2: "second", 3: "third"}.get(number, f"{number}th")


_NOT_ASKED: Mapping[NotAsked, str] = {
    NotAsked.NO_SERVICE: "no Service has the address, so no port is known",
    NotAsked.NO_TCP_PORT: "the Service has no TCP port",
    NotAsked.SOURCE_RANGES: "loadBalancerSourceRanges leaves this host out",
    NotAsked.OWN_MAC: "this host's own MAC address can't be asked",
    NotAsked.GROUP_MAC: "a multicast MAC address can't be asked",
    NotAsked.OFF_SUBNET: "this host has no own address in the nodes' network",
    NotAsked.TOO_MANY: "too many MAC addresses replied",
    NotAsked.NO_SOURCE_PORT: "no free TCP port was found on this host",
    NotAsked.SEND_FAILED: "this host's kernel did not send the frame",
    NotAsked.LINK_LOST: "the interface went down",
    NotAsked.INTERRUPTED: "the run was interrupted",
}

_DOUBTS: Mapping[ReachDoubt, str] = {
    ReachDoubt.FRAMES_LOST: "frames were lost",
    ReachDoubt.CHANGED: "the announcer or the endpoints changed meanwhile",
    ReachDoubt.UNCONFIRMED: "the EndpointSlices could not be read again after the tries, so they may have changed",
    ReachDoubt.TOO_FEW_TRIES: "there were too few tries",
    ReachDoubt.UNFINISHED: "the run ended before a reply could arrive",
    ReachDoubt.ONE_ENDPOINT: "sessionAffinity ClientIP sends all tries to one endpoint, and there may be others",
    ReachDoubt.OFF_SUBNET: "no known address of the node is in this host's network, so its replies may pass a router",
    ReachDoubt.OWN_POD: "this host is a node and may have the endpoint itself",
    ReachDoubt.MIXED: "the tries differ",
    ReachDoubt.CONTRADICTED: "one SYN got replies that exclude each other, as if two hosts or a firewall replied",
}
