"""Draws worlds: an ordinary cluster first, then traits, each from dice of its own.

Because every trait has its own dice, a world can be drawn again without one of them and be the same in all else, which is how
a wrong result is made small. `HARMLESS` traits leave a healthy cluster healthy; of the others each says what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from math import inf
from random import Random

from world import Announced, Held, KubeNode, Leads, Machine, Nic, Prober, Service, Speaker, World

from arpcheck.model import Mac

LAN, STORAGE, FAR = "lan", "storage", "far"
NETWORKS = {LAN: IPv4Network("10.0.0.0/24"), STORAGE: IPv4Network("10.5.0.0/24"), FAR: IPv4Network("10.9.0.0/24")}
CANARY = IPv4Address("10.96.0.1")

NODE_OUIS = ("52:54:00", "e4:1d:2d", "00:50:56")
OTHER_OUIS = ("00:1b:63", "3c:d9:2b", "b8:27:eb")

KINDS = (
    ("metallb",) * 5
    + ("metallb-event",) * 2
    + ("cilium",) * 3
    + ("kube-vip",) * 2
    + ("kube-vip-common", "purelb", "metallb-bare", "unknown")
)
"""As `kube_records` writes them."""
ON_NIC = ("kube-vip", "kube-vip-common", "purelb")
"""The kernel answers, since the leader has the address on a NIC."""


@dataclass(frozen=True, slots=True)
class Focus:
    """What every world of a series has, so that a rare rule decides in most of them."""

    traits: tuple[str, ...] = ()
    """Of the other troubles it has none."""
    kinds: tuple[str, ...] = ()
    """Load balancers to choose from; empty: any."""
    modes: tuple[tuple[str, bool | None], ...] = ()
    """Of kube-proxy; empty: any."""


NO_FOCUS = Focus()


class Draw:
    """One world in the making."""

    def __init__(self, seed: int, without: frozenset[str], focus: Focus) -> None:
        self.seed, self._without, self._focus = seed, without, focus
        base = self.dice("base")
        mood = base.random()
        self._trouble = 0.0 if mood < 0.6 else 1.0 if mood < 0.9 else 3.0
        self._only = base.choice(ALONE) if 0.3 < mood < 0.6 else ""
        if focus.traits:
            self._trouble, self._only = 0.0, ""
        self.oui = base.choice(NODE_OUIS)
        self.kind = base.choice(focus.kinds or KINDS)
        self.mode = (
            ("none", None)
            if self.kind == "cilium"
            else base.choice(focus.modes or (("iptables", None), ("nftables", None), ("ipvs", True), ("ipvs", True)))
        )
        self.rounds = base.choice((3, 3, 3, 3, 2, 4, 5))
        self.rate = base.choice((10.0, 10.0, 10.0, 50.0, 100.0, 1000.0, 4000.0))
        self.world = World(
            seed=seed, networks=NETWORKS, machines={}, nodes={}, services=[], prober=Prober(machine="client"), canary=CANARY,
            kube_proxy=None if self.mode[0] == "none" else self.mode,
        )  # fmt: skip
        self._taken = 0

    def dice(self, name: str) -> Random:
        return Random(f"{self.seed} {name}")  # noqa: S311 - a draw, not a secret

    def trait(self, name: str, chance: float) -> Random | None:
        """The trait's dice where this world has it."""
        dice = self.dice(name)
        factor = 1.0 if name in HARMLESS else self._trouble
        due = name == self._only or name in self._focus.traits
        if (dice.random() >= chance * factor and not due) or name in self._without:
            return None
        self.world.traits = (*self.world.traits, name)
        return dice

    def say(self, words: str) -> None:
        self.world.about.append(words)

    def mac(self, oui: str | None = None) -> Mac:
        self._taken += 1
        return Mac(f"{oui or self.oui}:00:{self._taken // 256:02x}:{self._taken % 256:02x}")

    # -------------------------------------------------------------------------------------------------------- to choose

    def here(self) -> list[str]:
        """Nodes on the LAN that are alive and Ready; where there is none, all nodes."""
        found = [n for n, node in self.world.nodes.items() if node.ready and self.world.machines[n].on]
        return [name for name in found if self.world.machines[name].on_segment(LAN)] or list(self.world.nodes)

    def ordinary(self) -> list[Service]:
        """Services that some node announces on the LAN."""
        return [s for s in self.world.services if s.kind in KINDS and s.leads and s.leads[0].machine in self.world.nodes]

    def one(self, dice: Random, *, alone: bool = False) -> Service | None:
        """`alone`: its announcer can change, and no other Service's nor a node's own address with it."""
        homes = {node.ip for node in self.world.nodes.values()}
        found = [s for s in self.ordinary() if not alone or (s.kind != "kube-vip-common" and s.ip not in homes)]
        return dice.choice(found) if found else None

    def other_than(self, dice: Random, *names: str | None) -> str | None:
        found = [name for name in self.here() if name not in names and self.world.machines[name].on]
        return dice.choice(found) if found else None

    def host(self, name: str, ip: IPv4Address, *, oui: str | None = None, mac: Mac | None = None) -> Machine:
        nic = Nic("eth0", LAN, mac or self.mac(oui or OTHER_OUIS[len(name) % 3]), (IPv4Interface((ip, 24)),))
        self.world.machines[name] = found = Machine(name, [nic])
        return found

    def answer(self, service: Service, machine: str, start: float = -inf, end: float = inf) -> None:
        """The machine answers for the address as the Service's load balancer does it."""
        found = self.world.machines[machine]
        if service.kind in ON_NIC:
            found.held.append(Held(service.ip, next(nic.name for nic in found.nics), start, end))
        else:
            found.speakers.append(Speaker(service.ip, service.nics, start, end, ebpf=service.kind == "cilium"))

    def unanswer(self, service: Service, machine: str) -> None:
        found = self.world.machines[machine]
        found.held = [held for held in found.held if held.ip != service.ip or held.on is None]
        found.speakers = [speaker for speaker in found.speakers if speaker.ip != service.ip]

    def takes(self) -> float:
        """About how long the run is."""
        asks = len(self.world.services) + 2 * len(self.world.nodes) + 4
        return max(asks * self.rounds / self.rate, self.rounds - 1 + asks / self.rate) + 1


