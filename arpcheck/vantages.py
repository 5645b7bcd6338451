"""A merged run taken apart again: what each host sent, received and is, as if it had run alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from arpcheck.evidence import Evidence, Options, Vantage
from arpcheck.model import Host, Interface, Neighbour

SEPARATOR = ":"


@dataclass(frozen=True, slots=True, kw_only=True)
class VantageRounds:
    """The rounds of one host."""

    name: str
    """Empty where there is only one."""
    interfaces: frozenset[str]
    """As the rows name them."""
    first_round: int
    last_announced: int
    """What comes after it and is this host's is the slow round that asks again."""
    last: int
    """The highest number that can be its."""
    rate: float

    def has(self, number: int) -> bool:
        return self.first_round <= number <= self.last


def courses(evidence: Evidence) -> tuple[VantageRounds, ...]:
    """One for each host that asked, in the order of their rounds."""
    options = evidence.options
    if not evidence.vantages:
        alone = frozenset(options.interfaces)
        return (
            VantageRounds(
                name="", interfaces=alone, first_round=1, last_announced=options.rounds, last=_END, rate=options.rate
            ),
        )
    ends = [later.first_round - 1 for later in evidence.vantages[1:]]
    return tuple(
        VantageRounds(
            name=vantage.name,
            interfaces=frozenset(i for i in options.interfaces if i.startswith(vantage.name + SEPARATOR)),
            first_round=vantage.first_round,
            last_announced=vantage.first_round + vantage.rounds - 1,
            last=end,
            rate=vantage.rate,
        )
        for vantage, end in zip(evidence.vantages, (*ends, _END), strict=True)
    )


_END = 1 << 62


def qualified(vantage: str, interface: str) -> str:
    """An interface as the rows of a merged evidence name it."""
    return f"{vantage}{SEPARATOR}{interface}"


def views(evidence: Evidence) -> tuple[tuple[str, Evidence], ...]:
    """Each host's own evidence, with its name; a single one is itself and has none."""
    if not evidence.vantages:
        return (("", evidence),)
    return tuple((vantage.name, _view(evidence, vantage)) for vantage in evidence.vantages)


def _view(evidence: Evidence, vantage: Vantage) -> Evidence:
    prefix, back = vantage.name + SEPARATOR, vantage.first_round - 1
    shift = (vantage.started_at - evidence.started_at).total_seconds() * 1000

    def own(interface: str) -> str:
        return interface.removeprefix(prefix)

    options = evidence.options
    return replace(
        evidence,
        arpcheck=vantage.arpcheck,
        started_at=vantage.started_at,
        ended_at=vantage.ended_at,
        options=replace(
            options, interfaces=_own(options, prefix), rounds=vantage.rounds, rate=vantage.rate, interfaces_because=None
        ),
        host=_host(evidence.host, prefix, vantage.node_name),
        questions=tuple(
            replace(q, at=q.at - shift, interface=own(q.interface), round=q.round - back)
            for q in evidence.questions if q.interface.startswith(prefix)
        ),
        replies=tuple(
            replace(r, at=r.at - shift, interface=own(r.interface), round=r.round - back)
            for r in evidence.replies if r.interface.startswith(prefix)
        ),
        losses=tuple(
            replace(loss, interface=own(loss.interface), rounds=tuple(number - back for number in loss.rounds))
            for loss in evidence.losses if loss.interface.startswith(prefix)
        ),
        gratuitous=tuple(
            replace(g, at=round(g.at - shift, 3), interface=own(g.interface))
            for g in evidence.gratuitous if g.interface.startswith(prefix)
        ),
        passed_over=tuple(
            replace(p, interface=own(p.interface)) for p in evidence.passed_over if p.interface.startswith(prefix)
        ),
        complete=vantage.complete,
        vantages=(),
    )  # fmt: skip


def _own(options: Options, prefix: str) -> tuple[str, ...]:
    return tuple(name.removeprefix(prefix) for name in options.interfaces if name.startswith(prefix))


def _host(host: Host, prefix: str, node_name: str | None) -> Host:
    interfaces: Iterable[Interface] = (i for i in host.interfaces if i.name.startswith(prefix))
    neighbours: Iterable[Neighbour] = (n for n in host.neighbours if n.interface.startswith(prefix))
    return Host(
        interfaces=tuple(replace(i, name=i.name.removeprefix(prefix)) for i in interfaces),
        node_name=node_name,
        neighbours=tuple(replace(n, interface=n.interface.removeprefix(prefix)) for n in neighbours),
    )
