# ruff: noqa: S311 - the same chances at every run
"""Evidence travels in a container's log: whole, or with the reason why it is not."""

import random
import zlib

import pytest

from arpcheck.vantages import jobs
from arpcheck.vantages.jobs import LINE, LOG, LogError, LogFault, lines, read_log, unpack

JOB = "arpcheck-7f3a-worker-1"
NOISE = random.Random(7)
DOCUMENT = {"rows": [[NOISE.random(), "eth0", NOISE.getrandbits(64)] for _ in range(3000)], "text": "ü\n'\" "}
WRITTEN = [*lines(DOCUMENT, JOB)]


def fault(text, job=JOB):
    with pytest.raises(LogError) as error:
        read_log(text, job)
    assert error.value.fault.words == str(error.value)
    return error.value.fault


def test_a_document_comes_back_from_lines_that_no_runtime_splits():
    assert len(WRITTEN) > 5
    assert max(len(line.encode()) for line in WRITTEN) <= LINE
    assert all(line.endswith("\n") and line.count("\n") == 1 and line.isascii() for line in WRITTEN)
    found = read_log("".join(WRITTEN), JOB)
    assert (found.document, found.others) == (DOCUMENT, ())


def test_lines_of_others_in_between_are_told_apart():
    text = "arpcheck: eth0 went down\n" + "".join(f"{line}I1130 klog\r\n" for line in WRITTEN)
    found = read_log(text, JOB)
    assert found.document == DOCUMENT
    assert found.others[:2] == ("arpcheck: eth0 went down", "I1130 klog\r")


def test_lines_that_come_twice_or_in_another_order_are_the_same():
    shuffled = WRITTEN * 2
    random.Random(1).shuffle(shuffled)
    assert read_log("".join(shuffled), JOB).document == DOCUMENT


WHOLE = "".join(WRITTEN)
OTHER = [*lines({"other": 1}, JOB)]
CASES = {
    "empty": ("", LogFault.NOTHING),
    "only words": ("arpcheck: no capability\n", LogFault.NOTHING),
    "without the end": ("".join(WRITTEN[:-1]), LogFault.CUT),
    "the first lines": ("".join(WRITTEN[:3]), LogFault.CUT),
    "in the middle of a line": (WHOLE[: len(WHOLE) // 2], LogFault.CUT),
    "in the closing line": (WHOLE[:-10], LogFault.CUT),
    "without the beginning": ("".join(WRITTEN[3:]), LogFault.ROTATED),
    "only the closing line": (WRITTEN[-1], LogFault.PARTS_MISSING),
    "a line lost": ("".join(WRITTEN[:2] + WRITTEN[3:]), LogFault.PARTS_MISSING),
    "the beginning and the end lost": ("".join(WRITTEN[2:4]), LogFault.PARTS_MISSING),
    "a character changed": (WHOLE.replace(WRITTEN[1][-40:], "0" * 39 + "\n", 1), LogFault.DAMAGED),
    "two runs of one Job": ("".join(OTHER + WRITTEN), LogFault.DAMAGED),
    "two closing lines": (WHOLE + OTHER[-1], LogFault.DAMAGED),
    "of another Job": ("".join(lines(DOCUMENT, "other")), LogFault.MIXED),
    "with one line of another Job": (WHOLE + [*lines(DOCUMENT, "other")][1], LogFault.MIXED),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_whole_is_never_a_shorter_document(name):
    text, expected = CASES[name]
    assert fault(text) is expected


@pytest.mark.parametrize("seed", range(200))
def test_any_damage_is_an_error_or_does_no_harm(seed):
    chance = random.Random(seed)
    text = [*WHOLE]
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(len(text))
        text[start : start + chance.choice((0, 1, 1, 5000))] = chance.choice(("", "x", "\n", "7", " "))
    try:
        found = read_log("".join(text), JOB)
    except LogError:
        return
    assert found.document == DOCUMENT


def test_too_much_is_refused_before_it_is_written():
    noise = random.Random(3).randbytes(LOG).hex()
    with pytest.raises(LogError) as error:
        list(lines(noise, JOB))
    assert error.value.fault is LogFault.TOO_LARGE


def test_what_unpacks_to_more_than_the_limit_is_not_read(monkeypatch):
    monkeypatch.setattr(jobs, "DOCUMENT", 1000)
    with pytest.raises(LogError):
        unpack(zlib.compress(b'"' + b"x" * 2000 + b'"'))
