"""SMI BeGaze and IDF Converter: all numbers are made up; only the layout is the vendor's."""

import numpy as np
import pytest
from places import REAL

from dataset_scripts.readers import read_gaze, read_gaze_recordings
from modeling_emert.errors_emert import EmertInputError

nan = np.nan

# ---- events

EVENT_PREAMBLE = (
    "[BeGaze]\nConverted from:\tD:\\p.idf\nVersion:\tBeGaze 3.5\nSample Rate:\t120\nSubject:\t07\nStimulus:\tall.avi\n\n"
)
FIXATION_HEADER = (
    "Event Type,Trial,Number,Start,End,Duration,Location X,Location Y,Dispersion X,Dispersion Y,AOI hit,Image,Plane,"
    "Avg. Pupil Size X,Avg. Pupil Size Y"
)
OTHER_HEADERS = (
    "Table Header for Saccades:\nEvent Type,Trial,Number,Start,End,Duration,Start Loc.X\n\n"
    "Table Header for Blinks:\nEvent Type,Trial,Number,Start,End,Duration\n\n"
    "Table Header for User Events:\nEvent Type,Trial,Number,Start,Description\n\n"
)


def fixation(eye, start, duration, x, y, trial=1, image="-"):
    return f"Fixation {eye},{trial},1,{start},{start + duration},{duration},{x},{y},9,9,-,{image},-1,15.00,15.00\n"


def events_text(*rows, separator=",", decimal="."):
    text = f"Table Header for Fixations:\n{FIXATION_HEADER}\n\n{OTHER_HEADERS}{''.join(rows)}"
    text = text.replace(".", "\0").replace(",", separator).replace("\0", "." if decimal == "." else decimal)
    return EVENT_PREAMBLE + text


ROWS = (
    "UserEvent,1,1,900,# Message: a.jpg\n",
    "Saccade L,1,1,1000,2000,1000,5.00\nBlink L,1,1,1000,2000,1000\n",
    fixation("L", 5_000_000, 200_000, "960.00", "270.00"),
    fixation("R", 5_000_000, 200_000, "480.00", "270.00"),
    fixation("L", 5_400_000, 100_500, "192.00", "108.00"),
    "UserEvent,1,2,5500000,# Message: UE-keypress A\n",
    "UserEvent,2,1,8000000,# Message: b.png\n",
    fixation("R", 8_100_000, 50_000, "1920.00", "1080.00", trial=2),
)


@pytest.fixture
def export(tmp_path):
    def write(content, name="p Events.txt"):
        (tmp_path / name).write_text(content)
        return tmp_path / name

    return write


@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_events_with_both_eyes_and_two_trials(export, separator):
    # A decimal comma is possible only where the comma doesn't separate.
    decimal = "." if separator == "," else ","
    first, second = read_gaze_recordings(export(events_text(*ROWS, separator=separator, decimal=decimal).replace("a,jpg", "a.jpg").replace("b,png", "b.png")))  # fmt: skip  # noqa: E501
    assert [(g.format, g.participant, g.stimulus) for g in (first, second)] == [
        ("smi_events", "07", "a.jpg"),
        ("smi_events", "07", "b.png"),
    ]
    # The first fixation is of both eyes: their mean.
    np.testing.assert_allclose(first.fixations, [[0.375, 0.25, 0, 200], [0.1, 0.1, 400, 100.5]], rtol=1e-5)
    np.testing.assert_allclose(second.fixations, [[1, 1, 0, 50]])
    assert any("1920 x 1080 is a guess" in note for note in first.notes)
    assert any("1 have the same start and duration in both eyes" in note for note in first.notes)


def test_the_screen_comes_from_the_samples_beside_or_a_line_on_top(export):
    path = export(events_text(ROWS[2]))
    export("## [BeGaze]\n## Calibration Area:\t1000\t500\n##\nTime\tType\tTrial\n", "p Samples.txt")
    np.testing.assert_allclose(read_gaze(path).fixations[0, :2], [0.96, 0.54], rtol=1e-6)
    path = export("Calibration Area:\t2000\t1000\n" + events_text(ROWS[2]))
    gaze = read_gaze(path)
    np.testing.assert_allclose(gaze.fixations[0, :2], [0.48, 0.27], rtol=1e-6)
    assert not any("guess" in note for note in gaze.notes)


