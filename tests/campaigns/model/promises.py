"""What must hold between a world's truth and the report on it, and what is measured beside that.

Never broken: `clean` (said to be fine where a fault was put before the prober) and `accusation` (said to be a fault where
nothing is wrong); `misnamed` (a fault, but of another kind or of somebody who did nothing; a node in whose name another
machine answered may be named where `address-conflict` tells of it); `hidden` (the announcer is deaf behind another fault, and
`also` does not say so). `unheard` is counted alone: every
frame that could have shown it was lost on the way, which no prober can know who asked often enough; so is `blind`: only the prober's own machine is
at fault, the address is called ok, and the run as a whole is not; and `unknowable`: one node answers in another's place, and
nothing that can be read says that it should have been the other, or it died and another took its place before any record
said so, or a machine has a dead node's address, or the very MAC that the Service names; and `misled`: the node that
is named did nothing, but the user's own MAC list says it and nothing that came tells otherwise, or another machine has its very
MAC, or answers for its address in its place.

**Healthy** is a world in which nothing is wrong and that has no trait but the harmless ones of an ordinary network and records
that a stronger one outranks: exit code 0 is due (a path that doubles shows by three nodes, and that it is a NotReady node
that answers, and not one in its place, by a list). **Provable** is a fault that lasts the whole run, in a world
where nothing hides it: no frame is lost or doubled, the prober is no node and has an address, every node that takes part is
heard, the record is the deciding one of its implementation and agrees with itself, and no MAC or address is there twice:
exit code 1 is due. What is neither is only held to the promises."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Any

from drawing import HARMLESS
from world import ZERO, Service, World
from world_truth import SLOW, OfAddress, Spell, State, Truth, shown
from world_wire import WorldWire

from arpcheck.model import Arp, CauseId, Mac, Outcome, Report, Severity, Verdict

WRONG = ("clean", "accusation", "misnamed", "hidden", "model")
"""`model`: the kernel that runs answered otherwise than the model's; only where worlds are built on it."""
GOOD = (State.FINE, State.MOVING, State.ELSEWHERE)


@dataclass(frozen=True, slots=True)
class Wrong:
    promise: str
    said: str
    """What arpcheck said, without names, so that like things are alike."""
    true: str
    subject: str
    """The address or the node."""


def broken(world: World, truth: Truth, wire: WorldWire, report: Report) -> tuple[Wrong, ...]:
    """Everything in the report that is not as it is in the world."""
    found = (
        *_clean(world, truth, wire, report),
        *_accusations(world, truth, wire, report),
        *_misnamed(world, truth, wire, report),
    )
    return (*found, *_hidden(world, truth, report), *_causes(world, truth, report))


# --------------------------------------------------------------------------------------------------------- wrong clean


def _clean(world: World, truth: Truth, wire: WorldWire, report: Report) -> Iterator[Wrong]:
    code = report.summary.exit_code
    lossy = bool(world.losses.requests or world.losses.replies)
    for target in report.targets:
        found = truth.addresses.get(target.target.ip) if target.verdict is not None else None
        if found is None or _accepted(world, found, target.target.ip, wire):
            continue
        fine = outcome(target) is Outcome.FINE
        if found.state is State.ELSEWHERE and fine:
            yield Wrong("clean", str(target.verdict), found.why, str(target.target.ip))
        if found.state in (State.FAULT, State.PASSING) and (fine or code == 0):
            seen = shown(world, found, target.target.ip, wire)
            if seen or found.state is State.FAULT:
                extra = {name for spell in found.spells for name in spell.answer - spell.should}
                lucky = lossy and _chance(world, wire, target.target.ip, extra) <= LUCK
                promise = (
                    "unheard"
                    if (lucky and not seen) or (lossy and code != 0 and _behind_a_kernel(world, truth, extra))
                    else "clean"
                )
                if code != 0 and (
                    _all_mine(world, found, target.target.ip, wire) or _unasked(world, truth, found, target, wire, report)
                ):
                    promise = "blind"
                elif any(
                    (
                        *(
                            _unknowable(world, truth, one, target.target.ip)
                            or _at_a_handover(world, _came(world, one, target.target.ip, wire), target.target.ip)
                            for one in _parts(world, found, target.target.ip, wire, code)
                        ),
                        _in_place_of_the_dead(world, truth, found, wire),
                    )
                ):
                    promise = "unknowable"
                yield Wrong(promise, f"{target.verdict}, exit {_code(code)}", _kind_of(world, found), str(target.target.ip))
    for node in report.nodes:
        if node.arp.outcome is Outcome.FINE and node.name in truth.loud:
            seen = any(came.ip == world.canary and came.machine == node.name for came in wire.came)
            lucky = lossy and _chance(world, wire, world.canary, {node.name}) <= LUCK
            yield Wrong("unheard" if lucky and not seen else "clean", f"node {node.arp}", "its kernel answers", node.name)
    if code == 0:
        for what, found in _beside(world, truth, wire):
            yield Wrong("clean", "exit 0", what, found)


