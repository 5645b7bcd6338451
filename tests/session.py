"""pytest as a person at a terminal would start it: what a script or a shell's background ignores, such as Ctrl-C, would be
ignored by every program that a test starts, and many tests are about it. With compiled modules: hundreds of programs would
compile the same ones anew."""

import os
import signal
import sys

for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.execv(sys.executable, [sys.executable, "-m", "pytest", *sys.argv[1:]])  # noqa: S606
