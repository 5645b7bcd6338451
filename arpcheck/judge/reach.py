"""What the tries of `--reach` come to, for each MAC address and port of an address.

A SYN/ACK is no proof that clients get through, and silence of all says nothing about any node: only the comparison of MAC
addresses that were asked from the same host for the same address and port accuses one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import assert_never

from arpcheck.endpoints import NodeHandling, ServiceEndpoint, endpoints, expectation, ports, sticks_to_one_endpoint
from arpcheck.evidence import Evidence
from arpcheck.model import (
    Handling,
    HandlingBecause,
    Mac,
    NotAsked,
    ReachDoubt,
    ReachReply,
    ReachResult,
    ReachRow,
    ReachRun,
    ReachSignal,
    ReachSkip,
    ReachTry,
)
from arpcheck.objects import Objects, Service
from arpcheck.text import count

ENOUGH = 3
"""Tries without a connection before a MAC address is said not to serve: one SYN tests one endpoint."""

Rows = Mapping[IPv4Address, tuple[ReachRow, ...]]

_NOT_SERVING = (Handling.DROP, Handling.REJECT)

_ERRORS = (ReachSignal.UNREACHABLE, ReachSignal.TIME_EXCEEDED, ReachSignal.PARAMETER_PROBLEM)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachContext:
    """What else is known of the addresses."""

    node_of: Callable[[str, Mac], str | None]
    """Whose a MAC address is, by the interface that received it; None: no node's, or not known."""
    outside: Callable[[str, Mac], bool]
    """It is proven to be no node's."""
    announcers: Callable[[IPv4Address], frozenset[str]]
    moved: frozenset[IPv4Address]
    """Addresses whose announcer changed in the run."""
    own_nodes: frozenset[str]
    """The nodes that asked."""


def reach_rows(evidence: Evidence, context: ReachContext) -> Rows:
    """By address, in the order in which they were asked; empty without `--reach`."""
    run = evidence.reach
    if run is None:
        return {}
    groups: dict[tuple[IPv4Address, str, int, str, Mac], list[ReachTry]] = {}
    for one in run.tries:
        groups.setdefault((one.ip, one.service, one.port, one.interface, one.mac), []).append(one)
    found: dict[IPv4Address, list[ReachRow]] = {}
    for (ip, *_), tries in groups.items():
        found.setdefault(ip, []).append(_row(tries, run, evidence.objects, context))
    asked = {(one.ip, one.port, one.interface, one.mac) for one in run.tries}
    for skip in run.skips:
        if (skip.ip, skip.port, skip.interface, skip.mac) not in asked:
            found.setdefault(skip.ip, []).append(_skipped(skip, context))
    return {ip: _worded(ip, rows, evidence.objects, context) for ip, rows in sorted(found.items())}


def _skipped(skip: ReachSkip, context: ReachContext) -> ReachRow:
    return ReachRow(
        service=skip.service, port=skip.port, mac=skip.mac, node=context.node_of(skip.interface, skip.mac),
        interface=skip.interface, result=ReachResult.NOT_ASKED, tries=0, why=skip.why,
    )  # fmt: skip


def _row(tries: Sequence[ReachTry], run: ReachRun, objects: Objects, context: ReachContext) -> ReachRow:
    first = tries[0]
    node = context.node_of(first.interface, first.mac)
    results = [_result(one, node, context) for one in tries]
    result, reply = min(results, key=lambda found: _BEST.index(found[0]))
    expected = _expected(first, node, objects)
    by = reply.mac if reply and reply.mac != first.mac else None
    row = ReachRow(
        service=first.service,
        port=first.port,
        mac=first.mac,
        node=node,
        interface=first.interface,
        result=result,
        tries=len(tries),
        routes=any(
            reply.signal is ReachSignal.REDIRECT and reply.mac == first.mac for one in tries for reply in one.replies
        ),
        expected=expected.handling if expected else None,
        because=expected.because if expected else None,
        source=_source(reply),
        code=reply.code if reply else None,
        by=by,
        by_node=context.node_of(reply.interface, by) if reply and by else None,
        over=reply.interface if reply and reply.interface != first.interface else None,
        ttl=reply.ttl if reply else None,
    )
    contradicted = any(_contradicts(one, node, context) for one in tries)
    doubt = ReachDoubt.CONTRADICTED if contradicted else _doubt(row, first, results, run, objects, context)
    return replace(row, doubt=doubt)


_BEST = tuple(ReachResult)
"""Where tries differ, the first of these that one of them shows."""


def _result(one: ReachTry, node: str | None, context: ReachContext) -> tuple[ReachResult, ReachReply | None]:
    """Of one try, with the reply that decides it: the first that a client takes (net/ipv4/tcp_input.c,
    tcp_rcv_synsent_state_process; tcp_ipv4.c, tcp_v4_err), else what a client would not take."""
    for result, reply in _taken(one, node, context):
        return result, reply
    for signal, result in ((ReachSignal.SYN_ACK, ReachResult.WRONG_SOURCE), (ReachSignal.RST, ReachResult.REFUSED)):
        for reply in one.replies:
            if reply.signal is signal:
                return result, reply
    return ReachResult.NO_ANSWER, None


