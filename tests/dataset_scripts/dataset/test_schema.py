"""A recording, its row, and the recording again: nothing is lost but what JPEG takes."""

import numpy as np
import pytest
from datasets import ClassLabel, Dataset

from dataset_scripts.dataset import rows
from dataset_scripts.dataset.rows import to_row
from dataset_scripts.dataset.schema import COLUMN_MEANINGS, UNDECODED_FACE, label_features, row_features
from dataset_scripts.sources.base import Entry
from modeling_emert.columns_emert import NUM_COLUMNS
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import FaceTrack, Gaze, Recording
from modeling_emert.rows_emert import from_row
from modeling_emert.tasks_emert import EMOTIONS, LABEL_COLUMNS, POLARITIES, TASKS

LABELS = {"er7": "fear", "fer7": "happiness", "er_valence": -0.5, "fer_intensity": 1.25}
LOOKS = ["plain", "numpy", "streamed"]


def make_entry(name="p1-s1", labels=LABELS) -> Entry:
    participant, stimulus = name.split("-")
    return Entry(name, participant, stimulus, labels)


def make_face(frames=5) -> FaceTrack:
    """Smooth pictures, each of another brightness."""
    slope = np.linspace(0, 100, 112)
    picture = slope[:, None, None] + slope[None, :, None] * [1.0, 0.5, 0.2]
    steps = 10 * np.arange(frames)[:, None, None, None]
    return FaceTrack((picture + steps).astype(np.uint8), np.arange(frames) * 250.5, np.arange(frames) != 1)


