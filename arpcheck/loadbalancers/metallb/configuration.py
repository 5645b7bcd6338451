"""MetalLB's configuration: which speakers run and how, what announces a pool at layer 2, and which nodes may take part.
Source: metallb internal/config/config.go, speaker/layer2_controller.go."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from ipaddress import ip_network

from arpcheck.loadbalancers.common import all_of, any_of, entries, fits, not_in_file, refused, status_number, was_read
from arpcheck.model import Address, Need, order
from arpcheck.objects import (
    Object,
    Objects,
    Service,
    address,
    full_name,
    items,
    labels_of,
    mapping,
    name,
    namespace,
    text,
    texts,
)

STATES = Need(
    resource="configurationstates.metallb.io",
    costs="it is unknown whether MetalLB uses an older configuration because an object is invalid",
    fields=("metadata labels metallb.io/*", "status result", "status lastError", "status errorSummary"),
    optional=True,
)
SPEAKERS = Need(
    resource="daemonsets.apps",
    costs="it is unknown which loadBalancerClass MetalLB serves, and whether its speakers run",
    names=("speaker", "*metallb*speaker*"),
    fields=(
        *("spec template spec containers args", "spec template spec containers image", "spec template spec nodeSelector"),
        "spec template spec tolerations",
        *("status desiredNumberScheduled", "status numberReady"),
    ),
    group="metallb.io",
    optional=True,
)

_CLASS, _IGNORES_LABEL = "--lb-class", "--ignore-exclude-lb"
_TAG = re.compile(r":v?(\d+)\.(\d+)\.(\d+)(?:[-@]|\Z)")

Version = tuple[int, int, int]


def invalid(objects: Objects) -> tuple[Object, ...]:
    """The ConfigurationStates of the components that rejected the configuration and still use the last valid one."""
    return tuple(
        state for state in sorted(objects.of(STATES.resource), key=full_name) if text(state, "status", "result") == "Invalid"
    )


def rejection(state: Object) -> str:
    """`the configuration is invalid for the speaker of worker-1: peer x`."""
    labels = labels_of(state)
    who = " of ".join(part for part in (labels.get("metallb.io/component-type"), labels.get("metallb.io/node-name")) if part)
    why = text(state, "status", "lastError") or text(state, "status", "errorSummary") or "no reason given"
    return f"the configuration is invalid{f' for the {who}' if who else ''}: {why}"


def serves_class(objects: Objects, wanted: str) -> bool:
    """Whether a speaker is configured to serve only Services of this class."""
    return any(wanted == one.only_class for one in speakers(objects))


@dataclass(frozen=True, slots=True, kw_only=True)
class Speakers:
    """A DaemonSet of speakers."""

    full_name: str
    namespace: str
    only_class: str | None
    """Of its flag `--lb-class`: it serves Services of this class alone. None: those without a class."""
    ignores_label: bool
    """It lets nodes announce that are excluded by their label: by its flag, or since it is older than 0.14."""
    version: Version | None
    """By the tag of its image."""
    desired: int | None
    """The nodes on which a pod should run."""
    ready: int | None
    """The nodes on which one is ready."""
    selector: Mapping[str, str]
    """The labels that a node must have."""
    tolerations: tuple[object, ...]
    """Of taints of nodes."""


def speakers(objects: Objects) -> tuple[Speakers, ...]:
    return objects.memo(speakers, lambda: tuple(_speakers(objects)))


def _speakers(objects: Objects) -> Iterator[Speakers]:
    for one in sorted(objects.of(SPEAKERS.resource), key=full_name):
        if any(fnmatchcase(name(one), pattern) for pattern in SPEAKERS.names):
            containers = items(one, "spec", "template", "spec", "containers")
            flags = dict(flag for container in containers for flag in _flags(container))
            version = next((found for container in containers if (found := _version(container))), None)
            ignores = flags.get(_IGNORES_LABEL, "false").lower() in ("", "1", "t", "true")
            yield Speakers(
                full_name=full_name(one),
                namespace=namespace(one),
                only_class=flags.get(_CLASS) or None,
                ignores_label=ignores or (version is not None and version < (0, 14, 0)),
                version=version,
                desired=status_number(one, "desiredNumberScheduled"),
                ready=status_number(one, "numberReady"),
                selector=mapping(one, "spec", "template", "spec", "nodeSelector"),
                tolerations=items(one, "spec", "template", "spec", "tolerations"),
            )


def _flags(container: object) -> Iterator[tuple[str, str]]:
    args = texts(container, "args")
    for place, this in enumerate(args):
        flag, equals, value = this.partition("=")
        following = args[place + 1] if flag == _CLASS and place + 1 < len(args) else ""
        yield flag, value if equals else following


def _version(container: object) -> Version | None:
    image = text(container, "image")
    found = _TAG.search(image) if "speaker" in image else None
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


# -------------------------------------------------------------------------- How MetalLB's configuration announces an address

POOLS = Need(
    resource="ipaddresspools.metallb.io",
    costs="the pool of an address is unknown if the Service does not name it, and why a Service has no address",
    fields=("metadata labels", "spec addresses", "spec autoAssign", "spec avoidBuggyIPs", "spec serviceAllocation"),
    optional=True,
)
LAYER2 = Need(
    resource="l2advertisements.metallb.io",
    costs="an address that MetalLB announces only by BGP looks as if a node should reply for it",
    fields=(
        *("spec ipAddressPools", "spec ipAddressPoolSelectors", "spec nodeSelectors", "spec serviceSelectors"),
        *("spec preferredNodeSelectors", "spec interfaces"),
    ),
    optional=True,
)
BGP = Need(
    resource="bgpadvertisements.metallb.io",
    costs="an address that MetalLB announces only by BGP looks as if a node should reply for it",
    fields=("spec ipAddressPools", "spec ipAddressPoolSelectors", "spec serviceSelectors"),
    optional=True,
)

SHARED = ("metallb.io/allow-shared-ip", "metallb.universe.tf/allow-shared-ip")


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPool:
    name: str
    """Empty if unknown."""
    namespace: str = ""
    """MetalLB's namespace; empty if unknown."""
    labels: Mapping[str, str] | None = None
    """None if the object is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How the configuration announces an address."""

    pool: AddressPool
    layer2: bool | None
    bgp: bool | None
    covering: tuple[Object, ...]
    """The L2Advertisements that certainly select the pool."""
    elsewhere: tuple[Object, ...]
    """Those that would select it, and are in another namespace."""
    unread: tuple[str, ...]
    """The forbidden resources that would show whether a node should reply."""
    not_in_file: tuple[str, ...] = ()
    """The same for resources that a file may lack."""

    @property
    def bgp_only(self) -> bool:
        return bool(self.bgp) and self.layer2 is False

    @property
    def of(self) -> str:
        return f"pool {self.pool.name}" if self.pool.name else "its pool"


