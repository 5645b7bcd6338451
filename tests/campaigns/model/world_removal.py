"""Takes out one rule after another and shows that a world goes red: `scripts/model --removals [FIRST COUNT] [NAME…]`.

A removal is a name, a function that changes something through a `Patch`, which puts all back, and the traits of the worlds
in which that is seen. A world is red where it breaks a promise that it keeps otherwise, where it is healthy or provable and
no longer ends as it should, or where an address no longer says the fault that can be proven of it. A rule that no world misses is a rule that the model does not know, or one that is not needed."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, NamedTuple

from drawing import NO_FOCUS, Focus
from promises import WRONG, outcome
from world_campaign import Result, judged

from arpcheck.model import Accepted, CauseId, Outcome, Strength, Trust


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


class Removal(NamedTuple):
    name: str
    remove: Callable[[Patch], None]
    focus: Focus = NO_FOCUS
    """The worlds in which the rule decides often: a rule for what is rare would need thousands of ordinary ones."""


NODES, OWNERS, VERDICTS = (f"arpcheck.judge.{name}" for name in ("nodes", "owners", "verdicts"))
RECORDS, LEASES, AGES = "arpcheck.loadbalancers.common", "arpcheck.loadbalancers.leases", "arpcheck.pipeline.ages"


def unsure_is_clean(patch: Patch) -> None:
    patch.set("arpcheck.model:Outcome.exit_code", property(lambda outcome: 1 if outcome is Outcome.FAULT else 0))


def no_conflicts(patch: Patch) -> None:
    patch.set(f"{OWNERS}:_conflicts", lambda *_: ())


def no_doubtful_owner(patch: Patch) -> None:
    patch.set(f"{OWNERS}:_strength", lambda _nic, node, *_: Strength.NONE if node is None else Strength.HEARD)


def one_question_is_enough(patch: Patch) -> None:
    for place in (NODES, "arpcheck.wire.further_requests"):  # what is judged, and until when it is asked
        patch.set(f"{place}:ENOUGH", 1)
        patch.set(f"{place}:FEW", 1)


def any_silence_is_silent(patch: Patch) -> None:
    patch.set("arpcheck.judge.doubts:_announcer_unreached", lambda *_: None)


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
    for module in ("cilium", "kube_vip"):
        patch.set(f"arpcheck.loadbalancers.{module}:believed", lambda found, *_: (tuple(found), ()))


def one_reading_only(patch: Patch) -> None:
    patch.set("world_campaign:second_reading", lambda *_: {})


def this_host_s_clock(patch: Patch) -> None:
    from datetime import timedelta

    patch.set(f"{AGES}:server_ahead", lambda _: timedelta(0))


def dead_nodes_announce(patch: Patch) -> None:
    from arpcheck.judge.responders import expected

    patch.set("arpcheck.pipeline.records:expected", lambda said, _alive: expected(said, None))


def every_acceptance_is_of_all(patch: Patch) -> None:
    from arpcheck.judge.acceptance import judged_with

    def accepted(case: Any, acceptances: Any) -> Any:
        found = judged_with(case, acceptances)
        entries = acceptances.of_target(case.target, found.first or found.verdict)
        if not entries:
            return found
        known = Accepted(reason=entries[0].reason, until=entries[0].until)
        return replace(found, verdict=found.first or found.verdict, accepted=known, first=None)

    patch.set("arpcheck.pipeline.concluding:judged_with", accepted)


def what_was_refused_is_not_there(patch: Patch) -> None:
    patch.set("arpcheck.pipeline.records:_forbidden", lambda *_: ())


def strict_arp_is_the_cure_of_all(patch: Patch) -> None:
    from arpcheck.kubeproxy import causes

    rules = tuple(
        replace(rule, concerned=lambda seen: seen.non_strict) if rule.id is CauseId.STRICT_ARP_UNSET else rule
        for rule in causes._RULES
    )
    patch.set("arpcheck.kubeproxy.causes:_RULES", rules)


def a_lower_rank_is_believed_as_well(patch: Patch) -> None:
    patch.set("arpcheck.judge.responders:_strongest", lambda found: [one for one in found if one[1].trust is Trust.CURRENT])


def nothing_is_made_up_for(patch: Patch) -> None:
    _doubt("_too_few_requests", NO_FOCUS).remove(patch)
    patch.set("arpcheck.wire.further_requests:lossy", lambda _: False)


def who_answers_the_canary_is_not_this_node(patch: Patch) -> None:
    patch.set(f"{NODES}:_Look.rival", lambda *_: None)


def _rule(name: str, focus: Focus) -> Removal:
    def remove(patch: Patch) -> None:
        from arpcheck.judge import verdicts

        patch.set(f"{VERDICTS}:RULES", tuple(entry for entry in verdicts.RULES if entry[0].value != name))

    return Removal(f"no verdict {name}", remove, focus)


def _doubt(name: str, focus: Focus) -> Removal:
    def remove(patch: Patch) -> None:
        from arpcheck.judge.doubts import DOUBTS

        kept = tuple(doubt for doubt in DOUBTS if doubt.__name__ != name)
        if len(kept) == len(DOUBTS):
            raise AttributeError(name)
        patch.set(f"{VERDICTS}:DOUBTS", kept)

    return Removal(f"no doubt {name.lstrip('_')}", remove, focus)


def _of(*traits: str, kinds: tuple[str, ...] = (), modes: tuple[tuple[str, bool | None], ...] = ()) -> Focus:
    return Focus(traits=traits, kinds=kinds, modes=modes)


LEASED = ("cilium", "kube-vip")
REMOVALS: tuple[Removal, ...] = (
    Removal("2.1 what is unsure is clean", unsure_is_clean),
    Removal("2.2 two MACs at a node's address are its NICs", no_conflicts, _of("clone")),
    Removal("2.2 no owner is in doubt", no_doubtful_owner, _of("clone")),
    Removal("2.3 a lower rank contradicts a higher", a_lower_rank_is_believed_as_well, _of("expired Lease", "events of two nodes", "another answers", kinds=("metallb",))),
    Removal("2.3 a Lease lives for ever", a_lease_lives_for_ever, _of("expired Lease", kinds=("kube-vip-common",))),
    Removal("2.3 Leases of every namespace", every_namespace_is_believed, _of("Lease in another namespace", kinds=("cilium", "kube-vip-common"))),
    Removal("2.3 records are read once", one_reading_only, _of("failover")),
    Removal("2.3 this host's clock", this_host_s_clock, _of("prober's clock", "another answers", kinds=("metallb-event", "cilium", "kube-vip"))),
    Removal("2.3 records of dead and gone nodes", dead_nodes_announce, _of("status of a dead node", kinds=("metallb",))),
    Removal("2.4 one unanswered question is quiet", one_question_is_enough, _of("replies lost", "non-strict")),
    Removal("2.4 frames that get lost are made up for by nothing", nothing_is_made_up_for, _of("replies lost", "split brain")),
    Removal("2.4 who answers the canary is not this node", who_answers_the_canary_is_not_this_node, _of("balance-alb bond", "non-strict")),
    Removal("2.4 any silence is silent", any_silence_is_silent, _of("announcer elsewhere", "far node")),
    Removal("2.5 who is in no list is foreign", who_is_in_no_list_is_foreign, _of("second NIC", "partial MAC list")),
    Removal("2.5 who answers for no node is foreign", who_answers_for_no_node_is_foreign, _of("second NIC")),
    Removal("2.5 nobody is foreign", no_mac_is_foreign, _of("foreign host", "MAC list")),
    Removal("2.6 nothing else is true", nothing_else_is_true, _of("foreign host", "announcer deaf")),
    Removal("2.7 every acceptance is of all", every_acceptance_is_of_all, _of("accepted")),
    Removal("2.8 what was refused is not there", what_was_refused_is_not_there, _of("refused", "another answers", kinds=LEASED)),
    Removal("2.9 no path doubles", no_path_doubles, _of("path doubles")),
    Removal("2.10 strict ARP is the cure of all", strict_arp_is_the_cure_of_all, _of("non-strict")),
    _rule("proxy-arp", _of("proxy for all")),
    _rule("foreign", _of("foreign host", "MAC list")),
    _rule("non-strict", _of("non-strict")),
    _rule("duplicate", _of("split brain")),
    _rule("inconclusive", _of("announcer elsewhere", "far node")),
    _rule("moved", _of("failover")),
    _rule("wrong-node", _of("another answers", kinds=("metallb", "cilium"))),
    _rule("silent", _of("announcer deaf")),
    _doubt("_lost_frames", _of("the last are dropped", "split brain")),
    _doubt("_unknown_owner", _of("foreign host")),
    _doubt("_doubtful_owner", _of("clone")),
    _doubt("_doubled", _of("twin MAC")),
    _doubt("_outside", _of("external load balancer", "appliance's address on a node")),
    _doubt("_some_rounds_only", _of("announcer restarts")),
    _doubt("_no_reply", _of("announcer elsewhere", "far node")),
    _doubt("_changing", _of("failover")),
    _doubt("_only_events", _of("events of two nodes", "events expired", kinds=("metallb-event",))),
    _doubt("_rival_claims", _of("two statuses", "another answers", kinds=("metallb",))),
    _doubt("_forbidden", _of("refused", "another answers", kinds=LEASED)),
    _doubt("_only_non_strict", _of("non-strict", "announcer deaf", kinds=("unknown", "metallb-bare"), modes=(("ipvs", False),))),
)  # fmt: skip
"""What is left out of the verdicts' doubts speaks of captures, files and several hosts, which no world here has."""


