"""The kubeconfig as kubectl reads it: one context of one or several files, with its cluster and its user.

The client merges files too, but lets the last current-context win where kubectl lets the first, and quotes whole
entries, tokens included, in its errors. Nothing here says a value of an entry."""

from __future__ import annotations

import base64
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from arpcheck.cluster.document import MalformedError
from arpcheck.cluster.yaml_text import parse
from arpcheck.errors import ClusterError

_log = logging.getLogger(__name__)

SIZE = 32 << 20
"""Octets of one file. Those of the largest fleets have some thousand contexts of 5 KiB."""

_CLUSTER_TEXTS = ("server", "certificate-authority", "certificate-authority-data", "tls-server-name", "proxy-url")
_USER_TEXTS = (
    "token", "tokenFile", "username", "password", "client-certificate", "client-certificate-data",
    "client-key", "client-key-data", "as", "as-uid",
)  # fmt: skip
_PATHS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


class UnreadableError(ClusterError):
    """A kubeconfig that this user may not read, or that is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """A context, resolved. Paths are absolute."""

    name: str
    cluster: Mapping[str, Any] = field(repr=False)
    """`server`, which has no credentials in it, and whatever of the known keys has the right type."""
    user: Mapping[str, Any] = field(repr=False)
    directory: Path
    """Of the file that has the user: a relative login plug-in is looked for there."""

    @property
    def server(self) -> str:
        return str(self.cluster["server"])


@dataclass(frozen=True, slots=True)
class _Entry:
    value: Mapping[str, Any]
    directory: Path


@dataclass(frozen=True, slots=True)
class _Merged:
    current: str
    contexts: Mapping[str, _Entry]
    clusters: Mapping[str, _Entry]
    users: Mapping[str, _Entry]
    where: str


def load(explicit: str | None, context: str | None, environ: Mapping[str, str]) -> Context | None:
    """The context `context`, else the current one. None where none was named and there is none, which is no error in a
    pod. ClusterError where there is one that can't be used."""
    paths = _paths(explicit, environ)
    if not paths and not context:
        return None
    merged = _merge(paths)
    chosen = context or merged.current
    if not merged.contexts and not chosen and not explicit:
        return None
    if not chosen:
        raise ClusterError(f"{merged.where}: no current-context in it", f"Name one with --context: {_known(merged)}")
    if chosen not in merged.contexts:
        raise ClusterError(f"{merged.where or 'kubeconfig'}: no context {chosen!r}", f"It has: {_known(merged)}")
    return _resolve(merged, chosen)


def contexts(explicit: str | None, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The names of all contexts, sorted. ClusterError for a kubeconfig that can't be read."""
    return tuple(sorted(_merge(_paths(explicit, environ)).contexts))


def embedded(context: Context, may_read: Callable[[Path], bool] = lambda _: True) -> Context:
    """The same with the files that it names in it, so that nothing has to be read again; those that `may_read` refuses
    stay named, for whoever reads them later. ClusterError for one that can't be read."""
    return replace(context, cluster=_embedded(context.cluster, may_read), user=_embedded(context.user, may_read))


def _embedded(entry: Mapping[str, Any], may_read: Callable[[Path], bool]) -> dict[str, Any]:
    found = {key: value for key, value in entry.items() if key not in _PATHS}
    for key in _PATHS:
        if key in entry and f"{key}-data" not in found:
            if not may_read(Path(entry[key])):
                found[key] = entry[key]
                continue
            if key == "tokenFile":
                found["token"] = token_in_file(entry)
            else:
                found[f"{key}-data"] = base64.b64encode(_content(Path(entry[key]))).decode()
    return found


def material(entry: Mapping[str, Any], key: str) -> bytes | None:
    """A certificate or a key of an entry: the data in it, else the file that it names. None where it has neither.
    ClusterError for what can't be read."""
    if data := entry.get(f"{key}-data"):
        try:
            return base64.b64decode("".join(data.split()), validate=True)
        except ValueError:
            raise ClusterError(f"{key}-data in the kubeconfig is not base64", "Take it as kubectl wrote it") from None
    return _content(Path(entry[key])) if key in entry else None


def token_in_file(user: Mapping[str, Any]) -> str | None:
    """ClusterError for a file that can't be read."""
    return _content(Path(user["tokenFile"])).decode("latin-1").strip() if "tokenFile" in user else None


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(SIZE)
    except OSError as error:
        raise ClusterError(f"{path}: {error.strerror or type(error).__name__}") from None


def _paths(explicit: str | None, environ: Mapping[str, str]) -> list[Path]:
    """An explicit one must exist; of the others, those that do (client-go tools/clientcmd/loader.go)."""
    if explicit:
        return [Path(explicit).expanduser()]
    if listed := environ.get("KUBECONFIG"):
        found = [Path(path) for path in listed.split(os.pathsep) if path]
    else:
        found = [Path(environ.get("HOME") or "~").expanduser() / ".kube" / "config"]
    return [path for path in dict.fromkeys(found) if path.exists()]


def _known(merged: _Merged) -> str:
    names = [repr(name) for name in sorted(merged.contexts)]
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "") if names else "none"


