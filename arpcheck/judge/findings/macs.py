"""Findings about MAC addresses: foreign, unknown, shared, doubled, or with sources that contradict each other."""

from __future__ import annotations

from collections.abc import Sequence

from arpcheck.judge.judged import Found, Judged, Rule
from arpcheck.model import Address, Arp, Mac, Outcome, Owner, Severity


def foreign_mac(judged: Judged) -> Found | None:
    """Means: a host that is not a node of this cluster replies for a Service address or for the canary. A host that replies
    for the canary belongs to another or a former cluster with the same Service range.

    Decided when:
    1. a MAC address replied for a probed address, and the verdict `foreign` is proven for it.
    2. or a MAC address replied for the canary that is none of the listed NICs of all nodes. This is a warning.
    3. or every node replied, and the MAC address is of another vendor and replied to no unicast request for a node's
       address. This is a warning too.

    Do:
    - Find the host by its MAC address in the switch's address table.
    - If the address is in the load balancer's pool and in use elsewhere, remove it from the pool.
    - If a former node replies for the canary, reset it (`kubeadm reset`, `ip link del kube-ipvs0`) or power it off. It can
      also be a node of another cluster with the same Service range."""
    because, ips = [], []
    for judgement, party in judged.strangers():
        if judgement.case.is_foreign(party):
            because.append(f"{judgement.case.words(party)} replied for {judgement.ip}")
            ips.append(judgement.ip)
    proven = bool(because)
    for nic in judged.canary_nics():
        if judged.canary and (judged.owners[nic].outside or judged.owners[nic].apart):
            because.append(f"{_owner_label(judged.owners[nic])} replied for the canary {judged.canary}")
            ips.append(judged.canary)
    if not because:
        return None
    weaker = (None, None) if proven else (Severity.WARNING, Outcome.UNSURE)
    return Found(because=tuple(because), ips=tuple(ips), severity=weaker[0], outcome=weaker[1])


def unknown_mac(judged: Judged) -> Found | None:
    """Means: these MAC addresses replied for a Service address or for the canary, and their owner is unknown. A node
    without strict ARP may be among them.

    Decided when:
    1. a MAC address replied for a probed address, or for the canary. In IPv6 also one that replied only to a request to
       all nodes or to it alone, where another host replies to clients.
    2. and no source names its owner, or the sources contradict each other.
    3. and it can't be called foreign, since a node may have a NIC here that is not known.

    Do:
    - Name its owner with `--mac-map FILE`. `arpcheck inventory` shows what is known and how to learn the rest."""
    said: dict[Mac, list[Address]] = {}
    for judgement, party in judged.strangers():
        if not judgement.case.is_known(party):
            for mac in party.macs:
                said.setdefault(mac, []).append(judgement.ip)
    for judgement in judged.asked():
        for one in judgement.case.hidden if judgement.case.parties else ():
            if one.owner.node is None and judgement.ip:
                said.setdefault(one.nic[1], []).append(judgement.ip)
    labels: dict[Mac, str] = {}
    for nic in judged.canary_nics():
        owner = judged.owners[nic]
        if judged.canary and owner.node is None and not owner.outside and not owner.apart:
            said.setdefault(nic[1], []).append(judged.canary)
    for (_, mac), owner in judged.owners.items():
        labels.setdefault(mac, _owner_label(owner))
    because = tuple(f"{labels[mac]} replied for {_listed(ips)}" for mac, ips in sorted(said.items()))
    if not because:
        return None
    return Found(because=because, ips=tuple(ip for ips in said.values() for ip in ips), do=_settles(judged, sorted(said)))


