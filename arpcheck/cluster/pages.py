"""Lists in pages, and single objects: what a Want keeps of them, each cut down as soon as it is read.

Pages of one list are a snapshot of the cluster; where the server can't keep it any longer (410), the list begins
again, since the token that comes with it would lead into another moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from arpcheck.cluster.bounds import is_sound
from arpcheck.cluster.discovery import Served
from arpcheck.cluster.json_text import Each
from arpcheck.cluster.refusals import UNREADABLE, UnreadError
from arpcheck.cluster.requirements import Want, selects_fields
from arpcheck.objects import Object, at, name, text

LIMIT = 500
"""Objects a page: what kubectl asks for."""
RESTARTS = 3
OBJECTS = 1_000_000
"""Of one list."""


class Ask(Protocol):
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


def read_list(ask: Ask, served: Served, namespace: str | None, want: Want) -> Kept:
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


def read_objects(ask: Ask, served: Served, want: Want, names: Iterable[str]) -> tuple[Kept, UnreadError | None]:
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


def _read_pages(ask: Ask, path: str, query: Mapping[str, str], served: Served, want: Want) -> Kept:
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
