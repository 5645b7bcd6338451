"""What of IPv6 works on an interface, as the kernel shows it in /proc."""

from ipaddress import IPv6Address

import pytest

from arpcheck.wire.host import ipv6_filters, ipv6_state

LINK = "fe80000000000000000002fffe000100 02 40 20 {flags}     eth0\n"
GLOBAL = "20010db8001000000000000000000005 02 40 00 80     eth0\n"
OTHER = "fe800000000000000000000000000001 03 40 20 80     eth1\n"
GROUP = "2    eth0            ff0200000000000000000001ff000100     1 00000004 0\n"
ALL_NODES = "2    eth0            ff020000000000000000000000000001     1 0000000C 0\n"


def proc(tmp_path, addresses=None, groups=None, off="0", **more):
    files = {"net/if_inet6": addresses, "net/igmp6": groups, "sys/net/ipv6/conf/eth0/disable_ipv6": off, **more}
    for name, text in files.items():
        if text is not None:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
    return tmp_path


def test_a_usable_link_local_address_is_the_sender(tmp_path):
    found = ipv6_state("eth0", proc(tmp_path, OTHER + GLOBAL + LINK.format(flags="80"), ALL_NODES + GROUP))
    assert (found.link_local, found.in_group, found.why) == (IPv6Address("fe80::2ff:fe00:100"), True, "")


def test_outside_of_its_group_nodes_do_not_find_it(tmp_path):
    assert not ipv6_state("eth0", proc(tmp_path, LINK.format(flags="80"), ALL_NODES)).in_group


@pytest.mark.parametrize(
    ("addresses", "off", "why"),
    [
        pytest.param(None, "0", "this kernel has no IPv6", id="no IPv6"),
        pytest.param(OTHER, "1", "IPv6 is off there", id="off"),
        pytest.param(OTHER + GLOBAL, "0", "it has no link-local address", id="none"),
        pytest.param(LINK.format(flags="c0"), "0", "its link-local address fe80::2ff:fe00:100 is still checked for duplicates", id="tentative"),
        pytest.param(LINK.format(flags="c8"), "0", "another host has its link-local address fe80::2ff:fe00:100", id="a duplicate"),
    ],
)  # fmt: skip
def test_without_one_it_says_why_and_what_to_do(tmp_path, addresses, off, why):
    found = ipv6_state("eth0", proc(tmp_path, addresses, off=off))
    assert (found.link_local, found.why, bool(found.cure)) == (None, why, True)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param({}, False, id="nothing is known"),
        pytest.param({"net/ip6_tables_names": "nat\nfilter\n"}, True, id="ip6tables"),
        pytest.param({"modules": "nf_tables 372736 120 nft_ct, Live 0x0\n"}, True, id="nftables"),
        pytest.param({"modules": "nf_tables 372736 0 - Live 0x0\n"}, False, id="nftables, not used"),
    ],
)
def test_a_packet_filter_that_may_be_loaded(tmp_path, more, expected):
    assert ipv6_filters(proc(tmp_path, **more)) is expected
