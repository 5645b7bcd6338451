"""An API server's objects: every Want asked, side by side and within one budget, and what was refused as Gaps.

Knows which failures leave something to say (a Gap) and which do not (a ClusterError)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote

from arpcheck.cluster.discovery import Discovery, Served
from arpcheck.cluster.limits import FORBIDDEN, UNREADABLE, Budget, UnreadError, is_sound, side_by_side, timed_out
from arpcheck.cluster.parse import Each
from arpcheck.cluster.requirements import Mounts, Want, fold, joined, mounted, selects_fields, unknown_mounts
from arpcheck.cluster.session import Session
from arpcheck.errors import ClusterError
from arpcheck.model import Gap
from arpcheck.objects import Object, Objects, at, name, text

EVERY_PODS = "kube-root-ca.crt"
"""The ConfigMap that every pod mounts beside its token (kube-controller-manager, RootCACertPublisher)."""
MOUNTED = 50
"""ConfigMaps that are asked for because something mounts them. kube-proxy mounts two."""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOutcome:
    """What became of one Want."""

    want: Want
    kept: Kept | None = None
    """None: not served, or not read."""
    unread: UnreadError | None = None
    """Why not, or not all of it."""
    elsewhere: bool = False
    """It was read in the one namespace that is enough, and refused in the others."""


Work = Callable[[], ReadOutcome | str | None]


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
) -> tuple[list[ReadOutcome], str | None]:
    """The outcomes in the order of the wants. What can't be done without ends it at once."""
    discovery = Discovery(lambda path: session.ask(path, {}, budget), budget)
    found: dict[int, ReadOutcome] = {}
    version = None

    def run(numbers: Iterable[int], names: Callable[[Want], tuple[str, ...]], work: Mapping[int, Work]) -> None:
        nonlocal version
        asked = {n: (lambda want=wants[n]: _ask(session, discovery, want, names(want), within, budget)) for n in numbers}
        for number, result in side_by_side({**work, **asked}, budget):
            if isinstance(result, ReadOutcome):
                _insist(session, result, services_required)
                found[number] = result
            else:
                version = result

    later = [number for number, want in enumerate(wants) if want.mounted and want.verb == "get"]
    run([n for n in range(len(wants)) if n not in later], lambda want: want.names, {-1: lambda: _version(session, budget)})
    mounts = mounted([(outcome.want, outcome.kept.objects) for outcome in found.values() if outcome.kept])
    run(later, lambda want: (*want.names, *_mounted_names(want, mounts)), {})
    late = timed_out()
    outcomes = [found.get(number, ReadOutcome(want=want, unread=late)) for number, want in enumerate(wants)]
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


def _mounted_names(want: Want, mounts: Mounts) -> list[str]:
    """Names that a ConfigMap can have: who may make a DaemonSet must not choose the path that is asked."""
    return [
        title for space, title in sorted(mounts)
        if space == want.namespace and title != EVERY_PODS and title not in want.names and _NAME.fullmatch(title)
    ][:MOUNTED]  # fmt: skip


def _ask(
    session: Session, discovery: Discovery, want: Want, names: Sequence[str], within: str | None, budget: Budget
) -> ReadOutcome:
    def ask(path: str, query: Mapping[str, str], each: Each | None = None) -> Any:
        return session.ask(path, query, budget, each)

    served = None
    try:
        served = discovery.find(want.resource)
        if served is None or not discovery.has_namespace(want.namespace) or not discovery.has_group(want.group):
            return ReadOutcome(want=want)
        if want.verb == "get":
            kept, refused = read_objects(ask, served, want, names)
            return ReadOutcome(
                want=want, kept=kept if kept.objects or not refused else None, unread=refused and refused.bare()
            )
        return ReadOutcome(want=want, kept=read_list(ask, served, want.namespace, want))
    except UnreadError as unread:
        if unread.status == 404 and want.resource != "services":
            return ReadOutcome(want=want)
        if served and within and unread.status == 403 and _is_everywhere(want, served):
            return _ask_within(ask, served, want, within, unread.bare())
        return ReadOutcome(want=want, unread=unread.bare())


def _is_everywhere(want: Want, served: Served) -> bool:
    """A list of all namespaces."""
    return want.verb == "list" and want.namespace is None and served.namespaced


def _ask_within(ask: Fetch, served: Served, want: Want, within: str, refused: UnreadError) -> ReadOutcome:
    try:
        return ReadOutcome(want=want, kept=read_list(ask, served, within, want), unread=refused, elsewhere=True)
    except UnreadError as unread:
        return ReadOutcome(want=want, unread=unread.bare() if unread.fatal else refused)


# -------------------------------------------------------------------------------------------------- what is insisted on


def _insist(session: Session, outcome: ReadOutcome, services_required: bool) -> None:
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


def _insist_on_an_answer(session: Session, outcomes: Sequence[ReadOutcome]) -> None:
    """A server that answered nothing is not one that refused everything."""
    unread = [outcome.unread for outcome in outcomes if outcome.unread]
    if unread and len(unread) == len(outcomes) and not any(reason.status for reason in unread):
        raise ClusterError(f"the API server {session.where} can't be read: {unread[0].why}", unread[0].cure)


