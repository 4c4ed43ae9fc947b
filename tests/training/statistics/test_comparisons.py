"""Tests of differences: against scipy and by hand, pairing, false alarms and power, what can't be compared."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from simulation import SIMULATED, fold_false_alarms, paired_false_alarms, simulate_classes

from modeling_emert.tasks_emert import TASKS
from training.metrics import score
from training.metrics.predictions import to_arrays, to_rows
from training.statistics.comparisons import compare, compare_sums, holm, nadeau_bengio, smallest_p, two_sided_p
from training.statistics.intervals import intervals

ER3 = TASKS["er3"]


def _method(name: str, share_right: float, seed: int = 0, people: int = 20, clips: int = 12) -> pd.DataFrame:
    """Predictions of a method that is right on about this share of recordings; the harder ones are hard for all."""
    rng = np.random.default_rng(100)
    targets, difficulty = rng.integers(3, size=people * clips), rng.random(people * clips)
    noise = np.random.default_rng(seed).normal(scale=0.1, size=people * clips)
    guesses = np.where(difficulty + noise < share_right, targets, (targets + 1) % 3)
    ids = [str(i) for i in range(people * clips)]
    participants = np.repeat(np.arange(people), clips).astype(str)
    return to_rows(ER3, ids, participants, ids, targets, np.eye(3)[guesses], name, 0)


def test_a_real_difference_is_seen_and_turns_with_the_order():
    good, poor = _method("good", 0.7), _method("poor", 0.5, seed=1)
    found, turned = compare(ER3, good, poor), compare(ER3, poor, good)
    expected = score(ER3, *to_arrays(ER3, good))["uar"] - score(ER3, *to_arrays(ER3, poor))["uar"]
    assert found.value == pytest.approx(expected)
    assert 0 < found.low < found.value < found.high
    assert found.p < 0.01
    assert (turned.value, turned.low, turned.high) == pytest.approx((-found.value, -found.high, -found.low))
    assert turned.p == found.p


def test_pairing_sees_more_than_two_intervals():
    """Both methods fail on the same recordings: their intervals overlap, their difference is certain all the same."""
    first, second = _method("first", 0.62), _method("second", 0.55, seed=1)
    one, other = (intervals(ER3, rows)["uar"] for rows in (first, second))
    assert one.low < other.high
    assert compare(ER3, first, second).p < 0.05


def test_alike():
    rows = _method("first", 0.6)
    found = compare(ER3, rows, rows.assign(method="second"))
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_order_of_rows_does_not_matter():
    first, second = _method("first", 0.6), _method("second", 0.5, seed=1)
    assert compare(ER3, first, second.sample(frac=1, random_state=0), n_resamples=200) == compare(
        ER3, first, second, n_resamples=200
    )


def test_p_and_interval_agree():
    """p is below 0.05 just where the 95 % interval leaves 0 out, but for the few resamples between two quantiles."""
    rng = np.random.default_rng(3)
    for _ in range(30):
        first, second = simulate_classes(rng, 25, 2)
        found = compare_sums(TASKS["er7"], first, second, n_resamples=2000)["uar"]
        assert (found.p < 0.05) == (found.low > 0 or found.high < 0) or 0.045 < found.p < 0.055


def test_p_of_a_mean_is_that_of_the_t_test():
    values = np.random.default_rng(4).normal(0.4, 1, size=15)
    counts = np.random.default_rng(5).multinomial(15, np.full(15, 1 / 15), size=200_000)
    expected = stats.ttest_1samp(values, 0).pvalue
    assert two_sided_p(counts @ values / 15, 15) == pytest.approx(expected, rel=0.15)
    assert np.isnan(two_sided_p(np.ones(10), 1))


def test_what_cannot_be_compared():
    first, second = _method("first", 0.6), _method("second", 0.5)
    with pytest.raises(ValueError, match="same labelled recordings"):
        compare(ER3, first, second[1:])
    with pytest.raises(ValueError, match="same labelled recordings"):
        compare(ER3, first, second.assign(target=[[0.0]] * len(second)))
    with pytest.raises(ValueError, match="one method"):
        compare(ER3, pd.concat([first, second]), second)
    with pytest.raises(ValueError, match="ccc"):
        compare(ER3, first, second, metric="ccc")


def test_nadeau_bengio_by_hand():
    """With 10 folds: variance of the mean (1/10 + 1/9) s^2 instead of 1/10 s^2; scipy's t-test is the check of the rest."""
    differences = np.random.default_rng(6).normal(0.02, 0.03, size=10)
    plain = stats.ttest_1samp(differences, 0).statistic
    corrected = plain * np.sqrt(0.1 / (0.1 + 0.1 / 0.9))
    assert nadeau_bengio(differences, 0.1) == pytest.approx(2 * stats.t.sf(abs(corrected), 9))
    assert nadeau_bengio([*differences, np.nan], 0.1) == nadeau_bengio(differences, 0.1)
    assert nadeau_bengio([0.0, 0.0, 0.0], 0.2) == 1
    assert np.isnan(nadeau_bengio([0.1], 0.2))
    with pytest.raises(ValueError, match="test_fraction"):
        nadeau_bengio(differences, 1.0)