class Red(NamedTuple):
    seed: int
    worlds: int
    """Drawn until then."""
    why: str


def red(removal: Removal, seeds: Sequence[int]) -> Red | None:
    """The first world that goes red; None where none does."""
    for worlds, seed in enumerate(seeds, 1):
        with Patch() as patch:
            removal.remove(patch)
            found = judged(seed, focus=removal.focus)
        if (_ill(found) or _late(found)) and (why := _worse(found, judged(seed, focus=removal.focus))):
            return Red(seed, worlds, why)
    return None


def _ill(found: Result) -> bool:
    return (found.healthy and found.report.summary.exit_code != 0) or any(wrong.promise in WRONG for wrong in found.wrong)


def _late(found: Result) -> bool:
    return bool(found.provable) and (
        found.report.summary.exit_code != 1 or any(not proven for proven in _proven(found).values())
    )


def _proven(found: Result) -> Mapping[str, bool]:
    """Of every address of which a fault can be proven: whether its own verdict is one."""
    named = {words.split()[0].rstrip(",") for words in found.provable}
    return {
        str(t.target.ip): outcome(t) is Outcome.FAULT
        for t in found.report.targets
        if t.verdict and str(t.target.ip) in named
    }


def _worse(found: Result, before: Result) -> str:
    """What is wrong now and was not with all rules."""
    code, was = found.report.summary.exit_code, before.report.summary.exit_code
    for wrong in found.wrong:
        if wrong.promise in WRONG and wrong not in before.wrong:
            return f"{wrong.promise}: said {wrong.said}; true: {wrong.true}"
    if found.healthy and code != 0 and was == 0:
        return f"healthy, and exit {code}"
    if found.provable and code != 1 and was == 1:
        return f"{found.provable[0]}, and exit {code}"
    proven, once = _proven(found), _proven(before)
    return next(
        (f"{ip} has a fault, which its verdict does not say" for ip in proven if once.get(ip) and not proven[ip]), ""
    )


def table(removals: Sequence[Removal], first: int, count: int) -> Iterator[tuple[str, Red | None]]:
    """Each removal with the first of `count` worlds that goes red."""
    for removal in removals:
        yield removal.name, red(removal, range(first, first + count))


def main(arguments: list[str]) -> int:
    numbers = [int(word) for word in arguments if word.isdigit()]
    names = [word for word in arguments if not word.isdigit()]
    first, count = numbers or (0, 300)
    chosen = [removal for removal in REMOVALS if not names or any(name in removal.name for name in names)]
    missed = 0
    for name, found in table(chosen, first, count):
        missed += found is None
        print(f"{name:45} {f'world {found.worlds}: {found.why}' if found else f'not within {count}'}", flush=True)  # noqa: T201
    return 1 if missed else 0


__all__ = ["REMOVALS", "Patch", "Red", "Removal", "main", "red", "table"]

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
