"""Reads a kubeconfig as kubectl does: one context with its cluster and its user, from one or several files.

The Python client also merges files, but uses the last current-context where kubectl uses the first, and its errors quote
entries with tokens. No message of this module contains a value of an entry."""

from __future__ import annotations

import base64
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from arpcheck.cluster.overrides import Overrides
from arpcheck.cluster.parse import MalformedError, parse
from arpcheck.errors import ClusterError, did_you_mean

_log = logging.getLogger(__name__)

SIZE = 32 << 20
"""Maximum bytes of one file. The largest fleets have some thousand contexts of 5 KiB each."""

_CLUSTER_TEXTS = ("server", "certificate-authority", "certificate-authority-data", "tls-server-name", "proxy-url")
_USER_TEXTS = (
    "token", "tokenFile", "username", "password", "client-certificate", "client-certificate-data",
    "client-key", "client-key-data", "as", "as-uid",
)  # fmt: skip
_PATHS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


class UnreadableError(ClusterError):
    """A kubeconfig that can't be read. `denied`: this user may not read it; else it does not exist or is a directory."""

    def __init__(self, message: str, hint: str = "", *, denied: bool = False) -> None:
        super().__init__(message, hint)
        self.denied = denied


class NotAKubeconfigError(ClusterError):
    """A file that is not a kubeconfig, or a kubeconfig without a context."""


class NotPreloaded(Enum):
    """Why root did not read the kubeconfig that the user who called sudo named."""

    NOT_ROOTS = "not root's"
    """Users other than root may have written it, or it does not exist, or it is not a kubeconfig. The user is not told
    which."""
    PLUGIN = "plug-in"
    """It has a login plug-in, which would run as that user and expose its environment (/proc/PID/environ)."""
    OVERRIDDEN = "overridden"
    """The user named another server, authority or account, to which its credentials would be sent."""


def expanded(path: str) -> Path:
    """Expands `~`. Raises ClusterError if there is no such home directory."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ClusterError(f"--kubeconfig {path}: no such home directory", "Use an absolute path") from None


def absolute(path: Path) -> Path:
    """Raises ClusterError for a relative path if the current directory no longer exists."""
    try:
        return path.absolute()
    except OSError as error:
        hint = "The current directory no longer exists: change to another one, or use an absolute path"
        raise ClusterError(f"{path}: {error.strerror}", hint) from None


def read_plainly(path: Path, most: int) -> bytes:
    """Reads the first `most` bytes of a file of any kind. Raises OSError."""
    with path.open("rb") as file:
        return file.read(most)


Read = Callable[[Path, int], bytes]
"""A function like `read_plainly`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """A context with its cluster and user. Paths are absolute."""

    name: str
    cluster: Mapping[str, Any] = field(repr=False)
    """`server`, without credentials, and those known keys that have the right type."""
    user: Mapping[str, Any] = field(repr=False)
    directory: Path
    """Directory of the file with the user entry; a relative plug-in path starts there."""
    account: str = "the options of the command line"
    """Where it comes from, for messages: `kubeconfig FILE`."""

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


NO_CONTEXT = "no-context"
"""The name of a context that the command line makes: a server without a kubeconfig."""


def load(
    explicit: str | None, context: str | None, environ: Mapping[str, str], read: Read = read_plainly,
    overrides: Overrides | None = None,
) -> Context | None:  # fmt: skip
    """Loads the context `context`, else the current one. None if none was named and there is no kubeconfig, as in a pod.
    Raises ClusterError for an unusable context; UnreadableError or NotAKubeconfigError for an unusable file."""
    overrides = overrides or Overrides()
    if read is read_plainly:
        overrides.check()
    paths = _paths(explicit, environ)
    if not paths and not context:
        return _of_the_command_line(overrides)
    merged = _merge(paths, read)
    chosen = context or merged.current
    if not merged.contexts and not chosen and not explicit:
        return _of_the_command_line(overrides)
    error = ClusterError if merged.contexts else NotAKubeconfigError
    if not chosen:
        raise error(f"{merged.where}: no current-context is set", f"Select one with --context: {_known(merged.contexts)}")
    if chosen not in merged.contexts:
        hint = did_you_mean(chosen, merged.contexts, f"Contexts: {_known(merged.contexts)}")
        raise error(f"{merged.where or 'kubeconfig'}: no context named {chosen!r}", hint)
    for path in paths:
        _log.info("read %s", path)
    found = _resolve(merged, chosen, overrides)
    _check_context(merged.where, found, overrides)
    if read is read_plainly:
        _check_files(merged.where, found)
    return found


