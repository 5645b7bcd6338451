"""Which Services the options select; the targets of a run, one for each address; and why an address is not probed."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from arpcheck.errors import UsageError, alternatives, near
from arpcheck.evidence import Options
from arpcheck.model import Address, Kind, Skip, Target
from arpcheck.model.constants import IPV4, IPV6
from arpcheck.objects import Objects, Service, selects

# ----------------------------------------------------------------------------------------------- Which Services are selected

# Which Services the options select, and which parts of a selection fit no Service.
# A part that fits none is a mistyped name more often than not: then what was meant was not judged.

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""A Namespace or a Service (RFC 1123 label)."""

_KINDS = ("svc", "service", "services")
_MOST = 8
"""Parts that fit nothing and are named."""


def is_selected(service: Service, options: Options) -> bool:
    return (
        (not options.namespaces or service.namespace in options.namespaces)
        and (not options.service_names or _is_named(service, options.service_names))
        and _has_class(service, options.load_balancer_classes)
        and selects(options.selector, service.labels)
    )


def _is_named(service: Service, names: Sequence[str]) -> bool:
    return service.full_name in names or service.name in names


def _has_class(service: Service, classes: Sequence[str]) -> bool:
    return not classes or (service.load_balancer_class or "") in classes


def check_selection(options: Options) -> None:
    """Raises UsageError for a selector that kubectl would refuse too."""
    try:
        selects(options.selector, {})
    except ValueError:
        hint = "Write it as for kubectl: app=web,tier in (a,b),!canary"
        raise UsageError(f"-l {options.selector!r} is not a label selector", hint) from None


# ------------------------------------------------------------------------------------------------ As it is written, and back


def namespaces(written: Iterable[str]) -> tuple[str, ...]:
    """`-n web,shop -n api`. Raises UsageError for what is not a name."""
    found = [name.strip() for words in written for name in words.split(",")]
    if wrong := next((name for name in found if not _NAME.fullmatch(name)), None):
        hint = "Names have lowercase letters, digits and dashes; several are separated by commas"
        raise UsageError(f"-n {wrong[:80]!r} is not the name of a namespace", hint)
    if "" in found:
        raise UsageError(f"-n {','.join(written)!r}: a name is empty", "Leave out -n for all namespaces")
    return tuple(dict.fromkeys(found))


def service_names(written: Iterable[str], within: Sequence[str]) -> tuple[str, ...]:
    """`svc/NAME` and `NAMESPACE/NAME` as `Options.service_names`. `within`: the namespaces of -n. Raises UsageError."""
    return tuple(dict.fromkeys(_service_name(words, within) for words in written))


def _service_name(written: str, within: Sequence[str]) -> str:
    space, slash, name = written.rpartition("/")
    if not slash:
        raise UsageError(f"{written[:80]!r} is not a Service", _meant(written))
    if not _NAME.fullmatch(name) or not (space.lower() in _KINDS or _NAME.fullmatch(space)):
        raise UsageError(f"{written[:80]!r} is not a Service", "Write svc/NAME or NAMESPACE/NAME, for example web/nginx")
    if space.lower() in _KINDS:
        return name
    if within and space not in within:
        raise UsageError(f"{written} is not in -n {','.join(within)}", f"Leave out -n, or write svc/{name}")
    return written


def _meant(written: str) -> str:
    if re.fullmatch(r"[0-9.]+", written) or ":" in written:
        return f"An address is written --ip {written[:80]}"
    if _NAME.fullmatch(written):
        return f"Write svc/{written}, or NAMESPACE/{written}"
    return "Write svc/NAME or NAMESPACE/NAME, for example web/nginx"


def selection(options: Options) -> str | None:
    """How Services are selected, as on the command line; None: all are meant, or none."""
    if not options.services:
        return None
    written = [*map(_as_written, options.service_names)]
    written += [f"-n {','.join(options.namespaces)}"] if options.namespaces else []
    written += [f"-l {options.selector}"] if options.selector else []
    written += [f"--lb-class {found or repr('')}" for found in options.load_balancer_classes]
    return " ".join(written) or None


def _as_written(name: str) -> str:
    return name if "/" in name else f"svc/{name}"


# --------------------------------------------------------------------------------------------------- What fits no Service


