"""From root to no privilege at all, for good: nothing but the socket needs any.

Under sudo the kubeconfig, its login plug-ins and every file that is read or written are the calling user's. As root without
sudo (a pod) the user stays and the capabilities go. Linux alone; knows what a process may do, not what it does."""

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
"""Of the environment: who called sudo."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The user who called sudo."""

    uid: int
    gid: int
    name: str
    home: str


def drop() -> None:
    """To be called once the sockets are open, before a thread is started. Capabilities are a thread's (capabilities(7)).

    Becomes the user who called sudo, groups and home included, whose login plug-ins then run as they always do. Without
    sudo nothing that is started from here on gets a privilege either. Raises WireError where any of it fails."""
    if not sys.platform.startswith("linux"):
        return  # no wire is opened there
    user = caller()
    if user:
        _become(user)
        _empty()
    else:
        _empty_bounding_set()
        _empty()
        seal()
    _log.info("privileges given up: uid %d, no capability", os.geteuid())


def give_up() -> None:
    """`drop` for a command that opens no socket: before it reads anything. An ordinary user has nothing to give up, and may
    have a login plug-in that is set-uid."""
    if has_privileges():
        drop()


def has_privileges() -> bool:
    """Root's name, or a capability."""
    return os.geteuid() == 0 or _has_capabilities()


def confine() -> None:
    """`drop` for the lab, which makes namespaces. Under sudo this process becomes root of a user namespace of its own, which
    is the caller everywhere else (user_namespaces(7)): it may do all in what it makes and has the caller's rights on files.

    Otherwise nothing is changed: root may do it, and an ordinary user makes such a namespace by itself. To be called before
    anything is read. Raises WireError where the kernel allows none."""
    user = caller()
    if user is None:
        return
    try:
        os.initgroups(user.name, user.gid)
        _enter_user_namespace(user)
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
    except (OSError, OverflowError) as error:
        hint = "Run it as yourself, without sudo, or in a shell of root's own (su -)"
        raise WireError(f"can't make a user namespace for {user.name}, who called sudo: {error}", hint) from None
    _must_read(user)
    seal()
    os.environ.update(HOME=user.home, USER=user.name, LOGNAME=user.name)
    for name in SUDO:
        os.environ.pop(name, None)
    _log.info("privileges given up but in namespaces of its own: uid %d", user.uid)


def _enter_user_namespace(user: Caller) -> None:
    """Who is who in it is written by a process outside: the one that made it may only stay who it is."""
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
        raise OSError(0, "its user could not be written")


def is_root_itself() -> bool:
    """uid 0, and nobody called sudo: su, doas, cron, a pod. Before the drop and after it."""
    return os.geteuid() == 0 and os.environ.get("SUDO_UID") in (None, "0")


def seal() -> None:
    """From here on no program that is started gains a privilege (no_new_privs): not by set-uid, and not as root."""
    import ctypes

    if not _prctl(PR_SET_NO_NEW_PRIVS, 1):
        raise WireError(f"can't set no_new_privs: {os.strerror(ctypes.get_errno())}", "It takes Linux 3.5")


def caller() -> Caller | None:
    """None where nobody called sudo, or root did. WireError where there is no such user."""
    uid, gid = os.environ.get("SUDO_UID"), os.environ.get("SUDO_GID")
    if os.geteuid() != 0 or uid is None or uid == "0":
        return None
    import pwd

    try:
        entry = pwd.getpwuid(int(uid))
        return Caller(uid=entry.pw_uid, gid=int(gid or entry.pw_gid), name=entry.pw_name, home=entry.pw_dir)
    except (ValueError, KeyError, OverflowError):
        hint = "Unset SUDO_UID to go on as root without capabilities"
        raise WireError(f"SUDO_UID is {uid!r}, and there is no such user", hint) from None


def _become(user: Caller) -> None:
    try:
        os.initgroups(user.name, user.gid)
        os.setresgid(user.gid, user.gid, user.gid)
        os.setresuid(user.uid, user.uid, user.uid)
    except (OSError, OverflowError) as error:
        raise WireError(f"can't become {user.name}, who called sudo: {error}") from None
    if 0 in os.getresuid() or _can_be_root():
        raise WireError(f"root was not given up for {user.name}, who called sudo")
    _must_read(user)
    os.environ.update(HOME=user.home, USER=user.name, LOGNAME=user.name)


def _must_read(user: Caller) -> None:
    for place in (os.__file__, __file__):
        if not os.access(place, os.R_OK):
            hint = "Install Python and arpcheck where every user can read them"
            raise WireError(f"{user.name}, who called sudo, can't read {os.path.dirname(place)}", hint)


def _can_be_root() -> bool:
    try:
        os.setuid(0)
    except PermissionError:
        return False
    return True


def _has_capabilities() -> bool:
    """One that is permitted; without /proc none is known of."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            return any(line.startswith("CapPrm:") and int(line.split()[1], 16) for line in status)
    except OSError:
        return False


def _empty() -> None:
    """Effective, permitted and inheritable set; the ambient one follows (capabilities(7))."""
    import ctypes

    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    if _libc().capset(header, (ctypes.c_uint32 * 6)()):
        raise WireError(f"can't give up capabilities: {os.strerror(ctypes.get_errno())}")


def _empty_bounding_set() -> None:
    """As far as it is allowed: it takes CAP_SETPCAP, which a pod does not have. `seal` closes what stays open."""
    for capability in range(64):
        if not _prctl(PR_CAPBSET_DROP, capability):
            return  # not allowed, or the last one has been dropped


def _prctl(option: int, argument: int) -> bool:
    import ctypes

    return not _libc().prctl(option, *map(ctypes.c_ulong, (argument, 0, 0, 0)))


def _libc() -> ctypes.CDLL:
    import ctypes

    return ctypes.CDLL(None, use_errno=True)
