"""The machine's whole disk: an initial file system (newc cpio) of files of this host, which the kernel unpacks into memory.

Programs come with the libraries that `ldd` names, Python with what arpcheck needs, this checkout as it is. Nothing is copied
to a folder first, every file belongs to root, and an ordinary user can make it."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import BinaryIO

from packaging.requirements import Requirement

CHECKOUT = Path(__file__).resolve().parents[3]
PROGRAMS = ("sh", "ip", "bridge", "tc", "mount", "umount", "unshare", "setpriv", "modprobe", "ipvsadm", "sysctl")
OF_THE_CHECKOUT = ("arpcheck", "tests")
UNUSED = {
    "test",
    "idlelib",
    "tkinter",
    "lib2to3",
    "ensurepip",
    "turtledemo",
    "site-packages",
    "dist-packages",
    "node_modules",
}
"""Folders of Python's library and of the checkout that no scene imports."""
SYSTEM_FOLDERS = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")
"""Where programs of root are, which an ordinary user may not have in PATH."""
ACCOUNTS = {
    "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/sh\n",
    "/etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "/etc/hosts": "127.0.0.1 localhost\n",
}
_LIBRARY = re.compile(r"(?:=>\s+|^\s+)(/\S+)", re.MULTILINE)


class Initramfs:
    """Writes an archive; every path once, with the folders above it."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._known: set[str] = {"/"}

    def folder(self, path: str) -> None:
        if self._first(path):
            self._entry(path, stat.S_IFDIR | 0o755, b"")

    def text(self, path: str, content: str, mode: int = 0o644) -> None:
        if self._first(path):
            self._entry(path, stat.S_IFREG | mode, content.encode())

    def device(self, path: str, major: int, minor: int) -> None:
        if self._first(path):
            self._entry(path, stat.S_IFCHR | 0o600, b"", (major, minor))

    def copy(self, path: str, to: str | None = None) -> None:
        """A file of this host, at the same place unless `to` says another; of a symbolic link also what it points to."""
        place = to or os.path.join(self._parent(path), os.path.basename(path))
        if os.path.islink(path):
            if self._first(place):
                target = os.readlink(path)
                self._entry(place, stat.S_IFLNK | 0o777, target.encode())
                self.copy(os.path.join(os.path.dirname(path), target))
        elif os.path.isfile(path) and self._first(place):
            found = os.stat(path)
            content = Path(path).read_bytes()
            self._entry(place, stat.S_IFREG | (found.st_mode & 0o777) | 0o444, content, time=int(found.st_mtime))

    def close(self) -> None:
        self._entry("/TRAILER!!!", 0, b"")

    def _parent(self, path: str) -> str:
        """The folder of a path without symbolic links on the way; the links are written, as /lib of a merged /usr."""
        parent = os.path.abspath(os.path.dirname(path))
        for depth in range(2, len(parts := Path(parent).parts) + 1):
            above = os.path.join(*parts[:depth])
            if os.path.islink(above) and above not in self._known:
                self._known.add(above)
                self._entry(
                    above, stat.S_IFLNK | 0o777, os.path.relpath(os.path.realpath(above), os.path.dirname(above)).encode()
                )
        return os.path.realpath(parent)

    def _first(self, path: str) -> bool:
        if path in self._known:
            return False
        self._known.add(path)
        self.folder(os.path.dirname(path))
        return True

    def _entry(self, path: str, mode: int, content: bytes, device: tuple[int, int] = (0, 0), time: int = 0) -> None:
        """`time`: of the last change, by which Python knows that what it compiled is still right."""
        name = path.lstrip("/").encode() + b"\0"
        fields = (len(self._known), mode, 0, 0, 1, time, len(content), 0, 0, *device, len(name), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields)
        self._out.write(_padded(header + name) + _padded(content))


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def write_base(out: BinaryIO, settings: str) -> None:
    """All that does not depend on the kernel. `settings`: what the machine shall do, for machine_init.py."""
    archive = Initramfs(out)
    for folder in ("/proc", "/sys", "/dev", "/run", "/tmp", "/root"):  # noqa: S108 - of the machine
        archive.folder(folder)
    for link in ("/bin", "/sbin", "/lib", "/lib64"):  # where /usr is merged; the kernel starts /sbin/modprobe
        archive.copy(link)
    archive.device("/dev/console", 5, 1)
    for path, content in {**ACCOUNTS, "/settings.json": settings}.items():
        archive.text(path, content)
    init = CHECKOUT / "tests/campaigns/kernels/machine_init.py"
    archive.text("/init", f"#!{os.path.realpath(sys.executable)} -I\n{init.read_text()}", 0o755)
    files = [*_programs(), *_python(), *_installed(), *_checkout()]
    for path in (*files, *_libraries(files)):
        archive.copy(path)
    archive.close()


def write_modules(out: BinaryIO, folder: Path, wanted: Iterable[str]) -> None:
    """The modules of a kernel that were asked for, with those that they need, and the files that modprobe reads.

    `folder`: its lib/modules/VERSION, with the files of depmod."""
    archive, place = Initramfs(out), f"/usr/lib/modules/{folder.name}"
    needs = {}
    for line in (folder / "modules.dep").read_text().splitlines():
        module, _, rest = line.partition(":")
        needs[_module_name(module)] = (module, *rest.split())
    for name in sorted({file for module in wanted for file in needs.get(module, ())}):
        archive.copy(str(folder / name), f"{place}/{name}")
    for path in sorted(folder.glob("modules.*")):
        archive.copy(str(path), f"{place}/{path.name}")
    archive.close()


def _module_name(path: str) -> str:
    return os.path.basename(path).split(".ko")[0].replace("-", "_")


# ------------------------------------------------------------------------------------------------------ files of this host


def _programs() -> Iterator[str]:
    for name in PROGRAMS:
        if not (found := shutil.which(name) or shutil.which(name, path=os.pathsep.join(SYSTEM_FOLDERS))):
            raise FileNotFoundError(f"there is no program {name}")
        yield found


def _python() -> Iterator[str]:
    """The interpreter, the environment's names for it, and the standard library."""
    yield sys.executable
    yield str(Path(sys.prefix) / "pyvenv.cfg")
    yield os.path.realpath(sys.executable)
    yield from _below(Path(sysconfig.get_path("stdlib")))
    shared = Path(sysconfig.get_config_var("LIBDIR") or "", sysconfig.get_config_var("INSTSONAME") or "")
    if shared.is_file():
        yield str(shared)