def unfitting(objects: Objects, options: Options, *, judges: bool) -> tuple[str, ...]:
    """Sentences about each part of the selection that fits no Service, with names that are alike; else about all of it, if
    together they fit none. `judges`: an address is left that gets a verdict. Empty if Services could not be read."""
    whole = selection(options)
    if whole is None or objects.gap("services"):
        return ()
    wanted = [s for s in objects.services() if s.type == "LoadBalancer" or (options.external_ips and s.external_ips)]
    parts = tuple(_parts(objects, wanted, options))
    more = (f"{len(parts) - _MOST} more of the selection fit none",) if len(parts) > _MOST else ()
    return (*parts[:_MOST], *more) or (() if judges else (_nothing(whole),))


def _nothing(what: str, more: str = "") -> str:
    return f"no LoadBalancer Service was selected by {what}{f' ({more})' if more else ''}"


def _parts(objects: Objects, wanted: Sequence[Service], options: Options) -> Iterator[str]:
    for name in options.service_names:
        if not any(_is_named(service, (name,)) for service in wanted):
            yield _nothing(_as_written(name), _why_not(name, objects, wanted))
    inside = {service.namespace for service in wanted}
    for space in options.namespaces:
        if space not in inside:
            yield _nothing(f"-n {space}", alternatives(near(space, inside)))
    classes = {service.load_balancer_class or "" for service in wanted}
    for found in options.load_balancer_classes:
        if found not in classes:
            yield _nothing(f"--lb-class {found or repr('')}", alternatives(near(found, classes)))


def _why_not(name: str, objects: Objects, wanted: Sequence[Service]) -> str:
    """Its type if there is such a Service; else those that are alike."""
    if other := next((service for service in objects.services() if _is_named(service, (name,))), None):
        return f"{other.full_name} is of type {other.type or 'ClusterIP'}"
    alike = near(name, [service.full_name if "/" in name else service.name for service in wanted])
    last = name.rpartition("/")[2]
    found = [s.full_name for s in wanted if _is_named(s, alike)] or [s.full_name for s in wanted if s.name == last]
    return alternatives(found[:3])


# --------------------------------------------------------------------------------------------------------------- The targets

CONTROLS = tuple(
    map(
        IPv4Address,
        (
            "192.0.2.1", "203.0.113.1", "198.51.100.1",
            "198.18.0.1", "198.18.64.1", "198.18.128.1", "198.18.192.1",
            "198.19.0.1", "198.19.64.1", "198.19.128.1", "198.19.192.1",
        ),
    )
)  # fmt: skip
"""Addresses that nobody owns (RFC 5737, documentation; RFC 2544, benchmarks). The first whose /24 is not in use is asked."""

Network = IPv4Network | IPv6Network

JUDGED = (Kind.LOAD_BALANCER, Kind.EXTERNAL_IP, Kind.EXTRA)
"""The kinds that get a verdict."""

_RANK = {kind: place for place, kind in enumerate(Kind)}

_SKIPPED = {
    Skip.PENDING: "the Service has no address yet",
    Skip.HOSTNAME: "the Service has a host name and no address: {}",
    Skip.IPV6: "IPv6 was not requested: no interface used has a usable link-local address, or IPv4 alone was chosen",
    Skip.IPV4: "IPv4 was not requested (--family), so this address was not checked",
    Skip.NOT_UNICAST: "not an address that one host can have",
    Skip.OFF_LINK: "in no network of this host's interfaces, so this host can't judge it (--on-link)",
}


