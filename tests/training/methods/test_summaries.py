"""What classical methods see: vectors of plain statistics, without labels and ids."""

from dataclasses import replace

import numpy as np
import pytest

from modeling_emert.columns_emert import ACTION_UNITS, COLUMN_INDEX, NUM_COLUMNS
from modeling_emert.constants_emert import MODALITIES
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import ActionUnits, FaceTrack, Gaze, Recording
from modeling_emert.tasks_emert import LABEL_COLUMNS
from training.methods import summaries
from training.methods.summaries import (
    EYE_MOVEMENT_STATISTICS,
    FIXATION_STATISTICS,
    STATISTIC_NAMES,
    SummaryTable,
    standardise_by_participant,
    summarise_eye_movements,
    summarise_face,
    summarise_fixations,
    summarise_recording,
    summary_table,
)


def _gaze(seed=0, samples=50):
    rng = np.random.default_rng(seed)
    movements = rng.normal(size=(samples, NUM_COLUMNS)).astype(np.float32)
    fixations = np.array([[0.8, 0.2, 600, 300], [0.2, 0.2, 0, 200], [0.2, 0.6, 300, 100]])
    return Gaze(movements, np.linspace(0, 2000, samples, dtype=np.float32), fixations)


def _named(gaze):
    eyes, fixations = summarise_eye_movements(gaze), summarise_fixations(gaze)
    return dict(zip([*EYE_MOVEMENT_STATISTICS, *FIXATION_STATISTICS], [*eyes, *fixations], strict=True))


def test_statistics_of_columns():
    gaze = _gaze()
    gaze.eye_movements[:10, COLUMN_INDEX["pupil_left"]] = np.nan
    gaze.eye_movements[:, COLUMN_INDEX["blink"]] = np.nan
    found, kept = _named(gaze), gaze.column("pupil_left")[10:]
    assert len(found) == 39 * 5 + 9
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
    assert np.isnan(list(_named(None).values())).all()
    assert np.isnan(list(_named(Gaze()).values())).all()
    none_seen = _named(Gaze(np.zeros((5, NUM_COLUMNS)), np.arange(5) * 10.0, np.zeros((0, 4))))
    assert (none_seen["fixations_per_second"], none_seen["fixations_share"]) == (0, 0)
    assert np.isnan(none_seen["fixations_x_mean"])
    assert np.isnan(list(_named(Gaze(np.zeros((0, NUM_COLUMNS)), np.zeros(0), None)).values())).all()


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


def _face(pixels, frames=3):
    return FaceTrack(np.stack([pixels] * frames).astype(np.uint8), np.arange(frames) * 100.0, np.ones(frames, bool))


def _named_face(face, units=None):
    return dict(zip(STATISTIC_NAMES["face"], summarise_face(face, units), strict=True))


def test_edges_of_the_face():
    pixels = np.zeros((96, 96, 3))
    pixels[:, 40:] = 200  # one edge, upright: its gradient points to the right, direction 0, third column of cells
    found = _named_face(_face(pixels))
    strong = {name for name, value in found.items() if value > 0.5}
    assert strong == {f"face_{row}_2_edge_0_mean" for row in range(6)}
    assert all(found[name.replace("mean", "std")] == 0 for name in strong)  # nothing moves
    darker = _named_face(_face(pixels / 2))
    assert [darker[name] for name in strong] == pytest.approx([found[name] for name in strong], rel=0.01)
    assert np.isnan([found[f"{unit}_mean"] for unit in ACTION_UNITS]).all()


def test_action_units_stand_for_the_face_where_they_are():
    intensities = np.tile(np.arange(17.0), (4, 1)) / 4
    intensities[0, 0], intensities[:, 1] = np.nan, np.nan
    found = _named_face(_face(np.zeros((48, 48, 3))), ActionUnits(intensities, np.arange(4)))
    assert (found["AU01_mean"], found["AU45_max"], found["AU45_std"]) == (0, 4, 0)
    assert np.isnan([found["AU02_mean"], found["face_0_0_edge_0_mean"]]).all()
    empty = _named_face(_face(np.zeros((48, 48, 3))), ActionUnits(np.full((4, 17), np.nan), np.arange(4)))
    assert empty["face_0_0_edge_0_mean"] == 0
    assert np.isnan(summarise_face(None, None)).all()


def test_nothing_but_signals_is_in_a_vector():
    """Ids, the stimulus's meant emotion and personality are part of a recording: none of them may reach a method."""
    recording = Recording(_face(np.full((48, 48, 3), 9)), _gaze(), action_units=None, stimulus_emotion="fear")
    recording.big_five = np.ones(5, np.float32)
    gaze = replace(recording.gaze, participant="p1", stimulus="s1", format="other", fixation_method="other", notes=["a note"])
    other = replace(recording, gaze=gaze, stimulus_emotion="anger", big_five=None, notes=["another"])
    first, second = summarise_recording(recording), summarise_recording(other)
    for name in MODALITIES:
        assert len(first[name]) == len(STATISTIC_NAMES[name]) == len(set(STATISTIC_NAMES[name]))
        np.testing.assert_array_equal(first[name], second[name])
    names = [name for modality in MODALITIES for name in STATISTIC_NAMES[modality]]
    forbidden = (*LABEL_COLUMNS, "participant", "stimulus_id", "recording", "big_five", "openness", "emotion")
    assert not [name for name in names if any(name.startswith(word) or word == name for word in forbidden)]


def test_a_table_is_made_once_without_looking_at_labels(data, monkeypatch):
    def refuse(*_):
        raise AssertionError("a label was read")

    monkeypatch.setattr(summaries, "_TABLES", {})
    monkeypatch.setattr(type(data), "labels", refuse)
    table = summary_table(data, progress=False)
    assert list(table.features) == list(MODALITIES)
    assert {name: values.shape for name, values in table.features.items()} == {
        name: (len(data), len(STATISTIC_NAMES[name])) for name in MODALITIES
    }
    assert table.recordings.tolist() == data.ids["recording_id"].tolist()
    row = 5
    own = summarise_recording(data.recording(row, summaries.NUM_FRAMES))
    for name in MODALITIES:
        np.testing.assert_array_equal(table.features[name][row], own[name])
    monkeypatch.setattr(type(data), "recording", refuse)
    assert summary_table(data, progress=False) is table


def test_joined_and_standardised():
    rng = np.random.default_rng(0)
    people = np.array(["a"] * 4 + ["b"] * 4)
    features = {"face": rng.normal(size=(8, 3)), "fixations": rng.normal(size=(8, 2))}
    table = SummaryTable(features, people, people, people)
    assert table.joined().shape == (8, 5)
    np.testing.assert_array_equal(table.joined(("fixations",)), features["fixations"])
    expected = standardise_by_participant(table.joined(), people)
    np.testing.assert_array_equal(table.standardised().joined(), expected)
    with pytest.raises(EmertInputError, match="none of eye_movements"):
        table.joined(("eye_movements",))


def test_where_nobody_has_two_recordings_their_features_stay():
    features = {"face": np.random.default_rng(0).normal(size=(8, 3))}
    people = np.arange(8).astype(str)
    np.testing.assert_array_equal(SummaryTable(features, people, people, people).standardised().joined(), features["face"])
