"""A ConfigMap as it was, in a file of its own, and the command that puts it back."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from arpcheck.errors import OutputError
from arpcheck.objects import Object, name, namespace, text

_OF_THE_SERVER = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink")
"""Of metadata: the server writes them, and would refuse or ignore them."""
_MOST = 1000


def check_folder(folder: str) -> None:
    """Raises OutputError before anything is changed."""
    if not os.path.isdir(folder):
        raise OutputError(f"--backup-dir {folder}: there is no such folder", "Make it, or name another")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"--backup-dir {folder}: no right to write in it", "Name another folder")


def save(config_map: Object, folder: str) -> Path:
    """Writes a new file that its owner alone may read, and returns its path; no file that is there is touched."""
    metadata = {key: value for key, value in config_map["metadata"].items() if key not in _OF_THE_SERVER}
    kept = {"apiVersion": "v1", "kind": "ConfigMap", **config_map, "metadata": metadata}
    handle, path = _new_file(config_map, folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps(kept, indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OutputError(f"can't write {path}: {error.strerror}") from None
    return path


def _new_file(config_map: Object, folder: str) -> tuple[int, Path]:
    version = text(config_map, "metadata", "resourceVersion")
    stem = "".join(char if char.isalnum() or char in "-." else "_" for char in f"{name(config_map)}-{version}")[:200]
    for number in range(1, _MOST):
        path = Path(folder) / (f"configmap-{stem}.json" if number == 1 else f"configmap-{stem}.{number}.json")
        try:
            return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600), path
        except FileExistsError:
            continue
        except OSError as error:
            raise OutputError(f"can't write {path}: {error.strerror}") from None
    raise OutputError(f"--backup-dir {folder}: {_MOST} backups of it are there already", "Name another folder")


def put_back(path: Path, config_map: Object, daemon_sets: Sequence[Object], how: Sequence[str]) -> str:
    """The command; `how`: further options of kubectl."""

    def kubectl(of: Object, *words: str) -> str:
        return shlex.join(("kubectl", *how, "-n", namespace(of), *words))

    restarts = (kubectl(one, "rollout", "restart", "daemonset", name(one)) for one in daemon_sets)
    return " && ".join((kubectl(config_map, "replace", "-f", str(path)), *restarts))
