"""An API server's objects: every Want asked, side by side and within one budget, and what was refused as Gaps.

Knows which failures leave something to say (a Gap) and which do not (a ClusterError)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from arpcheck.cluster.budget import Budget, side_by_side
from arpcheck.cluster.discovery import Discovery, Served
from arpcheck.cluster.folding import fold, joined, unknown_mounts
from arpcheck.cluster.json_text import Each
from arpcheck.cluster.pages import Ask, Kept, read_list, read_objects
from arpcheck.cluster.plan import Want
from arpcheck.cluster.session import Session
from arpcheck.cluster.unread import FORBIDDEN, UnreadError, timed_out
from arpcheck.errors import ClusterError
from arpcheck.model import Gap
from arpcheck.objects import Objects, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one Want."""

    want: Want
    kept: Kept | None = None
    """None: not served, or not read."""
    unread: UnreadError | None = None
    """Why not, or not all of it."""


def read_api(
    session: Session, wants: Sequence[Want], budget: Budget, *, within: str | None, services_required: bool
) -> Objects:
    """`within`: the namespace that is enough where a list of all namespaces is refused."""
    read_at = datetime.now(UTC)
    outcomes, version = _ask_all(session, wants, budget, within, services_required)
    resources = fold([(outcome.want, outcome.kept.objects) for outcome in outcomes if outcome.kept])
    gaps = {*_gaps(outcomes, within), *_strange(outcomes), *unknown_mounts(wants, resources)}
    return Objects(
        resources=resources,
        gaps=tuple(sorted(gaps)),
        context=session.context,
        version=version,
        read_at=read_at,
        server_ahead=session.time.ahead,
    )


def _ask_all(
    session: Session, wants: Sequence[Want], budget: Budget, within: str | None, services_required: bool
) -> tuple[list[Outcome], str | None]:
    """The outcomes in the order of the wants. What can't be done without ends it at once."""
    discovery = Discovery(lambda path: session.ask(path, {}, budget), budget)
    work: dict[int, Callable[[], Outcome | str | None]] = {-1: lambda: _version(session, budget)}
    for number, want in enumerate(wants):
        work[number] = lambda want=want: _ask(session, discovery, want, within, budget)  # type: ignore[misc]
    found: dict[int, Outcome] = {}
    version = None
    for number, result in side_by_side(work, budget):
        if isinstance(result, Outcome):
            _insist(session, result, services_required)
            found[number] = result
        else:
            version = result
    late = timed_out()
    outcomes = [found.get(number, Outcome(want=want, unread=late)) for number, want in enumerate(wants)]
    for outcome in outcomes:
        _insist(session, outcome, services_required)
    _insist_on_an_answer(session, outcomes)
    return outcomes, version


def _version(session: Session, budget: Budget) -> str | None:
    """What the server calls itself. Nothing rests on it, so its absence is no gap."""
    try:
        return text(session.ask("/version", {}, budget), "gitVersion")[:100] or None
    except UnreadError:
        return None


def _ask(session: Session, discovery: Discovery, want: Want, within: str | None, budget: Budget) -> Outcome:
    def ask(path: str, query: Mapping[str, str], each: Each | None = None) -> Any:
        return session.ask(path, query, budget, each)

    served = None
    try:
        served = discovery.find(want.resource)
        if served is None or not discovery.has_namespace(want.namespace):
            return Outcome(want=want)
        if want.verb == "get":
            return Outcome(want=want, kept=read_objects(ask, served, want))
        return Outcome(want=want, kept=read_list(ask, served, want.namespace, want))
    except UnreadError as unread:
        if unread.status == 404 and want.resource != "services":
            return Outcome(want=want)
        if served and within and unread.status == 403 and _is_everywhere(want, served):
            return _ask_within(ask, served, want, within, unread.bare())
        return Outcome(want=want, unread=unread.bare())


def _is_everywhere(want: Want, served: Served) -> bool:
    """A list of all namespaces."""
    return want.verb == "list" and want.namespace is None and served.namespaced


def _ask_within(ask: Ask, served: Served, want: Want, within: str, refused: UnreadError) -> Outcome:
    try:
        return Outcome(want=want, kept=read_list(ask, served, within, want), unread=refused)
    except UnreadError as unread:
        return Outcome(want=want, unread=unread.bare() if unread.fatal else refused)


# -------------------------------------------------------------------------------------------------- what is insisted on


def _insist(session: Session, outcome: Outcome, services_required: bool) -> None:
    unread = outcome.unread
    if unread and unread.fatal:
        raise ClusterError(f"the API server {session.where} can't be read: {unread.why}", unread.cure)
    if unread and not outcome.kept and services_required and outcome.want.resource == "services":
        raise _without_services(session, unread)


def _without_services(session: Session, unread: UnreadError) -> ClusterError:
    if unread.why == FORBIDDEN:
        return ClusterError(
            f"{session.where} forbids to list services: the verb list on services is missing",
            "Bind arpcheck's ClusterRole to this account, or name a namespace where it may with -n",
        )
    return ClusterError(f"the services of {session.where} can't be read: {unread.why}", unread.cure)


def _insist_on_an_answer(session: Session, outcomes: Sequence[Outcome]) -> None:
    """A server that answered nothing is not one that refused everything."""
    unread = [outcome.unread for outcome in outcomes if outcome.unread]
    if unread and len(unread) == len(outcomes) and not any(reason.status for reason in unread):
        raise ClusterError(f"the API server {session.where} can't be read: {unread[0].why}", unread[0].cure)


# ----------------------------------------------------------------------------------------------------------------- gaps


def _gaps(outcomes: Iterable[Outcome], within: str | None) -> Iterable[Gap]:
    """One for every resource and reason, with all that it costs."""
    costs: dict[tuple[str, str], list[str]] = {}
    for outcome in outcomes:
        if outcome.unread:
            why = f"{outcome.unread.why} outside namespace {within}" if outcome.kept else outcome.unread.why
            costs.setdefault((outcome.want.resource, why), []).append(outcome.want.costs)
    for (resource, why), lost in costs.items():
        yield Gap(what=resource, why=why, costs=joined(lost))


def _strange(outcomes: Iterable[Outcome]) -> Iterable[Gap]:
    for outcome in outcomes:
        if outcome.kept and outcome.kept.strange:
            why = f"{outcome.kept.strange} entries without a name"
            yield Gap(what=outcome.want.resource, why=why, costs=outcome.want.costs)
