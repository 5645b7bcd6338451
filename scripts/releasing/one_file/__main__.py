"""The start of the one-file build. Also read by a Python that is too old for arpcheck, which it then names."""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036
    have = ".".join(str(number) for number in sys.version_info[:2])
    sys.stderr.write(
        "arpcheck: Python 3.11 or newer is needed, this is {}. Name one: python3.11 {}\n".format(have, *sys.argv)
    )
    sys.exit(2)

sys.path[0] = os.path.abspath(sys.path[0])  # a command may change its folder

import _one_file  # noqa: E402

_one_file.install()

from arpcheck.__main__ import process  # noqa: E402

process()