def _accepted(world: World, found: OfAddress, ip: IPv4Address, wire: WorldWire) -> bool:
    """Nobody else is wrong but those whom its owner accepts, or in a moment alone in which nothing was asked."""
    names = {name for accepted, responders in world.accepted if accepted == ip for name in responders}
    if not names:
        return False
    spells = tuple(replace(spell, answer=spell.answer - (names - spell.should)) for spell in found.spells)
    right = [spell.right for spell in spells]
    known = tuple(replace(spell, should=spell.should | names) for spell in spells)
    unseen = any(right) and not shown(world, replace(found, state=State.PASSING, spells=known), ip, wire)
    return all(right) or (unseen and all(spell.answer <= spell.should for spell in spells))


def _others(world: World, found: OfAddress, ip: IPv4Address) -> OfAddress:
    """The same without those whose answers are accepted: who is left may be the announcer, where nothing records it."""
    names = {name for accepted, responders in world.accepted if accepted == ip for name in responders}
    return (
        replace(found, spells=tuple(replace(spell, answer=spell.answer - names) for spell in found.spells))
        if names
        else found
    )


def _behind_a_kernel(world: World, truth: Truth, extra: set[str]) -> bool:
    """One with the MAC of a node without strict ARP, whose own two replies a question got lost where it was heard."""
    loud = {nic.mac for name in truth.loud for nic in world.machines[name].nics}
    return bool(extra) and all(nic.mac in truth.twins & loud for name in extra for nic in world.machines[name].nics)


def _at_a_handover(world: World, found: OfAddress, ip: IPv4Address) -> bool:
    """Only those who lead it before and after answer, one at a time and none for a moment at most: one of them a little too
    early or too late, while nobody can say when the record of it changed. Nor can anybody say what a silence means that
    only questions faster than a speaker is sure to read met; the slow round is the last."""
    leaders = {lead.machine for lead in world.service(ip).leads}
    fast, last = float(str(world.options["rate"])) > SLOW, max(spell.end for spell in found.spells)
    short = [spell.end - spell.start < MOMENT or (fast and spell.end < last) for spell in found.spells]
    fits = [len(spell.answer) == 1 or (not spell.answer and brief) for spell, brief in zip(found.spells, short, strict=True)]
    return len(leaders) > 1 and all(fits) and found.answerers <= leaders


def _came(world: World, found: OfAddress, ip: IPv4Address, wire: WorldWire) -> OfAddress:
    """Where frames get lost: of the moments in which several answered, those alone whose answers came."""
    if not (world.losses.requests or world.losses.replies):
        return found
    came: dict[Spell, set[str]] = {}
    for one in wire.came:
        if one.ip == ip:
            came.setdefault(found.at(one.at, one.segment), set()).add(one.machine)
    spells = (replace(s, answer=s.answer & (came.get(s) or s.answer)) if len(s.answer) > 1 else s for s in found.spells)
    return replace(found, spells=tuple(spells))


MOMENT = 0.1
"""Seconds."""


def _parts(world: World, found: OfAddress, ip: IPv4Address, wire: WorldWire, code: int) -> Iterator[OfAddress]:
    """What can be known of an address: of the moments in which it was asked, all of it, that without what is accepted, and
    where the report as a whole does not say that all is fine, that without the prober's own machine."""
    times = {found.at(put.at, put.segment) for put in wire.put if put.ip == ip and put.to is None}
    asked = replace(found, spells=tuple(spell for spell in found.spells if spell in times or not times))
    for part in (asked, _others(world, asked, ip)):
        yield part
        if code != 0:
            own = {world.prober.machine}
            yield replace(part, spells=tuple(replace(spell, answer=spell.answer - own) for spell in part.spells))


