"""Detection of fixations, on traces whose fixations are known."""

import numpy as np
import pytest
from places import REAL

from dataset_scripts.generator.gaze_simulation import simulate_gaze
from dataset_scripts.generator.truth import GeneratorSettings, make_truth
from dataset_scripts.readers import fixation_detection, read_gaze_recordings
from dataset_scripts.readers.fixation_detection import FROM_EVENTS, with_fixations
from dataset_scripts.readers.samples import stack_columns
from modeling_emert.columns_emert import COLUMN_INDEX
from modeling_emert.recording_emert import Gaze

PLACES = np.array([[0.2, 0.3], [0.7, 0.4], [0.5, 0.8], [0.21, 0.32]])


def trace(rate=300, seconds=0.4, gap_ms=40, noise=0.002):
    """Four fixations with a saccade of `gap_ms` between them, in time order: `times` ms, `points` `(n, 2)`."""
    rng = np.random.default_rng(0)
    times = np.arange(0, 4 * (seconds * 1000 + gap_ms), 1000 / rate)
    number, within = np.divmod(times, seconds * 1000 + gap_ms)
    number, moving = number.astype(int), np.clip((within - seconds * 1000) / gap_ms, 0, 1)[:, None]
    points = PLACES[number] * (1 - moving) + PLACES[(number + 1) % 4] * moving
    points[(number == 3) & (within >= seconds * 1000)] = 5.0  # the end of the last is known, too
    return times, points + noise * rng.standard_normal(points.shape)


def gaze_of(times, points, **columns):
    return Gaze(stack_columns(len(times), {"gaze_x": points[:, 0], "gaze_y": points[:, 1], **columns}), times)


@pytest.mark.parametrize("rate", [30, 62, 120, 300, 1000])
def test_known_fixations_are_found(rate):
    found = with_fixations(gaze_of(*trace(rate)))
    step = max(10, 1000 / rate)
    assert found.fixations.shape == (4, 4)
    np.testing.assert_allclose(found.fixations[:, :2], PLACES, atol=0.01)
    np.testing.assert_allclose(found.fixations[:, 2], np.arange(4) * 440, atol=2 * step)
    np.testing.assert_allclose(found.fixations[:, 3], 400, atol=3 * step)
    assert found.fixation_method.startswith("I-DT, dispersion 0.03 of the frame, at least 100 ms")
    assert found.fixation_method in found.notes[0]
    assert "of the screen" in found.notes[1]


def test_the_simulated_eyes_fixations_are_found():
    settings = GeneratorSettings(participants=2, stimuli=3, seconds=5)
    hit = total = 0
    for truth in make_truth(settings):
        simulated = simulate_gaze(truth, settings)
        found = with_fixations(gaze_of(simulated.times, simulated.gaze.mean(axis=1))).fixations
        for _, start, end, x, y in simulated.events[simulated.events[:, 0] == 0]:
            inside = (simulated.times >= start) & (simulated.times <= end)
            if end - start < 150 or simulated.lost[inside].any() or end > simulated.times[-1]:
                continue
            middle = (start + end) / 2
            covering = found[(found[:, 2] <= middle) & (found[:, 2] + found[:, 3] >= middle)]
            total += 1
            hit += len(covering) == 1 and np.abs(covering[0, :2] - (x, y) - truth.person.offset).max() < 0.03
    assert total > 20
    assert hit / total > 0.85


@pytest.mark.parametrize(("lost_ms", "count"), [(60, 1), (100, 2)])
def test_a_loss_splits_from_75_ms_on(lost_ms, count):
    times = np.arange(0, 800, 4.0)
    points = np.full((200, 2), 0.5)
    points[(times >= 400) & (times < 400 + lost_ms)] = np.nan
    found = with_fixations(gaze_of(times, points)).fixations
    assert len(found) == count
    kept = np.isfinite(points[:, 0])
    assert len(with_fixations(gaze_of(times[kept], points[kept])).fixations) == count  # a gap in the times is the same


def test_a_place_is_on_the_stimulus_where_it_is_known():
    times, points = trace()
    found = with_fixations(gaze_of(times, points, gaze_stimulus_x=points[:, 0] / 2, gaze_stimulus_y=points[:, 1] + 0.1))
    np.testing.assert_allclose(found.fixations[:, :2], PLACES * (0.5, 1) + (0, 0.1), atol=0.01)
    assert len(found.notes) == 1


def test_one_eye_is_enough():
    times, points = trace()
    sides = {f"gaze_left_{axis}": points[:, i] for i, axis in enumerate("xy")}
    recording = Gaze(stack_columns(len(times), sides), times)
    np.testing.assert_allclose(with_fixations(recording).fixations[:, :2], PLACES, atol=0.01)


