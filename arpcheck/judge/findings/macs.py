"""Findings about MACs: whose they are not, and what is said of them that can't all be true."""

from __future__ import annotations

from ipaddress import IPv4Address

from arpcheck.judge.findings.finding import Found, Rule
from arpcheck.judge.judged import Judged
from arpcheck.model import Mac, Owner, Severity


def foreign_mac(judged: Judged) -> Found | None:
    """Means: a host that is no node of this cluster answers for a Service address, or for the canary; the latter is the
    kernel of another or of a former cluster that holds the same Service range.

    Decided when:
    1. a MAC answered for an asked address, or for the canary.
    2. it is no node's, and every Ready node has a MAC known on this segment.

    Do:
    - Find the host by its MAC in the switch's address table.
    - A machine that left the cluster: reset it (`kubeadm reset`, `ip link del kube-ipvs0`) or switch it off.
    - Another cluster with the same Service range: turn strict ARP on there too."""
    because, ips = [], []
    for judgement, party in judged.strangers():
        if judgement.case.is_foreign(party):
            because.append(f"{judgement.case.words(party)} answered for {judgement.ip}")
            ips.append(judgement.ip)
    for mac in judged.canary_macs():
        if judged.canary and judged.owners[mac].foreign:
            because.append(f"{_words(judged.owners[mac])} answered for the canary {judged.canary}")
            ips.append(judged.canary)
    return Found(because=tuple(because), ips=tuple(ips)) if because else None


def unknown_mac(judged: Judged) -> Found | None:
    """Means: these MACs answered for a Service address or for the canary, and it is not known whose they are. A node
    without strict ARP may be among them.

    Decided when:
    1. a MAC answered for an asked address, or for the canary.
    2. no source says whose it is, or the sources can't be told apart.
    3. and it can't be called foreign, since a node may have a MAC here that is not known.

    Do:
    - Name its owner with `--mac-map FILE`; `arpcheck inventory` shows what is known and how to learn the rest."""
    said: dict[Mac, list[IPv4Address]] = {}
    for judgement, party in judged.strangers():
        if not judgement.case.is_known(party):
            for mac in party.macs:
                said.setdefault(mac, []).append(judgement.ip)
    for mac in judged.canary_macs():
        owner = judged.owners[mac]
        if judged.canary and owner.node is None and not owner.foreign:
            said.setdefault(mac, []).append(judged.canary)
    because = tuple(f"{_words(judged.owners[mac])} answered for {_listed(ips)}" for mac, ips in sorted(said.items()))
    return Found(because=because, ips=tuple(ip for ips in said.values() for ip in ips)) if because else None


def _listed(ips: list[IPv4Address], most: int = 5) -> str:
    more = f" and {len(ips) - most} more" if len(ips) > most else ""
    return ", ".join(str(ip) for ip in ips[:most]) + more


def proxy_arp(judged: Judged) -> Found | None:
    """Means: a device on this segment answers for addresses that are not its own. What it answered was set aside.

    Decided when:
    1. a MAC answered for the control, an address that nobody owns.
    2. or it answered for the addresses of several nodes when asked with this host's address, and for none with 0.0.0.0.

    Do:
    - Turn proxy ARP off on that device for this segment, or know why it is on.
    - Clients may send their traffic to it: look at which answer comes first (`firstReplyMs`)."""
    proxies = sorted(owner.mac for owner in judged.owners.values() if owner.proxy)
    because = []
    for mac in proxies:
        controls = [str(ip) for ip in judged.controls if mac in judged.hearing.by_mac(ip)]
        what = f"for the control {', '.join(controls)}" if controls else "for several nodes, but never to 0.0.0.0"
        because.append(f"{_words(judged.owners[mac])} answered {what}")
    ips = tuple(j.ip for j, party in judged.strangers() if j.case.is_proxy(party))
    return Found(because=tuple(because), ips=ips) if because else None