def _taken(one: ReachTry, node: str | None, context: ReachContext) -> Iterator[tuple[ReachResult, ReachReply]]:
    """The replies of the address and port itself, and the ICMP errors, in the order of their arrival."""
    for reply in one.replies:
        if reply.signal in _ERRORS:
            yield ReachResult.UNREACHABLE, reply
        elif reply.signal is ReachSignal.RST and _is_own(reply, one):
            yield ReachResult.REFUSED, reply
        elif reply.signal is ReachSignal.SYN_ACK and _is_own(reply, one):
            same = _is_same(reply, one, node, context)
            yield (ReachResult.ACCEPTED if same else ReachResult.OTHER_MAC), reply


def _contradicts(one: ReachTry, node: str | None, context: ReachContext) -> bool:
    """Whether one SYN got replies that exclude each other: an RST beside a SYN/ACK, or a SYN/ACK of two hosts."""
    found = {result for result, _ in _taken(one, node, context)}
    return (ReachResult.OTHER_MAC in found and ReachResult.ACCEPTED in found) or len({kind.failed for kind in found}) > 1


def _is_own(reply: ReachReply, one: ReachTry) -> bool:
    return (reply.source, reply.port) == (one.ip, one.port)


def _is_same(reply: ReachReply, one: ReachTry, node: str | None, context: ReachContext) -> bool:
    """The asked MAC address, or another of the same node."""
    return reply.mac == one.mac or (node is not None and context.node_of(reply.interface, reply.mac) == node)


def _source(reply: ReachReply | None) -> str | None:
    if reply is None:
        return None
    return str(reply.source) if reply.port is None else f"{reply.source}:{reply.port}"


# --------------------------------------------------------------------------------------------------- What the cluster says


def _service(name: str, objects: Objects) -> Service | None:
    by_name = objects.memo("services by full name", lambda: {service.full_name: service for service in objects.services()})
    return by_name.get(name)


def _endpoints(name: str, number: int, objects: Objects) -> tuple[ServiceEndpoint, ...] | None:
    service = _service(name, objects)
    if service is None:
        return None
    found = next((port for port in ports(service) if port.protocol == "TCP" and port.port == number), None)
    return endpoints(service, objects, found) if found else None


def _expected(one: ReachTry, node: str | None, objects: Objects) -> NodeHandling | None:
    service = _service(one.service, objects)
    behind = _endpoints(one.service, one.port, objects)
    if node is None or behind is None or service is None:
        return None
    return expectation(behind, node, local=service.local_traffic_only)


def _doubt(
    row: ReachRow,
    one: ReachTry,
    results: Sequence[tuple[ReachResult, ReachReply | None]],
    run: ReachRun,
    objects: Objects,
    context: ReachContext,
) -> ReachDoubt | None:
    if one.ip in context.moved or one.service in run.changed:
        return ReachDoubt.CHANGED
    if one.service in run.unconfirmed and row.result.failed:
        return ReachDoubt.UNCONFIRMED
    kinds = {result for result, _ in results}
    if row.result is not ReachResult.NO_ANSWER:
        return ReachDoubt.MIXED if len({kind.failed for kind in kinds}) > 1 else None
    if run.lost:
        return ReachDoubt.FRAMES_LOST
    if row.tries < ENOUGH:
        return ReachDoubt.TOO_FEW_TRIES
    if not run.complete:
        return ReachDoubt.UNFINISHED
    if _tests_one_of_several(one, row.node, objects):
        return ReachDoubt.ONE_ENDPOINT
    behind = _endpoints(one.service, one.port, objects)
    at_home = behind is None or any(endpoint.usable and endpoint.node in context.own_nodes for endpoint in behind)
    return ReachDoubt.OWN_POD if context.own_nodes and at_home else None


def _tests_one_of_several(one: ReachTry, node: str | None, objects: Objects) -> bool:
    """Whether all tries went to the same endpoint, and others may answer."""
    service = _service(one.service, objects)
    if service is None or not sticks_to_one_endpoint(service):
        return False
    expected = _expected(one, node, objects)
    return expected is None or (expected.handling is Handling.SERVE and len(expected.endpoints) > 1)


# ------------------------------------------------------------------------------------------------------------- Conclusions


def is_broken(row: ReachRow, rows: Iterable[ReachRow]) -> bool:
    """It is proven that who uses this MAC address gets no connection, while a node's accepts for the same address and port.

    A refusal ends the tries, and may be that of one endpoint of several: it needs the EndpointSlices as a witness, as
    silence needs three tries. They are none where a node accepts that does not serve by them."""
    if row.doubt is not None or not row.result.failed or row.result is ReachResult.WRONG_SOURCE:
        return False
    beside = [
        other
        for other in rows
        if (other.service, other.port) == (row.service, row.port)
        and (other.result is ReachResult.ACCEPTED and other.doubt is None and other.node not in (None, row.node))
    ]
    witness = row.expected in _NOT_SERVING and not any(other.expected in _NOT_SERVING for other in beside)
    return bool(beside) and (row.tries >= ENOUGH or witness)


