"""IPv6 in a scene file: what follows from `network6`, what can be said, and what is refused; and what announcers may send."""

from ipaddress import IPv4Address, IPv6Address, IPv6Interface, IPv6Network

import pytest
from lab_solicitations import HEAD, SNOOPING

from arpcheck.errors import InputError
from arpcheck.lab import advertising, scene_file
from arpcheck.lab.advertising import Advertiser, groups, question, solicited_node
from arpcheck.lab.scene import Announcer, AnnouncerKind, SceneNic, Shape
from arpcheck.model import Mac
from arpcheck.wire import neighbour_discovery

V = IPv6Address("2001:db8:10::50")


def parsed(text="", head=HEAD):
    return scene_file.parse(head + text, "scene")


def test_a_lan_with_ipv6_gives_every_station_the_counterpart_of_its_address():
    scene = parsed()
    assert (scene.lans6["lan"].network, scene.lans6["lan"].mld_snooping) == (IPv6Network("2001:db8:10::/64"), False)
    assert [station.nics[0].addresses6 for station in scene.stations] == [
        (IPv6Interface(f"2001:db8:10::{last}/64"),) for last in (11, 12, 13, 5)
    ]
    assert scene.cluster.nodes[0].addresses == ("10.0.0.11", "2001:db8:10::11")
    assert [dict(station.sysctl6) for station in scene.stations] == [{"forwarding": 1}] * 3 + [{}]
    assert parsed(head=SNOOPING).lans6["lan"].mld_snooping


def test_a_scene_of_ipv4_alone_is_as_before():
    scene = parsed(head=HEAD.replace(', network6 = "2001:db8:10::/64"', ""))
    assert (scene.lans6, scene.cluster.nodes[0].addresses) == ({}, ("10.0.0.11",))
    assert {(nic.ipv6, nic.addresses6, nic.own6) for station in scene.stations for nic in station.nics} == {
        (False, (), frozenset())
    }


def test_addresses_of_both_families_are_told_apart():
    scene = parsed("""
        [nodes.worker-1]
        ipvs = "strict"
        addresses = ["10.0.0.11", "2001:db8:10::a", "2001:db8:10::50/128"]
        [nodes.worker-2]
        ipvs = "strict"
        held = ["10.0.0.50", "2001:db8:10::50"]
        [nodes.worker-3]
        ipvs = "strict"
        ipv6 = false
        [[services]]
        name = "web/nginx"
        ips = ["10.0.0.50", "2001:db8:10::50"]
    """)
    first, second, third = scene.stations[:3]
    assert [str(address) for address in first.nics[0].addresses6] == ["2001:db8:10::a/64", "2001:db8:10::50/128"]
    assert (first.held6, second.held, second.held6) == ((), (IPv4Address("10.0.0.50"),), (V,))
    assert (third.held, third.held6, third.nics[0].own6) == (first.held, (), frozenset()), "IPv6 is off on every device"
    assert IPv4Address("10.0.0.50") in first.held


def test_the_link_local_address_is_made_of_the_mac_address():
    nic = SceneNic(name="eth0", lan="lan", mac=Mac("52:54:00:12:34:56"), ipv6=True)
    assert nic.own6 == {IPv6Address("fe80::5054:ff:fe12:3456")}


@pytest.mark.parametrize(
    ("ips", "ips4", "ips6"),
    [
        ([], (), ()),
        (["10.0.0.50"], (IPv4Address("10.0.0.50"),), None),
        (["2001:db8:10::50"], None, (V,)),
        (["10.0.0.50", "2001:db8:10::50"], (IPv4Address("10.0.0.50"),), (V,)),
    ],
)
def test_an_announcer_answers_in_the_families_of_its_addresses(ips, ips4, ips6):
    [announcer] = parsed(f"[[announcers]]\nat = 'worker-1'\nips = {ips}").announcers
    assert (announcer.ips4, announcer.ips6) == (ips4, ips6)