def _settles(judged: Judged, macs: Sequence[Mac]) -> tuple[str, ...]:
    """The lines for a MAC list that would show the owner."""
    unlisted = [s.name for s in judged.nodes if not any(i.lists_all for n in s.nics for i in judged.owners[n].identities)]
    unheard = [state.name for state in judged.nodes if state.arp is Arp.UNREACHED and state.name in unlisted]
    could = next(iter((*unheard, *unlisted)), "NODE")
    seen = {nic[1]: owner.seen_at for nic, owner in judged.owners.items() if owner.seen_at}
    lines = ", ".join(f"`{mac},{seen.get(mac, could)}`" for mac in macs[:3])
    steps = [f"If it is a node's NIC, add a line MAC,NODE to the MAC list: {lines} (with the right node)"]
    if unlisted:
        steps.append(
            f"If it is not, list every NIC of every node. {', '.join(unlisted[:5])}"
            f"{f' and {len(unlisted) - 5} more' if len(unlisted) > 5 else ''} have no complete list yet "
            "(`arpcheck inventory --manifest` prints what makes one)"
        )
    return tuple(steps)


def _listed(ips: list[Address], most: int = 5) -> str:
    more = f" and {len(ips) - most} more" if len(ips) > most else ""
    return ", ".join(str(ip) for ip in ips[:most]) + more


def proxy_arp(judged: Judged) -> Found | None:
    """Means: a device on this segment replies for addresses that it does not own. Its replies to the same sender were set
    aside.

    Decided when:
    1. a MAC address replied for the control, an address that nobody owns.
    2. or it replied for the addresses of several nodes to requests from this host's address, and to none from 0.0.0.0.

    Do:
    - Turn proxy ARP off on that device for this segment, unless it is intended.
    - Check which reply comes first (`firstReplyMs`): clients may send their traffic to the proxy."""
    because = []
    for nic, owner in sorted(judged.owners.items()):
        if owner.proxied:
            controls = [str(ip) for ip in judged.controls if nic in judged.observations.by_nic(ip)]
            what = f"for the control {', '.join(controls)}" if controls else "for several nodes, but never to 0.0.0.0"
            because.append(f"{owner.node or _owner_label(owner)} replied {what}")
    ips = tuple(j.ip for j in judged.asked() if j.case.proxies)
    return Found(because=tuple(because), ips=ips) if because else None


def address_conflict(judged: Judged) -> Found | None:
    """Means: several MAC addresses reply for a node's own address, and no list of NICs says that all of them belong to the
    node. Either they are two NICs of the node, or another machine has its address: a clone, a machine that came back, a
    device with the address by mistake. What such a MAC address replied for is `inconclusive`.

    Decided when:
    1. two MAC addresses replied for a node's own address on one segment, or one for its IPv4 address and another for its
       IPv6 address, or one replied that is not in a complete list of the node's NICs.
    2. and the address is not also a Service's while the node has another one here.
    3. and no source that lists NICs (this host, NodeNetworkState of a Ready node, `--mac-map FILE`) gives all of them to
       the node.
    4. MAC addresses that reply for every address, and those known to belong to another node, do not count.

    Do:
    - Check on the node whether both are its NICs (`ip -br link`). If so, list them with `--mac-map FILE`. The finding is
      then `arp-flux` if both reply for a Service's address.
    - If not, find the other machine by its MAC address in the switch's address table, and give it another address."""
    because: list[str] = []
    nodes: list[str] = []
    ips: list[Address] = []
    macs: list[str] = []
    for conflict in judged.conflicts:
        everybody = sorted({mac for _, mac in judged.observations.by_nic(conflict.ip)})
        told = f"it is a second NIC of {conflict.node}, or another machine has its address"
        if len(everybody) == 1:
            told = f"no list has it as a NIC of {conflict.node}"
            if any(one.node == conflict.node and one.ip.version != conflict.ip.version for one in judged.conflicts):
                told += ", of which another MAC address replied for the address of the other IP version"
        because.append(f"{' and '.join(everybody)} replied for {conflict.ip}, the own address of {conflict.node}: {told}")
        nodes.append(conflict.node)
        ips.append(conflict.ip)
        macs += [f"`{mac},{conflict.node}`" for _, mac in conflict.nics]
    if not because:
        return None
    lines = ", ".join(dict.fromkeys(macs))
    do = (f"If these are the node's NICs, add them to the MAC list: {lines}",)
    return Found(because=tuple(because), nodes=tuple(nodes), ips=tuple(ips), do=do)


