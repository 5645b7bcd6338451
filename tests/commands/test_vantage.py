"""What a Job of `arpcheck cluster` runs: one document in its log, or one line that says why there is none."""

import forked
import pytest

from arpcheck.evidence_json import from_json
from arpcheck.vantages.jobs import pack, read_log
from arpcheck.vantages.manifests import MOST_BYTES, PLAN_KEY
from arpcheck.wire.host import this_host, vlan_tags


def test_a_scout_says_which_interfaces_there_are():
    done = forked.arpcheck("vantage", "--job", "arpcheck-1-s1", "--scout")
    assert (done.returncode, done.stderr) == (0, "")
    document = read_log(done.stdout, "arpcheck-1-s1").document
    found = from_json(document["evidence"], "log")
    assert {one.name for one in found.host.interfaces} == {one.name for one in this_host().interfaces}
    assert {*found.options.interfaces} <= {one.name for one in found.host.interfaces} - {"lo"}


WRONG = {
    "no job": ((), "--job"), "no plan": (("--job", "j"), "FOLDER"), "no interface": (("--job", "j", "/plan"), "--iface"),
    "no such interface": (("--job", "j", "--iface", "nowhere0", "/plan"), "nowhere0"),
    "the loopback": (("--job", "j", "--iface", "lo", "/plan"), "lo"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_missing_is_one_line(name):
    given, named = WRONG[name]
    done = forked.arpcheck("vantage", *given)
    assert (done.returncode, done.stdout, done.stderr.count("\n"), named in done.stderr) == (2, "", 1, True), done.stderr


PLANS = {
    "none": None, "empty": b"", "not packed": b"{}", "not an object": pack([1]), "no evidence": pack({"job": "j"}),
    "of another Job": pack({"job": "other", "evidence": {}}), "too large": b"\x00" * (MOST_BYTES + 2),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_that_is_not_one_is_refused(tmp_path, name):
    from arpcheck.commands import vantage
    from arpcheck.errors import InputError

    if PLANS[name] is not None:
        (tmp_path / PLAN_KEY).write_bytes(PLANS[name])
    with pytest.raises(InputError) as error:
        vantage._plan(tmp_path / PLAN_KEY, "j")
    assert PLAN_KEY in error.value.message


VLANS = """VLAN Dev name    | VLAN ID
Name-Type: VLAN_NAME_TYPE_RAW_PLUS_VID_NO_PAD
eth0.100       | 100  | eth0
storage        | 7  | bond0
broken | x | y
"""


def test_vlans_as_the_kernel_lists_them():
    assert vlan_tags(VLANS) == {"eth0.100": 100, "storage": 7}
    assert vlan_tags("") == {}
