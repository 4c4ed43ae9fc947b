"""Generated recordings: the same settings give the same files, the eyes follow what is felt, the face what is shown."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dataset_scripts.generator import writing
from dataset_scripts.generator.face_drawing import face_frames
from dataset_scripts.generator.gaze_simulation import gaze_at, simulate_gaze
from dataset_scripts.generator.truth import GeneratorSettings, coarse, make_truth
from dataset_scripts.generator.writing import ensure_recordings, generate, tobii_table
from dataset_scripts.readers import read_gaze
from modeling_emert.columns_emert import COLUMN_INDEX
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import EMER_TASKS, EMOTIONS, TASKS
from modeling_emert.video_emert import read_frames

SMALL = GeneratorSettings(participants=2, stimuli=2, seconds=1, frames_per_second=2, frame_size=96)
NO_BLINKS, STRAIGHT = np.zeros((0, 2)), np.full((2, 2), 0.5)


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def faces(truth, settings=SMALL):
    return face_frames(truth, NO_BLINKS, STRAIGHT, settings)[0].astype(float)


@pytest.mark.parametrize("num_workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_same_settings_give_the_same_files_with_any_number_of_workers(tmp_path, tiny_settings, recordings, num_workers):
    again = generate(tmp_path / "again", tiny_settings, num_workers)
    first, second = files_of(recordings), files_of(again)
    assert list(first) == list(second)
    for name, content in first.items():
        if name.endswith(".mp4"):
            np.testing.assert_array_equal(read_frames(recordings / name, 9)[0], read_frames(again / name, 9)[0])
        else:
            assert content == second[name], name


def test_recordings_are_kept_until_the_generators_code_changes(tmp_path, monkeypatch):
    folder = ensure_recordings(tmp_path / "run" / "recordings", SMALL, 1)
    first, kept = files_of(folder), (folder / "recordings.csv").stat().st_mtime_ns
    ensure_recordings(folder, SMALL, 1)
    assert (folder / "recordings.csv").stat().st_mtime_ns == kept
    with pytest.raises(EmertInputError, match="holds recordings of other settings"):
        ensure_recordings(folder, replace(SMALL, seed=1), 1)
    monkeypatch.setattr(writing, "code_fingerprint", lambda entries: "other code")
    ensure_recordings(folder, SMALL, 1)
    assert (folder / "recordings.csv").stat().st_mtime_ns != kept
    assert list(files_of(folder)) == list(first)
    (tmp_path / "mine").mkdir()
    with pytest.raises(EmertInputError, match="already exists"):
        ensure_recordings(tmp_path / "mine", SMALL, 1)


def test_another_seed_gives_other_recordings(tmp_path, tiny_settings, recordings):
    other = generate(tmp_path / "other", replace(SMALL, seed=1), 1)
    name = "p000-s000"
    assert (other / f"gaze/{name}.csv").read_bytes() != (recordings / f"gaze/{name}.csv").read_bytes()
    assert not np.array_equal(
        read_frames(other / f"videos/{name}.mp4", 2)[0], read_frames(recordings / f"videos/{name}.mp4", 2)[0]
    )


def test_more_participants_leave_the_recordings_of_the_first_as_they_were():
    assert make_truth(SMALL) == make_truth(replace(SMALL, participants=5))[:4]


def test_the_files_say_what_the_truth_says(tiny_settings, recordings):
    table = pd.read_csv(recordings / "recordings.csv").set_index("recording_id")
    truths = make_truth(tiny_settings)
    assert list(table.index) == sorted(truth.recording_id for truth in truths)
    for truth in truths:
        row = table.loc[truth.recording_id]
        assert {column: row[column] for column in truth.labels} == truth.labels
        assert (row["participant"], row["stimulus"]) == (truth.person.name, truth.stimulus.name)
        assert (recordings / row["video"]).is_file()
        assert (recordings / row["gaze"]).is_file()
    assert json.loads((recordings / "settings.json").read_text())["disagreement"] == tiny_settings.disagreement


@pytest.mark.parametrize("fraction", [0.0, 0.35, 0.7, 1.0])
def test_felt_and_shown_differ_as_often_as_asked(fraction):
    truths = make_truth(GeneratorSettings(participants=100, stimuli=14, disagreement=fraction))
    assert np.mean([truth.felt != truth.shown for truth in truths]) == pytest.approx(fraction, abs=0.04)


def test_every_label_is_a_class_or_in_range():
    columns = {column: TASKS[name] for name in EMER_TASKS for column in TASKS[name].columns}
    truths = make_truth(GeneratorSettings(participants=60, stimuli=14, noise=3))
    assert {truth.felt for truth in truths} == {truth.shown for truth in truths} == set(EMOTIONS)
    for truth in truths:
        assert set(truth.labels) == set(columns)
        for column, label in truth.labels.items():
            task = columns[column]
            assert label in task.labels if task.kind == "classification" else task.range[0] <= label <= task.range[1]


def test_surprise_is_positive_or_negative_by_its_valence():
    assert (coarse("surprise", 0.2), coarse("surprise", -0.2), coarse("fear", 0.2)) == ("positive", "negative", "negative")


def test_eyes_follow_what_is_felt_and_not_what_is_shown():
    truth = next(truth for truth in make_truth(SMALL) if truth.felt == "happiness")
    settings = replace(SMALL, seconds=4)
    own = tobii_table(simulate_gaze(truth, settings), truth)
    for shown in EMOTIONS:
        other = replace(truth, shown=shown, shown_affect=(-1.0, -1.0), intensity=3.0)
        pd.testing.assert_frame_equal(own, tobii_table(simulate_gaze(other, settings), other))
    felt = replace(truth, felt="sadness")
    assert not own.equals(tobii_table(simulate_gaze(felt, settings), felt))


def test_the_pupil_is_wider_in_fear_than_in_sadness():
    settings = replace(SMALL, participants=10, stimuli=3, seconds=3)
    pupils = {
        felt: np.nanmean(
            [np.nanmean(simulate_gaze(replace(truth, felt=felt), settings).pupil) for truth in make_truth(settings)]
        )
        for felt in ("fear", "sadness")
    }
    assert pupils["fear"] > pupils["sadness"] + 0.2


def test_the_face_follows_what_is_shown_and_not_what_is_felt():
    truth = replace(make_truth(SMALL)[0], shown="happiness", intensity=2.0)
    own = faces(truth)
    for felt in EMOTIONS:
        np.testing.assert_array_equal(own, faces(replace(truth, felt=felt, felt_affect=(0.0, 0.0))))
    for shown in set(EMOTIONS) - {"happiness"}:
        assert not np.array_equal(own, faces(replace(truth, shown=shown)))


def test_a_stronger_expression_is_farther_from_a_neutral_face():
    truth, quiet = make_truth(SMALL)[0], replace(SMALL, noise=0)
    still = faces(replace(truth, shown="neutral"), quiet)
    distances = [np.abs(faces(replace(truth, shown="fear", intensity=level), quiet) - still).mean() for level in (0, 1, 2.5)]
    assert distances[0] == 0
    assert distances[1] < distances[2]


def test_without_noise_faces_of_one_emotion_are_nearer_than_those_of_two():
    quiet, truth = replace(SMALL, noise=0), make_truth(SMALL)[0]
    strong = {shown: faces(replace(truth, shown=shown, intensity=2.2), quiet)[-1] for shown in EMOTIONS}
    for shown in EMOTIONS:
        weaker = faces(replace(truth, shown=shown, intensity=1.9), quiet)[-1]
        distances = {other: np.abs(face - weaker).mean() for other, face in strong.items()}
        assert min(distances, key=distances.get) == shown


def test_blinks_and_dropouts_are_missing_in_what_is_read_back(tmp_path):
    settings = replace(SMALL, seconds=8)
    truth = make_truth(settings)[0]
    truth = replace(truth, person=replace(truth.person, dropout_rate=0.3, blink_scale=3.0))
    simulated = simulate_gaze(truth, settings)
    assert len(simulated.blinks)
    in_blink = (simulated.blinks[:, :1] <= simulated.times) & (simulated.times <= simulated.blinks[:, 1:])
    assert simulated.lost[in_blink.any(axis=0)].all()
    assert simulated.lost.sum() > in_blink.any(axis=0).sum()  # dropouts come on top
    tobii_table(simulated, truth).to_csv(tmp_path / "gaze.csv", index=False)
    gaze = read_gaze(tmp_path / "gaze.csv")
    for name in ("gaze_x", "gaze_left_y", "gaze_stimulus_x", "pupil_left", "pupil_right", "eye_left_z"):
        np.testing.assert_array_equal(np.isnan(gaze.eye_movements[:, COLUMN_INDEX[name]]), simulated.lost, name)
    assert gaze.missing_fraction == pytest.approx(simulated.lost.mean())


def test_what_is_read_back_is_what_was_simulated(tmp_path):
    truth, settings = make_truth(SMALL)[3], replace(SMALL, seconds=3)
    simulated = simulate_gaze(truth, settings)
    tobii_table(simulated, truth).to_csv(tmp_path / "gaze.csv", index=False)
    gaze = read_gaze(tmp_path / "gaze.csv")
    assert (gaze.participant, gaze.stimulus) == (truth.person.name, truth.stimulus.name)
    np.testing.assert_allclose(gaze.times_ms, simulated.times, atol=0.6)
    np.testing.assert_allclose(gaze.column("gaze_left_x"), simulated.gaze[:, 0, 0], atol=0.001)
    np.testing.assert_allclose(gaze.column("gaze_right_y"), simulated.gaze[:, 1, 1], atol=0.001)
    np.testing.assert_allclose(gaze.column("pupil_right"), simulated.pupil[:, 1], atol=0.006)
    seen = gaze.fixations
    np.testing.assert_allclose(seen[:, :2], gaze_at(simulated, seen[:, 2] + 20), atol=0.002)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("participants", 0), ("stimuli", -1), ("seconds", 0.5), ("disagreement", 1.2), ("disagreement", float("nan"))],
        *[("noise", -1), ("frame_size", 97), ("frame_size", 20), ("gaze_rate", 0), ("frames_per_second", 0), ("seed", -1)],
    ],
)
def test_a_wrong_setting_is_named(name, value):
    with pytest.raises(ValueError, match=name):
        GeneratorSettings(**{name: value})


def test_an_existing_folder_is_refused_and_left_alone(tmp_path):
    (tmp_path / "here").mkdir()
    with pytest.raises(EmertInputError, match="already exists"):
        generate(tmp_path / "here", SMALL, 1)
    assert [path.name for path in tmp_path.rglob("*")] == ["here"]


def test_a_stopped_run_leaves_nothing_under_the_final_name_and_the_next_one_is_complete(tmp_path, monkeypatch):
    writes = iter(range(9))

    def stop_at_the_third(*arguments, write=writing.write_video):
        if next(writes) == 2:
            raise KeyboardInterrupt
        write(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(writing, "write_video", stop_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            generate(tmp_path / "out", SMALL, 1)
    assert not (tmp_path / "out").exists()
    generate(tmp_path / "out", SMALL, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert len(list((tmp_path / "out/videos").iterdir())) == 4
