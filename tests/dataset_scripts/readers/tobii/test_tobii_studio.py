"""Tobii Studio: both dialects, units, missing data, groups. All numbers are made up; only the layout is the vendor's."""

import numpy as np
import pytest

from dataset_scripts.readers import read_gaze, read_gaze_recordings
from modeling_emert.errors_emert import EmertInputError

BASE = {
    "ParticipantName": "00",
    "RecordingResolution": "1000x500",
    "MediaPosX (ADCSpx)": "100",
    "MediaPosY (ADCSpx)": "50",
    "MediaWidth": "400",
    "MediaHeight": "200",
    "RecordingTimestamp": "5000",
    "FixationIndex": "",
    "GazeEventType": "Unclassified",
    "GazeEventDuration": "30",
    "FixationPointX (MCSpx)": "",
    "FixationPointY (MCSpx)": "",
    "SaccadicAmplitude": "2.5",
    "AbsoluteSaccadicDirection": "90",
    "RelativeSaccadicDirection": "45",
    "GazePointIndex": "1",
    "GazePointLeftX (ADCSpx)": "300",
    "GazePointLeftY (ADCSpx)": "150",
    "GazePointRightX (ADCSpx)": "310",
    "GazePointRightY (ADCSpx)": "155",
    "GazePointX (ADCSpx)": "305",
    "GazePointY (ADCSpx)": "152",
    "GazePointX (MCSpx)": "205",
    "GazePointY (MCSpx)": "102",
    "StrictAverageGazePointX (ADCSmm)": "60",
    "EyePosRightX (ADCSmm)": "30",
    "EyePosRightY (ADCSmm)": "31",
    "EyePosRightZ (ADCSmm)": "650",
    "PupilLeft": "3.1",
    "PupilRight": "3.2",
}
LOST_EYES = {name: "" for name in BASE if name.startswith(("GazePoint", "StrictAverage", "Pupil"))} | {
    "GazePointIndex": "2",
    "EyePosRightX (ADCSmm)": "",
    "EyePosRightY (ADCSmm)": "77.7",  # the constant that stands beside an eye that was not found
    "EyePosRightZ (ADCSmm)": "",
}


