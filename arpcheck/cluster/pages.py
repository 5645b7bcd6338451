"""Lists in pages, and single objects: what a Want keeps of them, cut down page by page.

Pages of one list are a snapshot of the cluster; where the server can't keep it any longer (410), the list begins
again, since the token that comes with it would lead into another moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from arpcheck.cluster.discovery import Served
from arpcheck.cluster.plan import Want, selects_fields
from arpcheck.cluster.unread import UNREADABLE, UnreadError
from arpcheck.objects import Object, at, name, text

LIMIT = 500
"""Objects a page: what kubectl asks for."""
RESTARTS = 3
OBJECTS = 1_000_000
"""Of one list."""


class Ask(Protocol):
    def __call__(self, path: str, query: Mapping[str, str], /) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What one Want came to."""

    objects: tuple[Object, ...]
    strange: int
    """Entries that were no objects."""


@dataclass(frozen=True, slots=True)
class _Page:
    entries: list[Any]
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
            else:
                raise


def read_objects(ask: Ask, served: Served, want: Want) -> Kept:
    """Each by its name; one that does not exist is absent."""
    found = []
    for wanted in want.names:
        try:
            obj = ask(f"{served.path(want.namespace)}/{quote(wanted, safe='')}", {})
        except UnreadError as unread:
            if unread.status == 404:
                continue
            raise
        if name(obj) != wanted:
            raise UnreadError(UNREADABLE)
        found.append(obj)
    return _keep(found, served, want, where="")


def _read_pages(ask: Ask, path: str, query: Mapping[str, str], served: Served, want: Want) -> Kept:
    where = "" if "fieldSelector" in query else want.field_selector
    pages: list[Kept] = []
    token, count = "", 0
    while True:
        page, before = _page(ask(path, {**query, "continue": token} if token else query)), token
        pages.append(_keep(page.entries, served, want, where))
        count += len(page.entries)
        token = page.token
        del page  # one page at a time is in memory
        if not token:
            return _joined(pages)
        if token == before or count > OBJECTS:
            raise UnreadError("its pages do not end")


def _page(answer: Any) -> _Page:
    entries = at(answer, "items")
    if not isinstance(entries, list | None) or not text(answer, "kind").endswith("List"):
        raise UnreadError(UNREADABLE, "Is this the address of a Kubernetes API?")
    return _Page(entries or [], text(answer, "metadata", "continue"))


def _keep(entries: list[Any], served: Served, want: Want, where: str) -> Kept:
    """Entries of a typed list carry neither kind nor apiVersion; every object kept has both."""
    own = {"apiVersion": served.api_version, "kind": served.kind}
    named = [entry for entry in entries if name(entry)]
    cuts = [want.cut({**entry, **own}) for entry in named if not where or selects_fields(where, entry)]
    return Kept(objects=tuple(cut for cut in cuts if cut is not None), strange=len(entries) - len(named))


def _joined(pages: list[Kept]) -> Kept:
    return Kept(objects=tuple(obj for page in pages for obj in page.objects), strange=sum(page.strange for page in pages))
