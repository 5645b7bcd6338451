"""What a pod's volumes and variables hold: ConfigMaps, projected tokens, the downward API, empty folders."""

from __future__ import annotations

import base64
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apiserver.store import Store

from arpcheck.lab.api_objects import Object
from arpcheck.objects import at, items, mapping, namespace, text

TOKEN_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"
TOKEN_VOLUME = "kube-api-access"


class NotReadyError(Exception):
    """The container can't start yet. `reason`: of its waiting state, or of the event."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    store: Store
    token: Callable[[Object], str]
    """A new token for the account of a pod."""
    endpoint: Callable[[], tuple[str, int, str]]
    """Where a pod on this node reaches the API server, and the certificate of its authority in PEM."""
    network: str
    folder: Path
    """Of the pod's volumes."""


def automounts(store: Store, pod: Object) -> bool:
    """The pod's word counts more than that of its account (plugin/pkg/admission/serviceaccount)."""
    account = store.find("serviceaccounts", namespace(pod), text(pod, "spec", "serviceAccountName"))
    for said in (at(pod, "spec", "automountServiceAccountToken"), at(account, "automountServiceAccountToken")):
        if isinstance(said, bool):
            return said
    return True


def fill(pod: Object, sources: Sources, uid: int) -> dict[str, Path]:
    """The folder of every volume, by name. Raises NotReadyError where an object that one needs is missing."""
    found = {}
    for volume in items(pod, "spec", "volumes"):
        called = text(volume, "name")
        if path := text(volume, "hostPath", "path"):
            found[called] = Path(path)
            continue
        found[called] = sources.folder / called
        _write(found[called], _contents(volume, pod, sources), uid if at(volume, "projected") else 0)
    if automounts(sources.store, pod):
        found[TOKEN_VOLUME] = sources.folder / TOKEN_VOLUME
        _write(found[TOKEN_VOLUME], _token_files(pod, sources), uid)
    return found


def _token_files(pod: Object, sources: Sources) -> dict[str, bytes]:
    files = {"token": sources.token(pod), "ca.crt": sources.endpoint()[2], "namespace": namespace(pod)}
    return {key: value.encode() for key, value in files.items()}


def _contents(volume: Any, pod: Object, sources: Sources) -> dict[str, bytes] | None:
    """None: empty, and the container may write to it."""
    if at(volume, "emptyDir") is not None:
        return None
    found: dict[str, bytes] = {}
    for source in (volume, *items(volume, "projected", "sources")):
        for kind, resource, key in (("configMap", "configmaps", "name"), ("secret", "secrets", "secretName")):
            if at(source, kind) is not None:
                called = text(source, kind, key) or text(source, kind, "name")
                found |= _keys(sources.store.find(resource, namespace(pod), called), at(source, kind), called, kind)
        for item in items(source, "downwardAPI", "items"):
            found[text(item, "path")] = field(pod, text(item, "fieldRef", "fieldPath")).encode()
        if at(source, "serviceAccountToken") is not None:
            found[text(source, "serviceAccountToken", "path")] = sources.token(pod).encode()
    return found


def _keys(obj: Object | None, source: Any, called: str, kind: str) -> dict[str, bytes]:
    if obj is None:
        if at(source, "optional") is True:
            return {}
        what = "configmap" if kind == "configMap" else "secret"
        raise NotReadyError("FailedMount", f'MountVolume.SetUp failed for volume: {what} "{called}" not found')
    encoded = "binaryData" if kind == "configMap" else "data"
    found = {key: base64.b64decode(value) for key, value in mapping(obj, encoded).items()}
    if kind == "configMap":
        found |= {key: value.encode() for key, value in mapping(obj, "data").items()}
    if chosen := items(source, "items"):
        missing = [text(item, "key") for item in chosen if text(item, "key") not in found]
        if missing:
            raise NotReadyError("FailedMount", f"references non-existent config key: {missing[0]}")
        return {text(item, "path"): found[text(item, "key")] for item in chosen}
    return found


def _write(folder: Path, files: Mapping[str, bytes] | None, uid: int) -> None:
    """Links through `..data`, as the kubelet's AtomicWriter makes them, so that all change at once."""
    folder.mkdir(parents=True, exist_ok=True)
    if files is None:
        folder.chmod(0o777)
        return
    current = folder / f"..{time.time_ns()}"
    current.mkdir()
    for key, content in files.items():
        path = current / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o600 if uid else 0o644)
        os.chown(path, uid, -1)
        top = folder / Path(key).parts[0]
        if not top.is_symlink():
            top.symlink_to(Path("..data") / Path(key).parts[0])
    swapped = folder / "..data_tmp"
    swapped.symlink_to(current.name)
    swapped.rename(folder / "..data")


# ------------------------------------------------------------------------------------------------------------- Variables


def field(pod: Object, path: str) -> str:
    """A field of the downward API."""
    if match := re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path):
        return mapping(pod, "metadata", match[1]).get(match[2], "")
    if path not in ("metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP",
                    "status.podIP", "status.podIPs", "status.hostIPs"):  # fmt: skip
        raise NotReadyError("CreateContainerConfigError", f"unsupported fieldPath: {path}")
    return text(pod, *path.split("."))


def variables(pod: Object, container: Any, store: Store, given: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The environment that the manifest gives, on top of what is given."""
    found = dict(given)
    for entry in items(container, "env"):
        source = at(entry, "valueFrom")
        if path := text(source, "fieldRef", "fieldPath"):
            found[text(entry, "name")] = field(pod, path)
        elif reference := at(source, "configMapKeyRef"):
            called = text(reference, "name")
            obj = store.find("configmaps", namespace(pod), called)
            if obj is None:
                raise NotReadyError("CreateContainerConfigError", f'configmap "{called}" not found')
            found[text(entry, "name")] = mapping(obj, "data").get(text(reference, "key"), "")
        else:
            found[text(entry, "name")] = expanded(text(entry, "value"), found)
    return found


def expanded(value: str, known: Mapping[str, str]) -> str:
    """`$(NAME)` of a variable that is known, `$$` for one `$` (third_party/forked/golang/expansion)."""
    return re.sub(r"\$(\$|\(([^)]*)\))", lambda m: "$" if m[1] == "$" else known.get(m[2], m[0]), value)
