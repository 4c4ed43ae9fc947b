"""Each part changes what it says, in the units of the recording, and nothing else; the same numbers draw the same change."""

from dataclasses import replace

import numpy as np
import pytest
from tiny_emert import face_track, gaze

from modeling_emert import EmertInputError, Gaze, GazeStatistics
from modeling_emert.columns_emert import COLUMN_INDEX, COLUMN_NAMES, NUM_COLUMNS
from modeling_emert.feature_extraction_emert import EmertFeatureExtractor
from modeling_emert.recording_emert import Recording
from training.augmentation import PARTS, Augmentation, Example, make_augmentation
from training.augmentation.flip import Flip, mirrored
from training.augmentation.gaze import Blinks, GazeJitter
from training.augmentation.time import TimeCrop, TimeWarp

_FACES = 24
X = [name for name in COLUMN_NAMES if name.endswith("_x")]
SHARES_X = [name for name in X if "mm" not in name and not name.startswith("eye_")]
ON_SCREEN = [name for name in COLUMN_NAMES if name.startswith(("gaze", "fixation_")) and "mm" not in name]


def _example(seed: int = 0, with_statistics: bool = False) -> Example:
    """600 ms with noise for values in [0, 1), a tenth of them missing, and 300 mm to a screen's width."""
    rng = np.random.default_rng(seed)
    values = rng.random((60, NUM_COLUMNS)).astype(np.float32)
    for part in ("gaze", "gaze_left", "gaze_right"):
        values[:, COLUMN_INDEX[f"{part}_mm_x"]] = 300 * values[:, COLUMN_INDEX[f"{part}_x"]] - 150
        values[:, COLUMN_INDEX[f"{part}_mm_y"]] = 200 - 180 * values[:, COLUMN_INDEX[f"{part}_y"]]
    values[rng.random(values.shape) < 0.1] = np.nan
    eyes = gaze(60, seed, eye_movements=values)
    statistics = GazeStatistics.of([eyes]) if with_statistics else None
    face = face_track(_FACES, side=8, seed=seed)
    face.times_ms *= 600 / (100 * _FACES)
    return Example(Recording(face=face, gaze=eyes), statistics)


def _applied(part, example: Example, seed: int = 0) -> Example:
    return part(example, np.random.default_rng(seed))


def _column(example: Example, name: str) -> np.ndarray:
    return example.recording.gaze.column(name)


