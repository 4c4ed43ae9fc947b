"""Pupil Core: all numbers are made up; only the layout is the vendor's."""

import numpy as np
import pandas as pd
import pytest
from places import REAL

from dataset_scripts.readers import read_gaze
from modeling_emert.errors_emert import EmertInputError

GAZE = (
    "gaze_timestamp,world_index,confidence,norm_pos_x,norm_pos_y,base_data,gaze_point_3d_x,gaze_point_3d_y,gaze_point_3d_z,"
    "eye_center0_3d_x,eye_center0_3d_y,eye_center0_3d_z,eye_center1_3d_x,eye_center1_3d_y,eye_center1_3d_z\n"
    "100.00,1,0.9,0.25,0.75,99.9-0 99.9-1,10,20,300,20,15,-20,-40,15,-20\n"
    "100.01,1,0.8,0.50,0.25,100.0-0,11,21,300,20,15,-20,,,\n"
    "100.02,1,0.3,0.50,0.50,100.0-1,12,22,300,,,,-40,15,-20\n"
    "100.03,1,1.0,0.60,0.50,100.0-0 100.0-1,13,23,300,20,15,-20,-40,15,-20\n"
    "100.04,1,1.0,0.70,0.50,100.0-0 100.0-1,14,24,300,20,15,-20,-40,15,-20\n"
)
FIXATIONS = (
    "id,start_timestamp,duration,start_frame_index,end_frame_index,norm_pos_x,norm_pos_y,dispersion,confidence\n"
    "2,100.03,11,1,1,0.6,0.5,1,1\n1,99.99,25,1,1,0.25,0.75,1,1\n"
)
BLINKS = "id,start_timestamp,duration,end_timestamp,start_frame_index,index,end_frame_index\n1,100.035,0.1,100.135,1,1,1\n"
PUPILS = (
    "pupil_timestamp,world_index,eye_id,confidence,diameter,method,diameter_3d\n"
    "100.000,1,0,1,40,pye3d,3.0\n100.001,1,0,1,40,2d c++,\n100.012,1,0,1,40,pye3d,4.0\n100.020,1,0,0.2,40,pye3d,9.0\n"
    "100.031,1,1,1,40,pye3d,5.0\n"
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "gaze_positions.csv").write_text(GAZE)
    return tmp_path


def test_gaze_alone(folder):
    gaze = read_gaze(folder / "gaze_positions.csv")
    assert gaze.format == "pupil_core"
    np.testing.assert_allclose(gaze.times_ms, [0, 10, 20, 30, 40], atol=1e-3)
    # Upside down, and the sample of low confidence is missing.
    np.testing.assert_allclose(gaze.column("gaze_x"), [0.25, 0.5, np.nan, 0.6, 0.7], rtol=1e-6)
    np.testing.assert_allclose(gaze.column("gaze_y"), [0.25, 0.75, np.nan, 0.5, 0.5], rtol=1e-6)
    np.testing.assert_array_equal(gaze.column("gaze_stimulus_y"), gaze.column("gaze_y"))
    np.testing.assert_array_equal(gaze.column("gaze_mm_x"), [10, 11, np.nan, 13, 14])
    # eye0 is the right eye.
    np.testing.assert_array_equal(gaze.column("eye_right_x"), [20, 20, np.nan, 20, 20])
    np.testing.assert_array_equal(gaze.column("eye_left_x"), [-40, np.nan, -40, -40, -40])
    np.testing.assert_allclose(gaze.column("validity_right"), [0.9, 0.8, 0, 1, 1])
    np.testing.assert_allclose(gaze.column("validity_left"), [0.9, 0, 0.3, 1, 1])
    assert np.isnan(gaze.column("blink")).all()
    assert gaze.fixations is None
    assert any("scene camera" in note for note in gaze.notes)
    assert any("1 of 5" in note for note in gaze.notes)


