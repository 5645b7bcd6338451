"""Which nodes' addresses are requested only once: those that can't be on the segment, where they are many."""

from ipaddress import IPv4Address

import pytest

from arpcheck.model import Interface, Kind, Mac, Target
from arpcheck.pipeline.planning import _far

NEAR, OTHER = "10.0.0.0", "10.9.0.0"


def nic(*addresses):
    return Interface(name="eth0", mac=Mac("02:00:00:00:00:05"), addresses=addresses)


def nodes(base, number):
    return tuple(
        Target(ip=IPv4Address(base) + n, kind=Kind.NODE, services=(), nodes=(f"{base}-{n}",)) for n in range(1, number + 1)
    )


@pytest.mark.parametrize(
    ("targets", "addresses", "far"),
    [
        pytest.param((*nodes(NEAR, 3), *nodes(OTHER, 400)), ("10.0.0.5/24",), 400, id="many of another network"),
        pytest.param((*nodes(NEAR, 3), *nodes(OTHER, 5)), ("10.0.0.5/24",), 0, id="a few cost nothing"),
        pytest.param(nodes(OTHER, 400), ("10.0.0.5/24",), 0, id="all have a management address"),
        pytest.param((*nodes(NEAR, 3), *nodes(OTHER, 400)), (), 0, id="no network to compare with"),
        pytest.param((*nodes(NEAR, 3), *nodes(OTHER, 200)), ("10.0.0.5/24", "10.9.0.5/16"), 0, id="both are here"),
    ],
)
def test_which_nodes_are_far(targets, addresses, far):
    assert len(_far(targets, (nic(*addresses),))) == far