# ------------------------------------------------------------------------------------------------------------ merging


def _merge(paths: Iterable[Path]) -> _Merged:
    """The first file that names an entry, or a current context, wins."""
    current = ""
    merged: dict[str, dict[str, _Entry]] = {"contexts": {}, "clusters": {}, "users": {}}
    for path in (paths := list(paths)):
        found = _read(path)
        _log.info("read %s", path)
        current = current or _text(found.get("current-context"))
        for kind, entries in merged.items():
            for name, value in _named(found.get(kind), kind.removesuffix("s")):
                entries.setdefault(name, _Entry(value, path.absolute().parent))
    return _Merged(current, merged["contexts"], merged["clusters"], merged["users"], ", ".join(map(str, paths)))


def _read(path: Path) -> Mapping[str, Any]:
    hint = "Name another with --kubeconfig, or read a file with --cluster-file"
    try:
        with path.open("rb") as file:
            content = file.read(SIZE + 1)
        documents = parse(content) if content.strip() else []
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror or type(error).__name__}", hint) from None
    except MalformedError as error:
        raise ClusterError(f"{path}:{error.line}: not a kubeconfig", hint) from None
    if len(content) > SIZE or len(documents) > 1 or any(not isinstance(doc.value, dict) for doc in documents):
        raise ClusterError(f"{path}: not a kubeconfig", hint)
    return documents[0].value if documents else {}


def _named(entries: Any, kind: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and (name := _text(entry.get("name"))):
            value = entry.get(kind)
            yield name, value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


# ---------------------------------------------------------------------------------------------------------- resolving


def _resolve(merged: _Merged, name: str) -> Context:
    context = merged.contexts[name].value
    cluster = merged.clusters.get(_text(context.get("cluster")))
    user_name = _text(context.get("user"))
    if cluster is None:
        raise ClusterError(f"{merged.where}: context {name!r} names a cluster that is not in it")
    if user_name and user_name not in merged.users:
        raise ClusterError(f"{merged.where}: context {name!r} names a user that is not in it")
    user = merged.users.get(user_name, _Entry({}, Path.cwd()))
    found = Context(name=name, cluster=_cluster(cluster), user=_user(user), directory=user.directory)
    _check(merged.where, found)
    return found


def _cluster(entry: _Entry) -> dict[str, Any]:
    found = _texts(entry, _CLUSTER_TEXTS)
    server = found.setdefault("server", "")
    if server and "://" not in server:  # client-go rest/url_utils.go, DefaultServerURL
        server = f"{'https' if 'certificate-authority' in ' '.join(found) else 'http'}://{server}"
    found["server"] = _bare(server)
    if entry.value.get("insecure-skip-tls-verify") is True:
        found["insecure-skip-tls-verify"] = True
    return found


def _bare(server: str) -> str:
    """Without user, password and query, which nothing sends and which must not be shown."""
    try:
        url = urlsplit(server)
    except ValueError:
        return ""
    return url._replace(netloc=url.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _user(entry: _Entry) -> dict[str, Any]:
    found = _texts(entry, _USER_TEXTS)
    if "tokenFile" in found:
        found.pop("token", None)  # the client has it the other way round than client-go
    for key in ("exec", "auth-provider", "as-user-extra"):
        if isinstance(entry.value.get(key), dict):
            found[key] = entry.value[key]
    if isinstance(entry.value.get("as-groups"), list):
        found["as-groups"] = [group for group in entry.value["as-groups"] if isinstance(group, str)]
    return found


def _texts(entry: _Entry, keys: Iterable[str]) -> dict[str, Any]:
    found = {key: value for key in keys if (value := _text(entry.value.get(key)))}
    for key in _PATHS:
        if key in found:
            found[key] = str(entry.directory / found[key])
    return found


def _check(where: str, context: Context) -> None:
    try:
        url = urlsplit(context.server)
        usable = url.scheme in ("http", "https") and url.hostname and (url.port or True)
    except ValueError:
        usable = False
    if not usable:
        raise ClusterError(f"{where}: the cluster of context {context.name!r} has no server that is a URL")
    for entry in (context.cluster, context.user):
        for key in _PATHS:
            if key in entry and f"{key}-data" not in entry and not _readable(entry[key]):
                raise ClusterError(f"{where}: {key} of context {context.name!r} can't be read: {entry[key]}")


def _readable(path: str) -> bool:
    try:
        return os.access(path, os.R_OK)
    except ValueError:  # a NUL in it
        return False