def coverage(service: Service, ip: Address, named: str, objects: Objects) -> Coverage:
    """`named`: the pool in the Service's annotation; if empty, the pool is found by the address. The result is the same for
    all Services of a pool unless an advertisement selects Services."""
    pool = _pool(ip, named, objects)
    if objects.memo(_choose_services, lambda: _choose_services(objects)):
        return _coverage(pool, service, objects)
    key = coverage, pool.name, pool.namespace, pool.labels is None
    return objects.memo(key, lambda: _coverage(pool, service, objects))


def _choose_services(objects: Objects) -> bool:
    advertisements = (ad for need in (LAYER2, BGP) for ad in objects.of(need.resource))
    return any(entries(ad, "spec", "serviceSelectors") != () for ad in advertisements)


def _coverage(pool: AddressPool, service: Service, objects: Objects) -> Coverage:
    if not pool.namespace:
        pool = replace(pool, namespace=_only_namespace(objects))
    by_layer2 = [(ad, _covers(ad, pool, service)) for ad in objects.of(LAYER2.resource)]
    layer2 = any_of((_all_known(objects, LAYER2), *(covers for _, covers in by_layer2)))
    bgp = any_of((_all_known(objects, BGP), *(_covers(ad, pool, service) for ad in objects.of(BGP.resource))))
    could_be_bgp_only = layer2 is not True and bgp is not False
    asked = [need.resource for need, known in ((LAYER2, layer2), (BGP, bgp)) if known is None]
    covering = tuple(ad for ad, covers in by_layer2 if covers)
    elsewhere = tuple(
        ad
        for ad, _ in by_layer2
        if pool.namespace and namespace(ad) != pool.namespace and _takes(ad, pool) and _serves(ad, service)
    )
    if not could_be_bgp_only:
        return Coverage(pool=pool, layer2=layer2, bgp=bgp, covering=covering, elsewhere=elsewhere, unread=())
    unread = refused(objects, POOLS.resource, *asked)
    unknown = not_in_file(objects, *asked)
    return Coverage(
        pool=pool, layer2=layer2, bgp=bgp, covering=covering, elsewhere=elsewhere, unread=unread, not_in_file=unknown
    )