def test_degrees_where_millimetres_and_distance_are_known():
    times, points = trace(noise=0)
    drift = np.where(times < 440, times / 440 * 0.04, 0)  # 0.04 of the screen, but less than a degree
    points[:, 0] += drift
    assert with_fixations(gaze_of(times, points)).fixations[0, 3] < 350  # cut off by the drift
    millimetres = {
        "gaze_mm_x": points[:, 0] * 100,
        "gaze_mm_y": points[:, 1] * 100,
        "distance_left": np.full(len(times), 650.0),
    }
    found = with_fixations(gaze_of(times, points, **millimetres))
    assert found.fixations[0, 3] > 390
    assert "1.5 degrees" in found.fixation_method


def test_marked_samples_are_taken_as_they_are():
    times, points = trace()
    marks = np.where(times % 440 < 200, 1.0, 0.0)
    found = with_fixations(gaze_of(times, points, in_fixation=marks))
    assert found.fixation_method == FROM_EVENTS
    np.testing.assert_allclose(found.fixations[:, 2], np.arange(4) * 440, atol=4)
    np.testing.assert_allclose(found.fixations[:, 3], 197, atol=4)
    # Two fixations without a sample between them differ in their duration, which is used too.
    touching = gaze_of(times[:60], points[:60], in_fixation=np.ones(60), event_duration=np.repeat([90.0, 150.0], 30))
    np.testing.assert_allclose(with_fixations(touching).fixations[:, 2:], [[0, 90], [100, 150]], atol=0.1)


def test_what_is_left_alone():
    times, points = trace()
    listed = Gaze(stack_columns(len(times), {}), times, np.zeros((1, 4)))
    assert with_fixations(listed) is listed
    assert with_fixations(Gaze(fixations=np.zeros((1, 4)))).eye_movements is None
    assert with_fixations(gaze_of(times, points * np.nan)).fixations is None
    assert with_fixations(gaze_of(times[:1], points[:1])).fixations is None


@pytest.mark.parametrize("make", [lambda: trace(10), lambda: (np.arange(9.0), np.zeros((9, 2)))], ids=["slow", "short"])
def test_none_with_a_note(make):
    found = with_fixations(gaze_of(*make()))
    assert (found.fixations, found.fixation_method, len(found.notes)) == (None, None, 1)


def test_an_eye_that_never_moves_needs_no_search(monkeypatch):
    monkeypatch.setattr(fixation_detection, "_by_dispersion", lambda *_: pytest.fail("searched"))
    times = np.arange(0, 600_000, 4.0)
    found = with_fixations(gaze_of(times, np.full((len(times), 2), 0.5))).fixations
    np.testing.assert_allclose(found, [[0.5, 0.5, 0, times[-1]]])


def _idt_of_pymovements(path, threshold, shortest):
    """First and one past the last point. pymovements counts the point that broke the threshold as the fixation's last."""
    from pymovements.events.detection import idt

    events = idt(path, minimum_duration=shortest, dispersion_threshold=threshold).frame.select("onset", "offset")
    for first, last in events.iter_rows():
        over = np.ptp(path[first : last + 1], axis=0).sum() > threshold
        yield first, last if over else last + 1


@pytest.mark.parametrize("decimals", [None, 2, 1])  # on a grid, many windows reach the threshold exactly
def test_the_search_finds_what_pymovements_finds(decimals):
    rng, found = np.random.default_rng(1), 0
    for _ in range(30):
        length, shortest, threshold = rng.integers(3, 400), int(rng.integers(3, 12)), rng.choice([0.25, 0.5, 1.0])
        targets = np.repeat(rng.random((length, 2)) * 4, rng.integers(1, 30), axis=0)[:length]
        path = targets + rng.normal(0, rng.choice([0.01, 0.05, 0.2]), (length, 2))
        path = path if decimals is None else np.round(path * 2, decimals) / 2
        ours = list(fixation_detection._by_dispersion(path, threshold, shortest))
        assert ours == (list(_idt_of_pymovements(path, threshold, shortest)) if length >= shortest else [])
        found += len(ours)
    assert found > 50


@pytest.mark.real
def test_most_fixations_of_tobii_studio_are_found_from_its_samples():
    real = REAL
    path = real / "tobii_studio_faces" / "recordings_60hz" / "000.csv.gz"
    if not path.is_file():
        pytest.skip(f"no real recordings at {path}; set EMERT_REAL_DATA")
    events = [COLUMN_INDEX[name] for name in ("in_fixation", "in_saccade", "event_duration", "fixation_x", "fixation_y")]
    found = expected = 0
    for gaze in read_gaze_recordings(path):
        samples = gaze.eye_movements.copy()
        samples[:, events] = np.nan
        detected = with_fixations(Gaze(samples, gaze.times_ms)).fixations
        for x, y, start, duration in gaze.fixations[gaze.fixations[:, 3] >= 100]:
            middle = start + duration / 2
            covering = detected[(detected[:, 2] <= middle) & (detected[:, 2] + detected[:, 3] >= middle)]
            expected += 1
            found += len(covering) > 0 and np.abs(covering[0, :2] - (x, y)).max() < 0.05
    assert expected == 117
    assert found / expected > 0.8
