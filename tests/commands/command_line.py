"""arpcheck as a process of its own."""

import subprocess
import sys


def arpcheck(*arguments, stdin="", cwd=None):
    command = [sys.executable, "-m", "arpcheck", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False, cwd=cwd)
