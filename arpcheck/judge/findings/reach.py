"""Findings about connections: what `--reach` proves, and what it leaves in doubt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import IPv4Address

from arpcheck.judge.judged import Found, Judged, Rule
from arpcheck.judge.reach import by_port, is_broken, is_unreached, is_wrong_source
from arpcheck.model import NotAsked, Outcome, ReachDoubt, ReachResult, ReachRow, Severity

MOST = 20
"""Sentences of one finding."""


def wrong_source(judged: Judged) -> Found | None:
    """Means: a node forwards connections for a Service address, and the reply comes from the pod's address. No client
    accepts such a reply, so every connection over this node times out.

    Decided when:
    1. `--reach` sent a TCP SYN for the address to this MAC address.
    2. and a SYN/ACK that acknowledges it came from another address or port.
    3. and the announcer and the endpoints were the same before and after; EndpointSlices that were read from the API
       before could be read again.

    Do:
    - With kube-proxy in IPVS mode and externalTrafficPolicy Local, a node without a local endpoint forwards without SNAT
      (kubernetes 97081): let only nodes with an endpoint announce the address.
    - Otherwise look for the rule that rewrites the destination without the source on that node (`iptables -t nat -S`)."""
    return _found(judged, lambda row, _: is_wrong_source(row))


def dead_responder(judged: Judged) -> Found | None:
    """Means: a MAC address replies for a Service address and does not take connections for it, while a node does. Clients
    that learn this MAC address get no connection.

    Decided when:
    1. `--reach` sent a TCP SYN for the same address and port to both, from the same address of one host.
    2. and a node accepted.
    3. and the other did not: no reply to three tries, or it refused or rejected and the EndpointSlices say that this node
       does not serve.
    4. and no frame was lost, and the announcer and the endpoints were the same before and after; EndpointSlices that were
       read from the API before could be read again.

    Do:
    - First cure the second reply: see the verdict of the address.
    - With externalTrafficPolicy Local, only nodes with a ready endpoint serve."""
    return _found(judged, is_broken)


def not_reached(judged: Judged) -> Found | None:
    """Means: nobody who replies for a Service address took a connection for this port. Clients of this segment may get none.
    A firewall or a NetworkPolicy that leaves out only this host looks the same.

    Decided when:
    1. `--reach` sent a TCP SYN to every MAC address that replied for the address, or could send none.
    2. and no SYN/ACK came from the address.
    3. and the Service has an endpoint, or the EndpointSlices could not be read, before or after.

    Do:
    - `kubectl get endpointslices -l kubernetes.io/service-name=NAME -o wide` shows the nodes with an endpoint. With
      externalTrafficPolicy Local, the announcing node needs one.
    - Try it as a client: `ip neigh replace IP lladdr MAC nud permanent dev IFACE`, `curl http://IP:PORT`, `ip neigh del IP
      dev IFACE`."""
    because, ips, nodes = [], [], set()
    for ip, rows in judged.reach.items():
        for of_port in by_port(rows).values():
            if is_unreached(of_port):
                because += [row.text for row in of_port]
                ips.append(ip)
                nodes |= {row.node for row in of_port if row.node}
    return Found(because=_first(because), ips=tuple(ips), nodes=tuple(nodes)) if because else None


def partly_reached(judged: Judged) -> Found | None:
    """Means: one MAC address that replies for a Service address did not take a connection, another did, and what was seen
    does not decide whether the node, one of several endpoints or chance is the reason.

    Decided when:
    1. `--reach` asked both for the same address and port, and one accepted, itself or by another host.
    2. and the other refused, rejected or did not reply.
    3. and it is not proven that it never serves: there were too few tries or they were interrupted, frames were lost,
       something changed meanwhile, the EndpointSlices could not be read again, or sessionAffinity sent all tries to one
       endpoint of several, they were asked from different addresses, or the node may have
       replied over a router.
    4. or one SYN got replies that exclude each other: a SYN/ACK and an RST or an ICMP error, or a SYN/ACK of two hosts.

    Do:
    - Run `arpcheck probe --reach` again.
    - Check every endpoint of the Service by its own address."""

    def doubtful(row: ReachRow, rows: Sequence[ReachRow]) -> bool:
        if row.doubt is ReachDoubt.CONTRADICTED:
            return True
        accepted = any(
            other.result in (ReachResult.ACCEPTED, ReachResult.OTHER_MAC)
            and (other.service, other.port) == (row.service, row.port)
            for other in rows
        )
        return row.result.failed and accepted and not is_broken(row, rows) and not is_wrong_source(row)

    return _found(judged, doubtful)


def reach_unfinished(judged: Judged) -> Found | None:
    """Means: `--reach` could not try every connection that it should.

    Decided when:
    1. the kernel of this host did not send a frame, an interface went down, no TCP port was free, or the run was
       interrupted.

    Do:
    - Look for nftables and tc rules at egress of the interface (`nft list ruleset`), and run it again."""
    untried = (NotAsked.SEND_FAILED, NotAsked.LINK_LOST, NotAsked.NO_SOURCE_PORT, NotAsked.INTERRUPTED)
    return _found(judged, lambda row, _: row.why in untried)


def _found(judged: Judged, decides: Callable[[ReachRow, Sequence[ReachRow]], bool]) -> Found | None:
    found = [(ip, row) for ip, row, rows in _rows(judged) if decides(row, rows)]
    if not found:
        return None
    nodes = {row.node for _, row in found if row.node}
    return Found(because=_first(row.text for _, row in found), ips=tuple(ip for ip, _ in found), nodes=tuple(nodes))


def _rows(judged: Judged) -> Iterator[tuple[IPv4Address, ReachRow, Sequence[ReachRow]]]:
    return ((ip, row, rows) for ip, rows in judged.reach.items() for row in rows)


def _first(sentences: Iterable[str]) -> tuple[str, ...]:
    every = [*dict.fromkeys(sentences)]
    return (*every[:MOST], *([f"and {len(every) - MOST} more"] if len(every) > MOST else ()))


RULES: tuple[Rule, ...] = (
    Rule(id="wrong-source", severity=Severity.ERROR, outcome=Outcome.FAULT, find=wrong_source),
    Rule(id="dead-responder", severity=Severity.ERROR, outcome=Outcome.FAULT, find=dead_responder),
    Rule(id="not-reached", severity=Severity.WARNING, outcome=Outcome.UNSURE, find=not_reached),
    Rule(id="partly-reached", severity=Severity.WARNING, outcome=Outcome.UNSURE, find=partly_reached),
    Rule(id="reach-unfinished", severity=Severity.WARNING, outcome=Outcome.UNSURE, find=reach_unfinished),
)
