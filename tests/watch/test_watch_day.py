"""Half an hour of the simulated day of `scripts/soak day`: failovers page nobody, a split brain is on /metrics."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "campaigns" / "soak"))

from day import false_pages, live, missed
from day_network import Day
from promtool import PROMTOOL


def test_half_an_hour_with_a_restart():
    day = Day(0.6, 1)
    kept, _ = live(day, restarts=1)
    assert len(day.splits) == 1
    assert day.failovers > 20
    faults, took = missed(day, kept)
    assert faults == []
    assert len(took) == 1
    assert PROMTOOL is None or false_pages(day, kept) == ""
