"""From recordings to the model's inputs: shapes, masks, time, standardisation."""

import numpy as np
import pytest
import torch
from tiny_emert import face_track, gaze, tiny_config, tiny_model

from modeling_emert import (
    EmertFeatureExtractor,
    EmertInputError,
    EmertProcessor,
    EmertVideoProcessor,
    Gaze,
    GazeStatistics,
    Recording,
)
from modeling_emert.columns_emert import COLUMN_INDEX, COLUMN_NAMES, COLUMNS, NUM_COLUMNS, columns_markdown
from modeling_emert.face_detection_emert import FaceBox
from modeling_emert.feature_extraction_emert import fixation_steps, resample
from modeling_emert.recording_emert import FaceTrack

INPUTS = ("pixel_values", "face_mask", "eye_movements", "eye_movements_mask", "fixations", "fixations_mask")


@pytest.fixture
def processor() -> EmertProcessor:
    return EmertProcessor.for_config(tiny_config(), image_size=32)


def test_columns_are_39_with_names_of_their_own():
    assert NUM_COLUMNS == len(COLUMNS) == len(set(COLUMN_NAMES)) == 39
    assert [COLUMN_INDEX[name] for name in COLUMN_NAMES] == list(range(39))
    assert all(column.unit and column.meaning and column.range[0] < column.range[1] for column in COLUMNS)
    assert len(columns_markdown().splitlines()) == 2 + 39


@pytest.mark.parametrize("batch", [None, 1, 3])
def test_shapes_of_one_recording_and_of_a_batch(processor, batch):
    recording = Recording(face_track(), gaze())
    inputs = processor(recording if batch is None else [recording] * batch)
    count = batch or 1
    shapes = [(count, 3, 3, 32, 32), (count, 3), (count, 6, 39), (count, 6), (count, 5, 2), (count, 5)]
    assert {name: tuple(value.shape) for name, value in inputs.items()} == dict(zip(INPUTS, shapes, strict=True))
    for name, value in inputs.items():
        assert value.dtype == (torch.bool if name.endswith("mask") else torch.float32), name
        assert torch.isfinite(value).all(), name
    assert all(inputs[name].all() for name in INPUTS if name.endswith("mask"))
    tiny_model()(**inputs)


def test_modality_that_no_recording_has_is_left_out(processor):
    only_face = processor(Recording(face_track(), None))
    assert set(only_face) == {"pixel_values", "face_mask"}
    only_eyes = processor([Recording(None, gaze()), Recording(None, gaze(fixations=None))])
    assert set(only_eyes) == set(INPUTS) - {"pixel_values", "face_mask"}
    only_fixations = processor(Recording(None, gaze(eye_movements=None, times_ms=None)))
    assert set(only_fixations) == {"fixations", "fixations_mask"}
    for inputs in (only_face, only_eyes, only_fixations):
        tiny_model()(**inputs)


def test_modality_that_one_recording_lacks_is_masked(processor):
    whole, no_eyes, no_face = Recording(face_track(), gaze()), Recording(face_track(), None), Recording(None, gaze())
    inputs = processor([no_face, no_eyes, whole])
    assert inputs["face_mask"].all(1).tolist() == inputs["face_mask"].any(1).tolist() == [False, True, True]
    assert inputs["eye_movements_mask"].any(1).tolist() == [True, False, True]
    assert inputs["fixations_mask"].any(1).tolist() == [True, False, True]
    for index, recording in enumerate((no_face, no_eyes, whole)):
        alone = processor(recording)
        for name in INPUTS:
            expected = alone[name][0] if name in alone else torch.zeros_like(inputs[name][index])
            assert torch.equal(inputs[name][index], expected), name


def test_frames_are_spread_resized_and_normalised():
    processor = EmertVideoProcessor(num_frames=3, size={"height": 16, "width": 16})
    frames = np.stack([np.full((20, 20, 3), 50 * index, np.uint8) for index in range(5)])
    found = processor(frames)["pixel_values"][0]
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])  # ImageNet's
    for place, index in enumerate((0, 2, 4)):  # first and last among them
        expected = torch.tensor((50 * index / 255 - mean) / std, dtype=torch.float32)
        torch.testing.assert_close(found[place, :, 8, 8], expected, rtol=0, atol=1e-5)
    assert torch.equal(processor([frames[:1], frames])["pixel_values"][0, 2], found[0])  # beside a clip, one frame is repeated
    with pytest.raises(ValueError, match="face crops must be"):
        processor(frames[0])