def all_targets(
    objects: Objects,
    options: Options,
    node_addresses: Mapping[str, Iterable[Address]],
    networks: Iterable[Network] = (),
    gateways: Mapping[str, Iterable[Address]] | None = None,
    asked: Container[Address] = (),
    in_use: Iterable[Network] = (),
    versions: Container[int] = (4,),
) -> tuple[Target, ...]:
    """Every target of the run, sorted by kind and address. `versions`: the IP versions that are requested.

    `node_addresses`: the nodes' own, by node name. `networks`: those of this host's interfaces; `in_use`: others that are
    known to be in use. The control avoids both. `gateways`: the nodes' ends of the pod network, asked in a preflight.
    `asked`: the control is that of them which can be one, where a run is judged."""
    links = tuple(networks)
    owners: dict[Address, list[str]] = {}
    for listing in (node_addresses, gateways or {}):
        for node in sorted(listing):
            for ip in listing[node]:
                if ip.version in versions:
                    owners.setdefault(ip, []).append(node)
    found, outside = _of_services(objects, options, versions), _outside(objects)
    skipped = [target for service in chosen(objects, options) for target in _skipped(service, versions)]
    skipped += [
        _skip(ip, service, why, Kind.EXTERNAL_IP)
        for service, ip in _external(objects, options)
        if (why := _not_asked(ip, versions))
    ]
    wanted = [
        Target(ip=ip, kind=kind, services=services, nodes=tuple(owners.get(ip, ())), external=ip in outside)
        for ip, (kind, services) in found.items()
    ]
    if options.on_link:
        wanted = [_on_link(target, links) for target in wanted]
    taken = {*found, *owners, *(target.ip for target in skipped if target.ip)}
    skipped = [target for target in skipped if target.ip not in found]
    # Without an IPv6 address to judge, nothing asks who has which, but of a node that has no other.
    six = any(target.ip and target.ip.version == IPV6 and not target.skipped for target in wanted)
    with_ipv4 = {node for ip, names in owners.items() if ip.version == IPV4 for node in names}
    own = [
        Target(ip=ip, kind=Kind.NODE, nodes=tuple(names))
        for ip, names in owners.items()
        if ip not in found and (six or options.preflight or ip.version == IPV4 or not with_ipv4.issuperset(names))
    ]
    requested = {target.ip.version for target in (*wanted, *own) if target.ip and not target.skipped}
    by_arp = requested != {IPV6}
    knowledge = _knowledge(objects, (*links, *in_use), taken, asked, by_arp=by_arp) if IPV4 in versions else ()
    at_home = (ip for ip in owners if options.preflight and any(ip in network for network in links))
    judged = (target.ip for target in wanted if target.ip and not target.skipped)
    controls = _ipv6_controls((*judged, *at_home), links, taken)
    return tuple(sorted((*wanted, *_merged(skipped), *knowledge, *controls, *own), key=_order))


def chosen(objects: Objects, options: Options) -> tuple[Service, ...]:
    """The LoadBalancer Services that the options select."""
    if not options.services:
        return ()
    return tuple(s for s in objects.services() if s.type == "LoadBalancer" and is_selected(s, options))


def canary(objects: Objects, taken: Container[Address] = ()) -> IPv4Address | None:
    """An address that only a kernel which holds Service addresses without strict ARP answers on the LAN.

    The ClusterIP of default/kubernetes; where that is not IPv4, not readable or `taken` (asked for another reason) the
    lowest of any Service that kube-proxy serves."""
    served = {service.full_name: service for service in objects.services() if _is_served(service)}
    if kubernetes := served.get("default/kubernetes"):
        for ip in kubernetes.cluster_ips:
            if isinstance(ip, IPv4Address) and ip not in taken:
                return ip
    found = (ip for s in served.values() for ip in s.cluster_ips if isinstance(ip, IPv4Address) and ip not in taken)
    return min(found, default=None)


_NOT_SERVED = ("service.kubernetes.io/service-proxy-name", "service.kubernetes.io/headless")
"""Labels by which kube-proxy leaves a Service to another (cmd/kube-proxy/app/server.go, the selector of its informers), so
that no kernel holds its address and its silence proves nothing."""


def _is_served(service: Service) -> bool:
    """By kube-proxy, on the device that it makes for Service addresses alone: kube-dns's is bound by NodeLocal DNSCache on
    every node in any mode."""
    dns = service.name == "kube-dns" or service.labels.get("k8s-app") == "kube-dns"
    return not dns and service.labels.keys().isdisjoint(_NOT_SERVED)


def control(
    networks: Sequence[Network], taken: Iterable[Address] = (), asked: Container[Address] = ()
) -> IPv4Address | None:
    """An address that nobody owns: whoever replies for it is a proxy. None if all candidates are in use. An address of
    `asked` is preferred if nobody owns it."""
    known = {ip for ip in taken if isinstance(ip, IPv4Address)}
    nobodys = [ip for ip in CONTROLS if ip not in known and not any(ip in network for network in networks)]
    if was := next((ip for ip in nobodys if ip in asked), None):
        return was
    blocks = {int(ip) >> 8 for ip in known}
    return next((ip for ip in nobodys if int(ip) >> 8 not in blocks and not _within(networks, ip)), None)