def test_event_statistics(export):
    names = "Trial,Stimulus,Participant,Category Group,Category,Eye L/R,Event Start Trial Time [ms],Event Duration [ms],"
    names += "Fixation Position X [px],Fixation Position Y [px]\n"
    text = names + "Trial001,a.jpg,00,Eye,Fixation,Right,100.5,200.0,1536,540\nTrial001,a.jpg,00,Eye,Saccade,Right,300,20,-,-\n"
    text += "Trial001,a.jpg,00,Eye,Fixation,Right,400,100,-,-\nTrial002,b.jpg,00,Eye,Fixation,Right,50,70,1900,1000\n"
    first, second = read_gaze_recordings(export(text))
    assert [(g.participant, g.stimulus) for g in (first, second)] == [("00", "a.jpg"), ("00", "b.jpg")]
    np.testing.assert_allclose(first.fixations, [[0.8, 0.5, 0, 200]])
    assert any("1 of 2 fixations" in note for note in first.notes)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (events_text(), "no fixation"),
        (events_text(*ROWS).replace("Table Header for Fixations", "Table Header for Nothing"), "no table of fixations"),
        (events_text(*ROWS).replace("Location X", "Place"), "LocationX"),
        (events_text(*ROWS).replace("960.00", "left"), "'left' in column LocationX"),
        (events_text(ROWS[2], "Fixation L,1\n", ROWS[4]), "cells"),
        ("Calibration Area: all\n" + events_text(*ROWS), "Calibration Area"),
        (events_text(fixation("L", 5, 0, "1.0", "1.0"), fixation("L", 5, -3, "1.0", "1.0")), "no fixation"),
        (events_text(fixation("L", 5, 4, "1e308", "1.0")), "no fixation"),
    ],
)
def test_broken_events_get_one_clear_sentence(export, content, expected):
    with pytest.raises(EmertInputError, match=expected) as caught:
        read_gaze_recordings(export(content))
    assert "\n" not in str(caught.value)


# ---- samples

SAMPLE_PREAMBLE = (
    "## [iView]\n## Sample Rate:\t500\n## Subject:\tP01\n## Calibration Area:\t1000\t500\n## Format:\tLEFT, POR\n## \n"
)
SAMPLE_NAMES = (
    "Time\tType\tTrial\tL Dia X [px]\tL Mapped Diameter [mm]\tR Mapped Diameter [mm]\tL POR X [px]\tL POR Y [px]\t"
    "R POR X [px]\tR POR Y [px]\tTiming\tL Validity\tL EPOS X\tL EPOS Y\tL EPOS Z\tTrigger\tL Event Info\n"
)


def sample(time, left, right=(0, 0), trial=1, pupil=(3, 0), event="-"):
    cells = (time, "SMP", trial, 20, *pupil, *left, *right, 0, 1, 10, 20, 600, 0, event)
    return "\t".join(f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in cells) + "\n"


SAMPLES = (
    sample(10_000_000, (100.0, 100.0), (300.0, 100.0), event="Fixation"),
    "10000500\tMSG\t1\t# Message: a.jpg\n",
    sample(10_002_000, (200.0, 100.0), event="Fixation"),
    sample(10_004_000, (0.0, 0.0), (0.0, 0.0), pupil=(0, 0), event="Saccade"),
    "10005000\tMSG\t1\t# Message: START\n",
    sample(10_006_000, (500.0, 250.0), (500.0, 250.0), pupil=(3, 4), event="Blink"),
    sample(10_008_000, (600.0, 300.0), (600.0, 300.0), event="Fixation"),
    "10009000\tMSG\t1\t# Message: b.jpg\n",
    sample(10_010_000, (700.0, 350.0), event="Fixation"),
)


@pytest.mark.parametrize("trailing", ["", "\t"])
def test_samples_with_messages(export, trailing):
    text = SAMPLE_PREAMBLE + SAMPLE_NAMES + "".join(line.replace("\n", trailing + "\n") for line in SAMPLES)
    first, second = read_gaze_recordings(export(text))
    assert [(g.format, g.participant, g.stimulus) for g in (first, second)] == [
        ("smi_samples", "P01", "a.jpg"),
        ("smi_samples", "P01", "b.jpg"),
    ]
    np.testing.assert_allclose(first.times_ms, [0, 2, 4, 6, 8])
    np.testing.assert_allclose(first.column("gaze_left_x"), [0.1, 0.2, nan, nan, 0.6], rtol=1e-6)
    np.testing.assert_allclose(first.column("gaze_right_x"), [0.3, nan, nan, 0.5, 0.6], rtol=1e-6)
    np.testing.assert_allclose(first.column("gaze_x"), [0.2, 0.2, nan, nan, 0.6], rtol=1e-6)
    np.testing.assert_allclose(first.column("gaze_y"), [0.2, 0.2, nan, nan, 0.6], rtol=1e-6)
    np.testing.assert_array_equal(first.column("pupil_left"), [3, 3, nan, nan, 3])
    np.testing.assert_array_equal(first.column("pupil_right"), [nan, nan, nan, 4, nan])
    np.testing.assert_array_equal(first.column("distance_left"), [600] * 5)
    np.testing.assert_array_equal(first.column("blink"), [0, 0, 0, 1, 0])
    np.testing.assert_array_equal(first.column("in_saccade"), [0, 0, 1, 0, 0])
    np.testing.assert_allclose(first.fixations, [[0.2, 0.2, 0, 4], [0.6, 0.6, 8, 2]], rtol=1e-5)
    assert len(second.times_ms) == 1