# ----------------------------------------------------------------------------------------------------------------- gaps


def _gaps(outcomes: Iterable[ReadOutcome], within: str | None) -> Iterable[Gap]:
    """One for every resource and reason, with all that it costs."""
    costs: dict[tuple[str, str], list[str]] = {}
    for outcome in outcomes:
        if outcome.unread:
            why = f"{outcome.unread.why} outside namespace {within}" if outcome.elsewhere else outcome.unread.why
            costs.setdefault((outcome.want.resource, why), []).append(outcome.want.costs)
    for (resource, why), lost in costs.items():
        yield Gap(what=resource, why=why, costs=joined(lost))


def _strange(outcomes: Iterable[ReadOutcome]) -> Iterable[Gap]:
    for outcome in outcomes:
        if outcome.kept and outcome.kept.strange:
            why = f"{outcome.kept.strange} entries without a name, or with longer texts than an object has"
            yield Gap(what=outcome.want.resource, why=why, costs=outcome.want.costs)


# ---------------------------------------------------------------------------------------- Lists in pages, and single objects

LIMIT = 500
"""Objects a page: what kubectl asks for."""
RESTARTS = 3
OBJECTS = 1_000_000
"""Of one list."""


class Fetch(Protocol):
    def __call__(self, path: str, query: Mapping[str, str], each: Each | None = None, /) -> Any:
        """The JSON there; `each` as in `json_value`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What one Want came to."""

    objects: tuple[Object, ...]
    strange: int
    """Entries that were no objects, or whose names or texts no object can have."""


_STRANGE: Object = {}


@dataclass(frozen=True, slots=True)
class _Page:
    cuts: list[Object | None]
    """Of its entries; None: nothing is kept, _STRANGE: it was no object."""
    token: str
    """Where the next one begins; empty: this was the last."""


def read_list(ask: Fetch, served: Served, namespace: str | None, want: Want) -> Kept:
    """UnreadError where it could not be had, or not in one piece."""
    asked = {"limit": str(LIMIT), "labelSelector": want.selector, "fieldSelector": want.field_selector}
    query = {key: value for key, value in asked.items() if value}
    path, restarts = served.path(namespace), 0
    while True:
        try:
            return _read_pages(ask, path, query, served, want)
        except UnreadError as unread:
            if unread.status == 400 and "fieldSelector" in query:
                del query["fieldSelector"]
            elif unread.status == 410 and restarts < RESTARTS:
                restarts += 1
            elif unread.large and int(query["limit"]) > 1:
                query["limit"] = str(int(query["limit"]) // 10 or 1)
            else:
                raise


def read_objects(ask: Fetch, served: Served, want: Want, names: Iterable[str]) -> tuple[Kept, UnreadError | None]:
    """Each by its name, and why one of them could not be had; one that does not exist is absent."""
    found, refused = [], None
    for wanted in names:
        try:
            obj = ask(f"{served.path(want.namespace)}/{quote(wanted, safe='')}", {})
            if name(obj) != wanted:
                raise UnreadError(UNREADABLE)
        except UnreadError as unread:
            if unread.fatal:
                raise
            refused = refused or (unread if unread.status != 404 else None)
        else:
            found.append(obj)
    return _kept(map(_cutter(served, want, where=""), found)), refused


def _read_pages(ask: Fetch, path: str, query: Mapping[str, str], served: Served, want: Want) -> Kept:
    cut = _cutter(served, want, where="" if "fieldSelector" in query else want.field_selector)
    cuts: list[Object | None] = []
    token = ""
    while True:
        page, before = _page(ask(path, {**query, "continue": token} if token else query, cut)), token
        cuts += page.cuts
        token = page.token
        if not token:
            return _kept(cuts)
        if token == before or len(cuts) > OBJECTS:
            raise UnreadError("its pages do not end")


def _page(answer: Any) -> _Page:
    cuts = at(answer, "items")
    if not isinstance(cuts, list | None) or not text(answer, "kind").endswith("List"):
        raise UnreadError(UNREADABLE, "Is this the address of a Kubernetes API?")
    return _Page(cuts or [], text(answer, "metadata", "continue"))


def _cutter(served: Served, want: Want, where: str) -> Callable[[Any], Object | None]:
    """Entries of a typed list carry neither kind nor apiVersion; every object kept has both."""
    own = {"apiVersion": served.api_version, "kind": served.kind}

    def cut(entry: Any) -> Object | None:
        if not name(entry):
            return _STRANGE
        kept = want.cut({**entry, **own}) if not where or selects_fields(where, entry) else None
        return kept if kept is None or is_sound(kept, want.resource) else _STRANGE

    return cut


def _kept(cuts: Iterable[Object | None]) -> Kept:
    found = [cut for cut in cuts if cut is not None]
    objects = tuple([cut for cut in found if cut is not _STRANGE])
    return Kept(objects=objects, strange=len(found) - len(objects))
