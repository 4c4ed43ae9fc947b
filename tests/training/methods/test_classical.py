"""Classical methods on toy data, and on a tiny data set with planted cheats."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import ABSENT_CLASS, TASKS
from training.methods.classical import Majority, StimulusMajority, predict_classical
from training.methods.fitted import (
    ClipOutliers,
    DropConstant,
    FittedMethod,
    LogisticRegression,
    RandomForest,
    SupportVectorMachine,
)
from training.methods.registry import METHODS
from training.methods.summaries import SummaryTable, summary_table
from training.metrics import score

ER3, ER7, VA = TASKS["er3"], TASKS["er7"], TASKS["er_va"]
FITTED: list[type[FittedMethod]] = [LogisticRegression, SupportVectorMachine, RandomForest]
CLASSICAL = [method.key for method in METHODS.values() if method.kind == "classical"]


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch):
    monkeypatch.setattr(RandomForest, "trees", 10)


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def _toy(task, count=120, seed=0):
    """Features of which the first few give the target away, with one empty, one constant and some unknown values."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, 8))
    if task.kind == "classification":
        targets = rng.integers(task.size, size=count)
        features[:, :3] += 3 * np.eye(task.size)[targets][:, :3]
    else:
        targets = np.clip(0.5 * features[:, :2], *task.range)
    features[:, 6], features[:, 7] = np.nan, 1.0
    features[rng.random(features.shape) < 0.05] = np.nan
    return features, targets


@pytest.mark.parametrize("task", [ER3, VA, TASKS["fer_intensity"]])
def test_better_than_majority_on_separable_data(task):
    features, targets = _toy(task)
    targets = targets if task.size > 1 else np.clip(1.5 + features[:, 0], 0, 3)
    train, validation, test = slice(0, 60), slice(60, 80), slice(80, 120)
    found = {}
    for kind in (Majority, *FITTED):
        model = kind().fit(task, features[train], targets[train], features[validation], targets[validation])
        answer = model.predict(features[test])
        assert answer.shape == (40, task.size)
        known = targets[test] if task.size > 1 else np.where(np.isnan(features[test, 0]), np.nan, targets[test])
        found[kind] = score(task, known, answer)[task.primary_metric]
    for kind in FITTED:
        assert found[kind] > found[Majority] + 0.3, kind


def test_majority_is_the_training_frequencies():
    model = Majority().fit(ER3, np.zeros((4, 0)), np.array([1, 1, 0, ABSENT_CLASS]))
    np.testing.assert_allclose(model.predict(np.zeros((2, 0))), [[1 / 3, 2 / 3, 0]] * 2)
    numbers = Majority().fit(VA, np.zeros((2, 0)), np.array([[0.2, np.nan], [0.4, np.nan]]))
    np.testing.assert_allclose(numbers.predict(np.zeros((1, 0))), [[0.3, 0.0]])  # arousal: the middle of the range


@pytest.mark.parametrize("kind", FITTED)
def test_only_training_rows_are_used(kind):
    """A column that holds the label in the test rows alone changes no answer there."""
    rng = np.random.default_rng(1)
    features, targets = rng.normal(size=(100, 4)), rng.integers(3, size=100)
    features[:, 3] = np.nan
    train, validation, test = slice(0, 40), slice(40, 60), slice(60, 100)
    model = kind().fit(ER3, features[train], targets[train], features[validation], targets[validation])
    without = model.predict(features[test])
    features[test, 3] = 1000.0 * targets[test]
    np.testing.assert_array_equal(model.predict(features[test]), without)
    np.testing.assert_array_equal(model.predict(features[test][:1]), without[:1])  # nor do the other test rows matter


def test_validation_rows_only_choose_the_setting():
    features, targets = _toy(ER3)
    right = LogisticRegression().fit(ER3, features[:60], targets[:60], features[60:90], targets[60:90])
    wrong = LogisticRegression().fit(ER3, features[:60], targets[:60], features[60:90], (targets[60:90] + 1) % 3)
    alone = LogisticRegression().fit(ER3, features[:60], targets[:60])
    assert alone.chosen == 0.01
    for model in (right, wrong):
        if model.chosen == alone.chosen:
            np.testing.assert_array_equal(model.predict(features[90:]), alone.predict(features[90:]))
        assert score(ER3, targets[90:], model.predict(features[90:]))["uar"] > 0.6


