"""The lab's IPv6: every kind of responder answers as it was measured, and so do the switches between. Each test asks the
kernel and the simulation."""

import pytest
from discovery_rows import (
    ANYCAST,
    ASKER,
    ASKER_LL,
    ROWS,
    SCENE,
    address,
    answers,
    by_the_wire,
    forms,
    link_local,
    node,
    read,
)
from lab_solicitations import HEAD, SNOOPING, SUPPRESSING, Seen, put
from simulated.wire import SimulatedWire

from arpcheck.lab import advertising, scene_file
from arpcheck.lab.advertising import ADVERTISEMENT, ALL_NODES, UNSPECIFIED, question
from arpcheck.lab.answering import BROADCAST


def on_kernel(toml, frames, *, wait=0.1, head=HEAD):
    return put(toml, frames, wait=wait, head=head)[0]


def simulated(toml, frames, *, wait=0.1, head=HEAD):
    wire, seen = SimulatedWire(scene_file.parse(head + toml, "test")), []
    for number, frame in enumerate(frames):
        until = wire.now() + wait
        wire.send("eth0", frame)
        asked = wire.now()
        while arrivals := wire.receive(until):
            seen += [(number, one.frame, (one.at - asked) * 1000) for one in arrivals]
    return [Seen(number, advertising.decode(frame), len(frame), after) for number, frame, after in seen]


WORLDS = [pytest.param(on_kernel, marks=pytest.mark.lab, id="kernel"), pytest.param(simulated, id="simulation")]


def each(world, toml, asked, target, *, wait=0.1, head=HEAD):
    """By form, who advertised the target to us, and how; a node by its number."""
    numbers, found = {node(number): number for number in range(1, 9)}, {form: [] for form in asked}
    for one in world(toml, list(asked.values()), wait=wait, head=head):
        message = one.message
        if message.kind == ADVERTISEMENT and message.target == target and message.destination_ip in (ASKER_LL, ALL_NODES):
            number = numbers[message.option or message.source]
            found[list(asked)[one.number]].append((number, read(message, number)))
    return {form: sorted(heard) for form, heard in found.items()}


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("name", ROWS)
def test_each_form_is_answered_as_measured(world, name):
    target, number, expected, left_out = ROWS[name]
    asked = {form: frame for form, frame in forms(target, number).items() if form not in left_out}
    seen = world(SCENE, list(asked.values()), wait=1.1 if name == "proxy" else 0.1)
    assert answers(asked, target, number, [(one.number, one.message) for one in seen]) == expected


# ------------------------------------------------------------------------------------------------- more than one responder

V = address("50")
GROUP = {"group": by_the_wire(V)}
HOLDS = 'addresses = ["10.0.0.{0}", "2001:db8:10::{0}", "2001:db8:10::50/128"]'
ONE = '[nodes.worker-1]\n[nodes.worker-2]\n[[announcers]]\nat = "worker-1"\nips = "2001:db8:10::50"\n'


@pytest.mark.parametrize("world", WORLDS)
def test_two_holders_and_two_speakers_both_answer(world):
    holders = f"[nodes.worker-1]\n{HOLDS.format(11)}\n[nodes.worker-2]\n{HOLDS.format(12)}"
    assert each(world, holders, GROUP, V) == {"group": [(1, "RSO target +"), (2, "RSO target +")]}
    speakers = ONE + '[[announcers]]\nat = "worker-2"\nips = "2001:db8:10::50"\n'
    assert each(world, speakers, GROUP, V) == {"group": [(1, "S link-local +"), (2, "S link-local +")]}


@pytest.mark.parametrize("world", WORLDS)
def test_a_speaker_is_alone_where_both_nodes_hold_the_address_on_kube_ipvs0(world):
    held = ONE.replace("]\n", ']\nheld = "2001:db8:10::50"\n', 2)
    assert each(world, held, GROUP, V) == {"group": [(1, "S link-local +")]}


@pytest.mark.parametrize("world", WORLDS)
def test_every_router_answers_for_the_first_address_of_a_prefix(world):
    """The subnet-router anycast address, which MetalLB gives out as any other."""
    toml = ONE.replace("::50", "::") + "[nodes.worker-3]\nsysctl6 = { forwarding = 0 }\n"
    asked = {"group": by_the_wire(ANYCAST), "unicast": by_the_wire(ANYCAST, to=node(2))}
    asked["duplicate check"] = question(ASKER, UNSPECIFIED, ANYCAST)._replace(option=None).encode()
    assert each(world, toml, asked, ANYCAST, wait=1.1) == {
        "group": [(1, "RS link-local +"), (1, "S link-local +"), (2, "RS link-local +")],
        "unicast": [(2, "RS link-local +")],
        "duplicate check": [(1, "R link-local + to all"), (2, "R link-local + to all")],
    }
    [direct] = world(toml, [asked["unicast"]], wait=0.3)
    assert direct.after < 100, "without the delay of a multicast one"


