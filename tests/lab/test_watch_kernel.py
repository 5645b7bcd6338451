"""`arpcheck watch` as a process on the kernel's network: failovers, a rollout, and what is overheard in between."""

import re
from collections import defaultdict
from pathlib import Path

import forked
import pytest
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.lab

HERE = Path(__file__).parent
PACE = ("--rate", "100", "--probe-every", "0.25s", "--interval", "60s", "-q")


def watched(scene, act, *options):
    """The exit code, and what was said without times and durations."""
    done = forked.program([HERE / "watch_on_stage.py", scene, act, *PACE, *options])
    assert done.stderr == ""
    text = re.sub(r"\d{4}-\d\d-\d\d [\d:]{8}", "WHEN", done.stdout)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d\b", "DAY", text)
    text = re.sub(r"\d+\.\d s\b", "N s", re.sub(r"\d\d:\d\d:\d\d\.\d", "TIME", text))
    return done.returncode, text


GAP = """\
TIME  probed: 1 ok
TIME  10.0.0.50: no reply any more; last reply from worker-1
TIME  10.0.0.50: moved from worker-1 to worker-2, after N s without a reply
TIME  10.0.0.50: changed from ok to inconclusive: worker-2 replied, but the cluster was read DAY UTC and then recorded worker-1: \
the current announcer is not known

From WHEN to WHEN UTC
10.0.0.50 (web/nginx): 1 move, 1 gap (N s)
  TIME  worker-1
  TIME  nobody for N s
  TIME  worker-2
Worst moment: TIME, no reply for 10.0.0.50; exit code 1
"""

OVERLAP = """\
TIME  probed: 1 ok
TIME  10.0.0.50: worker-1 and worker-2 both reply
TIME  10.0.0.50: moved from worker-1 to worker-2, after N s with two owners
TIME  10.0.0.50: changed from ok to inconclusive: worker-2 replied, but the cluster was read DAY UTC and then recorded worker-1: \
the current announcer is not known

From WHEN to WHEN UTC
10.0.0.50 (web/nginx): 1 move, 1 overlap (N s)
  TIME  worker-1
  TIME  worker-1 and worker-2 for N s
  TIME  worker-2
Worst moment: TIME, several owners replied for 10.0.0.50; exit code 1
"""


@pytest.mark.parametrize(("scene", "text"), [("failover-gap", GAP), ("failover-overlap", OVERLAP)])
def test_a_failover(scene, text):
    assert watched(scene, "nothing", "--for", "12s") == (1, text)


def test_a_rollout_node_by_node():
    code, text = watched("rollout", "nothing", "--for", "12s")
    lines = [line.removeprefix("TIME  ") for line in text.split("\n\n")[0].splitlines()]
    assert code == 1
    assert sorted(line for line in lines if "Service addresses" in line) == [
        f"worker-{number} no longer replies for Service addresses" for number in (1, 2, 3)
    ]
    assert "10.0.0.50: only worker-1 replies, after N s with several owners" in lines
    assert lines[-4:] == [
        "10.0.0.50: changed from non-strict to ok: worker-1 replied in every round",
        *(f"worker-{number}: changed from non-strict to quiet" for number in (1, 2, 3)),
    ]


def test_a_kernel_that_asks_with_a_services_address():
    code, text = watched("two-non-strict", "ask_as_a_service")
    assert code == 1
    assert "10.0.0.50: worker-2 uses it as the sender of a request for 10.0.0.200: set arp_announce=2 there\n" in text


def test_an_announcement_is_heard_and_ctrl_c_ends_it_with_the_timeline(tmp_path):
    code, text = watched("healthy", "announce", "--output", str(tmp_path / "arpcheck.prom"))
    assert [path.name for path in tmp_path.iterdir()] == ["arpcheck.prom"]
    assert "arpcheck_address_verdict{" in (tmp_path / "arpcheck.prom").read_text()
    assert (code, text) == (3, """\
TIME  probed: 1 ok
TIME  10.0.0.50: gratuitous ARP from worker-3

From WHEN to WHEN UTC
1 address did not change
Worst moment: TIME, worker-3 announced 10.0.0.50 and did not reply for it; exit code 3
""")  # fmt: skip


def test_an_interface_that_goes_down_ends_it():
    code, text = watched("healthy", "down")
    assert code == 3
    assert "TIME  eth0: the interface went down: no more replies from there\n" in text


def test_an_ipv6_address_that_another_node_announces_too():
    code, text = watched("ipv6-healthy", "advertise")
    assert code == 3
    assert "TIME  2001:db8:10::50: unsolicited advertisement from worker-3\n" in text
    assert "Worst moment: TIME, worker-3 announced 2001:db8:10::50 and did not reply for it; exit code 3\n" in text


def test_it_serves_its_metrics_to_another_host_until_it_is_terminated():
    """A fault is one from the second probe on; every state has its node."""
    code, text = watched("two-non-strict", "scrape", "--serve", ":9798", "--interval", "2s")
    assert code == 1
    assert "healthz ok\n" in text
    lines = "".join(line + "\n" for line in text.splitlines() if line.startswith("arpcheck_"))
    found = defaultdict(list)
    for family in text_string_to_metric_families(lines):
        found[family.name] += [one.labels for one in family.samples]
    assert [labels["verdict"] for labels in found["arpcheck_address_verdict"]] == ["non-strict"]
    states = {labels["node"]: labels["state"] for labels in found["arpcheck_node_state"]}
    assert states == {"worker-1": "quiet", "worker-2": "non-strict", "worker-3": "non-strict"}
    assert {labels["node"] for labels in found["arpcheck_address_responder"]} == {"worker-1", "worker-2", "worker-3"}
    assert {labels["outcome"] for labels in found["arpcheck_watch_probes_total"]} == {"unsure", "fault"}
    assert "Worst moment: " in text
