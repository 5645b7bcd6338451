"""Whose say a path is: root's alone, or somebody else's who could put another file, or a link, in its place."""

from __future__ import annotations

import os
import stat
from pathlib import Path

LINKS = 40
"""As many as Linux follows (namei(7), MAXSYMLINKS)."""


def not_roots(path: Path) -> str:
    """Why others than root have a say in what is at this absolute path; empty: nobody else has.

    Every folder on the way, every link in them and what they lead to are looked at, not only where it ends: who can write
    to a folder chooses where a link in it leads."""
    waiting, at, links = list(reversed(path.parts[1:])), Path(path.anchor), 0
    while True:
        try:
            found = os.lstat(at)
            target = os.readlink(at) if stat.S_ISLNK(found.st_mode) else ""
        except (OSError, ValueError) as error:
            return f"{at}: {getattr(error, 'strerror', None) or 'not a path'}"
        if found.st_uid != 0:
            return f"{at} is not root's"
        if not target and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return f"others than root may write to {at}"
        if target:
            links += 1
            if links > LINKS:
                return f"{path}: too many links"
            led = Path(target)
            waiting += reversed(led.parts[1:] if led.is_absolute() else led.parts)
            at = Path(led.anchor) if led.is_absolute() else at.parent
        if not waiting:
            return ""
        step = waiting.pop()
        at = at.parent if step == ".." else at / step
