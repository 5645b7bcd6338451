"""The file of --accept: what it may say, and the place of what it may not."""

from datetime import date
from ipaddress import IPv4Address, IPv6Address

import pytest

from arpcheck.commands.input_files import read_acceptances
from arpcheck.errors import InputError
from arpcheck.model import Acceptance, Verdict

VERDICT = "{verdict: duplicate, ip: 10.0.0.50, reason: known, until: 2026-04-01}"
FINDING = "{finding: non-strict-nodes, node: worker-1, reason: known, until: 2026-04-01}"


def read(tmp_path, text):
    path = tmp_path / "known.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_acceptances(str(path))


def test_both_kinds_in_a_list_or_under_accept(tmp_path):
    expected = (
        Acceptance(verdict=Verdict.DUPLICATE, ip=IPv4Address("10.0.0.50"), reason="known", until=date(2026, 4, 1)),
        Acceptance(finding="non-strict-nodes", node="worker-1", reason="known", until=date(2026, 4, 1)),
    )
    assert read(tmp_path, f"- {VERDICT}\n- {FINDING}\n") == expected
    assert read(tmp_path, f"accept:\n- {VERDICT}\n- {FINDING}\n") == expected
    assert read(tmp_path, "[]") == read_acceptances(None) == ()


def test_an_ipv6_address_however_it_is_written(tmp_path):
    (entry,) = read(tmp_path, "- {verdict: moved, ip: '2001:DB8::0:50', reason: r, until: 2026-01-01}")
    assert entry.ip == IPv6Address("2001:db8::50")


REFUSED = [
    pytest.param("", "known.yaml:1: empty", id="empty"),
    pytest.param("accept: {}", "expected a list", id="no list"),
    pytest.param("- [", "known.yaml:", id="not YAML"),
    pytest.param("- a\n---\n- b", "2 documents", id="two documents"),
    pytest.param(b"- \xff", "not UTF-8", id="not text"),
    pytest.param("- 3", "entry 1: not a mapping", id="no mapping"),
    pytest.param(
        f"- {VERDICT}\n- {{verdict: ok, ip: 10.0.0.1, reason: r, until: 2026-01-01}}",
        "entry 2: verdict 'ok' can't be accepted",
        id="ok",
    ),
    pytest.param(
        "- {verdict: bad, ip: 10.0.0.1, reason: r, until: 2026-01-01}", "verdict 'bad' can't be accepted", id="no verdict"
    ),
    pytest.param("- {verdict: moved, reason: r, until: 2026-01-01}", "needs ip, service or both", id="of nothing"),
    pytest.param(
        "- {verdict: moved, node: a, ip: 10.0.0.1, reason: r, until: 2026-01-01}",
        "neither finding nor node",
        id="with a node",
    ),
    pytest.param("- {verdict: moved, ip: fe80::g, reason: r, until: 2026-01-01}", "'fe80::g' is not an IP", id="no address"),
    pytest.param("- {finding: gap, node: a, reason: r, until: 2026-01-01}", "finding 'gap' can't be accepted", id="a gap"),
    pytest.param(
        "- {finding: frames-lost, ip: 10.0.0.1, reason: r, until: 2026-01-01}", "finding 'frames-lost' can't be", id="loss"
    ),
    pytest.param(
        "- {node: a, reason: r, until: 2026-01-01}", "neither verdict nor finding", id="neither verdict nor finding"
    ),
    pytest.param(
        "- {finding: self-blind, reason: r, until: 2026-01-01}", "needs either node or ip", id="a finding of nothing"
    ),
    pytest.param(
        "- {finding: self-blind, node: a, service: b/c, reason: r, until: 2026-01-01}", "node or ip", id="of a Service"
    ),
    pytest.param("- {verdict: moved, ip: 10.0.0.1, until: 2026-01-01}", "reason is missing", id="no reason"),
    pytest.param(
        "- {verdict: moved, ip: 10.0.0.1, reason: ' ', until: 2026-01-01}", "reason is not a string", id="an empty reason"
    ),
    pytest.param("- {verdict: moved, ip: 10.0.0.1, reason: r}", "until is missing", id="no day"),
    pytest.param("- {verdict: moved, ip: 10.0.0.1, reason: r, until: soon}", "'soon' is not a date", id="a bad day"),
    pytest.param("- {verdict: moved, ip: 10.0.0.1, reason: r, until: 2026}", "until is not a string", id="a year"),
    pytest.param(
        "- {verdict: moved, ip: 10.0.0.1, reason: r, until: 2026-01-01, x: y}", "unknown key 'x'", id="unknown key"
    ),
    pytest.param(b"#" * (1 << 20) + b"##", "larger than 1 MiB", id="huge"),
]


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_a_fault_is_said_with_its_place(tmp_path, text, words):
    with pytest.raises(InputError) as raised:
        read(tmp_path, text)
    assert words in str(raised.value)
    assert str(raised.value).startswith(f"--accept {tmp_path}/known.yaml")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_acceptances(str(tmp_path / "none.yaml"))
