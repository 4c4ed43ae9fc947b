"""Agreement of views, scores on both subsets, and the gap score against the true gap, with models whose faults are known."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from modeling_emert.tasks_emert import ABSENT_CLASS, TASKS
from training.metrics.emotion_gap.gap_scores import auroc, spearman
from training.metrics.predictions import to_rows
from training.statistics.gap import agreement, distances, gap_quality, gap_scores, label_table, split_by_agreement
from training.statistics.intervals import intervals

COUNT, PEOPLE = 240, 24
IDS = [f"r{i:03d}" for i in range(COUNT)]
PARTICIPANTS = [f"p{i % PEOPLE}" for i in range(COUNT)]
RNG = np.random.default_rng(0)
SHOWN = RNG.integers(7, size=COUNT)
FELT = np.where(RNG.random(COUNT) < 0.6, SHOWN, RNG.integers(7, size=COUNT))
FELT_NUMBERS = RNG.uniform(-1, 1, (COUNT, 2))
SHOWN_NUMBERS = np.where((FELT == SHOWN)[:, None], FELT_NUMBERS, RNG.uniform(-1, 1, (COUNT, 2)))


def _rows(task, targets, predictions):
    return to_rows(TASKS[task], IDS, PARTICIPANTS, IDS, targets, predictions, "model", 0)


def _says(labels, seed, sure=0.7):
    return sure * np.eye(7)[labels] + (1 - sure) * np.random.default_rng(seed).dirichlet(np.ones(7), size=len(labels))


def _table(er_says, fer_says):
    return pd.concat(
        [
            _rows("er7", FELT, _says(er_says, 1)),
            _rows("fer7", SHOWN, _says(fer_says, 2)),
            _rows("er_va", FELT_NUMBERS, FELT_NUMBERS),
            _rows("fer_va", SHOWN_NUMBERS, FELT_NUMBERS),
        ]
    )


READER = _table(FELT, SHOWN)  # knows both views
COPIER = _table(SHOWN, SHOWN)  # answers what the face shows to either question


def test_agreement():
    found = agreement(READER)
    assert found.index.tolist() == IDS
    np.testing.assert_array_equal(found, FELT == SHOWN)
    np.testing.assert_array_equal(agreement(READER.sample(frac=1, random_state=0)), found)
    assert len(agreement(READER[READER["task"] == "er7"])) == 0


def test_agreement_falls_back_to_three_classes():
    """Half of the recordings have no FER label of the seven, but all have one of the three."""
    coarse_felt, coarse_shown = FELT % 3, SHOWN % 3
    half = np.arange(COUNT) < COUNT // 2
    rows = [
        _rows("er7", FELT, _says(FELT, 1)),
        _rows("fer7", np.where(half, SHOWN, ABSENT_CLASS), _says(SHOWN, 2)),
        _rows("er3", coarse_felt, np.eye(3)[coarse_felt]),
        _rows("fer3", coarse_shown, np.eye(3)[coarse_felt]),
    ]
    found = agreement(pd.concat(rows))
    np.testing.assert_array_equal(found, np.where(half, FELT == SHOWN, coarse_felt == coarse_shown))
    assert label_table(pd.concat(rows)).shape == (7, 7)
    assert label_table(pd.concat(rows[2:])).shape == (3, 3)
    assert (gap_scores(pd.concat(rows[2:])) == 0).all()


def test_label_table():
    table = label_table(READER)
    assert (table.index.name, table.columns.name) == ("er7", "fer7")
    assert table.to_numpy().sum() == COUNT
    assert np.trace(table) == (FELT == SHOWN).sum()
    assert table.loc["fear", "anger"] == ((FELT == 2) & (SHOWN == 5)).sum()


def test_copying_the_face_shows_where_labels_differ():
    agree = agreement(READER)
    reader, copier = (split_by_agreement(rows[rows["task"] == "er7"], agree) for rows in (READER, COPIER))
    uar = {
        (name, part): intervals(TASKS["er7"], rows, n_resamples=100)["uar"].value
        for name, subsets in (("reader", reader), ("copier", copier))
        for part, rows in subsets.items()
    }
    assert uar == {
        ("reader", "agree"): 1,
        ("reader", "disagree"): 1,
        ("copier", "agree"): 1,
        ("copier", "disagree"): 0,
    }
    assert len(reader["agree"]) + len(reader["disagree"]) == COUNT
    assert len(reader["agree"]) == (FELT == SHOWN).sum()
    assert reader["disagree"]["participant_id"].nunique() == PEOPLE


def test_recordings_of_unknown_agreement_are_in_neither_subset():
    found = split_by_agreement(READER[READER["task"] == "er_va"], agreement(READER)[:100])
    assert len(found["agree"]) + len(found["disagree"]) == 100


def test_gap_score_is_the_one_that_people_are_told():
    from modeling_emert.answers_emert import gap

    gaps = gap_scores(READER)
    felt, shown = (READER[READER["task"] == name]["prediction"].iloc[5] for name in ("er7", "fer7"))
    labels = TASKS["er7"].labels
    told = gap(dict(zip(labels, felt, strict=True)), dict(zip(labels, shown, strict=True)))
    assert gaps[IDS[5]] == pytest.approx(told, abs=1e-4)
    assert gaps.between(0, 1).all()
    with pytest.raises(ValueError, match="one method"):
        gap_scores(pd.concat([READER, READER.assign(method="other")]))


def test_gap_quality_tells_a_reader_from_a_copier():
    reader, copier = gap_quality(READER, n_resamples=200), gap_quality(COPIER, n_resamples=200)
    assert (reader.n_agree, reader.n_disagree) == ((FELT == SHOWN).sum(), (FELT != SHOWN).sum())
    assert reader.auroc.low > 0.9
    assert reader.mean_disagree > reader.mean_agree + 0.4
    assert copier.auroc.low < 0.5 < copier.auroc.high
    assert reader.spearman.low > 0.5
    assert copier.spearman.low < 0 < copier.spearman.high


def test_gap_quality_agrees_with_scipy_and_scikit_learn():
    found, gaps = gap_quality(COPIER, n_resamples=10), gap_scores(COPIER)
    assert found.auroc.value == pytest.approx(roc_auc_score(FELT != SHOWN, gaps), abs=1e-12)
    far = np.linalg.norm(FELT_NUMBERS - SHOWN_NUMBERS, axis=1)
    np.testing.assert_allclose(distances(COPIER), far)
    assert found.spearman.value == pytest.approx(spearmanr(gaps, far).statistic, abs=1e-12)


def test_weights_are_repeats():
    """A resample that takes a recording twice and another not at all scores as the set so made."""
    rng = np.random.default_rng(5)
    scores, differs = rng.integers(6, size=40) / 6, rng.random(40) < 0.4  # with ties
    weights = rng.integers(3, size=(4, 40)).astype(float)
    expected = [roc_auc_score(np.repeat(differs, row), np.repeat(scores, row)) for row in weights.astype(int)]
    np.testing.assert_allclose(auroc(scores, differs, weights), expected, atol=1e-12)
    truth = rng.normal(size=40)
    np.testing.assert_allclose(spearman(scores, truth, np.ones((2, 40))), spearmanr(scores, truth).statistic, atol=1e-12)


def test_undefined():
    found = gap_quality(READER[READER["task"] == "er7"], n_resamples=10)
    assert (found.n_agree, found.n_disagree) == (0, 0)
    assert np.isnan([found.auroc.value, found.spearman.value, found.mean_agree]).all()
    assert np.isnan(auroc(np.ones(3), np.zeros(3, bool)))
    assert np.isnan(spearman(np.arange(3.0), np.ones(3)))
    assert spearman(np.ones(3), np.arange(3.0)) == 0
    assert distances(READER[READER["task"] != "fer_va"]).empty
