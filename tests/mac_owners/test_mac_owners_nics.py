"""Which interfaces can answer on a LAN, by their names."""

from __future__ import annotations

import pytest

from arpcheck.mac_owners.addresses import holds_only, is_inside

HOLDERS = ("lo", "dummy0", "kube-ipvs0", "kube-dummy-if", "nodelocaldns", "kube-lb0", "kube-lb-int0")
INSIDE = (
    *("veth12ab@if2", "cali12ab", "lxc_health", "tunl0", "sit0", "gre0", "gretap0", "erspan0", "ip6tnl0", "ip_vti0"),
    *("vxlan.calico", "wg0", "tun0", "ifb0", "cni0", "docker0", "docker_gwbridge", "podman0", "nerdctl0", "virbr0"),
    *("flannel.1", "cilium_host", "weave", "datapath", "kube-bridge", "antrea-gw0", "ovn0", "br-int", "ovs-system"),
    *("genev_sys_6081", "vxlan_sys_4789", "ovn-k8s-mp0", "tap3f2a", "macvtap0@eth0", "vnet12", "br-0123456789ab"),
)
OUTSIDE = (
    *("eth0", "eno1", "enp3s0f1", "ens18", "bond0", "team0", "br0", "br-ex", "vlan100", "eth0.100", "wlan0", "ovsbr0"),
    *("br-0123456789a", "br-0123456789abc", "br-storage", "vnet", "macvlan0"),
    *("site1", "green0", "wgate", "tunnel-lan", "docker-lan", "loc0", "kube-lan", "weave0"),
)


@pytest.mark.parametrize("name", HOLDERS)
def test_what_only_holds_addresses(name):
    assert holds_only(name)
    assert is_inside(name)


@pytest.mark.parametrize("name", INSIDE)
def test_what_never_speaks_on_a_lan(name):
    assert is_inside(name)
    assert not holds_only(name)


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_may_be_a_nic(name):
    assert not is_inside(name)
    assert not holds_only(name)
