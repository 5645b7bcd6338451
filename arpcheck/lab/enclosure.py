"""An enclosure: network, mount and process namespaces in which the lab may do as it likes.

The kernel ends all of it with its first process, whatever that dies of, and that one dies with the process that started
it: nothing is left behind, nothing ever shows in the machine's own `ip netns list`. Without root, in a user namespace."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from arpcheck.errors import LabError

TOOLS: Mapping[str, str] = {"unshare": "util-linux", "setpriv": "util-linux", "mount": "mount", "ip": "iproute2"}
"""The programs that the lab starts, and the package that each is in."""

_OWN_RUN = 'mount -t tmpfs -o mode=755 tmpfs /run && exec "$@"'
"""`ip netns` keeps its names in /run/netns."""

_TRIAL = """ip netns add trial && ip -n trial link add trial0 type veth peer name trial1 &&
ip -n trial link add trial2 type bridge && echo 0 >/proc/sys/net/ipv4/conf/all/arp_ignore"""

_SWITCHES: Mapping[str, tuple[str, str]] = {
    "kernel.unprivileged_userns_clone": ("0", "1"),
    "kernel.apparmor_restrict_unprivileged_userns": ("1", "0"),
    "user.max_user_namespaces": ("0", "1000"),
}
"""What keeps an ordinary user from a user namespace: the value that does, and one that does not."""


def command(program: Sequence[str], *, user_namespace: bool | None = None) -> list[str]:
    """The command that runs `program` in an enclosure of its own, by default in a user namespace unless this is root.

    The thread that starts it must live as long as the enclosure shall (prctl(2), PR_SET_PDEATHSIG)."""
    by_user = os.geteuid() != 0 if user_namespace is None else user_namespace
    privilege = ["--user", "--map-root-user"] if by_user else []
    return [
        "setpriv", "--pdeathsig", "KILL",
        "unshare", *privilege, "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
        "sh", "-c", _OWN_RUN, "sh", *program,
    ]  # fmt: skip


PAST = 64
"""Added to the exit code of a program that came to its end: what dies gives 1, or whatever else, by itself, and so do the
programs that start it. 1 would pass for a fault that was proven."""

_LAUNCH = """import sys
past, module = int(sys.argv[1]), sys.argv[2]
del sys.argv[1:3]
try:
    import runpy
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    code = 0
except SystemExit as end:
    code = end.code
except BaseException as error:
    sys.stderr.write(f"arpcheck: {module} could not be run: {type(error).__name__}: {error}\\n")
    code = 2
sys.exit(past + (code if isinstance(code, int) else 2 if code else 0))
"""


def python(module: str, *arguments: str, past: int = 0) -> list[str]:
    """The command that runs a module with this Python and nothing from elsewhere: not from the folder that the caller stands
    in, the user's own packages or the environment (python -I). The lab is root, be it of its own namespaces alone."""
    kept = ["-B"] if sys.dont_write_bytecode else []
    return [sys.executable, "-I", *kept, "-c", _LAUNCH, str(past), module, *arguments]


def ended(status: int, what: str) -> int:
    """The exit code of a program that was started with `past=PAST`. Raises LabError where it did not come to its end."""
    if status >= PAST:
        return status - PAST
    how = f"by signal {-status} ({signal.strsignal(-status)})" if status < 0 else f"with status {status}"
    raise LabError(f"{what} died {how}", "Its last words stand above; nothing was judged")


def require() -> None:
    """Raises LabError, with what is missing and the cure, where this machine does not allow an enclosure."""
    if sys.platform != "linux":
        raise LabError("the lab needs Linux", "Run it there, or in a virtual machine")
    if missing := sorted(tool for tool in TOOLS if not shutil.which(tool)):
        raise LabError(f"the lab needs {', '.join(missing)}", f"Install {', '.join(sorted({TOOLS[t] for t in missing}))}")
    try:
        tried = subprocess.run(command(["sh", "-c", _TRIAL]), capture_output=True, text=True, check=False)
    except OSError as error:
        what = f"the lab can't start a program: {error.strerror or type(error).__name__}"
        raise LabError(what, "`ulimit -n` and `ulimit -u` say how much this user may open and start") from None
    if tried.returncode:
        told = (tried.stderr.strip() or f"status {tried.returncode}").splitlines()[0]
        raise LabError(f"the lab can't make its own network namespaces here ({told})", _cure())


def _cure() -> str:
    if os.geteuid() == 0:
        return "It needs CAP_SYS_ADMIN and CAP_NET_ADMIN, and veth and bridge; in a container: --privileged"
    for key, (closed, opened) in _SWITCHES.items():
        path = Path("/proc/sys", *key.split("."))
        if path.exists() and path.read_text().strip() == closed:
            return f"Run it as root, or allow user namespaces: sysctl -w {key}={opened}"
    return "Run it as root; in a container: --privileged"
