"""Takes out one rule after another and shows that a world goes red: `scripts/model --removals [FIRST COUNT] [NAME…]`.

A removal is a name and a function that changes something through a `Patch`, which puts all back. A world is red where it
breaks a promise that it keeps otherwise, or where it is healthy or provable and no longer ends as it should. A rule that no
world misses is a rule that the model does not know, or one that is not needed."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple

from promises import WRONG, Wrong
from world_campaign import Result, judged

from arpcheck.model import Outcome, Strength, Trust


class Patch:
    """Changes attributes of modules and classes, and puts them back at its end."""

    def __init__(self) -> None:
        self._before: list[tuple[Any, str, Any]] = []

    def set(self, place: str, value: Any) -> None:
        """`place`: `module:NAME` or `module:Class.name`. An AttributeError where there is none, so that no removal is
        without effect because a rule has moved."""
        module, _, path = place.partition(":")
        owner: Any = importlib.import_module(module)
        *outer, name = path.split(".")
        for step in outer:
            owner = getattr(owner, step)
        self._before.append((owner, name, owner.__dict__[name] if isinstance(owner, type) else getattr(owner, name)))
        setattr(owner, name, value)

    def __enter__(self) -> Patch:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for owner, name, value in reversed(self._before):
            setattr(owner, name, value)


Removal = tuple[str, Callable[[Patch], None]]

NODES, OWNERS, CASE, VERDICTS = (f"arpcheck.judge.{name}" for name in ("nodes", "owners", "case", "verdicts"))
RECORDS, LEASES, AGES = "arpcheck.loadbalancers.records", "arpcheck.loadbalancers.leases", "arpcheck.pipeline.ages"


def unsure_is_clean(patch: Patch) -> None:
    patch.set("arpcheck.model:Outcome.exit_code", property(lambda outcome: 1 if outcome is Outcome.FAULT else 0))


def no_conflicts(patch: Patch) -> None:
    patch.set(f"{OWNERS}:_conflicts", lambda *_: ())


def no_doubtful_owner(patch: Patch) -> None:
    patch.set(f"{OWNERS}:_strength", lambda _nic, node, *_: Strength.NONE if node is None else Strength.HEARD)


def one_question_is_enough(patch: Patch) -> None:
    for place in (NODES, "arpcheck.wire.numbers"):  # what is judged, and until when it is asked
        patch.set(f"{place}:ENOUGH", 1)
        patch.set(f"{place}:FEW", 1)


def any_silence_is_silent(patch: Patch) -> None:
    patch.set(f"{VERDICTS}:_not_heard", lambda *_: None)


def who_is_in_no_list_is_foreign(patch: Patch) -> None:
    patch.set(f"{OWNERS}:_Outside.holds", lambda *_: True)


def who_answers_for_no_node_is_foreign(patch: Patch) -> None:
    patch.set(f"{OWNERS}:_Apart.holds", lambda *_: True)


def no_mac_is_foreign(patch: Patch) -> None:
    patch.set(f"{OWNERS}:_Outside.holds", lambda *_: False)
    patch.set(f"{OWNERS}:_Apart.holds", lambda *_: False)


def no_path_doubles(patch: Patch) -> None:
    patch.set("arpcheck.judge.doubling:Doubling._by_the_path", lambda *_: False)


def nothing_else_is_true(patch: Patch) -> None:
    patch.set("arpcheck.pipeline.concluding:also", lambda *_: ())


def a_lease_lives_for_ever(patch: Patch) -> None:
    patch.set(f"{LEASES}:Lease.trust", lambda *_: Trust.CURRENT)


def every_namespace_is_believed(patch: Patch) -> None:
    patch.set(f"{LEASES}:believed", lambda found, _home: (tuple(found), ()))


def one_reading_only(patch: Patch) -> None:
    patch.set("world_campaign:second_reading", lambda *_: {})


def this_host_s_clock(patch: Patch) -> None:
    from datetime import timedelta

    patch.set(f"{AGES}:server_ahead", lambda _: timedelta(0))


def dead_nodes_announce(patch: Patch) -> None:
    patch.set("arpcheck.pipeline.records:_of_known_nodes", lambda one, _known: one)


def _rule(name: str) -> Removal:
    def remove(patch: Patch) -> None:
        from arpcheck.judge import verdicts

        patch.set(f"{VERDICTS}:RULES", tuple(entry for entry in verdicts.RULES if entry[0].value != name))

    return f"no verdict {name}", remove


def _doubt(name: str) -> Removal:
    def remove(patch: Patch) -> None:
        from arpcheck.judge import verdicts

        kept = tuple(doubt for doubt in verdicts._DOUBTS if doubt.__name__ != name)
        if len(kept) == len(verdicts._DOUBTS):
            raise AttributeError(name)
        patch.set(f"{VERDICTS}:_DOUBTS", kept)

    return f"no doubt {name.lstrip('_')}", remove


REMOVALS: tuple[Removal, ...] = (
    ("2.1 what is unsure is clean", unsure_is_clean),
    ("2.2 two MACs at a node's address are its NICs", no_conflicts),
    ("2.2 no owner is in doubt", no_doubtful_owner),
    ("2.3 a Lease lives for ever", a_lease_lives_for_ever),
    ("2.3 Leases of every namespace", every_namespace_is_believed),
    ("2.3 records are read once", one_reading_only),
    ("2.3 this host's clock", this_host_s_clock),
    ("2.3 records of dead and gone nodes", dead_nodes_announce),
    ("2.4 one unanswered question is quiet", one_question_is_enough),
    ("2.4 any silence is silent", any_silence_is_silent),
    ("2.5 who is in no list is foreign", who_is_in_no_list_is_foreign),
    ("2.5 who answers for no node is foreign", who_answers_for_no_node_is_foreign),
    ("2.5 nobody is foreign", no_mac_is_foreign),
    ("2.6 nothing else is true", nothing_else_is_true),
    ("2.9 no path doubles", no_path_doubles),
    *map(_rule, ("proxy-arp", "foreign", "non-strict", "duplicate", "inconclusive", "moved", "wrong-node", "silent")),
    *map(_doubt, (
        "_lost_frames", "_unknown_owner", "_doubtful_owner", "_doubled", "_outside", "_some_rounds_only", "_deaf", "_changing",
        "_rival_claims", "_unread",
    )),
)  # fmt: skip
"""What is left out of the verdicts' doubts speaks of captures, files and several hosts, which no world here has."""


