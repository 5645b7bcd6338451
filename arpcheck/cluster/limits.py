"""What all reading may take together, time and memory, and work side by side within it.

Work runs in daemon threads that are left behind when the time is over: a name that does not resolve, or a server that
sends a header an hour long, can't be stopped from outside. What a thread raises is raised here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from queue import Empty, SimpleQueue
from typing import TypeVar

from arpcheck.cluster.bounds import Room
from arpcheck.cluster.refusals import timed_out

Key = TypeVar("Key")
Made = TypeVar("Made")


class Budget:
    """Seconds, from now on, and room for what is read in them."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.room = Room()
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds; 0 or less where it is used up."""
        return self._end - time.monotonic()

    def pause(self, seconds: float) -> bool:
        """Waits, or says False at once where there is not that much time left."""
        if seconds >= self.left:
            return False
        time.sleep(seconds)
        return True


def side_by_side(work: Mapping[Key, Callable[[], Made]], budget: Budget, *, workers: int = 8) -> Iterator[tuple[Key, Made]]:
    """What each piece of work returns, as it comes; what has not come within the budget is left out.

    Begun in the order given, `workers` at a time. Whatever a piece raises ends it all."""
    waiting: SimpleQueue[tuple[Key, Callable[[], Made]]] = SimpleQueue()
    done: SimpleQueue[tuple[Key, Made | BaseException]] = SimpleQueue()
    for piece in work.items():
        waiting.put(piece)
    for _ in range(min(workers, len(work))):
        threading.Thread(target=_drain, args=(waiting, done), daemon=True).start()
    for _ in work:
        try:
            key, result = done.get(timeout=max(budget.left, 0))
        except Empty:
            return
        if isinstance(result, BaseException):
            raise result
        yield key, result


def in_time(piece: Callable[[], Made], budget: Budget) -> Made:
    """What it returns. UnreadError where that has not come within the budget."""
    for _, made in side_by_side({0: piece}, budget):
        return made
    raise timed_out()


def _drain(
    waiting: SimpleQueue[tuple[Key, Callable[[], Made]]], done: SimpleQueue[tuple[Key, Made | BaseException]]
) -> None:
    while True:
        try:
            key, piece = waiting.get_nowait()
        except Empty:
            return
        try:
            done.put((key, piece()))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            done.put((key, error))
