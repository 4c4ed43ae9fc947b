"""Source `affec` on a generated folder in its layout: no copy of AFFEC itself was at hand."""

import gzip
import json
import shutil

import numpy as np
import pytest
from affec_tree import CLIP_SECONDS, FACE_RATE, RUN_SECONDS, TRIAL_SECONDS, times, write_affec_tree

from dataset_scripts.build.build import build
from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.sources import open_source
from modeling_emert.columns_emert import ACTION_UNITS
from modeling_emert.errors_emert import EmertInputError

BEH = "sub-aa/beh/sub-aa_task-fer_run-0"


@pytest.fixture(scope="module")
def _tree(tmp_path_factory):
    return write_affec_tree(tmp_path_factory.mktemp("affec") / "affec")


@pytest.fixture
def tree(_tree, tmp_path):
    """A copy for this test alone."""
    return shutil.copytree(_tree, tmp_path / "affec")


def first(tree, trial=1):
    source = open_source("affec", tree)
    return source, next(entry for entry in source.entries() if entry.recording_id == f"sub-aa-run0-trial{trial}")


def rewrite(file, text, new):
    assert text in file.read_text()
    file.write_text(file.read_text().replace(text, new))


def test_entries_have_labels_of_both_views_and_the_big_five(tree):
    source = open_source("affec", tree)
    entries = source.entries()
    assert len(entries) == 12
    assert len({entry.stimulus for entry in entries}) == 4
    _, entry = first(tree)
    assert (entry.participant, entry.stimulus) == ("sub-aa", "clip01.flv")
    assert entry.labels == {
        "er_valence": -0.5,
        "er_arousal": 0.0,
        "er3": "negative",
        "perceived_valence": 1.0,
        "perceived_arousal": -1.0,
        "perceived3": "positive",
    }
    shares = {"openness": 1.0, "conscientiousness": 0.0, "extraversion": 0.5, "agreeableness": 0.25}
    assert entry.context == {"stimulus_emotion": "happiness", **shares}
    _, entry = first(tree, trial=0)
    assert {"er_valence", "er3"}.isdisjoint(entry.labels)


def test_gaze_is_that_of_the_clip_with_the_pupils_of_the_same_moments(tree):
    source, entry = first(tree)
    gaze = source.load_gaze(entry)
    run_times = times(62, 0.25)
    begin = TRIAL_SECONDS + 1
    run_times = run_times[(run_times >= begin) & (run_times <= begin + CLIP_SECONDS)]
    assert len(gaze.times_ms) == len(run_times)
    np.testing.assert_allclose(gaze.times_ms, (run_times - run_times[0]) * 1000, atol=0.01)
    np.testing.assert_allclose(gaze.column("gaze_x"), run_times / RUN_SECONDS, atol=1e-5)
    # The pupil's clock is 4,923 s away, and its samples are 6.7 ms apart: half of that is the error of the nearest.
    expected = 3 + run_times / RUN_SECONDS
    np.testing.assert_allclose(gaze.column("pupil_left"), expected, atol=0.0035 / RUN_SECONDS + 1e-3)
    assert np.isnan(gaze.column("pupil_right")).all()
    np.testing.assert_allclose(gaze.column("distance_left"), 600, rtol=1e-5)
    assert gaze.fixations[0, 2] == pytest.approx(0, abs=20)
    np.testing.assert_allclose(np.unique(gaze.fixations[:, 0])[:2], [0.08, 0.09], atol=1e-6)


def test_where_no_pupil_is_near_it_is_missing(tree):
    file = tree / f"{BEH}_recording-pupil_physio.tsv.gz"
    lines = gzip.decompress(file.read_bytes()).decode().splitlines()
    begin = round((TRIAL_SECONDS + 1 - 0.5) * 149)
    file.write_bytes(gzip.compress("\n".join(lines[:begin] + lines[begin + 75 :]).encode()))
    source, entry = first(tree)
    gaze = source.load_gaze(entry)
    missing = np.isnan(gaze.column("pupil_left"))
    assert missing[:28].all()
    assert not missing[34:].any()
    assert any("no pupil within 10 ms" in note for note in gaze.notes)