def names(kind: str, explicit: str | None, environ: Mapping[str, str]) -> tuple[str, ...]:
    """All names of a kind (`contexts`, `clusters`, `users`), sorted. Raises ClusterError for an unreadable kubeconfig."""
    merged = _merge(_paths(explicit, environ), read_plainly)
    found = {"contexts": merged.contexts, "clusters": merged.clusters, "users": merged.users}
    return tuple(sorted(found[kind]))


def embedded(context: Context, read: Read = read_plainly) -> Context:
    """Returns the context with the content of the files that it names, so that nothing is read again. Files that `read`
    can't read stay named and are read later."""
    return replace(context, cluster=_embedded(context.cluster, read), user=_embedded(context.user, read))


def _embedded(entry: Mapping[str, Any], read: Read) -> dict[str, Any]:
    found = {key: value for key, value in entry.items() if key not in _PATHS}
    for key in _PATHS:
        if key in entry and f"{key}-data" not in found:
            try:
                content = read(Path(entry[key]), SIZE)
            except (OSError, ValueError):
                found[key] = entry[key]
                continue
            if key == "tokenFile":
                found["token"] = _token(content)
            else:
                found[f"{key}-data"] = base64.b64encode(content).decode()
    return found


def material(entry: Mapping[str, Any], key: str) -> bytes | None:
    """A certificate or a key of an entry: its inline data, else the content of the file that it names. None if it has
    neither. Raises ClusterError if it can't be read."""
    if data := entry.get(f"{key}-data"):
        try:
            return base64.b64decode("".join(data.split()), validate=True)
        except ValueError:
            raise ClusterError(
                f"{key}-data in the kubeconfig is not valid base64", "Copy it again from the original kubeconfig"
            ) from None
    return _content(Path(entry[key])) if key in entry else None


def token_in_file(user: Mapping[str, Any]) -> str | None:
    """Raises ClusterError if the file can't be read."""
    return _token(_content(Path(user["tokenFile"]))) if "tokenFile" in user else None


def _token(content: bytes) -> str:
    return content.decode("latin-1").strip()


def _content(path: Path) -> bytes:
    try:
        return read_plainly(path, SIZE)
    except (OSError, ValueError) as error:
        raise ClusterError(f"{path}: {getattr(error, 'strerror', None) or 'not a path'}") from None


def _paths(explicit: str | None, environ: Mapping[str, str]) -> list[Path]:
    """An explicit file must exist; of the default ones, those that exist (client-go tools/clientcmd/loader.go)."""
    if explicit:
        return [expanded(explicit)]
    if listed := environ.get("KUBECONFIG"):
        found = [Path(path) for path in listed.split(os.pathsep) if path]
    else:
        found = [home / ".kube" / "config" for home in _home(environ)]
    return [path for path in dict.fromkeys(found) if _may_exist(path)]


def _home(environ: Mapping[str, str]) -> Iterable[Path]:
    """Yields nothing if neither the environment nor the user database has a home, as in a pod with an arbitrary uid."""
    try:
        yield Path(environ.get("HOME") or "~").expanduser()
    except RuntimeError:
        return


