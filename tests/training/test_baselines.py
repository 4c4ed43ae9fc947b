"""Baselines on toy data, and the statistics they are fed with."""

import warnings

import numpy as np
import pytest

from modeling_emert.columns_emert import COLUMN_INDEX, NUM_COLUMNS
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze
from modeling_emert.tasks_emert import ABSENT_CLASS, TASKS
from training.baselines import ClipOutliers, LogisticRegressionBaseline, Majority
from training.eye_statistics import STATISTIC_NAMES, standardise_by_participant, summarise
from training.metrics import score

ER3, ER7, VA = TASKS["er3"], TASKS["er7"], TASKS["er_va"]
BASELINES = [Majority, LogisticRegressionBaseline]


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def _toy(task, count=120, seed=0):
    """Features of which the first few give the target away, with one empty, one constant and some unknown values."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, 8))
    if task.kind == "classes":
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
    for kind in BASELINES:
        model = kind().fit(task, features[train], targets[train], features[validation], targets[validation])
        answer = model.predict(features[test])
        assert answer.shape == (40, task.size)
        known = targets[test] if task.size > 1 else np.where(np.isnan(features[test, 0]), np.nan, targets[test])
        found[kind.name] = score(task, known, answer)[task.primary_metric]
    assert found["logistic regression"] > found["majority"] + 0.3


def test_majority_is_the_training_frequencies():
    model = Majority().fit(ER3, np.zeros((4, 0)), np.array([1, 1, 0, ABSENT_CLASS]))
    np.testing.assert_allclose(model.predict(np.zeros((2, 0))), [[1 / 3, 2 / 3, 0]] * 2)
    numbers = Majority().fit(VA, np.zeros((2, 0)), np.array([[0.2, np.nan], [0.4, np.nan]]))
    np.testing.assert_allclose(numbers.predict(np.zeros((1, 0))), [[0.3, 0.0]])  # arousal: the middle of the range


def test_only_training_rows_are_used():
    """A column that holds the label in the test rows alone changes no answer there."""
    rng = np.random.default_rng(1)
    features, targets = rng.normal(size=(100, 4)), rng.integers(3, size=100)
    features[:, 3] = np.nan
    train, validation, test = slice(0, 40), slice(40, 60), slice(60, 100)
    model = LogisticRegressionBaseline().fit(ER3, features[train], targets[train], features[validation], targets[validation])
    without = model.predict(features[test])
    features[test, 3] = 1000.0 * targets[test]
    np.testing.assert_array_equal(model.predict(features[test]), without)
    np.testing.assert_array_equal(model.predict(features[test][:1]), without[:1])  # nor do the other test rows matter


def test_validation_rows_only_choose_the_setting():
    features, targets = _toy(ER3)
    right = LogisticRegressionBaseline().fit(ER3, features[:60], targets[:60], features[60:90], targets[60:90])
    wrong = LogisticRegressionBaseline().fit(ER3, features[:60], targets[:60], features[60:90], (targets[60:90] + 1) % 3)
    alone = LogisticRegressionBaseline().fit(ER3, features[:60], targets[:60])
    assert alone.chosen == 0.01
    for model in (right, wrong):
        if model.chosen == alone.chosen:
            np.testing.assert_array_equal(model.predict(features[90:]), alone.predict(features[90:]))
        assert score(ER3, targets[90:], model.predict(features[90:]))["uar"] > 0.6


@pytest.mark.parametrize("kind", BASELINES)
@pytest.mark.parametrize("targets", [[2] * 10, [2, 5] * 5, [2, ABSENT_CLASS] * 5])
def test_missing_classes(kind, targets):
    features = np.random.default_rng(0).normal(size=(10, 4))
    answer = kind().fit(ER7, features, np.array(targets), features, np.array(targets)).predict(features)
    np.testing.assert_allclose(answer.sum(axis=1), 1)
    absent = [label for label in range(7) if label not in targets]
    assert (answer[:, absent] == 0).all()


@pytest.mark.parametrize("kind", BASELINES)
def test_no_label_at_all(kind):
    with pytest.raises(EmertInputError, match="er7"):
        kind().fit(ER7, np.zeros((3, 2)), np.full(3, ABSENT_CLASS))


def test_absent_labels_do_not_count():
    features, targets = _toy(VA)
    holes = targets.copy()
    holes[::2] = np.nan
    whole = LogisticRegressionBaseline().fit(VA, features[1::2], targets[1::2])
    np.testing.assert_allclose(LogisticRegressionBaseline().fit(VA, features, holes).predict(features), whole.predict(features))


def test_extremes_stay_in_range():
    features, targets = _toy(VA)
    model = LogisticRegressionBaseline().fit(VA, features, targets)
    before = model.predict(features[1:])
    wild = np.full((2, 8), [[1e30], [-np.inf]])
    assert (np.abs(model.predict(wild)) <= 1).all()
    features[0, 0] = 1e12  # one broken recording must not decide the scale
    after = LogisticRegressionBaseline().fit(VA, features, targets).predict(features[1:])
    assert np.abs(after - before).max() < 0.1


def test_deterministic():
    features, targets = _toy(ER3)
    first, second = (LogisticRegressionBaseline().fit(ER3, features, targets).predict(features) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_clip_keeps_rare_flags():
    features = np.zeros((100, 1))
    features[:3] = 1.0
    np.testing.assert_array_equal(ClipOutliers().fit(features).transform(features), features)


def _gaze(seed=0, samples=50):
    rng = np.random.default_rng(seed)
    movements = rng.normal(size=(samples, NUM_COLUMNS)).astype(np.float32)
    fixations = np.array([[0.8, 0.2, 600, 300], [0.2, 0.2, 0, 200], [0.2, 0.6, 300, 100]])
    return Gaze(movements, np.linspace(0, 2000, samples, dtype=np.float32), fixations)


def _named(gaze):
    return dict(zip(STATISTIC_NAMES, summarise(gaze), strict=True))


def test_statistics_of_columns():
    gaze = _gaze()
    gaze.eye_movements[:10, COLUMN_INDEX["pupil_left"]] = np.nan
    gaze.eye_movements[:, COLUMN_INDEX["blink"]] = np.nan
    found, kept = _named(gaze), gaze.column("pupil_left")[10:]
    assert len(STATISTIC_NAMES) == len(set(STATISTIC_NAMES)) == 39 * 5 + 9
    expected = [kept.mean(), kept.std(), kept.min(), kept.max(), 0.2]
    names = [f"pupil_left_{part}" for part in ("mean", "std", "min", "max", "missing")]
    np.testing.assert_allclose([found[name] for name in names], expected, rtol=1e-5)
    assert found["blink_missing"] == 1.0
    assert np.isnan(found["blink_mean"])


def test_statistics_of_fixations():
    found = _named(_gaze())
    assert found["fixations_per_second"] == pytest.approx(1.5)
    assert found["fixations_duration_mean"] == pytest.approx(200)
    assert found["fixations_x_mean"] == pytest.approx(0.4)
    assert found["fixations_y_std"] == pytest.approx(np.std([0.2, 0.2, 0.6]), rel=1e-5)
    steps = 0.4 + np.hypot(0.6, 0.4)  # in order of time: (0.2, 0.2), (0.2, 0.6), (0.8, 0.2)
    assert found["fixations_scan_path"] == pytest.approx(steps / 3)
    assert found["fixations_share"] == pytest.approx(0.3)


def test_unknown_statistics_are_nan():
    assert np.isnan(summarise(None)).all()
    assert np.isnan(summarise(Gaze())).all()
    none_seen = _named(Gaze(np.zeros((5, NUM_COLUMNS)), np.arange(5) * 10.0, np.zeros((0, 4))))
    assert (none_seen["fixations_per_second"], none_seen["fixations_share"]) == (0, 0)
    assert np.isnan(none_seen["fixations_x_mean"])
    assert np.isnan(summarise(Gaze(np.zeros((0, NUM_COLUMNS)), np.zeros(0), None))).all()


def test_standardise_by_participant():
    rng = np.random.default_rng(0)
    people = np.array(["b", "a"] * 20 + ["alone"])
    features = rng.normal(size=(41, 3)) + np.where(people == "a", 100, 0)[:, None]
    features[0, 0], features[people == "a", 2] = np.nan, 0.1
    result = standardise_by_participant(features, people)
    for person in ("a", "b"):
        np.testing.assert_allclose(np.nanmean(result[people == person], axis=0), 0, atol=1e-9)
        np.testing.assert_allclose(np.nanstd(result[people == person, :2], axis=0), 1)
    assert np.isnan(result[0, 0])
    assert (result[people == "a", 2] == 0).all()  # constant within the person
    assert (result[-1] == 0).all()
    only_b = standardise_by_participant(features[people == "b"], people[people == "b"])
    np.testing.assert_array_equal(result[people == "b"], only_b)  # nobody else's recordings matter
