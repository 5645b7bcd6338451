"""How far a server's clock is ahead: by the Date headers of its answers, and in what was read."""

from datetime import UTC, datetime, timedelta

import pytest
from cluster_world import cluster

from arpcheck.cluster.session import ServerTime

NOW = datetime(2026, 3, 1, 12, 0, 0, 500000, tzinfo=UTC)


def header(seconds):
    """As a server writes it: cut to the second, in English whatever the locale."""
    return (NOW + timedelta(seconds=seconds)).strftime("Sun, 01 Mar 2026 %H:%M:%S GMT")


@pytest.mark.parametrize(
    ("said", "ahead"),
    [
        pytest.param([], None, id="nothing was said"),
        pytest.param([("no date", 0, 0.1)], None, id="no date"),
        pytest.param([(None, 0, 0.1)], None, id="no header"),
        pytest.param([(header(0), 0, 0.1)], 0.0, id="the same"),
        pytest.param([(header(4), 0, 0.1)], 0.0, id="less than clocks may differ"),
        pytest.param([(header(3600), 0, 0.1)], 3600.0, id="an hour ahead"),
        pytest.param([(header(-20), 0, 0.1)], -20.0, id="behind"),
        pytest.param([(header(10), 0, 30), (header(40), 30, 30.1)], 10.0, id="a slow answer says less than a quick one"),
        pytest.param([(header(3600), 0, 0.1), (header(60), 0.2, 0.3)], 60.0, id="two servers with two clocks: the last"),
    ],
)
def test_the_difference_is_told_by_what_all_answers_allow(said, ahead):
    time = ServerTime()
    for text, asked, answered in said:
        time.observe(text, NOW + timedelta(seconds=asked), NOW + timedelta(seconds=answered))
    found = time.ahead
    assert (found is None) == (ahead is None)
    assert ahead is None or found == pytest.approx(ahead, abs=1)


def test_what_was_read_says_how_far_the_server_is_ahead(tmp_path):
    with cluster(tmp_path) as (_, ask):
        assert ask().server_ahead == 0.0