def draw(seed: int, without: frozenset[str] = frozenset(), focus: Focus = NO_FOCUS) -> World:
    """The world of this number, always the same."""
    making = Draw(seed, without, focus)
    _nodes(making)
    _services(making)
    for step in (*_SHAPES, *_TROUBLES, *_OTHERS, *_RECORDS, *_ASKING):
        step(making)
    _hold(making)
    world = making.world
    world.options = {"rounds": making.rounds, "rate": making.rate, **world.options}
    return world


# ------------------------------------------------------------------------------------------------- an ordinary cluster


def _nodes(making: Draw) -> None:
    dice, world = making.dice("nodes"), making.world
    count = dice.choice((1, 2, 3, 3, 3, 4, 4, 5, 6, 8))
    if many := making.trait("many nodes", 0.04):
        count = many.randint(21, 30)
    strict = 1 if making.mode[0] == "ipvs" else dice.choice((0, 0, 0, 1))
    for number in range(1, count + 1):
        name, ip = f"worker-{number}", IPv4Address(f"10.0.0.{10 + number}")
        world.nodes[name] = KubeNode(name, ip)
        nic = Nic("eth0", LAN, making.mac(), (IPv4Interface((ip, 24)),))
        world.machines[name] = Machine(name, [nic], arp_ignore=strict)
    if dice := making.trait("far node", 0.12):
        for name in dice.sample(list(world.nodes), k=dice.randint(1, max(1, count // 3))):
            if count > 1:
                _move_far(making, name)
    if (dice := making.trait("powered off", 0.2)) and (name := making.other_than(dice, "worker-1")):
        world.nodes[name].ready = world.machines[name].on = False
        making.say(f"{name} is powered off and NotReady")
    if (dice := making.trait("alive but NotReady", 0.07)) and (name := making.other_than(dice, "worker-1")):
        world.nodes[name].ready = False
        making.say(f"{name} is NotReady and runs")


def _move_far(making: Draw, name: str) -> None:
    if name == "worker-1":
        return
    world, number = making.world, int(name.partition("-")[2])
    world.nodes[name].ip = ip = IPv4Address(f"10.9.0.{10 + number}")
    world.machines[name].nics[0].segment = FAR
    world.machines[name].nics[0].addresses = (IPv4Interface((ip, 24)),)
    making.say(f"{name} is behind a router")


def _services(making: Draw) -> None:
    dice, world = making.dice("services"), making.world
    kinds = [making.kind]
    if other := making.trait("two load balancers", 0.1):  # never two versions of one
        kinds.append(other.choice([kind for kind in KINDS if kind.partition("-")[0] != making.kind.partition("-")[0]]))
    common = dice.choice(making.here())
    for number in range(dice.choice((1, 1, 2, 2, 3, 4, 6))):
        kind = dice.choice(kinds)
        service = Service(
            name=f"s{number}", namespace=dice.choice(("web", "shop")), ip=IPv4Address(f"10.0.0.{100 + number}"),
            cluster_ip=IPv4Address(f"10.96.7.{number + 1}"), kind=kind,
        )  # fmt: skip
        leader = common if kind == "kube-vip-common" else dice.choice(making.here())
        service.leads = [Leads(leader)]
        world.services.append(service)
        making.answer(service, leader)
    client = Nic("eth0", LAN, making.mac("9c:5c:8e"), (IPv4Interface("10.0.0.200/24"),))
    world.machines["client"] = Machine("client", [client])


# ------------------------------------------------------------------------------------------------- the shape of things


def _second_nic_same(making: Draw) -> None:
    if dice := making.trait("second NIC", 0.1):
        name = dice.choice(making.here())
        machine = making.world.machines[name]
        number = int(name.partition("-")[2])
        own = (IPv4Interface((IPv4Address(f"10.0.0.{60 + number}"), 24)),) if dice.random() < 0.4 else ()
        machine.nics.append(Nic("eth1", LAN, making.mac(), own))
        making.say(f"{name} has a second NIC on the LAN{' with an address' if own else ''}, arp_ignore={machine.arp_ignore}")


def _second_nic_other(making: Draw) -> None:
    if making.trait("storage NIC", 0.1):
        for name in making.here():
            number = int(name.partition("-")[2])
            address = IPv4Interface((IPv4Address(f"10.5.0.{10 + number}"), 24))
            making.world.machines[name].nics.append(Nic("eth2", STORAGE, making.mac(), (address,)))
        making.say("every node has a NIC on a storage network")


def _bond(making: Draw) -> None:
    if dice := making.trait("balance-alb bond", 0.06):
        name = dice.choice(making.here())
        nic = making.world.machines[name].nics[0]
        nic.legs = (nic.mac, making.mac())
        making.say(f"{name} has a balance-alb bond")


def _odd_arp_ignore(making: Draw) -> None:
    if dice := making.trait("odd arp_ignore", 0.03):
        name, value = dice.choice(making.here()), dice.choice((2, 3, 8))
        if dice.random() < 0.5:
            making.world.machines[name].arp_ignore = value
        else:
            making.world.machines[name].nics[0].arp_ignore = value
        making.say(f"{name} has arp_ignore={value}")


def _quiet_iptables(making: Draw) -> None:
    """The configuration says false, and the kernels are quiet: a sysctl.d file, or an earlier start."""
    if making.trait("strict ARP by hand", 0.08) and making.mode[0] == "ipvs":
        making.world.kube_proxy = ("ipvs", False)
        making.say("kube-proxy's configuration says strictARP false, and the kernels are quiet")


_SHAPES: tuple[Callable[[Draw], None], ...] = (_second_nic_same, _second_nic_other, _bond, _odd_arp_ignore, _quiet_iptables)


# ------------------------------------------------------------------------------------------------------------- troubles


def _non_strict(making: Draw) -> None:
    if (dice := making.trait("non-strict", 0.2)) and making.mode[0] != "none":
        names = making.here() if dice.random() < 0.5 else dice.sample(making.here(), k=1)
        said = dice.choice((("ipvs", False), ("ipvs", False), ("ipvs", True), ("iptables", None)))
        making.world.kube_proxy = said
        making.mode = ("ipvs", said[1])
        for machine in making.world.machines.values():
            machine.arp_ignore = machine.arp_ignore or 1
        for name in names:
            making.world.machines[name].arp_ignore = 0
            making.world.nodes[name].kube_proxy_age = 9e6 if said[1] else 86400.0
        making.say(f"IPVS without strict ARP on {', '.join(names)}; configured: {said[0]}, strictARP {said[1]}")


def _split(making: Draw) -> None:
    if (dice := making.trait("split brain", 0.1)) and (service := making.one(dice)):
        second = making.other_than(dice, *(lead.machine for lead in service.leads))
        if second:
            making.answer(service, second)
            making.say(f"{second} answers for {service.ip} as well as {service.leads[0].machine}")


def _wrong_node(making: Draw) -> None:
    if (dice := making.trait("another answers", 0.07)) and (service := making.one(dice)):
        leader, second = service.leads[0].machine, making.other_than(dice, *(lead.machine for lead in service.leads))
        if second and leader:
            making.unanswer(service, leader)
            making.answer(service, second)
            making.say(f"{second} answers for {service.ip} in place of {leader}")


def _deaf(making: Draw) -> None:
    if (dice := making.trait("announcer deaf", 0.07)) and (service := making.one(dice)):
        leader = service.leads[0].machine or ""
        making.unanswer(service, leader)
        making.say(f"{leader} should answer for {service.ip} and does not")


def _nobody(making: Draw) -> None:
    """No endpoint is ready, say; nobody is left who answers."""
    if (dice := making.trait("nobody chosen", 0.05)) and (service := making.one(dice, alone=True)):
        for name in making.world.nodes:
            making.unanswer(service, name)
        service.leads = [Leads(None)]
        making.say(f"no node was chosen for {service.ip}, and none answers")


def _foreign(making: Draw) -> None:
    if (dice := making.trait("foreign host", 0.09)) and (service := making.one(dice)):
        oui = dice.choice((making.oui, None, None))
        machine = making.host("printer", IPv4Address("10.0.0.210"), oui=oui)
        machine.held.append(Held(service.ip, "eth0"))
        alone = dice.random() < 0.3
        if alone and service.leads[0].machine:
            making.unanswer(service, service.leads[0].machine)
        making.say(
            f"a host of {'the nodes' if oui else 'other'} hardware has {service.ip}{', and its announcer is deaf' if alone else ''}"
        )


def _removed(making: Draw) -> None:
    if dice := making.trait("removed node", 0.05):
        machine = making.host("worker-99", IPv4Address("10.0.0.99"), oui=making.oui)
        if dice.random() < 0.6:
            machine.held = [
                Held(ip)
                for ip in (CANARY, *(s.ip for s in making.world.services), *(s.cluster_ip for s in making.world.services))
            ]
            machine.arp_ignore = dice.choice((0, 0, 1))
        elif service := making.one(dice):
            making.answer(service, machine.name)
        making.say(
            f"worker-99 was removed from the cluster and still runs (arp_ignore={machine.arp_ignore}, {len(machine.held)} addresses held)"
        )


def _clone(making: Draw) -> None:
    if dice := making.trait("clone", 0.05):
        name = dice.choice(making.here())
        node, own = making.world.nodes[name], making.world.machines[name]
        machine = making.host(f"clone-of-{name}", node.ip, oui=dice.choice((making.oui, None)))
        if dice.random() < 0.5:
            machine.speakers = [Speaker(s.ip, s.nics, s.start, s.end, s.ebpf) for s in own.speakers]
            machine.held = [Held(h.ip, "eth0", h.start, h.end) for h in own.held if h.on]
        making.say(
            f"another machine has {name}'s address{' and answers for what it announces' if machine.speakers or machine.held else ''}"
        )


def _clone_alone_answers(making: Draw) -> None:
    if (dice := making.trait("clone announces", 0.03)) and (service := making.one(dice)):
        leader = service.leads[0].machine or ""
        machine = making.host(f"copy-of-{leader}", making.world.nodes[leader].ip, oui=dice.choice((making.oui, None)))
        making.unanswer(service, leader)
        making.answer(service, machine.name)
        making.say(f"another machine has {leader}'s address and answers for {service.ip} in its place")


def _twin(making: Draw) -> None:
    if dice := making.trait("twin MAC", 0.03):
        name = dice.choice(making.here())
        mac = making.world.machines[name].nics[0].mac
        other = making.other_than(dice, name)
        if other and dice.random() < 0.5:
            making.world.machines[other].nics[0].mac = mac
            making.say(f"{name} and {other} have one MAC")
        else:
            machine = making.host("twin", IPv4Address("10.0.0.211"), mac=mac)
            if (service := making.one(dice)) and dice.random() < 0.5:
                making.answer(service, machine.name)
            making.say(
                f"a machine beside the cluster has {name}'s MAC{' and answers' if machine.speakers or machine.held else ''}"
            )


def _proxy_all(making: Draw) -> None:
    if dice := making.trait("proxy for all", 0.04):
        machine = making.host("firewall", IPv4Address("10.0.0.254"))
        machine.proxy, machine.proxy_takes_zero = "all", dice.random() < 0.4
        making.say(f"a firewall answers for every address{', for 0.0.0.0 too' if machine.proxy_takes_zero else ''}")


def _canary_stranger(making: Draw) -> None:
    if making.trait("canary's stranger", 0.02):
        making.host("lab-router", IPv4Address("10.0.0.213")).held.append(Held(CANARY))
        making.say("a host that is no node has the canary's address")


def _shouter(making: Draw) -> None:
    if (dice := making.trait("shouter", 0.04)) and (service := making.one(dice)):
        other = making.other_than(dice, *(lead.machine for lead in service.leads))
        if other and dice.random() < 0.5:
            machine = making.world.machines[other]
        else:
            machine = making.host("old-leader", IPv4Address("10.0.0.214"))
        at = dice.uniform(0.1, 0.8) * making.takes()
        making.world.announced.append(Announced(at, LAN, machine.name, machine.nics[0].mac, service.ip))
        making.say(f"{machine.name} announces {service.ip} at {at:.1f} s and does not answer for it")


def _restarts(making: Draw) -> None:
    """The speaker is away for a moment, and no other is chosen."""
    if (dice := making.trait("announcer restarts", 0.05)) and (service := making.one(dice, alone=True)):
        leader = service.leads[0].machine or ""
        if len(service.leads) == 1 and making.world.machines[leader].on:
            at, away = dice.uniform(0.05, 0.7) * making.takes(), dice.choice((0.3, 1.0, 2.0))
            making.unanswer(service, leader)
            making.answer(service, leader, end=at)
            making.answer(service, leader, start=at + away)
            making.say(f"{leader} does not answer for {service.ip} from {at:.1f} s on, for {away:g} s")


def _failover(making: Draw) -> None:
    if (dice := making.trait("failover", 0.08)) and (service := making.one(dice, alone=True)):
        old, new = service.leads[0].machine or "", making.other_than(dice, service.leads[0].machine)
        if new:
            at = dice.uniform(0.05, 0.95) * making.takes()
            gap = dice.choice((0.0, 0.0, 0.4, 2.0, -0.4, -2.0))
            making.unanswer(service, old)
            making.answer(service, old, end=at)
            making.answer(service, new, start=at + gap)
            service.leads = [Leads(old, end=at), Leads(new, start=at)]
            mac = making.world.machines[new].nics[0].mac
            making.world.announced.append(Announced(at + gap, LAN, new, mac, service.ip))
            making.say(f"{service.ip} moves from {old} to {new} at {at:.1f} s, with a gap of {gap:g} s")


def _failover_before(making: Draw) -> None:
    if (dice := making.trait("failover before", 0.05)) and (service := making.one(dice, alone=True)):
        old, new = service.leads[0].machine or "", making.other_than(dice, service.leads[0].machine)
        if new and len(service.leads) == 1:
            at = -dice.choice((0.6, 1.0, 5.0, 20.0, 120.0))
            making.unanswer(service, old)
            making.answer(service, new, start=at)
            service.leads = [Leads(old, end=at), Leads(new, start=at)]
            making.say(f"{service.ip} moved from {old} to {new} {-at:g} s before the run")


def _on_all_kernels(making: Draw) -> None:
    if dice := making.trait("BGP on all kernels", 0.07):
        service = Service(
            name="routed", namespace="web", ip=IPv4Address(dice.choice(("10.0.0.120", "10.77.0.5"))),
            cluster_ip=IPv4Address("10.96.7.120"), kind=dice.choice(("metallb-bgp", "purelb-remote")), leads=[Leads(None)],
        )  # fmt: skip
        making.world.services.append(service)
        if dice.random() < 0.7:
            for name in making.world.nodes:
                making.world.machines[name].held.append(Held(service.ip))
        making.say(
            f"{service.ip} is routed by BGP ({service.kind}), held by {'all' if making.world.machines['worker-1'].held else 'no'} kernels"
        )


def _on_lo(making: Draw) -> None:
    if (dice := making.trait("VIP on lo", 0.03)) and (service := making.one(dice)):
        for name in making.here():
            making.world.machines[name].held.append(Held(service.ip))
        making.say(f"every node has {service.ip} on lo")


def _leader_far(making: Draw) -> None:
    if (dice := making.trait("announcer elsewhere", 0.04)) and (service := making.one(dice, alone=True)):
        far = [name for name in making.world.nodes if not making.world.machines[name].on_segment(LAN)]
        if far and service.leads[0].machine:
            making.unanswer(service, service.leads[0].machine)
            leader = dice.choice(far)
            service.leads = [Leads(leader)]
            making.answer(service, leader)
            making.say(f"{service.ip} is announced by {leader}, which is behind a router")


def _node_address(making: Draw) -> None:
    if (
        (dice := making.trait("pool holds a node's address", 0.03))
        and (service := making.one(dice))
        and len(service.leads) == 1
    ):
        node = making.world.nodes[dice.choice(making.here())]
        leader = service.leads[0].machine or ""
        making.unanswer(service, leader)
        service.ip = node.ip
        making.answer(service, leader)
        making.say(f"the Service's address {node.ip} is {node.name}'s own; {leader} announces it")


def _crashed(making: Draw) -> None:
    """The announcer is off, and no other was chosen yet. Its Node may be Ready for 40 s more."""
    if (dice := making.trait("announcer crashed", 0.04)) and (service := making.one(dice, alone=True)):
        leader = service.leads[0].machine or ""
        making.world.machines[leader].on = False
        making.world.nodes[leader].ready = dice.random() < 0.4
        making.say(
            f"{leader}, which announces {service.ip}, has just died; its Node is {'still' if making.world.nodes[leader].ready else 'not'} Ready"
        )


def _leader_not_ready(making: Draw) -> None:
    """Its kubelet is dead, and all else on it runs."""
    if (dice := making.trait("announcer NotReady", 0.04)) and (service := making.one(dice)):
        making.world.nodes[service.leads[0].machine or ""].ready = False
        making.say(f"{service.leads[0].machine}, which announces {service.ip}, is NotReady and runs")


def _accepted(making: Draw) -> None:
    """Two nodes answer, which their owner accepts for these two; perhaps a third has joined them since."""
    if (dice := making.trait("accepted", 0.05)) and (service := making.one(dice)):
        leader = service.leads[0].machine or ""
        if second := making.other_than(dice, *(lead.machine for lead in service.leads)):
            making.answer(service, second)
            making.world.accepted.append((service.ip, (leader, second)))
            third = making.other_than(dice, second, *(lead.machine for lead in service.leads))
            joins = third is not None and dice.random() < 0.5
            if third and joins:
                making.answer(service, third)
            making.say(
                f"{leader} and {second} answer for {service.ip}, which is accepted{f', and {third} does too' if joins else ''}"
            )


_TROUBLES: tuple[Callable[[Draw], None], ...] = (
    _node_address, _failover, _failover_before, _non_strict, _split, _wrong_node, _deaf, _nobody, _foreign, _removed, _clone, _clone_alone_answers,
    _twin, _proxy_all, _canary_stranger, _shouter, _on_all_kernels, _on_lo, _leader_far,
    _crashed, _leader_not_ready, _restarts, _accepted,
)  # fmt: skip


# ------------------------------------------------------------------------------------------- others, who do no harm


def _router(making: Draw) -> None:
    if making.trait("router with proxy ARP", 0.1):
        making.host("router", IPv4Address("10.0.0.1")).proxy = "off-link"
        making.say("a router with proxy ARP")


def _guest(making: Draw) -> None:
    if making.trait("guest", 0.08):
        making.host("vm-on-worker-1", IPv4Address("10.0.0.220"), oui="52:54:00")
        making.say("a VM on a node, with a MAC of its own")


def _external(making: Draw) -> None:
    if dice := making.trait("external load balancer", 0.1):
        kind = dice.choice(("external-class", "avi", "unmarked"))
        service = Service(
            name="outside", namespace="web", ip=IPv4Address("10.0.0.130"), cluster_ip=IPv4Address("10.96.7.130"), kind=kind,
            external=True, leads=[Leads("appliance")],
        )  # fmt: skip
        making.world.services.append(service)
        appliance = making.host("appliance", IPv4Address("10.0.0.230"))
        appliance.held.append(Held(service.ip, "eth0"))
        making.say(f"{service.ip} is a load balancer's outside of the cluster ({kind})")
        if taken := making.trait("appliance's address on a node", 0.1):
            name, appliance.on = taken.choice(making.here()), taken.random() < 0.5
            making.world.machines[name].held.append(Held(service.ip, "eth0"))
            making.say(f"{name} has {service.ip} on its NIC{'' if appliance.on else ', and the appliance is off'}")


def _service_lb(making: Draw) -> None:
    if dice := making.trait("ServiceLB", 0.06):
        node = making.world.nodes[dice.choice(making.here())]
        if node.ip in {service.ip for service in making.world.services}:
            return
        service = Service(
            name="klipper", namespace="web", ip=node.ip, cluster_ip=IPv4Address("10.96.7.140"), kind="servicelb", leads=[Leads(node.name)],
        )  # fmt: skip
        making.world.services.append(service)
        making.say(f"ServiceLB gives out {node.name}'s address")


def _leader_announces(making: Draw) -> None:
    if (dice := making.trait("leader's gratuitous ARP", 0.08)) and (service := making.one(dice)):
        at = dice.uniform(0.1, 0.9) * making.takes()
        leader = service.leader(at)
        if leader and service.ip in {thing.ip for m in [making.world.machines[leader]] for thing in (*m.held, *m.speakers)}:
            nic = making.world.machines[leader].nics[0]
            making.world.announced.append(Announced(at, LAN, leader, nic.mac, service.ip))
            making.say(f"{leader} announces {service.ip} unasked at {at:.1f} s")


_OTHERS: tuple[Callable[[Draw], None], ...] = (_router, _guest, _external, _service_lb, _leader_announces)


# ----------------------------------------------------------------------------------------------------------- records


def _macvlan(making: Draw) -> None:
    """kube-vip with an address by DHCP: on a macvlan of the leader, whose MAC stands in an annotation."""
    if (
        (dice := making.trait("DHCP macvlan", 0.06))
        and (service := making.one(dice, alone=True))
        and service.kind == "kube-vip"
    ):
        leader = making.world.machines[service.leads[0].machine or ""]
        quiet = making.mode[0] != "ipvs" or leader.arp_ignore
        if quiet and len(service.leads) == 1 and any(held.ip == service.ip and held.on for held in leader.held):
            making.unanswer(service, leader.name)
            mac = making.mac("00:00:6c")
            leader.speakers.append(Speaker(service.ip, (leader.nics[0].name,), mac=mac))
            service.notes["kube-vip.io/hwaddr"] = str(mac)
            making.say(f"{leader.name} has {service.ip} on a macvlan with {mac}, which an annotation names")


def _two_statuses(making: Draw) -> None:
    """MetalLB 0.14.6 to 0.15 could leave the object of the speaker before (metallb 2712, 2938)."""
    if (dice := making.trait("two statuses", 0.04)) and (service := making.one(dice)):
        other = making.other_than(dice, *(lead.machine for lead in service.leads))
        if other and service.kind == "metallb":
            making.world.statuses.append((service, other, dice.uniform(60, 9e4)))
            making.say(f"a second ServiceL2Status of {service.ip} names {other}, which lost the election")


def _old_entry(making: Draw) -> None:
    """PureLB 0.15 to 0.16.6 appends and never takes away; kube-vip never takes vipHost back."""
    if (dice := making.trait("old entry", 0.06)) and (service := making.one(dice)):
        other = making.other_than(dice, *(lead.machine for lead in service.leads))
        if other and service.kind == "purelb":
            entries = [f"{node},eth0,{service.ip}" for node in (other, service.leads[-1].machine)]
            service.notes["purelb.io/announcing-IPv4"] = " ".join(entries if dice.random() < 0.5 else entries[::-1])
            making.say(f"PureLB's annotation of {service.ip} names {other} too, where it was before")
        elif other and service.kind in ON_NIC:
            service.notes["kube-vip.io/vipHost"] = other
            making.say(f"vipHost of {service.ip} names {other}, where it was before")


def _short_leases(making: Draw) -> None:
    if dice := making.trait("short leases", 0.1):
        making.world.lease_seconds = dice.choice((3, 5))
        making.say(f"Leases live for {making.world.lease_seconds} s")


def _stale_status(making: Draw) -> None:
    """Of a node that died with its speaker, until its pod is taken away."""
    if (dice := making.trait("status of a dead node", 0.06)) and (service := making.one(dice)):
        dead = next(
            (n for n, node in making.world.nodes.items() if not node.ready and not making.world.machines[n].on), None
        )
        node = dead if dead and dice.random() < 0.6 else "worker-77"
        if service.kind == "metallb":
            making.world.statuses.append((service, node, dice.uniform(600, 9e5)))
            making.say(f"a ServiceL2Status of {service.ip} names {node}, which is {'off' if node == dead else 'gone'}")


def _moved_back(making: Draw) -> None:
    if (dice := making.trait("events of two nodes", 0.06)) and (service := making.one(dice)):
        other = making.other_than(dice, *(lead.machine for lead in service.leads))
        if service.kind in ("metallb", "metallb-event") and other:
            making.world.events.append((service, other, dice.uniform(5, 50)))
            making.say(f"the newest event of {service.ip} names {other}, from where it moved back")


def _events_expired(making: Draw) -> None:
    """An API server keeps an event for an hour, and most announcers were chosen before."""
    by_events = [service for service in making.world.services if service.kind in ("metallb", "metallb-event")]
    if by_events and (dice := making.trait("events expired", 0.15)):
        for service in dice.sample(by_events, k=dice.randint(1, len(by_events))):
            service.long_ago = True
            making.say(f"the announcer of {service.ip} was chosen more than an hour ago, and the event is gone")


def _lease_elsewhere(making: Draw) -> None:
    if (dice := making.trait("Lease in another namespace", 0.08)) and (service := making.one(dice)):
        other, alive = making.other_than(dice, service.leads[0].machine), dice.random() < 0.5
        names = {
            "cilium": f"cilium-l2announce-{service.namespace}-{service.name}",
            "kube-vip": f"kubevip-{service.name}",
            "kube-vip-common": "plndr-svcs-lock",
        }
        if other and service.kind in names:
            making.world.leases.append(
                {"namespace": "old-stack", "name": names[service.kind], "holder": other, "renewed": 9000, "alive": alive}
            )
            making.say(f"a Lease of the same name in namespace old-stack names {other} ({'alive' if alive else 'expired'})")


def _expired_lease(making: Draw) -> None:
    """Of a time when each Service had an election of its own."""
    dice = making.trait("expired Lease", 0.15)
    for service in making.ordinary() if dice else ():
        other = making.other_than(dice, service.leads[0].machine)
        if service.kind == "kube-vip-common" and other:
            making.world.leases.append(
                {"namespace": service.namespace, "name": f"kubevip-{service.name}", "holder": other, "renewed": 9e4}
            )
            making.say(f"an expired Lease of {service.ip} names {other}")


def _hwaddr(making: Draw) -> None:
    if (dice := making.trait("hwaddr left behind", 0.04)) and (service := making.one(dice)):
        printer = making.world.machines.get("printer")
        mac = printer.nics[0].mac if printer and dice.random() < 0.7 else making.mac(OTHER_OUIS[0])
        mac = service.notes.setdefault(
            "kube-vip.io/hwaddr", str(mac)
        )  # that of a macvlan that is there is written each time
        making.say(f"{service.ip} carries kube-vip.io/hwaddr {mac} of earlier times ({service.kind} serves it)")


def _mac_list(making: Draw) -> None:
    nics = [(nic.mac, name, nic.name) for name in making.world.nodes for nic in making.world.machines[name].nics]
    legs = [
        (mac, name, nic.name)
        for name in making.world.nodes
        for nic in making.world.machines[name].nics
        for mac in nic.legs[1:]
    ]
    every = [*nics, *legs]
    if making.trait("MAC list", 0.15):
        making.world.mac_list = every
        making.say("a MAC list of all NICs")
    elif dice := making.trait("partial MAC list", 0.05):
        making.world.mac_list = dice.sample(every, k=max(1, len(every) // 2))
        making.say(f"a MAC list of {len(making.world.mac_list)} of {len(every)} NICs")
    elif dice := making.trait("old MAC list", 0.04):
        name = dice.choice(making.here())
        making.world.mac_list = [(making.mac(), node, nic) if node == name else (mac, node, nic) for mac, node, nic in every]
        making.say(f"a MAC list from before {name} was replaced")
    elif (dice := making.trait("false MAC list", 0.02)) and len(nics) > 1:
        (first, *_), (second, *_) = pair = dice.sample(nics, k=2)
        making.world.mac_list = [entry for entry in every if entry not in pair] + [
            (first, pair[1][1], "eth0"),
            (second, pair[0][1], "eth0"),
        ]
        making.say(f"a MAC list in which {pair[0][1]} and {pair[1][1]} are exchanged")


def _nic_states(making: Draw) -> None:
    every = {
        name: [(nic.name if number == 0 else f"{nic.name}-leg{number}", mac) for nic in making.world.machines[name].nics for number, mac in enumerate(nic.legs or (nic.mac,))]
        for name in making.world.nodes
    }  # fmt: skip
    if making.trait("NodeNetworkStates", 0.12):
        making.world.nic_states = [
            (name, nics, 20.0 if making.world.nodes[name].ready else 9e5) for name, nics in every.items()
        ]
        making.say("NodeNetworkStates of all nodes")
    elif (dice := making.trait("old NodeNetworkState", 0.04)) and len(every) > 1:
        first, second = dice.sample(list(every), k=2)
        making.world.nic_states = [(first, [("eth0", making.mac()), ("eth1", every[second][0][1])], 90 * 86400.0)]
        making.say(f"a NodeNetworkState of {first}, months old, lists {second}'s NIC")


_RECORDS: tuple[Callable[[Draw], None], ...] = (
    _macvlan,
    _two_statuses,
    _old_entry,
    _short_leases,
    _stale_status,
    _moved_back,
    _events_expired,
    _lease_elsewhere,
    _expired_lease,
    _hwaddr,
    _mac_list,
    _nic_states,
)


# --------------------------------------------------------------------------------------------------------- how it is asked


def _clocks(making: Draw) -> None:
    if dice := making.trait("prober's clock", 0.12):
        making.world.prober.clock = dice.choice((-3600.0, -20.0, -3.0, 3.0, 20.0, 3600.0, 86400.0))
        making.say(f"the prober's clock is {making.world.prober.clock:+g} s off")
    if dice := making.trait("a node's clock", 0.05):
        node = making.world.nodes[dice.choice(list(making.world.nodes))]
        node.clock = dice.choice((-3600.0, -20.0, -4.0, 4.0, 20.0, 3600.0))
        making.say(f"{node.name}'s clock is {node.clock:+g} s off")


def _vantage(making: Draw) -> None:
    world = making.world
    if dice := making.trait("prober is a node", 0.08):
        world.prober.machine = dice.choice(making.here())
        making.say(f"arpcheck runs on {world.prober.machine}")
    elif making.trait("two interfaces", 0.08):
        world.machines["client"].nics.append(Nic("eth1", LAN, making.mac("9c:5c:8e"), (IPv4Interface("10.0.0.201/24"),)))
        world.prober.interfaces = ("eth0", "eth1")
        making.say("the prober asks on two interfaces of the same LAN")
    elif making.trait("storage too", 0.06):
        world.machines["client"].nics.append(Nic("eth2", STORAGE, making.mac("9c:5c:8e"), (IPv4Interface("10.5.0.200/24"),)))
        world.prober.interfaces = ("eth0", "eth2")
        making.say("the prober asks on the LAN and on the storage network")
    elif making.trait("no address", 0.03):
        world.machines["client"].nics[0].addresses = ()
        making.say("the prober's interface has no address")


def _loss(making: Draw) -> None:
    if dice := making.trait("questions lost", 0.06):
        making.world.losses.requests = dice.choice((0.02, 0.1, 0.3, 0.6))
        making.world.losses.machine = dice.choice(["", *making.here()])
        making.say(
            f"{making.world.losses.requests:.0%} of the questions to {making.world.losses.machine or 'each machine'} are lost"
        )
    elif dice := making.trait("replies lost", 0.06):
        making.world.losses.replies = dice.choice((0.02, 0.1, 0.3, 0.6))
        making.world.losses.machine = dice.choice(["", *making.here()])
        making.say(
            f"{making.world.losses.replies:.0%} of the replies of {making.world.losses.machine or 'each machine'} are lost"
        )
    if dice := making.trait("dropped by the prober", 0.05):
        making.world.losses.dropped = dice.choice((0.02, 0.2))
        making.say(f"the prober's kernel drops {making.world.losses.dropped:.0%}")
    if dice := making.trait("the last are dropped", 0.03):
        making.world.losses.slowest = making.other_than(dice) or ""
        making.say(f"the prober's buffer is full whenever {making.world.losses.slowest} answers")
    if making.trait("path doubles", 0.04):
        making.world.losses.doubled = 1.0
        making.say("every frame to the prober comes twice")
    elif dice := making.trait("frames doubled", 0.05):
        making.world.losses.doubled = dice.choice((0.2, 0.5, 0.9))
        making.say(f"{making.world.losses.doubled:.0%} of the frames come twice")


def _refused(making: Draw) -> None:
    if dice := making.trait("refused", 0.05):
        making.world.refused = (
            dice.choice(("events", "leases.coordination.k8s.io", "servicel2statuses.metallb.io", "nodes", "configmaps")),
        )
        making.say(f"{making.world.refused[0]} may not be read")


_ASKING: tuple[Callable[[Draw], None], ...] = (_clocks, _vantage, _loss, _refused)


def _hold(making: Draw) -> None:
    """What IPVS binds to kube-ipvs0 of every node (pkg/proxy/ipvs, getServiceAddresses)."""
    if making.mode[0] != "ipvs":
        return
    services = making.world.services
    bound = [CANARY, *(s.cluster_ip for s in services), *(s.ip for s in services)]
    for name in making.world.nodes:
        machine = making.world.machines[name]
        own = {address.ip for nic in machine.nics for address in nic.addresses}
        machine.held += [Held(ip) for ip in bound if ip not in own]


HARMLESS = frozenset({
    "many nodes", "far node", "powered off", "alive but NotReady", "two load balancers", "storage NIC", "strict ARP by hand",
    "router with proxy ARP", "guest", "external load balancer", "ServiceLB", "leader's gratuitous ARP", "short leases", "MAC list",
    "NodeNetworkStates", "prober's clock", "two interfaces", "second NIC", "path doubles",
    "DHCP macvlan", "announcer NotReady", "events expired",
})  # fmt: skip
"""A cluster with none but these is healthy. A second NIC only where a list names it, or it answers nothing."""


ALONE = (
    *("non-strict", "split brain", "another answers", "announcer deaf", "nobody chosen", "foreign host") * 3, "removed node", "clone",
    "clone announces", "twin MAC", "proxy for all", "canary's stranger", "shouter", "failover", "failover", "failover before",
    "BGP on all kernels", "VIP on lo", "announcer elsewhere", "pool holds a node's address", "balance-alb bond", "odd arp_ignore",
    "status of a dead node", "events of two nodes", "Lease in another namespace", "hwaddr left behind", "partial MAC list",
    "old MAC list", "old NodeNetworkState", "a node's clock", "prober is a node", "storage too", "no address", "questions lost",
    "replies lost", "dropped by the prober", "frames doubled", "refused", "announcer crashed", "announcer NotReady", "two statuses",
    "old entry",
)  # fmt: skip
"""In a part of the worlds exactly one of these is beside the harmless traits."""
