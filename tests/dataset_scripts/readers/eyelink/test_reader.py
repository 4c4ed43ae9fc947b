"""EyeLink ASC: all numbers are made up; only the layout is edf2asc's."""

import numpy as np
import pytest
from places import REAL

from dataset_scripts.readers import read_gaze, read_gaze_recordings
from dataset_scripts.readers.text import text_table
from modeling_emert.errors_emert import EmertInputError

PREAMBLE = "** CONVERTED FROM a.edf using edfapi\n** TYPE: EDF_FILE BINARY EVENT SAMPLE TAGGED\n**\n\n"
SCREEN = "MSG\t90 DISPLAY_COORDS 0 0 999 499\n"


def block(eyes, rows, start=100, end=None, samples="GAZE"):
    """One recording block: its opening lines, `rows`, its end."""
    sides = "\t".join(eyes)
    opening = f"START\t{start} \t{sides}\tSAMPLES\tEVENTS\nPRESCALER\t1\nVPRESCALER\t1\nPUPIL\tAREA\n"
    opening += f"EVENTS\tGAZE\t{sides}\tRATE\t 500.00\tTRACKING\tCR\tFILTER\t2\n"
    opening += f"SAMPLES\t{samples}\t{sides}\tRATE\t 500.00\tTRACKING\tCR\tFILTER\t2\n"
    return opening + rows + f"END\t{end or start + 50} \tSAMPLES\tEVENTS\tRES\t  40.00\t  40.00\n"


MONO = "".join(f"{100 + 2 * i}\t  {10 * i:5.1f}\t  {100 + i:5.1f}\t  {800 + i:5.1f}\t...\n" for i in range(10))
EVENTS = (
    "SFIX R   100\nEFIX R   100\t106\t8\t  250.0\t  125.0\t    801\n"
    "SSACC R  108\nSBLINK R 110\nEBLINK R 110\t112\t4\n"
    "ESACC R  108\t114\t8\t  250.0\t  125.0\t  500.0\t  250.0\t   4.50\t    210\n"
)


@pytest.fixture
def asc(tmp_path):
    def write(*parts, encoding="utf-8"):
        path = tmp_path / "recording.asc"
        path.write_text("".join(parts), encoding=encoding)
        return path

    return write


