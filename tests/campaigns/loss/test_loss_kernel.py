"""The same as programs in namespaces, behind a switch that loses frames: one run of each, side by side."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from loss_lans import TRIALS
from loss_on_kernel import counted

pytestmark = pytest.mark.lab(long=True)


def test_no_loss_makes_it_clean_or_accuses_it():
    with ThreadPoolExecutor(len(TRIALS)) as pool:
        found = list(pool.map(lambda trial: counted(trial.lan, 30, "both", 1, trial.command), TRIALS))
    for trial, codes in zip(TRIALS, found, strict=True):
        assert codes[trial.command][0] in ((1, 3) if trial.faulty else (0, 3)), trial


def test_the_switch_itself_changes_nothing():
    with ThreadPoolExecutor() as pool:
        assert list(pool.map(lambda lan: counted(lan, 0, "both", 1), ("in use", "all free"))) == [
            {"pool": [1]},
            {"pool": [0]},
        ]