def _assert_same(found: Example, expected: Example, tolerance: float = 0.0) -> None:
    for name in ("eye_movements", "times_ms", "fixations"):
        values = (getattr(example.recording.gaze, name) for example in (found, expected))
        np.testing.assert_allclose(*values, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(found.recording.face.frames, expected.recording.face.frames)


@pytest.mark.parametrize("name", PARTS)
def test_the_same_numbers_draw_the_same_and_the_given_example_is_left_alone(name: str):
    augmentation = make_augmentation([{"name": name}])
    example, untouched = _example(), _example()
    drawn = [augmentation.augment(example, 3, epoch, 5) for epoch in (0, 1, 2, 3, 4, 5)]
    _assert_same(augmentation.augment(example, 3, 0, 5), drawn[0])
    _assert_same(example, untouched)
    for numbers in ((3, 1, 5), (4, 0, 5), (3, 0, 6)):  # another epoch, seed, recording
        others = [augmentation.augment(example, numbers[0], numbers[1] + more, numbers[2]) for more in range(6)]
        assert any(_differ(*pair) for pair in zip(drawn, others, strict=True))


def _differ(first: Example, second: Example) -> bool:
    try:
        _assert_same(first, second)
    except AssertionError:
        return True
    return False


def test_what_one_part_draws_does_not_depend_on_how_much_the_others_draw():
    alone = Augmentation((GazeJitter(0.1), Blinks(1, 0.3)))
    beside = Augmentation((GazeJitter(0.1), Blinks(5, 0.3)))
    kept = ~np.isnan(_column(alone.augment(_example(), 0, 0, 0), "gaze_x"))
    kept &= ~np.isnan(_column(beside.augment(_example(), 0, 0, 0), "gaze_x"))
    first, second = (_column(parts.augment(_example(), 0, 0, 0), "gaze_x")[kept] for parts in (alone, beside))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize(
    "recording",
    [
        Recording(face=face_track(3)),
        Recording(gaze=gaze()),
        Recording(gaze=gaze(fixations=None)),
        Recording(gaze=gaze(eye_movements=None, times_ms=None)),
        Recording(gaze=gaze(0)),
        Recording(gaze=Gaze()),
    ],
    ids=["face", "gaze", "samples", "fixations", "empty", "nothing"],
)
def test_what_a_recording_lacks_stays_absent(name: str, recording: Recording):
    found = make_augmentation([{"name": name}]).augment(Example(recording), 0, 0, 0).recording
    assert (found.face is None) == (recording.face is None)
    assert (found.gaze is None) == (recording.gaze is None)
    if recording.gaze is not None:
        assert (found.gaze.eye_movements is None) == (recording.gaze.eye_movements is None)
        assert (found.gaze.fixations is None) == (recording.gaze.fixations is None)


def test_jitter_moves_points_on_the_screen_and_nothing_else():
    before, after = _example(), _applied(GazeJitter(0.05), _example())
    points = [*ON_SCREEN, *(name for name in COLUMN_NAMES if name.startswith("gaze") and "mm" in name)]
    for name in COLUMN_NAMES:
        first, second = _column(before, name), _column(after, name)
        np.testing.assert_array_equal(np.isnan(first), np.isnan(second), err_msg=name)
        assert (np.nanmax(np.abs(second - first)) > 0.02) == (name in points), name
    moved = {name: _column(after, name) - _column(before, name) for name in points}
    for axis, scale in (("x", 300), ("y", -180)):
        for name in ON_SCREEN:
            if name.endswith(axis):
                both = ~np.isnan(moved[name]) & ~np.isnan(moved[f"gaze_{axis}"])
                np.testing.assert_allclose(moved[name][both], moved[f"gaze_{axis}"][both], atol=1e-6)
        both = ~np.isnan(moved[f"gaze_mm_{axis}"]) & ~np.isnan(moved[f"gaze_{axis}"])
        np.testing.assert_allclose(moved[f"gaze_mm_{axis}"][both], scale * moved[f"gaze_{axis}"][both], atol=1e-3)
    first, second = (example.recording.gaze.fixations for example in (before, after))
    assert np.abs(second[:, :2] - first[:, :2]).min() > 0
    np.testing.assert_array_equal(second[:, 2:], first[:, 2:])


def test_jitter_has_the_strength_that_it_says():
    shifts = [
        _column(_applied(GazeJitter(0.03), _example(), seed), "gaze_x") - _column(_example(), "gaze_x") for seed in range(40)
    ]
    assert np.nanstd(shifts) == pytest.approx(0.03 * np.sqrt(2 / 3), rel=0.1)  # between two knots it is their mean
    assert np.nanmean(shifts) == pytest.approx(0, abs=0.003)


def test_a_blink_takes_everything_of_a_run_but_what_the_tracker_tells_of_its_own_sight():
    before, after = _example(), _applied(Blinks(1, 0.6), _example(), seed=1)
    lost = np.isnan(after.recording.gaze.eye_movements).sum(axis=1) >= NUM_COLUMNS - 2
    places = np.flatnonzero(lost)
    assert 3 < len(places) < 40
    assert (np.diff(places) == 1).all()
    for name in ("validity_left", "validity_right"):
        told = ~np.isnan(_column(before, name)[lost])
        assert (_column(after, name)[lost][told] == 0).all()
        assert np.isnan(_column(after, name)[lost][~told]).all()
    np.testing.assert_array_equal(after.recording.gaze.eye_movements[~lost], before.recording.gaze.eye_movements[~lost])
    times = before.recording.gaze.times_ms[places]
    middles = before.recording.gaze.fixations[:, 2] + 100
    outside = (middles < times[0] - 10) | (middles > times[-1] + 10)
    assert len(after.recording.gaze.fixations) < len(middles) + 1
    assert set(map(tuple, before.recording.gaze.fixations[outside])) <= set(map(tuple, after.recording.gaze.fixations))


def test_steps_in_a_blink_are_missing_to_the_network():
    example = _example()
    for name in ("validity_left", "validity_right"):
        example.recording.gaze.eye_movements[:, COLUMN_INDEX[name]] = np.nan
    prepare = EmertFeatureExtractor(num_eye_steps=20)
    before, after = prepare(example.recording.gaze), prepare(_applied(Blinks(1, 0.6), example, seed=1).recording.gaze)
    gone = before["eye_movements_mask"] & ~after["eye_movements_mask"]
    assert before["eye_movements_mask"].all()
    assert 2 <= gone.sum() < 20
    assert (after["eye_movements"][gone] == 0).all()


def test_a_crop_is_one_stretch_of_faces_samples_and_fixations():
    for seed in range(20):
        example = _example(seed)
        before, after = example.recording, _applied(TimeCrop(0.5), example, seed).recording
        length = len(after.gaze.times_ms)
        assert 29 <= length <= 60
        starts = [
            at for at in range(61 - length) if _equal(before.gaze.eye_movements[at : at + length], after.gaze.eye_movements)
        ]
        assert len(starts) == 1
        start = before.gaze.times_ms[starts[0]] - after.gaze.times_ms[0]
        assert 0 <= after.gaze.times_ms[0] < 10
        end = start + after.gaze.times_ms[-1] + 10
        shown = [_frame_number(frame, before.face.frames) for frame in after.face.frames]
        sure = np.flatnonzero((before.face.times_ms >= start + 10) & (before.face.times_ms < end - 10))  # within a sample
        assert shown == list(range(shown[0], shown[-1] + 1))
        assert set(sure) <= set(shown)
        np.testing.assert_allclose(before.face.times_ms[shown] - after.face.times_ms, start, atol=1e-3)
        fixations = after.gaze.fixations
        assert (fixations[:, 2] >= 0).all()
        assert (fixations[:, 3] > 0).all()
        assert (fixations[:, 2] + fixations[:, 3] <= after.gaze.times_ms[-1] + 10).all()
        middles = before.gaze.fixations[:, 2] + 100
        assert ((start < middles) & (middles < end - 10)).sum() <= len(fixations) <= 4


def _equal(first: np.ndarray, second: np.ndarray) -> bool:
    return np.array_equal(first, second, equal_nan=True)


def test_a_warp_keeps_order_begin_and_end_and_moves_all_by_the_same_clock():
    before, after = _example(), _applied(TimeWarp(0.5), _example(), seed=2)
    old, new = before.recording.gaze.times_ms, after.recording.gaze.times_ms
    assert (old[0], old[-1]) == (new[0], pytest.approx(new[-1]))
    assert (np.diff(new) > 0).all()
    assert np.abs(new - old).max() > 20
    first, second = before.recording.gaze.fixations, after.recording.gaze.fixations
    inside = first[:, 2] <= old[-1]
    np.testing.assert_allclose(second[inside, 2], np.interp(first[inside, 2], old, new), atol=8)
    shown = [_frame_number(frame, before.recording.face.frames) for frame in after.recording.face.frames]
    assert shown == sorted(shown)
    assert shown != list(range(_FACES))
    duration = _column(after, "event_duration") / _column(before, "event_duration")
    known = ~np.isnan(duration)
    np.testing.assert_allclose(duration[known], np.gradient(new, old)[known], rtol=0.5)
    others = [index for name, index in COLUMN_INDEX.items() if name != "event_duration"]
    assert _equal(before.recording.gaze.eye_movements[:, others], after.recording.gaze.eye_movements[:, others])


def _frame_number(frame: np.ndarray, frames: np.ndarray) -> int:
    return int(np.flatnonzero((frames == frame).all(axis=(1, 2, 3)))[0])


def test_a_mirror_swaps_the_eyes_and_turns_x_round_in_each_unit():
    before, after = _example(), mirrored(_example())
    for name in COLUMN_NAMES:
        other = "_".join({"left": "right", "right": "left"}.get(word, word) for word in name.split("_"))
        source, found = _column(before, other), _column(after, name)
        if name in SHARES_X:
            expected = 1 - source
        elif name in X:
            expected = -source
        elif name == "saccade_direction":
            expected = 180 - source  # 0..1 degrees here
        elif name == "saccade_turn":
            expected = 360 - source
        else:
            expected = source
        np.testing.assert_allclose(found, expected, atol=1e-4, err_msg=name)
    np.testing.assert_allclose(after.recording.gaze.fixations[:, 0], 1 - before.recording.gaze.fixations[:, 0])
    np.testing.assert_array_equal(after.recording.gaze.fixations[:, 1:], before.recording.gaze.fixations[:, 1:])
    np.testing.assert_array_equal(after.recording.face.frames, before.recording.face.frames[:, :, ::-1])
    _assert_same(mirrored(after), before, 1e-4)


def test_to_the_network_a_mirrored_person_standardised_by_their_own_is_the_negative():
    """The saccades' angles aside, which go round."""
    prepare = EmertFeatureExtractor(20, 20, normalisation="participant")
    before, after = _example(with_statistics=True), mirrored(_example(with_statistics=True))
    first, second = (prepare(item.recording.gaze, item.statistics) for item in (before, after))
    for name in SHARES_X:
        other = "_".join({"left": "right", "right": "left"}.get(word, word) for word in name.split("_"))
        source, found = (
            values[0, :, COLUMN_INDEX[key]]
            for values, key in ((first["eye_movements"], other), (second["eye_movements"], name))
        )
        np.testing.assert_allclose(found, -source, atol=1e-4)
    np.testing.assert_allclose(second["fixations"][..., 0], -first["fixations"][..., 0], atol=1e-4)
    expected = GazeStatistics.of([after.recording.gaze])
    kept = [index for name, index in COLUMN_INDEX.items() if name not in ("saccade_direction", "saccade_turn")]
    np.testing.assert_allclose(after.statistics.eye[:, kept], expected.eye[:, kept], rtol=1e-4, atol=1e-3)


def test_a_flip_comes_as_often_as_it_says():
    flipped = [_applied(Flip(0.3), example, seed) is not example for seed in range(300) for example in [_example()][:1]]
    assert 0.2 < np.mean(flipped) < 0.4
    assert _applied(Flip(0.0), (example := _example())) is example


def test_colour_changes_faces_all_frames_alike_and_not_at_all_at_nought():
    still = make_augmentation([{"name": "colour", "brightness": 0, "contrast": 0, "saturation": 0}])
    _assert_same(still.augment(_example(), 0, 0, 0), _example())
    example = _example()
    example.recording.face = replace(
        example.recording.face, frames=np.repeat(example.recording.face.frames[:1], _FACES, axis=0)
    )
    found = make_augmentation([{"name": "colour"}]).augment(example, 0, 0, 0).recording.face.frames
    assert (found == found[0]).all()
    assert (found != example.recording.face.frames).mean() > 0.5
    grey = make_augmentation([{"name": "colour", "brightness": 0, "contrast": 0, "saturation": 1}])
    spreads = [
        np.ptp(grey.augment(example, 0, epoch, 0).recording.face.frames.astype(int), axis=-1).mean() for epoch in range(20)
    ]
    original = np.ptp(example.recording.face.frames.astype(int), axis=-1).mean()
    assert min(spreads) < 0.5 * original


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([{"name": "shake"}], "part 1 is {'name': 'shake'}; expected a mapping whose name is one of gaze_jitter"),
        ([{"name": "flip"}, {"strength": 1}], "part 2 is"),
        (["flip"], "part 1 is 'flip'"),
        ("flip", "expected a list .* found 'flip'"),
        ({"name": "flip"}, "expected a list"),
        ([{"name": "flip", "chance": 1.5}], r"part 1 \(flip\) has 1 error: chance is 1.5, expected a number in 0..1"),
        ([{"name": "flip", "chance": "often"}], "chance is 'often'"),
        ([{"name": "flip", "chance": True}], "chance is True"),
        ([{"name": "flip", "chance": float("nan")}], "chance is nan"),
        ([{"name": "flip", "strength": 1}], r"part 1 \(flip\) has 1 error: unknown key strength \(1\), known keys: chance"),
        ([{"name": "blinks", "runs": 1.5}], "runs is 1.5, expected a whole number in 1..100"),
        ([{"name": "gaze_jitter", "strength": -1}], "strength is -1"),
        ([{"name": "time_crop", "shortest": 0}], "shortest is 0"),
        ([{"name": "colour", "contrast": 2}], "contrast is 2"),
    ],
)
def test_a_wrong_part_is_refused_by_its_place_name_and_field(content, reason: str):
    with pytest.raises(EmertInputError, match=reason):
        make_augmentation(content)


def test_fields_of_a_recipe_reach_their_part():
    parts = make_augmentation([{"name": "blinks", "runs": 3, "longest": 0.2}, {"name": "flip"}]).parts
    assert parts == (Blinks(3, 0.2), Flip(0.5))
    assert make_augmentation(()).parts == ()
