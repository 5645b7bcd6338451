"""pcap and pcapng: what is in the file, or the place of what is wrong with it."""

import gzip
import io
import struct
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_files import block, interface, option, packet, pcap, section, statistics

from arpcheck.errors import InputError
from arpcheck.wire.pcap import Cut, Dropped, Recorded, Unpacked, _zstd, entries


def zstd():
    return _zstd()


def read(content):
    return list(entries(io.BytesIO(content), "lan.pcap"))


SECOND = 1_000_000_000
ORDERS = pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])


@ORDERS
@pytest.mark.parametrize(("magic", "unit"), [(0xA1B2C3D4, 1000), (0xA1B23C4D, 1)], ids=["microseconds", "nanoseconds"])
def test_classic(order, magic, unit):
    content = pcap((7, 999_999, b"abc"), (9, 5, b""), order=order, magic=magic)
    assert read(content) == [Recorded(7 * SECOND + 999_999 * unit, b"abc"), Recorded(9 * SECOND + 5 * unit, b"")]


@ORDERS
def test_ng(order):
    content = section(order) + interface(order) + packet(7_000_001, b"abc", order) + statistics(3, order)
    assert read(content) == [Recorded(7_000_001_000, b"abc"), Dropped(3)]


@pytest.mark.parametrize(
    ("options", "units", "nanoseconds"),
    [
        pytest.param(option(9, b"\x09"), 7, 7, id="nanoseconds"),
        pytest.param(option(9, b"\x00"), 7, 7 * SECOND, id="seconds"),
        pytest.param(option(9, b"\x81"), 3, 3 * SECOND // 2, id="halves"),
        pytest.param(option(14, struct.pack("<q", 100)), 1, 100 * SECOND + 1000, id="an offset"),
        pytest.param(option(2, b"eth0") + option(9, b"\x09") + option(0, b""), 7, 7, id="after another option"),
        pytest.param(b"\x09\x00\xff\xff", 7, 7000, id="an option that is cut off"),
    ],
)
def test_times_of_ng(options, units, nanoseconds):
    assert read(section() + interface(options=options) + packet(units, b"x"))[0].at == nanoseconds


def test_what_is_no_frame_is_passed_over_and_a_new_section_begins_anew():
    one = section() + interface() + block(0x4, b"names") + packet(1, b"a")
    assert [entry.frame for entry in read(one + section(">") + interface(">") + packet(2, b"b", ">"))] == [b"a", b"b"]


@pytest.mark.parametrize(
    "content", [pcap((1, 0, b"abc"), (2, 0, b"defg")), section() + interface() + packet(1, b"abc") + packet(2, b"d")]
)
def test_a_file_that_was_cut_gives_what_is_whole_and_says_where(content):
    whole = read(content)
    for end in range(len(content) - 1, len(content) - 18, -1):
        assert read(content[:end]) == [whole[0], Cut(2)]


REFUSED = [
    pytest.param(b"", "not a pcap or pcapng file", id="empty"),
    pytest.param(b"\x1f\x8b\x08\x00", "not a pcap", id="gzip, cut within its head"),
    pytest.param(gzip.compress(b"hello"), "not a pcap", id="gzip of something else"),
    pytest.param(
        gzip.compress(pcap((1, 0, bytes(5000))))[:-8] + bytes(8), "the compressed data is damaged", id="gzip that is damaged"
    ),
    pytest.param(
        zstd().compress(pcap((1, 0, bytes(5000))))[:12] + b"\xff" * 40,
        "the compressed data is damaged",
        id="zstd that is damaged",
    ),
    pytest.param(b"snoop\0\0\0" + bytes(40), "editcap -F pcap FILE NEW", id="snoop"),
    pytest.param(pcap((1, 0, b"abc"), magic=0xA1B2CD34), "tcpdump -r FILE -w NEW", id="modified pcap"),
    pytest.param(pcap((1, 0, b"abc"), order=">", magic=0xA1B2CD34), "tcpdump -r FILE -w NEW", id="modified pcap, big"),
    pytest.param(b'{"apiVersion": 1}', "not a pcap or pcapng file", id="JSON"),
    pytest.param(pcap()[:23], "within its head", id="half a head"),
    pytest.param(pcap(version=3), "pcap version 3", id="another version"),
    pytest.param(pcap(link=113), "link type 113 (Linux cooked), not Ethernet", id="tcpdump -i any"),
    pytest.param(pcap(link=9999), "link type 9999, not Ethernet", id="another link"),
    pytest.param(pcap((1, 1_000_000, b"")), "frame 1 is damaged", id="a second of more than a second"),
    pytest.param(pcap((1, 0, b"")) + struct.pack("<IIII", 1, 0, 0xFFFFFFFF, 0), "frame 2 is damaged", id="a frame of 4 GiB"),
    pytest.param(section()[:8] + b"\0\0\0\0" + section()[12:], "damaged after frame 0", id="no byte order"),
    pytest.param(section() + packet(1, b""), "damaged after frame 1", id="no interface"),
    pytest.param(section() + interface(link=113) + packet(1, b""), "link type 113", id="ng: tcpdump -i any"),
    pytest.param(section() + interface() + block(3, bytes(4)), "the packets have no time", id="simple packets"),
    pytest.param(section() + interface() + block(6, b""), "damaged after frame 1", id="a short packet block"),
    pytest.param(section() + struct.pack("<II", 1, 0xFFFFFFFC), "damaged after frame 0", id="a block of 4 GiB"),
    pytest.param(section() + struct.pack("<II", 1, 8), "damaged after frame 0", id="a block without an end"),
    pytest.param(section() + struct.pack("<IIII", 9, 16, 0, 17), "damaged after frame 0", id="two lengths"),
    pytest.param(section() + interface() * 4097, "damaged after frame 0", id="interfaces without end"),
    pytest.param(
        section() + interface() + block(6, struct.pack("<IIIII", 0, 0, 0, 99, 99)),
        "damaged",
        id="a packet longer than its block",
    ),
]


@pytest.mark.parametrize(("content", "words"), REFUSED)
def test_refused_with_its_place(content, words):
    with pytest.raises(InputError) as raised:
        read(content)
    assert words in str(raised.value)
    assert str(raised.value).startswith("lan.pcap: ")


def bounded(content):
    try:
        return all(isinstance(entry, Recorded | Cut | Dropped) for entry in read(content))
    except InputError:
        return True


@given(st.binary(max_size=200))
def test_any_octets_after_a_head_give_entries_or_an_input_error(octets):
    assert all(
        bounded(head + octets) for head in (b"", pcap(), section(), section() + interface(), section(">") + interface(">"))
    )


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_any_octet_changed_gives_entries_or_an_input_error(at, octet):
    for content in (
        pcap((1, 0, b"abcd")),
        section() + interface(options=option(9, b"\x06")) + packet(1, b"abcd") + statistics(1),
    ):
        changed = bytearray(content)
        changed[at % len(changed)] = octet
        assert bounded(bytes(changed))


def test_it_agrees_with_scapy():
    from scapy.utils import RawPcapNgReader, RawPcapReader

    classic = pcap((7, 999_999, b"abcdefgh" * 8), (9, 5, b"x" * 60))
    ng = section() + interface() + packet(7_999_999, b"abcdefgh" * 8) + packet(9_000_005, b"x" * 60)
    for reader, content in ((RawPcapReader, classic), (RawPcapNgReader, ng)):
        with reader(io.BytesIO(content)) as theirs:
            assert [frame for frame, _ in theirs] == [entry.frame for entry in read(content)]


# ------------------------------------------------------------------------------------------------------------ packed

NOISE = Random(1)  # noqa: S311 - it only must not be packed well
FRAMES = pcap(*((number, 0, NOISE.randbytes(1000 + number)) for number in range(400)))
PACKED = pytest.mark.parametrize("pack", [gzip.compress, lambda content: zstd().compress(content)], ids=["gzip", "zstd"])


@PACKED
def test_a_packed_file_is_the_file(pack):
    assert read(pack(FRAMES)) == read(FRAMES)
    assert read(pack(section() + interface() + packet(1, b"abc"))) == read(section() + interface() + packet(1, b"abc"))


@PACKED
def test_members_follow_each_other_as_one_file(pack):
    """As pigz, zstd -T and `cat a.gz b.gz` write them."""
    assert read(b"".join(pack(FRAMES[at : at + 100_000]) for at in range(0, len(FRAMES), 100_000))) == read(FRAMES)


def test_zeros_behind_a_member_are_padding():
    assert read(gzip.compress(FRAMES) + bytes(512)) == read(FRAMES)


@PACKED
def test_a_packed_file_that_was_cut_gives_what_is_whole_and_says_so(pack):
    content, whole = pack(FRAMES), read(FRAMES)
    for end in (len(content) - 1, len(content) - 9, len(content) * 2 // 3):
        *found, last = read(content[:end])
        assert (found, last) == (whole[: len(found)], Cut(len(found) + 1))


@PACKED
def test_what_grows_without_end_is_refused(pack):
    file = io.BytesIO(pack(bytes(3_000_000)))
    reader = Unpacked(file, file.read(4), "lan.pcap", most=1_000_000)
    assert sum(len(reader.read(1000)) for _ in range(900)) == 900_000
    with pytest.raises(InputError, match="when uncompressed"):
        reader.read(200_000)


@PACKED
@given(st.data())
def test_any_packed_octets_give_entries_or_an_error(pack, data):
    content = bytearray(pack(FRAMES[:2000]))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(4, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    with suppress(InputError):
        read(bytes(content))