LUCK = 0.02
"""Eight questions of which six in ten get lost."""


def _chance(world: World, wire: WorldWire, ip: IPv4Address, extra: set[str]) -> float:
    """That none of these machines' answers comes, of all that was asked: with more questions it had been heard."""
    losses = world.losses
    if any(losses.machine not in ("", name) for name in extra):
        return 0.0
    macs = {nic.mac for name in extra for nic in world.machines[name].nics}
    asked = sum(put.ip == ip and (put.to is None or put.to in macs) for put in wire.put)
    return (losses.requests or losses.replies) ** asked


def _all_mine(world: World, found: OfAddress, ip: IPv4Address, wire: WorldWire) -> bool:
    """Without the prober's own machine all is as it should be, or is wrong in a moment alone in which nothing was asked."""
    own = {world.prober.machine}
    spells = tuple(replace(spell, answer=spell.answer - own, should=spell.should - own) for spell in found.spells)
    right = [spell.right for spell in spells]
    return all(right) or (any(right) and not shown(world, replace(found, state=State.PASSING, spells=spells), ip, wire))


def _unasked(world: World, truth: Truth, found: OfAddress, target: Any, wire: WorldWire, report: Report) -> bool:
    """Nothing that could be known is wrong but a proxy, which answers no sender of 0.0.0.0; no other was there to ask with,
    and the report names the address for that."""
    ip = target.target.ip
    unheard = {name for name, m in world.machines.items() if m.proxy and not m.proxy_takes_zero}
    spells = tuple(replace(spell, answer=spell.answer - unheard) for spell in found.spells)
    silent = target.verdict is Verdict.SILENT and not any(spell.answer for spell in spells)
    rest = silent or all(spell.right for spell in spells) or _unknowable(world, truth, replace(found, spells=spells), ip)
    told = any(gap.what == "sender" and (str(ip) in gap.why or " more" in gap.why) for gap in report.gaps)
    return rest and told and all(put.sender == ZERO for put in wire.put if put.ip == ip)


def _unknowable(world: World, truth: Truth, found: OfAddress, ip: IPv4Address) -> bool:
    """One node answers, and nothing says that it should not: no class of another load balancer, no answer for the canary."""
    service = world.service(ip)
    if service.external and set(world.traits) & {"balance-alb bond", "second NIC"} and not _lists(world):
        return True  # whose the second MAC is, nothing tells, and what strangers answer for such an address is not judged
    if len(found.answerers) == 1 and found.answerers <= _named_by_events(world, service) | _named_by_annotation(service):
        return (
            True  # any node that an event of the last hour or one of several entries names fits, where nothing is stronger
        )
    by_kernel = {name for name in found.answerers if all(speaker.ip != ip for speaker in world.machines[name].speakers)}
    if (by_kernel - found.nodes) & truth.loud or (service.external and service.kind != "unmarked"):
        return False
    named = {mac for mac in service.notes.values() if service.kind in ("unknown", "kube-vip", "kube-vip-common")}
    if found.answerers and all(
        name not in world.nodes and world.machines[name].nics[0].mac in named for name in found.answerers
    ):
        return True  # the Service itself names this MAC, and nothing tells who wrote that
    own = {nic.mac for name in world.nodes for nic in world.machines[name].nics} & truth.twins
    passing = world.nodes.keys() | {name for name, m in world.machines.items() if m.nics[0].mac in own}  # for a node
    one_node = all(len(spell.answer) == 1 and spell.answer <= passing for spell in found.spells)
    died = any(lead.machine and not world.machines[lead.machine].on for lead in service.leads)
    outdated = service.kind == "kube-vip-common" and "expired Lease" in world.traits
    forgotten = service.kind == "metallb-event" and service.long_ago
    return one_node and (died or outdated or forgotten or service.kind in UNRECORDED)


def _named_by_events(world: World, service: Service) -> frozenset[str]:
    """The nodes that an event of the last hour names as the announcer, where MetalLB's ServiceL2Status can't be read."""
    if service.kind != "metallb-event" and not (
        service.kind == "metallb" and any("servicel2statuses" in what for what in world.refused)
    ):
        return frozenset()
    return frozenset(node for of, node, age in world.events if of is service and age < 3600)


