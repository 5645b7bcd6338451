"""Scenes that not every kernel can show, on this one where it has what they need: elsewhere they are skipped aloud, and
`scripts/kernels` runs them on Debian's kernels."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import forked
import pytest

from arpcheck.errors import InputError, LabError
from arpcheck.lab import network, network_links, scene_file
from arpcheck.lab.run import differences
from arpcheck.lab.scene import Feature

PATHS = sorted((Path(__file__).parent / "kernel_scenes").glob("*.toml"))
NAMES = [path.stem for path in PATHS]
HEAD = 'title = "A scene"\nabout = "Made by a test."\n'


def load(name):
    return scene_file.load(str(Path(__file__).parent / "kernel_scenes" / f"{name}.toml"))


@cache
def missing():
    """What this kernel does not have, as an enclosure finds it."""
    tried = "from arpcheck.lab import network_links as links, scene; print(*links.missing(scene.Feature))"
    done = subprocess.run(network.command([sys.executable, "-c", tried]), capture_output=True, text=True, check=True)
    return frozenset(map(Feature, done.stdout.split()))


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_needs_and_what_it_expects(name):
    scene = load(name)
    assert scene.needs
    assert scene.expect
    assert scene.title
    assert scene.about


def test_together_they_need_every_feature():
    assert {feature for name in NAMES for feature in load(name).needs} == set(Feature)


@pytest.mark.lab
@pytest.mark.parametrize("name", NAMES)
def test_it_comes_out_as_it_says(name):
    if lacking := sorted(missing() & set(load(name).needs)):
        pytest.skip(f"this kernel has no {', '.join(lacking)}; scripts/kernels has")
    result = forked.scene(PATHS[NAMES.index(name)], ["-o", "json", "--rate", "100"])
    assert result.exit_code == result.report["summary"]["exitCode"], result.stderr
    assert differences(load(name), result.report) == ()


@pytest.mark.lab
def test_a_scene_is_refused_where_the_kernel_does_not_have_what_it_needs():
    if not (lacking := [name for name in NAMES if missing() & set(load(name).needs)]):
        pytest.skip("this kernel has all of it")
    result = forked.scene(PATHS[NAMES.index(lacking[0])], ["-o", "json"])
    assert result.stdout == ""
    assert f"{LabError.__name__}: " in result.stderr
    assert all(feature in result.stderr for feature in missing() & set(load(lacking[0]).needs))


NICS = """
[hosts.client.nics]
eth0 = { addresses = [] }
eth1 = { addresses = [] }
"""


def client(text):
    scene = scene_file.parse(f"{HEAD}{NICS}{text}", "x")
    return scene, scene.station("client")


def test_interfaces_on_top_of_others_are_made_before_they_have_addresses():
    scene, station = client(
        'bond0 = { on = ["eth0", "eth1"], link = "bond mode 802.3ad" }\n'
        'vlan5 = { on = "bond0", link = "vlan id 5", addresses = "10.0.0.5" }\n'
        'mac0 = { on = "vlan5", link = "macvlan mode bridge", mac = "02:0a:00:00:00:01" }\n'
        'ip0 = { on = "eth1", link = "ipvlan mode l2" }\n'
        'vx0 = { on = "vlan5", link = "vxlan id 42 group 239.1.1.1 dstport 4789" }\n'
        'red = { on = "vx0", link = "vrf table 10" }\n'
    )
    assert scene.needs == (Feature.BOND, Feature.IPVLAN, Feature.MACVLAN, Feature.VLAN, Feature.VRF, Feature.VXLAN)
    assert list(network_links.uppers(station)) == [
        "link add name bond0 address 02:02:00:00:01:00 type bond mode 802.3ad",
        "link set eth0 down",
        "link set eth0 master bond0",
        "link set eth1 down",
        "link set eth1 master bond0",
        "link add link bond0 name vlan5 address 02:02:00:00:01:00 type vlan id 5",
        "link add link vlan5 name mac0 address 02:0a:00:00:00:01 type macvlan mode bridge",
        "link add link eth1 name ip0 type ipvlan mode l2",
        "link add name vx0 address 02:02:00:00:01:06 type vxlan id 42 group 239.1.1.1 dstport 4789 dev vlan5",
        "link add name red type vrf table 10",
        "link set vx0 down",
        "link set vx0 master red",
    ]


@pytest.mark.parametrize(
    ("mode", "at_the_switch"),
    [("802.3ad miimon 100", "802.3ad"), ("balance-rr", "balance-xor"), ("active-backup", None), ("balance-alb", None)],
)
def test_a_switch_bonds_where_the_mode_needs_it(mode, at_the_switch):
    scene, station = client(f'bond0 = {{ on = ["eth0", "eth1"], link = "bond mode {mode}" }}\n')
    ports = {f"port{n}": (station, nic) for n, nic in enumerate(station.nics) if not nic.link}
    expected = {"bundle1": (at_the_switch, ("port0", "port1"))} if at_the_switch else {}
    assert network_links.bundles(scene, ports) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('up0 = { on = "eth0" }', "nics.up0.link: missing"),
        ('up0 = { link = "vlan id 5" }', "nics.up0.on: missing"),
        ('up0 = { on = "eth7", link = "vlan id 5" }', "nics.up0.on: no NIC 'eth7' before it"),
        ('up0 = { on = "eth0", link = "tun" }', "nics.up0.link: it begins with none of"),
        ('up0 = { on = "eth0", link = "vlan id 5\\nlink delete eth0" }', "nics.up0.link: one line"),
        ('up0 = { on = "eth0", link = " " }', "nics.up0.link: it begins with none of"),
        ('eth2 = { netem = "loss 5%\\nqdisc" }', "nics.eth2.netem: one line"),
    ],
)
def test_a_wrong_interface_is_named_with_its_place(text, words):
    with pytest.raises(InputError) as error:
        client(text)
    assert words in str(error.value)


def test_what_a_scene_needs_beside_its_interfaces():
    scene = scene_file.parse(
        f'{HEAD}needs = ["ip_vs", "dummy"]\n[hosts.client]\naddresses = "10.0.0.5"\nnetem = "loss 5%"\n', "x"
    )
    assert scene.needs == (Feature.DUMMY, Feature.IPVS, Feature.NETEM)
    with pytest.raises(InputError, match="needs: 'ipvs' is none of"):
        scene_file.parse(f'{HEAD}needs = "ipvs"\n', "x")