def _slow_resample(recorded: Gaze, steps: int) -> np.ndarray:
    first, last = recorded.times_ms[0], recorded.times_ms[-1]
    rows = []
    for step in range(steps):
        low, high = (first + (last - first) * part / steps for part in (step, step + 1))
        inside = (recorded.times_ms >= low) & ((recorded.times_ms < high) | (step == steps - 1))
        columns = [column[np.isfinite(column)] for column in recorded.eye_movements[inside].astype(np.float64).T]
        rows.append([column.mean() if len(column) else np.nan for column in columns])
    return np.array(rows)


@pytest.mark.parametrize("seed", range(4))
def test_resampled_steps_are_the_means_of_their_parts(seed):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((70, NUM_COLUMNS)) * 100
    values[rng.random(values.shape) < 0.3] = np.nan
    values[:, 7] = np.nan
    recorded = gaze(eye_movements=values, times_ms=np.sort(rng.uniform(250, 2000, 70)))  # uneven, not from 0
    for steps in (1, 8, 32):
        found, seen = resample(recorded, steps)
        expected = _slow_resample(recorded, steps)
        np.testing.assert_allclose(found, expected, rtol=1e-9)
        assert (seen == np.isfinite(expected).any(axis=1)).all()


def test_gap_in_the_recording_is_masked(processor):
    times = np.concatenate([np.arange(0, 200, 10), np.arange(500, 601, 10)])  # nothing in 200..500 of 0..600
    recorded = gaze(samples=len(times), times_ms=times)
    assert resample(recorded, 6)[1].tolist() == [True, True, False, False, False, True]
    inputs = processor(Recording(None, recorded))
    assert inputs["eye_movements_mask"][0].tolist() == [True, True, False, False, False, True]
    assert (inputs["eye_movements"][0, 2:5] == 0).all()


def test_samples_without_any_value_are_masked():
    recorded = gaze()
    recorded.eye_movements[:20] = np.nan
    assert resample(recorded, 6)[1].tolist() == [False, False, True, True, True, True]
    assert not resample(Gaze(), 6)[1].any()


def test_missing_column_stands_at_its_mean():
    extractor = EmertFeatureExtractor(6, 5, eye_mean=[3.0] * NUM_COLUMNS, eye_std=[2.0] * NUM_COLUMNS)
    recorded = gaze()
    recorded.eye_movements[:, 4] = np.nan
    recorded.eye_movements[:, 5] = 4.0
    found = extractor(recorded)["eye_movements"][0]
    assert (found[:, 4] == 0).all()
    assert (found[:, 5] == 0.5).all()


def test_far_values_are_cut():
    recorded = gaze()
    recorded.eye_movements[:, 0] = 1e6
    assert (EmertFeatureExtractor(6, 5, clip=4.0)(recorded)["eye_movements"][0, :, 0] == 4).all()


def test_long_fixation_takes_more_steps_and_gaps_are_masked():
    fixations = [[0.1, 0.2, 0, 500], [0.3, 0.4, 500, 100], [0.5, 0.6, 800, 200]]  # nothing in 600..800
    points, there = fixation_steps(Gaze(fixations=fixations), 10)
    assert there.tolist() == [True] * 6 + [False] * 2 + [True] * 2
    np.testing.assert_allclose(points[there], [[0.1, 0.2]] * 5 + [[0.3, 0.4]] + [[0.5, 0.6]] * 2, rtol=1e-6)


def test_fixations_follow_the_recordings_time_in_any_order():
    fixations = np.array([[0.5, 0.6, 1500, 9000], [0.1, 0.2, 1000, 500]])
    points, there = fixation_steps(gaze(samples=101, times_ms=1000 + np.arange(101) * 10.0, fixations=fixations), 4)
    assert there.all()
    np.testing.assert_allclose(points[:, 0], [0.1, 0.1, 0.5, 0.5], rtol=1e-6)  # 1000..2000, though the last goes on
    assert fixation_steps(gaze(samples=101, fixations=fixations - [0, 0, 500, 0]), 4)[1].tolist() == [False, False, True, True]
    assert not fixation_steps(Gaze(fixations=np.empty((0, 4))), 4)[1].any()
    assert not fixation_steps(Gaze(fixations=[[np.nan, 0.5, 0, 100]]), 4)[1].any()


