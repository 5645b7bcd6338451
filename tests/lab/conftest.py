"""What needs the lab is skipped aloud where this machine does not allow one, with the cure.

With ARPCHECK_LAB=required, as in CI, that is a failure instead."""

import os
from functools import cache

import pytest

from arpcheck.errors import LabError
from arpcheck.lab import enclosure


@cache
def obstacle():
    try:
        enclosure.require()
    except LabError as error:
        return str(error)
    return None


def pytest_runtest_setup(item):
    if item.get_closest_marker("lab") and (why := obstacle()):
        if os.environ.get("ARPCHECK_LAB") == "required":
            pytest.fail(f"the lab is required here: {why}", pytrace=False)
        pytest.skip(why)
