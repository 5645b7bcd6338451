"""The simulated wire: virtual time, the switch, the loss, and the host that the prober finds itself to be."""

from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest
from simulated.probe_options import options
from simulated.wire import SOCKET_HOLDS, SimulatedWire, scene_host

from arpcheck import pipeline
from arpcheck.errors import InputError, WireError
from arpcheck.evidence import Options
from arpcheck.lab import answering, cluster_objects, scene_file
from arpcheck.model import PassReason
from arpcheck.wire.packets import Wire

HEAD = 'title = "A test"\nabout = "Made by a test."\n'
ONE = '[nodes]\nworker-1 = {}\n[[announcers]]\nat = "worker-1"\nips = "10.0.0.50"\n'
IP, LAN = IPv4Address("10.0.0.50"), IPv4Address("10.0.0.5")


NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def scene(toml):
    return scene_file.parse(HEAD + toml, "test")


def asked(wire, scene, ip=IP, sender=LAN, interface="eth0", to=answering.BROADCAST):
    nic = next(nic for nic in scene.station(scene.prober.station).nics if nic.name == interface)
    wire.send(interface, answering.question(nic.mac, sender, ip, to=to).encode())


def test_time_passes_only_by_waiting_and_by_sending():
    one = scene(ONE)
    wire: Wire = SimulatedWire(one)
    assert (wire.now(), list(wire.receive(3.0)), wire.now()) == (0.0, [], 3.0)
    assert (list(wire.receive(1.0)), wire.now()) == ([], 3.0)
    asked(wire, one)
    sent = wire.now()
    [arrival] = wire.receive(sent + 1)
    assert sent < arrival.at == wire.now() < sent + 0.01
    assert (list(wire.receive(sent + 1)), wire.now()) == ([], sent + 1)


def test_what_comes_later_than_asked_for_comes_the_next_time():
    late = scene(ONE + 'delay = "700ms"\n')
    wire = SimulatedWire(late)
    asked(wire, late)
    assert [len(wire.receive(until)) for until in (0.5, 1.0)] == [0, 1]


def test_a_speaker_loses_what_exceeds_its_socket():
    one = scene(ONE)
    wire = SimulatedWire(one)
    for _ in range(1000):
        asked(wire, one)
    answered = 0
    while arrivals := wire.receive(wire.now() + 1):
        answered += len(arrivals)
    assert SOCKET_HOLDS < answered < 1000


def test_at_four_thousand_a_second_a_speaker_loses_nothing():
    one = scene(ONE)
    wire, answered = SimulatedWire(one), 0
    for number in range(1000):
        asked(wire, one)
        while arrivals := wire.receive((number + 1) / 4000):
            answered += len(arrivals)
    assert answered + len(wire.receive(10.0)) == 1000


def test_frames_that_the_prober_loses_are_counted_once():
    one = scene(ONE)
    wire = SimulatedWire(one, drop=lambda arrival: arrival.interface == "eth0")
    asked(wire, one)
    assert list(wire.receive(1.0)) == []
    assert (wire.lost(), wire.lost()) == ({"eth0": 1}, {})


def test_the_prober_does_not_hear_itself_but_its_second_nic_hears_the_first():
    own = scene('[nodes]\nworker-1 = {}\n[prober]\nat = "worker-1"\n')
    wire = SimulatedWire(own)
    asked(wire, own, ip=IPv4Address("10.0.0.11"), sender=answering.ZERO_IP)
    assert list(wire.receive(1.0)) == []
    two = scene('nodes.worker-1.nics = { eth0 = { addresses = "10.0.0.11" }, eth1 = {} }\n[prober]\nat = "worker-1"\n')
    wire = SimulatedWire(two)
    asked(wire, two, ip=IPv4Address("10.0.0.11"), sender=answering.ZERO_IP)
    [arrival] = wire.receive(1.0)
    assert (arrival.interface, answering.decode(arrival.frame).sender_mac) == ("eth0", "02:01:00:00:01:01")


