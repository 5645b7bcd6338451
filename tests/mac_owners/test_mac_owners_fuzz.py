from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from arpcheck.errors import InputError
from arpcheck.evidence import MacEntry
from arpcheck.mac_owners.addresses import is_station
from arpcheck.mac_owners.mac_list import read_mac_map

PIECES = st.sampled_from(
    ["mac,node\n", "02:00:00:00:00:01", "01:00:5e:00:00:01", "00:00:00:00:00:00", ",", "\t", " ", "\n", "#", '"', "w1", "- ",
     ": ", "{", "}", "[", "]", "&a ", "*a", "!!", "null", "1e999", "10.0.0.1", "node w1\n", "eth0/address:", "---route\n",
     "---end\n", '"ifname"', '"address"', '"link_type"', '"ether"', '"ansible_facts"', '"ansible_interfaces"',
     "ansible_eth0",
     '"dst"', '"lladdr"', '"unreachable": true', "=> ", "kind: BareMetalHost\n", "kind: NodeNetworkState\n", "metadata:\n", "  name: ",
     "\n2: eth0: <UP> mtu 1500\n", "    link/ether ", " permaddr ", "\\", "lease 10.0.0.11 {\n", "hardware ethernet ", ";\n",
     "binding state active;", "}\n", "worker-1,", "hostname: ", "macAddress: ",
     " dev eth0 lladdr ", " FAILED", " at ", "ether", " 0x1 0x2 ", "hostname,mac\n", "address,hwaddr\n", ";", " UP ", "<UP>",
     'instance="10.0.0.1:9100"', 'node_network_info{address="', 'device="eth0"', '"} 1\n', "node_uname_info{nodename=", "\x00", "\ufeff", "\u202e", "\r"]
)  # fmt: skip
TEXT = st.one_of(st.text(), st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=40).map("".join))


@settings(max_examples=300, deadline=None)
@given(TEXT, st.sampled_from(["m", "w1.json", "", "a/b.log"]))
def test_any_text_gives_entries_or_an_input_error(text, name):
    try:
        found = read_mac_map(text, name)
    except InputError:
        return
    assert found.entries or found.blanks
    for entry in found.entries:
        assert isinstance(entry, MacEntry)
        assert is_station(entry.mac)
        assert entry.node
        assert entry.where
