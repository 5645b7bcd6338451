"""Files that root alone can have written, read as what was looked at: not by a path that may lead elsewhere meanwhile.

Who calls arpcheck by sudo chooses the path, and owns folders, links, processes and mounts of his own. So the way is gone by
descriptors, a step at a time from `/`, links by hand; what was checked at the end is what is read. Linux alone."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LINKS = 40
"""As many as Linux follows (namei(7), MAXSYMLINKS)."""

FILESYSTEMS = frozenset({
    "9p", "bcachefs", "btrfs", "ceph", "erofs", "ext2", "ext3", "ext4", "f2fs", "jfs", "nfs", "nfs4", "nilfs2", "overlay",
    "ramfs", "reiserfs", "rootfs", "squashfs", "tmpfs", "virtiofs", "xfs", "zfs",
})  # fmt: skip
"""Those that keep files, and whose owners only root can have set. Not procfs, whose links lead anywhere without a path, into
another user's mounts too (proc_pid_fd(5)); not those whose files do something when they are opened or read (tracefs); not
FUSE, which shows what a user's process says."""

REMOVABLE = ("/media", "/run/media")
"""Where a desktop mounts what its user plugs in or has in an image: with owners that he wrote into it himself."""


class NotRootsError(OSError):
    """Others than root have a say in what is at a path, or nothing is there that can be read. Without a text where this
    process may not see why."""


def read_roots(path: Path, most: int) -> bytes:
    """The first `most` octets of the regular file at this absolute path. NotRootsError where others than root have a say in
    it; nothing was opened then. OSError where it can't be read.

    Every folder on the way, every link in them and what they lead to are looked at, not only where it ends: who can write
    to a folder chooses where a link in it leads."""
    with _walked(path) as found:
        # The descriptor itself once more: no name is looked up, so it is the same file.
        opened = os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with os.fdopen(opened, "rb") as file:
            if not os.path.samestat(os.fstat(opened), os.fstat(found)):
                raise NotRootsError(f"{path} changes")
            return file.read(most)


def not_roots(path: Path) -> str:
    """Why `read_roots` reads nothing there, as far as this process may look; empty: nothing was seen."""
    try:
        with _walked(path):
            return ""
    except NotRootsError as error:
        return str(error)


@contextmanager
def _walked(path: Path) -> Iterator[int]:
    """A descriptor (O_PATH, which opens nothing and has no effect on a device or a FIFO) of the regular file there."""
    if not sys.platform.startswith("linux"):
        raise NotRootsError("only Linux shows whose a file is")
    at = Path("/")  # not what the path begins with: "//" is the same folder and another text
    folder, links, waiting = _step(None, "/", at), 0, list(reversed(path.parts[1:]))
    try:
        while waiting:
            step = waiting.pop()
            at = at.parent if step == ".." else at / step
            found = _step(folder, step, at)
            if stat.S_ISLNK(os.fstat(found).st_mode):
                led = Path(_target(found, at))
                links += 1
                if links > LINKS:
                    raise NotRootsError(f"{path}: too many links")
                waiting += reversed(led.parts[1:] if led.is_absolute() else led.parts)
                at = Path("/") if led.is_absolute() else at.parent
                if not led.is_absolute():
                    continue
                found = _step(None, "/", at)
            os.close(folder)
            folder = found
        if not stat.S_ISREG(os.fstat(folder).st_mode):
            raise NotRootsError(f"{path} is not a regular file")
        yield folder
    finally:
        os.close(folder)


def _step(folder: int | None, name: str, at: Path) -> int:
    """What `name` is in the folder, once it is known to be root's alone. `at`: its path, for the message."""
    try:
        found = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except PermissionError:
        raise NotRootsError from None
    except (OSError, ValueError) as error:
        raise NotRootsError(f"{at}: {getattr(error, 'strerror', None) or 'not a path'}") from None
    try:
        _check_owner(found, at)
    except BaseException:
        os.close(found)
        raise
    return found


def _target(link: int, at: Path) -> str:
    try:
        return os.readlink("", dir_fd=link)
    except OSError as error:
        raise NotRootsError(f"{at}: {error.strerror}") from None
    finally:
        os.close(link)


def _check_owner(found: int, at: Path) -> None:
    seen = os.fstat(found)
    if seen.st_uid != 0:
        raise NotRootsError(f"{at} is not root's")
    if not stat.S_ISLNK(seen.st_mode) and seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise NotRootsError(f"others than root may write to {at}")
    if str(at) in REMOVABLE:
        raise NotRootsError(f"{at} is for removable media")
    kind = _filesystem(found)
    if kind not in FILESYSTEMS:
        raise NotRootsError(f"{at} is on {kind or 'a mount of others'}, which keeps no file of root's")


def _filesystem(found: int) -> str:
    """Its type. Empty where its mount is none of this process's: that of somebody else's namespace (mountinfo: proc(5))."""
    try:
        words = Path(f"/proc/self/fdinfo/{found}").read_bytes().split()
        mounts = Path("/proc/self/mountinfo").read_bytes().splitlines()
    except OSError:
        raise NotRootsError from None
    number = words[words.index(b"mnt_id:") + 1]
    kinds = [mount.partition(b" - ")[2].split()[0] for mount in mounts if mount.split()[0] == number]
    return kinds[0].decode("ascii", "replace") if kinds else ""
