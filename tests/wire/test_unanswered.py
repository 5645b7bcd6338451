"""What an address that nobody replied for is asked in the end, on a clock that the test turns."""

from ipaddress import IPv4Address

from test_schedule import M1, M2, NODE, A, B, course, run

from arpcheck.model import Request
from arpcheck.wire import further_requests
from arpcheck.wire.scan_plan import most_seconds

ZERO = IPv4Address(0)
OWN = [IPv4Address(f"10.0.0.{n}") for n in (5, 6, 7)]


def explaining(*ips, **rest):
    given = {"explained": ips, "announcers_of": lambda _: ("worker-1",), "nics": {"worker-1": frozenset({M1})}}
    return course(*ips, **(given | rest))


def apart(sent):
    return [(ip, to) for _, _, ip, to in sent if to is not None]


def test_only_a_silent_address_is_asked_by_unicast_and_twice():
    assert apart(run(explaining(A, B), lambda _, ip, to: (M2,) if ip == B else ())) == [(A, M1), (A, M1)]
    assert apart(run(explaining(A, B), lambda *_: (M1,))) == [], "nothing more in a healthy run"
    assert apart(run(explaining(A, announcers_of=lambda _: ()))) == [], "no node should reply"


def test_a_reply_to_the_first_pass_repeats_the_broadcast_last_in_a_round_of_its_own():
    sent = run(explaining(A), lambda _, ip, to: (M1,) if to == M1 else ())
    assert [to for *_, to in sent[-3:]] == [M1, M1, None]
    assert sent[-1][1] > max(number for _, number, _, to in sent[:-1] if to is None)


def test_the_announcer_s_own_reply_names_its_nic():
    plan = explaining(A, NODE, nics={}, homes={NODE: frozenset({"worker-1"})}, explained=(A,), judged=frozenset({A}))
    sent = run(plan, lambda _, ip, to: (M2,) if ip == NODE else ())
    assert [to for ip, to in apart(sent) if ip == A] == [M2, M2]


def test_the_bounds():
    own = Request(interface="eth0", ip=A, sender=OWN[0])
    macs = [type(M1).from_bytes(bytes((2, 0, 0, 0, 1, n))) for n in range(30)]
    (one,) = further_requests.silent([(A, [own])], lambda _: macs, [ZERO, *OWN])
    assert [r.to for r in one.further if r.to] == macs[: further_requests.MACS]
    assert [r.sender for r in one.further if r.to is None] == [ZERO, OWN[1]], "two others, and never the usual one"
    many = [(A + n, [Request(interface="eth0", ip=A + n, sender=OWN[0])]) for n in range(500)]
    kept = further_requests.silent(many, lambda _: macs, OWN)
    assert sum(len(one.further) for one in kept) <= further_requests.MOST
    assert len(kept) == further_requests.MOST // (further_requests.MACS + further_requests.SENDERS)


def test_the_estimate_covers_it():
    plan = explaining(*(A + n for n in range(200)))
    sent = run(plan, lambda _, ip, to: (M1,) if to == M1 else ())
    assert len(apart(sent)) == 400
    assert sent[-1][0] <= most_seconds(plan, ["eth0"])


class Unsearched(tuple):
    """May be gone through once, but not for each address."""

    __slots__ = ()

    def __contains__(self, value):
        raise AssertionError("to look at all of 16,000 addresses for each of them takes longer than to ask them")


def test_the_estimate_looks_at_each_address_once():
    assert most_seconds(explaining(A, B, explained=Unsearched((A, B))), ["eth0"]) > 0


class Counted(dict):
    """Counts how often it is gone through."""

    through = 0

    def items(self):
        self.through += 1
        return super().items()


def test_a_thousand_nodes_are_gone_through_once_for_all_silent_addresses():
    """For each address it would take minutes, in the loop that receives."""

    def through(silent):
        ips = [IPv4Address("10.0.1.0") + n for n in range(silent)]
        homes = Counted({NODE: frozenset({"worker-1"})})
        sent = run(explaining(*ips, NODE, explained=tuple(ips), homes=homes, judged=frozenset(ips)), lambda *_: ())
        assert len(apart(sent)) == 2 * silent
        return homes.through

    assert through(1) == through(20)
