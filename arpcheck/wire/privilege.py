"""Drops root and all capabilities for good; only the packet sockets need them. Linux only.

Under sudo the process becomes the calling user, who then owns the kubeconfig, its login plug-ins and every file that is read
or written. As root without sudo (a pod) the user stays and the capabilities are dropped."""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arpcheck.errors import WireError

if TYPE_CHECKING:
    import ctypes

PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
CAPABILITY_VERSION_3 = 0x20080522
CLONE_NEWUSER = 0x10000000

SUDO = ("SUDO_UID", "SUDO_GID", "SUDO_USER", "SUDO_COMMAND", "SUDO_HOME")
"""Environment variables that identify the user who called sudo."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The user who called sudo."""

    uid: int
    gid: int
    name: str
    home: str


def drop() -> None:
    """Drops privileges. Call it when the sockets are open and before a thread starts: capabilities belong to a thread
    (capabilities(7)).

    Becomes the user who called sudo, with groups and home, so that login plug-ins run as usual. Without sudo, programs that
    are started later get no privileges either. Raises WireError if any of it fails."""
    if not sys.platform.startswith("linux"):
        return  # no packet socket exists there
    user = caller()
    if user:
        _become(user)
        _empty()
    else:
        _empty_bounding_set()
        _empty()
        seal()
    _log.info("privileges dropped: uid %d, no capabilities", os.geteuid())


def give_up() -> None:
    """`drop` for a command without a socket, called before it reads anything. An unprivileged user has nothing to drop, and
    may have a set-uid login plug-in."""
    if has_privileges():
        drop()


def has_privileges() -> bool:
    """Whether the process is root or has a capability."""
    return os.geteuid() == 0 or _has_capabilities()


def confine() -> None:
    """`drop` for the lab, which creates namespaces. Under sudo this process becomes root of its own user namespace and the
    calling user everywhere else (user_namespaces(7)): it has all rights in its namespaces and the caller's rights on files.

    Otherwise nothing changes: root may create namespaces, and an unprivileged user creates such a user namespace anyway.
    Call it before anything is read. Raises WireError if the kernel refuses."""
    user = caller()
    if user is None:
        return
    try:
        os.initgroups(user.name, user.gid)
        _enter_user_namespace(user)
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
    except (OSError, OverflowError) as error:
        hint = "Run it without sudo, or in a root shell (su -)"
        raise WireError(f"cannot create a user namespace for {user.name}, who called sudo: {error}", hint) from None
    _must_read(user)
    seal()
    os.environ.update(HOME=user.home, USER=user.name, LOGNAME=user.name)
    for name in SUDO:
        os.environ.pop(name, None)
    _log.info("privileges dropped except in own namespaces: uid %d", user.uid)


def _enter_user_namespace(user: Caller) -> None:
    """A process outside writes the user mapping; the process inside may map only itself."""
    import ctypes

    made = os.pipe()
    maker = os.getpid()
    if not (writer := os.fork()):
        code = 1
        try:
            os.close(made[1])
            if os.read(made[0], 1):
                for name, number in (("uid_map", user.uid), ("gid_map", user.gid)):
                    with open(f"/proc/{maker}/{name}", "wb", buffering=0) as file:
                        file.write(f"0 {number} 1\n".encode())
                code = 0
        finally:
            os._exit(code)
    try:
        if _libc().unshare(CLONE_NEWUSER):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        os.write(made[1], b"!")
    finally:
        for end in made:
            os.close(end)
        _, status = os.waitpid(writer, 0)
    if status:
        raise OSError(0, "its user mapping could not be written")


def is_root_itself() -> bool:
    """Whether this is root without sudo: su, doas, cron, a pod. The same before and after the drop."""
    return os.geteuid() == 0 and os.environ.get("SUDO_UID") in (None, "0")


def seal() -> None:
    """Sets no_new_privs: programs that are started later gain no privileges, not by set-uid and not as root."""
    import ctypes

    if not _prctl(PR_SET_NO_NEW_PRIVS, 1):
        raise WireError(f"cannot set no_new_privs: {os.strerror(ctypes.get_errno())}", "It needs Linux 3.5 or newer")


def caller() -> Caller | None:
    """The user who called sudo; None without sudo or if root called it. Raises WireError if that user does not exist."""
    uid, gid = os.environ.get("SUDO_UID"), os.environ.get("SUDO_GID")
    if os.geteuid() != 0 or uid is None or uid == "0":
        return None
    import pwd

    try:
        entry = pwd.getpwuid(int(uid))
        return Caller(uid=entry.pw_uid, gid=int(gid or entry.pw_gid), name=entry.pw_name, home=entry.pw_dir)
    except (ValueError, KeyError, OverflowError):
        hint = "Unset SUDO_UID to continue as root without capabilities"
        raise WireError(f"SUDO_UID is {uid!r}, but this user does not exist", hint) from None


def _become(user: Caller) -> None:
    try:
        os.initgroups(user.name, user.gid)
        os.setresgid(user.gid, user.gid, user.gid)
        os.setresuid(user.uid, user.uid, user.uid)
    except (OSError, OverflowError) as error:
        raise WireError(f"cannot become {user.name}, who called sudo: {error}") from None
    if 0 in os.getresuid() or _can_be_root():
        raise WireError(f"cannot drop root for {user.name}, who called sudo")
    _must_read(user)
    os.environ.update(HOME=user.home, USER=user.name, LOGNAME=user.name)


def _must_read(user: Caller) -> None:
    for place in (os.__file__, getattr(__spec__.loader, "archive", __file__)):  # the archive, where arpcheck is one file
        if not os.access(place, os.R_OK):
            hint = "Install Python and arpcheck where every user can read them"
            raise WireError(f"{user.name}, who called sudo, cannot read {os.path.dirname(place)}", hint)


def _can_be_root() -> bool:
    try:
        os.setuid(0)
    except PermissionError:
        return False
    return True


def _has_capabilities() -> bool:
    """Whether a capability is permitted; False without /proc."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            return any(line.startswith("CapPrm:") and int(line.split()[1], 16) for line in status)
    except OSError:
        return False


def _empty() -> None:
    """Empties the effective, permitted and inheritable sets; the ambient set follows (capabilities(7))."""
    import ctypes

    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    if _libc().capset(header, (ctypes.c_uint32 * 6)()):
        raise WireError(f"cannot drop capabilities: {os.strerror(ctypes.get_errno())}")


def _empty_bounding_set() -> None:
    """As far as allowed: it needs CAP_SETPCAP, which a pod does not have. `seal` covers the rest."""
    for capability in range(64):
        if not _prctl(PR_CAPBSET_DROP, capability):
            return  # not allowed, or the last one has been dropped


def _prctl(option: int, argument: int) -> bool:
    import ctypes

    return not _libc().prctl(option, *map(ctypes.c_ulong, (argument, 0, 0, 0)))


def _libc() -> ctypes.CDLL:
    import ctypes

    return ctypes.CDLL(None, use_errno=True)
