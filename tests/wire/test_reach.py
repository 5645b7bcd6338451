"""The tries of `--reach`: what is sent, when, and what is kept of the replies."""

from __future__ import annotations

import itertools
import random
from ipaddress import IPv4Address

import pytest
from simulated.reach_network import FIRST, OWN, OWN_MAC, Network, icmp, segment, syn_ack
from simulated.reach_network import rst as refusal

from arpcheck.model import Mac, NotAsked, ReachSignal
from arpcheck.wire.reach import AGAIN, EACH, LISTEN, TRIES, ReachAim, ReachPlan, ReachProgress, reach, reach_seconds
from arpcheck.wire.reach_packets import Flow, decode, either, only_replies, rst, syn

ONE, TWO = Mac("02:00:00:00:00:01"), Mac("02:00:00:00:00:02")
VIP, POD, ROUTER = IPv4Address("10.0.0.50"), IPv4Address("10.42.0.7"), IPv4Address("10.0.0.1")


def aim(mac: Mac = ONE, ip: IPv4Address = VIP, port: int = 80, **more: str) -> ReachAim:
    party, interface = more.get("party", str(mac)), more.get("interface", "eth0")
    return ReachAim(
        interface=interface, own_mac=OWN_MAC, sender=OWN, ip=ip, port=port, service="web/nginx", mac=mac, party=party
    )


def healthy(to):
    yield 0.001, syn_ack(to, to.to)


def silent(_):
    return ()


def run(network: Network, *aims: ReachAim, rate: float = 100.0, **more):
    return reach(network, ReachPlan(aims=aims, rate=rate), begun=network.now(), **more)


def test_an_accepted_try_is_one_syn_and_one_rst_to_the_asked_mac() -> None:
    network = Network({ONE: healthy})
    found = run(network, aim())
    (only,) = found.tries
    assert [reply.signal for reply in only.replies] == [ReachSignal.SYN_ACK]
    assert (only.replies[0].source, only.replies[0].port, only.replies[0].mac, only.replies[0].ttl) == (VIP, 80, ONE, 63)
    (sent,), (ended,) = network.syns(), network.resets()
    assert (ended.to, ended.number, ended.sender_port) == (ONE, sent.number + 1, sent.sender_port)
    assert found.complete
    assert network.now() - sent.at >= LISTEN


def test_silence_is_asked_three_times_from_new_ports_and_ended_with_an_rst_each() -> None:
    network = Network({ONE: silent})
    found = run(network, aim())
    assert len(found.tries) == len(network.syns()) == TRIES
    assert len({one.sender_port for one in network.syns()}) == TRIES
    assert len({one.number for one in network.syns()}) == TRIES
    times = [one.at for one in network.syns()]
    assert all(later - earlier > AGAIN - 1e-6 for earlier, later in itertools.pairwise(times))
    assert {one.sender_port for one in network.resets()} == {one.sender_port for one in network.syns()}
    assert all(one.at > times[-1] + LISTEN - 1e-6 for one in network.resets())


@pytest.mark.parametrize("kind", [3, 11, 12])
def test_an_icmp_error_ends_it(kind: int) -> None:
    network = Network({ONE: lambda to: [(0.001, icmp(to, ONE, kind, 1, ROUTER))]})
    (only,) = run(network, aim()).tries
    assert [(reply.source, reply.code, reply.port) for reply in only.replies] == [(ROUTER, 1, None)]


def test_a_redirect_is_no_end() -> None:
    network = Network({ONE: lambda to: [(0.001, icmp(to, ONE, 5, 1, ROUTER))]})
    found = run(network, aim())
    assert [[reply.signal for reply in one.replies] for one in found.tries] == [[ReachSignal.REDIRECT]] * TRIES


def test_after_a_redirect_the_third_waits_for_what_a_router_says_of_a_dead_address() -> None:
    def routed(to):
        yield 0.001, icmp(to, ONE, 5, 1, ROUTER)
        yield 3.06, icmp(to, ONE, 3, 1, ROUTER)

    found = run(Network({ONE: routed}), aim())
    assert len(found.tries) == 2
    assert {reply.signal for reply in found.tries[0].replies} == {ReachSignal.REDIRECT, ReachSignal.UNREACHABLE}


