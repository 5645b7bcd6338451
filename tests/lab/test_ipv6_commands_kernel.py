"""On the kernel, in dual stack: the commands beside `probe`."""

import json
from pathlib import Path

import forked
import pytest

pytestmark = pytest.mark.lab

RUN = Path(__file__).parent / "strict_arp_run.py"
WIRE = ("--rate", "100", "-o", "json")


def ends(scene, *commands, objects=()):
    done = forked.program([RUN, scene, json.dumps(commands), json.dumps(objects)])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def pool_of(*ranges):
    return {
        "apiVersion": "metallb.io/v1beta1", "kind": "IPAddressPool", "metadata": {"name": "lan", "namespace": "metallb-system"},
        "spec": {"addresses": list(ranges)},
    }  # fmt: skip


def test_a_pool_of_a_dual_stack_cluster():
    long = pool_of("10.0.0.60-10.0.0.62", "2001:db8:10::1:0:0/96")
    (whole, named, four) = ends(
        "ipv6-healthy", ("pool", *WIRE), ("pool", *WIRE, "--range", "2001:db8:10::/64"), ("pool", *WIRE, "--family", "ipv4"),
        objects=[long],
    )  # fmt: skip
    assert (whole["code"], named["code"], four["code"]) == (0, 2, 0), (whole, named, four)
    assert json.loads(whole["out"])["summary"]["free"] == 3 + 64
    assert json.loads(four["out"])["summary"]["free"] == 3
    assert named["out"] == ""
    assert len(named["err"].splitlines()) == 1


def test_a_preflight_says_what_of_ipv6_it_saw():
    for scene, code, safe, seen in (
        ("ipv6-healthy", 0, True, "IPv6: 3 of 3 nodes"),
        ("ipv6-node-without-ipv4", 0, True, "IPv6: 3 of 3 nodes"),
        ("ipv6-family-alone-node-missed", 3, None, "IPv6: 2 of 3 nodes"),
    ):
        (end,) = ends(scene, ("preflight", *WIRE))
        found = json.loads(end["out"])["preflight"]
        assert (end["code"], found["safe"]) == (code, safe), scene
        assert found["ipv6"].startswith(seen), scene


def test_doctor_says_what_of_ipv6_works():
    (end,) = ends("ipv6-healthy", ("doctor", "-o", "json"))
    found = {check["check"]: (check["state"], check["says"]) for check in json.loads(end["out"])["checks"]}
    assert end["code"] == 0, end
    assert found["IPv6"][0] == "ok"
    assert "fe80::2:ff:fe00:100" in found["IPv6"][1]
    assert found["services"] == ("ok", "2 addresses of LoadBalancer Services to probe, 0 to skip")
    assert found["nodes"] == ("ok", "3 nodes, 3 with an address of its own, 3 with IPv6")


def test_a_pool_that_begins_with_the_anycast_address_and_holds_hosts():
    (end,) = ends("ipv6-healthy", ("pool", *WIRE), objects=[pool_of("2001:db8:10::/64")])
    states = {one["ip"]: one["state"] for one in json.loads(end["out"])["addresses"]}
    assert end["code"] == 1
    assert [ip for ip, state in states.items() if state == "in-use"] == [
        "2001:db8:10::", "2001:db8:10::5", "2001:db8:10::11", "2001:db8:10::12", "2001:db8:10::13", "2001:db8:10::50",
    ]  # fmt: skip
