"""Metrics against scikit-learn and direct formulas, the degenerate cases, and the order of the labels."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, pearsonr
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    mean_absolute_error,
    mean_squared_error,
    recall_score,
    root_mean_squared_error,
)

from modeling_emert.tasks_emert import ABSENT_CLASS, TASKS, Task
from training.metrics import LOWER_IS_BETTER, METRIC_TITLES, METRICS, as_targets, collect, score, scores, uar_batchmean16
from training.metrics.emotion_classification.class_scores import VOTE_METRICS, entropy_to, vote_scores

ER7, VA, INTENSITY = TASKS["er7"], TASKS["er_va"], TASKS["fer_intensity"]
EXACT = 1e-12


def test_every_metric_has_a_title():
    names = {name for metrics in METRICS.values() for name in metrics}
    assert set(METRIC_TITLES) == names | set(VOTE_METRICS)
    assert names >= LOWER_IS_BETTER
    assert all(METRICS[task.kind][0] == task.primary_metric for task in TASKS.values())


def _ccc(x: np.ndarray, y: np.ndarray) -> float:
    return 2 * np.cov(x, y, bias=True)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)


def _random_classes(rng: np.random.Generator, count: int, classes: int = 7) -> tuple[np.ndarray, np.ndarray]:
    return rng.integers(classes, size=count), rng.dirichlet(np.ones(7), size=count)


@pytest.mark.parametrize("seed", range(5))
def test_classes_agree_with_scikit_learn(seed):
    targets, probabilities = _random_classes(np.random.default_rng(seed), 200)
    guessed = probabilities.argmax(1)
    found = score(ER7, targets, probabilities)
    assert found["uar"] == pytest.approx(recall_score(targets, guessed, average="macro"), abs=EXACT)
    assert found["macro_f1"] == pytest.approx(f1_score(targets, guessed, average="macro"), abs=EXACT)
    assert found["weighted_f1"] == pytest.approx(f1_score(targets, guessed, average="weighted"), abs=EXACT)
    assert found["war"] == pytest.approx(accuracy_score(targets, guessed), abs=EXACT)


def test_classes_absent_from_the_truth():
    rng = np.random.default_rng(0)
    targets, probabilities = _random_classes(rng, 100, classes=4)
    probabilities[:, 6] = 0.0  # class 6: neither true nor predicted; 4 and 5: predicted only
    guessed = probabilities.argmax(1)
    found = score(ER7, targets, probabilities)
    assert found["uar"] == pytest.approx(recall_score(targets, guessed, labels=range(4), average="macro"))
    assert found["macro_f1"] == pytest.approx(f1_score(targets, guessed, labels=range(6), average="macro", zero_division=0))
    assert found["weighted_f1"] == pytest.approx(f1_score(targets, guessed, average="weighted", zero_division=0))


@pytest.mark.parametrize("task", [VA, INTENSITY])
def test_numbers_agree_with_the_formula(task):
    rng = np.random.default_rng(1)
    targets = rng.uniform(*task.range, size=(150, task.size))
    guesses = 0.5 * targets + rng.normal(scale=0.2, size=targets.shape)
    found = score(task, targets, guesses)
    columns = list(zip(targets.T, guesses.T, strict=True))
    assert found["ccc"] == pytest.approx(np.mean([_ccc(x, y) for x, y in columns]), abs=EXACT)
    assert found["pearson_r"] == pytest.approx(np.mean([pearsonr(x, y).statistic for x, y in columns]), abs=EXACT)
    assert found["mae"] == pytest.approx(mean_absolute_error(targets, guesses), abs=EXACT)
    assert found["mse"] == pytest.approx(mean_squared_error(targets, guesses), abs=EXACT)
    assert found["rmse"] == pytest.approx(root_mean_squared_error(targets, guesses), abs=EXACT)


def test_large_offset_loses_no_precision():
    far = Task("far", "er", "regression", ("height",), (1e6 - 5, 1e6 + 5))
    x = 1e6 + np.random.default_rng(2).normal(size=500)
    y = x + np.random.default_rng(3).normal(scale=0.5, size=500)
    assert score(far, x, y)["ccc"] == pytest.approx(_ccc(x - 1e6, y - 1e6), rel=1e-9)


def test_constant_predictor():
    targets = np.array([0, 0, 1, 2, 2, 2])
    found = score(TASKS["er3"], targets, np.tile([0.1, 0.2, 0.7], (6, 1)))
    assert found["uar"] == pytest.approx(1 / 3)
    assert found["war"] == pytest.approx(1 / 2)
    numbers = np.random.default_rng(4).uniform(-1, 1, (50, 2))
    flat = score(VA, numbers, np.full((50, 2), 0.3))
    assert flat["ccc"] == flat["pearson_r"] == 0.0


def test_undefined_is_nan():
    assert np.isnan(score(ER7, np.array([ABSENT_CLASS]), np.eye(7)[:1])["uar"])
    assert all(np.isnan(value) for value in score(VA, np.zeros((0, 2)), np.zeros((0, 2))).values())
    constant = score(INTENSITY, np.full(10, 0.3), np.linspace(0, 3, 10))
    assert np.isnan([constant["ccc"], constant["pearson_r"]]).all()
    assert constant["mae"] > 0
    assert np.isnan(score(INTENSITY, np.full(10, 0.3), np.full(10, 0.3))["ccc"])


def test_small_errors_keep_their_digits():
    """The squared error is summed as such: from the sums of squares it would be rounding alone."""
    targets = np.random.default_rng(7).uniform(0, 3, 100)
    assert score(INTENSITY, targets, targets + 1e-9)["rmse"] == pytest.approx(1e-9, rel=1e-5)


def test_mean_over_batches_of_16():
    rng = np.random.default_rng(8)
    targets, probabilities = _random_classes(rng, 40)
    by_batch = [score(ER7, targets[i : i + 16], probabilities[i : i + 16])["uar"] for i in (0, 16, 32)]
    assert uar_batchmean16(ER7, targets, probabilities) == pytest.approx(np.mean(by_batch))
    assert uar_batchmean16(ER7, targets, probabilities) != pytest.approx(score(ER7, targets, probabilities)["uar"])
    assert np.isnan(uar_batchmean16(ER7, np.zeros(0), np.zeros((0, 7))))
    assert all("uar_batchmean16" not in names for names in METRICS.values())


def test_absent_labels_are_left_out():
    rng = np.random.default_rng(5)
    targets, probabilities = _random_classes(rng, 80)
    with_absent = np.where(np.arange(80) % 2, targets, ABSENT_CLASS)
    assert score(ER7, with_absent, probabilities) == score(ER7, targets[1::2], probabilities[1::2])
    numbers, guesses = rng.uniform(-1, 1, (2, 80, 2))
    numbers[:40, 1] = np.nan  # arousal is known for half of the recordings only
    expected = (_ccc(numbers[:, 0], guesses[:, 0]) + _ccc(numbers[40:, 1], guesses[40:, 1])) / 2
    assert score(VA, numbers, guesses)["ccc"] == pytest.approx(expected)


def test_swapping_two_labels_shows():
    """Probabilities written in another order than the labels of the task must cost recall."""
    documented = ["happiness", "sadness", "fear", "surprise", "disgust", "anger", "neutral"]
    swapped = ["happiness", "fear", "sadness", "surprise", "disgust", "anger", "neutral"]
    targets = np.array([ER7.labels.index(name) for name in documented * 5])
    right, wrong = (np.eye(7)[[order.index(name) for name in documented * 5]] for order in (documented, swapped))
    assert score(ER7, targets, right)["uar"] == 1.0
    assert score(ER7, targets, wrong)["uar"] == pytest.approx(5 / 7)


@pytest.mark.parametrize("name", TASKS)
def test_sums_of_groups_add_up(name):
    task = TASKS[name]
    rng = np.random.default_rng(6)
    shape = 60 if task.kind == "classification" else (60, task.size)
    targets = rng.integers(task.size, size=shape) if task.kind == "classification" else rng.uniform(*task.range, shape)
    guesses = rng.uniform(size=(60, task.size))
    groups = rng.integers(4, size=60)  # group 4 stays empty
    parts = collect(task, targets, guesses, groups, num_groups=5)
    np.testing.assert_allclose(parts.sum(0), collect(task, targets, guesses))
    by_group = scores(task, parts)
    assert set(by_group) == set(METRICS[task.kind])
    for metric, values in by_group.items():
        assert values.shape == (5,)
        assert np.isnan(values[4])
        own = groups == 2
        assert values[2] == pytest.approx(score(task, targets[own], guesses[own])[metric])


@pytest.mark.parametrize(
    ("targets", "message"), [(np.array([7]), "0..6"), (np.array([0.5]), "0..6"), (np.zeros((1, 2)), "must be")]
)
def test_wrong_targets_are_refused(targets, message):
    with pytest.raises(ValueError, match=message):
        as_targets(ER7, targets)


def test_diverged_predictions_get_no_score():
    with pytest.raises(ValueError, match="NaN"):
        score(ER7, np.array([0]), np.full((1, 7), np.nan))


@pytest.mark.slow
def test_importing_needs_no_torch():
    """These modules by themselves: the package of the model, whose own head loads transformers, is stood in for."""
    code = """