def test_a_refusal_is_not_answered_with_an_rst() -> None:
    network = Network({ONE: lambda to: [(0.001, refusal(to, ONE))]})
    (only,) = run(network, aim()).tries
    assert [reply.signal for reply in only.replies] == [ReachSignal.RST]
    assert network.resets() == []


def test_a_syn_ack_from_another_address_is_kept() -> None:
    network = Network({ONE: lambda to: [(0.001, syn_ack(to, TWO, source=POD, port=8080))]})
    (only,) = run(network, aim()).tries
    assert [(reply.source, reply.port, reply.mac) for reply in only.replies] == [(POD, 8080, TWO)]
    assert [one.to for one in network.resets()] == [ONE]


def test_what_acknowledges_another_number_or_goes_to_another_port_is_not_ours() -> None:
    def strange(to):
        frame = syn_ack(to, ONE)
        yield 0.001, frame[:42] + bytes(4) + frame[46:]
        yield 0.002, frame[:36] + b"\xff\xff" + frame[38:]

    found = run(Network({ONE: strange}), aim())
    assert [one.replies for one in found.tries] == [()] * TRIES


def test_a_late_reply_stops_further_tries_and_a_repeated_one_is_ended_again() -> None:
    def slow(to):
        yield 1.5, syn_ack(to, ONE)
        yield 2.5, syn_ack(to, ONE)

    network = Network({ONE: slow})
    assert len(run(network, aim()).tries) == 2
    assert len(network.resets()) == 4


def test_one_syn_a_second_for_a_node_with_two_macs_and_nodes_side_by_side() -> None:
    ips = [VIP + n for n in range(5)]
    network = Network({ONE: healthy, TWO: healthy})
    run(network, *(aim(mac, ip, party="n1") for ip in ips for mac in (ONE, TWO)))
    times = [one.at for one in network.syns()]
    assert all(later - earlier > EACH - 1e-6 for earlier, later in itertools.pairwise(times))
    beside = Network({ONE: healthy, TWO: healthy})
    run(beside, *(aim(mac, ip) for ip in ips for mac in (ONE, TWO)))
    assert beside.now() - 100 < network.now() - 100 - 4


def test_it_stays_within_the_rate() -> None:
    stations = {Mac(f"02:00:00:00:01:{n:02x}"): healthy for n in range(40)}
    network = Network(stations)
    run(network, *(aim(mac) for mac in stations), rate=5.0)
    frames = sorted(one.at for one in network.syns())
    assert len(frames) == 40
    assert frames[-1] - frames[0] >= 39 / 5


def test_the_estimate_holds_in_a_healthy_and_in_a_silent_network() -> None:
    aims = [aim(mac, VIP + n) for n in range(7) for mac in (ONE, TWO)]
    for behaviour, which in ((healthy, 0), (silent, 1)):
        network = Network({ONE: behaviour, TWO: behaviour})
        run(network, *aims)
        said = reach_seconds(ReachPlan(aims=tuple(aims), rate=100.0))[which]
        assert said - 1 <= network.now() - 100 <= said + 2


def test_500_addresses_of_3_nodes_take_less_than_600_seconds() -> None:
    macs = [Mac(f"02:00:00:00:00:{n:02x}") for n in (1, 2, 3)]
    aims = tuple(aim(mac, VIP + n) for n in range(500) for mac in macs)
    assert reach_seconds(ReachPlan(aims=aims, rate=10.0))[0] < 600
    network = Network(dict.fromkeys(macs, healthy))
    found = run(network, *aims, rate=10.0)
    assert len(found.tries) == 1500
    assert network.now() - 100 < 600
    used = [(one.ip, one.sender_port) for one in network.syns()]
    assert len(set(used)) == len(used)


def test_what_the_kernel_refuses_is_not_asked() -> None:
    found = run(Network({}, blocked={"eth0"}), aim())
    assert (found.tries, [one.why for one in found.skips]) == ((), [NotAsked.SEND_FAILED])


def test_a_lost_interface_does_not_stop_the_others() -> None:
    network = Network({ONE: healthy, TWO: healthy}, dead={"eth1"})
    found = run(network, aim(ONE), aim(TWO, interface="eth1"), aim(TWO, VIP + 1, interface="eth1"))
    assert [one.mac for one in found.tries] == [ONE]
    assert [(one.mac, one.why) for one in found.skips] == [(TWO, NotAsked.LINK_LOST)] * 2
    assert not found.complete