def _installed() -> Iterator[str]:
    """arpcheck's distribution and all that it requires."""
    left, done = ["arpcheck"], set[str]()
    while left:
        name = left.pop()
        if name in done:
            continue
        done.add(name)
        found = metadata.distribution(name)
        left += [one.name for one in map(Requirement, found.requires or ()) if _applies(one)]
        yield from (
            str(found.locate_file(file))
            for file in found.files or ()
            if "__pycache__" not in str(file) or ".pyc" in file.suffix
        )


def _applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def _checkout() -> Iterator[str]:
    for name in OF_THE_CHECKOUT:
        yield from _below(CHECKOUT / name)


def _below(folder: Path) -> Iterator[str]:
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in UNUSED]
        yield from (os.path.join(where, name) for name in names if not name.endswith((".a", ".md", ".html", ".png")))


def _libraries(files: Iterable[str]) -> Iterator[str]:
    """The shared libraries of programs and of Python's extension modules, the loader included."""
    elf = [path for path in files if os.path.isfile(path) and _is_elf(path)]
    told = subprocess.run(["ldd", *elf], capture_output=True, text=True, check=False).stdout
    yield from sorted(set(_LIBRARY.findall(told)))


def _is_elf(path: str) -> bool:
    with open(path, "rb") as opened:
        return opened.read(4) == b"\x7fELF"