def _may_exist(path: Path) -> bool:
    """Only a missing file is skipped, as in kubectl. A path that can't be checked is read, which reports its error."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _known(entries: Iterable[str]) -> str:
    names = [repr(name) for name in sorted(entries)]
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "") if names else "none"


# ------------------------------------------------------------------------------------------------------------------ Merging


def _merge(paths: Iterable[Path], read: Read) -> _Merged:
    """The first file that has an entry, or a current-context, wins."""
    current = ""
    merged: dict[str, dict[str, _Entry]] = {"contexts": {}, "clusters": {}, "users": {}}
    for path in (paths := list(paths)):
        found = _document(path, read)
        current = current or _text_value(found.get("current-context"))
        for kind, entries in merged.items():
            for name, value in _named(found.get(kind), kind.removesuffix("s")):
                entries.setdefault(name, _Entry(value, absolute(path).parent))
    return _Merged(current, merged["contexts"], merged["clusters"], merged["users"], ", ".join(map(str, paths)))


def _document(path: Path, read: Read) -> Mapping[str, Any]:
    hint = "Select another with --kubeconfig, or read a file with --cluster-file"
    try:
        content = read(path, SIZE + 1)
        documents = parse(content) if content.strip() else []
    except OSError as error:
        denied = isinstance(error, PermissionError)
        raise UnreadableError(f"{path}: {error.strerror or type(error).__name__}", hint, denied=denied) from None
    except MalformedError as error:
        raise NotAKubeconfigError(f"{path}:{error.line}: not a kubeconfig", hint) from None
    if len(content) > SIZE or len(documents) > 1 or any(not isinstance(doc.value, dict) for doc in documents):
        raise NotAKubeconfigError(f"{path}: not a kubeconfig", hint)
    return documents[0].value if documents else {}


def _named(entries: Any, kind: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and (name := _text_value(entry.get("name"))):
            value = entry.get(kind)
            yield name, value if isinstance(value, dict) else {}


def _text_value(value: Any) -> str:
    return value if isinstance(value, str) else ""


# ------------------------------------------------------------------------------------------------------ Resolving a context


def _of_the_command_line(overrides: Overrides) -> Context | None:
    """The server that --server names, if there is no kubeconfig. Raises ClusterError for options without effect."""
    if not overrides.server:
        if overrides.moves_credentials:
            hint = "Name one with --kubeconfig, or the server with --server"
            raise ClusterError("there is no kubeconfig that the options for the server and the account could change", hint)
        return None
    here = absolute(Path())
    cluster, user = _Entry(overrides.of_cluster({}), here), _Entry(overrides.of_user({}), here)
    made = Context(name=NO_CONTEXT, cluster=_cluster(cluster), user=_user(user), directory=here)
    _check_context("", made, overrides)
    return made


def _resolve(merged: _Merged, name: str, overrides: Overrides) -> Context:
    context = merged.contexts[name].value
    for option, wanted, known in (
        ("--cluster", overrides.cluster, merged.clusters), ("--user", overrides.user, merged.users),
    ):  # fmt: skip
        if wanted is not None and wanted not in known:
            hint = did_you_mean(wanted, known, f"It has {_known(known)}")
            raise ClusterError(f"{merged.where}: nothing is called {wanted!r} for {option}", hint)
    cluster = merged.clusters.get(overrides.cluster or _text_value(context.get("cluster")))
    user_name = overrides.user or _text_value(context.get("user"))
    hint = f"Mend it, or use another context: {_known(merged.contexts)}"
    if cluster is None:
        raise ClusterError(f"{merged.where}: context {name!r} refers to a cluster that is not in the kubeconfig", hint)
    if user_name and user_name not in merged.users:
        raise ClusterError(f"{merged.where}: context {name!r} refers to a user that is not in the kubeconfig", hint)
    user = merged.users.get(user_name, _Entry({}, cluster.directory))
    cluster = replace(cluster, value=overrides.of_cluster(cluster.value))
    user = replace(user, value=overrides.of_user(user.value))
    return Context(
        name=name, cluster=_cluster(cluster), user=_user(user), directory=user.directory,
        account=f"kubeconfig {merged.where}",
    )  # fmt: skip


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
    """Without user, password and query, which are never sent and must not be shown."""
    try:
        url = urlsplit(server)
    except ValueError:
        return ""
    return url._replace(netloc=url.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _user(entry: _Entry) -> dict[str, Any]:
    found = _texts(entry, _USER_TEXTS)
    if "tokenFile" in found:
        found.pop("token", None)  # as in client-go; the Python client prefers token
    for key in ("exec", "auth-provider", "as-user-extra"):
        if isinstance(entry.value.get(key), dict):
            found[key] = entry.value[key]
    if isinstance(entry.value.get("as-groups"), list):
        found["as-groups"] = [group for group in entry.value["as-groups"] if isinstance(group, str)]
    return found


def _texts(entry: _Entry, keys: Iterable[str]) -> dict[str, Any]:
    found = {key: value for key in keys if (value := _text_value(entry.value.get(key)))}
    for key in _PATHS:
        if key in found:
            found[key] = str(entry.directory / found[key])
    return found


def _check_context(where: str, context: Context, overrides: Overrides) -> None:
    try:
        url = urlsplit(context.server)
        usable = url.scheme in ("http", "https") and url.hostname and (url.port or True)
    except ValueError:
        usable = False
    if not usable:
        hint = "Write it like https://10.0.0.1:6443"
        if overrides.server:
            raise ClusterError(f"--server {_bare(overrides.server)[:200]!r} is not an http or https URL", hint)
        what = f"{where}: the cluster of context {context.name!r} has no http or https URL as its server"
        raise ClusterError(what, hint)


def _check_files(where: str, context: Context) -> None:
    """Only for the default reader; other readers check files by themselves."""
    for entry in (context.cluster, context.user):
        for key in _PATHS:
            if key in entry and f"{key}-data" not in entry and not _readable(entry[key]):
                what = f"{where}: cannot read the {key} of context {context.name!r}: {entry[key]}"
                raise ClusterError(what, "Name a file that exists and that you may read")


def _readable(path: str) -> bool:
    try:
        return os.access(path, os.R_OK)
    except ValueError:  # the path contains a NUL
        return False
