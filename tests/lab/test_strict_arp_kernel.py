"""The whole way on the kernel: from nodes that answer for everything, through `strict-arp enable`, to the proof."""

import json
from pathlib import Path

import forked
import pytest

pytestmark = pytest.mark.lab(long=True)

RUN = Path(__file__).parent / "strict_arp_run.py"
WIRE = ("--iface", "eth0", "--rate", "100", "--rounds", "1")
UNDONE = """\
title = "Undone on one interface"
about = "strictARP sets arp_ignore of all to 1, and worker-2 has 3 on eth0."
nodes.worker-1.ipvs = "non-strict"
nodes.worker-2 = { ipvs = "non-strict", nics.eth0 = { addresses = "10.0.0.12", sysctl = { arp_ignore = 3 } } }
"""


def ends(scene, *commands):
    done = forked.program([RUN, scene, json.dumps(commands)])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_from_faulty_through_enable_to_clean(tmp_path):
    status, preflight = ("strict-arp", "status", "-o", "json"), ("preflight", *WIRE, "-o", "json")
    enable = ("strict-arp", "enable", "--yes", *WIRE, "--backup-dir", str(tmp_path))
    found = ends("all-non-strict", status, preflight, enable, status, preflight, ("probe", *WIRE, "-o", "json"))
    assert [end["code"] for end in found] == [1, 1, 0, 0, 0, 0], found
    faulty, before, enabled, clean, after, probe = found
    assert (json.loads(faulty["out"])["answer"], json.loads(clean["out"])["answer"]) == ("not-set", "set")
    assert json.loads(before["out"])["preflight"]["safe"] is False
    assert json.loads(after["out"])["preflight"]["safe"] is True
    assert {node["arp"] for node in json.loads(after["out"])["nodes"]} == {"quiet"}
    assert json.loads(probe["out"])["summary"]["verdicts"] == {"ok": 2}
    lines = enabled["out"].splitlines()
    assert lines[0] == "before  not safe: worker-1, worker-2, worker-3 would reply for every load-balancer address"
    assert lines[-1] == "after   safe: 3 of 3 nodes do not reply for addresses that they do not announce"
    assert len(list(tmp_path.iterdir())) == 1


EXTERNAL = """\
title = "An external IP that only IPVS answers"
about = "Nobody announces 10.0.0.201: it is on the LAN because every node's kernel holds it."
nodes.worker-1.ipvs = "non-strict"
nodes.worker-2.ipvs = "non-strict"
services = [{ name = "web/test", type = "NodePort", external_ips = "10.0.0.201", annotations = {} }]
"""


def test_an_address_that_goes_dark_is_named_before_it_does(tmp_path):
    (tmp_path / "external.toml").write_text(EXTERNAL)
    (end,) = ends(
        str(tmp_path / "external.toml"), ("strict-arp", "enable", "--dry-run", *WIRE, "--backup-dir", str(tmp_path))
    )
    assert end["code"] == 0
    assert "goes dark: 10.0.0.201 (web/test); only the non-strict kernels of worker-1, worker-2 reply" in end["err"]


def test_a_node_that_is_not_strict_after_all_of_it_is_told_with_its_likely_cause(tmp_path):
    (tmp_path / "undone.toml").write_text(UNDONE)
    (end,) = ends(
        str(tmp_path / "undone.toml"),
        ("strict-arp", "enable", "--yes", "--prove-within", "15", *WIRE, "--backup-dir", str(tmp_path)),
    )
    assert end["code"] == 1
    assert "not yet: not safe: worker-2 would reply" in end["err"], "it is asked again until the time is over"
    assert end["out"].index("The most likely cause: kube-proxy has not written the sysctls yet") < end["out"].index(
        "an interface overrides it"
    )
    assert "after   not safe: worker-2 would reply for every load-balancer address" in end["out"]
    assert "strictARP sets net.ipv4.conf.all.arp_ignore to 1, but an interface overrides it with 3 to 7" in " ".join(
        end["out"].split()
    )
