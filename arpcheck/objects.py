"""Kubernetes objects as plain JSON, with accessors for the fields that every stage reads.

Anyone may have written an object, so each accessor returns None or an empty value for a field that is missing or of the
wrong type."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Any, TypeVar

from arpcheck.model import Address, Gap

Object = Mapping[str, Any]
Made = TypeVar("Made")


def at(obj: Any, *path: str) -> Any:
    """The value at `path`; None if a step is not a mapping or lacks the key."""
    for key in path:
        if not isinstance(obj, (dict, Mapping)):  # the check for dict is fast, the one for Mapping goes through its ABC
            return None
        obj = obj.get(key)
    return obj


def text(obj: Any, *path: str) -> str:
    """The string at `path`. Does not call `at`, because it is the most frequent call of all."""
    for key in path:
        if not isinstance(obj, (dict, Mapping)):
            return ""
        obj = obj.get(key)
    return obj if isinstance(obj, str) else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, (dict, Mapping)) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def items(obj: Any, *path: str) -> tuple[Any, ...]:
    value = at(obj, *path)
    return tuple(value) if isinstance(value, list | tuple) else ()


def texts(obj: Any, *path: str) -> tuple[str, ...]:
    return tuple([value for value in items(obj, *path) if isinstance(value, str)])


def mapping(obj: Any, *path: str) -> Mapping[str, str]:
    """Labels or annotations: only string values with string keys."""
    return {k: v for k, v in _mapping(at(obj, *path)).items() if isinstance(k, str) and isinstance(v, str)}


def name(obj: Any) -> str:
    return text(obj, "metadata", "name")


def namespace(obj: Any) -> str:
    return text(obj, "metadata", "namespace")


def full_name(obj: Any) -> str:
    """`namespace/name`, or the name alone for an object without a namespace."""
    return f"{namespace(obj)}/{name(obj)}" if namespace(obj) else name(obj)


def annotations_of(obj: Any) -> Mapping[str, str]:
    return mapping(obj, "metadata", "annotations")


def labels_of(obj: Any) -> Mapping[str, str]:
    return mapping(obj, "metadata", "labels")


def address(value: Any) -> Address | None:
    """Parses an IP address; None for anything else. An IPv4-mapped IPv6 address becomes the IPv4 address."""
    if not isinstance(value, str):
        return None
    plain = value.strip()
    try:  # like `ip_address`, four times as fast: a large cluster has tens of thousands of addresses
        first, second, third, last = plain.split(".")
        return IPv4Address(_OCTETS[first] << 24 | _OCTETS[second] << 16 | _OCTETS[third] << 8 | _OCTETS[last])
    except (ValueError, KeyError):
        return _ipv6(plain)


_OCTETS = {str(number): number for number in range(256)}
"""Without leading zeros, which some programs read as octal."""


def _ipv6(plain: str) -> Address | None:
    try:
        found = IPv6Address(plain)
    except ValueError:
        return None
    return found.ipv4_mapped or found


def ipv4(value: Any) -> IPv4Address | None:
    found = address(value)
    return found if isinstance(found, IPv4Address) else None


def instant(value: Any) -> datetime | None:
    """A Kubernetes Time or MicroTime (RFC 3339) as an aware datetime."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # OverflowError at the limits of datetime
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingress:
    """One entry of `status.loadBalancer.ingress[]`."""

    ip: Address | None
    hostname: str
    mode: str
    """`VIP` also for servers without the field (kubernetes/api core/v1, LoadBalancerIPMode)."""

    @classmethod
    def read(cls, entry: Any) -> Ingress:
        found = _mapping(entry)
        return cls(
            ip=address(found.get("ip")), hostname=_text(found.get("hostname")), mode=_text(found.get("ipMode")) or "VIP"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The fields of a Service."""

    namespace: str
    name: str
    type: str
    cluster_ips: tuple[Address, ...]
    external_ips: tuple[Address, ...]
    ingress: tuple[Ingress, ...]
    load_balancer_class: str | None
    local_traffic_only: bool
    """externalTrafficPolicy: Local."""
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    raw: Object
    """The object itself, for fields that only one load balancer reads (finalizers, conditions)."""

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def addresses(self) -> tuple[Address, ...]:
        """All addresses of the Service: load balancer, external and cluster addresses."""
        return (*(entry.ip for entry in self.ingress if entry.ip), *self.external_ips, *self.cluster_ips)

    @classmethod
    def read(cls, obj: Object) -> Service:
        meta, spec = _mapping(at(obj, "metadata")), _mapping(at(obj, "spec"))
        cluster_ips = texts(spec, "clusterIPs") or (spec.get("clusterIP"),)
        return cls(
            namespace=_text(meta.get("namespace")),
            name=_text(meta.get("name")),
            type=_text(spec.get("type")) or "ClusterIP",
            cluster_ips=tuple([ip for value in cluster_ips if (ip := address(value))]),
            external_ips=tuple([ip for value in texts(spec, "externalIPs") if (ip := address(value))]),
            ingress=tuple([Ingress.read(entry) for entry in items(obj, "status", "loadBalancer", "ingress")]),
            load_balancer_class=_text(spec.get("loadBalancerClass")) or None,
            local_traffic_only=spec.get("externalTrafficPolicy") == "Local",
            labels=mapping(meta, "labels"),
            annotations=mapping(meta, "annotations"),
            raw=obj,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """The fields of a Node."""

    name: str
    ready: bool | None
    """None if it has no Ready condition."""
    addresses: tuple[IPv4Address, ...]
    """IPv4 of `status.addresses[]`, InternalIP and ExternalIP."""
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    raw: Object
    ipv6: tuple[IPv6Address, ...] = ()
    """The IPv6 addresses among them, without link-local ones."""

    @property
    def every_address(self) -> tuple[Address, ...]:
        return (*self.addresses, *self.ipv6)

    @classmethod
    def read(cls, obj: Object) -> Node:
        ready = [text(c, "status") for c in items(obj, "status", "conditions") if text(c, "type") == "Ready"]
        found = [
            address(text(entry, "address"))
            for entry in items(obj, "status", "addresses")
            if text(entry, "type") in ("InternalIP", "ExternalIP")
        ]
        return cls(
            name=name(obj),
            ready=ready[0] == "True" if ready else None,
            addresses=tuple(dict.fromkeys(ip for ip in found if isinstance(ip, IPv4Address))),
            ipv6=tuple(dict.fromkeys(ip for ip in found if isinstance(ip, IPv6Address) and not ip.is_link_local)),
            labels=labels_of(obj),
            annotations=annotations_of(obj),
            raw=obj,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """The cluster as it was read once: only the fields that a Need names."""

    resources: Mapping[str, tuple[Object, ...]] = field(default_factory=dict)
    """Objects by resource name as in kubectl, plural and group. A missing resource was not read: not served (then it has no
    gap), forbidden (then it has one), or not requested."""
    gaps: tuple[Gap, ...] = ()
    context: str | None = None
    """The kubeconfig context, `in-cluster`, or the name of the file."""
    kubeconfig: str | None = None
    """The path of the kubeconfig of this context that was named by an option or by KUBECONFIG; None if kubectl finds it by
    itself, and for a file or a pod."""
    server: str | None = field(default=None, compare=False)
    """The URL of the API server, for a notice before the run; not saved."""
    account: str | None = field(default=None, compare=False)
    """How it was reached, for the same: `kubeconfig FILE`, `the pod's service account`. None for a file."""
    version: str | None = None
    """The server's version; None if unknown."""
    read_at: datetime | None = None
    """When the objects were read, by this host's clock; None for a file without the time."""
    server_ahead: float | None = None
    """Seconds by which the API server's clock is ahead of this host's (its Date header); None if unknown."""
    _memo: dict[object, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    def of(self, resource: str) -> tuple[Object, ...]:
        return self.resources.get(resource, ())

    def gap(self, resource: str) -> Gap | None:
        """The gap of this resource; None if it was read or is not served."""
        return self._gaps().get(resource)

    def _gaps(self) -> Mapping[str, Gap]:
        """The first gap of each resource."""
        return self.memo("gaps", lambda: {gap.what: gap for gap in reversed(self.gaps)})

    def not_in_file(self, resource: str) -> bool:
        """Whether the file has no such object and does not show whether the cluster has any: a file without a time does not
        show what kubectl was asked for."""
        return self.read_at is None and resource not in self.resources and self.gap(resource) is None

    def services(self) -> tuple[Service, ...]:
        return self.memo("services", lambda: tuple(Service.read(obj) for obj in self.of("services")))

    def nodes(self) -> tuple[Node, ...]:
        """Sorted by name."""
        return self.memo("nodes", lambda: tuple(sorted((Node.read(o) for o in self.of("nodes")), key=lambda n: n.name)))

    def by(self, resource: str, key: Callable[[Object], str | None]) -> Mapping[str, tuple[Object, ...]]:
        """The objects of a resource by `key`, which must be a module-level function: the index is cached."""

        def index() -> Mapping[str, tuple[Object, ...]]:
            found: dict[str, list[Object]] = {}
            for obj in self.of(resource):
                if (value := key(obj)) is not None:
                    found.setdefault(value, []).append(obj)
            return {value: tuple(objs) for value, objs in found.items()}

        return self.memo((resource, key), index)

    def memo(self, key: object, make: Callable[[], Made]) -> Made:
        """Returns `make()`, called once for each `key`. Objects never change, so neither does what is derived from them."""
        if key not in self._memo:
            self._memo[key] = make()
        found: Made = self._memo[key]
        return found


# ---------------------------------------------------------------------------------------------------------- Label selectors

_TERM = re.compile(
    r"\s*(?P<not>!)?\s*(?P<key>[A-Za-z0-9./_-]+)\s*"
    r"(?:(?P<op>==|=|!=|\bin\b|\bnotin\b)\s*(?P<value>\([^)]*\)|[A-Za-z0-9._-]*)\s*)?"
)


def selects(selector: str, found: Mapping[str, str]) -> bool:
    """Whether labels match a selector of `kubectl -l`: `a=b`, `a!=b`, `a`, `!a`, `a in (b,c)`, `a notin (b)`.

    Raises ValueError for an invalid selector (docs: concepts/overview/working-with-objects/labels)."""
    terms = _all_terms(
        selector
    )  # parses the whole selector before it evaluates any term, so that an error at its end is found
    return all(_fits(term, found) for term in terms)


@lru_cache(maxsize=64)
def _all_terms(selector: str) -> tuple[re.Match[str], ...]:
    return tuple(_terms(selector))


def _terms(selector: str) -> Iterable[re.Match[str]]:
    for term in re.split(r",(?![^(]*\))", selector) if selector.strip() else ():
        if not (match := _TERM.fullmatch(term)) or (match["not"] and match["op"]):
            raise ValueError(f"invalid label selector: {selector!r}")
        if (match["op"] in ("in", "notin")) != (match["value"] or "").startswith("("):
            raise ValueError(f"invalid label selector: {selector!r}")
        yield match


def _fits(term: re.Match[str], found: Mapping[str, str]) -> bool:
    value = found.get(term["key"])
    wanted: Sequence[str] = [part.strip() for part in (term["value"] or "").strip("()").split(",")]
    match term["op"]:
        case None:
            return (value is None) == bool(term["not"])
        case "=" | "==" | "in":
            return value in wanted
        case _:
            return value not in wanted
