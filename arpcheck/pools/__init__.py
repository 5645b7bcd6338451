"""The address pools of each load balancer: reads them, and splits their addresses into free and used ones. `occupancy` finds
which of the free ones are in use on the LAN.

A pool of IPv6 is often a /64, which nobody can request whole. Of such a range the next addresses are taken: load balancers
give out the lowest one that is free."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_network
from itertools import islice

from arpcheck.errors import UsageError
from arpcheck.model import Address, Need, order
from arpcheck.model.constants import IPV4
from arpcheck.objects import Object, Objects, address, at, full_name, items, mapping, text, texts

Span = tuple[Address, Address]
"""First and last address, both included, of one family."""

NEXT = 64
"""How many addresses that no Service has are requested of an IPv6 range that is too long. MetalLB, PureLB and kube-vip give
out the lowest free address (metallb internal/allocator/allocator.go, getIPFromCIDR)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    name: str
    """Kind, namespace and name: `IPAddressPool metallb-system/lan`."""
    spans: tuple[Span, ...]
    unreadable: tuple[str, ...] = ()
    """Entries that are not ranges."""
    left_out: tuple[Span, ...] = ()
    """IPv6 ranges that this run does not request."""

    @property
    def size(self) -> int:
        return sum(map(size, self.spans))


def _metallb(obj: Object) -> Iterable[str]:
    return texts(obj, "spec", "addresses")


def _cilium(obj: Object) -> Iterable[str]:
    for block in (*items(obj, "spec", "blocks"), *items(obj, "spec", "cidrs")):  # `cidrs` up to 1.15
        yield text(block, "cidr") or f"{text(block, 'start')}-{text(block, 'stop') or text(block, 'start')}"


def _purelb(obj: Object) -> Iterable[str]:
    local = at(obj, "spec", "local")
    yield from (pool for pool in (text(local, "pool"),) if pool)
    for entry in (*items(local, "v4pools"), *items(local, "v6pools"), *items(local, "pools")):
        yield text(entry, "pool")


def _kube_vip(obj: Object) -> Iterable[str]:
    for key, value in sorted(mapping(obj, "data").items()):
        if key.startswith(("cidr-", "range-")):
            yield from (part.strip() for part in value.split(",") if part.strip())


_SOURCES: tuple[tuple[Need, str, Callable[[Object], Iterable[str]]], ...] = (
    (
        Need(
            resource="ipaddresspools.metallb.io", costs="MetalLB's pools are not known", fields=("spec addresses",),
            optional=True,
        ),
        "IPAddressPool", _metallb,
    ),
    (
        Need(
            resource="ciliumloadbalancerippools.cilium.io", costs="Cilium's pools are not known", optional=True,
            fields=("spec blocks cidr", "spec blocks start", "spec blocks stop", "spec cidrs cidr"),
        ),
        "CiliumLoadBalancerIPPool", _cilium,
    ),
    (
        Need(
            resource="servicegroups.purelb.io", costs="PureLB's pools are not known", optional=True,
            fields=("spec local pool", "spec local v4pools pool", "spec local v6pools pool", "spec local pools pool"),
        ),
        "ServiceGroup", _purelb,
    ),
    (
        Need(
            resource="configmaps", verb="get", namespace="kube-system", names=("kubevip",),
            costs="kube-vip's pools are not known",
            fields=("data cidr-*", "data range-*"), optional=True,
        ),
        "ConfigMap", _kube_vip,
    ),
)  # fmt: skip

NEEDS: tuple[Need, ...] = tuple(need for need, _, _ in _SOURCES)


def pools(objects: Objects) -> tuple[Pool, ...]:
    """All pools with a range or an invalid entry, sorted by name."""
    found = []
    for need, kind, entries in _SOURCES:
        for obj in objects.of(need.resource):
            if need.names and not any(text(obj, "metadata", "name") == name for name in need.names):
                continue
            pool = _pool(f"{kind} {full_name(obj)}", entries(obj))
            if pool.spans or pool.unreadable:
                found.append(pool)
    return tuple(sorted(found, key=lambda pool: pool.name))