def export(path, changes, names=tuple(BASE), separator="\t", spaces=True):
    """Write one row for each dictionary of changes to `BASE`; a name outside `names` is left out."""
    rows = [BASE | change for change in changes]
    header = separator.join(names)
    lines = [header if spaces else header.replace(" ", "")]
    lines += [separator.join(row.get(name, "") for name in names) for row in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def without(*names):
    return tuple(name for name in BASE if name not in names)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "export.tsv"


@pytest.mark.parametrize("spaces", [True, False])
def test_units_and_names(path, spaces):
    gaze = read_gaze(export(path, [{"GazeEventType": "Saccade"}], spaces=spaces))
    expected = {
        "in_fixation": 0, "in_saccade": 1, "event_duration": 30, "saccade_amplitude": 2.5, "saccade_direction": 90,
        "saccade_turn": 45, "gaze_left_x": 0.3, "gaze_left_y": 0.3, "gaze_right_x": 0.31, "gaze_right_y": 0.31,
        "gaze_x": 0.305, "gaze_y": 0.304, "gaze_stimulus_x": 0.5125, "gaze_stimulus_y": 0.51, "gaze_mm_x": 60,
        "eye_right_x": 30, "eye_right_y": 31, "eye_right_z": 650, "pupil_left": 3.1, "pupil_right": 3.2,
        "validity_left": 1, "validity_right": 1,
    }  # fmt: skip
    for name, value in expected.items():
        assert gaze.column(name)[0] == pytest.approx(value), name
    assert np.isfinite(gaze.eye_movements).sum() == len(expected)
    assert (gaze.format, gaze.participant, gaze.stimulus) == ("tobii_studio", "00", None)
    assert gaze.fixations.shape == (0, 4)


def test_an_eye_position_needs_all_three_coordinates(path):
    gaze = read_gaze(export(path, [{}, LOST_EYES | {"RecordingTimestamp": "5010"}]))
    np.testing.assert_array_equal(gaze.column("eye_right_y"), [31, np.nan])
    np.testing.assert_array_equal(gaze.column("validity_right"), [1, 0])
    assert gaze.missing_fraction == 0.5


def test_gaze_beside_the_screen_is_kept(path):
    gaze = read_gaze(export(path, [{"GazePointX (ADCSpx)": "-2000", "GazePointY (ADCSpx)": "1000"}]))
    assert (gaze.column("gaze_x")[0], gaze.column("gaze_y")[0]) == (-2, 2)


def test_fixations_are_grouped_and_one_beside_the_stimulus_is_placed(path):
    first = {"FixationIndex": "7", "GazeEventType": "Fixation", "GazeEventDuration": "90"}
    first |= {"FixationPointX (MCSpx)": "100", "FixationPointY (MCSpx)": "50"}
    beside = {"FixationIndex": "9", "GazeEventType": "Fixation", "GazeEventDuration": "60", "GazePointY (ADCSpx)": "150"}
    rows = [first, first, {}, beside | {"GazePointX (ADCSpx)": "40"}, beside | {"GazePointX (ADCSpx)": "80"}]
    gaze = read_gaze(export(path, [row | {"RecordingTimestamp": f"{5000 + 10 * i}"} for i, row in enumerate(rows)]))
    # The second: mean x 60 px on the screen is 40 px left of the stimulus, which is 400 px wide.
    np.testing.assert_allclose(gaze.fixations, [[0.25, 0.25, 0, 90], [-0.1, 0.5, 30, 60]], rtol=1e-5)
    np.testing.assert_array_equal(gaze.column("in_fixation"), [1, 1, 0, 1, 1])


def test_without_a_stimulus_size_the_screen_is_used(path):
    names = without("MediaPosX (ADCSpx)", "MediaPosY (ADCSpx)", "MediaWidth", "MediaHeight")
    row = {"FixationIndex": "1", "FixationPointX (MCSpx)": "500", "FixationPointY (MCSpx)": "100"}
    gaze = read_gaze(export(path, [row], names))
    np.testing.assert_allclose(gaze.fixations, [[0.5, 0.2, 0, 30]], rtol=1e-6)
    assert any("entire screen" in note for note in gaze.notes)


def test_times_are_relative_sorted_and_without_repeats(path):
    rows = [{"RecordingTimestamp": time, "PupilLeft": pupil} for time, pupil in
            (("9000010", "2"), ("9000000", "1"), ("9000010", "3"), ("", "4"), ("9000020", "5"))]  # fmt: skip
    gaze = read_gaze(export(path, rows))
    np.testing.assert_array_equal(gaze.times_ms, [0, 10, 20])
    np.testing.assert_array_equal(gaze.column("pupil_left"), [1, 2, 5])
    assert [word in " ".join(gaze.notes) for word in ("without a time", "sample before", "sorted")] == [True] * 3


def test_rows_of_clicks_are_no_samples(path):
    click = dict.fromkeys(LOST_EYES, "") | {"RecordingTimestamp": "5003"}
    assert len(read_gaze(export(path, [{}, click, {"RecordingTimestamp": "5010"}])).times_ms) == 2
    export(path, [click])
    with pytest.raises(EmertInputError, match="no samples"):
        read_gaze(path)


def test_participants_and_stimuli_are_separate(path):
    names = (*BASE, "RecordingName", "MediaName")
    rows = [("1", "a.jpg"), ("01", "a.jpg"), ("1", "b.jpg"), ("1", ""), ("01", "a.jpg"), ("1", "a.jpg")]
    changes = [
        {"ParticipantName": who, "MediaName": what, "RecordingTimestamp": f"{5000 + 10 * i}"}
        for i, (who, what) in enumerate(rows)
    ]
    recordings = read_gaze_recordings(export(path, changes, names))
    found = [(gaze.participant, gaze.stimulus, gaze.times_ms.tolist()) for gaze in recordings]
    assert found == [("1", "a.jpg", [0, 50]), ("01", "a.jpg", [0, 30]), ("1", "b.jpg", [0])]
    assert "1 samples between the stimuli were left out." in recordings[0].notes
    assert read_gaze(path, "01").participant == "01"
    assert read_gaze(path, "1", "b.jpg").stimulus == "b.jpg"
    with pytest.raises(EmertInputError, match=r"participants \(1, 01\).*; give participant \(--participant\)$"):
        read_gaze(path)
    with pytest.raises(EmertInputError, match="no participant '2'; it has 1, 01"):
        read_gaze(path, "2")
    with pytest.raises(EmertInputError, match=r"2 recordings of participant '1' where one is .*#1 a.jpg, #2 b.jpg give one"):
        read_gaze(path, "1")


@pytest.mark.parametrize(("asked", "found"), [("rain", "rain.MP4"), ("rain.png", "rain.png"), ("zoo", "zoo"), ("b.1", "b.1")])
def test_a_stimulus_is_found_without_the_ending_of_its_file(path, asked, found):
    media = ("rain.MP4", "rain.png", "zoo", "zoo.jpg", "b.1") if asked != "rain" else ("rain.MP4", "zoo", "b.1")
    changes = [{"MediaName": name, "RecordingTimestamp": f"{10 * i}"} for i, name in enumerate(media)]
    export(path, changes, (*BASE, "MediaName"))
    assert read_gaze(path, stimulus=asked).stimulus == found
    for unknown, number in [("b", "no recording"), ("rai", "no recording"), *([("rain", "2 rec")] if asked != "rain" else [])]:
        with pytest.raises(
            EmertInputError, match=rf"has {number}.* of stimulus '{unknown}' where .*#1 rain.MP4, #2 .*--stimulus"
        ):
            read_gaze(path, stimulus=unknown)


def test_validity_codes(path):
    names = (*BASE, "ValidityLeft", "ValidityRight")
    rows = [{"ValidityLeft": str(code), "ValidityRight": "4", "RecordingTimestamp": f"{code}"} for code in range(5)]
    gaze = read_gaze(export(path, rows, names))
    np.testing.assert_array_equal(gaze.column("validity_left"), [1, 0.75, 0.5, 0.25, 0])
    np.testing.assert_array_equal(np.isnan(gaze.column("gaze_left_x")), [False] * 4 + [True])
    np.testing.assert_array_equal(np.isnan(gaze.column("gaze_x")), [False] * 4 + [True])
    assert np.isnan(gaze.column("pupil_right")).all()
    assert not any("validity" in note for note in gaze.notes)


def test_a_pupil_alone_that_is_missing_does_not_delete_the_gaze(path):
    names = (*without(*(name for name in BASE if "Left" in name or "Right" in name)), "PupilLeft", "PupilRight")
    gaze = read_gaze(export(path, [{"PupilLeft": "", "PupilRight": ""}], names))
    assert gaze.missing_fraction == 0


@pytest.mark.parametrize(
    ("changes", "names", "message"),
    [
        ({}, without("RecordingResolution"), "no RecordingResolution; tick that column"),
        ({"RecordingResolution": "big"}, tuple(BASE), "'big' in RecordingResolution"),
        ({"PupilLeft": "wide"}, tuple(BASE), "'wide' in column PupilLeft"),
        ({}, without("RecordingTimestamp"), "no known format"),
        ({"RecordingTimestamp": ""}, tuple(BASE), "no time in any sample of 00"),
    ],
)
def test_refused_exports(path, changes, names, message):
    export(path, [changes], names)
    with pytest.raises(EmertInputError, match=message):
        read_gaze(path)


def cells(text):
    """One row; - is an empty cell."""
    return ["" if cell == "-" else cell for cell in text.split()]


OLD_NAMES = cells(
    "Timestamp Number GazePointXLeft GazePointYLeft CamXLeft CamYLeft DistanceLeft PupilLeft ValidityLeft "
    "GazePointXRight GazePointYRight CamXRight CamYRight DistanceRight PupilRight ValidityRight FixationIndex GazePointX "
    "GazePointY Event StimuliName MediaWidth MediaHeight MappedFixationPointX MappedFixationPointY FixationDuration"
)
OLD_PREAMBLE = "System Properties:\n\nRecording name:\t Rec 5\nRecording resolution:\t 800 x 400\n\nParticipant:\t P7\n\n"


def test_the_dialect_with_a_preamble(path):
    found = cells("20 3 400 100 0.5 0.25 600 3.5 0 440 100 0.6 0.25 610 3.6 1 1 420 100 - Film 400 200 200 50 240")
    click = cells("30 - - - - - - - - - - - - - - - - - - LeftMouseClick - - - - - -")
    lost = cells("40 4 -800 -400 -1 -1 -1 -1 4 -800 -400 -1 -1 -1 -1 4 - 0 0 - Film 400 200 - - 0")
    lines = ["\t".join((*row, "")) for row in (OLD_NAMES, found, click, lost)]  # Studio ends every row with a tab
    path.write_text(OLD_PREAMBLE + "\n".join(lines) + "\n")
    gaze = read_gaze(path)
    assert (gaze.participant, gaze.stimulus) == ("P7", "Film")
    np.testing.assert_array_equal(gaze.times_ms, [0, 20])
    expected = {"gaze_left_x": 0.5, "gaze_x": 0.525, "camera_right_x": 0.6, "distance_left": 600, "pupil_right": 3.6}
    expected |= {"validity_left": 1, "validity_right": 0.75, "in_fixation": 1, "fixation_x": 0.5, "event_duration": 240}
    for name, value in expected.items():
        assert gaze.column(name)[0] == pytest.approx(value), name
    # Of the eyes that were not found nothing is left but that.
    left = {"validity_left", "validity_right", "in_fixation"}
    assert np.isfinite(gaze.eye_movements[1]).sum() == len(left)
    assert all(gaze.column(name)[1] == 0 for name in left)
    np.testing.assert_allclose(gaze.fixations, [[0.5, 0.25, 0, 240]])
