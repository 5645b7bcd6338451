"""Completeness at the top rate, on the kernel: nothing lost, nobody called silent who is not."""

from ipaddress import IPv4Address

import forked
import pytest

pytestmark = pytest.mark.lab

FIRST = IPv4Address("10.0.1.0")

HEAD = """
title = "Many addresses"
about = "Made by a test."
lans.lan = "10.0.0.0/16"
"""


def services(count):
    return "".join(f'[[services]]\nname = "web/s{n}"\nips = "{FIRST + n}"\n' for n in range(count))


def nodes(count, ipvs):
    return "[nodes]\n" + "".join(f'worker-{n} = {{ ipvs = "{ipvs}" }}\n' for n in range(1, count + 1))


def balanced(report):
    return [target for target in report["targets"] if target["kind"] == "load-balancer"]


def test_every_reply_of_four_nodes_for_512_addresses_is_there(tmp_path):
    scene = tmp_path / "many.toml"
    scene.write_text(HEAD + nodes(4, "non-strict") + services(512))
    report = forked.scene(str(scene), ["-o", "json", "--rate", "0", "--rounds", "1"]).report
    found = balanced(report)
    assert len(found) == 512
    assert sum(len(target["responders"]) for target in found) == 2048
    assert report["run"]["lost"] == 0
    assert {target["verdict"] for target in found} == {"non-strict"}


def test_no_announcer_is_called_silent_on_a_lan_that_is_swept_at_full_rate(tmp_path):
    announced = [str(FIRST + n) for n in range(0, 256, 32)]
    speakers = "".join(f'[[announcers]]\nat = "worker-{n % 3 + 1}"\nips = "{ip}"\n' for n, ip in enumerate(announced))
    scene = tmp_path / "swept.toml"
    scene.write_text(HEAD + nodes(3, "strict") + services(256) + speakers)
    report = forked.scene(str(scene), ["-o", "json", "--rate", "0", "--rounds", "1"]).report
    verdicts = {target["ip"]: target["verdict"] for target in balanced(report)}
    assert {ip for ip, verdict in verdicts.items() if verdict == "ok"} == set(announced)
    assert set(verdicts.values()) == {"ok", "silent"}