def test_what_lies_beside_it(folder):
    (folder / "fixations.csv").write_text(FIXATIONS)
    (folder / "blinks.csv").write_text(BLINKS)
    (folder / "pupil_positions.csv").write_text(PUPILS)
    gaze = read_gaze(folder / "gaze_positions.csv")
    # The first fixation begins before the first sample.
    np.testing.assert_allclose(gaze.fixations, [[0.25, 0.25, -10, 25], [0.6, 0.5, 30, 11]], rtol=1e-4)
    np.testing.assert_array_equal(gaze.column("in_fixation"), [1, 1, 0, 1, 1])
    np.testing.assert_allclose(gaze.column("event_duration"), [25, 25, np.nan, 11, 11])
    np.testing.assert_array_equal(gaze.column("blink"), [0, 0, 0, 0, 1])
    np.testing.assert_array_equal(np.isnan(gaze.column("gaze_x")), [False, False, True, False, True])
    # Nearest within 20 ms, sure ones in mm only.
    np.testing.assert_array_equal(gaze.column("pupil_right"), [3, 4, 4, 4, np.nan])
    np.testing.assert_array_equal(gaze.column("pupil_left"), [np.nan, np.nan, 5, 5, np.nan])  # the last is a blink


def test_only_exact_names_count(folder):
    (folder / "fixations (1).csv").write_text(FIXATIONS)
    assert read_gaze(folder / "gaze_positions.csv").fixations is None


def test_two_dimensional_mapping_tells_eyes_by_their_data(folder):
    rows = [line.split(",")[:6] for line in GAZE.splitlines()]
    (folder / "gaze_positions.csv").write_text("\n".join(",".join(row) for row in rows if not row[5].endswith("-1")))
    gaze = read_gaze(folder / "gaze_positions.csv")
    np.testing.assert_allclose(gaze.column("validity_right"), [0.8])
    assert np.isnan(gaze.column("validity_left")).all()  # a headset with one camera


def test_fixations_alone_count_from_the_first(tmp_path):
    (tmp_path / "fixations.csv").write_text(FIXATIONS)
    gaze = read_gaze(tmp_path / "fixations.csv")
    np.testing.assert_allclose(gaze.fixations, [[0.25, 0.25, 0, 25], [0.6, 0.5, 40, 11]], rtol=1e-4)
    assert (gaze.format, gaze.fixation_method, gaze.eye_movements) == ("pupil_core", "export", None)
    assert any("gaze_positions.csv" in note for note in gaze.notes)


def test_fixations_without_a_place_or_with_a_negative_duration_are_left_out(tmp_path):
    broken = "3,100.1,-5,1,1,0.6,0.5,1,1\n4,100.2,5,1,1,,0.5,1,1\n5,,5,1,1,0.5,0.5,1,1\n"
    (tmp_path / "fixations.csv").write_text(FIXATIONS + broken)
    gaze = read_gaze(tmp_path / "fixations.csv")
    assert len(gaze.fixations) == 2
    assert any("3 of 5 fixations" in note for note in gaze.notes)


def test_fixations_of_both_methods_count_once(tmp_path):
    names, *rows = FIXATIONS.splitlines()
    table = [f"{names},method", *(f"{row},{method}" for row in rows for method in ("2d gaze", "3d gaze"))]
    (tmp_path / "fixations.csv").write_text("\n".join(table) + "\n")
    assert len(read_gaze(tmp_path / "fixations.csv").fixations) == 2


@pytest.mark.parametrize(("text", "rows"), [(BLINKS, 1), (PUPILS, 5)])
def test_tables_without_gaze_say_which_file_to_give(tmp_path, text, rows):
    (tmp_path / "other.csv").write_text(text)
    gaze = read_gaze(tmp_path / "other.csv")
    assert gaze.eye_movements is None
    assert gaze.fixations is None
    assert gaze.notes == [
        f"other.csv holds {rows} rows and no gaze; give gaze_positions.csv of the same folder: this file is read with it."
    ]