def is_wrong_source(row: ReachRow) -> bool:
    return row.result is ReachResult.WRONG_SOURCE and row.doubt is None


_UNTRIED = frozenset(
    {
        *(NotAsked.SEND_FAILED, NotAsked.LINK_LOST, NotAsked.NO_SOURCE_PORT, NotAsked.INTERRUPTED),
        *(NotAsked.OFF_SUBNET, NotAsked.TOO_MANY),
    }
)
"""Reasons of this host's, so that nothing is known of the address. The others lie in the Service."""


def is_unreached(rows: Sequence[ReachRow]) -> bool:
    """Whether it is in doubt that clients get through at all, of the rows for one port: nobody accepted, and that is not
    because the Service has no endpoint."""
    asked = [row for row in rows if row.result is not ReachResult.NOT_ASKED]
    if not asked:
        return any(row.why in _UNTRIED for row in rows)
    through = any(row.result in (ReachResult.ACCEPTED, ReachResult.OTHER_MAC) for row in asked)
    return not through and not all(_has_no_endpoint(row) for row in asked)


def _has_no_endpoint(row: ReachRow) -> bool:
    """All the time: slices that changed, or were read only once, excuse nothing."""
    return row.because is HandlingBecause.NO_ENDPOINT and row.doubt not in (ReachDoubt.CHANGED, ReachDoubt.UNCONFIRMED)


def by_port(rows: Iterable[ReachRow]) -> Mapping[tuple[str | None, int | None], tuple[ReachRow, ...]]:
    found: dict[tuple[str | None, int | None], tuple[ReachRow, ...]] = {}
    for row in rows:
        key = row.service, row.port
        found[key] = (*found.get(key, ()), row)
    return found


# ------------------------------------------------------------------------------------------------------- The same in words


def _worded(ip: IPv4Address, rows: Sequence[ReachRow], objects: Objects, context: ReachContext) -> tuple[ReachRow, ...]:
    return tuple(replace(row, text=_words(ip, row, rows, objects, context)) for row in rows)


def _words(ip: IPv4Address, row: ReachRow, rows: Sequence[ReachRow], objects: Objects, context: ReachContext) -> str:
    """A sentence or two for an operator."""
    if row.result is ReachResult.NOT_ASKED:
        what = f"{row.service}:{row.port}" if row.service and row.port else row.service or str(ip)
        return f"{what} was not tried at {row.who}: {_NOT_ASKED[row.why] if row.why else 'not known why'}"
    others = tuple(other for other in rows if (other.service, other.port) == (row.service, row.port) and other != row)
    alone = len({other.who for other in rows}) == 1
    recorded = row.node in context.announcers(ip)
    port = f"{row.service}:{row.port}"
    seen = _seen(row)
    because = _because(row, objects)
    match row.result:
        case ReachResult.ACCEPTED if row.node is None and context.outside(row.interface, row.mac):
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
            return f"{row.who} {_verb(row, rows)} {port}: {what}{_in_doubt(row)}"
        case ReachResult.REFUSED | ReachResult.UNREACHABLE | ReachResult.NO_ANSWER:
            accepts = sorted({other.who for other in others if other.result is ReachResult.ACCEPTED and other.node})
            beside_it = f", {' and '.join(accepts)} {'accepts' if len(accepts) == 1 else 'accept'}" if accepts else ""
            certain = alone and not row.doubt and row.expected in _NOT_SERVING
            end = ": clients get no connection" if certain else ""
            subject = (
                f"{row.who} alone replies for {ip}{', as announced,' if recorded else ''}"
                if alone
                else f"{row.who} {'' if recorded else 'also '}replies for {ip}"
            )
            return f"{subject} and {_verb(row, rows)} {port}: {seen}{beside_it}{because}{end}{_in_doubt(row)}"
        case _:
            assert_never(row.result)


def _verb(row: ReachRow, rows: Iterable[ReachRow]) -> str:
    """That a node does not serve needs a proof: all may be silent for a reason of this host's, and a refusal may be that of
    one endpoint of several."""
    proven = is_broken(row, rows) or is_wrong_source(row) or (row.doubt is None and row.expected in _NOT_SERVING)
    return "does not serve" if proven else "took no connection for"


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


def _because(row: ReachRow, objects: Objects) -> str:
    """From the EndpointSlices; they also tell a drop from plain silence."""
    match row.because:
        case None:
            return ""
        case HandlingBecause.NO_LOCAL_ENDPOINT:
            behind = _endpoints(row.service or "", row.port or 0, objects) or ()
            nodes = sorted({endpoint.node for endpoint in behind if endpoint.usable and endpoint.node})
            where = f", only on {', '.join(nodes[:3])}{' …' if len(nodes) > 3 else ''}" if nodes else ""
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
    ReachDoubt.OWN_POD: "this host is a node and may have the endpoint itself",
    ReachDoubt.MIXED: "the tries differ",
    ReachDoubt.CONTRADICTED: "one SYN got replies that exclude each other, as if two hosts or a firewall replied",
}
