"""MetalLB's IPAddressPools as its controller gives out their addresses, and why it gives a Service none, in the order in
which it decides.
Source: metallb controller/service.go (convergeBalancer, allocateIPs), internal/allocator/allocator.go (Assign, Allocate),
internal/config/config.go (addressPoolServiceAllocationsFromCR)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from arpcheck.loadbalancers.common import (
    Event,
    all_of,
    annotations_of_services,
    any_of,
    at_most_likely,
    by_reason,
    entries,
    fits,
    of_services,
    was_read,
)
from arpcheck.loadbalancers.metallb.configuration import POOLS, SHARED, invalid, rejection, speakers
from arpcheck.loadbalancers.metallb.nodes import controller_ready
from arpcheck.model import Address, Certainty, Reason, ReasonId
from arpcheck.objects import (
    Object,
    Objects,
    Service,
    address,
    at,
    full_name,
    items,
    labels_of,
    mapping,
    name,
    namespace,
    text,
    texts,
)

_BUGGY = (0, 255)
"""Last octets that `avoidBuggyIPs` leaves out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressSpan:
    """An entry of a pool."""

    version: int
    """Of IP."""
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationPool:
    """An IPAddressPool that the controller reads."""

    obj: Object
    spans: tuple[AddressSpan, ...]
    understood: bool
    """Every entry is a range."""

    @property
    def subject(self) -> str:
        return f"IPAddressPool {full_name(self.obj)}"

    @property
    def gives_by_itself(self) -> bool:
        return at(self.obj, "spec", "autoAssign") is not False

    def has(self, ip: Address) -> bool:
        left_out = self._avoids and ip.version == 4 and int(ip) % 256 in _BUGGY
        return not left_out and any(one.version == ip.version and one.first <= int(ip) <= one.last for one in self.spans)

    def size(self, version: int) -> int:
        spans = [one for one in self.spans if one.version == version]
        left_out = sum(_buggy(one.last) - _buggy(one.first - 1) for one in spans) if self._avoids and version == 4 else 0
        return sum(one.last - one.first + 1 for one in spans) - left_out

    @property
    def _avoids(self) -> bool:
        return at(self.obj, "spec", "avoidBuggyIPs") is True


