"""Numbers and verdicts of recordings whose truth is known."""

import numpy as np
import pytest

from dataset_scripts.inspection.quality import LIMITS, FaceCheck, blink_spans, gap_lengths, measure, measure_loaded, usual_step
from modeling_emert.columns_emert import COLUMN_INDEX, NUM_COLUMNS
from modeling_emert.recording_emert import Gaze, Recording


def gaze_of(seconds=10.0, rate=60.0, lost=(), blinks=None, fixations=None, pupil=3.0, whole_ms=False) -> Gaze:
    """A living eye that wanders around the middle; nothing is known during the `lost` spans (start, end in ms)."""
    times = np.arange(0, seconds * 1000, 1000 / rate)
    values = np.full((len(times), NUM_COLUMNS), np.nan)
    away = np.zeros(len(times), bool)
    for start, end in lost:
        away |= (times >= start) & (times < end)
    for name, value in {"gaze_x": 0.5 + 0.1 * np.sin(times / 300), "gaze_y": 0.5 + 0.1 * np.cos(times / 300)}.items():
        values[~away, COLUMN_INDEX[name]] = value[~away]
    if pupil is not None:
        values[~away, COLUMN_INDEX["pupil_left"]] = pupil
        values[~away, COLUMN_INDEX["pupil_right"]] = pupil + 0.2
    if blinks is not None:
        values[:, COLUMN_INDEX["blink"]] = 0
        for start, end in blinks:
            values[(times >= start) & (times < end), COLUMN_INDEX["blink"]] = 1
    return Gaze(values, times.round() if whole_ms else times, fixations)


def fixations(count, seconds, duration=250.0) -> np.ndarray:
    starts = np.linspace(0, seconds * 1000 - duration, count)
    return np.stack([np.full(count, 0.4), np.full(count, 0.6), starts, np.full(count, duration)], axis=1)


def test_numbers_of_a_sound_recording():
    quality = measure(gaze_of(10, 60, fixations=fixations(30, 10)))
    assert quality.rate_hz == pytest.approx(60, rel=1e-4)
    assert quality.samples == 600
    assert quality.duration_s == pytest.approx(599 / 60, rel=1e-4)
    assert quality.missing_fraction == 0
    assert quality.largest_gap_ms == pytest.approx(0, abs=1e-3)
    assert quality.fixations_per_second == pytest.approx(3, rel=0.01)
    assert (quality.fixations, quality.fixation_mean_ms, quality.fixation_median_ms) == (30, 250, 250)
    assert quality.fixation_method == "export"
    assert quality.pupil_median == pytest.approx(3.1)
    assert quality.columns == ("gaze_x", "gaze_y", "pupil_left", "pupil_right")
    assert (quality.verdict, quality.reasons) == ("good", ())


def test_rate_of_a_tracker_that_writes_whole_milliseconds():
    assert measure(gaze_of(10, 60, whole_ms=True)).rate_hz == pytest.approx(60, rel=1e-3)


def test_rate_of_two_eyes_that_are_sampled_in_turn():
    times = np.cumsum(np.tile([0.5, 2.5, 2.5, 7.5], 500))
    times[1000:] += 400  # and a gap, which is no step
    assert 1000 / usual_step(times) == pytest.approx(4000 / 13, rel=0.01)


def test_blinks_are_gaps_of_the_length_of_a_blink():
    lost = [(1000, 1150), (3000, 3300), (5000, 5040), (7000, 8000)]  # two blinks, a flicker, a lost eye
    quality = measure(gaze_of(10, 200, lost))
    assert (quality.blinks, quality.blinks_from) == (2, "pupil gaps")
    assert quality.blinks_per_minute == pytest.approx(12, rel=0.01)
    assert quality.missing_fraction == pytest.approx(0.149, abs=0.002)
    assert quality.largest_gap_ms == pytest.approx(1000, abs=6)
    spans, _ = blink_spans(gaze_of(10, 200, lost))
    assert np.allclose(spans, [[1000, 1150], [3000, 3300]], atol=6)


def test_the_trackers_own_blinks_come_first_and_gaps_in_the_gaze_last():
    lost = [(2000, 2200)]
    own = measure(gaze_of(10, 100, lost, blinks=[(4000, 4100), (6000, 6100), (8000, 8100)]))
    assert (own.blinks, own.blinks_from) == (3, "tracker")
    without_pupil = measure(gaze_of(10, 100, lost, pupil=None))
    assert (without_pupil.blinks, without_pupil.blinks_from) == (1, "gaze gaps")
    assert without_pupil.pupil_median is None


@pytest.mark.parametrize("gaze", [gaze_of(10, 20), gaze_of(10, 60, [(0, 20_000)]), Gaze(fixations=fixations(9, 3))])
def test_blinks_that_cannot_be_told_are_not_told(gaze):
    quality = measure(gaze)
    assert quality.blinks is None
    assert quality.blinks_per_minute is None


def test_gaps_at_both_ends_and_left_out_rows_count():
    times = np.array([0.0, 10, 20, 70, 80, 90])
    assert gap_lengths(times, np.array([0, 0, 1, 1, 1, 0], bool), 10).tolist() == [20, 40, 0, 10]
    assert gap_lengths(times, np.zeros(6, bool), 10).tolist() == [100]


