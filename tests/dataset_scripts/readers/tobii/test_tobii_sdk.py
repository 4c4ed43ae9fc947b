"""Tobii's software kits: points in cells or in columns, both eyes, validity, clocks, fixations. All numbers are made up."""

import contextlib

import numpy as np
import pytest

from dataset_scripts.readers.text.text_table import read_head
from dataset_scripts.readers.tobii import tobii_pro_lab, tobii_sdk, tobii_studio, tobii_studio_events
from modeling_emert.errors_emert import EmertInputError

SAMPLE = {
    "right_pupil_validity": 1,
    "left_gaze_point_on_display_area": (0.25, 0.5),
    "right_gaze_point_on_display_area": (0.75, 0.25),
    "left_gaze_point_in_user_coordinate_system": (-100.5, 120.25, 40.0),
    "right_gaze_point_in_user_coordinate_system": (-90.5, 130.25, 41.0),
    "left_gaze_origin_in_user_coordinate_system": (-30.5, 90.5, 600.25),
    "right_gaze_origin_in_user_coordinate_system": (30.5, 91.5, 610.25),
    "left_gaze_origin_in_trackbox_coordinate_system": (0.6, 0.2, 0.4),
    "left_gaze_point_validity": 1,
    "right_gaze_point_validity": 1,
    "left_gaze_origin_validity": 1,
    "right_gaze_origin_validity": 1,
    "left_pupil_diameter": 3.5,
    "right_pupil_diameter": 4.5,
    "left_pupil_validity": 1,
    "device_time_stamp": 491999899,
    "system_time_stamp": 1.56466617033e15,
}
EXPECTED = {
    "gaze_left_x": 0.25, "gaze_left_y": 0.5, "gaze_right_x": 0.75, "gaze_right_y": 0.25, "gaze_x": 0.5, "gaze_y": 0.375,
    "gaze_stimulus_x": 0.5, "gaze_stimulus_y": 0.375, "gaze_left_mm_x": -100.5, "gaze_left_mm_y": 120.25,
    "gaze_right_mm_x": -90.5, "gaze_right_mm_y": 130.25, "eye_left_x": -30.5, "eye_left_y": 90.5, "eye_left_z": 600.25,
    "eye_right_x": 30.5, "eye_right_y": 91.5, "eye_right_z": 610.25, "pupil_left": 3.5, "pupil_right": 4.5,
    "validity_left": 1, "validity_right": 1,
}  # fmt: skip
LOST = {name: tuple(np.nan for _ in value) for name, value in SAMPLE.items() if isinstance(value, tuple) and "left" in name}
LOST |= {"left_gaze_point_validity": 0, "left_gaze_origin_validity": 0, "left_pupil_validity": 0, "left_pupil_diameter": np.nan}


def samples(*changes, step=11103):
    return [SAMPLE | {"device_time_stamp": SAMPLE["device_time_stamp"] + i * step} | change for i, change in enumerate(changes)]


def in_columns(row, ends):
    """One column for each coordinate, as Titta and pandas write it."""
    flat = {}
    for name, value in row.items():
        flat |= {f"{name}_{ends[i]}": part for i, part in enumerate(value)} if isinstance(value, tuple) else {name: value}
    return flat


def export(path, rows, separator=";", brackets="()"):
    def cell(value):
        text = f"{brackets[0]}{', '.join(map(str, value))}{brackets[1]}" if isinstance(value, tuple) else str(value)
        return f'"{text}"' if separator in text else text

    lines = [separator.join(rows[0]), *(separator.join(cell(value) for value in row.values()) for row in rows)]
    path.write_text("\n".join([*lines, ""]))
    return path


def read_one(path):
    head = read_head(path)
    assert not any(reader.find_header(head) for reader in (tobii_studio, tobii_studio_events, tobii_pro_lab))
    (gaze,) = tobii_sdk.read(head, tobii_sdk.find_header(head))
    return gaze


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gaze.csv"


@pytest.mark.parametrize(
    "write",
    [
        export,
        lambda path, rows: export(path, rows, ","),
        lambda path, rows: export(path, rows, "\t", "[]"),
        lambda path, rows: export(path, [dict(reversed(row.items())) for row in rows]),
        lambda path, rows: export(path, [in_columns(row, "xyz") for row in rows], ","),
        lambda path, rows: export(path, [in_columns(row, "012") for row in rows], "\t"),
        lambda path, rows: export(path, [titta(row) for row in rows], "\t"),
    ],
    ids=["semicolons", "commas", "brackets", "reversed", "xyz", "012", "titta"],
)
def test_every_way_to_write_it_down(path, write):
    gaze = read_one(write(path, samples({}, LOST, {})))
    for name, value in EXPECTED.items():
        assert gaze.column(name)[0] == pytest.approx(value), name
    assert np.isfinite(gaze.eye_movements[0]).sum() == len(EXPECTED)
    np.testing.assert_allclose(gaze.times_ms, [0, 11.103, 22.206], rtol=1e-6)
    assert (gaze.format, gaze.fixations) == ("tobii_sdk", None)
    left = {name for name in EXPECTED if "left" in name and not name.startswith("validity")}
    np.testing.assert_array_equal(np.isnan([gaze.column(name)[1] for name in sorted(left)]), True)
    assert gaze.column("validity_left")[1] == 0
    assert (gaze.column("gaze_x")[1], gaze.column("gaze_y")[1]) == (0.75, 0.25)  # of the other eye alone


