"""Interfaces that `--iface auto` never chooses, by their names and by what the kernel shows of them."""

import pytest

from arpcheck.model import Host, Interface, Mac
from arpcheck.wire import host as hosts
from arpcheck.wire.host import inner

INNER = [
    "docker0",
    "br-0123456789ab",
    "cni0",
    "podman0",
    "virbr0",
    "lxdbr0",
    "vnet3",
    "tap0",
    "tun0",
    "wg0",
    "wg-home",
    "tailscale0",
    "cali0123456789a",
    "cilium_host",
    "lxc0123456789ab",
    "veth12ab34cd",
    "flannel.1",
    "vxlan.calico",
    "kube-ipvs0",
    "nodelocaldns",
    "tunl0",
    "ppp0",
    "genev_sys_6081",
]
LAN = [
    "eth0",
    "eno1",
    "enp3s0",
    "ens18",
    "br0",
    "br-lan",
    "bond0",
    "bond0.100",
    "eth0.4",
    "vlan20",
    "vmbr0",
    "wlan0",
    "team0",
    "em1",
    "eth0np0",
    "private.5",
    "dock0",
]


def test_by_name(tmp_path):
    assert [name for name in INNER if not inner(name, tmp_path)] == []
    assert [name for name in LAN if inner(name, tmp_path)] == []


def link(network, name, *parts, ports=()):
    for part in (*parts, *(f"brif/{port}" for port in ports)):
        (network / name / part).mkdir(parents=True, exist_ok=True)
    (network / name).mkdir(exist_ok=True)


@pytest.mark.parametrize(
    ("ports", "found"),
    [
        pytest.param(["eth0"], "", id="the host's own bridge"),
        pytest.param(["bond0", "tap7"], "", id="a bond and a guest"),
        pytest.param(["eth0.100"], "", id="a VLAN"),
        pytest.param(["tap7"], "a bridge of guests", id="a virtual machine"),
        pytest.param(["pair7"], "a bridge of guests", id="a container"),
        pytest.param([], "a bridge without a port", id="nothing yet"),
    ],
)
def test_a_bridge_is_the_hosts_where_a_port_leads_out(tmp_path, ports, found):
    link(tmp_path, "eth0", "device")
    link(tmp_path, "bond0", "bonding")
    link(tmp_path, "eth0.100", "lower_eth0")
    link(tmp_path, "tap7", "tun_flags")
    link(tmp_path, "pair7")
    link(tmp_path, "br0", "bridge", ports=ports)
    assert inner("br0", tmp_path) == found


def test_a_tap_of_any_name(tmp_path):
    link(tmp_path, "guest", "tun_flags")
    assert inner("guest", tmp_path)


def test_a_host_tells_its_candidates_and_why_the_others_are_none(monkeypatch):
    monkeypatch.setattr(hosts, "_flags", lambda _name: [])
    monkeypatch.setattr(hosts, "_file_text", lambda _path: None)

    def nic(name, *addresses, up=True, mac=True):
        return Interface(name=name, mac=Mac("02:00:00:00:00:01") if mac else None, addresses=addresses, up=up)

    host = Host(
        interfaces=(
            nic("eth0", "10.0.0.5/24"),
            nic("eth1"),
            nic("eth2", "10.1.0.5/24", up=False),
            nic("virbr0", "192.168.122.1/24"),
            nic("wg0", "10.8.0.2/24", mac=False),
            nic("lo", "127.0.0.1/8", mac=False),
        )
    )
    assert hosts.candidates(host) == ("eth0",)
    assert set(hosts.passed_over(host)) == {"eth1", "eth2", "virbr0", "wg0", "lo"}
    assert hosts.passed_over(host)["virbr0"] == "a bridge of virtual machines"
    assert hosts.passed_over(host)["eth2"] == "down"
