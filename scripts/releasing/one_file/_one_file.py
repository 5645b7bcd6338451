"""Imports from the archive that this module is in, without unpacking it: root would run what another user put into a cache.

Compiled code is in a member for each package and version of Python, and extension modules are loaded from memory. Nothing
that is installed beside Python is imported, as in a virtual environment."""

import marshal
import os
import sys
import zipimport
import zlib
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader
from importlib.util import spec_from_file_location

ARCHIVE = __spec__.loader.archive
_compiled = {}


def install():
    """From now on modules come from the archive and Python's own library alone. Exits with 2 where Python does not fit."""
    built_for = zipimport.zipimporter(ARCHIVE).get_data("one_file/suffixes").decode().split()
    if not set(built_for) & set(EXTENSION_SUFFIXES):
        versions = ", ".join(built_for)
        sys.stderr.write(
            f"arpcheck: this file has no modules for {EXTENSION_SUFFIXES[0]}, only {versions}. Use pip instead\n"
        )
        sys.exit(2)
    sys.path[:] = [ARCHIVE, *(one for one in sys.path if one != ARCHIVE and not _is_beside_python(one))]
    sys.path_hooks.insert(0, Importer)
    for place in [one for one in sys.path_importer_cache if one.startswith(ARCHIVE)]:
        del sys.path_importer_cache[place]


def _is_beside_python(place):
    return os.path.basename(place) in ("site-packages", "dist-packages")


class Importer(zipimport.zipimporter):
    def __init__(self, path):
        if not (path == ARCHIVE or path.startswith(ARCHIVE + os.sep)):
            raise zipimport.ZipImportError(f"not in {ARCHIVE}", path=path)
        super().__init__(path)

    def find_spec(self, fullname, target=None):
        spec = super().find_spec(fullname, target)
        return spec if spec and spec.loader else self._extension(fullname) or spec  # without a loader: a namespace

    def get_code(self, fullname):
        package = fullname.partition(".")[0]
        if package not in _compiled:
            _compiled[package] = self._unpacked(package)
        if packed := _compiled[package].get(fullname):
            return marshal.loads(zlib.decompress(packed))  # noqa: S302 - of this archive, as its sources are
        return super().get_code(fullname)

    def get_filename(self, fullname):
        """zipimporter's compiles the source first."""
        rest = "/__init__.py" if self.is_package(fullname) else ".py"
        return f"{self.archive}/{self.prefix}{fullname.rpartition('.')[2]}{rest}"

    def _unpacked(self, package):
        """Nothing where the archive was built without this version of Python: sources are compiled at each start then."""
        try:
            return marshal.loads(self.get_data(f"one_file/{sys.implementation.cache_tag}/{package}"))  # noqa: S302
        except OSError:
            return {}

    def _extension(self, fullname):
        """dlopen() wants a path. That of a file in memory stays open, since two libraries of one path would be one."""
        for suffix in EXTENSION_SUFFIXES:
            try:
                content = self.get_data(f"{self.prefix}{fullname.rpartition('.')[2]}{suffix}".replace(os.sep, "/"))
            except OSError:
                continue
            memory = os.memfd_create(fullname)
            with open(memory, "wb", closefd=False) as file:
                file.write(content)
            path = f"/proc/self/fd/{memory}"
            return spec_from_file_location(fullname, path, loader=ExtensionFileLoader(fullname, path))
        return None
