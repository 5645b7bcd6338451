"""Which Services the options select, and which parts of a selection fit no Service.

A part that fits none is a mistyped name more often than not: then what was meant was not judged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from arpcheck.errors import UsageError, alternatives, near
from arpcheck.evidence import Options
from arpcheck.objects import Objects, Service, selects

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""A Namespace or a Service (RFC 1123 label)."""

_KINDS = ("svc", "service", "services")
_MOST = 8
"""Parts that fit nothing and are named."""


def is_selected(service: Service, options: Options) -> bool:
    return (
        (not options.namespaces or service.namespace in options.namespaces)
        and (not options.service_names or _is_named(service, options.service_names))
        and _has_class(service, options.load_balancer_classes)
        and selects(options.selector, service.labels)
    )


def _is_named(service: Service, names: Sequence[str]) -> bool:
    return service.full_name in names or service.name in names


def _has_class(service: Service, classes: Sequence[str]) -> bool:
    return not classes or (service.load_balancer_class or "") in classes


def check_selection(options: Options) -> None:
    """Raises UsageError for a selector that kubectl would refuse too."""
    try:
        selects(options.selector, {})
    except ValueError:
        hint = "Write it as for kubectl: app=web,tier in (a,b),!canary"
        raise UsageError(f"-l {options.selector!r} is not a label selector", hint) from None


# ------------------------------------------------------------------------------------------------ As it is written, and back


def namespaces(written: Iterable[str]) -> tuple[str, ...]:
    """`-n web,shop -n api`. Raises UsageError for what is not a name."""
    found = [name.strip() for words in written for name in words.split(",")]
    if wrong := next((name for name in found if not _NAME.fullmatch(name)), None):
        hint = "Names have lowercase letters, digits and dashes; several are separated by commas"
        raise UsageError(f"-n {wrong[:80]!r} is not the name of a namespace", hint)
    if "" in found:
        raise UsageError(f"-n {','.join(written)!r}: a name is empty", "Leave out -n for all namespaces")
    return tuple(dict.fromkeys(found))


def service_names(written: Iterable[str], within: Sequence[str]) -> tuple[str, ...]:
    """`svc/NAME` and `NAMESPACE/NAME` as `Options.service_names`. `within`: the namespaces of -n. Raises UsageError."""
    return tuple(dict.fromkeys(_service_name(words, within) for words in written))


def _service_name(written: str, within: Sequence[str]) -> str:
    space, slash, name = written.rpartition("/")
    if not slash:
        raise UsageError(f"{written[:80]!r} is not a Service", _meant(written))
    if not _NAME.fullmatch(name) or not (space.lower() in _KINDS or _NAME.fullmatch(space)):
        raise UsageError(f"{written[:80]!r} is not a Service", "Write svc/NAME or NAMESPACE/NAME, for example web/nginx")
    if space.lower() in _KINDS:
        return name
    if within and space not in within:
        raise UsageError(f"{written} is not in -n {','.join(within)}", f"Leave out -n, or write svc/{name}")
    return written


def _meant(written: str) -> str:
    if re.fullmatch(r"[0-9.]+", written) or ":" in written:
        return f"An address is written --ip {written[:80]}"
    if _NAME.fullmatch(written):
        return f"Write svc/{written}, or NAMESPACE/{written}"
    return "Write svc/NAME or NAMESPACE/NAME, for example web/nginx"


def selection(options: Options) -> str | None:
    """How Services are selected, as on the command line; None: all are meant, or none."""
    if not options.services:
        return None
    written = [*map(_as_written, options.service_names)]
    written += [f"-n {','.join(options.namespaces)}"] if options.namespaces else []
    written += [f"-l {options.selector}"] if options.selector else []
    written += [f"--lb-class {found or repr('')}" for found in options.load_balancer_classes]
    return " ".join(written) or None


def _as_written(name: str) -> str:
    return name if "/" in name else f"svc/{name}"


# --------------------------------------------------------------------------------------------------- What fits no Service


def unfitting(objects: Objects, options: Options, *, judges: bool) -> tuple[str, ...]:
    """Sentences about each part of the selection that fits no Service, with names that are alike; else about all of it, if
    together they fit none. `judges`: an address is left that gets a verdict. Empty if Services could not be read."""
    whole = selection(options)
    if whole is None or objects.gap("services"):
        return ()
    wanted = [s for s in objects.services() if s.type == "LoadBalancer" or (options.external_ips and s.external_ips)]
    parts = tuple(_parts(objects, wanted, options))
    more = (f"{len(parts) - _MOST} more of the selection fit none",) if len(parts) > _MOST else ()
    return (*parts[:_MOST], *more) or (() if judges else (_nothing(whole),))


def _nothing(what: str, more: str = "") -> str:
    return f"no LoadBalancer Service was selected by {what}{f' ({more})' if more else ''}"


def _parts(objects: Objects, wanted: Sequence[Service], options: Options) -> Iterator[str]:
    for name in options.service_names:
        if not any(_is_named(service, (name,)) for service in wanted):
            yield _nothing(_as_written(name), _why_not(name, objects, wanted))
    inside = {service.namespace for service in wanted}
    for space in options.namespaces:
        if space not in inside:
            yield _nothing(f"-n {space}", alternatives(near(space, inside)))
    classes = {service.load_balancer_class or "" for service in wanted}
    for found in options.load_balancer_classes:
        if found not in classes:
            yield _nothing(f"--lb-class {found or repr('')}", alternatives(near(found, classes)))


def _why_not(name: str, objects: Objects, wanted: Sequence[Service]) -> str:
    """Its type if there is such a Service; else those that are alike."""
    if other := next((service for service in objects.services() if _is_named(service, (name,))), None):
        return f"{other.full_name} is of type {other.type or 'ClusterIP'}"
    alike = near(name, [service.full_name if "/" in name else service.name for service in wanted])
    last = name.rpartition("/")[2]
    found = [s.full_name for s in wanted if _is_named(s, alike)] or [s.full_name for s in wanted if s.name == last]
    return alternatives(found[:3])