def _named_by_annotation(service: Service) -> frozenset[str]:
    """The nodes that PureLB's annotation names, where it has several entries: it does not say which is the last."""
    entries = service.notes.get("purelb.io/announcing-IPv4", "").split() if service.kind == "purelb" else []
    return frozenset(entry.partition(",")[0] for entry in entries) if len(entries) > 1 else frozenset()


def _in_place_of_the_dead(world: World, truth: Truth, found: OfAddress, wire: WorldWire) -> bool:
    """One that answers wrongly has the address of a node of which nothing came, and no list tells its MAC; or it
    has the very MAC of a node that is off, or that should answer and never does."""
    listed = {
        node
        for node, one in world.nodes.items()
        if "MAC list" in world.traits or ("NodeNetworkStates" in world.traits and one.ready)
    }
    silent = {node for node in truth.conflicts if all(came.machine != node for came in wire.came)} - listed
    copies = {name for node in silent for name in truth.conflicts[node]}
    wrong = {name for spell in found.spells for name in spell.answer - spell.should}
    deaf = {name for spell in found.spells for name in spell.should} - found.answerers
    off = {
        nic.mac for name in world.nodes if name in deaf or not world.machines[name].on for nic in world.machines[name].nics
    }
    twins = {name for name in wrong if any(nic.mac in off for nic in world.machines[name].nics)}
    return bool(twins or wrong & copies)


def _lists(world: World) -> bool:
    """NICs are listed, by which another machine at a node's address could be told."""
    return bool(set(world.traits) & {"MAC list", "NodeNetworkStates"})


UNRECORDED = ("unknown", "metallb-bare")


def _beside(world: World, truth: Truth, wire: WorldWire) -> Iterator[tuple[str, str]]:
    heard_of = {mac: {came.machine for came in wire.came if came.mac == mac} for mac in truth.twins}
    yield from (("a node without strict ARP", name) for name in truth.loud)
    dead = {name for name, answer in truth.conflicts.items() if name not in answer and not _lists(world)}
    known = {name for name, node in world.nodes.items() if any(node.ip == ip for ip, _ in world.accepted)}
    yield from (
        ("a node's own address is answered by another machine", name) for name in truth.conflicts.keys() - dead - known
    )
    alike = {
        mac
        for mac in heard_of
        for ip in {c.ip for c in wire.came}
        if len({c.machine for c in wire.came if (c.mac, c.ip) == (mac, ip)}) > 1
    }
    yield from (
        ("one MAC on two machines, and both answered", mac)
        for mac, found in heard_of.items()
        if mac in alike and len(found) > 1
    )
    yield from (("announced unasked by a machine that should not", str(ip)) for ip in truth.shouters)
    yield from (("a stranger has the canary's address", name) for name in truth.strangers)


def _code(code: int) -> str:
    return "0" if code == 0 else "else"


def _kind_of(world: World, found: OfAddress) -> str:
    """What is wrong with an address, without names."""
    wrong = next((spell for spell in found.spells if not spell.right), None)
    if wrong is None:
        return f"{found.state}: nobody answers"
    extra, missing = wrong.answer - wrong.should, wrong.should - wrong.answer
    kinds = sorted(
        {"node" if name in world.nodes else "proxy" if world.machines[name].proxy else "stranger" for name in extra}
    )
    words = [
        f"{'+'.join(kinds)} beside" if kinds and not missing else "+".join(kinds),
        "announcer missing" if missing else "",
    ]
    return f"{found.state}: {', '.join(word for word in words if word)}"


# --------------------------------------------------------------------------------------------------------- accusations


