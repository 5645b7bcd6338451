"""The line on a terminal that tells how far a run is."""

import io
import sys

import pytest

from arpcheck.commands.output import ProgressLine
from arpcheck.wire.reach import ReachProgress

STEP = ReachProgress(aims=40, settled=7, sent=19, seconds_left=31.2)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "shown", "term", "told"),
    [
        (Terminal, True, "xterm", True),
        (io.StringIO, True, "xterm", False),
        (Terminal, False, "xterm", False),
        (Terminal, True, "dumb", False),
    ],
    ids=["terminal", "file", "quiet", "dumb"],
)
def test_the_tries_of_reach_are_told_on_a_terminal_alone(monkeypatch, stream, shown, term, told):
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(sys, "stderr", stream())
    line = ProgressLine(shown=shown)
    line.reach(STEP)
    line.clear()
    written = sys.stderr.getvalue()
    assert all((number in written) == told for number in ("7 of 40", "19 TCP SYNs", "31 s"))
    assert written.endswith("\r\x1b[K") == told