def conflicting_identity(judged: Judged) -> Found | None:
    """Means: the sources disagree on whose a MAC is. The strongest source was taken; all are in the report.

    Decided when:
    1. two sources name different nodes for one MAC that answered.

    Do:
    - Correct the file or the object that is wrong: a cloned machine, a renamed node, an old list, an address taken over."""
    because: list[str] = []
    nodes: list[str] = []
    for owner in _heard(judged):
        by_source: dict[str, set[str]] = {}
        for identity in owner.identities:
            by_source.setdefault(identity.source, set()).add(identity.node)
        if len({frozenset(names) for names in by_source.values()}) > 1:
            because.append(f"{owner.mac}: " + "; ".join(f"{i.node} by {i.source} ({i.detail})" for i in owner.identities))
            nodes.extend(identity.node for identity in owner.identities)
    return Found(because=tuple(because), nodes=tuple(nodes)) if because else None


def shared_mac(judged: Judged) -> Found | None:
    """Means: one source gives the same MAC to several nodes, so it tells nothing about who answered.

    Decided when:
    1. one source names several nodes for a MAC that answered.

    Do:
    - Look for cloned machines: a MAC must be unique on its segment.
    - A virtual MAC that is meant to be the same everywhere does not belong in a MAC list."""
    because: list[str] = []
    nodes: list[str] = []
    for owner in _heard(judged):
        by_source: dict[str, set[str]] = {}
        for identity in owner.identities:
            by_source.setdefault(identity.source, set()).add(identity.node)
        for source, names in sorted(by_source.items()):
            if len(names) > 1:
                because.append(f"{owner.mac} is of {' and '.join(sorted(names))} by {source}")
                nodes.extend(names)
    return Found(because=tuple(because), nodes=tuple(nodes)) if because else None


def overlay_mac(judged: Judged) -> Found | None:
    """Means: the MAC of an overlay's tunnel answered on the LAN, where it should never be seen.

    Decided when:
    1. a MAC that answered is one that a node's annotations name as a tunnel's.

    Do:
    - Look on the node for a bridge that joins the tunnel's device with the LAN."""
    seen = [owner.mac for owner in _heard(judged) if owner.mac in judged.overlays]
    because = tuple(f"{mac} answered: {judged.overlays[mac]}" for mac in seen)
    return Found(because=because) if because else None


def own_cache(judged: Judged) -> Found | None:
    """Means: this host has its own ARP entries for asked addresses; its traffic goes to those MACs now. Asking may have
    changed them.

    Decided when:
    1. this host's ARP table held a complete entry for an asked address on a probed interface after the run.

    Do:
    - Where the entry is wrong: `ip neigh flush to ADDRESS`."""
    asked = {judgement.ip for judgement in judged.asked()}
    found = [n for n in judged.host.neighbours if n.ip in asked and n.interface in judged.interfaces]
    because = tuple(f"{n.ip} is at {n.mac} on {n.interface}{_node(judged, n.mac)}" for n in found)
    return Found(because=because, ips=tuple(n.ip for n in found)) if because else None


def _heard(judged: Judged) -> list[Owner]:
    return [judged.owners[mac] for mac in judged.hearing.macs()]


def _words(owner: Owner) -> str:
    return f"{owner.mac} ({owner.label})" if owner.label else owner.mac


def _node(judged: Judged, mac: Mac) -> str:
    owner = judged.owners.get(mac)
    return f", {owner.node}" if owner and owner.node else ""


RULES = (
    Rule(id="foreign-mac", severity=Severity.ERROR, find=foreign_mac),
    Rule(id="unknown-mac", severity=Severity.WARNING, find=unknown_mac),
    Rule(id="proxy-arp", severity=Severity.WARNING, find=proxy_arp),
    Rule(id="conflicting-identity", severity=Severity.WARNING, find=conflicting_identity),
    Rule(id="shared-mac", severity=Severity.WARNING, find=shared_mac),
    Rule(id="overlay-mac", severity=Severity.WARNING, find=overlay_mac),
    Rule(id="own-cache", severity=Severity.INFO, find=own_cache),
)
