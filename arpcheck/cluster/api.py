"""Reads every Want from an API server, in parallel and within one budget, and turns refusals into Gaps.

A failure that leaves something to report becomes a Gap; the others raise ClusterError."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote

from arpcheck.cluster.discovery import Discovery, Served
from arpcheck.cluster.limits import FORBIDDEN, UNREADABLE, Budget, ReadError, is_sound, side_by_side, timed_out
from arpcheck.cluster.parse import Each
from arpcheck.cluster.requirements import Mounts, Want, fold, joined, mounted, selects_fields, unknown_mounts
from arpcheck.cluster.session import Session
from arpcheck.errors import ClusterError
from arpcheck.model import Gap
from arpcheck.objects import Object, Objects, at, name, text

EVERY_PODS = "kube-root-ca.crt"
"""The ConfigMap that every pod mounts together with its token (kube-controller-manager, RootCACertPublisher)."""
MOUNTED = 50
"""Maximum number of ConfigMaps that are read because something mounts them. kube-proxy mounts two."""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOutcome:
    """The result of one Want."""

    want: Want
    kept: Kept | None = None
    """None: not served, or not read."""
    error: ReadError | None = None
    """Why it was not read, or not completely."""
    elsewhere: bool = False
    """It was read in the namespaces that are enough; the others are forbidden."""


Work = Callable[[], ReadOutcome | str | None]


def read_api(
    session: Session, wants: Sequence[Want], budget: Budget, *, within: Sequence[str], services_required: bool
) -> Objects:
    """`within`: the namespaces that are enough if a list of all namespaces is forbidden."""
    read_at = datetime.now(UTC)
    outcomes, version = _read_all(session, wants, budget, within, services_required)
    resources = fold([(outcome.want, outcome.kept.objects) for outcome in outcomes if outcome.kept])
    gaps = {*_gaps(outcomes, within), *_malformed(outcomes), *unknown_mounts(wants, resources)}
    return Objects(
        resources=resources,
        gaps=tuple(sorted(gaps)),
        context=session.context,
        server=session.server,
        account=session.account,
        version=version,
        read_at=read_at,
        server_ahead=session.time.ahead,
    )


def _read_all(
    session: Session, wants: Sequence[Want], budget: Budget, within: Sequence[str], services_required: bool
) -> tuple[list[ReadOutcome], str | None]:
    """The outcomes in the order of the wants. A failure of what is required ends the reading at once."""
    discovery = Discovery(lambda path: session.read(path, {}, budget), budget)
    found: dict[int, ReadOutcome] = {}
    version = None

    def run(numbers: Iterable[int], names: Callable[[Want], tuple[str, ...]], work: Mapping[int, Work]) -> None:
        nonlocal version
        reads = {
            n: (lambda want=wants[n]: _read_want(session, discovery, want, names(want), within, budget)) for n in numbers
        }
        for number, result in side_by_side({**work, **reads}, budget):
            if isinstance(result, ReadOutcome):
                _require(session, result, services_required)
                found[number] = result
            else:
                version = result

    later = [number for number, want in enumerate(wants) if want.mounted and want.verb == "get"]
    run([n for n in range(len(wants)) if n not in later], lambda want: want.names, {-1: lambda: _version(session, budget)})
    mounts = mounted([(outcome.want, outcome.kept.objects) for outcome in found.values() if outcome.kept])
    run(later, lambda want: (*want.names, *_mounted_names(want, mounts)), {})
    late = timed_out()
    outcomes = [found.get(number, ReadOutcome(want=want, error=late)) for number, want in enumerate(wants)]
    for outcome in outcomes:
        _require(session, outcome, services_required)
    _require_an_answer(session, outcomes)
    return outcomes, version


def _version(session: Session, budget: Budget) -> str | None:
    """The server's version. No verdict depends on it, so a missing version is not a gap."""
    try:
        return text(session.read("/version", {}, budget), "gitVersion")[:100] or None
    except ReadError:
        return None


def _mounted_names(want: Want, mounts: Mounts) -> list[str]:
    """Only valid ConfigMap names: an account that may create a DaemonSet must not choose the path that arpcheck requests."""
    return [
        title for space, title in sorted(mounts)
        if space == want.namespace and title != EVERY_PODS and title not in want.names and _NAME.fullmatch(title)
    ][:MOUNTED]  # fmt: skip


