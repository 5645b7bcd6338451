"""Two nodes of every segment ask, the fewest that do, and each segment for what belongs to it."""

from ipaddress import ip_address, ip_network

import pytest

from arpcheck.errors import UsageError
from arpcheck.vantages.segments import Candidate, Link, choose, named_nodes, named_segments, placed, segments, startable


def made(**nodes):
    """`a="10.0.1.0/24 10.0.2.0/24"`: a node with an interface in each network."""
    links = [
        Link(node=node, interface=f"eth{number}", addresses=(), networks=(ip_network(network),))
        for node, networks in nodes.items()
        for number, network in enumerate(networks.split())
    ]
    return segments(links, {})


def points(found):
    return {one.node: one.segments for one in found}


ONE, TWO, THREE = "10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"
ALL = [Candidate(name=name) for name in "abcdef"]


def test_two_of_a_segment_and_the_only_one_of_another():
    found = choose(made(a=ONE, b=ONE, c=ONE, d=TWO), ALL)
    assert points(found) == {"a": (ONE,), "b": (ONE,), "d": (TWO,)}


def test_nodes_in_several_segments_come_first_since_fewer_are_enough():
    found = choose(made(a=ONE, b=ONE, c=TWO, d=TWO, e=f"{ONE} {TWO}", f=f"{ONE} {TWO}"), ALL)
    assert points(found) == {"e": (ONE, TWO), "f": (ONE, TWO)}
    assert found[0].interfaces == ("eth0", "eth1")


def test_nodes_that_others_hear_come_first():
    there = made(a=f"{ONE} {TWO}", b=ONE, c=ONE)
    here = [one for one in there if one.name == ONE]
    homes = {"a": "10.0.2.1", "b": "10.0.1.2", "c": "10.0.1.3"}
    some = [Candidate(name=name, addresses=(ip_address(ip),)) for name, ip in homes.items()]
    assert [*points(choose(here, some))] == ["b", "c"]
    assert [*points(choose(here, some[:2]))] == ["b", "a"]
    assert [*points(choose(there, some))] == ["a", "b"]


def test_nodes_that_announce_least_come_first():
    there = made(a=ONE, b=ONE, c=ONE)
    some = [Candidate(name="a", busy=2), Candidate(name="b", busy=1), Candidate(name="c")]
    assert [*points(choose(there, some))] == ["c", "b"]


def test_untainted_nodes_before_tainted_ones():
    there = made(a=ONE, b=ONE, c=ONE)
    some = [Candidate(name="a", tainted=True), Candidate(name="b"), Candidate(name="c")]
    assert [*points(choose(there, some))] == ["b", "c"]
    assert [*points(choose(there, some[:2]))] == ["b", "a"]


def test_all_nodes():
    assert [*points(choose(made(a=ONE, b=ONE, c=ONE, d=TWO), ALL, every=True))] == [*"abcd"]


def test_twenty_segments_of_five_hundred_nodes():
    there = made(**{f"n{number:03}": f"10.0.{number % 20}.0/24" for number in range(500)})
    found = choose(there, [Candidate(name=f"n{number:03}") for number in range(500)])
    assert len(found) == 40
    assert len({segment for one in found for segment in one.segments}) == 20


def test_no_two_of_a_segment_at_once_and_none_overtakes():
    there = made(a=ONE, b=ONE, c=f"{ONE} {TWO}", d=TWO, e=THREE)
    by = {one.node: one for one in choose(there, ALL, every=True)}
    a, b, c, d, e = (by[name] for name in "abcde")
    assert startable([a, b, c, d, e], []) == (a, e)
    assert startable([b, c, d], [a, e]) == ()
    assert startable([c, d], []) == (c,)
    assert startable([d], [a]) == (d,)


def places(there, *asked, announcers=None, nodes=None):
    known = {ip_address(ip): names for ip, names in (announcers or {}).items()}
    own = {name: [ip_address(ip)] for name, ip in (nodes or {}).items()}
    found = placed(there, map(ip_address, asked), known, own)
    return {name: [*map(str, ips)] for name, ips in found.by_segment.items()}, [*map(str, found.everywhere)]


def test_an_address_belongs_to_its_smallest_network():
    there = made(a="10.0.0.0/16", b=ONE)
    assert places(there, "10.0.1.5", "10.0.9.5") == ({ONE: ["10.0.1.5"], "10.0.0.0/16": ["10.0.9.5"]}, [])


def test_an_address_in_no_network_belongs_where_its_announcer_is():
    there = made(a=ONE, b=f"{ONE} {TWO}", c=THREE)
    found = places(there, "192.0.2.7", "10.0.3.3", announcers={"192.0.2.7": ["b"], "10.0.3.3": ["a"]})
    assert found == ({THREE: ["10.0.3.3"], ONE: ["192.0.2.7"], TWO: ["192.0.2.7"]}, [])


def test_what_nothing_places_is_asked_everywhere():
    assert places(made(a=ONE, b=TWO), "192.0.2.7", "10.0.1.5") == ({ONE: ["10.0.1.5"]}, ["192.0.2.7"])


def test_without_an_address_the_segments_of_the_nodes_are_asked():
    there = made(a=ONE, b=TWO)
    assert places(there, nodes={"a": "10.0.1.1"}) == ({ONE: []}, [])
    assert places(there, "192.0.2.7", nodes={"a": "10.0.1.1"}) == ({ONE: []}, ["192.0.2.7"])


def test_of_equal_networks_those_with_the_announcer():
    links = [
        Link(node=node, interface=f"eth0.{vlan}", addresses=(), networks=(ip_network(ONE),), vlan=vlan)
        for node, vlan in (("a", 10), ("b", 10), ("c", 20))
    ]
    there = segments(links, {})
    assert places(there, "10.0.1.5", announcers={"10.0.1.5": ["c"]}) == ({f"{ONE} in VLAN 20": ["10.0.1.5"]}, [])
    assert {*places(there, "10.0.1.5")[0]} == {f"{ONE} in VLAN 10", f"{ONE} in VLAN 20"}


def test_names_on_the_command_line():
    assert named_nodes(["a,b", " c ", "a"], "abc") == ("a", "b", "c")
    with pytest.raises(UsageError, match="worker-9"):
        named_nodes(["worker-9"], ["worker-1"])
    there = made(a=ONE, b=TWO)
    assert [one.name for one in named_segments([ip_network("10.0.2.0/25")], there)] == [TWO]
    with pytest.raises(UsageError, match=r"10\.0\.7\.0/24"):
        named_segments([ip_network("10.0.7.0/24")], there)