def arp_flux(judged: Judged) -> Found | None:
    """Means: several NICs of one node reply for a Service's address. Clients use any of them. If only one carries the
    traffic (rp_filter, a missing route), connections hang.

    Decided when:
    1. several MAC addresses of one node replied for a probed address on one segment.
    2. and a source that lists NICs says that all of them belong to the node.

    Do:
    - MetalLB: name the NIC in the L2Advertisement's `interfaces`.
    - Or leave the node one NIC on the segment. For IPv4, arp_ignore=1 and arp_announce=2 on the node do as well."""
    because: list[str] = []
    nodes: list[str] = []
    ips: list[Address] = []
    for judgement in judged.asked():
        for party in (one for one in judgement.case.parties if one.flux):
            nics = () if judgement.case.is_doubtful(party) else judgement.case.nics_of(party)
            segments = [segment for segment, _ in nics]
            if party.node and len(segments) > len({*segments}):
                because.append(f"{party.node} replied for {judgement.ip} from {' and '.join(party.macs)}")
                nodes.append(party.node)
                ips.append(judgement.ip)
    return Found(because=tuple(because), nodes=tuple(nodes), ips=tuple(ips)) if because else None


def doubled_replies(judged: Judged) -> Found | None:
    """Means: one MAC address replies more than once to every request. Two machines may have the same MAC address: a cloned
    machine, or a virtual MAC address that was left behind on a node.

    Decided when:
    1. one MAC address replied more than once to most of the requests for a probed address, or for a node's own address.
    2. and no kernel without strict ARP beside a speaker on that node explains it. These two give two replies, and only with
       a load balancer that has a speaker (MetalLB has one; kube-vip, PureLB, ServiceLB and Cilium have none).
    3. and other nodes' own addresses do not get double replies too, as they do if a switch or a mirrored port doubles
       every frame.

    Do:
    - Check in the switch's address table whether the MAC address moves between ports.
    - Read `/proc/net/bonding/*` on the node. A bond in mode `balance-alb` sends a burst of replies when it moves a host to
      another of its NICs. Run it again, or list the finding in an `--accept` file.
    - kube-vip with `kube-vip.io/hwaddr`: look on every node for a device with this MAC address that was left behind (`ip
      link`)."""
    because: list[str] = []
    nodes: list[str] = []
    ips: list[Address] = []
    for ip, name, mac in judged.doubled_at_home:
        because.append(f"{mac} ({name}) replied more than once per request for {ip}, the own address of {name}")
        nodes.append(name)
        ips.append(ip)
    for judgement in judged.asked():
        for (_, mac), node in judgement.case.doubled:
            because.append(f"{mac}{f' ({node})' if node else ''} replied more than once per request for {judgement.ip}")
            nodes.extend([node] if node else [])
            ips.append(judgement.ip)
    return Found(because=tuple(because), nodes=tuple(nodes), ips=tuple(ips)) if because else None


