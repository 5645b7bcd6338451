from __future__ import annotations

import pytest

from arpcheck.errors import InputError
from arpcheck.mac_owners.mac_list import read_mac_map

UNKNOWN = "map: not a MAC list in a supported format"
A, B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"


def rows(text: str, name: str = "map"):
    return [(e.mac, e.node, e.interface, e.where) for e in read_mac_map(text, name).entries]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(f"mac,node\n{A},w1\n", [(A, "w1", None, "map:2")], id="CSV with header"),
        pytest.param(f"{A},w1,eth0\n{B},w2\n", [(A, "w1", "eth0", "map:1"), (B, "w2", None, "map:2")], id="CSV without"),
        pytest.param(f"{A},w1,eth0,by hand\n", [(A, "w1", "eth0", "map:1")], id="CSV with a note"),
        pytest.param(
            f"# ours\n\nInterface, Node ,rack,MAC\neth0,w1,4,{A}\n", [(A, "w1", "eth0", "map:4")],
            id="CSV, columns by header",
        ),
        pytest.param(f"mac,node,rack,room,row\n{A},w1,1,2,3\n", [(A, "w1", None, "map:2")], id="CSV, more columns than ours"),
        pytest.param(f"mac,node{',' * 99}\n{A},w1{',' * 99}\n", [(A, "w1", None, "map:2")], id="CSV, empty columns of a spreadsheet"),
        pytest.param(f"  # ours\n  {A} , w1 ,eth0 \n", [(A, "w1", "eth0", "map:2")], id="CSV, blanks around everything"),
        pytest.param(f'"mac","node"\n"{A}", "w1"\n', [(A, "w1", None, "map:2")], id="CSV, quoted"),
        pytest.param(f"\ufeffmac,node\r\n{A},w1\r\n", [(A, "w1", None, "map:2")], id="CSV, BOM and CRLF"),
        pytest.param("0:0:C0:A:77:23,w1\n", [("00:00:c0:0a:77:23", "w1", None, "map:1")], id="CSV, short octets"),
        pytest.param("0050.56A7.E71C,w1\n", [("00:50:56:a7:e7:1c", "w1", None, "map:1")], id="CSV, dotted"),
        pytest.param("00-50-56-A7-E7-1C,w1\n", [("00:50:56:a7:e7:1c", "w1", None, "map:1")], id="CSV, dashes"),
        pytest.param(f"{A},w1\n{A},w1\n{A},w2\n", [(A, "w1", None, "map:1"), (A, "w1", None, "map:2"),
                     (A, "w2", None, "map:3")], id="CSV, all is kept"),
        pytest.param(f"- mac: {A}\n  node: w1\n  interface: eth0\n- {{mac: {B}, node: w2}}\n",
                     [(A, "w1", "eth0", "map:1"), (B, "w2", None, "map:4")], id="YAML, list"),
        pytest.param(f"---\nw1: [{A}]\nw2:\n- {B}\n", [(A, "w1", None, "map:2"), (B, "w2", None, "map:4")],
                     id="YAML, lists"),
        pytest.param(f"w1:\n  eth0: {A}\n  eth1: {B}\n", [(A, "w1", "eth0", "map:2"), (B, "w1", "eth1", "map:3")],
                     id="YAML, by interface"),
        pytest.param("w1: 52:54:00:12:34:56\n", [("52:54:00:12:34:56", "w1", None, "map:1")],
                     id="YAML, a number to base 60"),
        pytest.param("123: ['10:10:10:10:10:10']\n", [("10:10:10:10:10:10", "123", None, "map:1")],
                     id="YAML, a node named 123"),
        pytest.param(f"w1: [' {A} ']\n", [(A, "w1", None, "map:1")], id="YAML, quoted blanks"),
        pytest.param(f'{{"w1": ["{A}"]}}', [(A, "w1", None, "map:1")], id="JSON, lists"),
        pytest.param(f'[\n{{"mac": "{A}", "node": "w1", "note": ""}}]', [(A, "w1", None, "map:2")], id="JSON, list"),
        pytest.param("08:00:20:00:61:CA  pal\n# c\n0:0:c0:a:77:23\tw1.lan # c\n",
                     [("08:00:20:00:61:ca", "pal", None, "map:1 (ethers)"),
                      ("00:00:c0:0a:77:23", "w1.lan", None, "map:3 (ethers)")],
                     id="ethers"),
        pytest.param(f"{A} 10.0.0.11\n", [(A, "10.0.0.11", None, "map:1 (ethers)")], id="ethers, an address for a name"),
        pytest.param(f"{A},{'w' * 253},{'e' * 64}\n", [(A, "w" * 253, "e" * 64, "map:1")], id="the longest names"),
    ],
)  # fmt: skip
def test_formats(text, expected):
    assert rows(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "map: the file is empty", id="empty"),
        pytest.param(" \n\t\n", "map: the file is empty", id="blanks"),
        pytest.param("# nothing\n", UNKNOWN, id="comments only"),
        pytest.param("mac,node\n", "map: no MAC address in it (format: CSV)", id="header only"),
        pytest.param("[]", UNKNOWN, id="empty list"),
        pytest.param("\n\x00", "map:2: not text (character 0x00)", id="binary behind a blank line"),
        pytest.param("PK\x03\x04\x00\x00", "map:1: not text (character 0x03)", id="binary"),
        pytest.param("mac,node\n" + "a\x00b", "map:2: not text (character 0x00)", id="UTF-16"),
        pytest.param("ma\udce4c", "map:1: not text (character 0xdce4)", id="wrong encoding"),
        pytest.param("\0" * (8 << 20), "map:1: not text (character 0x00)", id="one long line"),
        pytest.param("\0" * ((8 << 20) + 1), "map: 8,388,609 characters; the limit is 8,388,608", id="one longer line"),
        pytest.param("hello world", UNKNOWN, id="prose"),
        pytest.param("error: no such host\ntry: again", UNKNOWN, id="prose with colons"),
        pytest.param("{", "map:1: the JSON is not valid from here on", id="JSON, open"),
        pytest.param("[" * 100000, "map: the JSON is nested too deeply", id="JSON, deep"),
        pytest.param("[" + "9" * 5000 + "]", "map: the JSON has a number with too many digits", id="JSON, a long number"),
        pytest.param(f"{A},w1\nzz,w2\n{B},\n{B},w3,e,n,x\n",
                     "map:2: not a MAC address: 'zz'; map:3: not a host name: ''; "
                     "map:4: 5 fields, expected mac,node,interface,note", id="CSV, each wrong line"),
        pytest.param("mac,node\n" + "zz,w\n" * 5, "; ".join(f"map:{n}: not a MAC address: 'zz'" for n in range(2, 7)),
                     id="CSV, as many wrong lines as are named"),
        pytest.param("".join(f"zz,w{n}\n" for n in range(2, 10)) + f"{A},w1",
                     "; ".join(f"map:{n}: not a MAC address: 'zz'" for n in range(1, 6)) + "; and 3 more lines",
                     id="CSV, many wrong lines"),
        pytest.param("mac,node\n" + "zz,w\n" * 200, "; ".join(f"map:{n}: not a MAC address: 'zz'" for n in range(2, 7))
                     + "; and 95 or more lines", id="CSV, nothing but wrong lines"),
                pytest.param(f"mac,node,nic\n{A}\n", "map:2: not a host name: ''", id="CSV, too short"),
        pytest.param(f"mac,node\n{A},w1,eth0\n", "map:2: 3 fields, expected mac,node", id="CSV, longer than its header"),
        pytest.param(f'{A},"w1\n', "map:1: not CSV: unexpected end of data", id="CSV, open quote"),
        pytest.param("01:00:5e:00:00:01,w1\n", "map:1: 01:00:5e:00:00:01 is a group address", id="CSV, group"),
                pytest.param(f"{A},w 1\n", "map:1: not a host name: 'w 1'", id="CSV, blank in a name"),
        pytest.param(f"{A},w\u202e1\n", "map:1: not a host name: 'w\\u202e1'", id="CSV, bidirectional name"),
        pytest.param(f"{A},w1,e\u202e\n", "map:1: not an interface name: 'e\\u202e'", id="CSV, bidirectional interface"),
        pytest.param(f"{A},{'w' * 254}\n", f"map:1: not a host name: '{'w' * 40}'…", id="CSV, long name"),
        pytest.param(f"{'z' * 40},w1\n{'z' * 41},w1\n{A},w1\n",
                     f"map:1: not a MAC address: '{'z' * 40}'; map:2: not a MAC address: '{'z' * 40}'…", id="CSV, what is shown whole"),
        pytest.param(f"{A},w1,{'e' * 65}\n", f"map:1: not an interface name: '{'e' * 40}'…", id="CSV, long interface"),
        pytest.param(f"{A} w1 x\n{B} w2\n", f"map:1: not a MAC address and a host: '{A} w1 x'", id="ethers, three words"),
        pytest.param("ff:ff:ff:ff:ff:ff w1\n", "map:1: ff:ff:ff:ff:ff:ff is a group address",
                     id="ethers, group"),
        pytest.param(f"w1: [{A}\n", "map:2: the YAML is not valid from here on", id="YAML, open"),
        pytest.param(f"a: {A}\n---\nc: d\n", "map:2: the YAML is not valid from here on", id="YAML, two documents"),
        pytest.param(f"w1: {{eth1: {A}, eth0: [x]}}\n", "map:1: a sequence in the place of text; the list is [{mac, node}] or {node: {nic: mac}}", id="YAML, too deep"),
        pytest.param(f"- x:y\n- {{mac: {A}, node: w1}}\n", "map:1: not a mapping with the keys mac, node and interface", id="YAML, list of text"),
        pytest.param(f"- mac: {A}\n  nod: w1\n", "map:1: unknown key 'nod'; the keys are mac, node, interface, note",
                     id="YAML, key"),
        pytest.param(f"- {{mac: {A}, node: w1, e: 1, d: 1, a: 1, c: 1, f: 1, b: 1}}\n",
                     "map:1: unknown key 'a'; the keys are mac, node, interface, note", id="YAML, several keys: the first of them"),
                pytest.param(f"- mac: {A}\n", "map:1: not a host name: ''", id="YAML, no node"),
        pytest.param(f"b: {A}\na: &a [*a]", "map:2: a sequence in the place of text; the list is [{mac, node}] or {node: {nic: mac}}", id="YAML, within itself"),
        pytest.param(f"a: {A}\nb: " + "[" * 1000, "map: the YAML is not valid, or nested too deeply", id="YAML, deep"),
        pytest.param(f"x: {A}\ny: z: " + "z" * (512 * 1024 - 27), "map:2: the YAML is not valid from here on", id="YAML, as large as is read"),
        pytest.param(f"x: {A}\ny: z: " + "z" * (512 * 1024 - 26), "map: 524,289 characters of YAML; the limit is 524,288", id="YAML, larger"),
    ],
)  # fmt: skip
def test_wrong_files(text, message):
    with pytest.raises(InputError) as caught:
        read_mac_map(text, "map")
    assert caught.value.message == message


def test_no_more_than_a_bounded_number():
    """An anchor multiplies: 70 nodes with the same thousand MACs are a small file."""
    macs = ",".join(f"02:00:00:00:{n // 256:02x}:{n % 256:02x}" for n in range(1000))
    text = f"n: &a [{macs}]\n" + "".join(f"n{i}: *a\n" for i in range(70))
    with pytest.raises(InputError, match="more than 65,536 MAC addresses"):
        read_mac_map(text, "map")


ETHERS = "map:1: not a MAC address and a host: 'x'"
NONE = UNKNOWN


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("x\n\n# c\n" * 49 + f"{A} w1\n", ETHERS, id="the fiftieth that says something"),
        pytest.param("x\n" * 50 + f"{A} w1\n", NONE, id="one later"),
        pytest.param(f"x\n{A}{' ' * 982}w1", ETHERS, id="the thousandth character"),
        pytest.param(f"x\n{A}{' ' * 983}w1", NONE, id="one more"),
    ],
)
def test_a_format_is_known_by_the_first_lines_and_characters(text, message):
    with pytest.raises(InputError) as caught:
        read_mac_map(text, "map")
    assert caught.value.message.startswith(message)