def test_without_free_ports_nothing_is_sent() -> None:
    network = Network({ONE: healthy}, free=0)
    found = run(network, aim())
    assert network.sent == []
    assert [one.why for one in found.skips] == [NotAsked.NO_SOURCE_PORT]


def test_a_port_is_not_used_twice_for_one_address_and_port() -> None:
    network = Network({ONE: silent}, free=2)
    found = run(network, aim(), aim(ip=VIP + 1))
    assert len({(one.ip, one.sender_port) for one in network.syns()}) == len(found.tries) == 4


def test_what_is_stopped_keeps_what_there_is_and_ends_what_it_began() -> None:
    network = Network({ONE: silent})
    found = run(network, *(aim(ip=VIP + n) for n in range(9)), stop=lambda: network.now() > 102.5)
    assert 0 < len(found.tries) < 9
    assert {one.why for one in found.skips} == {NotAsked.INTERRUPTED}
    assert len({one.ip for one in found.tries} | {one.ip for one in found.skips}) == 9
    assert len(network.resets()) == len(network.syns())
    assert not found.complete


def test_an_interrupted_run_ends_soon_however_many_were_silent() -> None:
    stations = {Mac(f"02:00:00:00:01:{number:02x}"): silent for number in range(200)}
    network = Network(stations)
    run(network, *(aim(mac) for mac in stations), rate=10.0, stop=lambda: network.now() > 115)
    assert len(network.syns()) > 140
    assert 0 < len(network.resets()) < 60
    assert network.now() < 122


def test_every_frame_is_shown_to_the_tap() -> None:
    network, seen = Network({ONE: healthy}), []
    run(network, aim(), tap=lambda at, frame: seen.append((at, frame[47])))
    assert [flags for _, flags in seen] == [0x02, 0x12, 0x04]


# ------------------------------------------------------------------------------------------------------------ frames as bytes

FLOW = Flow(OWN_MAC, ONE, OWN, 61234, VIP, 443)


@pytest.mark.parametrize(("build", "flags", "number"), [(syn, "S", 0xFFFFFFFF), (rst, "R", 0)])
def test_our_frames_are_what_scapy_reads_and_writes(build, flags: str, number: int) -> None:
    from scapy.layers.inet import IP, TCP
    from scapy.layers.l2 import Ether

    frame = build(FLOW, 0xFFFFFFFF)
    read = Ether(frame)
    assert (read.src, read.dst, read[IP].src, read[IP].dst) == (OWN_MAC, ONE, str(OWN), str(VIP))
    assert (read[IP].ttl, str(read[IP].flags), read[TCP].sport, read[TCP].dport) == (64, "DF", 61234, 443)
    assert (str(read[TCP].flags), read[TCP].seq, read[TCP].ack) == (flags, number, 0)
    assert ("MSS", 1460) in read[TCP].options or build is rst
    del read[IP].chksum, read[IP].len, read[TCP].chksum, read[TCP].dataofs
    assert bytes(Ether(bytes(read))) == frame


def test_replies_built_by_scapy_are_decoded() -> None:
    from scapy.layers.inet import ICMP, IP, TCP
    from scapy.layers.l2 import Ether

    ours, head = Ether(syn(FLOW, 5))[IP], Ether(src=TWO, dst=OWN_MAC)
    found = decode(bytes(head / IP(src=str(POD), dst=str(OWN), ttl=62) / TCP(sport=8080, dport=61234, flags="SA", ack=6)))
    assert found == (5, 61234, ReachSignal.SYN_ACK, POD, 8080, None, TWO, 62)
    found = decode(bytes(head / IP(src=str(VIP), dst=str(OWN)) / TCP(sport=443, dport=61234, flags="RA", ack=6)))
    assert found == (5, 61234, ReachSignal.RST, VIP, 443, None, TWO, 64)
    for kind, signal in ((3, ReachSignal.UNREACHABLE), (5, ReachSignal.REDIRECT), (11, ReachSignal.TIME_EXCEEDED)):
        quoted = bytes(ours)[:28]
        found = decode(bytes(head / IP(src=str(ROUTER), dst=str(OWN)) / ICMP(type=kind, code=1) / quoted))
        assert found == (5, 61234, signal, ROUTER, None, 1, TWO, 64)


