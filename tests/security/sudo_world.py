"""A machine with real sudo and an ordinary user who may call it, for one test or for many.

    with SudoWorld() as world:                                # the fixture `world` of conftest.py gives one too
        world.write("/run/home/yaml.py", "…", owner=True)     # a file of the user's
        done = world.sudo("arpcheck", "probe", "--iface", "eth0", cwd="/run/home")

It is an enclosure: mount, network and process namespaces that end with the process that made them, whatever that dies of.
/etc/passwd, group, shadow and sudoers are copies bound over the real ones in there, and /run, /tmp and /mnt are its own, so nothing
of it shows outside. `python sudo_world.py` is what runs in it: it makes the machine, says so and waits."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
LAND = HERE.parent / "lab" / "caller_land.py"
"""Makes the user `caller`, and lets everybody read this Python and these tests."""

FORKS = HERE / "sudo_forks.py"

UID, GID, GROUP = 4242, 4243, 4244
TMP = Path("/tmp")  # noqa: S108 - the world's own
HOME = "/run/home"
MINE = "/mnt/mine"
"""Another folder of the user's, which the lab's own enclosure shows too: that has a /run of its own."""
BIN = Path(sys.executable).parent
ARPCHECK = str(BIN / "arpcheck")
SECURE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PATIENCE = 120

ANYTHING = f"""Defaults env_reset, secure_path="{SECURE_PATH}", !lecture
root ALL=(ALL:ALL) ALL
caller ALL=(root) NOPASSWD: ALL
"""
"""As most have it: every command, and with that `sudo -E` and `sudo NAME=VALUE`."""

ONLY_ARPCHECK = f"""Defaults env_reset, secure_path="{SECURE_PATH}", !lecture
caller ALL=(root) NOPASSWD: {ARPCHECK}
"""
"""As one who trusts arpcheck alone has it."""

AND_ITS_FORKS = f"caller ALL=(root) NOPASSWD: {sys.executable} -I {FORKS}\n"
"""For a world with `forked_sudo`."""


class SudoWorld:
    def __init__(self, sudoers=ANYTHING, scene=None):
        """`scene`: a scene of the lab that stands in it (its API's kubeconfig: /run/arpcheck-kubeconfig); commands then run
        where its prober stands. Without one there is an `eth0` with 10.0.0.9/24 on which nobody answers."""
        self._sudoers, self._scene, self._station, self._forks = sudoers, scene, None, None

    def __enter__(self):
        from arpcheck.lab import network

        program = [
            sys.executable,
            str(LAND),
            sys.executable,
            str(HERE / "sudo_world.py"),
            self._sudoers,
            *([self._scene] if self._scene else []),
        ]
        self._process = subprocess.Popen(network.command(program), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        ready = self._process.stdout.readline().split()
        assert ready[:1] == ["ready"], "the world did not come up"
        self._station = ready[1] if ready[1:] else None
        self.pid = int(Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()[0])
        return self

    def __exit__(self, *_):
        self._process.kill()  # and with it all that is in it
        for process in filter(None, (self._process, self._forks)):
            process.communicate()

    # ------------------------------------------------------------------------------------------------------- its files

    def path(self, place):
        """Where a file of the world lies for the test, which is root outside of it."""
        return Path(f"/proc/{self.pid}/root") / str(place).lstrip("/")

    def write(self, place, text, *, owner=False, mode=0o644):
        """A file with its folders; with `owner` they are the user's, as far as they did not exist, else root's."""
        path = self.path(place)
        made = [p for p in path.parents if not p.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        for one in (path, *made) if owner else ():
            os.chown(one, UID, GID)
        return str(place)

    def files(self, *folders):
        """All that lies below the folders and is no folder, with its owner: {path: uid}. Not what is mounted in them."""
        found = {}
        for folder in folders:
            device = os.stat(self.path(folder)).st_dev
            for at, below, names in os.walk(self.path(folder)):
                below[:] = [one for one in below if os.lstat(Path(at) / one).st_dev == device]
                for name in names:
                    inside = "/" + str((Path(at) / name).relative_to(f"/proc/{self.pid}/root"))
                    found[inside] = os.lstat(Path(at) / name).st_uid
        return found

    # ---------------------------------------------------------------------------------------------------- its programs

    def command(self, *program, root=False, cwd=HOME, env=None):
        """The command that runs a program in the world: as the user, with a login's environment, or as root."""
        who = [] if root else ["setpriv", f"--reuid={UID}", f"--regid={GID}", "--init-groups"]
        home, name = ("/root", "root") if root else (HOME, "caller")
        told = {
            "HOME": home,
            "USER": name,
            "LOGNAME": name,
            "SHELL": "/bin/sh",
            "PATH": f"{BIN}:{SECURE_PATH}",
            "LANG": "C.UTF-8",
            **(env or {}),
        }
        there = ["ip", "netns", "exec", self._station] if self._station else []
        return [
            "nsenter", "--target", str(self.pid), "--root", "--mount", "--net", "--pid", *there, *who,
            "env", "-i", f"--chdir={cwd}", *(f"{key}={value}" for key, value in told.items()), *map(str, program),
        ]  # fmt: skip

    def run(self, *program, stdin="", **how):
        """As subprocess.run tells it."""
        return subprocess.run(
            self.command(*program, **how), input=stdin, capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    def start(self, *program, **how):
        """A Popen of it, with its output in pipes."""
        return subprocess.Popen(
            self.command(*program, **how),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def sudo(self, *arguments, options=(), **how):
        """`sudo -n OPTION… ARGUMENT…`, called by the user; `arpcheck` stands for its path."""
        return self.run(*sudo(*arguments, options=options), **how)

    def forked_sudo(self, *arguments, cwd=HOME):
        """`sudo -n arpcheck ARGUMENT…`, in a fork of a process that has imported it (sudo_forks.py)."""
        if self._forks is None:
            command = self.command(*sudo(sys.executable, "-I", str(FORKS)))
            self._forks = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._forks.stdin.write(f"{json.dumps([str(cwd), list(map(str, arguments))])}\n")
        self._forks.stdin.flush()
        return subprocess.CompletedProcess(["arpcheck", *arguments], *json.loads(self._forks.stdout.readline()))

    def start_sudo(self, *arguments, options=(), **how):
        return self.start(*sudo(*arguments, options=options), **how)

    def processes(self, *words):
        """Of the world's processes those whose command line has all the words: {their number outside: its number inside}."""
        found = {}
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                if os.readlink(status.parent / "ns/pid") != os.readlink(f"/proc/{self.pid}/ns/pid"):
                    continue
                line = (status.parent / "cmdline").read_bytes().split(b"\0")
                numbers = next(line for line in status.read_text().splitlines() if line.startswith("NSpid:")).split()
            except (OSError, StopIteration):
                continue
            if all(word.encode() in line for word in words):
                found[int(status.parent.name)] = int(numbers[-1])
        return found


def sudo(*arguments, options=()):
    words = [ARPCHECK if word == "arpcheck" else str(word) for word in arguments]
    return ["sudo", "-n", *options, *words]


def missing():
    """What this machine lacks for it, besides what the lab needs; None where it is all there."""
    if os.geteuid() != 0:
        return "only root can make a machine with sudo: run it as root"
    if lacks := [tool for tool in ("sudo", "nsenter", "setpriv") if not shutil.which(tool)]:
        return f"{', '.join(lacks)} is not installed"
    return None


# ------------------------------------------------------------------------------------------------------------ inside it


def main(sudoers, scene=None):
    """After caller_land.py, in the enclosure."""
    with kept({Path(*path.parts[:3]) for path in (BIN, HERE) if path.is_relative_to(TMP)}):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", str(TMP)], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/mnt"], check=True)
    os.mkdir(MINE)
    os.chown(MINE, UID, GID)
    bind(
        "/etc/shadow",
        "".join(f"{line}\n" for line in (*Path("/etc/shadow").read_text().splitlines(), "caller:*:19000:0:99999:7:::")),
        0o600,
    )
    # Debian's sudo looks its machine's name up, and warns where no file has it.
    bind("/etc/sudoers", f"Defaults !fqdn\n{sudoers}", 0o440)
    if scene is None:
        for words in (
            "link set lo up",
            "link add eth0 type veth peer name lan0",
            "address add 10.0.0.9/24 dev eth0",
            "link set eth0 up",
            "link set lan0 up",
        ):
            subprocess.run(["ip", *words.split()], check=True)
        wait("")
        return
    sys.path.insert(0, str(HERE.parent))
    from apiserver.staged import serve

    from arpcheck.lab import scene_file
    from arpcheck.lab.fixture import KUBECONFIG, stage

    found = scene_file.load(scene)
    with stage(found, serve):
        KUBECONFIG.chmod(0o644)
        wait(found.prober.station)


@contextmanager
def kept(folders):
    """They stay where they are while something is mounted over the folder that they are in: arpcheck and these tests, if those
    are in a folder for temporary ones, as they are when a wheel is tried."""
    for number, folder in enumerate(sorted(folders)):
        aside = Path(f"/run/kept-{number}")
        aside.mkdir()
        subprocess.run(["mount", "--bind", folder, aside], check=True)
    yield
    for number, folder in enumerate(sorted(folders)):
        folder.mkdir()
        subprocess.run(["mount", "--move", f"/run/kept-{number}", folder], check=True)


def bind(place, text, mode):
    copy = Path("/run", Path(place).name)
    copy.write_text(text)
    copy.chmod(mode)
    subprocess.run(["mount", "--bind", copy, place], check=True)


def wait(station):
    """Until the test is gone."""
    sys.stdout.write(f"ready {station}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