def _read_want(
    session: Session, discovery: Discovery, want: Want, names: Sequence[str], within: Sequence[str], budget: Budget
) -> ReadOutcome:
    def fetch(path: str, query: Mapping[str, str], each: Each | None = None) -> Any:
        return session.read(path, query, budget, each)

    served = None
    try:
        served = discovery.find(want.resource)
        if served is None or not discovery.has_namespace(want.namespace) or not discovery.has_group(want.group):
            return ReadOutcome(want=want)
        if want.verb == "get":
            kept, refused = read_objects(fetch, served, want, names)
            return ReadOutcome(
                want=want, kept=kept if kept.objects or not refused else None, error=refused and refused.bare()
            )
        return ReadOutcome(want=want, kept=read_list(fetch, served, want.namespace, want))
    except ReadError as error:
        if error.status == 404 and want.resource != "services":
            return ReadOutcome(want=want)
        if served and within and error.status == 403 and _is_everywhere(want, served):
            return _read_within(fetch, served, want, within, error.bare())
        return ReadOutcome(want=want, error=error.bare())


def _is_everywhere(want: Want, served: Served) -> bool:
    """Whether the want lists all namespaces."""
    return want.verb == "list" and want.namespace is None and served.namespaced


def _read_within(fetch: Fetch, served: Served, want: Want, within: Sequence[str], refused: ReadError) -> ReadOutcome:
    """All of the namespaces, or none: Services that are missing in one would look like a selection without any."""
    try:
        found = [read_list(fetch, served, namespace, want) for namespace in within]
    except ReadError as error:
        return ReadOutcome(want=want, error=error.bare() if error.fatal else refused)
    kept = Kept(
        objects=tuple(obj for part in found for obj in part.objects), malformed=sum(part.malformed for part in found)
    )
    return ReadOutcome(want=want, kept=kept, error=refused, elsewhere=True)


# --------------------------------------------------------------------------------------------------------- required answers


def _require(session: Session, outcome: ReadOutcome, services_required: bool) -> None:
    error = outcome.error
    if error and error.fatal:
        raise ClusterError(f"cannot read from the API server {session.where}: {error.why}", error.cure)
    if error and not outcome.kept and services_required and outcome.want.resource == "services":
        raise _without_services(session, error)


def _without_services(session: Session, error: ReadError) -> ClusterError:
    if error.why == FORBIDDEN:
        return ClusterError(
            f"{session.where} does not allow this account to list Services",
            "Bind arpcheck's ClusterRole to the account, or use -n with a namespace in which it may list Services",
        )
    return ClusterError(f"{session.where}: cannot list Services: {error.why}", error.cure)


def _require_an_answer(session: Session, outcomes: Sequence[ReadOutcome]) -> None:
    """A server that never responded did not forbid anything: it is unreachable."""
    errors = [outcome.error for outcome in outcomes if outcome.error]
    if errors and len(errors) == len(outcomes) and not any(error.status for error in errors):
        raise ClusterError(f"cannot read from the API server {session.where}: {errors[0].why}", errors[0].cure)


# ----------------------------------------------------------------------------------------------------------------- gaps


def _gaps(outcomes: Iterable[ReadOutcome], within: Sequence[str]) -> Iterable[Gap]:
    """One gap for each resource and reason, with everything that it costs."""
    costs: dict[tuple[str, str], list[str]] = {}
    for outcome in outcomes:
        if outcome.error:
            outside = f"outside namespace{'s' if len(within) > 1 else ''} {', '.join(within)}"
            why = f"{outcome.error.why} {outside}" if outcome.elsewhere else outcome.error.why
            costs.setdefault((outcome.want.what, why), []).append(outcome.want.costs)
    for (what, why), lost in costs.items():
        yield Gap(what=what, why=why, costs=joined(lost))


def _malformed(outcomes: Iterable[ReadOutcome]) -> Iterable[Gap]:
    for outcome in outcomes:
        if outcome.kept and outcome.kept.malformed:
            why = f"{outcome.kept.malformed} entries have no name, or a name or text longer than the API allows"
            yield Gap(what=outcome.want.resource, why=why, costs=outcome.want.costs)


