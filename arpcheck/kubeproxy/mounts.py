"""From the path of a file in a container to the ConfigMap and key that it is: volumeMounts, volumes, items, projections.

Rules: Kubernetes API reference, core/v1 VolumeMount, ConfigMapVolumeSource, ProjectedVolumeSource. Knows no content."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from arpcheck.objects import Object, at, items, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of one ConfigMap of the pod's namespace."""

    config_map: str
    key: str
    fixed: bool = False
    """Mounted by subPath: the file never changes in a pod that is there already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """The file is in no ConfigMap."""

    why: str


def file_at(path: str, container: Object, spec: Object) -> tuple[Key, ...] | Elsewhere:
    """The keys that the file at `path` may be, the likeliest first: with projections only the content can tell."""
    if not path.startswith("/"):
        return Elsewhere(why=f"{path[:100]} is relative to a directory that the API does not show")
    path = posixpath.normpath(path)
    mount = _mount(path, container)
    if mount is None:
        return Elsewhere(why=f"{path[:100]} is in the image, no volume is mounted there")
    below = posixpath.relpath(path, _mount_path(mount))
    sub_path = text(mount, "subPath")
    inside = posixpath.normpath(posixpath.join(sub_path, below))
    return _file_in(_volume(text(mount, "name"), spec), inside, fixed=bool(sub_path), path=path)


def _mount(path: str, container: Object) -> Object | None:
    found = [m for m in items(container, "volumeMounts") if _covers(_mount_path(m), path)]
    return max(found, key=lambda mount: len(_mount_path(mount)), default=None)


def _mount_path(mount: Object) -> str:
    written = text(mount, "mountPath")
    return posixpath.normpath(written) if written.startswith("/") else ""


def _covers(directory: str, path: str) -> bool:
    return bool(directory) and (path == directory or path.startswith(directory.rstrip("/") + "/"))


def _volume(name: str, spec: Object) -> Object:
    return next((volume for volume in items(spec, "volumes") if name and text(volume, "name") == name), {})


def _file_in(volume: Object, inside: str, *, fixed: bool, path: str) -> tuple[Key, ...] | Elsewhere:
    if host_path := text(volume, "hostPath", "path"):
        return Elsewhere(why=f"{posixpath.join(host_path, inside)[:100]} is a file on the node")
    sources = [at(volume, "configMap"), *(at(source, "configMap") for source in items(volume, "projected", "sources"))]
    keys = [Key(config_map=name, key=key, fixed=fixed) for source in sources for name, key in _keys(source, inside)]
    return tuple(keys) or Elsewhere(why=f"{path[:100]} comes from no ConfigMap that is mounted there")


def _keys(source: object, inside: str) -> Iterator[tuple[str, str]]:
    if not (config_map := text(source, "name")):
        return
    if not (projected := items(source, "items")):
        yield config_map, inside
    for item in projected:
        if posixpath.normpath(text(item, "path")) == inside:
            yield config_map, text(item, "key")