@pytest.mark.parametrize("world", WORLDS)
def test_a_static_proxy_answers_for_everything_also_for_hosts_that_answer_themselves(world):
    proxy = '[nodes.worker-1]\n[nodes.worker-2]\n[[announcers]]\nat = "worker-1"\nkind = "ndppd"\n'
    assert each(world, proxy, GROUP, V) == {"group": [(1, "RS link-local +")]}
    other = address("12")
    found = each(
        world, proxy, {"group": by_the_wire(other), "target": by_the_wire(other, to=node(2), destination=other)}, other
    )
    assert found == {"group": [(1, "RS link-local +"), (2, "RSO target +")], "target": [(2, "RS target")]}


@pytest.mark.parametrize("world", WORLDS)
def test_a_speaker_asks_once_who_the_asker_is(world):
    seen = world(ONE, [by_the_wire(V), by_the_wire(V)])
    first = [one.message for one in seen if one.number == 0]
    assert [message.kind for message in first if message.kind == ADVERTISEMENT] == [ADVERTISEMENT]
    assert [one.message.kind for one in seen if one.number == 1] == [ADVERTISEMENT]
    knows = [by_the_wire(address("11")), by_the_wire(V)]
    assert [one.message.kind for one in world(ONE, knows)] == [ADVERTISEMENT] * 2, "it knows who asked for its own address"


@pytest.mark.parametrize("world", WORLDS)
def test_a_failover_is_counted_by_multicast_questions(world):
    toml = ONE + 'until_question = 1\n[[announcers]]\nat = "worker-2"\nips = "2001:db8:10::50"\nfrom_question = 2\n'
    asked = {
        "first": by_the_wire(V),
        "unicast": by_the_wire(V, to=node(1)),
        "second": by_the_wire(V),
        "third": by_the_wire(V),
    }
    found = each(world, toml, asked, V)
    assert {form: [number for number, _ in heard] for form, heard in found.items()} == {
        "first": [1], "unicast": [1], "second": [2], "third": [2],
    }  # fmt: skip


@pytest.mark.parametrize("world", WORLDS)
def test_an_option_that_is_not_the_source_of_the_frame(world):
    [*_, one] = world(ONE + 'mac = "02:01:00:00:02:00"\nsource = "02:01:00:00:01:00"\n', [by_the_wire(V)])
    assert (one.message.option, one.message.source, one.message.source_ip) == (node(2), node(1), link_local(1))


NICS = """
lans.other = { network = "10.1.0.0/24", network6 = "2001:db8:11::/64" }
[nodes.worker-1.nics]
eth0 = { addresses = "10.0.0.11" }
eth1 = { addresses = %s }
eth2 = { lan = "other", addresses = ["10.1.0.11", "2001:db8:11::11", "2001:db8:10::52/128"] }
"""


@pytest.mark.parametrize("world", WORLDS)
def test_each_nic_answers_for_what_it_has_itself_and_for_nothing_else(world):
    def heard(own, target, more=""):
        seen = world(NICS % own + more, [by_the_wire(target)])
        answers = [one.message for one in seen if one.message.kind == ADVERTISEMENT and one.message.target == target]
        return sorted((str(message.option), str(message.source)) for message in answers)

    first, second = ("02:01:00:00:01:00",) * 2, ("02:01:00:00:01:01",) * 2
    assert heard('"2001:db8:10::50/128"', V) == [second]
    assert heard("[]", address("52")) == [], "it is on the NIC of another LAN"
    speaker = '[[announcers]]\nat = "worker-1"\nips = "2001:db8:10::51"\nnics = ["eth0", "eth1"]\n'
    assert heard("[]", address("51"), speaker) == [first, second]


# -------------------------------------------------------------------------------------------------------------- switches

MEMBERS = f"""
[nodes.worker-1]
[nodes.worker-2]
[nodes.worker-3]
[nodes.worker-4]
{HOLDS.format(14)}
[[announcers]]
at = "worker-1"
ips = "2001:db8:10::51"
[[announcers]]
at = "worker-2"
ips = "2001:db8:10::53"
lost_group = true
[[announcers]]
at = "worker-3"
ips = "2001:db8:10::52"
kind = "cilium"
"""
SWITCHED = ("group", "all nodes", "group in broadcast", "group in unicast", "link-local address")


def five(target, number):
    return {form: frame for form, frame in forms(target, number).items() if form in SWITCHED}


@pytest.mark.parametrize("world", WORLDS)
def test_behind_mld_snooping_only_members_are_reached_by_their_group(world):
    found = {number: each(world, MEMBERS, five(target, number), target, head=SNOOPING) for target, number in (
        (address("51"), 1), (address("53"), 2), (address("52"), 3), (V, 4),
    )}  # fmt: skip
    answered = {number: [form for form in SWITCHED if heard[form]] for number, heard in found.items()}
    assert answered == {
        1: list(SWITCHED),
        2: ["all nodes", "link-local address"],
        3: ["group in unicast", "link-local address"],
        4: list(SWITCHED),
    }