# ------------------------------------------------------------------------------------------ Paged lists, and single objects

LIMIT = 500
"""Objects per page, as kubectl requests them."""
RESTARTS = 3
OBJECTS = 1_000_000
"""Maximum number of objects in one list."""


class Fetch(Protocol):
    def __call__(self, path: str, query: Mapping[str, str], each: Each | None = None, /) -> Any:
        """Returns the JSON at `path`; `each` as in `json_value`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The objects that one Want returned."""

    objects: tuple[Object, ...]
    malformed: int
    """Number of entries that are not objects, or whose names or texts are longer than the API allows."""


_MALFORMED: Object = {}


@dataclass(frozen=True, slots=True)
class _Page:
    cuts: list[Object | None]
    """The entries, cut down. None: nothing is kept of the entry; _MALFORMED: it is not an object."""
    token: str
    """The continue token; empty on the last page."""


def read_list(fetch: Fetch, served: Served, namespace: str | None, want: Want) -> Kept:
    """Raises ReadError if the list can't be read completely."""
    asked = {"limit": str(LIMIT), "labelSelector": want.selector, "fieldSelector": want.field_selector}
    query = {key: value for key, value in asked.items() if value}
    path, restarts = served.path(namespace), 0
    while True:
        try:
            return _read_pages(fetch, path, query, served, want)
        except ReadError as error:
            if error.status == 400 and "fieldSelector" in query:
                del query["fieldSelector"]
            elif error.status == 410 and restarts < RESTARTS:
                restarts += 1
            elif error.large and int(query["limit"]) > 1:
                query["limit"] = str(int(query["limit"]) // 10 or 1)
            else:
                raise


def read_objects(fetch: Fetch, served: Served, want: Want, names: Iterable[str]) -> tuple[Kept, ReadError | None]:
    """Reads each object by name. Also returns the first error; an object that does not exist is skipped."""
    found, refused = [], None
    for wanted in names:
        try:
            obj = fetch(f"{served.path(want.namespace)}/{quote(wanted, safe='')}", {})
            if name(obj) != wanted:
                raise ReadError(UNREADABLE)
        except ReadError as error:
            if error.fatal:
                raise
            refused = refused or (error if error.status != 404 else None)
        else:
            found.append(obj)
    return _kept(map(_cutter(served, want, where=""), found)), refused


def _read_pages(fetch: Fetch, path: str, query: Mapping[str, str], served: Served, want: Want) -> Kept:
    cut = _cutter(served, want, where="" if "fieldSelector" in query else want.field_selector)
    cuts: list[Object | None] = []
    token = ""
    while True:
        page, before = _page(fetch(path, {**query, "continue": token} if token else query, cut)), token
        cuts += page.cuts
        token = page.token
        if not token:
            return _kept(cuts)
        if token == before or len(cuts) > OBJECTS:
            raise ReadError("the list never ends: the server repeats its pages")


def _page(answer: Any) -> _Page:
    cuts = at(answer, "items")
    if not isinstance(cuts, list | None) or not text(answer, "kind").endswith("List"):
        raise ReadError(UNREADABLE, "Check that the server in the kubeconfig is a Kubernetes API server")
    return _Page(cuts or [], text(answer, "metadata", "continue"))


def _cutter(served: Served, want: Want, where: str) -> Callable[[Any], Object | None]:
    """Entries of a typed list have neither kind nor apiVersion; every kept object gets both."""
    own = {"apiVersion": served.api_version, "kind": served.kind}

    def cut(entry: Any) -> Object | None:
        if not name(entry):
            return _MALFORMED
        kept = want.cut({**entry, **own}) if not where or selects_fields(where, entry) else None
        return kept if kept is None or is_sound(kept, want.resource) else _MALFORMED

    return cut


def _kept(cuts: Iterable[Object | None]) -> Kept:
    found = [cut for cut in cuts if cut is not None]
    objects = tuple([cut for cut in found if cut is not _MALFORMED])
    return Kept(objects=objects, malformed=len(found) - len(objects))
