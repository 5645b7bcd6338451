"""What needs a machine with sudo is skipped aloud where there can be none, as the lab is; with ARPCHECK_LAB=required it fails."""

import os
from functools import cache

import pytest
from sudo_world import SudoWorld, missing

from arpcheck.errors import LabError
from arpcheck.lab import network


@cache
def obstacle():
    try:
        network.require()
    except LabError as error:
        return str(error)
    return missing()


def pytest_runtest_setup(item):
    if item.get_closest_marker("lab") and (why := obstacle()):
        if os.environ.get("ARPCHECK_LAB") == "required":
            pytest.fail(f"the lab is required here: {why}", pytrace=False)
        pytest.skip(why)


@pytest.fixture
def world():
    """A machine of the test's own, whose user may call everything by sudo."""
    with SudoWorld() as made:
        yield made