def _only_namespace(objects: Objects) -> str:
    found = {namespace(ad) for need in (LAYER2, BGP) for ad in objects.of(need.resource)}
    return found.pop() if len(found) == 1 else ""


def _all_known(objects: Objects, need: Need) -> bool | None:
    """For `any_of`: False if all advertisements are known, None if some may be missing."""
    return False if was_read(objects, need.resource) else None


def _covers(advertisement: Object, pool: AddressPool, service: Service) -> bool | None:
    """MetalLB only reads advertisements of its own namespace."""
    near = namespace(advertisement) == pool.namespace if pool.namespace else None
    return all_of((near, _takes(advertisement, pool), _serves(advertisement, service)))


def _takes(advertisement: Object, pool: AddressPool) -> bool | None:
    """An advertisement without names and selectors selects all pools."""
    names = entries(advertisement, "spec", "ipAddressPools")
    chosen = entries(advertisement, "spec", "ipAddressPoolSelectors")
    if names is None or chosen is None:
        return None
    by_name = (named == pool.name if pool.name else None for named in names)
    by_label = (None if pool.labels is None else fits(selector, pool.labels) for selector in chosen)
    return any_of((*by_name, *by_label)) if names or chosen else True


def _serves(advertisement: Object, service: Service) -> bool | None:
    """Since 0.16 an advertisement can select Services; then it never announces a Service that shares its address."""
    chosen = entries(advertisement, "spec", "serviceSelectors")
    if chosen is None:
        return None
    if chosen and any(service.annotations.get(key) for key in SHARED):
        return False
    return any_of(fits(selector, service.labels) for selector in chosen) if chosen else True


# --------------------------------------------------------------------------------------------------------------------- Pools


def _pool(ip: Address, named: str, objects: Objects) -> AddressPool:
    if named:
        found = objects.by(POOLS.resource, name).get(named, ())
        return _address_pool(found[0]) if len(found) == 1 else AddressPool(name=named)
    holding = {
        id(obj): obj for first, last, obj in objects.memo(_pool, lambda: _ranges(objects)) if _within(first, ip, last)
    }
    return _address_pool(next(iter(holding.values()))) if len(holding) == 1 else AddressPool(name="")


def _address_pool(obj: Object) -> AddressPool:
    return AddressPool(name=name(obj), namespace=namespace(obj), labels=labels_of(obj))


def _ranges(objects: Objects) -> tuple[tuple[Address, Address, Object], ...]:
    return tuple(
        (*span, obj)
        for obj in objects.of(POOLS.resource)
        for written in texts(obj, "spec", "addresses")
        if (span := _span(written))
    )


def without_pool(ip: Address, objects: Objects) -> bool | None:
    """Whether no pool has the address: a speaker looks for its pool by the address, whatever the annotation says. None if
    that is unknown."""
    if not was_read(objects, POOLS.resource) or not objects.of(POOLS.resource):
        return None
    return not any(_within(first, ip, last) for first, last, _ in objects.memo(_pool, lambda: _ranges(objects))) and all(
        _span(written) for obj in objects.of(POOLS.resource) for written in texts(obj, "spec", "addresses")
    )


def _span(written: str) -> tuple[Address, Address] | None:
    """The first and last address of `192.168.10.0/28` or `192.168.10.5-192.168.10.9`, or of the same in IPv6; None for other
    text."""
    first, dash, last = written.partition("-")
    if dash:
        start, end = address(first), address(last)
        return (start, end) if start and end and start.version == end.version else None
    try:
        network = ip_network(written.strip(), strict=False)
    except ValueError:
        return None
    return network[0], network[-1]


def _within(first: Address, ip: Address, last: Address) -> bool:
    return order(first) <= order(ip) <= order(last)
