"""What MetalLB's configuration says of an address: its pool, and how that pool is announced.

Knows IPAddressPools and advertisements (metallb api/v1beta1). Every answer has three values: yes, no, and None where
what would tell could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network

from arpcheck.loadbalancers.common import refused, untold, was_read
from arpcheck.loadbalancers.selectors import all_of, any_of, entries, fits
from arpcheck.model import Need
from arpcheck.objects import Object, Objects, Service, ipv4, labels_of, name, namespace, texts

POOLS = Need(
    resource="ipaddresspools.metallb.io",
    costs="the pool of an address is not known where the Service does not name it",
    fields=("metadata labels", "spec addresses"),
    optional=True,
)
LAYER2 = Need(
    resource="l2advertisements.metallb.io",
    costs="an address that MetalLB announces by BGP only looks as if it should be answered",
    fields=(
        *("spec ipAddressPools", "spec ipAddressPoolSelectors", "spec nodeSelectors", "spec serviceSelectors"),
        "spec preferredNodeSelectors",
    ),
    optional=True,
)
BGP = Need(
    resource="bgpadvertisements.metallb.io",
    costs="an address that MetalLB announces by BGP only looks as if it should be answered",
    fields=("spec ipAddressPools", "spec ipAddressPoolSelectors", "spec serviceSelectors"),
    optional=True,
)

SHARED = ("metallb.io/allow-shared-ip", "metallb.universe.tf/allow-shared-ip")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    name: str
    """Empty: not known which."""
    namespace: str = ""
    """Where MetalLB runs; empty: not known."""
    labels: Mapping[str, str] | None = None
    """None: the object is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How an address is announced, by the configuration."""

    pool: Pool
    layer2: bool | None
    bgp: bool | None
    covering: tuple[Object, ...]
    """The L2Advertisements that surely cover the pool."""
    unread: tuple[str, ...]
    """The refused resources that would tell whether anybody should answer."""
    unsaid: tuple[str, ...] = ()
    """Those that a file may lack."""

    @property
    def bgp_only(self) -> bool:
        return bool(self.bgp) and self.layer2 is False

    @property
    def of(self) -> str:
        return f"pool {self.pool.name}" if self.pool.name else "its pool"


def coverage(service: Service, ip: IPv4Address, named: str, objects: Objects) -> Coverage:
    """`named`: the pool by the Service's annotation; empty: it is looked for by the address. The same for all Services of
    a pool, unless an advertisement selects Services."""
    pool = _pool(ip, named, objects)
    if objects.memo(_choose_services, lambda: _choose_services(objects)):
        return _coverage(pool, service, objects)
    key = coverage, pool.name, pool.namespace, pool.labels is None
    return objects.memo(key, lambda: _coverage(pool, service, objects))


def _choose_services(objects: Objects) -> bool:
    advertisements = (ad for need in (LAYER2, BGP) for ad in objects.of(need.resource))
    return any(entries(ad, "spec", "serviceSelectors") != () for ad in advertisements)


def _coverage(pool: Pool, service: Service, objects: Objects) -> Coverage:
    if not pool.namespace:
        pool = replace(pool, namespace=_only_namespace(objects))
    by_layer2 = [(ad, _covers(ad, pool, service)) for ad in objects.of(LAYER2.resource)]
    layer2 = any_of((_all_known(objects, LAYER2), *(covers for _, covers in by_layer2)))
    bgp = any_of((_all_known(objects, BGP), *(_covers(ad, pool, service) for ad in objects.of(BGP.resource))))
    could_be_bgp_only = layer2 is not True and bgp is not False
    asked = [need.resource for need, known in ((LAYER2, layer2), (BGP, bgp)) if known is None]
    covering = tuple(ad for ad, covers in by_layer2 if covers)
    if not could_be_bgp_only:
        return Coverage(pool=pool, layer2=layer2, bgp=bgp, covering=covering, unread=())
    unread, unsaid = refused(objects, POOLS.resource, *asked), untold(objects, *asked)
    return Coverage(pool=pool, layer2=layer2, bgp=bgp, covering=covering, unread=unread, unsaid=unsaid)


def _only_namespace(objects: Objects) -> str:
    found = {namespace(ad) for need in (LAYER2, BGP) for ad in objects.of(need.resource)}
    return found.pop() if len(found) == 1 else ""


def _all_known(objects: Objects, need: Need) -> bool | None:
    """As one more advertisement in a row of them: no where all are known, None where some could be missing."""
    return False if was_read(objects, need.resource) else None


def _covers(advertisement: Object, pool: Pool, service: Service) -> bool | None:
    """MetalLB reads those of its own namespace only."""
    near = namespace(advertisement) == pool.namespace if pool.namespace else None
    return all_of((near, _takes(advertisement, pool), _serves(advertisement, service)))


def _takes(advertisement: Object, pool: Pool) -> bool | None:
    """One that names no pool and selects none stands for all."""
    names = entries(advertisement, "spec", "ipAddressPools")
    chosen = entries(advertisement, "spec", "ipAddressPoolSelectors")
    if names is None or chosen is None:
        return None
    by_name = (named == pool.name if pool.name else None for named in names)
    by_label = (None if pool.labels is None else fits(selector, pool.labels) for selector in chosen)
    return any_of((*by_name, *by_label)) if names or chosen else True


def _serves(advertisement: Object, service: Service) -> bool | None:
    """Since 0.16 one can select Services; such a one never announces a Service that shares its address."""
    chosen = entries(advertisement, "spec", "serviceSelectors")
    if chosen is None:
        return None
    if chosen and any(service.annotations.get(key) for key in SHARED):
        return False
    return any_of(fits(selector, service.labels) for selector in chosen) if chosen else True


# --------------------------------------------------------------------------------------------------------------- pools


def _pool(ip: IPv4Address, named: str, objects: Objects) -> Pool:
    if named:
        found = objects.by(POOLS.resource, name).get(named, ())
        return _read(found[0]) if len(found) == 1 else Pool(name=named)
    holding = {id(obj): obj for first, last, obj in objects.memo(_pool, lambda: _ranges(objects)) if first <= ip <= last}
    return _read(next(iter(holding.values()))) if len(holding) == 1 else Pool(name="")


def _read(obj: Object) -> Pool:
    return Pool(name=name(obj), namespace=namespace(obj), labels=labels_of(obj))


def _ranges(objects: Objects) -> tuple[tuple[IPv4Address, IPv4Address, Object], ...]:
    return tuple(
        (*span, obj)
        for obj in objects.of(POOLS.resource)
        for written in texts(obj, "spec", "addresses")
        if (span := _span(written))
    )


def _span(written: str) -> tuple[IPv4Address, IPv4Address] | None:
    """`192.168.10.0/28` or `192.168.10.5-192.168.10.9`; None for IPv6 and for what is neither."""
    first, dash, last = written.partition("-")
    if dash:
        start, end = ipv4(first), ipv4(last)
        return (start, end) if start and end else None
    try:
        network = IPv4Network(written.strip(), strict=False)
    except ValueError:
        return None
    return network.network_address, network.broadcast_address