ANYCAST = 128
"""Interface identifiers from the end that are reserved for anycast (RFC 2526)."""


def ipv6_controls(judged: Iterable[Address], networks: Iterable[Network]) -> frozenset[IPv6Address]:
    """Addresses that nobody owns, one in the network of each of these IPv6 addresses: who replies for one is a proxy for
    that network. Addresses in no network that is known count as in a /64, as hosts' networks are.

    The interface identifier is a digest of the network: nobody has it by chance, and a saved run finds the same again."""
    links = {network for network in networks if isinstance(network, IPv6Network)}
    # By number, which is much faster than `ip in network`: there may be thousands of addresses.
    lengths = sorted({network.prefixlen for network in links}, reverse=True)
    known = {(network.prefixlen, int(network.network_address) >> 128 - network.prefixlen) for network in links}
    found = set()
    for number in {int(ip) for ip in judged if isinstance(ip, IPv6Address)}:
        prefixes = ((length, number >> 128 - length) for length in lengths)
        found.add(next((prefix for prefix in prefixes if prefix in known), (64, number >> 64)))
    controls = (_control_of(IPv6Network((prefix << 128 - length, length))) for length, prefix in found)
    return frozenset(ip for ip in controls if ip)


def _control_of(network: IPv6Network) -> IPv6Address | None:
    """None for a network with too few addresses for one that nobody has: whoever has it would be called a proxy."""
    if network.num_addresses < MANY_ADDRESSES:
        return None
    digest = sha256(b"arpcheck control " + network.compressed.encode()).digest()
    number = 1 + int.from_bytes(digest[:16]) % (network.num_addresses - ANYCAST - 1)
    return IPv6Address(int(network.network_address) + number)


MANY_ADDRESSES = 1 << 16


def _ipv6_controls(judged: Iterable[Address], networks: Sequence[Network], taken: Container[Address]) -> Iterable[Target]:
    for ip in sorted(ipv6_controls(judged, networks)):
        if ip not in taken:
            yield Target(ip=ip, kind=Kind.CONTROL)


def _within(networks: Iterable[Network], ip: IPv4Address) -> bool:
    """A part of its /24 is one of these networks."""
    block = IPv4Network((int(ip) & ~0xFF, 24))
    return any(network.overlaps(block) for network in networks)


def check_options(options: Options) -> None:
    """Raises UsageError for what makes no sense whatever the cluster holds."""
    for ip in options.ips:
        if ip.version not in options.families.versions(link_local=True):
            other = "IPv4 alone, for which it sends ARP" if ip.version != IPV4 else "IPv6 alone (--family)"
            raise UsageError(f"--ip {ip}: this asks {other}", "`arpcheck probe` probes both")
        if not _unicast(ip):
            raise UsageError(f"--ip {ip} is not an address that one host can have", "Give a Service's or a host's")
    check_selection(options)


def _of_services(
    objects: Objects, options: Options, versions: Container[int]
) -> dict[Address, tuple[Kind, tuple[str, ...]]]:
    """What is asked for Services and by name: the selected ones' addresses and `--ip`, each with all Services that have it.

    An address that was named is its Service's all the same, though that one was not selected: who should answer is
    recorded of the Service."""
    wanted: dict[Address, Kind] = {}
    for service in chosen(objects, options):
        for entry in service.ingress:
            if entry.ip and not _not_asked(entry.ip, versions):
                wanted[entry.ip] = Kind.LOAD_BALANCER
    for _, ip in _external(objects, options):
        if not _not_asked(ip, versions):
            wanted.setdefault(ip, Kind.EXTERNAL_IP)
    balanced, external = _holders(objects)
    for ip in options.ips:
        kind = Kind.LOAD_BALANCER if ip in balanced else Kind.EXTERNAL_IP if ip in external else Kind.EXTRA
        wanted.setdefault(ip, kind)
    beside = {ip: names for ip, names in external.items() if options.external_ips or ip in options.ips}
    return {ip: (kind, tuple(sorted({*balanced.get(ip, ()), *beside.get(ip, ())}))) for ip, kind in wanted.items()}


