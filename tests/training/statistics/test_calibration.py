"""Calibration against scikit-learn and by hand; a temperature that is known; bins that don't depend on the order."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import brier_score_loss, log_loss

from modeling_emert.tasks_emert import ABSENT_CLASS
from training.statistics.calibration import COLDEST, calibration, fit_offsets, fit_temperature, reliability


def _answers(count: int = 400, size: int = 7, sharpness: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from the softmax of them: calibrated where `sharpness` is 1, too sure above."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=2, size=(count, size))
    targets = np.array([rng.choice(size, p=row) for row in softmax(logits, axis=1)])
    return sharpness * logits, targets


def test_agrees_with_scikit_learn():
    logits, targets = _answers()
    probabilities = softmax(logits, axis=1)
    found = calibration(probabilities, targets)
    assert found["nll"] == pytest.approx(log_loss(targets, probabilities, labels=range(7)), abs=1e-12)
    expected = sum(brier_score_loss(targets == label, probabilities[:, label]) for label in range(7))  # of one class each
    assert found["brier"] == pytest.approx(expected, abs=1e-12)


def test_ece_by_hand():
    """Bins of 4 of the sorted confidences, as many recordings in each."""
    rng = np.random.default_rng(1)
    probabilities, targets = rng.dirichlet(np.ones(3), size=60), rng.integers(3, size=60)
    order = np.argsort(probabilities.max(axis=1))
    right = probabilities.argmax(axis=1) == targets
    parts = np.array_split(order, 15)
    expected = np.mean([abs(probabilities[part].max(axis=1).mean() - right[part].mean()) for part in parts])
    assert calibration(probabilities, targets)["ece"] == pytest.approx(expected, abs=1e-12)


def test_calibrated_and_too_sure():
    logits, targets = _answers(3000)
    good, bad = (calibration(softmax(factor * logits, axis=1), targets) for factor in (1, 4))
    assert good["ece"] < 0.04 < 0.15 < bad["ece"]
    assert good["nll"] < bad["nll"]
    assert good["brier"] < bad["brier"]


def test_temperature_is_found():
    logits, targets = _answers(5000, sharpness=3.0)
    assert fit_temperature(logits, targets) == pytest.approx(3, rel=0.1)
    shifted = logits + np.random.default_rng(2).normal(size=(len(logits), 1))  # a softmax doesn't see it
    assert fit_temperature(shifted, targets) == pytest.approx(fit_temperature(logits, targets), rel=1e-5)


def test_offsets_take_back_what_a_shift_took():
    logits, targets = _answers(5000, sharpness=2.0)
    shift = np.array([1.0, -1.0, 0.5, -0.5, 0.0, 0.3, -0.3])
    found = fit_offsets(logits + shift, targets, power=0)
    np.testing.assert_allclose(found, -shift, atol=0.2)
    assert abs(found.mean()) < 1e-9
    targets = np.where(targets == 6, ABSENT_CLASS, targets)  # the last class has no recording
    assert fit_offsets(logits + shift, targets, power=0)[6] == 0
    np.testing.assert_array_equal(fit_offsets(logits[:3], np.array([2, 2, ABSENT_CLASS]), power=0), np.zeros(7))


def test_offsets_find_rare_classes_the_more_the_greater_the_power():
    logits, targets = _answers(6000)
    kept = (targets > 1) | (np.arange(len(targets)) % 12 == 0)  # classes 0 and 1 are rare
    logits, targets = logits[kept] * 0.5, targets[kept]
    answers = [(logits + fit_offsets(logits, targets, power)).argmax(axis=1) for power in (0, 0.5, 1)]
    right = [np.mean(answer == targets) for answer in answers]
    rare = [np.mean(answer[targets < 2] == targets[targets < 2]) for answer in answers]
    assert right[0] > right[1] > right[2]
    assert rare[0] + 0.1 < rare[1] < rare[2] - 0.1


def test_temperature_is_the_best():
    logits, targets = _answers(200, sharpness=2.0, seed=3)
    best = fit_temperature(logits, targets)
    errors = [calibration(softmax(logits / t, axis=1), targets)["nll"] for t in (0.97 * best, best, 1.03 * best)]
    assert errors[1] == min(errors)


def test_temperature_at_the_edge():
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0)) == 1.0
    assert fit_temperature(np.eye(3), np.full(3, ABSENT_CLASS)) == 1.0
    assert COLDEST <= fit_temperature(np.eye(3), np.arange(3)) < 0.1  # never wrong: as sure as allowed


def test_reliability_table():
    logits, targets = _answers(100)
    table = reliability(softmax(logits, axis=1), targets)
    assert len(table) == 15
    assert set(table["n"]) == {6, 7}
    assert table["confidence"].is_monotonic_increasing
    assert (table["n"] * table["accuracy"]).sum() == pytest.approx((logits.argmax(axis=1) == targets).sum())
    assert len(reliability(np.zeros((0, 3)), np.zeros(0))) == 0


def test_equal_confidences_share_a_bin():
    """A constant predictor: one bin, and the order of the rows can't matter."""
    targets = np.array([0] * 30 + [1] * 30)
    top = np.r_[np.linspace(0.6, 0.8, 30), np.full(30, 0.9)]  # half are equal: they fill what would be two of four bins
    assert reliability(np.stack([top, 1 - top], axis=1), targets, bins=4)["n"].tolist() == [15, 15, 30]
    constant = np.tile([0.7, 0.3], (60, 1))
    assert len(reliability(constant, targets)) == 1
    assert calibration(constant, targets)["ece"] == pytest.approx(0.2)
    assert calibration(constant, targets[::-1])["ece"] == pytest.approx(0.2)


def test_impossible_truth_costs_much_but_not_infinity():
    found = calibration(np.array([[1.0, 0.0]]), np.array([1]))
    assert 30 < found["nll"] < 40


def test_absent_and_wrong():
    logits, targets = _answers(50)
    probabilities = softmax(logits, axis=1)
    half = np.where(np.arange(50) < 25, targets, ABSENT_CLASS)
    assert calibration(probabilities, half) == calibration(probabilities[:25], targets[:25])
    assert np.isnan(list(calibration(probabilities[:0], targets[:0]).values())).all()
    with pytest.raises(ValueError, match=r"0\.\.6, got 9"):
        calibration(probabilities, np.full(50, 9))
    with pytest.raises(ValueError, match="NaN"):
        calibration(np.full((1, 3), np.nan), np.zeros(1))
    with pytest.raises(ValueError, match="expected values"):
        fit_temperature(logits, targets[:10])
