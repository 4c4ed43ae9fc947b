"""Pupil Labs Neon and Invisible: all numbers are made up; only the layout is the vendor's."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from dataset_scripts.readers import READERS, read_gaze, read_gaze_recordings
from dataset_scripts.readers.text.text_table import read_head
from modeling_emert.errors_emert import EmertInputError

ZERO = 1_700_000_000_123_456_789  # ns
STEP = 5_000_000


def table(path, names, rows):
    path.write_text("\n".join(",".join(map(str, row)) for row in (names, *rows)) + "\n")


def gaze_rows(count=8, x=400, y=900, recording="r1"):
    """Every sample is one pixel to the right of the one before; sample 2 is a blink, sample 5 not worn."""
    for i in range(count):
        fixation, blink = (1 if i < 2 else ""), (1 if i == 2 else "")
        yield "s1", recording, ZERO + i * STEP, x + i, y, "0.0" if i == 5 else "1.0", fixation, blink, i, -i


GAZE = ("section id", "recording id", "timestamp [ns]", "gaze x [px]", "gaze y [px]", "worn", "fixation id", "blink id")
GAZE += ("azimuth [deg]", "elevation [deg]")
SPAN = ("section id", "recording id", "fixation id", "start timestamp [ns]", "end timestamp [ns]", "duration [ms]")
FIXATION = (*SPAN, "fixation x [px]", "fixation y [px]", "azimuth [deg]", "elevation [deg]")


@pytest.fixture
def folder(tmp_path):
    table(tmp_path / "gaze.csv", GAZE, gaze_rows())
    (tmp_path / "info.json").write_text(json.dumps({"module_serial_number": "1", "wearer_name": "007", "recording_id": "r1"}))
    return tmp_path


def add_neighbours(folder, center="eye ball center"):
    fixations = [("s1", "r1", 2, ZERO + 6 * STEP, ZERO + 7 * STEP, 5, 800, 300, 0, 0)]
    fixations += [
        ("s1", "r1", 1, ZERO - STEP, ZERO + STEP, 10, 400, 900, 0, 0),
        ("s1", "other", 1, ZERO, ZERO + STEP, 5, 1, 1, 0, 0),
    ]
    table(folder / "fixations.csv", FIXATION, fixations)
    saccade = tuple(name.replace("fixation", "saccade") for name in SPAN)
    row = ("s1", "r1", 1, ZERO + 3 * STEP, ZERO + 4 * STEP, 5, 120, 7.5)
    table(folder / "saccades.csv", (*saccade, "amplitude [px]", "amplitude [deg]"), [row])
    blink = tuple(name.replace("fixation", "blink") for name in SPAN)
    table(folder / "blinks.csv", blink, [("s1", "r1", 1, ZERO + 2 * STEP, ZERO + 2 * STEP + 1, 0)])
    eyes = ["recording id", "timestamp [ns]", "pupil diameter left [mm]", "pupil diameter right [mm]"]
    eyes += [f"{center} {side} {axis} [mm]" for side in ("left", "right") for axis in "xyz"]
    rows = [("r1", ZERO + i * STEP + 1, 3 + i, 0, -30, 10, -40, 30, 11, -41) for i in range(8)]
    table(folder / "3d_eye_states.csv", eyes, rows)


def test_gaze_alone(folder):
    gaze = read_gaze(folder / "gaze.csv")
    lost = np.isin(np.arange(8), (2, 5))
    assert (gaze.format, gaze.participant) == ("neon", "007")
    np.testing.assert_allclose(gaze.times_ms, np.arange(8) * 5, atol=1e-3)
    np.testing.assert_allclose(gaze.column("gaze_x"), np.where(lost, np.nan, (400 + np.arange(8)) / 1600), rtol=1e-6)
    np.testing.assert_allclose(gaze.column("gaze_stimulus_y"), np.where(lost, np.nan, 0.75), rtol=1e-6)
    np.testing.assert_array_equal(gaze.column("blink"), np.arange(8) == 2)
    np.testing.assert_array_equal(gaze.column("in_fixation"), np.arange(8) < 2)
    assert any("2 of 8" in note for note in gaze.notes)
    assert any("Neon, 1600 x 1200 pixels, by info.json" in note for note in gaze.notes)


@pytest.mark.parametrize("center", ["eye ball center", "eyeball center"])
def test_what_lies_beside_it(folder, center):
    add_neighbours(folder, center)
    gaze = read_gaze(folder)
    # The first began before the first sample, and the other recording's is not ours.
    np.testing.assert_allclose(gaze.fixations, [[0.25, 0.75, -5, 10], [0.5, 0.25, 30, 5]], atol=1e-3)
    np.testing.assert_array_equal(gaze.column("in_fixation"), [1, 1, 0, 0, 0, 0, 1, 1])
    np.testing.assert_array_equal(gaze.column("in_saccade"), [0, 0, 0, 1, 1, 0, 0, 0])
    np.testing.assert_allclose(gaze.column("event_duration"), [10, 10, np.nan, 5, 5, np.nan, 5, 5], atol=1e-3)
    np.testing.assert_array_equal(gaze.column("saccade_amplitude"), [np.nan] * 3 + [7.5] * 5)
    np.testing.assert_array_equal(gaze.column("pupil_left"), [3, 4, np.nan, 6, 7, np.nan, 9, 10])
    assert np.isnan(gaze.column("pupil_right")).all()
    assert (gaze.column("eye_left_z")[0], gaze.column("eye_right_y")[0]) == (-40, 11)


def test_zip_and_folder_give_the_same(folder, tmp_path_factory):
    add_neighbours(folder)
    archive = shutil.make_archive(str(tmp_path_factory.mktemp("zip") / "a"), "zip", folder)
    np.testing.assert_array_equal(read_gaze(archive).eye_movements, read_gaze(folder).eye_movements)


@pytest.mark.parametrize(
    ("name", "content", "x", "width"),
    [
        ("info.json", {"glasses_serial_number": "a"}, 400, 1088),
        ("scene_camera.json", {"camera_matrix": [[770, 0, 550], [0, 770, 530], [0, 0, 1]]}, 800, 1088),
        ("scene_camera.json", {"camera_matrix": [[890, 0, 810], [0, 890, 590], [0, 0, 1]]}, 540, 1600),
        ("scene_camera.json", {"camera_matrix": "?"}, 540, 1088),
        ("info.json", [[]], 850, 1600),
        ("info.json", None, 540, 1088),
    ],
)
def test_whose_camera_it_was(tmp_path, name, content, x, width):
    table(tmp_path / "gaze.csv", GAZE, gaze_rows(x=x, y=560))
    if content is not None:
        (tmp_path / name).write_text(json.dumps(content))
    assert read_gaze(tmp_path / "gaze.csv").column("gaze_x")[0] == pytest.approx(x / width)


def test_json_that_is_none_is_passed_over(folder):
    for text in ("{", "[" * 100_000, ""):
        (folder / "info.json").write_text(text)
        assert read_gaze(folder / "gaze.csv").participant == "r1"


def test_fixations_alone(folder):
    add_neighbours(folder)
    gaze = read_gaze(folder / "fixations.csv", participant="007")
    np.testing.assert_allclose(gaze.fixations, [[0.25, 0.75, 0, 10], [0.5, 0.25, 35, 5]], atol=1e-3)
    assert gaze.eye_movements is None
    assert len(read_gaze_recordings(folder / "fixations.csv")) == 2


def test_several_recordings_with_the_wearers_of_sections(tmp_path):
    rows = [*gaze_rows(4, recording="b"), *gaze_rows(3, recording="a")]
    table(tmp_path / "gaze.csv", GAZE, rows)
    table(tmp_path / "sections.csv", ("section id", "recording id", "wearer name"), [("s1", "a", "00"), ("s2", "b", "0")])
    found = [(gaze.participant, len(gaze.times_ms)) for gaze in read_gaze_recordings(tmp_path / "gaze.csv")]
    assert found == [("0", 4), ("00", 3)]


def test_degrees_alone(folder):
    rows = [(row[1], row[2], row[8], row[9]) for row in gaze_rows()]
    table(folder / "gaze.csv", ("recording id", "timestamp [ns]", "azimuth [deg]", "elevation [deg]"), rows)
    gaze = read_gaze(folder / "gaze.csv")
    np.testing.assert_allclose(gaze.column("gaze_x"), 0.5 + np.arange(8) / 103, rtol=1e-6)
    np.testing.assert_allclose(gaze.column("gaze_y"), 0.5 + np.arange(8) / 77, rtol=1e-6)
    assert any("degrees" in note for note in gaze.notes)


def test_shuffled_columns_and_rows_truth_values_and_repeats(folder):
    expected = read_gaze(folder / "gaze.csv").eye_movements
    rows = [[str(cell).replace("1.0", "True").replace("0.0", "False") for cell in row] for row in gaze_rows()]
    order = np.random.default_rng(0).permutation(len(GAZE))
    shuffled = [[row[i] for i in order] for row in (*rows[::-1], rows[3])]
    table(folder / "gaze.csv", [GAZE[i] for i in order], shuffled)
    gaze = read_gaze(folder / "gaze.csv")
    np.testing.assert_array_equal(gaze.eye_movements, expected)
    assert any("sorted" in note for note in gaze.notes)


def test_no_other_reader_takes_these_files(folder):
    add_neighbours(folder)
    for file in folder.glob("*.csv"):
        head = read_head(file)
        takers = [reader.NAME for reader in READERS if reader.find_header(head) is not None]
        assert takers == ["neon"], file.name


@pytest.mark.parametrize(
    ("names", "rows", "part"),
    [
        (GAZE, [], "no samples"),
        (GAZE, [("s", "r", "", 1, 1, 1, "", "", 0, 0)], "no samples"),
        (GAZE, [("s", "r", ZERO, "left", 1, 1, "", "", 0, 0)], "'left' in column gazex[px]"),
        (GAZE, [("s", "r", ZERO)], "a row of 3 cells"),
        (("timestamp [ns]", "gaze x [px]"), [(ZERO, 1)], "neither x and y in pixels"),
        (SPAN, [("s", "r", 1, ZERO, ZERO + 1, 0)], "neither x and y in pixels"),
        (SPAN[:4], [("s", "r", 1, ZERO)], "endtimestamp"),
        (FIXATION, [], "no fixation"),
        (FIXATION, [("s", "r", 1, ZERO, ZERO - STEP, 5, 1, 1, 0, 0)], "no fixation"),
    ],
)
def test_broken_tables(tmp_path, names, rows, part):
    table(tmp_path / "gaze.csv", names, rows)
    with pytest.raises(EmertInputError) as caught:
        read_gaze(tmp_path / "gaze.csv")
    assert part in str(caught.value)
    assert "gaze.csv" in str(caught.value)


def test_huge_and_negative_numbers_are_survived(folder):
    rows = [list(row) for row in gaze_rows()]
    rows[0][2], rows[1][3], rows[4][3] = -5, "1e308", "NaN"
    table(folder / "gaze.csv", GAZE, rows)
    gaze = read_gaze(folder / "gaze.csv")
    np.testing.assert_allclose(gaze.times_ms, np.arange(7) * 5, atol=1e-3)
    assert np.isnan(gaze.column("gaze_x")[[0, 3]]).all()


def test_a_broken_neighbour_is_named(folder):
    (folder / "saccades.csv").write_text("a,b\n1,2\n")
    with pytest.raises(EmertInputError, match=r"saccades.csv has no column starttimestamp"):
        read_gaze(folder / "gaze.csv")


@pytest.mark.parametrize("name", ["blinks.csv", "saccades.csv", "3d_eye_states.csv"])
def test_tables_without_gaze_say_which_file_to_give(folder, name):
    add_neighbours(folder)
    gaze = read_gaze(folder / name)
    assert gaze.eye_movements is None
    assert "give gaze.csv" in gaze.notes[0]


ENRICHED = (
    "section id",
    "recording id",
    "timestamp [ns]",
    "gaze detected on surface",
    *(f"gaze position {{}} {a} {{}}" for a in "xy"),
)


def enriched(path, where, unit, points):
    names = [name.format(where, unit) for name in (*ENRICHED, "fixation id", "blink id")]
    table(path, names, [("s", "r", ZERO + i * STEP, "true", *point, 1, "") for i, point in enumerate(points)])
    return path


def test_gaze_on_a_surface_is_gaze_on_the_stimulus(tmp_path):
    gaze = read_gaze(enriched(tmp_path / "gaze.csv", "on surface", "[normalized]", [(0.4, 0.6), ("", ""), (1.2, -0.1)]))
    np.testing.assert_array_equal(gaze.column("gaze_stimulus_x"), np.float32([0.4, np.nan, 1.2]))
    np.testing.assert_array_equal(gaze.column("gaze_stimulus_y"), np.float32([0.6, np.nan, -0.1]))
    assert np.isnan(gaze.column("gaze_x")).all()
    assert "in its coordinates alone" in gaze.notes[0]


def test_gaze_in_a_reference_image_needs_the_image_for_its_size(tmp_path):
    path = enriched(tmp_path / "gaze.csv", "in reference image", "[px]", [(400, 150), (200, 75)])
    with pytest.raises(EmertInputError, match=r"put reference_image.jpeg .* beside it"):
        read_gaze(path)
    Image.new("RGB", (800, 300)).save(tmp_path / "reference_image.jpeg")
    np.testing.assert_array_equal(read_gaze(path).column("gaze_stimulus_x"), [0.5, 0.25])
    np.testing.assert_array_equal(read_gaze(path).column("gaze_stimulus_y"), [0.5, 0.25])


def test_times_that_excel_has_rounded_are_refused(tmp_path):
    rows = [("s", "r", "1.70E+18", 800 + i, 600, 1, 1, "", 0, 0) for i in range(40)]
    table(tmp_path / "gaze.csv", GAZE, rows)
    with pytest.raises(EmertInputError, match=r"the same time in all 40 samples.*don't save it in Excel"):
        read_gaze(tmp_path / "gaze.csv")
