"""A short flood of forged frames at 50,000 a second; scripts/flood is the long one, with every attack."""

import pytest
from flood_promises import broken
from flooded import under

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("attack", ["macs", "own_mac", "mixed"])
def test_a_flood_hides_nothing_and_fills_nothing(attack):
    result = under(attack, 50_000, 3, "--rate", "100", "--rounds", "2")
    assert result["sent"] > 10_000
    assert broken(attack, result) == []


@pytest.mark.parametrize("attack", ["ipv6-own_mac", "ipv6-oversized", "ipv6-mixed"])
def test_nor_does_one_of_advertisements(attack):
    """It lasts through the requests that follow the multicast ones."""
    result = under(attack, 50_000, 8, "--rate", "100", "--rounds", "2")
    assert result["sent"] > 10_000
    assert broken(attack, result) == []