@pytest.mark.parametrize("kind", [Majority, *FITTED])
@pytest.mark.parametrize("targets", [[2] * 10, [2, 5] * 5, [2, ABSENT_CLASS] * 5])
def test_missing_classes(kind, targets):
    features = np.random.default_rng(0).normal(size=(10, 4))
    answer = kind().fit(ER7, features, np.array(targets), features, np.array(targets)).predict(features)
    np.testing.assert_allclose(answer.sum(axis=1), 1)
    absent = [label for label in range(7) if label not in targets]
    assert (answer[:, absent] == 0).all()


@pytest.mark.parametrize("kind", [Majority, *FITTED])
def test_no_label_at_all(kind):
    with pytest.raises(EmertInputError, match="er7"):
        kind().fit(ER7, np.zeros((3, 2)), np.full(3, ABSENT_CLASS))


def test_absent_labels_do_not_count():
    features, targets = _toy(VA)
    holes = targets.copy()
    holes[::2] = np.nan
    whole = LogisticRegression().fit(VA, features[1::2], targets[1::2])
    np.testing.assert_allclose(LogisticRegression().fit(VA, features, holes).predict(features), whole.predict(features))


def test_extremes_stay_in_range():
    features, targets = _toy(VA)
    model = LogisticRegression().fit(VA, features, targets)
    before = model.predict(features[1:])
    wild = np.full((2, 8), [[1e30], [-np.inf]])
    assert (np.abs(model.predict(wild)) <= 1).all()
    features[0, 0] = 1e12  # one broken recording must not decide the scale
    after = LogisticRegression().fit(VA, features, targets).predict(features[1:])
    assert np.abs(after - before).max() < 0.1


