"""Real exports of the Tobii family against a few lines of plain Python that know nothing of the readers."""

import numpy as np
import pandas as pd
import pytest
from places import REAL

from dataset_scripts.readers import READERS
from dataset_scripts.readers.text.text_table import read_head
from dataset_scripts.readers.tobii import tobii_sdk, tobii_studio, tobii_studio_events

EMDAT = REAL / "exports" / "emdat"
pytestmark = [pytest.mark.real, pytest.mark.skipif(not EMDAT.is_dir(), reason=f"no exports at {EMDAT}; set EMERT_REAL_DATA")]


def read_one(name, reader):
    """The recording as that reader gives it, which must be the only one to know the file."""
    head = read_head(EMDAT / name)
    assert [other for other in READERS if other.find_header(head)] == [reader]
    (gaze,) = reader.read(head, reader.find_header(head))
    return gaze


def table_after(name, first_column):
    lines = (EMDAT / name).read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(first_column + "\t"))
    return pd.DataFrame([line.split("\t") for line in lines[start + 1 :]], columns=lines[start].split("\t"))


def test_fixations_of_studio():
    gaze = read_one("P61-Fixation-Data.tsv", tobii_studio_events)
    table = table_after("P61-Fixation-Data.tsv", "FixationIndex").iloc[:, :5].astype(float)
    expected = np.stack([table.iloc[:, 3] / 1280, table.iloc[:, 4] / 1024, table.iloc[:, 1], table.iloc[:, 2]], axis=1)
    np.testing.assert_allclose(gaze.fixations, expected, rtol=1e-6)
    assert (len(gaze.fixations), gaze.participant, gaze.eye_movements) == (4664, "P105", None)


def test_events_of_studio():
    gaze = read_one("P61-Event-Data.tsv", tobii_studio_events)
    table = table_after("P61-Event-Data.tsv", "Timestamp")
    assert (gaze.participant, gaze.eye_movements, gaze.fixations) == ("P105", None, None)
    assert f"{len(table)} events" in gaze.notes[0]
    assert f"{(table.Event == 'LeftMouseClick').sum()} LeftMouseClick" in gaze.notes[0]


def test_samples_of_studio_that_are_all_invalid():
    gaze = read_one("P63-All-Data.tsv", tobii_studio)
    table = table_after("P63-All-Data.tsv", "Timestamp")
    rows = table[table.Number != ""]
    assert (gaze.participant, gaze.stimulus, gaze.missing_fraction) == ("P106", "ScreenRec", 1)
    np.testing.assert_array_equal(gaze.times_ms, rows.Timestamp.astype(float) - float(rows.Timestamp.iloc[0]))
    assert (rows.ValidityLeft == "4").all()
    assert np.nansum(gaze.eye_movements) == 0
    assert gaze.fixations.shape == (0, 4)


def test_samples_of_the_sdk():
    gaze = read_one("4Ctest.csv", tobii_sdk)
    names, *rows = [line.split(";") for line in (EMDAT / "4Ctest.csv").read_text().splitlines() if line]
    table = pd.DataFrame([row for row in rows if len(row) == len(names)], columns=names)
    assert len(table) == len(rows) - 1 == 453  # the last is cut off in its middle
    clock = table.device_time_stamp.astype(float)
    np.testing.assert_allclose(gaze.times_ms, (clock - clock[0]) / 1000, rtol=1e-6)
    assert (len(gaze.times_ms) - 1) / gaze.times_ms[-1] * 1000 == pytest.approx(90, rel=0.01)
    for side in ("left", "right"):
        for ours, exported in (
            (f"gaze_{side}", "gaze_point_on_display_area"),
            (f"eye_{side}", "gaze_origin_in_user_coordinate_system"),
        ):
            points = np.array([[float(part) for part in cell.strip("()").split(",")] for cell in table[f"{side}_{exported}"]])
            mine = np.stack([gaze.column(f"{ours}_{axis}") for axis in "xyz"[: points.shape[1]]], axis=1)
            np.testing.assert_allclose(mine, points, rtol=1e-6)
        np.testing.assert_allclose(gaze.column(f"pupil_{side}"), table[f"{side}_pupil_diameter"].astype(float), rtol=1e-6)
        np.testing.assert_array_equal(gaze.column(f"validity_{side}"), table[f"{side}_gaze_point_validity"].astype(float))
    both_lost = (table.left_gaze_point_validity.astype(float) == 0) & (table.right_gaze_point_validity.astype(float) == 0)
    assert gaze.missing_fraction == pytest.approx(both_lost.mean())


def test_fixations_of_the_sdk_lie_on_its_samples():
    fixations = read_one("4Ctest_fixation.csv", tobii_sdk).fixations
    table = pd.read_csv(EMDAT / "4Ctest_fixation.csv")
    table = table[table.label == "fixation"].reset_index(drop=True)
    assert len(fixations) == len(table) == 14
    np.testing.assert_allclose(fixations[:, 2], (table.start - table.start[0]) / 1000, rtol=1e-5)
    np.testing.assert_allclose(fixations[:, 3], (table.end - table.start) / 1000)
    samples = read_one("4Ctest.csv", tobii_sdk)
    clock = pd.read_csv(EMDAT / "4Ctest.csv", sep=";").system_time_stamp[: len(samples.times_ms)]
    for fixation, row in zip(fixations, table.itertuples(), strict=True):
        inside = clock.between(row.start, row.end).to_numpy()
        mean = [np.nanmean(samples.column(f"gaze_{axis}")[inside]) for axis in "xy"]
        np.testing.assert_allclose(fixation[:2], mean, atol=0.001)
