"""Tobii Pro Lab: spellings, units, per-sensor rows, fixations, Glasses. All numbers are made up."""

import contextlib

import numpy as np
import pytest

from dataset_scripts.readers.text.text_table import read_head
from dataset_scripts.readers.tobii import tobii_pro_lab, tobii_sdk, tobii_studio, tobii_studio_events
from modeling_emert.errors_emert import EmertInputError

# As the current versions name and fill the columns of a screen project.
SCREEN = {
    "Recording timestamp [μs]": "2000000",
    "Computer timestamp [μs]": "812345678901",
    "Sensor": "Eye Tracker",
    "Participant name": "00",
    "Recording name": "Recording1",
    "Recording duration [ms]": "60000",
    "Recording resolution height [px]": "500",
    "Recording resolution width [px]": "1000",
    "Event": "",
    "Gaze point X [DACS px]": "305",
    "Gaze point Y [DACS px]": "152",
    "Gaze point left X [DACS px]": "300",
    "Gaze point left Y [DACS px]": "150",
    "Gaze point right X [DACS px]": "310",
    "Gaze point right Y [DACS px]": "155",
    "Pupil diameter left [mm]": "3.1",
    "Pupil diameter right [mm]": "3.2",
    "Validity left": "Valid",
    "Validity right": "Valid",
    "Eye position left X [DACS mm]": "200.5",
    "Eye position left Y [DACS mm]": "100.5",
    "Eye position left Z [DACS mm]": "650.5",
    "Gaze point left X [DACS mm]": "75.5",
    "Gaze point left Y [DACS mm]": "38.5",
    "Presented Stimulus name": "happy",
    "Presented Media name": "happy.jpg",
    "Presented Media width [px]": "400",
    "Presented Media height [px]": "200",
    "Presented Media position X [DACS px]": "100",
    "Presented Media position Y [DACS px]": "50",
    "Eye movement type": "Unclassified",
    "Gaze event duration [ms]": "30",
    "Eye movement type index": "1",
    "Fixation point X [DACS px]": "",
    "Fixation point Y [DACS px]": "",
}
EXPECTED = {
    "in_fixation": 0, "in_saccade": 0, "event_duration": 30, "gaze_left_x": 0.3, "gaze_left_y": 0.3, "gaze_right_x": 0.31,
    "gaze_right_y": 0.31, "gaze_x": 0.305, "gaze_y": 0.304, "gaze_stimulus_x": 0.5125, "gaze_stimulus_y": 0.51,
    "gaze_left_mm_x": 75.5, "gaze_left_mm_y": 38.5, "eye_left_x": 200.5, "eye_left_y": 100.5, "eye_left_z": 650.5,
    "pupil_left": 3.1, "pupil_right": 3.2, "validity_left": 1, "validity_right": 1,
}  # fmt: skip
OF_EYES = [name for name in SCREEN if name.split()[0] in ("Gaze", "Pupil", "Validity", "Eye", "Fixation")]
MOUSE = dict.fromkeys(OF_EYES, "") | {"Sensor": "Mouse"}
LOST = dict.fromkeys(OF_EYES, "") | {
    "Validity left": "Invalid",
    "Validity right": "Invalid",
    "Eye movement type": "EyesNotFound",
}
FIXATION = {"Eye movement type": "Fixation", "Gaze event duration [ms]": "90"}

GLASSES = {
    "Recording timestamp": "1000",
    "Sensor": "Eye Tracker",
    "Participant name": "P1",
    "Gaze point X": "480",
    "Gaze point Y": "810",
    "Gaze point 3D X [HUCS mm]": "12.5",
    "Gaze point 3D Y [HUCS mm]": "-7.5",
    "Pupil position left X [HUCS mm]": "30",
    "Pupil position left Y [HUCS mm]": "-20",
    "Pupil position left Z [HUCS mm]": "-25",
    "Pupil diameter filtered [mm]": "4.5",
    "Eye movement type": "Fixation",
    "Eye movement event duration": "100",
    "Eye movement type index": "1",
    "Fixation point X": "960",
    "Fixation point Y": "270",
    "Gyro X": "",
}


