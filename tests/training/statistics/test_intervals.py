"""Intervals: coverage when participants differ, pairing, the order of rows, degenerate cases."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from simulation import SIMULATED, coverage

from modeling_emert.tasks_emert import EMER_TASKS, TASKS
from training.metrics import METRICS, collect
from training.metrics.predictions import to_rows
from training.statistics.intervals import (
    FEWEST_PARTICIPANTS,
    intervals,
    intervals_of_means,
    intervals_of_sums,
    make_interval,
    resample_counts,
    tail_in_draws,
    tail_in_truth,
)

ER3 = TASKS["er3"]


def _rows(task, targets, predictions, participants, method="EMERT"):
    names = [str(i) for i in range(len(participants))]
    return to_rows(task, names, participants, names, targets, predictions, method, 0)


def _random_rows(name, count=60, people=12, seed=0):
    task, rng = TASKS[name], np.random.default_rng(seed)
    if task.kind == "classification":
        targets, guesses = rng.integers(task.size, size=count), rng.dirichlet(np.ones(task.size), size=count)
    else:
        targets, guesses = rng.uniform(*task.range, (2, count, task.size))
    return _rows(task, targets, guesses, [f"p{i % people}" for i in range(count)])


def _simulated(rng, people, clips):
    """Some people are read nearly always right, some nearly never: the true UAR is the mean of beta(1, 1), 0.5."""
    right = rng.random((people, clips)) < rng.beta(1, 1, size=(people, 1))
    targets = np.tile(np.arange(clips) % 3, people)
    guesses = np.eye(3)[np.where(right.ravel(), targets, (targets + 1) % 3)]
    return targets, guesses, np.repeat(np.arange(people), clips).astype(str)


def test_coverage_needs_participants():
    """Of 95 % intervals about 95 % hold the truth; resampling recordings as if they were independent fails badly."""
    rng = np.random.default_rng(7)
    covered = {"participants": 0, "recordings": 0}
    for repeat in range(60):
        targets, guesses, participants = _simulated(rng, people=30, clips=12)
        units = {"participants": participants, "recordings": np.arange(len(targets)).astype(str)}
        for unit, ids in units.items():
            _, codes = np.unique(ids, return_inverse=True)
            found = intervals_of_sums(ER3, collect(ER3, targets, guesses, codes), n_resamples=200, seed=repeat)["uar"]
            covered[unit] += found.low <= 0.5 <= found.high
    assert 52 <= covered["participants"] <= 60
    assert covered["recordings"] < 45


@pytest.mark.slow
@pytest.mark.parametrize("participants", [20, 40, 70])
@pytest.mark.parametrize(("task", "simulate"), SIMULATED, ids=[task.name for task, _ in SIMULATED])
def test_coverage_is_nominal(task, simulate, participants):
    """Every metric, uneven labels, participants of their own bent; 0.90 to 0.98 for intervals called 95 %."""
    found = coverage(task, simulate, participants, repeats=2000, n_resamples=500)  # 2000: known to 0.006
    assert all(0.90 <= share <= 0.98 for share in found.values()), found


def test_few_participants_have_wider_intervals_than_percentiles():
    """For the mean of a number by participant the interval must be Student's t's, which is known to be right."""
    rng = np.random.default_rng(9)
    values = rng.normal(size=12)
    drawn = resample_counts(12, 20_000, seed=0) @ values / 12
    found = make_interval(values.mean(), drawn, 12)
    half = stats.t.ppf(0.975, 11) * stats.sem(values)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.04)
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert found.high - found.low > 1.1 * (high - low)


def test_tails_are_inverse():
    assert tail_in_truth(tail_in_draws(0.025, 20), 20) == pytest.approx(0.025)
    assert tail_in_draws(0.025, 20) < 0.02
    assert tail_in_draws(0.025, 100_000) == pytest.approx(0.025, rel=1e-3)


@pytest.mark.parametrize("name", EMER_TASKS)
def test_interval_holds_the_value(name):
    found = intervals(TASKS[name], _random_rows(name), n_resamples=300)
    assert list(found) == list(METRICS[TASKS[name].kind])
    for interval in found.values():
        assert interval.low < interval.value < interval.high
        assert interval.n_resamples == 300


def test_agrees_with_a_bootstrap_by_hand():
    rows = _random_rows("er_va", count=40, people=8)
    people = sorted(rows["participant_id"].unique())
    expected = []
    for counts in resample_counts(len(people), 50, seed=3):
        chosen = [name for name, count in zip(people, counts, strict=True) for _ in range(int(count))]
        drawn = pd.concat([rows[rows["participant_id"] == name] for name in chosen])
        x, y = np.array(drawn["target"].tolist()), np.array(drawn["prediction"].tolist())
        covariance = ((x - x.mean(0)) * (y - y.mean(0))).mean(0)
        expected.append((2 * covariance / (x.var(0) + y.var(0) + (x.mean(0) - y.mean(0)) ** 2)).mean())
    found = intervals(TASKS["er_va"], rows, n_resamples=50, seed=3)["ccc"]
    outside = tail_in_draws(0.025, len(people))
    np.testing.assert_allclose([found.low, found.high], np.quantile(expected, [outside, 1 - outside]))


def test_order_of_rows_does_not_matter():
    rows = _random_rows("er7")
    assert intervals(TASKS["er7"], rows, n_resamples=100) == intervals(TASKS["er7"], rows.sample(frac=1, random_state=1), 100)
    assert intervals(TASKS["er7"], rows, n_resamples=100) != intervals(TASKS["er7"], rows, n_resamples=100, seed=1)


def test_draws():
    counts = resample_counts(10, 500, seed=0)
    assert (counts.sum(axis=1) == 10).all()
    assert abs(counts.mean(axis=0) - 1).max() < 0.2


@pytest.mark.parametrize("people", [1, FEWEST_PARTICIPANTS - 1])
def test_too_few_participants_have_no_interval(people: int):
    found = intervals(ER3, _random_rows("er3", people=people), n_resamples=50)["uar"]
    assert 0 <= found.value <= 1
    assert np.isnan([found.low, found.high]).all()
    assert found.n_resamples == 0


def test_undefined_draws_are_left_out():
    """Only participant b has a truth that varies, so a resample of the four others has no CCC: (4 / 5)^5 of the resamples."""
    task = TASKS["fer_intensity"]
    truth, answers = np.array([1.0, 1.0, 1.0, 1.0, 0.0, 2.0]), np.array([1.0, 1.2, 0.9, 1.1, 0.1, 1.9])
    found = intervals(task, _rows(task, truth, answers, ["a", "c", "d", "e", "b", "b"]), n_resamples=400)
    assert 230 < found["ccc"].n_resamples < 310
    assert np.isfinite([found["ccc"].low, found["ccc"].high]).all()
    assert found["mae"].n_resamples == 400


def test_nonsense_is_refused():
    rows = _random_rows("er3")
    with pytest.raises(ValueError, match="one method"):
        intervals(ER3, pd.concat([rows, rows.assign(method="other")]))
    with pytest.raises(ValueError, match="level"):
        intervals(ER3, rows, level=95)
    with pytest.raises(ValueError, match="n_resamples"):
        intervals(ER3, rows, n_resamples=0)


def test_the_interval_of_a_mean_is_that_of_the_metric_which_is_one():
    rows = _random_rows("er3")
    targets, answers = (np.array(rows[name].tolist()) for name in ("target", "prediction"))
    right = answers.argmax(axis=1) == targets[:, 0]
    found = intervals_of_means({"right": right}, rows["participant_id"].to_numpy(str), n_resamples=200)["right"]
    assert tuple(vars(found).values()) == pytest.approx(tuple(vars(intervals(ER3, rows, n_resamples=200)["war"]).values()))