def test_statistics_add_up():
    first, second = gaze(seed=1), gaze(seed=2, samples=33)
    first.eye_movements[3:9, 5] = np.nan
    second.eye_movements[0, 5] = np.inf  # as little a value as NaN
    together = GazeStatistics.of([first, None, second])
    added = GazeStatistics.of([first]) + GazeStatistics.of([second])
    np.testing.assert_allclose(added.eye, together.eye)
    np.testing.assert_allclose(added.fixations, together.fixations)
    values = np.concatenate([first.eye_movements, second.eye_movements]).astype(np.float64)
    values[~np.isfinite(values)] = np.nan
    np.testing.assert_allclose(together.eye_scale[0], np.nanmean(values, axis=0))
    np.testing.assert_allclose(together.eye_scale[1], np.nanstd(values, axis=0))
    points = np.concatenate([first.fixations, second.fixations])[:, :2]
    np.testing.assert_allclose(together.fixation_scale[0], points.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(together.fixation_scale[1], points.std(axis=0), rtol=1e-4)


def test_column_that_never_changes_or_is_never_seen_is_not_scaled():
    recorded = gaze(samples=20_000)
    recorded.eye_movements[:, 0] = np.nan
    recorded.eye_movements[:, 1] = -300.3  # the rounding of such sums is no spread
    mean, std = GazeStatistics.of([recorded] * 50).eye_scale
    assert (mean[0], std[0], std[1]) == (0, 1, 1)
    assert mean[1] == pytest.approx(-300.3)


def test_fitted_statistics_standardise_and_are_saved(tmp_path, processor):
    recorded = gaze(samples=6)  # a sample a step
    processor.feature_extractor.fit(GazeStatistics.of([recorded]))
    inputs = processor(Recording(None, recorded))
    np.testing.assert_allclose(inputs["eye_movements"][0].mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(inputs["eye_movements"][0].std(0, unbiased=False), 1, atol=1e-5)
    processor.save_pretrained(tmp_path)
    loaded = EmertProcessor.from_pretrained(tmp_path)
    for name in ("eye_mean", "eye_std", "fixation_mean", "fixation_std", "num_eye_steps", "num_fixation_steps", "clip"):
        assert getattr(loaded.feature_extractor, name) == getattr(processor.feature_extractor, name), name
    assert loaded.video_processor.num_frames == 3
    again = loaded(Recording(face_track(), recorded))
    for name, value in processor(Recording(face_track(), recorded)).items():
        assert torch.equal(again[name], value), name


def _with_offset(recorded: Gaze, offset: float) -> Gaze:
    fixations = recorded.fixations + np.array([offset, offset, 0, 0], np.float32)
    return Gaze(recorded.eye_movements + np.float32(offset), recorded.times_ms, fixations)


@pytest.mark.parametrize("together", [True, False], ids=["statistics of all their recordings", "of the recording itself"])
def test_normalising_by_participant_takes_a_constant_offset_away(together):
    extractor = EmertFeatureExtractor(6, 5, normalisation="participant")
    found = []
    for offset in (0.0, 4.0):
        own = [_with_offset(gaze(seed=seed), offset) for seed in (1, 2)]
        statistics = [GazeStatistics.of(own)] * 2 if together else None
        found.append(extractor(own, statistics))
    for name, value in found[0].items():
        torch.testing.assert_close(found[1][name], value, rtol=0, atol=1e-4)
    by_training = [EmertFeatureExtractor(6, 5)(_with_offset(gaze(), offset))["eye_movements"] for offset in (0.0, 4.0)]
    assert not torch.allclose(*by_training, atol=0.1)


def test_statistics_of_each_participant_go_to_their_own_recording():
    extractor = EmertFeatureExtractor(6, 5, normalisation="participant")
    recordings = [gaze(seed=1), _with_offset(gaze(seed=2), 4.0)]
    statistics = [GazeStatistics.of([recorded]) for recorded in recordings]
    crossed = extractor(recordings, statistics[::-1])["eye_movements"]
    assert (crossed[0].mean() < -1, crossed[1].mean() > 1) == (True, True)  # each is 4 from the other's mean
    together = extractor(recordings, statistics)["eye_movements"]
    for index, recorded in enumerate(recordings):
        assert torch.equal(together[index], extractor(recorded, statistics[index])["eye_movements"][0])


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="normalisation must be 'training' or 'participant', got 'batch'"):
        EmertFeatureExtractor(normalisation="batch")
    with pytest.raises(ValueError, match="need 39 numbers, got 3 and 39"):
        EmertFeatureExtractor(eye_mean=[0.0] * 3)


def test_arrays_are_loaded(processor):
    samples = np.full((60, NUM_COLUMNS), np.nan)
    samples[:, [COLUMN_INDEX["gaze_x"], COLUMN_INDEX["gaze_y"]]] = 0.5
    samples[3, COLUMN_INDEX["gaze_x"]] = 1e8
    recording = processor.load(video=face_track(), gaze=samples)
    assert np.isnan(recording.gaze.column("gaze_x")[[2, 3]]).tolist() == [False, True]
    assert np.nanmax(samples) == 1e8  # the caller's own stays as it is
    assert recording.notes.pop(0) == "In the gaze samples 2 numbers that no eye can have count as missing."  # x, so y
    assert recording.gaze.times_ms.tolist() == list(range(60))
    assert [note.split(":")[0] for note in recording.notes] == ["The gaze samples came without times and fixations"]
    assert set(processor(recording)) == set(INPUTS) - {"fixations", "fixations_mask"}


def test_gaze_without_a_valid_point_is_left_out_with_a_note(processor):
    lost = np.full((20, NUM_COLUMNS), np.nan)
    recording = processor.load(video=face_track(), gaze=lost)
    assert recording.gaze is None
    assert recording.notes == [
        "In the gaze samples there is neither a valid gaze point nor a fixation, so the eyes are left out."
    ]
    with pytest.raises(EmertInputError, match=r"neither a valid gaze point nor a fixation.* Nothing is left to answer from"):
        processor.load(gaze=lost)
    with pytest.raises(EmertInputError, match="Nothing is left to answer from"):
        processor.load()
    fixating = Gaze(lost, np.arange(20), [[0.5, 0.5, 0, 20]])
    assert processor.load(gaze=fixating).gaze is fixating


@pytest.mark.parametrize(
    ("video_s", "gaze_s", "words"),
    [
        (3, (0, 3), None),
        (3, (0, 3.5), None),
        (20, (0, 24), None),  # a tracker that was started before the clip and stopped after it
        (2.4, (0, 4), "The video lasts 2.4 s and the gaze 4.0 s; do they belong together?"),
        (10, (0, 3), "The video lasts 10.0 s and the gaze 3.0 s; do they belong together?"),
        (2, (0, 0.8), "The gaze covers 0.8 s of the video's 2.0 s, less than half of it."),
        (10, (7, 10), "The gaze covers 3.0 s of the video's 10.0 s, less than half of it."),
    ],
)
def test_video_and_gaze_of_different_lengths_are_told(processor, video_s, gaze_s, words):
    face = FaceTrack(np.zeros((4, 8, 8, 3), np.uint8), np.linspace(0, video_s * 1000, 4), np.ones(4, bool))
    own = gaze(samples=20, times_ms=np.linspace(*gaze_s, 20) * 1000)
    assert processor.load(face, own).lengths_differ == words


def test_lengths_are_not_compared_where_the_times_are_not_known(processor):
    minute, photo = gaze(samples=20, times_ms=np.linspace(0, 60_000, 20)), np.zeros((40, 40, 3), np.uint8)
    names = tuple(f"{number}.jpg" for number in range(5))
    crops = FaceTrack(face_track().frames, np.arange(5), np.ones(5, bool), names)  # as a folder of crops: numbers of frames
    for given in ({"video": crops}, {"image": photo}, {"video": np.stack([photo] * 3)}):
        recording = processor.load(**given, gaze=minute, detector=lambda _: [FaceBox(5, 5, 30, 30, 0.9)])
        assert recording.face is not None
        assert recording.lengths_differ is None
    assert processor.load(gaze=minute).lengths_differ is None