def _accusations(world: World, truth: Truth, wire: WorldWire, report: Report) -> Iterator[Wrong]:
    before: list[Wrong] = []
    listed = misnamed_by_the_list(world, wire)
    misled = {node for node in listed.values() if node}
    misled |= _taken_for_a_twin(truth, wire, report) | _behind_a_twin(world, truth, wire)
    misled |= {str(t.target.ip) for t in report.targets for r in t.responders if listed.keys() & {*r.macs}}
    for target in report.targets:
        found = truth.addresses.get(target.target.ip) if target.verdict is not None else None
        if found is not None and outcome(target) is Outcome.FAULT and found.state in GOOD:
            told = target.verdict is Verdict.SILENT and _copied(world, truth, target.target.ip, wire)
            promise = "misled" if told or str(target.target.ip) in misled else "accusation"
            before.append(Wrong(promise, str(target.verdict), f"{found.state}", str(target.target.ip)))
    for node in report.nodes:
        if node.arp.outcome is Outcome.FAULT and node.name not in truth.loud_for_some:
            promise = "misled" if node.name in misled else "accusation"
            before.append(
                Wrong(promise, f"node {node.arp}", "its kernel answers for nothing that is not its own", node.name)
            )
    for finding in report.findings:
        if finding_outcome(finding) is not Outcome.FAULT:
            continue
        innocent = [str(ip) for ip in finding.ips if truth.addresses.get(ip) and truth.addresses[ip].state in GOOD]
        if finding.id == "non-strict-nodes":
            innocent += [name for name in finding.nodes if name not in truth.loud_for_some]
        before.extend(
            Wrong("misled" if name in misled else "accusation", f"finding {finding.id}", "nothing is wrong with it", name)
            for name in innocent
        )
    passing = any(found.state is State.PASSING for found in truth.addresses.values())
    excused = truth.faulty or passing or truth.conflicts or truth.twins or truth.strangers
    if report.summary.exit_code == 1 and not excused and not before:
        before.append(Wrong("accusation", "exit 1", "nothing is wrong", ""))
    yield from before


def _taken_for_a_twin(truth: Truth, wire: WorldWire, report: Report) -> set[str]:
    """Addresses that a machine answered with a MAC that another has too, for which it was taken; and nothing in the report
    tells that two have it."""
    told = {name for finding in report.findings if finding.id == "shared-mac" for name in finding.nodes}
    found = set()
    for target in report.targets:
        for responder in target.responders:
            shared = truth.twins & {*responder.macs}
            senders = {came.machine for came in wire.came if came.ip == target.target.ip and came.mac in shared}
            if senders and responder.node not in {*senders, *told}:
                found.add(str(target.target.ip))
    return found


def _behind_a_twin(world: World, truth: Truth, wire: WorldWire) -> set[str]:
    """Nodes whose very MAC a machine without strict ARP has too, of which nothing came but what it answered to a question for
    that MAC alone: every answer to all, by which it would have shown as another, was lost on the way."""
    to_all = {put.at for put in wire.put if put.to is None}
    shown = {came.machine for came in wire.came if came.at in to_all}
    macs = {nic.mac for name in truth.loud - shown for nic in world.machines[name].nics} & truth.twins
    return {name for name in world.nodes if name not in truth.loud and {nic.mac for nic in world.machines[name].nics} & macs}


def misnamed_by_the_list(world: World, wire: WorldWire) -> dict[Mac, str | None]:
    """NICs of nodes that the user's own MAC list gives to another node, or, where it has every node, to none; each with what it
    says. Left out is what answered for its own node's address, which tells that the list is wrong, unless it is a Service's too."""
    listed = {mac: node for mac, node, _ in world.mac_list}
    nics = {mac: name for name in world.nodes for nic in world.machines[name].nics for mac in (nic.mac, *nic.legs)}
    shared = {service.ip for service in world.services}
    own = (came for came in wire.came if came.machine in world.nodes and came.ip == world.nodes[came.machine].ip)
    told = {came.mac for came in own if came.ip not in shared}
    every = world.nodes.keys() <= {*listed.values()}
    return {
        mac: listed.get(mac)
        for mac, name in nics.items()
        if mac not in told and listed.get(mac) != name and (mac in listed or every)
    }


def _copied(world: World, truth: Truth, ip: IPv4Address, wire: WorldWire) -> bool:
    """Another machine alone answers for the own address of the node that should answer, in whose place it was heard, and
    of that node nothing came."""
    leaders = {name for lead in world.service(ip).leads if (name := lead.machine)}
    copied = {name for name in leaders if name in truth.conflicts and name not in truth.conflicts[name]}
    return bool(copied) and not any(came.machine in copied and came.ip == ip for came in wire.came)


# ------------------------------------------------------------------------------------------------------------ misnamed