@pytest.mark.parametrize("kind", FITTED)
def test_deterministic_by_seed(kind):
    features, targets = _toy(ER3)
    first, second, other = (kind(seed).fit(ER3, features, targets).predict(features) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any() == (kind is RandomForest)


def test_clip_keeps_rare_flags():
    features = np.zeros((100, 1))
    features[:3] = 1.0
    np.testing.assert_array_equal(ClipOutliers().fit(features).transform(features), features)


def test_constant_features_are_left_out():
    features = np.array([[1.0, 2.0], [1.0, 3.0]])
    np.testing.assert_array_equal(DropConstant().fit(features).transform(features), [[2.0], [3.0]])
    assert DropConstant().fit(features[:, :1]).transform(features[:, :1]).shape == (2, 1)
    answer = SupportVectorMachine().fit(ER3, np.ones((6, 3)), np.array([0, 1, 2, 0, 1, 2])).predict(np.zeros((1, 3)))
    np.testing.assert_allclose(answer.sum(), 1)


def test_stimulus_majority():
    stimuli = np.array(["a", "a", "a", "b", "b", "c"])
    model = StimulusMajority().fit(ER3, stimuli, np.array([1, 1, 0, 2, ABSENT_CLASS, ABSENT_CLASS]))
    answer = model.predict(np.array(["a", "b", "c", "unseen"]))
    assert answer.argmax(axis=1).tolist() == [1, 2, 1, 1]  # c has no label, so that the majority decides
    np.testing.assert_allclose(answer.sum(axis=1), 1)
    np.testing.assert_allclose(answer[0], np.array([1 + 0.25, 2 + 0.5, 0.25]) / 4)
    numbers = StimulusMajority().fit(VA, stimuli[:3], np.array([[0.2, np.nan], [0.4, np.nan], [0.6, 0.5]]))
    np.testing.assert_allclose(numbers.predict(np.array(["a", "b"])), [[0.4, 0.5], [0.4, 0.5]])
    with pytest.raises(ValueError, match="stimulus ids"):
        StimulusMajority().fit(ER3, np.zeros((2, 3)), np.array([0, 1]))


def test_probabilities_of_the_svm_are_calibrated():
    """Where classes lie far apart, decision values as they are would be far less sure than they may be."""
    rng = np.random.default_rng(0)
    targets = rng.integers(3, size=900)
    features = rng.normal(size=(900, 4)) + 4 * np.eye(4)[targets]
    seen = np.where(rng.random(900) < 0.05, rng.integers(3, size=900), targets)
    people = np.arange(900) % 10
    plain = SupportVectorMachine().fit(ER3, features[:600], seen[:600])
    calibrated = SupportVectorMachine().fit(ER3, features[:600], seen[:600], train_groups=people[:600])
    assert plain.sharpness == 1
    answers = [model.predict(features[600:]) for model in (plain, calibrated)]
    np.testing.assert_array_equal(answers[0].argmax(axis=1), answers[1].argmax(axis=1))
    losses = [-np.log(answer[np.arange(300), seen[600:]]).mean() for answer in answers]
    assert losses[1] < losses[0] - 0.1
    assert answers[1].max(axis=1).mean() == pytest.approx((answers[1].argmax(axis=1) == seen[600:]).mean(), abs=0.08)


@pytest.mark.parametrize("key", CLASSICAL)
def test_each_answers_for_the_test_recordings(data, key):
    table = predict_classical(data, METHODS[key], ["er7", "er_va"], fold=1, progress=False)
    tested = data.select(1)["test"]
    assert set(table["recording_id"]) == set(data.ids["recording_id"][tested])
    assert set(table["method"]) == {key}
    assert len(table) == 2 * len(tested)
    again = predict_classical(data, METHODS[key], ["er7", "er_va"], fold=1, progress=False)
    assert table.equals(again)


@pytest.mark.parametrize("key", CLASSICAL)
def test_labels_of_the_test_recordings_change_nothing(data, key, monkeypatch):
    def predictions():
        table = predict_classical(data, METHODS[key], ["er7"], fold=1, normalisation="participant", progress=False)
        return np.stack(table["prediction"])

    honest, labels, tested = predictions(), type(data).labels, data.select(1)["test"]

    def planted(self, task):
        changed = labels(self, task).copy()
        changed[tested] = (changed[tested] + 1) % task.size
        return changed

    monkeypatch.setattr(type(data), "labels", planted)
    np.testing.assert_array_equal(honest, predictions())


@pytest.mark.parametrize("normalisation", ["training", "participant"])
def test_a_scaler_fitted_on_everything_is_caught(data, normalisation, monkeypatch):
    """Signals of one test participant, made huge, change no answer for the other people."""
    whole = summary_table(data, progress=False)
    changed = whole.participants == whole.participants[data.select(1)["test"][0]]

    def predictions(factor):
        features = {name: values.copy() for name, values in whole.features.items()}
        for values in features.values():
            values[changed] = factor * values[changed] + factor
        table = SummaryTable(features, whole.recordings, whole.participants, whole.stimuli)
        monkeypatch.setattr("training.methods.classical.summary_table", lambda *_: table)
        found = predict_classical(data, METHODS["logistic_regression"], ["er7"], 1, False, normalisation, progress=False)
        return np.stack(found[~found["recording_id"].isin(whole.recordings[changed])]["prediction"])

    honest = predictions(1.0)
    assert len(honest) > 0
    np.testing.assert_array_equal(honest, predictions(1e6))


def test_only_the_modalities_of_the_method_are_seen(data, monkeypatch):
    whole = summary_table(data, progress=False)
    eyes = replace(METHODS["logistic_regression"], modalities=("eye_movements", "fixations"))
    honest = predict_classical(data, eyes, ["er7"], 1, progress=False)
    without = {name: values for name, values in whole.features.items() if name != "face"}
    table = SummaryTable(without, whole.recordings, whole.participants, whole.stimuli)
    monkeypatch.setattr("training.methods.classical.summary_table", lambda *_: table)
    assert honest.equals(predict_classical(data, METHODS["logistic_regression"], ["er7"], 1, progress=False))
    with pytest.raises(EmertInputError, match="none of face"):
        predict_classical(data, replace(eyes, modalities=("face",)), ["er7"], 1, progress=False)


def test_strict_splits_leave_the_stimulus_majority_nothing_but_the_majority(data):
    found = [predict_classical(data, METHODS[key], ["er7"], 1, strict=True) for key in ("majority", "stimulus_majority")]
    np.testing.assert_array_equal(*(np.stack(table["prediction"]) for table in found))