class Red(NamedTuple):
    seed: int
    why: str


class Before(NamedTuple):
    """A world with all rules."""

    wrong: frozenset[Wrong]
    code: int


def red(remove: Callable[[Patch], None], before: Mapping[int, Before]) -> Red | None:
    """The first world that goes red; None where none does. `before`: by seed, how it is with all rules."""
    with Patch() as patch:
        remove(patch)
        for seed, with_all in before.items():
            if why := _worse(judged(seed), with_all):
                return Red(seed, why)
    return None


def _worse(found: Result, before: Before) -> str:
    code = found.report.summary.exit_code
    for wrong in found.wrong:
        if wrong.promise in WRONG and wrong not in before.wrong:
            return f"{wrong.promise}: said {wrong.said}; true: {wrong.true}"
    if found.healthy and code != 0 and before.code == 0:
        return f"healthy, and exit {code}"
    if found.provable and code != 1 and before.code == 1:
        return f"{found.provable[0]}, and exit {code}"
    return ""


def table(removals: Sequence[Removal], first: int, count: int) -> Iterator[tuple[str, Red | None]]:
    """Each removal with the first of `count` worlds that goes red."""
    before = {}
    for seed in range(first, first + count):
        result = judged(seed)
        before[seed] = Before(frozenset(result.wrong), result.report.summary.exit_code)
    for name, remove in removals:
        yield name, red(remove, before)


def main(arguments: list[str]) -> int:
    numbers = [int(word) for word in arguments if word.isdigit()]
    names = [word for word in arguments if not word.isdigit()]
    first, count = numbers or (0, 1500)
    chosen = [removal for removal in REMOVALS if not names or any(name in removal[0] for name in names)]
    missed = 0
    for name, found in table(chosen, first, count):
        missed += found is None
        print(f"{name:45} {f'seed {found.seed}: {found.why}' if found else f'not within {count}'}", flush=True)  # noqa: T201
    return 1 if missed else 0


__all__ = ["REMOVALS", "Patch", "Red", "main", "red", "table"]

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