def _misnamed(world: World, truth: Truth, wire: WorldWire, report: Report) -> Iterator[Wrong]:
    for target in report.targets:
        found = truth.addresses.get(target.target.ip) if target.verdict is Verdict.MOVED else None
        accepted = {name for ip, names in world.accepted if ip == target.target.ip for name in names}
        if found is not None and _at_once(wire, target.target.ip, accepted - {world.service(target.target.ip).leader(0)}):
            yield Wrong("misnamed", "moved", "two machines answered one question", str(target.target.ip))
    conflicts = {name for finding in report.findings if finding.id == "address-conflict" for name in finding.nodes}
    listed = misnamed_by_the_list(world, wire)
    for target in report.targets:
        found = truth.addresses.get(target.target.ip) if target.verdict is not None else None
        if found is None or found.state in GOOD or outcome(target) is not Outcome.FAULT:
            continue
        answerers, subject, verdict = found.answerers, str(target.target.ip), target.verdict
        proxies, own = {name for name in answerers if world.machines[name].proxy}, {world.prober.machine}
        plain = not set(world.traits) & HIDING
        lossy = bool(world.losses.requests or world.losses.replies)
        came = (
            {one.machine for one in wire.came if one.ip == target.target.ip} if lossy else answerers
        )  # what is lost, nobody can name
        ever_alone = any(spell.answer == spell.should for spell in found.spells)
        fits = {
            Verdict.FOREIGN: bool(answerers - world.nodes.keys()),
            Verdict.PROXY_ARP: bool(proxies),
            Verdict.NON_STRICT: bool(answerers & truth.loud_for_some),
            Verdict.DUPLICATE: len(answerers) > 1
            and not (plain and answerers & truth.loud - {world.service(target.target.ip).leader(0)}),
            Verdict.WRONG_NODE: any(
                a and not spell.should & a
                for spell in found.spells
                for a in (spell.answer, spell.answer - own, spell.answer & came)
            ),
            Verdict.SILENT: any(not spell.answer - own for spell in found.spells) or ever_alone,
        }
        hides = plain and verdict is not Verdict.PROXY_ARP and any(world.machines[name].proxy == "all" for name in proxies)
        if verdict is not None and (hides or not fits.get(verdict, True)):
            blind = verdict is Verdict.SILENT and _unasked(world, truth, found, target, wire, report)
            told = any(listed.keys() & {*responder.macs} for responder in target.responders)
            yield Wrong(
                "blind" if blind else "misled" if told else "misnamed", str(verdict), _kind_of(world, found), subject
            )
        for responder in target.responders:
            doubted = responder.node in conflicts and truth.conflicts.get(responder.node, frozenset()) & answerers
            if responder.node is not None and responder.node not in answerers and not doubted:
                told = (
                    "false MAC list" in world.traits
                    or _listed_before(world, responder.node, responder.macs)
                    or any(mac in truth.twins for mac in responder.macs)
                )
                told |= _in_place_of_the_dead(world, truth, found, wire) or _copy_of_a_twin(
                    world, truth, responder.node, answerers
                )
                yield Wrong(
                    "misled" if told else "misnamed",
                    f"{verdict} names a node that does not answer",
                    _kind_of(world, found),
                    subject,
                )


def _copy_of_a_twin(world: World, truth: Truth, node: str, answerers: Collection[str]) -> bool:
    """A machine that answers has the own address of this node as well, whose own MAC counts as another node's."""
    copies = {*truth.conflicts.get(node, ())} - {node}
    return bool(copies & {*answerers}) and all(nic.mac in truth.twins for nic in world.machines[node].nics)


def _listed_before(world: World, node: str, macs: Iterable[Mac]) -> bool:
    """A NodeNetworkState of long ago gives this node a NIC that it has not, and nothing heard tells otherwise."""
    own = {nic.mac for nic in world.machines[node].nics}
    return any(mac in macs and mac not in own for name, nics, _ in world.nic_states if name == node for _, mac in nics)


def _at_once(wire: WorldWire, ip: IPv4Address, accepted: Collection[str | None]) -> bool:
    """Answers of several machines to one question came, those aside that are accepted."""
    came: dict[tuple[float, str], set[str]] = {}
    for one in wire.came:
        if one.ip == ip and one.machine not in accepted:
            came.setdefault((one.at, one.segment), set()).add(one.machine)
    return any(len(machines) > 1 for machines in came.values())


