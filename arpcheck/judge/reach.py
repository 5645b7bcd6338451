"""What the tries of `--reach` come to, for each MAC address and port of an address.

A SYN/ACK is no proof that clients get through, and silence of all says nothing about any node: only the comparison of MAC
addresses that were asked by the same sender for the same address and port accuses one of them. What a firewall lets one
address of this host do, or one of several hosts whose runs were merged, it may forbid another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from arpcheck.endpoints import NodeHandling, ServiceEndpoint, endpoints, expectation, ports, sticks_to_one_endpoint
from arpcheck.evidence import Evidence
from arpcheck.judge.reach_words import NOT_SERVING, asked_alike, sentence
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

ENOUGH = 3
"""Tries without a connection before a MAC address is said not to serve: one SYN tests one endpoint."""

Rows = Mapping[IPv4Address, tuple[ReachRow, ...]]

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
    off_subnet: Callable[[str, IPv4Address], bool] = lambda _node, _sender: False
    """No known address of the node is in the network of this sender, so it may reply over a router."""


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
    return {
        ip: tuple(replace(row, text=_text(ip, row, rows, evidence.objects, context)) for row in rows)
        for ip, rows in sorted(found.items())
    }


def _text(ip: IPv4Address, row: ReachRow, rows: Sequence[ReachRow], objects: Objects, context: ReachContext) -> str:
    behind = _endpoints(row.service or "", row.port or 0, objects) or ()
    return sentence(
        ip,
        row,
        rows,
        proven=is_broken(row, rows) or is_wrong_source(row) or (row.doubt is None and _is_witnessed(row, rows)),
        recorded=row.node in context.announcers(ip),
        outside=context.outside(row.interface, row.mac),
        elsewhere=sorted({endpoint.node for endpoint in behind if endpoint.usable and endpoint.node}),
    )


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
        sender=first.sender,
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
    if row.node is not None and context.off_subnet(row.node, one.sender):
        return ReachDoubt.OFF_SUBNET
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


def is_broken(row: ReachRow, rows: Sequence[ReachRow]) -> bool:
    """It is proven that who uses this MAC address gets no connection, while a node's accepts for the same address and port.

    A refusal ends the tries, and may be that of one endpoint of several: it needs the EndpointSlices as a witness, as
    silence needs three tries. They are none where a node accepts that does not serve by them."""
    if row.doubt is not None or not row.result.failed or row.result is ReachResult.WRONG_SOURCE:
        return False
    return any(_beside(row, rows)) and (row.tries >= ENOUGH or _is_witnessed(row, rows))


def _beside(row: ReachRow, rows: Sequence[ReachRow]) -> Iterator[ReachRow]:
    """Other nodes' that accept for the same address and port, from the same sender."""
    for other in rows:
        accepts = other.result is ReachResult.ACCEPTED and other.doubt is None and other.node not in (None, row.node)
        alike = (other.service, other.port) == (row.service, row.port) and asked_alike(other, row)
        if accepts and alike:
            yield other


def _is_witnessed(row: ReachRow, rows: Sequence[ReachRow]) -> bool:
    """The EndpointSlices say that it does not serve, and no node shows that they are wrong."""
    return row.expected in NOT_SERVING and not any(other.expected in NOT_SERVING for other in _beside(row, rows))


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