def make_gaze(samples=50, fixations=3) -> Gaze:
    rng = np.random.default_rng(samples)
    eye = rng.standard_normal((samples, NUM_COLUMNS)).astype(np.float32) * 1000
    eye[rng.random(eye.shape) < 0.3] = np.nan
    eye[samples // 2] = np.nan
    return Gaze(eye, np.arange(samples) * 16.7, rng.random((fixations, 4)), "p1", "s1", "tobii_studio")


def as_dataset(*recordings: Recording) -> Dataset:
    rows = [to_row(make_entry(f"p{number}-s1"), one, "test", 1, 2) for number, one in enumerate(recordings)]
    features = row_features()
    return Dataset.from_dict({name: [row[name] for row in rows] for name in features}, features=features)


def look(data: Dataset, how: str) -> list[dict]:
    """The rows as the data set gives them."""
    given = {"plain": data, "numpy": data.with_format("numpy"), "streamed": data.to_iterable_dataset()}[how]
    return list(given)


def same_gaze(back: Gaze, gaze: Gaze) -> None:
    for part in ("eye_movements", "times_ms", "fixations"):
        given, expected = getattr(back, part), getattr(gaze, part)
        assert (given is None) == (expected is None)
        if expected is not None:
            assert given.dtype == np.float32
            np.testing.assert_array_equal(given, expected)
    assert back.format == gaze.format


@pytest.mark.parametrize("how", LOOKS)
def test_a_recording_comes_back_from_its_row(how):
    gaze, face = make_gaze(), make_face()
    (row,) = look(as_dataset(Recording(face, gaze)), how)
    back = from_row(row)
    same_gaze(back.gaze, gaze)
    np.testing.assert_array_equal(back.face.times_ms, face.times_ms)
    np.testing.assert_array_equal(back.face.detected, face.detected)
    assert back.face.frames.dtype == np.uint8
    assert np.abs(back.face.frames.astype(int) - face.frames).mean() < 1.5
    assert np.abs(back.face.frames.astype(int) - face.frames).max() <= 12


@pytest.mark.parametrize("how", LOOKS)
def test_recordings_of_unlike_lengths_and_parts_lie_side_by_side(how):
    fixations_only = Gaze(fixations=make_gaze().fixations, format="ceap_360vr")
    samples_only = Gaze(make_gaze(7).eye_movements, make_gaze(7).times_ms)
    recordings = [
        Recording(make_face(1), make_gaze(1, 1)),
        Recording(make_face(2), None),
        Recording(None, make_gaze(200, 9)),
        Recording(None, fixations_only),
        Recording(None, samples_only),
        Recording(None, Gaze(make_gaze(4).eye_movements, make_gaze(4).times_ms, np.zeros((0, 4)))),
    ]
    for row, expected in zip(look(as_dataset(*recordings), how), recordings, strict=True):
        back = from_row(row)
        assert (back.face is None) == (expected.face is None)
        assert (back.gaze is None) == (expected.gaze is None)
        if expected.gaze is not None:
            same_gaze(back.gaze, expected.gaze)


def test_absent_labels_are_null_and_given_ones_are_numbers():
    (row,) = as_dataset(Recording(make_face(), make_gaze()))
    assert {name: row[name] for name in LABELS} == {
        "er7": EMOTIONS.index("fear"),
        "fer7": EMOTIONS.index("happiness"),
        "er_valence": -0.5,
        "fer_intensity": 1.25,
    }
    assert {row[name] for name in LABEL_COLUMNS if name not in LABELS} == {None}


def test_context_is_in_the_row():
    (row,) = as_dataset(Recording(None, make_gaze()))
    wanted = {"recording_id": "p0-s1", "participant_id": "p0", "stimulus_id": "s1", "source": "test"}
    wanted |= {"participant_fold": 1, "stimulus_group": 2, "gaze_format": "tobii_studio"}
    assert {name: row[name] for name in wanted} == wanted
    gaze = from_row(row).gaze
    assert (gaze.participant, gaze.stimulus) == ("p0", "s1")


def test_class_names_come_from_the_tasks_in_order():
    features = label_features()
    assert tuple(features) == LABEL_COLUMNS
    assert features["er7"].names == features["fer7"].names == list(EMOTIONS)
    assert features["er3"].names == features["fer3"].names == features["perceived3"].names == list(POLARITIES)
    for task in TASKS.values():
        for column in task.columns:
            assert isinstance(features[column], ClassLabel) == (task.kind == "classification")


def test_every_column_but_the_labels_has_a_meaning_for_the_card():
    assert list(COLUMN_MEANINGS) + list(LABEL_COLUMNS) == list(row_features())


@pytest.mark.parametrize(
    ("stored", "asked", "kept"),
    [(9, 3, [0, 4, 8]), (9, 1, [0]), (9, 2, [0, 8]), (4, 4, [0, 1, 2, 3]), (2, 8, [0, 1]), (5, None, [0, 1, 2, 3, 4])],
)
def test_frames_are_picked_spread_over_the_recording(stored, asked, kept):
    face = make_face(stored)
    (row,) = as_dataset(Recording(face, None))
    back = from_row(row, asked).face
    np.testing.assert_array_equal(back.times_ms, face.times_ms[kept])
    np.testing.assert_array_equal(back.detected, face.detected[kept])
    assert np.abs(back.frames.mean((1, 2, 3)) - face.frames[kept].mean((1, 2, 3))).max() < 1


@pytest.mark.parametrize("how", LOOKS)
def test_only_the_picked_frames_are_decoded(how):
    row = to_row(make_entry(), Recording(make_face(9), None), "test", 1, 1)
    for number in set(range(9)) - {0, 4, 8}:
        row["face"][number] = {"bytes": b"no picture", "path": None}
    data = Dataset.from_dict({name: [value] for name, value in row.items()}, features=row_features())
    (undecoded,) = look(data.cast_column("face", UNDECODED_FACE), how)
    assert from_row(undecoded, 3).face.frames.shape == (3, 112, 112, 3)
    with pytest.raises(EmertInputError, match="cannot identify"):
        from_row(undecoded)


def test_a_face_is_kept_as_jpeg(monkeypatch):
    row = to_row(make_entry(), Recording(make_face(2), None), "test", 1, 1)
    assert all(image["bytes"].startswith(b"\xff\xd8") for image in row["face"])
    monkeypatch.setattr(rows, "_JPEG_QUALITY", 10)
    worse = to_row(make_entry(), Recording(make_face(2), None), "test", 1, 1)
    assert len(worse["face"][0]["bytes"]) < len(row["face"][0]["bytes"])


def test_a_row_without_hidden_columns_is_still_a_recording():
    """A config hides other tasks' labels, and `gaze_only` the faces."""
    (row,) = as_dataset(Recording(make_face(), make_gaze())).remove_columns(["face", "face_times_ms", "face_detected", "er7"])
    back = from_row(row)
    assert back.face is None
    same_gaze(back.gaze, make_gaze())