def test_pupils_in_pixels_and_no_events(export):
    names = "Time\tType\tTrial\tR Dia X [px]\tR Dia Y [px]\tR POR X [px]\tR POR Y [px]\n"
    text = SAMPLE_PREAMBLE + names + "1000\tSMP\t1\t10.0\t12.0\t500.0\t250.0\n2000\tSMP\t1\t0.0\t0.0\t0.0\t0.0\n"
    gaze = read_gaze(export(text))
    np.testing.assert_array_equal(gaze.column("pupil_right"), [11, nan])
    assert gaze.fixations is None
    assert gaze.stimulus is None
    assert any("camera" in note for note in gaze.notes)


def test_raw_data_of_newer_versions(export):
    text = (
        "RecordingTime [ms],Trial,Stimulus,Participant,Category Right,Index Right,Pupil Diameter Right [mm],"
        "Point of Regard Right X [px],Point of Regard Right Y [px]\n"
        "100.0,Trial001,a.jpg,00,Separator,-,-,-,-\n100.5,Trial001,a.jpg,00,Fixation,1,3.5,1680,525\n"
        "104.5,Trial001,a.jpg,00,Fixation,2,3.5,840,525\n108.5,Trial001,a.jpg,00,Blink,1,-,-,-\n"
    )
    gaze = read_gaze(export(text))
    assert (gaze.participant, gaze.stimulus) == ("00", "a.jpg")
    np.testing.assert_allclose(gaze.column("gaze_right_x"), [1, 0.5, nan], rtol=1e-6)
    np.testing.assert_allclose(gaze.fixations, [[1, 0.5, 0, 4], [0.5, 0.5, 4, 4]])
    assert any("1680 x 1050 is a guess" in note for note in gaze.notes)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (SAMPLE_NAMES, "no samples"),
        (SAMPLE_PREAMBLE.replace("1000\t500", "wide") + SAMPLE_NAMES + SAMPLES[0], "Calibration Area"),
        (SAMPLE_NAMES + SAMPLES[0].replace("100.00", "here") + SAMPLES[2], "'here' in column LPORX"),
        (SAMPLE_NAMES + SAMPLES[0] + "1\tSMP\t1\n" + SAMPLES[2], "cells"),
    ],
)
def test_broken_samples_get_one_clear_sentence(export, content, expected):
    with pytest.raises(EmertInputError, match=expected) as caught:
        read_gaze_recordings(export(content))
    assert "\n" not in str(caught.value)


@pytest.mark.real
def test_the_real_events():
    path = REAL / "exports" / "emdat" / "SMI_Sample_67_Events.txt"
    if not path.is_file():
        pytest.skip(f"no real recordings at {REAL}; set EMERT_REAL_DATA")
    gaze = read_gaze(path)
    rows = [line.split(",") for line in path.read_text().splitlines()]
    left, right = ({(int(r[3]), int(r[5])): r for r in rows if r[0] == f"Fixation {eye}"} for eye in "LR")
    assert (len(left), len(right), len(gaze.fixations)) == (5271, 5272, 5272)
    zero = min(right)[0]
    expected = []
    for key in sorted(right):
        points = [[float(of[key][6]), float(of[key][7])] for of in (left, right) if key in of]
        x, y = np.mean(points, axis=0)
        expected.append([x / 1920, y / 1080, (key[0] - zero) / 1000, key[1] / 1000])
    np.testing.assert_allclose(gaze.fixations, expected, rtol=1e-5, atol=1e-6)
    assert (gaze.participant, gaze.stimulus) == ("MT430PN56168", "MT430PN56168-scrrec.avi")
