"""One address, question by question: rows of who answered, and what is made of them."""

import pytest

from arpcheck.model import Mac
from arpcheck.watch import RARE
from arpcheck.watch.timeline import AddressTimeline, change_line, seconds, summary_of

A, B, C, FLUX = (Mac(f"02:00:00:00:00:0{n}") for n in (1, 2, 3, 9))
NODES = {A: "a", B: "b", C: "c", FLUX: "a"}
LETTERS = {"a": A, "b": B, "c": C, "A": FLUX}


def told(rows, every=0.5):
    """The lines that come of questions half a second apart; each row says who answered one."""
    track = AddressTimeline(NODES.__getitem__)
    lines = []
    for number, row in enumerate([*rows.split(), "end"]):
        if change := track.requested(number * every):
            lines.append(f"{change.at:.1f} {change_line(change)}")
        for letter in row if row not in ("end", "-") else "":
            track.replied(LETTERS[letter])
    return lines


ROWS = [
    pytest.param("a a a", ["0.0 a replies"], id="one all the time"),
    pytest.param("- - -", ["0.0 no reply"], id="nobody all the time"),
    pytest.param("aA A a aA", ["0.0 a replies"], id="two NICs of one node are one owner"),
    pytest.param("a a - a a", ["0.0 a replies"], id="one reply lost"),
    pytest.param("a - - - a", ["0.0 a replies", "0.5 no reply any more; last reply from a", "2.0 a replies again, after 1.5 s without a reply"], id="a gap"),
    pytest.param("a - - b b", ["0.0 a replies", "0.5 no reply any more; last reply from a", "1.5 moved from a to b, after 1.0 s without a reply"], id="a failover with a gap"),
    pytest.param("a a b b", ["0.0 a replies", "1.0 moved from a to b"], id="a clean failover"),
    pytest.param("a a - b", ["0.0 a replies", "1.5 moved from a to b"], id="one question unanswered is no gap"),
    pytest.param(
        "a ab ab ab b b", ["0.0 a replies", "0.5 a and b both reply", "2.0 moved from a to b, after 1.5 s with two owners"],
        id="a failover with an overlap",
    ),
    pytest.param(
        "a ab ab a a", ["0.0 a replies", "0.5 a and b both reply", "1.5 only a replies again, after 1.0 s with two owners"],
        id="a second one for a while",
    ),
    pytest.param("a ab a ab b b", ["0.0 a replies", "0.5 a and b both reply", "2.0 moved from a to b, after 1.5 s with two owners"], id="one of two lost once"),
    pytest.param("ab ab a ab a b ab", ["0.0 a and b both reply"], id="replies of two lost in turn are no change"),
    pytest.param(
        "abc abc ab ab a a",
        ["0.0 a, b and c all reply", "1.0 a and b reply; c no longer does", "2.0 only a replies, after 2.0 s with several owners"],
        id="a rollout",
    ),
    pytest.param("a ab c c", ["0.0 a replies", "0.5 a and b both reply", "1.0 moved from a to c, after 0.5 s with two owners"], id="a third one"),
    pytest.param("- - a a", ["0.0 no reply", "1.0 a replies"], id="the first one ever is no gap"),
    pytest.param(
        "a - - a - - b",
        ["0.0 a replies", "0.5 no reply any more; last reply from a", "1.5 a replies again, after 1.0 s without a reply",
         "2.0 no reply any more; last reply from a", "3.0 moved from a to b, after 1.0 s without a reply"],
        id="flapping",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "lines"), ROWS)
def test_what_the_questions_come_to(rows, lines):
    assert told(rows) == lines


def test_questions_with_several_senders_are_one():
    track = AddressTimeline(NODES.__getitem__)
    for at, mac in ((0.0, A), (0.01, B), (0.02, None)):
        assert track.requested(at) is None
        if mac:
            track.replied(mac)
    assert track.requested(0.5).after == ("a", "b")


