"""Tobii Glasses 3's gazedata: values and units, lost samples, and the kinds of wrong input."""

import gzip
import re

import numpy as np
import pytest
from gaze_exports import glasses3
from places import REAL

from dataset_scripts.readers import read_gaze, read_gaze_recordings
from modeling_emert.errors_emert import EmertInputError

CASE = REAL.parent / "cases" / "g3_gazedata.jsonl"


def read(tmp_path, content: bytes, name: str = "gazedata"):
    (tmp_path / name).write_bytes(content)
    return read_gaze(tmp_path / name)


def test_every_number_stands_in_its_column(tmp_path):
    gaze = read(tmp_path, gzip.compress(glasses3(lost=(7,))), "gazedata.gz")
    assert gaze.format == "glasses3"
    np.testing.assert_allclose(gaze.times_ms[:3], [0, 20, 40])
    expected = {"gaze_x": 0.25, "gaze_y": 0.5, "gaze_stimulus_x": 0.25, "gaze_mm_x": 10, "gaze_mm_y": -20, "pupil_left": 3}
    expected |= {"eye_left_x": 28.5, "eye_left_y": -7.25, "eye_right_z": -23, "validity_right": 1}
    for name, value in expected.items():
        assert gaze.column(name)[0] == pytest.approx(value), name
    assert np.isnan(gaze.column("gaze_left_x")).all()  # there is no such thing in the file
    for name in ("gaze_x", "pupil_left", "eye_left_x"):
        assert np.flatnonzero(np.isnan(gaze.column(name))).tolist() == [7]
    assert gaze.column("validity_left")[7] == 0
    assert "scene camera's image" in gaze.notes[0]


def test_other_lines_and_fields_are_passed_over_and_a_clock_set_back_is_another_recording(tmp_path):
    event = b'{"type": "event", "timestamp": 0.1, "data": {"tag": "x", "object": {"deep": [1, 2]}}}\n'
    (tmp_path / "gazedata").write_bytes(event + glasses3(100) + glasses3(60, gaze2d=[0.75, 0.5]))
    first, second = read_gaze_recordings(tmp_path / "gazedata")
    assert [len(first.times_ms), len(second.times_ms)] == [100, 60]
    assert second.column("gaze_x")[0] == 0.75


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (glasses3() + b'{"type": "gaze", "timestamp"', "a line that is no sample of Glasses 3"),
        (glasses3().replace(b'"timestamp": 0.02', b'"timestamp": "soon"'), "a line that is no sample of Glasses 3"),
        (glasses3(gaze2d=[0.5]), "1 numbers in gaze2d, where 2 are expected"),
        (glasses3().replace(b"timestamp", b"when"), "no sample with a timestamp"),
        (re.sub(rb'"timestamp": ([0-9.]+)', rb'"timestamp": \g<1>e6', glasses3()), "2.5 to 2,500 are expected"),
        (glasses3(gaze2d=[960.0, 540.0]), "normalised coordinates"),
    ],
)
def test_what_is_wrong_is_one_sentence(tmp_path, content, words):
    with pytest.raises(EmertInputError, match=words) as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)


def test_an_impossible_number_is_missing_and_said(tmp_path):
    lines = glasses3().splitlines(keepends=True)
    lines[5] = lines[5].replace(b"[0.255, 0.5]", b"[1e8, 0.5]")
    gaze = read(tmp_path, b"".join(lines))
    assert np.flatnonzero(np.isnan(gaze.column("gaze_x"))).tolist() == [5]
    assert any("no eye can have" in note for note in gaze.notes)


@pytest.mark.real
@pytest.mark.skipif(not CASE.is_file(), reason=f"{CASE} is not there")
def test_the_case_of_the_review():
    gaze = read_gaze(CASE)
    assert len(gaze.times_ms) == 20
    assert gaze.column("gaze_y")[0] == pytest.approx(0.4)
    assert gaze.column("pupil_right")[0] == pytest.approx(3.2)
