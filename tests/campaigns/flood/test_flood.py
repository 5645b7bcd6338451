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
