"""What all reading may take together, time and memory, and work side by side within it.

Work runs in daemon threads that are left behind when the time is over: a name that does not resolve, or a server that
sends a header an hour long, can't be stopped from outside. What a thread raises is raised here."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any, Protocol, TypeVar

from arpcheck.cluster.refusals import UnreadError, timed_out
from arpcheck.objects import name, namespace

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


# ------------------------------------------------------------------------------ How much of an API server's answers is taken

SMALL = 4 << 20
"""Octets of an answer that may be read beside others. A page of 500 Services has some two MiB."""
ANSWER = 16 << 20
"""Octets of one answer, and of its texts in memory, where one sign beyond ASCII, escaped or not, can make four of each."""
VALUES = 500_000
"""Commas and opening brackets of one answer, those in texts included: no fewer than its values, which take up to 120 octets
each. A page of 500 Nodes has half of that."""
ENTRIES = 10_000
"""Of one page, of which 500 are asked for."""
ALL = 1 << 30
"""Octets of all answers of one reading."""
KEPT = 48 << 20
"""Octets of memory of all that is kept of one reading; what is judged and written of it takes several times as much. 1,000
nodes and 10,000 Services take two thirds of it."""
NAME = 253
"""Characters of a name (k8s.io/apimachinery, IsDNS1123Subdomain)."""
NAMESPACE = 63
"""Characters of a namespace's name (IsDNS1123Label)."""
TEXT = 64 << 10
"""Characters of any text of an object but a ConfigMap. One text may stand in the report of every address."""


class Clock(Protocol):
    @property
    def left(self) -> float: ...


class Room:
    """What one reading may take. Threads share it."""

    def __init__(self) -> None:
        self.parsing = Lock()
        """Held while an answer is parsed, which Python does one at a time anyhow."""
        self._large = Lock()
        self._counting = Lock()
        self._octets = 0
        self._kept = 0

    def keep(self, value: Any) -> None:
        """Counts what is kept. UnreadError where it is too much."""
        with self._counting:
            self._kept += weight(value)
            if self._kept > KEPT:
                raise UnreadError(f"what is read takes more than {KEPT >> 20} MiB", "Name one namespace with -n")

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """For one answer, until it is parsed."""
        turn = Turn(self._large)
        try:
            yield turn
        finally:
            turn.end()

    def take(self, octets: int) -> None:
        """Counts what came. UnreadError where it is too much."""
        with self._counting:
            self._octets += octets
            if self._octets > ALL:
                raise UnreadError(f"more than {ALL >> 20} MiB in all answers")


class Turn:
    """Of one answer, the right to be large."""

    def __init__(self, large: Lock) -> None:
        self._large = large
        self._held = False

    def grow(self, clock: Clock) -> None:
        """Waits until no other large answer is in memory. UnreadError where that takes too long."""
        if not self._held:
            self._held = self._large.acquire(timeout=max(clock.left, 0))
        if not self._held:
            raise timed_out()

    def end(self) -> None:
        if self._held:
            self._large.release()
            self._held = False


def too_large(what: str) -> UnreadError:
    """Fewer objects at a time may do."""
    return UnreadError(what, large=True)


def measure(body: bytes) -> None:
    """UnreadError for what would be too much once it is parsed."""
    if len(body) * (1 if body.isascii() and b"\\u" not in body else 4) > ANSWER:
        raise too_large(f"more than {ANSWER >> 20} MiB in one answer")
    if body.count(b",") + body.count(b"[") + body.count(b"{") > VALUES:
        raise too_large(f"more than {VALUES:,} values in one answer")


def is_sound(obj: Any, resource: str) -> bool:
    """Whether its names and texts are as long as the API lets them be."""
    if len(name(obj)) > NAME or len(namespace(obj)) > NAMESPACE:
        return False
    return resource == "configmaps" or longest(obj) <= TEXT


def longest(value: Any) -> int:
    """Characters of the longest text, keys included, of plain values."""
    found, pending = 0, [value]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            found = max(found, len(one))
        elif isinstance(one, dict):
            pending += one.values()
            pending += one
        elif isinstance(one, list | tuple):
            pending += one
    return found


def weight(value: Any) -> int:
    """Octets of memory, of plain values. What stands in two places is counted twice."""
    found, pending = 0, [value]
    while pending:
        one = pending.pop()
        found += sys.getsizeof(one)
        if isinstance(one, dict):
            pending += one.values()
            pending += one
        elif isinstance(one, list | tuple):
            pending += one
    return found
