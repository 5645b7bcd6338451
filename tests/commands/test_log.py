"""What `-v` shows: nothing after the line that says why arpcheck ends, whatever another thread still does."""

import io
import logging
import sys
from threading import Event, Thread

import pytest

from arpcheck.__main__ import main
from arpcheck.commands.log import speak


@pytest.fixture
def ours():
    """arpcheck's log; as it was afterwards."""
    log = logging.getLogger("arpcheck")
    before = list(log.handlers), log.level, log.propagate
    yield log
    log.handlers, log.propagate = before[0], before[2]
    log.setLevel(before[1])


def test_a_thread_that_goes_on_says_nothing_after_a_fatal_error(ours, monkeypatch):
    monkeypatch.setattr(sys, "stderr", shown := io.StringIO())
    speak()
    ended, may_log = Event(), Event()

    def goes_on():
        ours.info("before")
        ended.set()
        assert may_log.wait(10)
        ours.info("after")

    thread = Thread(target=goes_on)
    thread.start()
    assert ended.wait(10)
    code = main(["strict-arp", "status", "--cluster-file", "/nowhere"])
    may_log.set()
    thread.join(10)
    told = shown.getvalue().splitlines()
    assert code == 2
    assert "before" in told[0]
    assert "/nowhere" in told[-1]
