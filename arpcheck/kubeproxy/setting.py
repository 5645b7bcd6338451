"""What one kube-proxy is configured to do, and where that is written: its flags, or a key of a ConfigMap.

Joins workload, flags, mounts and configuration. Knows no node, no version and no time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arpcheck.kubeproxy import flags, mounts
from arpcheck.kubeproxy.notes import Note, Oddity, has
from arpcheck.kubeproxy.workload import SYSTEM, Workload, daemon_sets
from arpcheck.objects import Object, Objects, full_name, mapping, name, namespace, texts

if TYPE_CHECKING:
    from arpcheck.kubeproxy.config import Configuration

CONFIG_MAPS = "configmaps"

_MOST_OTHERS = 4
"""More keys than that are not looked through for a hint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A key of a ConfigMap."""

    namespace: str
    config_map: str
    key: str
    fixed: bool = False
    """Mounted by subPath."""

    @property
    def title(self) -> str:
        return f"configmap {self.namespace}/{self.config_map}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """As configured, before it is known which version reads it."""

    mode: str | None
    """As written, `""` where it is left to the version; None where it can't be told."""
    strict_arp: bool | None
    source: str | None
    notes: tuple[Note, ...] = ()
    place: Place | None = None
    """None where it is in no ConfigMap."""
    proven: bool = False
    """`mode` is no word of a configuration but what was found to run, or not to run, in kube-proxy's place."""


def setting(workload: Workload, objects: Objects) -> Setting:
    container = workload.container
    given = flags.read(texts(container, "command"), texts(container, "args"))
    if given.config is None:
        doubt = Note(f"--config of {workload.title} is a variable that the API does not show", Oddity.UNREADABLE)
        return Setting(mode=None, strict_arp=None, source=None, notes=given.notes or (doubt,))
    if not given.config:
        return _by_flags(given, workload)
    ignored = _ignored(given, workload)
    found = mounts.file_at(given.config, workload.container, workload.spec)
    if isinstance(found, mounts.Elsewhere):
        doubt = Note(f"--config of {workload.title} is not in the API: {found.why}", Oddity.UNREAD)
        return Setting(mode=None, strict_arp=None, source=None, notes=(doubt, *ignored))
    return _by_config_map(found, namespace(workload.obj) or SYSTEM, ignored, objects)


def place(objects: Objects) -> Place | None:
    """The one key of the one ConfigMap that the cluster's DaemonSet reads; None where there is none, or several."""
    found = {setting(workload, objects).place for workload in daemon_sets(objects)}
    return found.pop() if len(found) == 1 else None


def _by_flags(given: flags.Flags, workload: Workload) -> Setting:
    notes = given.notes
    if given.mode is None and not has(notes, Oddity.OPAQUE):
        doubt = Note(f"--{flags.MODE} of {workload.title} is a variable that the API does not show", Oddity.UNREADABLE)
        notes = (doubt, *notes)
    return Setting(mode=given.mode, strict_arp=given.strict_arp, source=f"args of {workload.title}", notes=notes)


def _ignored(given: flags.Flags, workload: Workload) -> tuple[Note, ...]:
    if not given.given:
        return ()
    which = " ".join(given.given)
    return (Note(f"{workload.title} is given {which}, which --config overrides", Oddity.FLAGS_IGNORED),)


# --------------------------------------------------------------------------------------------------- in a ConfigMap


def _by_config_map(keys: Sequence[mounts.Key], space: str, more: tuple[Note, ...], objects: Objects) -> Setting:
    places = [Place(namespace=space, config_map=key.config_map, key=key.key, fixed=key.fixed) for key in keys]
    for where in places:
        if (written := _text(where, objects)) is not None:
            found = _configuration(where, written, objects)
            notes = (*found.notes, *_misplaced(where, found, objects), *more)
            return Setting(mode=found.mode, strict_arp=found.strict_arp, source=where.title, notes=notes, place=where)
    missing = _missing(places[0], objects)
    return Setting(mode=None, strict_arp=None, source=None, notes=(missing, *more), place=places[0])


def _text(where: Place, objects: Objects) -> str | None:
    found = config_map(where, objects)
    return None if found is None else mapping(found, "data").get(where.key)


def config_map(where: Place, objects: Objects) -> Object | None:
    return next(iter(objects.by(CONFIG_MAPS, full_name).get(f"{where.namespace}/{where.config_map}", ())), None)


def _configuration(where: Place, written: str, objects: Objects) -> Configuration:
    from arpcheck.kubeproxy import config

    return objects.memo(("kube-proxy configuration", where.title, where.key), lambda: config.read(written))


def _missing(where: Place, objects: Objects) -> Note:
    if config_map(where, objects) is not None:
        return Note(f"{where.title} has no key {where.key[:60]}: kube-proxy finds no file and exits", Oddity.REFUSED)
    if gap := objects.gap(CONFIG_MAPS):
        return Note(f"{where.title} could not be read: {gap.why}", Oddity.UNREAD)
    return Note(f"{where.title} was not found", Oddity.UNREAD)


def _misplaced(where: Place, found: Configuration, objects: Objects) -> tuple[Note, ...]:
    """Another mounted ConfigMap or key in which somebody has set strictARP, while this one is read and has it not."""
    if found.strict_arp is not False:
        return ()
    read = f"kube-proxy reads {where.title}, key {where.key[:60]}"
    return tuple(
        Note(f"{other.title}, key {other.key[:60]}, has strictARP: true, but {read}", Oddity.MISPLACED)
        for other, written in _others(where, objects)[:_MOST_OTHERS]
        if _configuration(other, written, objects).strict_arp
    )


def _others(where: Place, objects: Objects) -> list[tuple[Place, str]]:
    found = [
        (Place(namespace=namespace(obj), config_map=name(obj), key=key), written)
        for obj in sorted(objects.of(CONFIG_MAPS), key=full_name)
        for key, written in sorted(mapping(obj, "data").items())
        if "strictARP" in written
    ]
    return [(one, written) for one, written in found if (one.title, one.key) != (where.title, where.key)]
