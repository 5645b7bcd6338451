"""A failover for each state of the API, side by side, with real processes: it is told, and accuses nobody."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from failovers import APIS, failover

pytestmark = pytest.mark.lab(long=True)


def test_a_correct_failover_accuses_nobody_whatever_the_api_does():
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda api: failover(api, 1, 26.0), APIS))
    assert [(one["told"], one["accused"]) for one in found] == [(True, [])] * len(APIS), found