def test_one_eye_with_events(asc):
    gaze = read_gaze(asc(PREAMBLE, SCREEN, block(["RIGHT"], MONO + EVENTS)))
    assert (gaze.format, gaze.participant, gaze.stimulus) == ("eyelink", None, None)
    np.testing.assert_array_equal(gaze.times_ms, np.arange(10) * 2)
    x = np.arange(10) * 0.01
    x[5:7] = np.nan  # the blink
    for name in ("gaze_right_x", "gaze_x"):
        np.testing.assert_allclose(gaze.column(name), x, atol=1e-6)
    np.testing.assert_allclose(gaze.column("gaze_y")[:5], (100 + np.arange(5)) / 500, rtol=1e-6)
    pupil = 800.0 + np.arange(10)
    pupil[5:7] = np.nan
    np.testing.assert_array_equal(gaze.column("pupil_right"), pupil)
    assert np.isnan(gaze.column("gaze_left_x")).all()
    np.testing.assert_array_equal(gaze.column("blink"), [0, 0, 0, 0, 0, 1, 1, 0, 0, 0])
    np.testing.assert_array_equal(gaze.column("in_fixation"), [1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(gaze.column("in_saccade"), [0, 0, 0, 0, 1, 1, 1, 1, 0, 0])
    np.testing.assert_allclose(gaze.column("saccade_amplitude")[4], 4.5)
    np.testing.assert_allclose(gaze.fixations, [[0.25, 0.25, 0, 8]])
    assert any("not in mm" in note and "area" in note for note in gaze.notes)


def test_both_eyes_and_optional_columns(asc):
    # Velocity, resolution, input, head target and flags follow the six numbers that count.
    rest = "\t  1.0\t -2.0\t 0.5\t 0.5\t  40.0\t  40.0\t  127.0\t 510.0\t 480.0\t 600.0\t.............\n"
    rows = "200\t 100.0\t 100.0\t 900.0\t 300.0\t 200.0\t 950.0" + rest
    rows += "201\t   .\t   .\t    0.0\t -50.0\t 200.0\t 950.0" + rest
    rows += "202\t 100.0\t   .\t    0.0\t   .\t   .\t    0.0" + rest
    gaze = read_gaze(asc(PREAMBLE, "MSG\t1 GAZE_COORDS 0.00 0.00 999.00 499.00\n", block(["LEFT", "RIGHT"], rows, 200)))
    np.testing.assert_allclose(gaze.column("gaze_left_x"), [0.1, np.nan, np.nan], rtol=1e-6)
    np.testing.assert_allclose(gaze.column("gaze_right_x"), [0.3, -0.05, np.nan], rtol=1e-6)
    np.testing.assert_allclose(gaze.column("gaze_x"), [0.2, -0.05, np.nan], rtol=1e-6)
    np.testing.assert_array_equal(gaze.column("pupil_left"), [900, np.nan, np.nan])
    # Without any event lines nothing is known of events.
    assert gaze.fixations is None
    assert np.isnan(gaze.column("blink")).all()


def test_eyes_that_fixate_apart(asc):
    rows = "".join(f"{t}\t 1.0\t 1.0\t 9.0\t 1.0\t 1.0\t 9.0\t.....\n" for t in range(100, 130))
    events = "EFIX L   100\t109\t10\t 100.0\t 50.0\t 9\nEFIX R   101\t104\t4\t 200.0\t 50.0\t 9\n"
    events += "EFIX R   110\t119\t10\t 300.0\t 50.0\t 9\n"
    gaze = read_gaze(asc(PREAMBLE, SCREEN, block(["LEFT", "RIGHT"], rows + events)))
    np.testing.assert_allclose(gaze.fixations, [[0.2, 0.1, 1, 4], [0.3, 0.1, 10, 10]], rtol=1e-6)
    assert any("the right eye's are taken" in note for note in gaze.notes)


def test_trials_are_recordings(asc):
    row = "{}\t 10.0\t 20.0\t 30.0\t...\n".format
    parts = [PREAMBLE, SCREEN]
    for number, described in enumerate(("!V TRIAL_VAR image faces/a.jpg", "!V IMGLOAD FILL pics/b.png", "end")):
        start = 1000 * (number + 1)
        rows = "".join(row(start + 4 * i) for i in range(3)) + f"EFIX L   {start + 4}\t{start + 8}\t8\t 10.0\t 20.0\t 30\n"
        parts.append(f"MSG\t{start - 10} TRIALID {number:02d}\n" + block(["LEFT"], rows, start))
        parts.append(f"MSG\t{start + 60} -3 {described}\nMSG\t{start + 60} {described}\n")
    recordings = read_gaze_recordings(asc(*parts))
    assert [gaze.stimulus for gaze in recordings] == ["faces/a.jpg", "b.png", "02"]
    for gaze in recordings:
        np.testing.assert_array_equal(gaze.times_ms, [0, 4, 8])
        np.testing.assert_allclose(gaze.fixations, [[0.01, 0.04, 4, 8]], rtol=1e-6)


def test_a_trial_named_within_its_block_owns_the_block(asc):
    row = "{}\t 10.0\t 20.0\t 30.0\t...\n".format
    parts = [block(["LEFT"], row(t) + f"MSG\t{t + 1} TRIALID {t}\n" + row(t + 2), t) for t in (100, 300)]
    recordings = read_gaze_recordings(asc(PREAMBLE, SCREEN, *parts))
    assert [(gaze.stimulus, len(gaze.times_ms)) for gaze in recordings] == [("100", 2), ("300", 2)]


def test_blocks_without_trials_keep_their_gap_and_may_change_eyes(asc):
    left = block(["LEFT"], "100.0\t 10.0\t 20.0\t 30.0\t...\n100.5\t 10.0\t 20.0\t 30.0\t...\n", 100)
    right = block(["RIGHT"], "900.0\t 10.0\t 20.0\t 30.0\n900.5\t 10.0\t 20.0\t 30.0\t...\n901.0\t 10.0\n", 900)
    gaze = read_gaze(asc(PREAMBLE, SCREEN, left, right))
    np.testing.assert_allclose(gaze.times_ms, [0, 0.5, 800, 800.5])
    np.testing.assert_array_equal(np.isnan(gaze.column("gaze_left_x")), [False, False, True, True])
    np.testing.assert_array_equal(np.isnan(gaze.column("gaze_right_x")), [True, True, False, False])
    assert any("1 incomplete line" in note for note in gaze.notes)


def test_events_alone(asc):
    gaze = read_gaze(asc(PREAMBLE, SCREEN, block(["RIGHT"], EVENTS.replace("100\t106", "104\t110"))))
    assert gaze.eye_movements is None
    np.testing.assert_allclose(gaze.fixations, [[0.25, 0.25, 0, 8]])


def test_spaces_instead_of_tabs_and_other_encodings(asc):
    rows = "".join(f"{100 + i}   {10 * i:.1f}   20.0   30.0 ...\n" for i in range(3))
    text = [PREAMBLE, SCREEN, "MSG 95 TRIALID ä\n", block(["LEFT"], rows)]
    for encoding in ("utf-8", "latin-1", "utf-16"):
        gaze = read_gaze(asc(*text, encoding=encoding))
        assert gaze.stimulus == "ä"
        np.testing.assert_allclose(gaze.column("gaze_left_x"), [0, 0.01, 0.02], atol=1e-6)


def test_pieces_of_a_large_file_fit_together(asc, monkeypatch):
    path = asc(PREAMBLE, SCREEN, block(["RIGHT"], MONO + EVENTS))
    complete = read_gaze(path)
    monkeypatch.setattr(text_table, "CHUNK_BYTES", 37)
    chunked = read_gaze(path)
    np.testing.assert_array_equal(complete.eye_movements, chunked.eye_movements)
    np.testing.assert_array_equal(complete.fixations, chunked.fixations)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((PREAMBLE,), "neither samples nor fixations"),
        ((PREAMBLE, block(["LEFT"], MONO)), "DISPLAY_COORDS"),
        ((PREAMBLE, SCREEN, block(["LEFT"], MONO, samples="HREF")), "HREF"),
        ((PREAMBLE, SCREEN, MONO), "START"),
        ((PREAMBLE, SCREEN, block(["LEFT"], MONO.replace("102\t", "102\tabc"))), "'abc"),
        ((PREAMBLE, "MSG\t1 DISPLAY_COORDS 0 0 -5 -5\n", block(["LEFT"], MONO)), "DISPLAY_COORDS"),
        ((PREAMBLE, SCREEN, block(["LEFT"], "100\t1.0\n")), "neither samples nor fixations"),
        ((PREAMBLE, SCREEN, block(["LEFT"], MONO), "x" * (1 << 19), "\0"), "NUL"),
        ((PREAMBLE, SCREEN, block(["LEFT"], MONO), "x" * (5 << 20)), "line of more than"),
    ],
)
def test_broken_files_get_one_clear_sentence(asc, parts, expected):
    with pytest.raises(EmertInputError, match=expected) as caught:
        read_gaze_recordings(asc(*parts))
    assert "\n" not in str(caught.value)