def rows_of(base, changes, name="Recording timestamp [μs]", step=16667):
    return [base | {name: str(int(base[name]) + i * step)} | change for i, change in enumerate(changes)]


def export(path, rows, encoding="utf-8-sig", rename=str, separator="\t"):
    names = list(rows[0])
    lines = [separator.join(rename(name) for name in names), *(separator.join(row[name] for name in names) for row in rows)]
    path.write_bytes("\r\n".join([*lines, ""]).encode(encoding))
    return path


def read_all(path):
    head = read_head(path)
    others = (tobii_studio, tobii_studio_events, tobii_sdk)
    assert not any(reader.find_header(head) for reader in others)
    return tobii_pro_lab.read(head, tobii_pro_lab.find_header(head))


def read_one(path):
    (gaze,) = read_all(path)
    return gaze


@pytest.fixture
def path(tmp_path):
    return tmp_path / "export.tsv"


def check_first(gaze, expected):
    for name, value in expected.items():
        assert gaze.column(name)[0] == pytest.approx(value), name
    assert np.isfinite(gaze.eye_movements[0]).sum() == len(expected)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("decimal", [".", ","])
def test_units_encodings_and_decimal_marks(path, encoding, decimal):
    rows = [{name: text.replace(".", decimal) for name, text in row.items()} for row in rows_of(SCREEN, [{}, {}])]
    gaze = read_one(export(path, rows, encoding))
    check_first(gaze, EXPECTED)
    np.testing.assert_allclose(gaze.times_ms, [0, 16.667], rtol=1e-6)
    assert (gaze.format, gaze.participant, gaze.stimulus) == ("tobii_pro_lab", "00", "happy")
    assert gaze.fixations.shape == (0, 4)


def old(name):
    """As versions of about 2019 spell it."""
    return (
        name.replace(" [DACS px]", "")
        .replace("[DACS mm]", "(DACSmm)")
        .replace(" [mm]", "")
        .replace(" [ms]", "")
        .replace(" [px]", "")
    )


def first(name):
    """As the first versions spelt it."""
    return name.replace("[DACS ", "(RCS").replace("]", ")").replace(" (mm)", "").replace(" (ms)", "").replace(" (px)", "")


@pytest.mark.parametrize("rename", [old, first, lambda name: name.replace(" ", ""), lambda name: name.replace("μ", "µ")])
def test_spellings_and_order_of_the_columns(path, rename):
    rows = [dict(reversed(row.items())) for row in rows_of(SCREEN, [{}])]
    check_first(read_one(export(path, rows, rename=rename)), EXPECTED)


def test_a_decimal_comma_that_comes_late_is_understood(path):
    no_decimals = {name: text.split(".")[0] for name, text in SCREEN.items()}
    rows = rows_of(no_decimals, [{}] * 150 + [{"Pupil diameter left [mm]": "3,5"}])
    assert read_one(export(path, rows)).column("pupil_left")[-1] == 3.5


@pytest.mark.parametrize("without", [(), ("Sensor",)], ids=["sensor", "no sensor"])
def test_only_rows_of_the_eye_tracker_are_samples(path, without):
    event = MOUSE | {"Sensor": "", "Event": "ImageStimulusStart"}
    rows = [
        {name: text for name, text in row.items() if name not in without} for row in rows_of(SCREEN, [event, {}, MOUSE, LOST])
    ]
    gaze = read_one(export(path, rows))
    assert len(gaze.times_ms) == 2
    assert gaze.missing_fraction == 0.5
    np.testing.assert_array_equal(gaze.column("validity_left"), [1, 0])
    np.testing.assert_array_equal(gaze.column("in_fixation"), [0, 0])


