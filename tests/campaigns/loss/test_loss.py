"""A short campaign, the same in every run: what is faulty is never clean and what is healthy never accused, at any loss."""

import pytest
from loss_campaign import DIRECTIONS, LOSS, counted
from loss_lans import TRIALS

RUNS = 3


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: f"{trial.command} {trial.lan}")
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_no_loss_makes_it_clean_or_accuses_it(trial, direction):
    for percent in LOSS:
        codes, wrong = counted(trial, percent, direction, RUNS)
        assert wrong == [], codes


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: f"{trial.command} {trial.lan}")
def test_where_nothing_is_lost_each_is_told(trial):
    codes, _ = counted(trial, 0, "both", 1)
    assert codes == {1 if trial.faulty else 0: 1}
