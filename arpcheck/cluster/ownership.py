"""Reads a file only if root alone can have written it, without a race between check and read. Linux only.

The user who calls arpcheck through sudo chooses the path and may own directories, links, processes and mounts. So the path
is walked by descriptors from `/`, one component at a time, and links are resolved by hand. The descriptor that was checked
last is the one that is read."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LINKS = 40
"""Maximum links in a path, as in Linux (namei(7), MAXSYMLINKS)."""

FILESYSTEMS = frozenset({
    "9p", "bcachefs", "btrfs", "ceph", "erofs", "ext2", "ext3", "ext4", "f2fs", "jfs", "nfs", "nfs4", "nilfs2", "overlay",
    "ramfs", "reiserfs", "rootfs", "squashfs", "tmpfs", "virtiofs", "xfs", "zfs",
})  # fmt: skip
"""Filesystems that store files whose owner only root can set. Not procfs, whose links lead into other users' mounts
(proc_pid_fd(5)); not those whose files act when opened or read (tracefs); not FUSE, which shows what a user's process
returns."""

REMOVABLE = ("/media", "/run/media")
"""Where a desktop mounts a user's media and images: their owner fields were written by that user."""


class NotRootsError(OSError):
    """Users other than root control the path, or it leads to nothing readable. Without a text if this process may not see
    why."""


def read_roots(path: Path, most: int) -> bytes:
    """Reads the first `most` bytes of the regular file at this absolute path. Raises NotRootsError, without opening
    anything, if users other than root control it; OSError if it can't be read.

    Every directory and link on the path is checked, because whoever can write to a directory chooses where a link in it
    leads."""
    with _walked(path) as found:
        # Reopens the same descriptor. No name is looked up, so it is the same file.
        opened = os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with os.fdopen(opened, "rb") as file:
            if not os.path.samestat(os.fstat(opened), os.fstat(found)):
                raise NotRootsError(f"{path} changed while it was read")
            return file.read(most)


def not_roots(path: Path) -> str:
    """Why `read_roots` refuses the path, as far as this process can see; empty if no reason is visible."""
    try:
        with _walked(path):
            return ""
    except NotRootsError as error:
        return str(error)


@contextmanager
def _walked(path: Path) -> Iterator[int]:
    """A descriptor of the regular file at the path, with O_PATH: it opens nothing and has no effect on a device or a
    FIFO."""
    if not sys.platform.startswith("linux"):
        raise NotRootsError("the owner can be checked on Linux only")
    at = Path("/")  # not the first part of the path: "//" is the same directory with another spelling
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
    """Opens `name` in the directory and checks that root alone controls it. `at`: its path, for messages."""
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
        raise NotRootsError(f"{at} does not belong to root")
    if not stat.S_ISLNK(seen.st_mode) and seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise NotRootsError(f"users other than root may write to {at}")
    if str(at) in REMOVABLE:
        raise NotRootsError(f"{at} is for removable media")
    kind = _filesystem(found)
    if kind not in FILESYSTEMS:
        raise NotRootsError(f"{at} is on {kind or 'a mount of another namespace'}, where file owners prove nothing")


def _filesystem(found: int) -> str:
    """The filesystem type. Empty if the mount belongs to another mount namespace (mountinfo: proc(5))."""
    try:
        words = Path(f"/proc/self/fdinfo/{found}").read_bytes().split()
        mounts = Path("/proc/self/mountinfo").read_bytes().splitlines()
    except OSError:
        raise NotRootsError from None
    number = words[words.index(b"mnt_id:") + 1]
    kinds = [mount.partition(b" - ")[2].split()[0] for mount in mounts if mount.split()[0] == number]
    return kinds[0].decode("ascii", "replace") if kinds else ""
