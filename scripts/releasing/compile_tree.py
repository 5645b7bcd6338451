"""Compiles every module of a folder with the Python that runs it, and writes name and code into a file for each package.

The same sources and the same release of Python give the same bytes.

    python3.13 -I scripts/releasing/compile_tree.py FOLDER INTO-FOLDER"""

import marshal
import sys
import zlib
from collections import defaultdict
from pathlib import Path

LARGEST = 500_000
"""Bytes of a source: a larger one is a table of data, which is as quickly compiled as read."""


def compiled(folder):
    found = defaultdict(dict)
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder)
        parts = name.with_suffix("").parts
        if path.stat().st_size < LARGEST and all(part.isidentifier() for part in parts):
            module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            try:
                code = compile(path.read_bytes(), str(name), "exec", dont_inherit=True, optimize=0)
            except SyntaxError:
                continue  # a template, or code for another version
            found[parts[0]][module] = zlib.compress(marshal.dumps(code), 9)
    return {package: marshal.dumps(modules) for package, modules in found.items()}


if __name__ == "__main__":
    for name, content in compiled(Path(sys.argv[1])).items():
        (Path(sys.argv[2]) / name).write_bytes(content)