def test_decoding_never_raises() -> None:
    chance = random.Random(16)  # noqa: S311
    whole = [syn_ack(segment(0, "eth0", syn(FLOW, 5)), ONE), icmp(segment(0, "eth0", syn(FLOW, 5)), ONE, 3, 1, ROUTER)]
    for frame in whole:
        assert decode(frame)
        for length in range(len(frame)):
            decode(frame[:length])
        for _ in range(2000):
            changed = bytearray(frame)
            for _ in range(3):
                changed[chance.randrange(len(changed))] = chance.randrange(256)
            decode(bytes(changed))


# ----------------------------------------------------------------------------------------------------------------- the filter


def passes(frame: bytes, program) -> bool:
    """What the kernel does with classic BPF (net/core/filter.c); a load beyond the frame drops it."""
    accumulator = index = counter = 0
    while True:
        code, true, false, value = program[counter]
        counter += 1
        try:
            match code:
                case 32 | 40 | 48 | 64 | 72 | 80:
                    size = {32: 4, 64: 4, 40: 2, 72: 2, 48: 1, 80: 1}[code]
                    at = value + (index if code in (64, 72, 80) else 0)
                    if at + size > len(frame):
                        return False
                    accumulator = int.from_bytes(frame[at : at + size], "big")
                case 177:
                    index = (frame[value] & 0xF) * 4
                case 21:
                    counter += true if accumulator == value else false
                case 37:
                    counter += true if accumulator > value else false
                case 53:
                    counter += true if accumulator >= value else false
                case 69:
                    counter += true if accumulator & value else false
                case 6:
                    return value > 0
                case _:
                    raise AssertionError(code)
        except IndexError:
            return False


def test_the_filter_lets_replies_to_our_ports_through_and_nothing_else() -> None:
    program = only_replies(OWN, 61230, 61239)
    assert len(program) == 27
    ours = segment(0, "eth0", syn(FLOW, 5))
    above, below = (segment(0, "eth0", syn(FLOW._replace(sender_port=port), 5)) for port in (61240, 61229))
    other_host = segment(0, "eth0", syn(FLOW._replace(sender=OWN + 1), 5))
    for build in (
        lambda to: syn_ack(to, ONE), lambda to: syn_ack(to, TWO, source=POD), lambda to: refusal(to, ONE),
        *(lambda to, kind=kind: icmp(to, ONE, kind, 1, ROUTER) for kind in (3, 5, 11, 12)),
    ):  # fmt: skip
        assert passes(build(ours), program)
        assert not passes(build(above), program)
        assert not passes(build(below), program)
        assert not passes(build(other_host), program)
        fragment = bytearray(build(ours))
        fragment[21] = 1
        assert not passes(bytes(fragment), program)
    assert not passes(icmp(ours, ONE, 8, 0, ROUTER), program)
    assert FIRST < 61230


def test_the_filter_of_an_interface_with_two_addresses_lets_through_what_either_does() -> None:
    other = OWN + 256
    program = either([only_replies(OWN, 61230, 61239), only_replies(other, 62000, 62009)])
    assert len(program) == 53
    for own, port, through in (
        (OWN, 61234, True), (other, 62005, True), (OWN, 62005, False), (other, 61234, False), (OWN + 1, 61234, False),
    ):  # fmt: skip
        to = segment(0, "eth0", syn(FLOW._replace(sender=own, sender_port=port), 5))
        for answer in (syn_ack(to, ONE), refusal(to, ONE), icmp(to, ONE, 3, 1, ROUTER)):
            assert passes(answer, program) == through


def test_the_progress_is_told_until_all_is_done() -> None:
    told: list[ReachProgress] = []
    network = Network({ONE: lambda to: [(0.001, syn_ack(to, ONE))]})
    plan = ReachPlan(aims=(aim(), aim(mac=TWO, party="n2")), rate=100.0)
    reach(network, plan, begun=network.now(), progress=told.append)
    assert {one.aims for one in told} == {2}
    assert [one.settled for one in told] == sorted(one.settled for one in told)
    assert (told[0].settled, told[-1].settled, told[-1].sent) == (0, 2, 1 + TRIES)
    assert all(one.seconds_left >= 0 for one in told)
    assert told[0].seconds_left > told[-1].seconds_left
    assert len(told) > 10