def test_huge_numbers_are_missing(asc):
    gaze = read_gaze(
        asc(PREAMBLE, SCREEN, block(["LEFT"], "100\t1e308\t 20.0\t-32768\t...\n101\t100000000.0\t 1.0\t 2.0\t...\n"))
    )
    assert np.isnan(gaze.column("gaze_x")).all()
    np.testing.assert_array_equal(gaze.column("pupil_left"), [np.nan, 2])


@pytest.mark.real
def test_the_real_file_against_pymovements():
    path = REAL / "exports" / "eyelink" / "eyelink_binocular_example.asc"
    if not path.is_file():
        pytest.skip(f"no real recordings at {REAL}; set EMERT_REAL_DATA")
    from pymovements.gaze.io import from_asc

    gaze, oracle = read_gaze(path), from_asc(path).samples
    assert len(gaze.times_ms) == len(oracle) == 368
    np.testing.assert_array_equal(gaze.times_ms, oracle["time"].to_numpy() - oracle["time"][0])
    blink = gaze.column("blink") == 1
    assert blink.sum() == 97  # 1408787 .. 1408883, with the right eye's within
    pixels = np.array(oracle["pixel"].to_list(), float)
    for place, name in enumerate(("gaze_left_x", "gaze_left_y", "gaze_right_x", "gaze_right_y")):
        ours = gaze.column(name) * (1920, 1080)[place % 2]
        np.testing.assert_allclose(ours[~blink], pixels[~blink, place], rtol=1e-5)
    pupils = np.array(oracle["pupil"].to_list(), float)
    for place, name in enumerate(("pupil_left", "pupil_right")):
        np.testing.assert_array_equal(gaze.column(name)[~blink], pupils[~blink, place])
    left = [line.split() for line in path.read_text().splitlines() if line.startswith("EFIX L")]
    expected = [[float(r[5]) / 1920, float(r[6]) / 1080, float(r[2]) - 1408660, float(r[4])] for r in left]
    np.testing.assert_allclose(gaze.fixations, expected, rtol=1e-5)