def _buggy(number: int) -> int:
    """How many numbers from 0 to this one end in such an octet."""
    return sum((number - octet) // 256 + 1 for octet in _BUGGY if number >= octet)


def pools_of(objects: Objects) -> tuple[AllocationPool, ...]:
    """Those of MetalLB's namespace, if that is known: it reads no others."""
    return objects.memo(pools_of, lambda: _read(objects))


def _read(objects: Objects) -> tuple[AllocationPool, ...]:
    homes = {one.namespace for one in speakers(objects)}
    found = sorted(objects.of(POOLS.resource), key=full_name)
    return tuple(_pool(obj) for obj in found if not homes or namespace(obj) in homes)


def _pool(obj: Object) -> AllocationPool:
    spans = [_span(written) for written in texts(obj, "spec", "addresses")]
    return AllocationPool(obj=obj, spans=tuple(span for span in spans if span), understood=all(spans))


def _span(written: str) -> AddressSpan | None:
    """Of `192.168.10.0/28`, `192.168.10.5-192.168.10.9` or `fd00::/120`."""
    first, dash, last = written.partition("-")
    try:
        if dash:
            start, end = ip_address(first.strip()), ip_address(last.strip())
        else:
            network = ip_network(written.strip(), strict=False)
            start, end = network.network_address, network.broadcast_address
    except ValueError:
        return None
    return AddressSpan(version=start.version, first=int(start), last=int(end)) if start.version == end.version else None


# -------------------------------------------------------------------------------------------- Why a Service has no address

_WANTED_POOL = ("metallb.io/address-pool", "metallb.universe.tf/address-pool")
_WANTED_IPS = ("metallb.io/loadBalancerIPs", "metallb.universe.tf/loadBalancerIPs")

NEEDS = (annotations_of_services(*_WANTED_POOL, *_WANTED_IPS, *SHARED), of_services("spec loadBalancerIP"))


def reasons(service: Service, objects: Objects, failed: tuple[Event, ...]) -> tuple[Reason, ...]:
    """None where MetalLB is not here, or the Service is not for it. `failed`: its recent AllocationFailed events that no
    later event contradicts. The rules are sure only where the controller uses what was read."""
    known, wanted = speakers(objects), service.load_balancer_class
    if not known and (wanted or not objects.of(POOLS.resource)):
        return tuple(_failed(service, failed))
    if known and all(one.only_class != wanted for one in known):
        return () if wanted else (_not_served(service, sorted({one.only_class or "" for one in known})),)
    rejected = tuple(_rejected(objects))
    excluded = tuple(_excluded(service, objects)) if was_read(objects, POOLS.resource) else ()
    if rejected:
        excluded = at_most_likely(excluded)
    return (*excluded, *_not_running(objects), *_failed(service, failed), *rejected)


def _not_running(objects: Objects) -> Iterator[Reason]:
    if controller_ready(objects) is False:
        yield Reason(
            id=ReasonId.ALLOCATOR_NOT_RUNNING,
            subject="Deployment metallb-system/controller",
            evidence="no pod of MetalLB's controller is ready",
            certainty=Certainty.LIKELY,
        )


def _not_served(service: Service, served: Iterable[str]) -> Reason:
    """Another load balancer may serve those without a class."""
    return Reason(
        id=ReasonId.CLASS_NOT_SERVED,
        subject=f"Service {service.full_name}",
        evidence=f"loadBalancerClass is not set, and MetalLB serves Services of {' and '.join(served)}",
        certainty=Certainty.LIKELY,
    )


def _rejected(objects: Objects) -> Iterator[Reason]:
    for state in invalid(objects):
        if labels_of(state).get("metallb.io/component-type", "controller") == "controller":
            subject = f"ConfigurationState {full_name(state)}"
            yield Reason(
                id=ReasonId.INVALID_CONFIGURATION, subject=subject, evidence=rejection(state), certainty=Certainty.LIKELY
            )


def _failed(service: Service, failed: Iterable[Event]) -> Iterator[Reason]:
    for event in failed:
        yield Reason(
            id=ReasonId.ALLOCATION_FAILED,
            subject=f"Service {service.full_name}",
            evidence=f"event {event.reason}: {event.message}",
            certainty=Certainty.LIKELY,
        )


def _excluded(service: Service, objects: Objects) -> Iterator[Reason]:
    pools = pools_of(objects)
    if not pools:
        homes = sorted({one.namespace for one in speakers(objects)})
        where = f" in MetalLB's namespace, {' or '.join(homes)}" if objects.of(POOLS.resource) else ""
        yield _reason(ReasonId.NO_POOL, f"Service {service.full_name}", f"there is no IPAddressPool{where}")
    elif service.cluster_ips:
        pool, (source, ips) = _first_annotation(service, _WANTED_POOL), _wanted_ips(service)
        if source:
            found = _of_wanted_ips(service, source, ips, pool, pools, objects)
        elif pool:
            found = _of_wanted_pool(service, pool, pools, objects)
        else:
            found = _of_any_pool(service, pools, objects)
        yield from (found,) if found else ()


def _reason(id_: ReasonId, subject: str, evidence: str) -> Reason:
    return Reason(id=id_, subject=subject, evidence=evidence, certainty=Certainty.SURE)


def _first_annotation(service: Service, keys: Iterable[str]) -> str:
    """The newer key decides, even if it is empty."""
    return next((service.annotations[key] for key in keys if key in service.annotations), "")


# -------------------------------------------------------------------------------- A Service that asks for certain addresses


def _wanted_ips(service: Service) -> tuple[str, tuple[Address | None, ...]]:
    """What asks for addresses, and these; None for one that is not an address. Empty: nothing asks."""
    annotated, field = _first_annotation(service, _WANTED_IPS), text(service.raw, "spec", "loadBalancerIP")
    if annotated and field:
        return "annotation loadBalancerIPs and spec.loadBalancerIP", ()
    source = "annotation loadBalancerIPs" if annotated else "spec.loadBalancerIP" if field else ""
    return source, tuple(address(part) for part in (annotated or field).split(",")) if source else ()


def _of_wanted_ips(
    service: Service,
    source: str,
    ips: tuple[Address | None, ...],
    pool: str,
    pools: tuple[AllocationPool, ...],
    objects: Objects,
) -> Reason | None:
    subject = f"Service {service.full_name}"
    asked = [ip for ip in ips if ip]
    if not ips:
        return _reason(ReasonId.REQUEST_NOT_MET, subject, f"it has both {source}")
    if len(asked) < len(ips):
        return _reason(ReasonId.REQUEST_NOT_MET, subject, f"{source} is not a list of IP addresses")
    named = f"{source} asks for {' and '.join(map(str, asked))}"
    if {ip.version for ip in asked} != {ip.version for ip in service.cluster_ips} or len(asked) > 2:
        return _reason(ReasonId.REQUEST_NOT_MET, subject, f"{named}, and the Service is {_families(service)}")
    having = [one for one in pools if all(map(one.has, asked))]
    if not having:
        known = all(one.understood for one in pools)
        return _reason(ReasonId.REQUEST_NOT_MET, subject, f"{named}, which no IPAddressPool has") if known else None
    if all(_compatible(one.obj, service) is False for one in having):
        evidence = f"{named}, and {having[0].subject} serves other Services (serviceAllocation)"
        return _reason(ReasonId.REQUEST_NOT_MET, subject, evidence)
    if pool and all(name(one.obj) != pool for one in having):
        return _reason(ReasonId.REQUEST_NOT_MET, subject, f"{named}, and address-pool {pool} does not have it")
    holders = [(ip, holder) for ip in asked for holder in _holders(service, objects).get(ip, ())]
    for ip, holder in holders:
        key = _first_annotation(service, SHARED)
        if not key or key != _first_annotation(holder, SHARED):
            return _reason(ReasonId.REQUEST_NOT_MET, subject, f"{named}, and Service {holder.full_name} has {ip}")
    return None


def _size(pool: AllocationPool, service: Service) -> int:
    return sum(map(pool.size, {ip.version for ip in service.cluster_ips}))


def _families(service: Service) -> str:
    return " and ".join(f"IPv{ip.version}" for ip in service.cluster_ips)


# ------------------------------------------------------------------------------------------ A Service that asks for a pool


def _of_wanted_pool(service: Service, wanted: str, pools: tuple[AllocationPool, ...], objects: Objects) -> Reason | None:
    """A pool with autoAssign false still serves those that ask for it."""
    subject = f"Service {service.full_name}"
    pool = next((one for one in pools if name(one.obj) == wanted), None)
    if pool is None:
        return _reason(ReasonId.REQUEST_NOT_MET, subject, f"annotation address-pool is {wanted}, which does not exist")
    if _compatible(pool.obj, service) is False:
        evidence = f"annotation address-pool is {wanted}, which serves other Services (serviceAllocation)"
        return _reason(ReasonId.REQUEST_NOT_MET, subject, evidence)
    if why := _no_room(pool, service, objects):
        id_ = ReasonId.POOL_EXHAUSTED if _size(pool, service) else ReasonId.REQUEST_NOT_MET
        return _reason(id_, pool.subject, f"Service {service.full_name} asks for it, and {why}")
    return None


# --------------------------------------------------------------------------------------------- A Service that asks for none


def _of_any_pool(service: Service, pools: tuple[AllocationPool, ...], objects: Objects) -> Reason | None:
    barred = {one.subject: _why_not(one, service, objects) for one in pools}
    if not all(barred.values()):
        return None
    full = any(
        one.gives_by_itself and _given(one.obj, service, objects) is not False and _size(one, service) for one in pools
    )
    id_ = ReasonId.POOL_EXHAUSTED if full else ReasonId.NO_POOL
    if len(barred) == 1:
        [(subject, why)] = barred.items()
        return _reason(id_, subject, f"{why}, and there is no other pool")
    said = by_reason({subject.removeprefix("IPAddressPool "): why for subject, why in barred.items()})
    return _reason(id_, f"Service {service.full_name}", f"no IPAddressPool gives it an address: {said}")


def _why_not(pool: AllocationPool, service: Service, objects: Objects) -> str:
    """Empty if it may give the Service an address."""
    if not pool.gives_by_itself:
        return "its autoAssign is false"
    if _given(pool.obj, service, objects) is False:
        return "its serviceAllocation is not for this Service"
    return _no_room(pool, service, objects)


def _compatible(pool: Object, service: Service) -> bool | None:
    """Whether a Service that asks for it can have it: a pool without namespaces is for those of all. Of a namespace's labels
    only its name is known."""
    allocation = at(pool, "spec", "serviceAllocation")
    if not isinstance(allocation, Mapping):
        return True
    spaces, of_spaces = texts(allocation, "namespaces"), entries(allocation, "namespaceSelectors")
    of_services = entries(allocation, "serviceSelectors")
    if of_spaces is None or of_services is None:
        return None
    near = any_of((service.namespace in spaces, *(_fits_namespace(one, service) for one in of_spaces)))
    if near is False and not spaces:
        near = None if of_spaces else True  # the selectors may select no namespace at all
    return all_of((near, any_of(fits(one, service.labels) for one in of_services) if of_services else True))


def _given(pool: Object, service: Service, objects: Objects) -> bool | None:
    """Whether a Service that asks for none may get it. Before 0.15 an allocation without any selector was for no Service
    (metallb#2003, metallb#2656)."""
    allocation = at(pool, "spec", "serviceAllocation")
    compatible = _compatible(pool, service)
    if not isinstance(allocation, Mapping) or compatible is False:
        return compatible
    if not any(at(allocation, key) for key in ("namespaces", "namespaceSelectors", "serviceSelectors")):
        versions = {one.version for one in speakers(objects)}
        return None if None in versions or not versions else min(filter(None, versions)) >= (0, 15, 0)
    if compatible is None and not texts(allocation, "namespaces") and not at(allocation, "serviceSelectors"):
        found = (_fits_namespace(one, service) for one in entries(allocation, "namespaceSelectors") or (None,))
        return any_of(found)
    return compatible


def _fits_namespace(selector: object, service: Service) -> bool | None:
    keys = {*mapping(selector, "matchLabels"), *(text(one, "key") for one in items(selector, "matchExpressions"))}
    own = {"kubernetes.io/metadata.name": service.namespace}
    return fits(selector, own) if keys <= own.keys() else None


def _no_room(pool: AllocationPool, service: Service, objects: Objects) -> str:
    """Empty if it has a free address, or perhaps: an address of another Service can be shared."""
    versions = sorted({ip.version for ip in service.cluster_ips})
    size = _size(pool, service)
    if not pool.understood:
        return ""
    if not size:
        return f"it has no {_families(service)} address"
    if len(versions) > 1 or _may_share(pool, service, objects):
        return ""
    used = objects.memo((_used, service.load_balancer_class), lambda: _used(service, objects))[versions[0]]
    spans = [one for one in pool.spans if one.version == versions[0]]
    taken = {ip for one in spans for ip in used[bisect_left(used, one.first) : bisect_right(used, one.last)]}
    left_out = [ip for ip in taken if not pool.has(_address(ip, versions[0]))]
    if len(taken) - len(left_out) < size:
        return ""
    return "its only address is in use" if size == 1 else f"all of its {size} addresses are in use"


def _may_share(pool: AllocationPool, service: Service, objects: Objects) -> bool:
    """A Service of the same key has an address of the pool; ports and policies are not looked at."""
    key = _first_annotation(service, SHARED)
    held = _holders(service, objects)
    others = (one for ip, found in held.items() if key and pool.has(ip) for one in found)
    return any(_first_annotation(one, SHARED) == key for one in others)


def _address(number: int, version: int) -> Address:
    return IPv4Address(number) if version == 4 else IPv6Address(number)


def _used(service: Service, objects: Objects) -> Mapping[int, list[int]]:
    held = _holders(service, objects)
    return {version: sorted(int(ip) for ip in held if ip.version == version) for version in (4, 6)}


def _holders(service: Service, objects: Objects) -> Mapping[Address, list[Service]]:
    """The Services that have each address, of those that the same controller serves."""

    def held() -> Mapping[Address, list[Service]]:
        found: dict[Address, list[Service]] = {}
        for one in objects.services():
            if one.type == "LoadBalancer" and one.load_balancer_class == service.load_balancer_class:
                for entry in one.ingress:
                    if entry.ip:
                        found.setdefault(entry.ip, []).append(one)
        return found

    return objects.memo((_holders, service.load_balancer_class), held)
