"""Gazepoint Analysis: all numbers are made up; only the layout is the vendor's."""

import numpy as np
import pytest

from dataset_scripts.readers import read_gaze, read_gaze_recordings
from modeling_emert.errors_emert import EmertInputError

HEADER = (
    "MEDIA_ID,MEDIA_NAME,CNT,TIME(2021/05/05 10:41:40.110),TIMETICK(f=10000000),FPOGX,FPOGY,FPOGS,FPOGD,FPOGID,FPOGV,"
    "BPOGX,BPOGY,BPOGV,LPCX,LPCY,LPD,LPS,LPV,LPOGX,LPOGY,LPOGV,RPOGX,RPOGY,RPOGV,LPMM,LPMMV,RPUPILD,RPUPILV,"
    "REYEX,REYEY,REYEZ,BKID,BKDUR,BKPMIN,SACCADE_MAG,SACCADE_DIR,AOI"
)
NAMES = HEADER.split(",")


def row(**given):
    """One row: what is not given is 0, as Gazepoint writes it."""
    start = {"MEDIA_ID": 0, "MEDIA_NAME": "a.jpg", "FPOGV": 1, "FPOGID": 1, "BPOGV": 1, "AOI": ""}
    return [str((start | given).get("TIME" if name.startswith("TIME(") else name, 0)) for name in NAMES]


def text(*rows, names=NAMES, trailing=","):
    return "\n".join([",".join(names) + trailing, *(",".join(cells) + "," for cells in rows)]) + "\n"


SAMPLES = [
    row(TIME=0.5, FPOGX=0.2, FPOGY=0.3, FPOGS=0.4, FPOGD=0.1, BPOGX=0.25, BPOGY=0.35, LPOGX=0.2, LPOGY=0.3, LPOGV=1),
    row(TIME=0.6, FPOGX=0.21, FPOGY=0.31, FPOGS=0.4, FPOGD=0.2, BPOGX=0.26, BPOGY=0.36, LPMM=3.5, LPMMV=1, LPV=1, LPCX=0.4),
    row(TIME=0.7, FPOGX=0.9, FPOGY=0.9, FPOGS=0.7, FPOGID=2, FPOGV=0, BPOGX=0.9, BPOGY=0.9, BPOGV=0, LPMM=3.5, RPUPILV=1),
    row(TIME=0.8, FPOGX=0.7, FPOGY=0.6, FPOGS=0.7, FPOGD=0.1, FPOGID=2, BKID=4, RPUPILD=0.004, RPUPILV=1, SACCADE_DIR=45),
    row(TIME=0.9, FPOGX=0.7, FPOGY=0.6, FPOGS=0.7, FPOGD=0.2, FPOGID=2, RPUPILD=0.004, RPUPILV=1, REYEX=0.03, REYEZ=0.6),
]


@pytest.fixture
def export(tmp_path):
    def write(content, name="User 0_all_gaze.csv"):
        (tmp_path / name).write_text(content)
        return tmp_path / name

    return write


@pytest.mark.parametrize("trailing", [",", ""])
def test_samples(export, trailing):
    gaze = read_gaze(export(text(*SAMPLES, trailing=trailing)))
    assert (gaze.format, gaze.stimulus, gaze.participant) == ("gazepoint", "a.jpg", None)
    nan = np.nan
    np.testing.assert_allclose(gaze.times_ms, [0, 100, 200, 300, 400], atol=1e-3)
    np.testing.assert_allclose(gaze.column("gaze_x"), [0.25, 0.26, nan, nan, 0], rtol=1e-6)
    np.testing.assert_allclose(gaze.column("gaze_left_x"), [0.2, nan, nan, nan, nan], rtol=1e-6)
    np.testing.assert_allclose(gaze.column("camera_left_x"), [nan, 0.4, nan, nan, nan], rtol=1e-6)
    np.testing.assert_allclose(gaze.column("pupil_left"), [nan, 3.5, nan, nan, nan])
    np.testing.assert_allclose(gaze.column("pupil_right"), [nan, nan, nan, nan, 4], rtol=1e-6)
    np.testing.assert_allclose(gaze.column("eye_right_x"), [nan, nan, 0, 0, 30], rtol=1e-6)
    np.testing.assert_allclose(gaze.column("distance_right"), [nan, nan, nan, nan, 600], rtol=1e-6)
    np.testing.assert_array_equal(gaze.column("validity_left"), [1, 0, 0, 0, 0])
    np.testing.assert_array_equal(gaze.column("blink"), [0, 0, 0, 1, 0])
    np.testing.assert_array_equal(gaze.column("in_fixation"), [1, 1, 0, 1, 1])
    np.testing.assert_allclose(gaze.column("event_duration"), [200, 200, nan, 200, 200], rtol=1e-5)
    np.testing.assert_array_equal(gaze.column("saccade_direction"), [nan, nan, nan, 45, nan])
    # Each fixation as its last row has it; the first began before the first sample.
    np.testing.assert_allclose(gaze.fixations, [[0.21, 0.31, -100, 200], [0.7, 0.6, 200, 200]], rtol=1e-4)


def test_fixations_alone_and_a_folder_with_both(export, tmp_path):
    rows = [SAMPLES[4], SAMPLES[1], row(FPOGS=1.5, FPOGD=0, FPOGID=3), row(FPOGS=2, FPOGD=0.2, FPOGID=4, FPOGV=0)]
    gaze = read_gaze(export(text(*rows), "User 0_fixations.csv"))
    assert gaze.eye_movements is None
    np.testing.assert_allclose(gaze.fixations, [[0.21, 0.31, 0, 200], [0.7, 0.6, 300, 200]], rtol=1e-4)
    assert any("1 of 3 fixations" in note for note in gaze.notes)
    export(text(*SAMPLES))
    assert len(read_gaze(tmp_path).times_ms) == 5


def test_stimuli_are_recordings_and_a_time_set_back_is_another(export):
    shown = [(0, "a.jpg", (0, 1)), (1, "", (0, 1)), (0, "a.jpg", (0, 1, 2))]
    rows = [row(MEDIA_ID=media, MEDIA_NAME=name, TIME=time) for media, name, times in shown for time in times]
    recordings = read_gaze_recordings(export(text(*rows)))
    assert [(gaze.stimulus, len(gaze.times_ms)) for gaze in recordings] == [("a.jpg", 2), ("a.jpg", 3), ("1", 2)]


def test_fixations_on_another_clock_start_by_their_samples(export):
    rows = [row(TIME=0.1 * i, FPOGX=0.5, FPOGY=0.5, FPOGS=900, FPOGD=0.1 * i) for i in range(1, 4)]
    np.testing.assert_allclose(read_gaze(export(text(*rows))).fixations, [[0.5, 0.5, -100, 300]], atol=1e-2)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (text(), "no samples"),
        (text(*SAMPLES).replace("0.26", "wide"), "'wide' in column BPOGX"),
        (text(*SAMPLES).replace("FPOGS", "OTHER"), "FPOGS"),
        (text(*SAMPLES).replace("TIME(", "WHEN("), "TIME"),
        (text(SAMPLES[0], SAMPLES[1][:9], SAMPLES[2], SAMPLES[3]), "cells"),
        (text(row(TIME=""), row(TIME="nan")), "no samples"),
    ],
)
def test_broken_files_get_one_clear_sentence(export, content, expected):
    with pytest.raises(EmertInputError, match=expected) as caught:
        read_gaze_recordings(export(content))
    assert "\n" not in str(caught.value)