def rows(start: int, count: int = 10, x: float = 100, step: float = 2) -> str:
    return "".join(f"{start + int(step * i)}\t {x:.1f}\t 250.0\t 900.0\t...\n" for i in range(count))


def test_a_trial_is_chosen_by_its_name_or_number(asc):
    trials = [f"MSG\t{t - 10} TRIALID {name}\n" + block(["LEFT"], rows(t, x=t / 10), t) for t, name in ((1000, 7), (3000, 7))]
    path = asc(PREAMBLE, SCREEN, *trials)
    with pytest.raises(EmertInputError, match=r"has 2 recordings where one is expected; of the recordings #1 7, #2 7 give one"):
        read_gaze(path)
    with pytest.raises(EmertInputError, match=r"has 2 recordings of stimulus '7' where .*number, as stimulus \(--stimulus\)$"):
        read_gaze(path, stimulus="7")
    assert read_gaze(path, stimulus="#2").column("gaze_x")[0] == np.float32(0.3)


@pytest.mark.parametrize("named", [False, True])
def test_a_clock_set_back_begins_another_recording(asc, named):
    first, second = (f"MSG\t{t - 10} TRIALID {t}\n" if named else "" for t in (90_000, 200))
    path = asc(PREAMBLE, SCREEN, first, block(["LEFT"], rows(90_000, x=50), 90_000), second, block(["LEFT"], rows(200), 200))
    recordings = read_gaze_recordings(path)
    assert [float(gaze.column("gaze_x")[0]) for gaze in recordings] == [np.float32(0.05), np.float32(0.1)]
    assert [list(gaze.times_ms) for gaze in recordings] == [list(range(0, 20, 2))] * 2


def test_each_point_is_normalised_by_the_screen_before_it(asc):
    later = "MSG\t290 DISPLAY_COORDS 0 0 1999 499\n"
    gaze = read_gaze(asc(PREAMBLE, SCREEN, block(["LEFT"], rows(100)), later, block(["LEFT"], rows(300), 300)))
    np.testing.assert_allclose(gaze.column("gaze_x"), [0.1] * 10 + [0.05] * 10, rtol=1e-6)
    assert any("coordinates change 1 time" in note for note in gaze.notes)


def test_a_stated_rate_spreads_samples_of_whole_milliseconds(asc):
    opened = block(["LEFT"], rows(100, 40, step=0.5)).replace(" 500.00", " 2000.00")
    np.testing.assert_array_equal(read_gaze(asc(PREAMBLE, SCREEN, opened)).times_ms, np.arange(40) / 2)


def test_an_amplitude_from_no_point_is_missing_and_the_pupil_has_its_own_unit(asc):
    saccade = "ESACC L  100\t110\t10\t   .\t   .\t  500.0\t  250.0\t 2.3e+06\t    210\n"
    gaze = read_gaze(asc(PREAMBLE, SCREEN, block(["LEFT"], rows(100) + saccade)))
    assert gaze.column("in_saccade").sum() == 5
    assert np.isnan(gaze.column("saccade_amplitude")).all()
    assert gaze.pupil_unit == "tracker's own units"