def _outside(objects: Objects) -> frozenset[Address]:
    """Addresses that no Service has but with ipMode Proxy (kubernetes/api core/v1, LoadBalancerIPMode): no kube-proxy binds
    them, and no node should announce them."""
    modes: dict[Address, set[str]] = {}
    for service in objects.services():
        for entry in service.ingress if service.type == "LoadBalancer" else ():
            if entry.ip:
                modes.setdefault(entry.ip, set()).add(entry.mode)
    return frozenset(ip for ip, found in modes.items() if found == {"Proxy"})


def _external(objects: Objects, options: Options) -> Iterator[tuple[Service, Address]]:
    """The external IPs that the options select, of Services of any type."""
    for service in objects.services() if options.external_ips else ():
        if is_selected(service, options):
            yield from ((service, ip) for ip in service.external_ips)


Holders = Mapping[Address, list[str]]
"""By address: the Services that have it."""


def _holders(objects: Objects) -> tuple[Holders, Holders]:
    """As the address of a load balancer, and as an external IP."""
    balanced: dict[Address, list[str]] = {}
    external: dict[Address, list[str]] = {}
    for service in objects.services():
        for entry in service.ingress if service.type == "LoadBalancer" else ():
            if entry.ip:
                balanced.setdefault(entry.ip, []).append(service.full_name)
        for ip in service.external_ips:
            external.setdefault(ip, []).append(service.full_name)
    return balanced, external


def _skipped(service: Service, versions: Container[int]) -> Iterable[Target]:
    """The addresses of a selected Service that are not probed, each with its reason."""
    if not service.ingress:
        yield _skip(None, service, Skip.PENDING)
    for entry in service.ingress:
        if entry.ip is None:
            yield _skip(None, service, Skip.HOSTNAME if entry.hostname else Skip.PENDING, detail=entry.hostname)
        elif why := _not_asked(entry.ip, versions):
            yield _skip(entry.ip, service, why)


def _on_link(target: Target, networks: Iterable[Network]) -> Target:
    if any(target.ip in network for network in networks if target.ip):
        return target
    return replace(target, skips=Skip.OFF_LINK, skipped=_SKIPPED[Skip.OFF_LINK])


def _not_asked(ip: Address, versions: Container[int]) -> Skip | None:
    """Why it is not requested, whoever has it."""
    if not _unicast(ip):
        return Skip.NOT_UNICAST
    if ip.version in versions:
        return None
    return Skip.IPV4 if ip.version == IPV4 else Skip.IPV6


def _skip(ip: Address | None, service: Service, why: Skip, kind: Kind = Kind.LOAD_BALANCER, detail: str = "") -> Target:
    return Target(ip=ip, kind=kind, services=(service.full_name,), skips=why, skipped=_SKIPPED[why].format(detail))


def _merged(skipped: Iterable[Target]) -> Iterable[Target]:
    """One target an address here too, of the first kind that fits; without an address one for each Service."""
    merged: dict[object, Target] = {}
    for target in sorted(skipped, key=lambda target: (_RANK[target.kind], target.services)):
        first = merged.setdefault(target.ip or target.services, target)
        merged[target.ip or target.services] = replace(first, services=tuple(sorted({*first.services, *target.services})))
    return merged.values()


def _knowledge(
    objects: Objects, networks: Sequence[Network], taken: set[Address], asked: Container[Address], *, by_arp: bool
) -> Iterable[Target]:
    """`by_arp`: other addresses than those of IPv6 are requested, for which a proxy may reply."""
    every = {*taken, *(ip for service in objects.services() for ip in service.addresses)}
    found = canary(objects, taken)
    if (by_arp or found) and (nobodys := control(networks, every, asked)):
        yield Target(ip=nobodys, kind=Kind.CONTROL)
    if found:
        yield Target(ip=found, kind=Kind.CANARY)


def _unicast(ip: Address) -> bool:
    """Neither 0.0.0.0 nor a loopback (127.0.0.0/8), a group (224.0.0.0/4) or reserved (240.0.0.0/4); the same in IPv6, where
    a link-local address is each interface's own too."""
    if isinstance(ip, IPv6Address):
        return not (ip.is_unspecified or ip.is_loopback or ip.is_multicast or ip.is_link_local)
    number = int(ip)
    return 0 < number < 0xE0000000 and number >> 24 != 127


def _order(target: Target) -> tuple[int, int, int, tuple[str, ...]]:
    return _RANK[target.kind], target.ip.version if target.ip else 9, int(target.ip) if target.ip else 0, target.services
