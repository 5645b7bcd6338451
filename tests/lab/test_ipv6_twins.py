"""Every scene that has a meaning in IPv6 comes out the same with IPv6 addresses: verdicts, responders, findings, causes."""

import ipv6_twins
import pytest
from ipv6_twins import WITHOUT, NoTwin
from test_scenes_pure import report

from arpcheck.lab import scene_file
from arpcheck.lab.run import differences
from arpcheck.model import Verdict


def twin(name):
    return scene_file.parse(ipv6_twins.twin(name), f"{name}-in-ipv6")


@pytest.mark.parametrize("name", ipv6_twins.names())
def test_a_twin_comes_out_as_the_scene_does(name, tmp_path):
    scene = twin(name)
    assert differences(scene, report(scene, tmp_path)) == ()


@pytest.mark.parametrize("name", [name for name, why in WITHOUT.items() if why is NoTwin.STRICT_ARP])
def test_strict_arp_is_no_matter_of_ipv6(name, tmp_path):
    """A kernel that holds an IPv6 address elsewhere than on the NIC accuses nobody."""
    scene = twin(name)
    found = report(scene, tmp_path)
    verdicts = {target["ip"]: target["verdict"] for target in found["targets"] if target["verdict"] and ":" in target["ip"]}
    assert verdicts
    assert Verdict.NON_STRICT not in verdicts.values()
    assert differences(scene, found) != (), "it has a twin"


def test_every_scene_without_a_twin_exists():
    assert WITHOUT.keys() <= set(scene_file.names())
    assert all(":" in (ipv6_twins.SCENES / f"{n}.toml").read_text() for n, why in WITHOUT.items() if why is NoTwin.OF_BOTH)
