"""Reads the address pools of each load balancer, and splits their addresses into free and used ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from arpcheck.errors import UsageError
from arpcheck.model import Address, Need
from arpcheck.objects import Object, Objects, at, full_name, ipv4, items, mapping, text, texts

Span = tuple[IPv4Address, IPv4Address]
"""First and last address, both included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    name: str
    """Kind, namespace and name: `IPAddressPool metallb-system/lan`."""
    spans: tuple[Span, ...]
    unreadable: tuple[str, ...] = ()
    """Entries that are not IPv4 ranges. IPv6 ranges are skipped, because ARP is IPv4 only."""

    def __len__(self) -> int:
        return sum(int(last) - int(first) + 1 for first, last in self.spans)


def _metallb(obj: Object) -> Iterable[str]:
    return texts(obj, "spec", "addresses")


def _cilium(obj: Object) -> Iterable[str]:
    for block in (*items(obj, "spec", "blocks"), *items(obj, "spec", "cidrs")):  # `cidrs` up to 1.15
        yield text(block, "cidr") or f"{text(block, 'start')}-{text(block, 'stop') or text(block, 'start')}"


def _purelb(obj: Object) -> Iterable[str]:
    local = at(obj, "spec", "local")
    yield from (pool for pool in (text(local, "pool"),) if pool)
    for entry in (*items(local, "v4pools"), *items(local, "pools")):
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
            fields=("spec local pool", "spec local v4pools pool", "spec local pools pool"),
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
    """All pools with an IPv4 range or an invalid entry, sorted by name."""
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
            f"--range {written!r}: not a range of IPv4 addresses", "Use the form 10.0.0.50-10.0.0.99 or 10.0.0.64/26"
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
    """Each address of the pools is in exactly one of the two."""

    free: Mapping[IPv4Address, str]
    """Addresses that no Service has, each with its pool's name. They are requested."""
    recorded: Mapping[IPv4Address, AddressInUse]


def split(found: Iterable[Pool], objects: Objects, most: int) -> Split:
    """Raises UsageError for more than `most` addresses: thousands of requests belong in a maintenance window, one range at a
    time."""
    spans = [(pool, span) for pool in found for span in pool.spans]
    count = sum(int(last) - int(first) + 1 for _, (first, last) in spans)
    if count > most:
        raise UsageError(
            f"the pools have {count} addresses, more than --most {most}", "Check one range with --range, or raise --most"
        )
    taken = _taken(objects)
    free: dict[IPv4Address, str] = {}
    recorded: dict[IPv4Address, AddressInUse] = {}
    for pool, (first, last) in spans:
        for number in range(int(first), int(last) + 1):
            if holders := taken.get(ip := IPv4Address(number)):
                by, handed_out = holders
                recorded.setdefault(ip, AddressInUse(pool=pool.name, by=by, handed_out=handed_out))
            else:
                free.setdefault(ip, pool.name)
    return Split(free=dict(sorted(free.items())), recorded=dict(sorted(recorded.items())))


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
            case ():
                pass
            case first, last:
                spans.append((first, last))
    return Pool(name=name, spans=tuple(sorted(spans)), unreadable=tuple(unreadable))


def _span(entry: str) -> Span | tuple[()] | None:
    """First and last of `10.0.0.1-10.0.0.9`, `10.0.0.0/24` or one address; () for IPv6; None for anything else."""
    if ":" in entry:
        return ()
    try:
        if "/" in entry:
            network = IPv4Network(entry.strip(), strict=False)
            return network[0], network[-1]
    except ValueError:
        return None
    first, _, last = (part.strip() for part in entry.partition("-"))
    low = ipv4(first)
    high = ipv4(last) if last else low
    return (low, high) if low and high and low <= high else None
