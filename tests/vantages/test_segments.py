"""Nodes that have a network in common are a segment; its tags, its aliases and its two families are one."""

from ipaddress import ip_address

from arpcheck.model import Interface, Mac
from arpcheck.vantages.segments import links_in_state, links_of, segments


def nic(name, *addresses, ipv6=()):
    return Interface(name=name, mac=Mac("02:00:00:00:00:01"), addresses=addresses, ipv6=ipv6)


def found(nodes, homes=None, vlans=None):
    links = [link for node, nics in nodes.items() for link in links_of(node, nics, (vlans or {}).get(node, {}))]
    known = {node: frozenset(map(ip_address, ips)) for node, ips in (homes or {}).items()}
    return {one.name: {link.node: link.interface for link in one.links} for one in segments(links, known)}


def test_nodes_with_one_network_are_a_segment_and_a_node_may_be_in_two():
    nodes = {
        "a": [nic("eth0", "10.0.1.1/24")],
        "b": [nic("eth0", "10.0.1.2/24"), nic("eth1", "10.0.2.2/24")],
        "c": [nic("ens3", "10.0.2.3/24")],
    }
    assert found(nodes) == {"10.0.1.0/24": {"a": "eth0", "b": "eth0"}, "10.0.2.0/24": {"b": "eth1", "c": "ens3"}}


def test_a_second_network_and_ipv6_on_one_interface_are_the_same_segment():
    nodes = {
        "a": [nic("eth0", "10.0.1.1/24", ipv6=("fe80::1/64", "2001:db8::1/64"))],
        "b": [nic("eth0", "10.0.1.2/24", "10.9.0.2/24")],
        "c": [nic("eth0", "10.9.0.3/24")],
        "d": [nic("eth0", ipv6=("2001:db8::4/64",))],
    }
    assert found(nodes) == {"10.0.1.0/24": dict.fromkeys("abcd", "eth0")}


def test_addresses_without_a_network_lead_nowhere():
    nodes = {
        "a": [nic("eth0", "10.0.1.1/32", ipv6=("fe80::1/64",)), nic("eth1", "169.254.1.1/16"), nic("p2p", "10.5.0.0/31")],
        "b": [nic("lo", "127.0.0.1/8")],
    }
    assert found(nodes) == {}


def test_one_network_in_two_vlans_is_two_segments():
    nodes = {
        "a": [nic("eth0.10", "10.0.1.1/24")],
        "b": [nic("eth0.10", "10.0.1.2/24")],
        "c": [nic("eth0.20", "10.0.1.1/24")],
        "d": [nic("eth0", "10.0.1.9/24")],
    }
    vlans = {"a": {"eth0.10": 10}, "b": {"eth0.10": 10}, "c": {"eth0.20": 20}}
    assert found(nodes, vlans=vlans) == {
        "10.0.1.0/24 in VLAN 10": {"a": "eth0.10", "b": "eth0.10"},
        "10.0.1.0/24 in VLAN 20": {"c": "eth0.20"},
        "10.0.1.0/24 untagged": {"d": "eth0"},
    }


def test_a_port_that_the_switch_tags_is_in_the_one_vlan_that_has_this_network():
    nodes = {"a": [nic("eth0.10", "10.0.1.1/24")], "b": [nic("eth0", "10.0.1.2/24")]}
    assert found(nodes, vlans={"a": {"eth0.10": 10}}) == {"10.0.1.0/24": {"a": "eth0.10", "b": "eth0"}}


def test_of_two_interfaces_in_one_segment_that_with_the_nodes_address_is_used():
    nodes = {"a": [nic("eth0", "10.0.1.1/24"), nic("eth1", "10.0.1.101/24")], "b": [nic("eth0", "10.0.1.2/24")]}
    assert found(nodes, homes={"a": ["10.0.1.101"]}) == {"10.0.1.0/24": {"a": "eth1", "b": "eth0"}}
    assert found(nodes) == {"10.0.1.0/24": {"a": "eth0", "b": "eth0"}}


def test_links_of_a_node_network_state():
    state = {
        "metadata": {"name": "a"},
        "status": {
            "currentState": {
                "interfaces": [
                    {"name": "lo", "mac-address": "00:00:00:00:00:00", "ipv4": {"address": [{"ip": "127.0.0.1", "prefix-length": 8}]}},
                    {
                        "name": "bond0.7", "state": "up", "mac-address": "02:00:00:00:00:07", "vlan": {"base-iface": "bond0", "id": 7},
                        "ipv4": {"address": [{"ip": "10.0.1.1", "prefix-length": 24}, {"ip": "x", "prefix-length": 24}, 7]},
                        "ipv6": {"address": [{"ip": "fe80::1", "prefix-length": 64}]},
                    },
                    {"name": "eth9", "state": "down", "mac-address": "02:00:00:00:00:09", "ipv4": {"address": [{"ip": "10.9.0.1", "prefix-length": 24}]}},
                    "nonsense",
                ]
            }
        },
    }  # fmt: skip
    [link] = links_in_state(state)
    assert (link.node, link.interface, link.vlan, [str(n) for n in link.networks]) == ("a", "bond0.7", 7, ["10.0.1.0/24"])