def range_pool(written: str) -> Pool:
    """The pool for `--range A-B` or `--range CIDR`. Raises UsageError for anything else."""
    pool = _pool(f"--range {written}", (written,))
    if not pool.spans:
        raise UsageError(
            f"--range {written!r}: not a range of addresses",
            "Use the form 10.0.0.50-10.0.0.99, 10.0.0.64/26 or 2001:db8::50-2001:db8::99",
        )
    return pool


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressInUse:
    """An address of a pool that a Service has."""

    pool: str
    by: str
    """The Service."""
    handed_out: bool
    """A load balancer assigned it, as intended."""

    @property
    def reason(self) -> str:
        return "a load balancer assigned it" if self.handed_out else "a Service's external IP or ClusterIP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Each address of the pools that is requested or that a Service has is in exactly one of the two."""

    free: Mapping[Address, str]
    """Addresses that no Service has, each with its pool's name. They are requested."""
    recorded: Mapping[Address, AddressInUse]
    shortened: tuple[Span, ...] = ()
    """IPv6 ranges that are too long: of each, only the next addresses are in `free`, `NEXT` at most."""


def split(found: Iterable[Pool], objects: Objects, most: int, *, named: bool = False) -> Split:
    """`named`: the user gave the pools. IPv6 ranges of the cluster are shortened if they do not fit into `most` addresses.

    Raises UsageError for more than `most` addresses otherwise: thousands of requests belong in a maintenance window, one
    range at a time."""
    whole: list[tuple[Pool, Span]] = []
    long: list[tuple[Pool, Span]] = []
    count = 0
    every = [(pool, span) for pool in found for span in pool.spans]
    for pool, span in sorted(every, key=lambda one: one[1][0].version):
        fits = named or span[0].version == IPV4 or count + size(span) <= most
        (whole if fits else long).append((pool, span))
        count += size(span) if fits else 0
    if count > most:
        raise UsageError(
            f"the pools have {count} addresses, more than --most {most}", "Check one range with --range A-B, or raise --most"
        )
    taken = _taken(objects)
    free: dict[Address, str] = {}
    recorded: dict[Address, AddressInUse] = {}
    for pool, span in (*whole, *long):
        for ip, (by, handed_out) in taken.items():
            if ip.version == span[0].version and span[0].packed <= ip.packed <= span[1].packed:
                recorded.setdefault(ip, AddressInUse(pool=pool.name, by=by, handed_out=handed_out))
        unassigned = (ip for ip in _each(span) if ip not in taken)
        for ip in unassigned if (pool, span) in whole else islice(unassigned, NEXT):
            free.setdefault(ip, pool.name)
    return Split(
        free={ip: free[ip] for ip in sorted(free, key=order)},
        recorded={ip: recorded[ip] for ip in sorted(recorded, key=order)},
        shortened=tuple(span for _, span in long),
    )


def _each(span: Span) -> Iterator[Address]:
    first, last = span
    return (type(first)(number) for number in range(int(first), int(last) + 1))


def size(span: Span) -> int:
    return int(span[1]) - int(span[0]) + 1


def _taken(objects: Objects) -> Mapping[Address, tuple[str, bool]]:
    """For each address: a Service that has it, and whether a load balancer assigned it. One that was not assigned comes
    first."""
    found: dict[Address, tuple[str, bool]] = {}
    for service in objects.services():
        for ip in (*service.external_ips, *service.cluster_ips):
            found.setdefault(ip, (service.full_name, False))
    for service in objects.services():
        for entry in service.ingress if service.type == "LoadBalancer" else ():
            if entry.ip:
                found.setdefault(entry.ip, (service.full_name, True))
    return found


def _pool(name: str, entries: Iterable[str]) -> Pool:
    spans, unreadable = [], []
    for entry in dict.fromkeys(entries):
        match _span(entry):
            case None:
                unreadable.append(entry)
            case span:
                spans.append(span)
    spans.sort(key=lambda span: (order(span[0]), order(span[1])))
    return Pool(name=name, spans=tuple(spans), unreadable=tuple(unreadable))


def of_versions(found: Iterable[Pool], versions: Container[int]) -> tuple[Pool, ...]:
    """The pools with the ranges that are requested; the others are in `left_out`."""
    return tuple(
        replace(
            pool,
            spans=tuple(span for span in pool.spans if span[0].version in versions),
            left_out=tuple(span for span in pool.spans if span[0].version not in versions),
        )
        for pool in found
    )


def _span(entry: str) -> Span | None:
    """First and last of `10.0.0.1-10.0.0.9`, `10.0.0.0/24` or one address, of either family; None for anything else."""
    try:
        if "/" in entry:
            network = ip_network(entry.strip(), strict=False)
            return network[0], network[-1]
    except ValueError:
        return None
    first, _, last = (part.strip() for part in entry.partition("-"))
    low = address(first)
    high = address(last) if last else low
    return (low, high) if low and high and low.version == high.version and order(low) <= order(high) else None
