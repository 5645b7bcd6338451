"""The little that every stage reads of an object."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from hypothesis import example, given
from hypothesis import strategies as st

from arpcheck.objects import address

OCTETS = st.one_of(st.integers(-1, 300).map(str), st.text("0123456789٣ x", max_size=4))
TEXTS = st.one_of(
    st.ip_addresses().map(str),
    st.lists(OCTETS, min_size=3, max_size=5).map(".".join),
    st.text("0123456789abcdef:.% \n/", max_size=45),
)


@given(TEXTS)
@example("10.0.0.050")
@example("10.0.0.٣")
@example("::ffff:10.0.0.50")
@example(" 10.0.0.50\n")
@example("fe80::1%eth0")
@example("10.0.0.50\0")
def test_an_address_is_what_python_takes_for_one(text):
    try:
        expected = ip_address(text.strip())
    except ValueError:
        expected = None
    if isinstance(expected, IPv6Address):
        expected = expected.ipv4_mapped or expected
    assert (address(text), type(address(text))) == (expected, type(expected))


def test_what_is_no_text_is_no_address():
    assert [address(value) for value in (None, 50, 167772210, b"10.0.0.50", ["10.0.0.50"])] == [None] * 5