def titta(row):
    """The spelling of newer versions of Titta, with words for the validity."""
    short = {"_coordinate_system": "_coordinates", "_validity": "_valid"}
    renamed = {}
    for name, value in in_columns(row, "xyz").items():
        for long, brief in short.items():
            name = name.replace(long, brief)
        renamed[name] = str(bool(value)) if name.endswith("valid") else value
    return renamed


def test_an_eye_called_invalid_is_missing_whatever_stands_there(path):
    flags = {"left_gaze_point_validity": 0, "right_gaze_origin_validity": 0, "left_pupil_validity": 0}
    gaze = read_one(export(path, samples(flags)))
    gone = {name for name in EXPECTED if name.startswith(("gaze_left", "eye_right", "pupil_left"))}
    for name in EXPECTED:
        assert np.isnan(gaze.column(name)[0]) == (name in gone), name


def test_the_clock_that_tells_more_samples_apart_counts(path):
    rows = samples({}, {"system_time_stamp": 1.56466617034e15})
    assert read_one(export(path, rows)).times_ms[1] == pytest.approx(11.103)
    rows = [row | {"device_time_stamp": 0} for row in rows]
    assert read_one(export(path, rows)).times_ms[1] == pytest.approx(10)


def test_cells_without_a_point_are_missing(path):
    name = "right_gaze_point_on_display_area"
    gaze = read_one(
        export(path, samples(*({name: value} for value in ("", "nan", "None", "(nan, 0.5)", "(1e308, 2)", (0.5, 1)))))
    )
    np.testing.assert_array_equal(gaze.column("gaze_right_y"), [np.nan] * 5 + [1])


def test_a_last_row_that_is_cut_is_left_out_and_another_is_refused(path):
    text = export(path, samples({}, {}, {})).read_text()
    path.write_text(text[:-90])
    gaze = read_one(path)
    assert len(gaze.times_ms) == 2
    assert any("cut off" in note for note in gaze.notes)
    first, second, *rest = text.splitlines()
    path.write_text("\n".join([first, second[:-90], *rest]))
    with pytest.raises(EmertInputError, match="a row of 6 cells where the header has 17"):
        read_one(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"left_gaze_point_on_display_area": "(a, 2)"}, "'a' in column left_gaze_point_on_display_area, where 2 numbers"),
        ({"left_gaze_point_on_display_area": (1, 2, 3)}, r"'\(1, 2, 3\)' in column left_gaze_point"),
        ({"left_gaze_origin_in_user_coordinate_system": "(1)"}, "where 3 numbers"),
        ({"left_pupil_validity": "maybe"}, "'maybe' in column left_pupil_validity"),
        ({"left_pupil_diameter": "big"}, "'big' in column left_pupil_diameter"),
        ({"device_time_stamp": "", "system_time_stamp": ""}, "no samples with a time"),
    ],
)
def test_refused_cells(path, change, message):
    with pytest.raises(EmertInputError, match=message):
        read_one(export(path, samples(change)))


def test_gaze_data_without_a_clock_is_refused(path):
    row = {name: value for name, value in SAMPLE.items() if "time" not in name}
    with pytest.raises(EmertInputError, match="no column device_time_stamp or system_time_stamp"):
        read_one(export(path, [row]))


def test_damaged_gaze_data_gives_one_clear_error_or_a_recording(path):
    data = export(path, samples({}, LOST, {}, {})).read_bytes()
    header, _, body = data.partition(b"\n")
    damaged = [
        header,
        header + b"\n" + b";" * 16 + b"\n",
        data[: len(data) // 2],
        data.replace(b")", b""),
        data.replace(b",", b""),
    ]
    damaged += [data.replace(b"0.25", odd) for odd in (b"-1e400", b"\x00", b"inf", b"((((", b'"', b"\xff")]
    damaged += [header + b"\n" + body.replace(b"491999899", odd) for odd in (b"-99e99", b"1e308", b"x")]
    for content in damaged:
        path.write_bytes(content)
        with contextlib.suppress(EmertInputError):
            assert len(read_one(path).times_ms)


# ---- fixations


def test_fixations_in_hundredths_of_the_display(path):
    rows = ["saccade,10,10,1000000.0,1020000.0,20.0", "fixation,50,25,1600000.0,1700000.0,100.0"]
    rows += ["fixation,20,75,1020000.0,1270000.0,250.0", "fixation,nan,nan,1800000.0,1900000.0,100.0"]
    path.write_text("\n".join(["label,x,y,start,end,duration", *rows]))
    gaze = read_one(path)
    np.testing.assert_allclose(gaze.fixations, [[0.2, 0.75, 0, 250], [0.5, 0.25, 580, 100]], rtol=1e-6)
    assert gaze.eye_movements is None
    for word in ("entire display", "first fixation", "1 of 3 fixations", "sorted"):
        assert any(word in note for note in gaze.notes), word
    path.write_text("label,x,y,start,end,duration\nsaccade,10,10,1,2,3\n")
    with pytest.raises(EmertInputError, match="no row with the label 'fixation'"):
        read_one(path)
    path.write_text("label,x,y,start,end,duration\ncat,10,10,1,2,3\n")
    assert tobii_sdk.find_header(read_head(path)) is None