def test_an_invalid_eye_is_missing_whatever_stands_there(path):
    gaze = read_one(export(path, rows_of(SCREEN, [{"Validity left": "Invalid"}])))
    assert np.isnan([gaze.column(name)[0] for name in ("gaze_left_x", "pupil_left", "eye_left_z", "gaze_left_mm_x")]).all()
    assert gaze.column("pupil_right")[0] == pytest.approx(3.2)
    assert gaze.column("gaze_x")[0] == pytest.approx(0.305)


def test_a_reported_blink_empties_gaze_and_pupil(path):
    gaze = read_one(export(path, rows_of(SCREEN, [{}, {"Eye movement type": "Blink"}])))
    np.testing.assert_array_equal(gaze.column("blink"), [0, 1])
    np.testing.assert_array_equal(np.isnan(gaze.column("gaze_x")), [False, True])
    np.testing.assert_array_equal(np.isnan(gaze.column("pupil_right")), [False, True])


@pytest.mark.parametrize("numbered", [True, False])
def test_fixations(path, numbered):
    point = {"Fixation point X [DACS px]": "200", "Fixation point Y [DACS px]": "100", "Eye movement type index": "7"}
    second = FIXATION | {"Eye movement type index": "8", "Gaze event duration [ms]": "60"}
    rows = rows_of(SCREEN, [FIXATION | point, MOUSE, FIXATION | point, {}, second, second], step=10_000)
    if not numbered:
        rows = [{name: text for name, text in row.items() if name != "Eye movement type index"} for row in rows]
    gaze = read_one(export(path, rows))
    # The second has no point of its own: the mean of its gaze, (305, 152) px on the screen.
    np.testing.assert_allclose(gaze.fixations, [[0.25, 0.25, 0, 90], [0.5125, 0.51, 40, 60]], rtol=1e-5)


def test_coordinates_normalised_to_the_stimulus_are_preferred_to_pixels(path):
    norm = {"Gaze point X [MCS norm]": "0.25", "Gaze point Y [MCS norm]": "0.75"}
    norm |= {"Fixation point X [MCS norm]": "0.5", "Fixation point Y [MCS norm]": "0.125"}
    gaze = read_one(export(path, rows_of(SCREEN | norm, [FIXATION])))
    assert (gaze.column("gaze_stimulus_x")[0], gaze.column("gaze_stimulus_y")[0]) == (0.25, 0.75)
    np.testing.assert_array_equal(gaze.fixations, [[0.5, 0.125, 0, 90]])


def test_participants_recordings_and_stimuli_are_separate(path):
    names = [("1", "a"), ("01", "a"), ("1", ""), ("1", "b"), ("1", "a")]
    rows = rows_of(SCREEN, [{"Participant name": who, "Presented Stimulus name": what} for who, what in names], step=10_000)
    recordings = read_all(export(path, rows))
    found = [(gaze.participant, gaze.stimulus, gaze.times_ms.tolist()) for gaze in recordings]
    assert found == [("1", "a", [0, 40]), ("01", "a", [0]), ("1", "b", [0])]
    assert "1 samples between the stimuli were left out." in recordings[0].notes


@pytest.mark.parametrize(("step", "expected"), [(16, 16), (16667, 16.667)])
def test_the_unit_of_a_time_follows_from_its_steps(path, step, expected):
    rows = rows_of(GLASSES, [{}, {}, {}], "Recording timestamp", step)
    gaze = read_one(export(path, rows))
    assert gaze.times_ms[1] == pytest.approx(expected)
    assert any("no unit of its times" in note for note in gaze.notes)


def test_the_duration_of_the_recording_tells_the_unit_of_a_few_samples_far_apart(path):
    rows = rows_of(GLASSES | {"Recording duration": "60000"}, [{}, {}], "Recording timestamp", 500)
    assert read_one(export(path, rows)).times_ms[1] == 500