def test_without_a_further_question_its_time_ends_it():
    track = AddressTimeline(NODES.__getitem__)
    track.requested(0.0)
    track.replied(A)
    assert track.tick(0.5) is None
    assert track.tick(1.0).after == ("a",)
    assert track.tick(9.0) is None


def test_lost_frames_make_no_silence_and_nobody_absent():
    track = AddressTimeline(NODES.__getitem__)
    for number, row in enumerate(["a", "a", "-", "!", "-", "!", "-", "!", "a", "ab", "a", "!", "a", "a"]):
        if row == "!":
            track.doubt()
            continue
        change = track.requested(number * 0.5)
        assert change is None or change.after in (("a",), ("a", "b"))
        for letter in row if row != "-" else "":
            track.replied(LETTERS[letter])


def test_whose_a_mac_is_may_be_learnt_later_and_is_no_change():
    known = {}
    track = AddressTimeline(lambda mac: known.get(mac, str(mac)))
    for number in range(4):
        change = track.requested(number * 0.5)
        assert (change is None) == (number != 1)
        track.replied(A)
        known[A] = "a"
    assert track.owners == ("a",)


def test_many_owners_are_named_in_part_and_kept_in_part():
    track = AddressTimeline(str)
    track.requested(0.0)
    for number in range(1000):
        track.replied(Mac.from_bytes(number.to_bytes(6, "big")))
    change = track.requested(1.0)
    assert len(change.after) == 64
    assert change_line(change).endswith("00:00:00:00:00:06 and 57 more all reply")


def test_it_is_summed_up():
    track = AddressTimeline(NODES.__getitem__)
    changes = []
    for number, row in enumerate(["a", "-", "-", "-", "b", "b", "ab", "ab", "a", "a", "-", "-", "c", "-"]):
        changes.append(track.requested(number * 0.5))
        for letter in row if row != "-" else "":
            track.replied(LETTERS[letter])
    assert summary_of([change for change in changes if change]) == "3 moves, 2 gaps (the longest 1.5 s), 1 overlap (1.0 s)"
    assert summary_of([]) == "no completed change"


@pytest.mark.parametrize(
    ("found", "text"), [(0.25, "0.2 s"), (1.5, "1.5 s"), (99.9, "99.9 s"), (119.7, "2 min 0 s"), (125, "2 min 5 s")]
)
def test_seconds(found, text):
    assert seconds(found) == text


# --------------------------------------------------------------------------------------------------------- silences


def after(*answers):
    """A track of questions a second apart; `answers`: 1 answered, 0 not."""
    track = AddressTimeline(str)
    for at, answered in enumerate(answers):
        track.requested(float(at))
        if answered:
            track.replied(A)
    track.tick(len(answers) + 1.0)
    return [(silence.at, silence.missed, track.chance(silence) < RARE) for silence in track.silences]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        pytest.param([1] * 20 + [0] + [1] * 20, [], id="one question alone"),
        pytest.param([0, 0, 0, 1, 1], [], id="before the first answer"),
        pytest.param([1] * 20 + [0] * 2 + [1] * 20, [(20.0, 2, False)], id="two"),
        pytest.param([1] * 20 + [0] * 5 + [1] * 20, [(20.0, 5, True)], id="five, and nothing else is lost"),
        pytest.param([1] * 20 + [0] * 5, [(20.0, 5, True)], id="it is not over"),
        pytest.param([1, 1, 0] * 10 + [0] * 5 + [1, 1, 0] * 10, [(29.0, 6, False)], id="where others are lost"),
        pytest.param([1, 1, 0] * 10 + [0] * 30 + [1, 1, 0] * 10, [(29.0, 31, True)], id="where others are lost, and long"),
        pytest.param([1] * 20 + [0] * 9 + [1] * 20 + [0] * 9, [(20.0, 9, True), (49.0, 9, True)], id="two long ones"),
        pytest.param([1, *[0] * 100], [(1.0, 100, False)], id="too little was answered to know what is lost"),
    ],
)
def test_a_silence_is_proven_by_its_length_and_by_what_else_is_lost(answers, expected):
    assert after(*answers) == expected
