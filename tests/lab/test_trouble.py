"""What breaks while the probe asks: the link, the process, the output. What was measured is kept, and what was not is said."""

import json

import pytest
from probe_in_trouble import FULL, GOOD, ROOMY, in_trouble

pytestmark = pytest.mark.lab

SHORT = ("--rate", "20", "--rounds", "2")
AFTER, FULL_ROUND = 8, 16
"""Questions: some of the first round; all of it, and some of the second."""

LINK = {
    "down": "eth0: the interface went down after ",
    "down and up": "eth0: the interface went down after ",
    "deleted": ("eth0: the interface went down after ", "eth0: the interface was removed after "),
    "renamed": "eth0: the interface went down after ",
    "other MAC": "eth0: its MAC address changed to 02:0e:00:00:00:09 after ",
    "no carrier": "eth0: it lost its carrier after ",
    "narrow": "eth0: its transmit queue stayed full after ",
    "long queue": "eth0: frames are stuck in its transmit queue after ",
}


@pytest.mark.parametrize("trouble", LINK)
def test_a_link_that_breaks_ends_the_run_with_what_was_heard(trouble):
    came = in_trouble(trouble, "--rate", "20", "--rounds", "9", after=FULL_ROUND)
    report = json.loads(came["out"])
    assert report["summary"]["complete"] is False
    assert [gap["why"].startswith(LINK[trouble]) for gap in report["gaps"] if gap["what"] == "wire"] == [True]
    assert report["summary"]["nonStrictNodes"] == ["worker-2", "worker-3"], "heard in the first round"
    assert verdict(report) in ("inconclusive", "non-strict")
    assert came["code"] == 1


def test_a_link_without_carrier_makes_nothing_silent():
    """About when the Service's address is asked first, and after nodes were heard: what comes too late was heard."""
    came = in_trouble("no carrier", *SHORT, after=4)
    assert verdict(json.loads(came["out"])) in ("inconclusive", "non-strict")


def test_an_address_that_is_taken_away_changes_no_answer():
    came = in_trouble("address removed", *SHORT, after=AFTER)
    report = json.loads(came["out"])
    assert (came["code"], report["summary"]["complete"], verdict(report)) == (1, True, "non-strict")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_it_with_a_partial_report(name):
    came = in_trouble(name, "--rate", "20", "--rounds", "9", "--output", str(ROOMY / "report.json"), after=FULL_ROUND)
    report = json.loads(came["out"])
    assert (came["code"], report["summary"]["exitCode"], report["summary"]["complete"]) == (130, 130, False)
    assert report["summary"]["nonStrictNodes"] == ["worker-2", "worker-3"]
    assert json.loads(came["files"][str(ROOMY / "report.json")])["run"]["sent"] == report["run"]["sent"]


def test_ctrl_c_while_the_report_is_written_costs_nothing_of_it():
    came = in_trouble("SIGINT while it writes", *SHORT)
    report = json.loads(came["out"])
    assert (came["code"], report["summary"]["exitCode"], report["summary"]["complete"]) == (1, 1, True)


def test_a_full_disk_replaces_no_good_report_and_costs_none():
    came = in_trouble("none", *SHORT, "--output", str(FULL / "report.json"))
    assert came["files"] == {str(FULL / "report.json"): GOOD, str(ROOMY / "report.json"): GOOD}
    assert came["code"] == 2
    assert came["err"].endswith(f"arpcheck: can't write {FULL}/report.json: No space left on device\n")
    assert json.loads(came["out"])["summary"]["complete"] is True


def test_a_full_disk_behind_stdout_is_no_finding():
    came = in_trouble("full stdout", *SHORT, "--output", str(ROOMY / "report.json"))
    assert came["code"] == 2
    assert came["err"].endswith("arpcheck: can't write to stdout: No space left on device\n")
    assert json.loads(came["files"][str(ROOMY / "report.json")])["summary"]["complete"] is True


@pytest.mark.parametrize(("trouble", "code"), [("reader gone", 141), ("terminal gone", 2)])
def test_the_report_is_in_its_file_though_nobody_reads_the_other(trouble, code):
    came = in_trouble(trouble, *SHORT, "--output", str(ROOMY / "report.json"))
    written = json.loads(came["files"][str(ROOMY / "report.json")])
    assert came["code"] == code
    assert "Traceback" not in came["err"]
    assert written["summary"]["nonStrictNodes"] == ["worker-2", "worker-3"]


def verdict(report):
    return next(target["verdict"] for target in report["targets"] if target["ip"] == "10.0.0.50")