@pytest.mark.parametrize("world", WORLDS)
def test_a_switch_that_suppresses_answers_in_the_name_of_its_table_and_hides_the_holder(world):
    hidden = f"[nodes.worker-1]\n[nodes.worker-2]\n{HOLDS.format(12)}\n"
    asked = five(V, 2) | {"duplicate check": question(ASKER, UNSPECIFIED, V)._replace(option=None).encode()}
    table, holder = [(1, "SO target +")], [(2, "RSO target +")]
    assert each(world, hidden, asked, V, head=SUPPRESSING) == {
        "group": table, "all nodes": table, "group in broadcast": table, "group in unicast": holder,
        "link-local address": [(2, "RS target")], "duplicate check": [],
    }  # fmt: skip
    other = address("12")
    assert each(world, hidden, {"group": by_the_wire(other)}, other, head=SUPPRESSING) == {"group": holder}


@pytest.mark.parametrize("world", WORLDS)
def test_a_frame_for_everybody_is_not_snooped(world):
    asked = {"broadcast": question(ASKER, ASKER_LL, address("53"))._replace(destination=BROADCAST).encode()}
    lost = MEMBERS.replace("lost_group = true", "")
    assert each(world, lost, asked, address("53"), head=SNOOPING) == {"broadcast": [(2, "S link-local +")]}


# ----------------------------------------------------------------------------------------------------------- the kernel only


@pytest.mark.lab
def test_a_scene_of_ipv4_alone_has_no_ipv6():
    head = HEAD.replace(', network6 = "2001:db8:10::/64"', "")
    seen, said = put("", [["ip", "-6", "address"], ["@worker-1", "ip", "-6", "address"], by_the_wire(V)], head=head)
    assert (seen, said) == ([], {0: "", 1: ""})


@pytest.mark.lab
def test_ipv6_is_off_where_a_nic_or_its_lan_has_none():
    toml = """
    lans.other = "10.1.0.0/24"
    [nodes.worker-1]
    nics.eth0 = { addresses = "10.0.0.11" }
    nics.eth1 = { addresses = "10.1.0.11", lan = "other" }
    nics.eth2 = { ipv6 = false }
    """
    _, said = put(toml, [["@worker-1", "ip", "-6", "-br", "address"]])
    found = {line.split()[0].partition("@")[0]: line.split()[2:] for line in said[0].splitlines()}
    assert found == {"lo": ["::1/128"], "eth0": ["2001:db8:10::11/64", "fe80::1:ff:fe00:100/64"]}


OURS = [by_the_wire(V), by_the_wire(V, destination=ALL_NODES), by_the_wire(V, to=node(1)), by_the_wire(V, to=node(2))]
OURS += [by_the_wire(V, to=node(1), destination=to) for to in (V, link_local(1))]
DUPLICATE_CHECK = question(ASKER, UNSPECIFIED, V)._replace(option=None).encode()
"""What duplicate address detection sends, and arpcheck never."""

CLIENTS = """
[hosts.client]
addresses = "10.0.0.5"
[hosts.other]
addresses = "10.0.0.6"
"""


@pytest.mark.lab
@pytest.mark.parametrize(
    ("asked", "kept"), [pytest.param(OURS, True, id="ours"), pytest.param([DUPLICATE_CHECK], False, id="check")]
)
def test_what_we_ask_leaves_the_caches_of_clients_alone(asked, kept):
    """Of a client that uses another MAC address than the only holder's: the evidence of what is wrong."""
    toml = f"[nodes.worker-1]\n{HOLDS.format(11)}\n[nodes.worker-2]\n{CLIENTS}"
    known = ["@other", "ip", "neigh", "replace", str(V), "dev", "eth0", "lladdr", node(2), "nud", "stale"]
    _, said = put(toml, [known, *asked, ["@other", "ip", "-6", "neigh", "show", str(V)]])
    assert (node(2) in said[len(asked) + 1]) == kept


CHECKED = """
for key in accept_dad dad_transmits; do echo 1 >/proc/sys/net/ipv6/conf/eth0/$key; done
echo 2000 >/proc/sys/net/ipv6/neigh/eth0/retrans_time_ms
ip address add 2001:db8:10::50/128 dev eth0
"""
DONE = """
for turn in $(seq 200); do
    found=$(ip -6 -o address show to 2001:db8:10::50)
    case $found in *dadfailed*) break ;; *tentative*) sleep 0.05 ;; *) break ;; esac
done
echo $found
"""


@pytest.mark.lab
@pytest.mark.parametrize(
    ("asked", "failed"), [pytest.param(OURS, False, id="ours"), pytest.param([DUPLICATE_CHECK], True, id="check")]
)
def test_what_we_ask_never_fails_the_check_of_an_address_that_a_node_is_about_to_take(asked, failed):
    steps = [["@worker-1", "sh", "-c", CHECKED], *asked, ["@worker-1", "sh", "-c", DONE]]
    seen, said = put("[nodes.worker-1]\n[nodes.worker-2]\n", steps, wait=0.05)
    assert ("dadfailed" in said[len(steps) - 1], "2001:db8:10::50" in said[len(steps) - 1]) == (failed, True)
    assert not [one for one in seen if one.message.kind == ADVERTISEMENT and one.message.target == V], "it was not taken yet"
