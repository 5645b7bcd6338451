"""Twins of scenes in IPv6 on the kernel: the few whose frames differ most from each other; each one where ARPCHECK_SCENES=all
says so (`scripts/scenes --all`)."""

import os

import forked
import ipv6_twins
import pytest

from arpcheck.lab import scene_file
from arpcheck.lab.run import differences

pytestmark = pytest.mark.lab

FEW = ("foreign-host", "odd-frames", "proxy-arp-everything")
NAMES = ipv6_twins.names() if os.environ.get("ARPCHECK_SCENES") == "all" else FEW


@pytest.mark.parametrize("name", NAMES)
def test_a_twin_comes_out_as_the_scene_does(name, tmp_path):
    path = tmp_path / f"{name}-in-ipv6.toml"
    path.write_text(ipv6_twins.twin(name))
    result = forked.scene(path, ["-o", "json", "--rate", "100"])
    assert result.exit_code == result.report["summary"]["exitCode"], result.stderr
    assert differences(scene_file.load(str(path)), result.report) == ()
