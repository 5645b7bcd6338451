"""From root to the calling user, for good.

Run with sudo, only the socket needs root. The kubeconfig, its credential plug-ins and every file that is written are
the calling user's."""

from __future__ import annotations

import os

from arpcheck.errors import WireError


def drop() -> None:
    """Becomes the user who called sudo, groups and home included. Does nothing where no sudo was used.

    Raises WireError where it can't, or where root could be had back: then nothing more is done as root."""
    caller = os.environ.get("SUDO_UID"), os.environ.get("SUDO_GID")
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or caller in ((None, None), ("0", "0")):
        return
    import pwd

    try:
        user = pwd.getpwuid(int(caller[0] or ""))
        group = int(caller[1] or user.pw_gid)
        os.initgroups(user.pw_name, group)
        os.setresgid(group, group, group)
        os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    except (ValueError, KeyError, OSError) as error:
        raise WireError(f"can't become the user who called sudo: {error}", "Unset SUDO_UID and SUDO_GID") from None
    if user.pw_uid != 0 and 0 in os.getresuid():
        raise WireError("root was not given up")
    os.environ.update(HOME=user.pw_dir, USER=user.pw_name, LOGNAME=user.pw_name)
