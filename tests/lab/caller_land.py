"""Makes an enclosure a machine with a user `caller`, who may read arpcheck and its Python, and runs a program there.

    python caller_land.py PROGRAM [ARGUMENT]…

Nothing of it shows outside: the enclosure has mounts of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

UID, GID, GROUP = 4242, 4243, 4244
HOME = Path("/run/home")
TESTS = str(Path(__file__).resolve().parent.parent)
"""The programs that the tests start lie there."""
ENTRIES = {
    "/etc/passwd": f"caller:x:{UID}:{GID}::{HOME}:/bin/sh\n",
    "/etc/group": f"caller:x:{GID}:\noperators:x:{GROUP}:caller\n",
}


def main(program):
    for path, entry in ENTRIES.items():
        copy = Path("/run", Path(path).name)
        copy.write_text(Path(path).read_text().rstrip("\n") + "\n" + entry)
        mount("--bind", copy, path)
    HOME.mkdir()
    os.chown(HOME, UID, GID)
    shutil.copy(shutil.which("id"), "/run/set-uid-id")
    os.chmod("/run/set-uid-id", 0o4755)  # noqa: S103 - it is what is tried
    open_up([Path(place) for place in {sys.prefix, sys.base_prefix, TESTS, *filter(os.path.isdir, sys.path)}])
    os.execvp(program[0], program)  # noqa: S606 - it takes over


def open_up(places):
    """Puts a passable folder in the place of every one that others may not pass on the way to `places`."""
    closed = {next((p for p in reversed(place.resolve().parents) if not p.stat().st_mode & 1), None) for place in places}
    for number, folder in enumerate(sorted(closed - {None})):
        behind = Path(f"/run/behind-{number}")
        behind.mkdir()
        mount("--bind", folder, behind)
        mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", folder)
        inner = sorted({p.resolve() for p in places if folder in p.resolve().parents})
        for place in (p for p in inner if not any(other in p.parents for other in inner)):
            place.mkdir(parents=True)
            mount("--bind", behind / place.relative_to(folder), place)


def mount(*arguments):
    subprocess.run(["mount", *map(str, arguments)], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