def test_holm():
    """By hand: sorted 0.01, 0.02, 0.03, 0.2 times 4, 3, 2, 1, never falling."""
    assert holm([0.03, 0.2, 0.01, float("nan"), 0.02]) == pytest.approx([0.06, 0.2, 0.04, np.nan, 0.06], nan_ok=True)
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.slow
@pytest.mark.parametrize("participants", [20, 70])
@pytest.mark.parametrize(("task", "simulate"), SIMULATED, ids=[task.name for task, _ in SIMULATED])
def test_paired_bootstrap_has_few_false_alarms(task, simulate, participants):
    found = paired_false_alarms(task, simulate, participants, repeats=500, n_resamples=500)
    assert all(share <= 0.07 for share in found.values()), found


@pytest.mark.slow
def test_nadeau_bengio_has_few_false_alarms():
    found = fold_false_alarms(20, repeats=500)
    assert found["nadeau_bengio"] <= 0.07 < found["plain t-test"]


def test_no_difference_is_clearer_than_the_draws_and_people_allow():
    """What nobody can fall below is told beside a table; more people and more resamples lower it."""
    clear = np.full(1000, 0.4)
    for participants in (5, 14, 60):
        assert two_sided_p(clear, participants) == smallest_p(participants, 1000)
    assert smallest_p(5, 1000) == smallest_p(5, 100_000) == 2 / 2**5
    assert smallest_p(60, 100_000) < smallest_p(60, 1000) < smallest_p(14, 1000)
    assert smallest_p(14, 10_000) * 22 > 0.05 > smallest_p(14, 100_000) * 22
    assert np.isnan(smallest_p(4, 1000))


def test_few_people_in_favour_are_no_proof():
    """Five of thirty answer better and nobody worse: no resample is below 0, but five tosses of a coin fall so 1 time in 16."""
    task = TASKS["er7"]
    sums = np.zeros((30, 7, 7))
    sums[:, np.arange(7), np.arange(7)] = 2.0
    worse = sums.copy()
    worse[:5, 0, 0], worse[:5, 0, 1] = 1.0, 1.0
    for both in (sums, worse):  # wrong in both, but not alike: their UAR is the same
        both[5:, 6, 6], both[5:, 6, 5] = 1.0, 1.0
    worse[5:, 6, 5], worse[5:, 6, 4] = 0.0, 1.0
    found = compare_sums(task, sums, worse, n_resamples=20_000)["uar"]
    assert found.value > 0
    assert found.p == pytest.approx(2 / 2**5)
    worse[:20, 0, 0], worse[:20, 0, 1] = 1.0, 1.0
    assert compare_sums(task, sums, worse, n_resamples=20_000)["uar"].p < 0.001
