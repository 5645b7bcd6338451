"""Ends a run early without losing what it heard: a signal only asks it to stop."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Asked by the sweep at every step."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self) -> bool:
        return self.asked


@contextmanager
def stopping() -> Iterator[Stop]:
    """While this is open the first signal only asks to stop, so that what was heard is still judged, written and shown; a
    second one ends arpcheck at once. Open it before the first question and close it when the report is out."""
    stop = Stop()
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in SIGNALS}

    def ask(number: int, _: FrameType | None) -> None:
        stop.asked = True
        # As without this: that takes away what was put down. A terminal that goes away sends SIGHUP, and sudo another.
        signal.signal(number, signal.SIG_IGN if number == signal.SIGHUP else before[signal.Signals(number)])

    for number, handler in before.items():
        if handler is not signal.SIG_IGN or number == signal.SIGINT:  # nohup; but a shell's background ignores Ctrl-C alone
            signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