def test_a_folder_is_read_by_its_samples(folder):
    (folder / "fixations.csv").write_text(FIXATIONS)
    (folder / "blinks.csv").write_text(BLINKS)
    assert read_gaze(folder).column("blink")[-1] == 1


@pytest.mark.parametrize("column", ["confidence", "norm_pos_x"])
def test_a_missing_column_is_named(folder, column):
    (folder / "gaze_positions.csv").write_text(GAZE.replace(column, "other"))
    with pytest.raises(EmertInputError, match=f"no column {column}"):
        read_gaze(folder / "gaze_positions.csv")


def test_a_broken_neighbour_is_named(folder):
    (folder / "blinks.csv").write_text("a,b\n1,2\n")
    with pytest.raises(EmertInputError, match=r"blinks.csv has no column start_timestamp"):
        read_gaze(folder / "gaze_positions.csv")


def test_a_header_alone(folder):
    (folder / "gaze_positions.csv").write_text(GAZE.splitlines()[0])
    with pytest.raises(EmertInputError, match="no samples"):
        read_gaze(folder / "gaze_positions.csv")


@pytest.mark.real
def test_the_real_export_against_pandas():
    export = REAL / "exports/pupil_core"
    if not export.is_dir():
        pytest.skip(f"no real recordings at {export}; set EMERT_REAL_DATA")
    samples, fixations, blinks = (pd.read_csv(export / f"{name}.csv") for name in ("gaze_positions", "fixations", "blinks"))
    gaze = read_gaze(export)
    time = samples["gaze_timestamp"].to_numpy()
    blink = (
        (time[:, None] >= blinks["start_timestamp"].to_numpy()) & (time[:, None] <= blinks["end_timestamp"].to_numpy())
    ).any(1)
    assert len(gaze.times_ms) == samples["gaze_timestamp"].nunique() == 2054
    np.testing.assert_allclose(gaze.times_ms, (time - time[0]) * 1000, atol=0.01)
    assert gaze.missing_fraction == pytest.approx((blink | (samples["confidence"] < 0.6)).mean())
    np.testing.assert_array_equal(gaze.column("blink"), blink)
    expected = [fixations["norm_pos_x"], 1 - fixations["norm_pos_y"], (fixations["start_timestamp"] - time[0]) * 1000]
    np.testing.assert_allclose(gaze.fixations, np.stack([*expected, fixations["duration"]], axis=1), rtol=1e-4, atol=0.01)
    alone = read_gaze(export / "fixations.csv").fixations
    assert len(alone) == len(fixations) == 36
    np.testing.assert_allclose(alone[:, 3], fixations["duration"], rtol=1e-5)
    assert f"{len(blinks)} rows" in read_gaze(export / "blinks.csv").notes[0]


def test_the_only_eye_of_a_row_is_named_by_its_data_and_not_by_its_column(folder):
    """Pupil Core writes the centre of a single eye into the columns of eye0, whichever eye it is."""
    path = folder / "gaze_positions.csv"
    names, first, second, third, *_ = GAZE.splitlines()
    third = third.replace(",,,,-40,15,-20", ",-40,15,-20,,,").replace("0.3", "0.95")
    path.write_text("\n".join([names, first, second, third]) + "\n")
    gaze = read_gaze(path)
    np.testing.assert_array_equal(gaze.column("eye_right_x"), [20, 20, np.nan])
    np.testing.assert_array_equal(gaze.column("eye_left_x"), [-40, np.nan, -40])
    np.testing.assert_allclose(gaze.column("validity_right"), [0.9, 0.8, 0])
    np.testing.assert_allclose(gaze.column("validity_left"), [0.9, 0, 0.95])


def test_names_of_older_versions(folder):
    path = folder / "gaze_positions.csv"
    path.write_text(GAZE.replace("gaze_timestamp,world_index", "timestamp,index"))
    gaze = read_gaze(path)
    assert (gaze.format, len(gaze.times_ms)) == ("pupil_core", 5)
    np.testing.assert_array_equal(gaze.column("eye_left_x"), [-40, np.nan, -40, -40, -40])