def gratuitous(judged: Judged) -> Found | None:
    """Means: a MAC address announced a probed address by gratuitous ARP and does not reply for it. Hosts that received it
    may have put this MAC address into their ARP cache.

    Decided when:
    1. while arpcheck ran, an ARP frame announced a probed address with this MAC address.
    2. and the MAC address did not reply for the address and is not a NIC of a node that did.
    3. if it is a node's own address, the MAC address does not belong to that node.

    Do:
    - Find the sender. kube-vip and keepalived announce an address when they take it over, and a node that has lost it must
      stop.
    - Run it again, since a failover while arpcheck ran looks the same: `sudo arpcheck probe`."""
    because: list[str] = []
    nodes: list[str] = []
    ips: list[Address] = []
    for judgement in judged.asked():
        for found in judgement.case.gratuitous:
            owner = judged.owners.get((judged.observations.segment(found.interface), found.mac))
            node = owner.node if owner else None
            times = "once" if found.frames == 1 else f"{found.frames} times"
            because.append(f"{found.mac}{f' ({node})' if node else ''} announced {judgement.ip} {times}")
            nodes.extend([node] if node else [])
            ips.append(judgement.ip)
    for name, addresses in sorted(judged.addresses.items()):
        for one in [one for own in addresses for one in judged.observations.gratuitous.get(own, ())]:
            owner = judged.owners.get((judged.observations.segment(one.interface), one.mac))
            if owner is None or owner.node != name:
                because.append(f"{one.mac} announced {one.ip}, the own address of {name}")
                nodes.append(name)
                ips.append(one.ip)
    return Found(because=tuple(because), nodes=tuple(nodes), ips=tuple(dict.fromkeys(ips))) if because else None


def node_address(judged: Judged) -> Found | None:
    """Means: a Service has the own address of a node, a common mistake in a load balancer's pool. That node's kernel always
    replies for it, whichever other node does.

    Decided when:
    1. a probed address of a Service is also a Node's InternalIP or ExternalIP.
    2. and the Service is not served by k3s's ServiceLB, which uses the nodes' addresses on purpose.

    Do:
    - Remove the nodes' addresses from the pool, and give the Service another address."""
    because: list[str] = []
    nodes: list[str] = []
    ips: list[Address] = []
    for judgement in judged.asked():
        target, owners = judgement.case.target, judgement.case.own_address_of
        by_design = any(a.implementation == "servicelb" for a in judgement.case.announcements[:1])
        if owners and not by_design:
            because.append(f"{target.ip} of {', '.join(target.services)} is {' and '.join(owners)}'s own address")
            nodes.extend(owners)
            ips.append(judgement.ip)
    return Found(because=tuple(because), nodes=tuple(nodes), ips=tuple(ips)) if because else None


def conflicting_identity(judged: Judged) -> Found | None:
    """Means: the sources name different owners for a MAC address. The strongest source was used; all of them are in the
    report.

    Decided when:
    1. two sources name different nodes for one MAC address that replied.

    Do:
    - Correct the file or the object that is wrong: a cloned machine, a renamed node, an old list, an address that moved."""
    because: list[str] = []
    nodes: list[str] = []
    for owner in _owners_that_replied(judged):
        by_source: dict[str, set[str]] = {}
        for identity in owner.identities:
            by_source.setdefault(identity.source, set()).add(identity.node)
        if len({frozenset(names) for names in by_source.values()}) > 1:
            because.append(f"{owner.mac}: " + "; ".join(f"{i.node} by {i.source} ({i.detail})" for i in owner.identities))
            nodes.extend(identity.node for identity in owner.identities)
    return Found(because=tuple(because), nodes=tuple(nodes)) if because else None


def shared_mac(judged: Judged) -> Found | None:
    """Means: one MAC address belongs to several nodes, so it does not show which of them replied.

    Decided when:
    1. one source names several nodes for a MAC address that replied.
    2. or a MAC address replied for the own addresses of several nodes, and no other MAC address did.

    Do:
    - Look for cloned machines. A MAC address must be unique on its segment.
    - Remove a virtual MAC address that several nodes share on purpose from the MAC list."""
    because: list[str] = []
    nodes: list[str] = []
    for owner in _owners_that_replied(judged):
        by_source: dict[str, set[str]] = {}
        for identity in owner.identities:
            by_source.setdefault(identity.source, set()).add(identity.node)
        for source, names in sorted(by_source.items()):
            if len(names) > 1:
                because.append(f"{owner.mac} belongs to {' and '.join(sorted(names))} according to {source}")
                nodes.extend(names)
    for (_, mac), several in judged.twins.items():
        because.append(f"only {mac} replied for the own addresses of {' and '.join(several)}")
        nodes.extend(several)
    return Found(because=tuple(because), nodes=tuple(nodes)) if because else None


