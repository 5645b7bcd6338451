"""The same as programs in namespaces, behind a switch that loses frames: one run of each, side by side."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from loss_lans import TRIALS
from loss_on_kernel import counted

pytestmark = pytest.mark.lab


def test_no_loss_makes_it_clean_or_accuses_it():
    lans = tuple(dict.fromkeys(trial.lan for trial in TRIALS))
    with ThreadPoolExecutor() as pool:
        found = dict(zip(lans, pool.map(lambda lan: counted(lan, 30, "both", 1), lans), strict=True))
    for trial in TRIALS:
        assert found[trial.lan][trial.command][0] in ((1, 3) if trial.faulty else (0, 3)), trial


def test_the_switch_itself_changes_nothing():
    assert counted("in use", 0, "both", 1) == {"pool": [1]}
    assert counted("all free", 0, "both", 1) == {"pool": [0]}
