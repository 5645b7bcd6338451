"""scapy_library: what of its table of manufacturers is kept with a run, and that the longest prefix of it names a MAC."""

import pytest

from arpcheck.mac_owners import label
from arpcheck.model import Mac
from arpcheck.wire.scapy_library import manufacturers


@pytest.mark.parametrize(
    ("mac", "rows", "name"),
    [
        pytest.param("00:1b:78:2c:51:9a", {"00:1B:78": "Hewlett Packard"}, "Hewlett Packard", id="24 bits"),
        pytest.param("3c:24:f0:11:22:33", {"3C:24:F0:10/28": "Abrites Ltd."}, "Abrites Ltd.", id="28 bits"),
        pytest.param(
            "00:1b:c5:00:12:34", {"00:1B:C5:00:10/36": "OpenRB.com, Direct SIA"}, "OpenRB.com, Direct SIA", id="36 bits"
        ),
        pytest.param("02:1b:78:2c:51:9a", {}, "locally administered", id="locally administered"),
        pytest.param(
            "00:00:5e:00:01:33", None, "VRRP or CARP, virtual router 51", id="a virtual address before IANA's block"
        ),
    ],
)
def test_rows_and_name(mac, rows, name):
    found = manufacturers([Mac(mac)])
    assert rows is None or found == rows
    assert label(Mac(mac), found) == name


def test_only_the_rows_of_what_was_heard_are_kept():
    assert manufacturers([]) == {}
    assert list(manufacturers([Mac("b8:27:eb:00:00:01"), Mac("00:1b:78:00:00:01")])) == ["00:1B:78", "B8:27:EB"]
