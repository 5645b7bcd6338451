"""What the wire showed, and the conditions of the table of causes. Each condition gives the nodes for which it holds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from arpcheck.kubeproxy import modes
from arpcheck.kubeproxy.modes import Oddity, has
from arpcheck.model import KubeProxy


@dataclass(frozen=True, slots=True, kw_only=True)
class WireObservations:
    """What the wire showed beyond the canary; what was not asked stays as it is here."""

    answered: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By LoadBalancer address: the nodes that replied. An address without replies has an empty set."""
    strangers: frozenset[str] = frozenset()
    """LoadBalancer addresses for which a MAC address that is not a node's replied."""
    stranger_on_canary: bool = False
    """A MAC address that is not a node's replied for the canary."""
    twice: frozenset[str] = frozenset()
    """Nodes that sent several replies to a request, though not for their own address."""
    gateways: frozenset[str] | None = None
    """Nodes whose pod gateway was replied for; None: it was not probed."""
    node_addresses: bool | None = None
    """A reply was received for some node's own address; None: none was probed."""
    prober: str | None = None
    """The node that arpcheck runs on."""
    unknown: bool = False
    """A MAC address replied for an address or the canary, and it is not known whether it is a node's."""
    holders: frozenset[str] = frozenset()
    """Nodes that replied for an address which BGP announces and their load balancer puts on every node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """All that a row of the table can look at."""

    proxies: Mapping[str, KubeProxy]
    non_strict: frozenset[str]
    judged: frozenset[str]
    in_cluster: frozenset[str]
    heard: WireObservations

    @property
    def ours(self) -> frozenset[str]:
        return self.non_strict & self.in_cluster

    def of(self, fits: Callable[[KubeProxy], bool]) -> frozenset[str]:
        """The non-strict nodes of this cluster whose kube-proxy fits."""
        return frozenset(node for node in self.ours if node in self.proxies and fits(self.proxies[node]))


Concerned = Callable[[Seen], Collection[str] | None]
"""The nodes that a cause concerns; None or no node: it does not hold. `HOLDS` where it holds and concerns none."""
HOLDS = ("",)


def _ipvs(proxy: KubeProxy) -> bool:
    return proxy.mode == modes.IPVS


def odd(*oddities: Oddity) -> Concerned:
    return lambda seen: seen.of(lambda proxy: not _is_strict(proxy) and has(proxy.notes, *oddities))


def _is_strict(proxy: KubeProxy) -> bool:
    return _ipvs(proxy) and proxy.strict_arp is True


def unset(seen: Seen) -> Collection[str]:
    explained = (Oddity.MISSPELT, Oddity.MISPLACED, Oddity.FLAGS_IGNORED, Oddity.REFUSED)
    return seen.of(lambda proxy: _ipvs(proxy) and proxy.strict_arp is False and not has(proxy.notes, *explained))


def half_rolled(seen: Seen) -> Collection[str]:
    return seen.of(lambda proxy: _is_strict(proxy) and has(proxy.notes, Oddity.NOT_ROLLED))


def not_restarted(seen: Seen) -> Collection[str]:
    return seen.of(lambda p: _is_strict(p) and p.loaded is False and not has(p.notes, Oddity.NOT_ROLLED, Oddity.DIFFERS))


def maybe_not_restarted(seen: Seen) -> Collection[str]:
    explained = (Oddity.NOT_ROLLED, Oddity.NOT_RUNNING)
    return seen.of(lambda proxy: _is_strict(proxy) and proxy.loaded is None and not has(proxy.notes, *explained))


def stopped(seen: Seen) -> frozenset[str]:
    return seen.of(lambda proxy: has(proxy.notes, Oddity.NOT_RUNNING))


def runs_otherwise(seen: Seen) -> Collection[str]:
    return seen.of(lambda proxy: proxy.loaded is False and has(proxy.notes, Oddity.DIFFERS))


def fell_back(seen: Seen) -> Collection[str]:
    """Its kernel answers for its pod gateway, so it is not strict, and holds no Service address, so it is not IPVS."""
    quiet = (seen.judged - seen.non_strict) & (seen.heard.gateways or frozenset())
    return {node for node in quiet if node in seen.proxies and _ipvs(seen.proxies[node])}


def kernel(seen: Seen) -> Collection[str]:
    """Strict by its configuration and not known to be older than it."""
    router = modes.KUBE_ROUTER
    runs = seen.of(lambda proxy: (_is_strict(proxy) and proxy.loaded is not False) or proxy.mode == router)
    return runs - stopped(seen)


def quiet_mode(seen: Seen) -> Collection[str]:
    return seen.of(lambda proxy: proxy.mode != modes.NFTABLES and _binds_nothing(proxy))


def nftables(seen: Seen) -> Collection[str]:
    return seen.of(lambda proxy: proxy.mode == modes.NFTABLES and _binds_nothing(proxy))


def _binds_nothing(proxy: KubeProxy) -> bool:
    return proxy.mode in modes.BINDS_NOTHING and not has(proxy.notes, Oddity.DIFFERS)


def older_mode(seen: Seen) -> Collection[str]:
    return seen.of(lambda proxy: proxy.mode in modes.BINDS_NOTHING and proxy.loaded is False)


def hidden(seen: Seen) -> Collection[str]:
    return {node for node in seen.ours if node not in seen.proxies or _unknown(seen.proxies[node])}


def _unknown(proxy: KubeProxy) -> bool:
    return not has(proxy.notes, Oddity.REFUSED) and (proxy.mode is None or (_ipvs(proxy) and proxy.strict_arp is None))


def healthy(seen: Seen) -> Collection[str] | None:
    heard = seen.heard
    quiet = not seen.non_strict and not heard.strangers and not heard.stranger_on_canary
    quiet = quiet and not heard.unknown and not heard.holders
    return HOLDS if quiet and heard.answered and all(len(nodes) == 1 for nodes in heard.answered.values()) else None


def latent(seen: Seen) -> Collection[str]:
    """Non-strict by the canary, although each LoadBalancer address has one answer."""
    found = seen.heard.answered.values()
    return seen.ours if found and all(len(nodes) == 1 for nodes in found) else ()


def split_brain(seen: Seen) -> Collection[str]:
    several = [nodes for nodes in seen.heard.answered.values() if len(nodes) > 1 and nodes.isdisjoint(seen.non_strict)]
    return frozenset[str]().union(*several)


def beside_a_node(seen: Seen) -> Collection[str]:
    return frozenset[str]().union(*(seen.heard.answered.get(ip, frozenset()) for ip in seen.heard.strangers))


def stranger_alone(seen: Seen) -> Collection[str] | None:
    return HOLDS if any(not seen.heard.answered.get(ip) for ip in seen.heard.strangers) else None


def gone(seen: Seen) -> Collection[str]:
    return seen.non_strict - seen.in_cluster


def stranger_on_canary(seen: Seen) -> Collection[str] | None:
    return HOLDS if seen.heard.stranger_on_canary else None


def twice(seen: Seen) -> Collection[str]:
    return seen.heard.twice & seen.non_strict


def silent(seen: Seen, *, reached: bool) -> Collection[str] | None:
    silent = any(not nodes and ip not in seen.heard.strangers for ip, nodes in seen.heard.answered.items())
    return HOLDS if silent and seen.heard.node_addresses is reached else None


def prober(seen: Seen) -> Collection[str]:
    return (seen.heard.prober,) if seen.heard.prober else ()