# -------------------------------------------------------------------------------------------------------------- hidden


def _hidden(world: World, truth: Truth, report: Report) -> Iterator[Wrong]:
    """The announcer does not answer, which goes on when the fault that the verdict names has been cured."""
    if set(world.traits) & HIDING or not hasattr(next(iter(report.targets), None), "also"):
        return
    for target in report.targets:
        found = truth.addresses.get(target.target.ip) if target.verdict is not None else None
        if found is None or found.state is not State.FAULT or target.verdict in (Verdict.SILENT, Verdict.WRONG_NODE):
            continue
        service = world.service(target.target.ip)
        leader = service.leader(0)
        here = any(leader in spell.should for spell in found.spells)
        gone = here and leader not in found.answerers and service.kind in RECORDED and not service.external
        if gone and outcome(target) is Outcome.FAULT and leader not in {one.node for one in target.also}:
            yield Wrong("hidden", str(target.verdict), "and its announcer does not answer", str(target.target.ip))


def _causes(world: World, truth: Truth, report: Report) -> Iterator[Wrong]:
    """A cause says no more than is so: who is concerned, and what is configured."""
    mode, strict = world.kube_proxy or ("none", None)
    several = any(len(found.answerers) > 1 for found in truth.addresses.values())  # at once or, in a failover, in turn
    for cause in report.causes:
        fits = {
            CauseId.STRICT_ARP_UNSET: mode == "ipvs" and not strict,
            CauseId.NOT_RESTARTED: mode == "ipvs" and strict is True,
            CauseId.MAYBE_NOT_RESTARTED: mode == "ipvs",
            CauseId.OLDER_MODE: mode != "ipvs",
            CauseId.SPLIT_BRAIN: several or bool(truth.twins) or "false MAC list" in world.traits,
            CauseId.STRANGER_ON_CANARY: bool(truth.strangers or truth.conflicts or truth.twins or truth.loud)
            or any(machine.proxy for machine in world.machines.values()),
            CauseId.PROBER_IS_NODE: bool({world.prober.machine, *world.prober.others} & world.nodes.keys()),
        }
        if not fits.get(cause.id, True):
            yield Wrong(
                "misnamed", f"cause {cause.id}", f"kube-proxy {mode}, strictARP {strict}, several answer: {several}", ""
            )
        innocent = {*cause.nodes} & (world.nodes.keys() - truth.loud_for_some) if cause.id.of_answering else set()
        if innocent and not (truth.twins or truth.conflicts or "false MAC list" in world.traits):
            yield Wrong(
                "accusation", f"cause {cause.id}", "the node's kernel answers for nothing that is not its own", min(innocent)
            )


def outcome(target: Any) -> Outcome:
    """A target's own outcome where it has one (an accepted or external address), else its verdict's."""
    own = getattr(target, "outcome", None)
    return own if isinstance(own, Outcome) else target.verdict.outcome


def finding_outcome(finding: Any) -> Outcome:
    own = getattr(finding, "outcome", None)
    if isinstance(own, Outcome):
        return own
    return Outcome.FAULT if finding.severity is Severity.ERROR else Outcome.FINE


# ---------------------------------------------------------------------------------------------------- what is due


def healthy(world: World, truth: Truth) -> bool:
    """Exit code 0 is due."""
    traits = set(world.traits)
    if not truth.spotless or traits - HARMLESS - OUTRANKED or int(str(world.options["rounds"])) < 3:
        return False
    if "second NIC" in traits and not traits & {"MAC list", "NodeNetworkStates"}:
        return False
    if _doubles_unseen(world) or ("announcer NotReady" in traits and not _lists(world)):
        return False
    if "MAC list" not in traits and any(found.answerers & _not_ready(world) for found in truth.addresses.values()):
        return False
    if "events of two nodes" in traits and ("failover before" in traits or _moved_back_unseen(world)):
        return False
    return not any(service.kind in ("unmarked",) for service in world.services)


def _moved_back_unseen(world: World) -> bool:
    """The only event of an address names a node that had it in between, since that of its announcer has expired."""
    return any(service.kind == "metallb-event" and service.long_ago for service, _, _ in world.events)