def test_glasses_use_the_scene_camera_for_screen_and_stimulus(path):
    gyroscope = {name: "" for name in GLASSES if "timestamp" not in name} | {"Sensor": "Gyroscope", "Gyro X": "3"}
    rows = rows_of(GLASSES, [gyroscope, {}, gyroscope, {}], "Recording timestamp", 10)
    gaze = read_one(export(path, rows))
    expected = {
        "in_fixation": 1, "in_saccade": 0, "event_duration": 100, "fixation_x": 0.5, "fixation_y": 0.25, "gaze_x": 0.25,
        "gaze_y": 0.75, "gaze_stimulus_x": 0.25, "gaze_stimulus_y": 0.75, "gaze_mm_x": 12.5, "gaze_mm_y": -7.5,
        "eye_left_x": 30, "eye_left_y": -20, "eye_left_z": -25, "pupil_left": 4.5, "pupil_right": 4.5, "validity_left": 1,
        "validity_right": 1,
    }  # fmt: skip
    check_first(gaze, expected)
    np.testing.assert_allclose(gaze.fixations, [[0.5, 0.25, 0, 100]])
    for word in ("scene camera's image", "1920x1080", "filtered pupil"):
        assert any(word in note for note in gaze.notes), word
    sized = {name.replace("Gaze point X", "Gaze point X [MCS px]"): text for name, text in rows[1].items()}
    sized |= {"Recording media width [px]": "960", "Recording media height [px]": "1080"}
    assert read_one(export(path, [sized | {"Gaze point X [MCS px]": "480"}])).column("gaze_x")[0] == 0.5


def test_without_the_place_of_the_stimulus_the_screen_is_used(path):
    rows = [{name: text for name, text in row.items() if "Media" not in name} for row in rows_of(SCREEN, [{}])]
    gaze = read_one(export(path, rows))
    assert gaze.column("gaze_stimulus_x")[0] == pytest.approx(0.305)
    assert any("entire screen" in note for note in gaze.notes)


def test_a_last_row_that_is_cut_is_left_out(path):
    data = export(path, rows_of(SCREEN, [{}, {}, {}])).read_bytes()
    path.write_bytes(data[:-150])
    gaze = read_one(path)
    assert len(gaze.times_ms) == 2
    assert any("cut off" in note for note in gaze.notes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Recording resolution width [px]": ""}, "no Recording resolution width"),
        ({"Pupil diameter left [mm]": "wide"}, "'wide' in column Pupildiameterleft"),
        ({"Sensor": "Mouse"}, "no row of the eye tracker's"),
        ({"Recording timestamp [μs]": ""}, "no time in any sample of 00"),
    ],
)
def test_refused_exports(path, change, message):
    export(path, [SCREEN | change])
    with pytest.raises(EmertInputError, match=message):
        read_all(path)


def test_damaged_exports_give_one_clear_error_or_a_recording(path):
    data = export(path, rows_of(SCREEN, [{}, MOUSE, FIXATION, LOST] * 5)).read_bytes()
    header, _, body = data.partition(b"\r\n")
    empty = b"\t" * header.count(b"\t") + b"\r\n"
    damaged = [header + b"\r\n", header, header + b"\r\n" + empty * 9, data.replace(b"\t", b";"), data[: len(data) // 2]]
    damaged += [data.replace(b"305", big) for big in (b"1e308", b"-1e400", b"\x00", b"inf", b"--", b"3,0,5")]
    damaged += [header + b"\r\n" + body.replace(b"\t", b"\t\t", 3), header + b"\r\n" + body.replace(b"2000000", b"-99e99")]
    for content in damaged:
        path.write_bytes(content)
        with contextlib.suppress(EmertInputError):
            assert read_all(path)


def test_pixels_of_the_stimulus_alone_count_on_its_original_size(path):
    row = {name: text for name, text in SCREEN.items() if "DACS" not in name and "resolution" not in name}
    row |= {"Gaze point X [MCS px]": "200", "Gaze point Y [MCS px]": "300", "Original Media width [px]": "800"}
    gaze = read_one(export(path, [row | {"Original Media height [px]": "400"}]))
    assert (gaze.column("gaze_stimulus_x")[0], gaze.column("gaze_stimulus_y")[0]) == (0.25, 0.75)
    assert np.isnan(gaze.column("gaze_x")[0])