FAULTS = {
    "IPv6 where there is none": ('lans.other = "10.1.0.0/24"\n[hosts.a]\nlan = "other"\naddresses = "2001:db8::1"', "hosts.a.addresses: 2001:db8::1 where there is no IPv6"),
    "held where there is none": ('[hosts.a]\nipv6 = false\nheld = "2001:db8::1"', "hosts.a.held: 2001:db8::1 where there is no IPv6"),
    "no IPv6 network": ('lans.other = { network = "10.1.0.0/24", network6 = "x" }', "lans.other.network6: "),
    "no network": ('lans.other = { network6 = "2001:db8::/64" }', "lans.other.network: missing"),
    "a table that is somebody's": ('lans.other = { network = "10.1.0.0/24", network6 = "2001:db8::/64", suppressed."2001:db8::1" = "nobody" }', "lans.other.suppressed: no node or host 'nobody' on this LAN"),
    "no such key": ('lans.other = { network = "10.1.0.0/24", mld_snooping = true }', "lans.other.mld_snooping: no such key"),
    "an unknown sysctl": ("[hosts.a]\nsysctl6 = { proxy_arp = 1 }", "hosts.a.sysctl6.proxy_arp: none of forwarding, proxy_ndp"),
    "an unknown kind": ('[[announcers]]\nat = "worker-1"\nkind = "x"', "announcers[1].kind: 'x' is none of cilium, metallb, ndppd"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_has_its_place(name):
    text, message = FAULTS[name]
    with pytest.raises(InputError) as caught:
        parsed(text)
    assert caught.value.message.startswith(f"scene: {message}")


# ------------------------------------------------------------------------------------------------------------- announcers

NIC = SceneNic(
    name="eth0", lan="lan", mac=Mac("02:01:00:00:01:00"), ipv6=True, addresses6=(IPv6Interface("2001:db8:10::11/64"),)
)
ASKER, ASKER_LL = Mac("02:02:00:00:01:00"), IPv6Address("fe80::2:ff:fe00:100")


def sent(shape):
    announcer = Announcer(station="worker-1", ips=(V,), kind=AnnouncerKind.CILIUM, shape=shape)
    [due] = Advertiser(announcer, NIC).receive(question(ASKER, ASKER_LL, V).encode(), 1.0)
    return due.frame


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        (Shape.TRUNCATED, "truncated"),
        (Shape.WRONG_OPERATION, "not-an-advertisement"),
        (Shape.WRONG_HARDWARE, "hop-limit"),
        (Shape.TAGGED, "not-ipv6"),
    ],
)
def test_what_is_sent_in_place_of_an_advertisement_is_none(shape, why):
    assert neighbour_discovery.decode(sent(shape)) == neighbour_discovery.Ignored(why)


@pytest.mark.parametrize(
    ("shape", "field", "value"),
    [
        (Shape.REPLY, "target_ip", ASKER_LL.packed),
        (Shape.TO_BROADCAST, "target_mac", b"\xff" * 6),
        (Shape.OTHER_ADDRESS, "ip", (V + 1).packed),
        (Shape.FOREIGN_TARGET, "target_ip", (ASKER_LL + 1).packed),
        (Shape.ANNOUNCEMENT, "flags", 0x20),
    ],
)
def test_what_is_sent_is_valid_but_for_its_shape(shape, field, value):
    assert getattr(neighbour_discovery.decode(sent(shape)), field) == value


def test_a_speaker_waits_for_the_asker_but_not_forever():
    speaker = Advertiser(Announcer(station="worker-1", ips=(V,)), NIC)
    asked = question(ASKER, ASKER_LL, V).encode()
    known = question(ASKER, ASKER_LL, NIC.link_local)._replace(kind=advertising.ADVERTISEMENT, target=ASKER_LL).encode()
    [look] = speaker.receive(asked, 1.0)
    assert advertising.decode(look.frame).target == ASKER_LL
    assert speaker.receive(asked, 1.5) == (), "it is looking"
    assert [advertising.decode(due.frame).kind for due in speaker.receive(asked, 2.1)] == [advertising.SOLICITATION]
    assert len(speaker.receive(known, 4.3)) == 2, "of the first it forgot by then"
    assert [advertising.decode(due.frame).kind for due in speaker.receive(asked, 5.0)] == [advertising.ADVERTISEMENT]


def test_groups_that_are_joined():
    assert groups(Announcer(station="a", ips=(V, IPv4Address("10.0.0.50")))) == (solicited_node(V),)
    assert groups(Announcer(station="a", ips=(V,), lost_group=True)) == ()
    assert groups(Announcer(station="a", ips=(V,), kind=AnnouncerKind.CILIUM)) == ()