def test_action_units_are_those_of_the_clip(tree):
    source, entry = first(tree)
    units = source.load_action_units(entry)
    begin = TRIAL_SECONDS + 1
    run_times = times(FACE_RATE, 0)
    inside = (run_times >= begin) & (run_times <= begin + CLIP_SECONDS)
    np.testing.assert_allclose(units.times_ms, (run_times[inside] - begin) * 1000, atol=0.01)
    seen = np.flatnonzero(inside) % 10 != 0
    values = units.intensities[:, ACTION_UNITS.index("AU12")]
    np.testing.assert_allclose(values[seen], run_times[inside][seen] / RUN_SECONDS * 5, atol=1e-4)
    assert np.isnan(units.intensities[~seen]).all()


def test_it_builds_and_leaves_out_a_trial_without_a_clip(tree, tmp_path):
    events = tree / "sub-aa/sub-aa_task-fer_run-0_events.tsv"
    rewrite(events, "\tvideo\tsub-aa\t0\t1\t", "\tpause\tsub-aa\t0\t1\t")
    data = EmertData.open(build(open_source("affec", tree), tmp_path / "out", num_workers=1))
    assert len(data) == 11
    assert data.metadata.redistributable
    assert any(note.startswith("sub-aa-run0-trial1") for note in data.metadata.notes)
    assert data.recording(0).action_units is not None


def test_streams_in_folders_of_their_own_and_absent_ones(tree):
    (tree / "gaze/sub-aa/beh").mkdir(parents=True)
    for suffix in ("tsv.gz", "json"):
        name = f"{BEH}_recording-gaze_physio.{suffix}"
        shutil.move(tree / name, tree / "gaze" / name)
        (tree / f"{BEH}_recording-pupil_physio.{suffix}").unlink()
        (tree / f"{BEH}_recording-videostream_physio.{suffix}").unlink()
    source, entry = first(tree)
    assert source.load_action_units(entry) is None
    gaze = source.load_gaze(entry)
    assert np.isfinite(gaze.column("gaze_x")).all()
    assert np.isnan(gaze.column("pupil_left")).all()


def test_big_five_on_another_scale_are_left_out_and_it_says_so(tree):
    rewrite(tree / "participants.tsv", "sub-bb\t30\t5", "sub-bb\t30\t31")
    source, entry = first(tree)
    assert "openness" not in entry.context
    assert "Big Five" in source.lacks


def test_a_face_stream_with_three_columns_is_absent_and_one_with_too_many_refused(tree):
    file = tree / f"{BEH}_recording-videostream_physio.tsv.gz"
    file.write_bytes(gzip.compress(b"1\t2\t3\n" * 9))
    source, entry = first(tree)
    assert source.load_action_units(entry) is None
    other = shutil.copytree(tree, tree.with_name("other"))  # a source keeps the streams that it has read
    (other / file.relative_to(tree)).write_bytes(gzip.compress(b"\t".join([b"1"] * 30) + b"\n"))
    source, entry = first(other)
    with pytest.raises(EmertInputError, match=r"30 columns where .* names 21; get the corrected"):
        source.load_action_units(entry)


@pytest.mark.parametrize(
    ("file", "text", "new", "message"),
    [
        (f"{BEH}_beh.tsv", "\t9\t", "\t10\t", "p_emotion_v is '10', where a rating from 1 to 9"),
        (f"{BEH}_beh.tsv", "f_emotion_v", "felt", "no column f_emotion_v"),
        (f"{BEH}_beh.tsv", "\t5\t", "\t", "line 2: 6 cells, where the header has 7"),
        ("sub-aa/sub-aa_task-fer_run-0_events.tsv", "4.0\t1.0", "4.0\tlong", "duration 'long', where seconds"),
        ("participants.tsv", "participant_id", "person", "no column participant_id"),
    ],
)
def test_refusals_name_file_and_field(tree, file, text, new, message):
    rewrite(tree / file, text, new)
    with pytest.raises(EmertInputError) as caught:
        open_source("affec", tree).entries()
    assert message in str(caught.value)
    assert str(tree / file) in str(caught.value)


@pytest.mark.parametrize(
    "content", ["{", "[]", json.dumps({"Columns": "onset"}), json.dumps({"Columns": [], "StartTime": "soon"})]
)
def test_a_broken_description_of_a_stream_is_refused(tree, content):
    (tree / f"{BEH}_recording-gaze_physio.json").write_text(content)
    source, entry = first(tree)
    with pytest.raises(EmertInputError, match=r"gaze_physio.json"):
        source.load_gaze(entry)


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(EmertInputError, match=r"participants.tsv: no such file"):
        open_source("affec", tmp_path).entries()