def _not_ready(world: World) -> frozenset[str]:
    """Another machine may have the address of one of these."""
    return frozenset(name for name, node in world.nodes.items() if not node.ready)


def _doubles_unseen(world: World) -> bool:
    """The path doubles, and too few nodes are there to show that it is the path."""
    here = sum(world.machines[name].on and world.machines[name].on_segment("lan") for name in world.nodes)
    return "path doubles" in world.traits and here < 3


OUTRANKED = frozenset({
    "Lease in another namespace", "expired Lease", "hwaddr left behind", "status of a dead node", "events of two nodes",
    "a node's clock", "failover before", "announcer elsewhere", "storage too", "removed node", "split brain", "another answers",
    "announcer deaf",
})  # fmt: skip
"""Traits that leave a world healthy where nothing is wrong in it: records left behind that a stronger one outranks, and
troubles that found nobody to strike."""

HIDING = frozenset({
    "clone", "clone announces", "twin MAC", "questions lost", "replies lost", "dropped by the prober", "frames doubled",
    "prober is a node", "no address", "refused", "a node's clock", "balance-alb bond", "old MAC list", "false MAC list", "old NodeNetworkState",
    "partial MAC list", "odd arp_ignore", "hwaddr left behind", "status of a dead node", "events of two nodes",
    "Lease in another namespace", "failover", "failover before", "pool holds a node's address", "shouter", "canary's stranger",
    "removed node", "two load balancers", "ServiceLB", "second NIC", "storage too",
    "DHCP macvlan", "expired Lease", "announcer crashed", "announcer NotReady", "two statuses", "old entry",
    "announcer restarts", "the last are dropped", "appliance's address on a node",
})  # fmt: skip
"""Traits that can hide a fault, or make the record of it less than sure."""

RECORDED = ("metallb", "cilium", "kube-vip", "kube-vip-common", "purelb")
"""Load balancers that say who announces, by a record of the first rank."""


def provable(world: World, truth: Truth) -> tuple[str, ...]:
    """The faults for which exit code 1 is due; none where none can be proven, or none is there."""
    if set(world.traits) & HIDING or int(str(world.options["rounds"])) < 3 or _doubles_unseen(world):
        return ()
    return (*(f"{name} without strict ARP" for name in truth.loud), *_provable_addresses(world, truth))


def _provable_addresses(world: World, truth: Truth) -> Iterable[str]:
    everybody = all(world.nodes[name].ready and world.machines[name].on_segment("lan") for name in world.nodes)
    listed = "MAC list" in world.traits
    ready = all(node.ready for node in world.nodes.values())
    for service in world.services:
        found = truth.addresses[service.ip]
        if found.state is not State.FAULT or service.external or any(service.ip == ip for ip, _ in world.accepted):
            continue
        answerers, leader = found.answerers, service.leader(0)
        nodes = answerers & world.nodes.keys()
        strangers = answerers - nodes
        proxies = {name for name in strangers if world.machines[name].proxy}
        recorded = service.kind in RECORDED and "short leases" not in world.traits
        if any(world.machines[name].proxy == "all" for name in proxies):
            yield f"{service.ip} is answered by a proxy"
        elif strangers - proxies:
            printer = world.machines.get("printer")
            other_oui = printer is not None and printer.nics[0].mac[:8] not in {
                n.mac[:8] for name in world.nodes for n in world.machines[name].nics
            }
            if (listed and service.kind != "unknown") or (
                everybody and ready and other_oui and recorded and leader in answerers
            ):
                yield f"{service.ip} is answered by a foreign host"
        elif len(nodes) > 1 and service.kind not in ("metallb-bgp", "purelb-remote"):
            yield f"{service.ip} is answered by two nodes"
        elif nodes and service.kind in ("metallb-bgp", "purelb-remote") and not proxies:
            yield f"{service.ip}, which BGP announces, is answered"
        elif nodes and leader not in nodes and recorded:
            yield f"{service.ip} is answered by another node"
        elif not answerers and leader is not None and recorded:
            yield f"{service.ip} is not answered by its announcer"
        elif not answerers and leader is None and everybody and service.kind.startswith("metallb"):
            yield f"{service.ip} is answered by nobody"


__all__ = ["GOOD", "HIDING", "WRONG", "Arp", "Wrong", "broken", "healthy", "misnamed_by_the_list", "provable"]
