"""What is written many at a time reads as if it had been written value by value."""

from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st

from arpcheck.evidence_json import Rows
from arpcheck.model import Mac, Question, Reply, Responder
from arpcheck.reports.contract import Entries
from arpcheck.reports.document import REPORT
from arpcheck.reports.json import written

numbers = st.integers(1, 4)
ms = st.integers(0, 10**6).map(lambda n: n / 1000)
macs = st.sampled_from([Mac("02:00:00:00:00:0a"), Mac("02:00:00:00:00:0b")])
names = st.sampled_from(["eth0", 'a"%s\n], [', "é\ud800", "", "worker-1:eth0"])
addresses = st.sampled_from([IPv4Address("10.0.0.50"), IPv4Address("10.0.0.51")])
questions = st.builds(Question, ms, names, numbers, addresses, addresses, st.none() | macs)
replies = st.builds(Reply, ms, names, numbers, addresses, addresses, st.none() | macs, macs, macs, ms)
responders = st.builds(
    Responder,
    node=st.none() | names,
    macs=st.lists(macs, min_size=1, max_size=3).map(tuple),
    interfaces=st.lists(names, max_size=3).map(tuple),
    expected=st.booleans(),
    flux=st.booleans(),
    rounds=st.lists(numbers, max_size=4).map(tuple),
    replies_per_probe=ms,
    first_reply_ms=ms,
    vendor=st.none() | names,
    sources=st.lists(macs, max_size=2).map(tuple),
)


@given(st.lists(questions, max_size=5) | st.lists(replies, max_size=5))
def test_rows(found):
    assert written({"rows": Rows(found)}) == written({"rows": [*Rows(found)]})


[TARGETS] = [key.type for key in REPORT.keys if key.name == "targets"]
[RESPONDERS] = [key.type for key in TARGETS.keys if key.name == "responders"]


@given(st.lists(responders, max_size=5))
def test_responders(found):
    entries = RESPONDERS.write(found)
    assert isinstance(entries, Entries)
    assert written({"responders": entries}) == written({"responders": [*entries]})
    assert [list(entry) for entry in entries] == [[key.name for key in RESPONDERS.keys]] * len(found)
    assert [entry["firstReplyMs"] for entry in entries[:1]] == [one.first_reply_ms for one in found[:1]]