def overlay_mac(judged: Judged) -> Found | None:
    """Means: the MAC address of an overlay network's tunnel replied on the LAN, where it must not appear.

    Decided when:
    1. a MAC address that replied is a tunnel's by the annotations of a node.

    Do:
    - Look on the node for a bridge that connects the tunnel's device with the LAN."""
    seen = [owner.mac for owner in _owners_that_replied(judged) if owner.mac in judged.overlays]
    because = tuple(f"{mac} replied: {judged.overlays[mac]}" for mac in seen)
    return Found(because=because) if because else None


def own_cache(judged: Judged) -> Found | None:
    """Means: this host has ARP entries for probed addresses and sends its own traffic to those MAC addresses. The probe may
    have changed the entries.

    Decided when:
    1. after the run, this host's ARP table had a complete entry for a probed address on a probed interface.
    2. it is a warning if the entry names a MAC address that did not reply.

    Do:
    - If the entry is wrong, delete it: `sudo ip neigh flush to ADDRESS`."""
    by_ip = {judgement.ip: judgement for judgement in judged.asked()}
    found = [n for n in judged.host.neighbours if n.ip in by_ip and n.interface in judged.interfaces]
    because, wrong = [], False
    for entry in found:
        answered = entry.mac in {mac for party in by_ip[entry.ip].case.parties for mac in party.macs}
        wrong = wrong or not answered
        owner = judged.owners.get((judged.observations.segment(entry.interface), entry.mac))
        node = f", {owner.node}" if owner and owner.node else ""
        told = "" if answered else ", which did not reply"
        because.append(f"{entry.ip} is at {entry.mac} on {entry.interface}{node}{told}")
    if not because:
        return None
    severity = Severity.WARNING if wrong else Severity.INFO
    return Found(because=tuple(because), ips=tuple(n.ip for n in found), severity=severity)


def _owners_that_replied(judged: Judged) -> list[Owner]:
    return [judged.owners[nic] for nic in judged.observations.nics()]


def _owner_label(owner: Owner) -> str:
    return f"{owner.mac} ({owner.label})" if owner.label else owner.mac


RULES = (
    Rule(id="foreign-mac", severity=Severity.ERROR, outcome=Outcome.FAULT, find=foreign_mac),
    Rule(id="unknown-mac", severity=Severity.WARNING, outcome=Outcome.UNSURE, find=unknown_mac),
    Rule(id="address-conflict", severity=Severity.WARNING, outcome=Outcome.UNSURE, find=address_conflict),
    Rule(id="doubled-replies", severity=Severity.WARNING, outcome=Outcome.UNSURE, find=doubled_replies),
    Rule(id="gratuitous", severity=Severity.WARNING, outcome=Outcome.UNSURE, find=gratuitous),
    Rule(id="node-address", severity=Severity.WARNING, outcome=Outcome.FINE, find=node_address),
    Rule(id="arp-flux", severity=Severity.WARNING, outcome=Outcome.FINE, find=arp_flux),
    Rule(id="proxy-arp", severity=Severity.WARNING, outcome=Outcome.FINE, find=proxy_arp),
    Rule(id="conflicting-identity", severity=Severity.WARNING, outcome=Outcome.UNSURE, find=conflicting_identity),
    Rule(id="shared-mac", severity=Severity.WARNING, outcome=Outcome.UNSURE, find=shared_mac),
    Rule(id="overlay-mac", severity=Severity.WARNING, outcome=Outcome.FINE, find=overlay_mac),
    Rule(id="own-cache", severity=Severity.INFO, outcome=Outcome.FINE, find=own_cache),
)