@pytest.mark.parametrize(
    ("gaze", "verdict", "title"),
    [
        (gaze_of(10, 60, [(0, 1900)]), "good", None),
        (gaze_of(10, 60, [(0, 2100)]), "usable", "gaze missing"),
        (gaze_of(10, 60, [(0, 5200)]), "poor", "gaze missing"),
        (gaze_of(10, 60, [(4000, 6600)]), "usable", "one long gap"),
        (gaze_of(10, 29), "usable", "low rate"),
        (gaze_of(10, 9), "poor", "low rate"),
        (gaze_of(1.5, 60), "usable", "short"),
        (gaze_of(0.4, 60), "poor", "short"),
        (gaze_of(1, 1), "poor", "short"),  # one sample
        (gaze_of(10, 60, fixations=fixations(3, 10)), "usable", "few fixations"),
        (gaze_of(10, 60, pupil=0.5), "good", None),  # no size of an eye: another unit, which is said and not judged
        (Gaze(fixations=fixations(30, 10)), "usable", "no samples"),
        (Gaze(fixations=np.zeros((0, 4))), "usable", "no samples"),
    ],
)
def test_verdicts_follow_the_limits(gaze, verdict, title):
    quality = measure(gaze)
    assert quality.verdict == verdict
    assert (title in quality.reason_titles) if title else not quality.reasons


def test_gaze_beside_the_screen_and_a_frozen_gaze_are_told():
    beside, frozen = gaze_of(), gaze_of()
    beside.eye_movements[:400, COLUMN_INDEX["gaze_x"]] = 1.7
    assert measure(beside).reason_titles == ("gaze beside the screen",)
    assert measure(beside).verdict == "poor"
    for axis in "xy":
        frozen.eye_movements[:, COLUMN_INDEX[f"gaze_{axis}"]] = 0.5
    assert measure(frozen).verdict == "poor"
    assert measure(frozen).reason_titles == ("gaze frozen",)


def test_pupils_in_the_trackers_own_units_are_called_so():
    assert measure(gaze_of(pupil=300)).pupil_unit == "tracker's own units"
    assert measure(gaze_of(pupil=3)).pupil_unit == "mm"


def test_faces_are_judged_by_how_often_they_are_found():
    times = np.linspace(0, 5000, 10)
    for found, verdict in ((10, "good"), (7, "usable"), (3, "poor"), (0, "poor")):
        quality = measure(None, FaceCheck(np.arange(10) < found, times))
        assert (quality.verdict, quality.face_found_fraction) == (verdict, found / 10)
        assert quality.duration_s == 5
    photo = measure(None, FaceCheck(np.ones(1, bool), np.zeros(1)))
    assert (photo.verdict, photo.duration_s) == ("good", None)
    both = measure(gaze_of(), FaceCheck(np.zeros(10, bool), times))
    assert both.verdict == "poor"
    assert both.reasons == ("a face was found in 0% of the frames",)


def test_nothing_at_all_is_poor_and_every_limit_can_be_said():
    assert measure(None).verdict == "poor"
    for limit in LIMITS:
        assert str(limit.sentence.format(0.25)).count("{") == 0
        if limit.poor is not None:
            assert (limit.poor > limit.usable) == limit.above


@pytest.mark.slow
@pytest.mark.parametrize("lost", [(), ((2000, 2400), (5000, 5100))])
def test_precision_and_data_loss_are_those_of_pymovements(lost):
    pl = pytest.importorskip("polars")
    measures = pytest.importorskip("pymovements").measure.samples
    gaze = gaze_of(10, 50, lost=lost)
    rng = np.random.default_rng(0)
    gaze.eye_movements[:, COLUMN_INDEX["gaze_x"]] += rng.normal(0, 0.01, 500)
    kept = np.r_[0:300, 340:500]  # a gap of rows, too
    gaze = Gaze(gaze.eye_movements[kept], gaze.times_ms[kept])
    points = np.stack([gaze.column(f"gaze_{axis}") for axis in "xy"], axis=1).astype(float)
    known = [None if np.isnan(point).any() else point.tolist() for point in points]
    table = pl.DataFrame({"time": gaze.times_ms.astype(float), "position": known})
    found = measure(gaze)
    assert found.rms_s2s == pytest.approx(table.select(measures.rms_s2s()).item(), rel=1e-6)
    assert found.data_loss == pytest.approx(table.select(measures.data_loss("position", sampling_rate=50.0)).item(), abs=1e-6)
    seen = table.drop_nulls()
    assert found.bcea == pytest.approx(seen.select(measures.bcea()).item(), rel=1e-6)


def test_pauses_do_not_count_in_fixations_a_second():
    gaze = gaze_of(60, 60, fixations=fixations(12, 60))
    block = np.r_[0:300, 3300:3600]  # 5 s at both ends
    found = measure(Gaze(gaze.eye_movements[block], gaze.times_ms[block], gaze.fixations))
    assert found.pauses_s == pytest.approx(50, abs=0.1)
    assert found.fixations_per_second == pytest.approx(1.2, rel=0.01)
    assert measure(gaze).pauses_s == 0


def test_one_sample_or_gaze_beside_the_screen_is_not_good():
    assert measure(gaze_of(1 / 60)).verdict == "poor"
    gaze = gaze_of(10, fixations=fixations(30, 10))
    gaze.eye_movements[:, [COLUMN_INDEX["gaze_x"], COLUMN_INDEX["gaze_y"]]] += 1
    assert measure(gaze).verdict == "poor"


def test_video_and_gaze_that_hardly_fit_are_usable_at_best():
    assert measure(gaze_of()).verdict == "good"
    doubted = measure_loaded(Recording(gaze=gaze_of(), lengths_differ="The video lasts 2.4 s and the gaze 60.0 s."))
    assert (doubted.verdict, doubted.reason_titles) == ("usable", ("lengths differ",))