import importlib.util, sys, types
model = types.ModuleType("modeling_emert")
model.__path__ = importlib.util.find_spec("modeling_emert").submodule_search_locations
sys.modules["modeling_emert"] = model
import training.methods.fitted, training.methods.summaries, training.reports.results
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_scores_against_votes_are_those_of_scipy_and_least_where_the_votes_are_met():
    rng = np.random.default_rng(0)
    votes, answers = rng.dirichlet(np.ones(7), (2, 20))
    votes[0] = np.eye(7)[3]
    found = vote_scores(answers, votes)
    distances = [jensenshannon(one, other, base=2) ** 2 for one, other in zip(votes, answers, strict=True)]
    np.testing.assert_allclose(found["js_votes"], distances, atol=1e-12)
    np.testing.assert_allclose(found["nll_votes"], entropy(votes, axis=1) + entropy(votes, answers, axis=1))
    assert found["nll_votes"][0] == pytest.approx(-np.log(answers[0, 3]))
    met = vote_scores(votes, votes)
    np.testing.assert_allclose(met["js_votes"], 0, atol=1e-12)
    np.testing.assert_allclose(met["nll_votes"], entropy_to(votes, votes))
    assert (found["nll_votes"] > met["nll_votes"]).all()
    assert vote_scores(np.eye(7)[:1], np.eye(7)[1:2])["js_votes"].item() == 1.0