def test_lans_are_apart_and_a_reply_comes_in_where_it_was_asked():
    two = scene(
        """
        lans = { lan = "10.0.0.0/24", far = "10.9.0.0/24" }
        nodes.worker-1 = { lan = "far", addresses = "10.9.0.11" }
        hosts.client.nics = { eth0 = { addresses = "10.0.0.5" }, eth1 = { lan = "far" } }
        prober.interfaces = ["eth0", "eth1"]
        """
    )
    wire = SimulatedWire(two)
    for interface in ("eth0", "eth1"):
        asked(wire, two, ip=IPv4Address("10.9.0.11"), sender=answering.ZERO_IP, interface=interface)
    assert [arrival.interface for arrival in wire.receive(1.0)] == ["eth1"]


def test_an_interface_that_is_not_there():
    one = scene(ONE)
    with pytest.raises(WireError, match="no interface 'eth9'"):
        SimulatedWire(one).send("eth9", b"")


def test_noise_is_answered_by_nobody():
    one = scene(ONE)
    wire = SimulatedWire(one)
    for frame in (b"", b"\xff" * 60, b"\x00" * 14):
        wire.send("eth0", frame)
    assert list(wire.receive(5.0)) == []


def test_the_host_is_what_the_prober_would_find():
    host = scene_host(scene('nodes.worker-1.ipvs = "strict"\n[prober]\nat = "worker-1"\n'))
    assert [(i.name, i.mac, i.up, i.arp_ignore, i.arp_announce) for i in host.interfaces] == [
        ("eth0", "02:01:00:00:01:00", True, 1, 2),
        ("kube-ipvs0", "02:0e:00:00:00:00", False, 1, 2),
        ("lo", None, True, 1, 2),
    ]
    assert [i.addresses for i in host.interfaces] == [
        ("10.0.0.11/24",),
        ("10.0.0.50/32", "10.96.0.1/32", "10.96.0.10/32", "10.96.0.101/32"),
        ("127.0.0.1/8",),
    ]


def test_the_options_of_a_scene_as_the_pipeline_takes_them():
    given = scene('prober.options = ["--external-ips", "--ip", "10.0.0.9", "--rate", "0"]')
    found = options(given, ["--rounds", "1", "--sender", "zero"])
    assert (found.interfaces, found.external_ips, found.ips) == (("eth0",), True, (IPv4Address("10.0.0.9"),))
    assert (found.rate, found.rounds, found.sender) == (4000.0, 1, "zero")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        pytest.param('["--no-such"]', "unrecognized arguments: --no-such", id="unknown"),
        pytest.param('["--rounds", "x"]', "argument --rounds: invalid int value: 'x'", id="no number"),
    ],
)
def test_an_option_that_is_none(text, fault):
    with pytest.raises(InputError, match=f"^prober.options: {fault}$"):
        options(scene(f"prober.options = {text}"))


def test_who_announces_and_never_answers_and_who_answers_in_another_vlan_is_in_the_evidence():
    given = scene(
        """
        [hosts]
        loud = { addresses = "10.0.0.30" }
        apart = { addresses = "10.0.0.31" }
        [[services]]
        name = "web/nginx"
        ips = "10.0.0.50"
        [[announcers]]
        at = "worker-1"
        ips = "10.0.0.50"
        [[announcers]]
        at = "loud"
        ips = "10.0.0.50"
        shape = "announcement"
        [[announcers]]
        at = "apart"
        ips = "10.0.0.50"
        shape = "tagged"
        """
    )
    objects = cluster_objects.objects(given, NOW, pipeline.NEEDS)
    heard = pipeline.observe(
        Options(interfaces=("eth0",)), objects=objects, host=scene_host(given), wire=SimulatedWire(given), clock=lambda: NOW
    )
    worker, loud, apart = (given.station(name).nics[0].mac for name in ("worker-1", "loud", "apart"))
    vip = IPv4Address("10.0.0.50")
    assert {reply.mac for reply in heard.replies if reply.ip == vip} == {worker}
    assert [(g.ip, g.mac, g.source, g.frames) for g in heard.gratuitous] == [(vip, loud, loud, 3)]
    assert [(p.ip, p.mac, p.reason, p.frames) for p in heard.passed_over] == [(vip, apart, PassReason.VLAN, 3)]
