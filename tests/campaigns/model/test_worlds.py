"""The model itself: a world's kernels, its truth, what it calls healthy and provable, and that a broken promise is seen."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

import pytest
from drawing import CANARY, HARMLESS, LAN, NETWORKS, draw
from promises import OUTRANKED, WRONG, broken, healthy, misnamed_by_the_list, provable
from world import ZERO, Held, KubeNode, Leads, Machine, Nic, Prober, Service, Speaker, World, replies
from world_campaign import judged, smallest
from world_removal import Patch, Removal, red, unsure_is_clean
from world_truth import State, truth
from world_wire import Came, WorldWire

from arpcheck.model import Arp, Mac, Outcome, Verdict

VIP, CLIENT, FAR = IPv4Address("10.0.0.100"), IPv4Address("10.0.0.200"), IPv4Address("10.77.0.5")
LEADS = (Leads("worker-1"),)


def machine(name, number, *, arp_ignore=0, held=(), speakers=(), proxy=""):
    nic = Nic("eth0", LAN, Mac(f"52:54:00:00:00:{number:02x}"), (IPv4Interface(f"10.0.0.{number}/24"),))
    return Machine(name, [nic], arp_ignore=arp_ignore, held=list(held), speakers=list(speakers), proxy=proxy)


def world(*machines, leads=LEADS, kind="metallb", ip=VIP):
    """Those named worker-… are nodes."""
    found = {m.name: m for m in (*machines, machine("client", 200))}
    nodes = {name: KubeNode(name, m.nics[0].addresses[0].ip) for name, m in found.items() if name.startswith("worker")}
    service = Service(name="s0", namespace="web", ip=ip, cluster_ip=IPv4Address("10.96.7.1"), kind=kind, leads=list(leads))
    return World(
        seed=0, networks=NETWORKS, machines=found, nodes=nodes, services=[service], prober=Prober("client"), canary=CANARY,
        options={"rounds": 3, "rate": 10.0},
    )  # fmt: skip


def answers(found, ip, sender=CLIENT):
    return [sent.by for sent in replies(found, found.nics[0], ip, sender, 0.0)]


# --------------------------------------------------------------------------------------------------------- the kernel


@pytest.mark.parametrize(
    ("arp_ignore", "elsewhere", "on_the_nic"),
    [
        (0, True, True),
        (1, False, True),
        (2, False, True),
        (3, True, True),
        (4, True, True),
        (8, False, False),
        (9, True, True),
    ],
)
@pytest.mark.parametrize("sender", [ZERO, CLIENT])
def test_arp_ignore_as_the_kernel_reads_it(arp_ignore, elsewhere, on_the_nic, sender):
    found = machine("a", 11, arp_ignore=arp_ignore, held=[Held(VIP), Held(FAR, "eth0")])
    assert answers(found, VIP, sender) == ["kernel"] * elsewhere
    assert answers(found, FAR, sender) == ["kernel"] * on_the_nic


def test_the_larger_of_all_and_the_nic_counts():
    found = machine("a", 11, arp_ignore=1, held=[Held(VIP)])
    found.nics[0].arp_ignore = 3
    assert answers(found, VIP) == ["kernel"]


def test_a_question_with_one_of_its_own_addresses_is_a_martian():
    found = machine("a", 11, held=[Held(VIP), Held(CLIENT)], speakers=[Speaker(FAR)])
    assert answers(found, VIP) == []
    assert answers(found, FAR) == ["speaker"]


def test_who_is_off_answers_nothing():
    found = machine("a", 11, held=[Held(VIP)], speakers=[Speaker(VIP)])
    assert answers(found, VIP) == ["speaker", "kernel"]
    found.on = False
    assert answers(found, VIP) == []


@pytest.mark.parametrize(("proxy", "on_link", "off_link"), [("off-link", [], ["proxy"]), ("all", ["proxy"], ["proxy"])])
def test_a_proxy_answers_an_own_sender_alone(proxy, on_link, off_link):
    found = machine("a", 1, proxy=proxy)
    assert (answers(found, VIP), answers(found, FAR)) == (on_link, off_link)
    assert answers(found, FAR, ZERO) == []


def test_cilium_takes_the_question_away_from_the_kernel():
    assert answers(machine("a", 11, held=[Held(VIP)], speakers=[Speaker(VIP, ebpf=True)]), VIP) == ["speaker"]


# ---------------------------------------------------------------------------------------------------------- the truth


def state(found, end=10.0, ip=VIP):
    return truth(found, end).addresses[ip].state


SPEAKS = (Speaker(VIP),)


def test_the_one_who_should_answers():
    assert state(world(machine("worker-1", 11, speakers=SPEAKS), machine("worker-2", 12))) is State.FINE


@pytest.mark.parametrize(
    "second",
    [
        machine("worker-2", 12, speakers=SPEAKS), machine("worker-2", 12, held=[Held(VIP)]),
        machine("worker-2", 12, held=[Held(VIP, "eth0")], arp_ignore=1), machine("printer", 20, held=[Held(VIP, "eth0")]),
        machine("firewall", 1, proxy="all"),
    ],
    ids=["speaker", "kernel", "left on a NIC", "foreign", "proxy"],
)  # fmt: skip
def test_a_second_one_is_a_fault(second):
    assert state(world(machine("worker-1", 11, speakers=SPEAKS), second)) is State.FAULT


def test_a_quiet_kernel_and_a_router_are_none():
    others = machine("worker-2", 12, held=[Held(VIP)], arp_ignore=1), machine("router", 1, proxy="off-link")
    assert state(world(machine("worker-1", 11, speakers=SPEAKS), *others)) is State.FINE


def test_another_in_its_place_and_nobody_are_faults():
    assert state(world(machine("worker-1", 11), machine("worker-2", 12, speakers=SPEAKS))) is State.FAULT
    assert state(world(machine("worker-1", 11))) is State.FAULT
    assert state(world(machine("worker-1", 11), leads=[Leads(None)])) is State.FAULT


def test_nobody_should_answer_for_what_bgp_announces():
    quiet, loud = (machine("worker-1", 11, held=[Held(FAR)], arp_ignore=n) for n in (1, 0))
    assert state(world(quiet, leads=[Leads(None)], kind="purelb-remote", ip=FAR), ip=FAR) is State.FINE
    assert state(world(loud, leads=[Leads(None)], kind="purelb-remote", ip=FAR), ip=FAR) is State.FAULT


@pytest.mark.parametrize(
    ("starts", "expected"), [(4.0, State.MOVING), (5.0, State.PASSING), (3.0, State.PASSING), (11.0, State.PASSING)]
)
def test_a_failover_is_clean_or_not(starts, expected):
    old, new = (
        machine("worker-1", 11, speakers=[Speaker(VIP, end=4.0)]),
        machine("worker-2", 12, speakers=[Speaker(VIP, start=starts)]),
    )
    assert state(world(old, new, leads=[Leads("worker-1", end=4.0), Leads("worker-2", start=4.0)])) is expected


def test_what_was_over_before_the_first_question_counts_for_nothing():
    old, new = (
        machine("worker-1", 11, speakers=[Speaker(VIP, end=-1.0)]),
        machine("worker-2", 12, speakers=[Speaker(VIP, start=-1.0)]),
    )
    assert state(world(old, new, leads=[Leads("worker-1", end=-1.0), Leads("worker-2", start=-1.0)])) is State.FINE


def test_who_announces_elsewhere_leaves_this_segment_silent_by_right():
    found = world(machine("worker-1", 11, speakers=SPEAKS), machine("worker-2", 12))
    found.machines["worker-1"].nics[0].segment = "far"
    assert state(found) is State.ELSEWHERE


def test_what_is_wrong_beside_the_addresses():
    clone, twin = machine("clone", 12), machine("twin", 30)
    clone.nics[0].mac = Mac("00:1b:63:00:00:01")
    twin.nics[0].mac = Mac("52:54:00:00:00:0b")
    loud = machine("worker-2", 12, held=[Held(CANARY)])
    found = truth(
        world(machine("worker-1", 11, speakers=SPEAKS), loud, clone, twin, machine("lab", 31, held=[Held(CANARY)])), 10.0
    )
    assert (found.loud, found.twins, found.strangers) == ({"worker-2"}, {"52:54:00:00:00:0b"}, {"lab"})
    assert found.conflicts == {"worker-2": {"worker-2", "clone"}}
    assert not found.spotless


# ----------------------------------------------------------------------------------------------------------- the draw


def test_a_number_is_always_the_same_world():
    assert [draw(seed) for seed in range(20)] == [draw(seed) for seed in range(20)]
    assert len({repr(draw(seed)) for seed in range(50)}) == 50


def test_a_trait_can_be_left_out_and_all_else_stays():
    seed = next(seed for seed in range(100) if len(draw(seed).traits) > 2)
    full = draw(seed)
    for trait in full.traits:
        assert draw(seed, frozenset({trait})).traits == tuple(other for other in full.traits if other != trait)


def test_healthy_and_provable_worlds_are_common_and_never_the_same():
    found = [(healthy(w, t), provable(w, t)) for w in map(draw, range(300)) for t in [truth(w, 5.0)]]
    assert sum(well for well, _ in found) > 50
    assert sum(bool(faults) for _, faults in found) > 10
    assert not any(well and faults for well, faults in found)


def test_a_healthy_world_has_no_other_traits():
    ill = [w for w in map(draw, range(300)) if healthy(w, truth(w, 5.0)) and set(w.traits) - HARMLESS - OUTRANKED]
    assert ill == []


# ------------------------------------------------------------------------------------------------------- the promises


def result(seeds, wanted):
    return next(found for found in map(judged, seeds) if wanted(found) and not found.wrong)


def told(found, **changes):
    """What is broken when the report says something else."""
    return {wrong.promise for wrong in broken(found.world, found.truth, found.wire, replace(found.report, **changes))}


def with_verdict(found, verdict):
    judged_ones = [t for t in found.report.targets if t.verdict is not None]
    return tuple(replace(t, verdict=verdict) if t is judged_ones[0] else t for t in found.report.targets)


def test_a_wrong_clean_is_seen():
    ill = result(
        range(300), lambda r: r.provable and all(t.verdict.outcome is Outcome.FAULT for t in r.report.targets if t.verdict)
    )
    assert "clean" in told(ill, targets=with_verdict(ill, Verdict.OK))
    assert "clean" in told(ill, summary=replace(ill.report.summary, exit_code=0))


def test_a_wrong_accusation_is_seen():
    well = result(range(300), lambda r: r.healthy)
    assert told(well) == set()
    assert "accusation" in told(well, targets=with_verdict(well, Verdict.DUPLICATE))
    assert "accusation" in told(well, nodes=tuple(replace(node, arp=Arp.NON_STRICT) for node in well.report.nodes))
    assert "accusation" in told(well, summary=replace(well.report.summary, exit_code=1))


def test_a_fault_of_another_name_is_seen():
    ill = result(
        range(500, 1000), lambda r: any("another node" in words for words in r.provable) and len(r.truth.addresses) == 1
    )
    assert "misnamed" in told(ill, targets=with_verdict(ill, Verdict.FOREIGN))
    assert "misnamed" in told(ill, targets=with_verdict(ill, Verdict.PROXY_ARP))


@pytest.mark.parametrize("seed", [
    110042, 110628, 110798, 111001, 112208, 112868, 115420, 116272, 116300, 116870, 119445, 119966, 200720, 200871, 201481, 202200,
    211333, 211884, 300233, 302292, 302501, 303596, 305071, 305561, 310173, 310786, 311174, 312058, 312856,
    401881, 501144, 501395, 502267, 600393, 601221, 602185, 701431, 702319, 702392, 703450, 704229,
    604180, 610410, 614209, 623092, 640311, 642111, 706500, 715268, 715513, 720165, 721091,
])  # fmt: skip
def test_worlds_that_broke_a_promise_once(seed):
    assert [wrong for wrong in judged(seed).wrong if wrong.promise in WRONG] == []


def listed(*entries, heard=()):
    """What a MAC list misnames of two nodes, of which these were heard at their own addresses."""
    found = world(machine("worker-1", 11), machine("worker-2", 12))
    found.mac_list = [(Mac(f"52:54:00:00:00:{number:02x}"), node, "eth0") for number, node in entries]
    wire = WorldWire(found)
    for name in heard:
        nic = found.machines[name].nics[0]
        wire.came.append(Came(0.0, LAN, nic.addresses[0].ip, name, nic.mac, "kernel"))
    return {mac[-2:]: node for mac, node in misnamed_by_the_list(found, wire).items()}


def test_a_mac_list_excuses_what_it_alone_says():
    assert listed((11, "worker-1"), (12, "worker-2")) == {}
    assert listed((11, "worker-2"), (12, "worker-1")) == {"0b": "worker-2", "0c": "worker-1"}
    assert listed((11, "worker-2"), (12, "worker-1"), heard=["worker-1"]) == {"0c": "worker-1"}
    assert listed((12, "worker-2")) == {}
    assert listed((12, "worker-2"), (99, "worker-1")) == {"0b": None}


def test_a_wrong_result_is_made_small():
    wanted = next(seed for seed in range(300) if {"split brain"} < set(draw(seed).traits))
    assert smallest(wanted, lambda found: "split brain" in found.world.traits).world.traits == ("split brain",)


# ---------------------------------------------------------------------------------------------------------- removals


def test_a_rule_that_is_out_turns_a_world_red_and_is_back_afterwards():
    assert red(Removal("2.1", unsure_is_clean), range(60)) is not None
    assert red(Removal("nothing", lambda _: None), range(60)) is None
    assert Outcome.UNSURE.exit_code == 3


def test_a_removal_without_a_place_is_an_error():
    with Patch() as patch, pytest.raises(AttributeError):
        patch.set("arpcheck.judge.nodes:NOT_THERE", 1)


# --------------------------------------------------------------------------------------------------------- the kernel


@pytest.mark.lab
@pytest.mark.parametrize("number", range(3))
def test_the_kernel_answers_as_the_model_does_and_the_command_is_right(number):
    from world_kernel import fits, probed

    seed = [seed for seed in range(100) if fits(draw(seed))][number]
    assert probed(seed).wrong == ()
