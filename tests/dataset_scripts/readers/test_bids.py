"""BIDS eye tracking: what we write is read without loss, and what others write with its units."""

import gzip
import json
import subprocess
import sys

import numpy as np
import pytest
from gaze_exports import small_exports
from places import REAL

from dataset_scripts.bids_export import export_bids
from dataset_scripts.readers import read_gaze, read_gaze_recordings
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

EXPORTS = small_exports()


def check_round_trip(recordings: list[Gaze], out) -> None:
    """Every recording that holds anything comes back as it was."""
    for number, gaze in enumerate(recordings):
        empty = (gaze.times_ms is None or not len(gaze.times_ms)) and (gaze.fixations is None or not len(gaze.fixations))
        if empty:
            continue
        folder = out / str(number)
        (back,) = {path: read_gaze(path) for path in export_bids([gaze], folder)[:1]}.values()
        for name in ("times_ms", "eye_movements", "fixations"):
            one, other = getattr(gaze, name), getattr(back, name)
            assert (one is None) == (other is None), name
            np.testing.assert_array_equal(one, other, err_msg=name)
        for name in ("participant", "stimulus", "fixation_method", "pupil_unit", "fixations_on_screen"):
            assert getattr(gaze, name) == getattr(back, name), name


@pytest.mark.parametrize("name", EXPORTS)
def test_what_is_written_is_read_without_loss(tmp_path, name):
    (tmp_path / "in").mkdir()
    for file, data in EXPORTS[name].items():
        (tmp_path / "in" / file).write_bytes(data)
    check_round_trip(read_gaze_recordings(tmp_path / "in" / next(iter(EXPORTS[name]))), tmp_path / "out")


@pytest.mark.real
@pytest.mark.parametrize("file", ["emdat/4Ctest.csv", "emdat/P63-All-Data.tsv", "eyelink/*.asc", "pupil_core/gaze*.csv"])
def test_real_exports_without_loss(tmp_path, file):
    found = sorted((REAL / "exports").glob(file))
    if not found:
        pytest.skip(f"no {file} at {REAL}; set EMERT_REAL_DATA")
    check_round_trip(read_gaze_recordings(found[0]), tmp_path)


def foreign(folder, rows, sidecar, events=None, eye="eye1"):
    stem = folder / f"sub-07_task-free_recording-{eye}_physio"
    text = "".join("\t".join(map(str, row)) + "\n" for row in rows)
    stem.with_name(stem.name + ".tsv.gz").write_bytes(gzip.compress(text.encode()))
    about = {"PhysioType": "eyetrack", "Columns": ["timestamp", "x_coordinate", "y_coordinate", "pupil_size"]} | sidecar
    stem.with_name(stem.name + ".json").write_text(json.dumps(about))
    if events is not None:
        (folder / "sub-07_task-free_events.json").write_text(json.dumps({"StimulusPresentation": events}))
    return stem.with_name(stem.name + ".tsv.gz")


PIXELS = {"x_coordinate": {"Units": "pixel"}, "y_coordinate": {"Units": "pixel"}}
ROWS = [(5 + 4 * i, 960 + i, 270, 900 + i) for i in range(30)]


def test_pixels_of_both_eyes_and_a_pupil_in_its_own_unit(tmp_path):
    screen = {"ScreenResolution": [1920, 1080]}
    about = PIXELS | {"timestamp": {"Units": "ms"}, "pupil_size": {"Units": "arbitrary"}, "SamplingFrequency": 250}
    path = foreign(tmp_path, ROWS, about | {"RecordedEye": "left"}, screen)
    foreign(tmp_path, [(t, "n/a", "n/a", p) for t, _, _, p in ROWS], about | {"RecordedEye": "right"}, eye="eye2")
    for given in (path, tmp_path):
        gaze = read_gaze(given)
        np.testing.assert_array_equal(gaze.times_ms, 4 * np.arange(30))
        np.testing.assert_allclose(gaze.column("gaze_left_x"), (960 + np.arange(30)) / 1920, rtol=1e-6)
        np.testing.assert_allclose(gaze.column("gaze_y"), 0.25, rtol=1e-6)
        assert np.isnan(gaze.column("gaze_right_x")).all()
        assert gaze.column("pupil_right")[3] == 903
        assert (gaze.participant, gaze.stimulus, gaze.pupil_unit) == ("07", "free", "tracker's own units")


@pytest.mark.parametrize(
    ("about", "screen", "message"),
    [
        (PIXELS, None, "no ScreenResolution of 2 numbers"),
        ({"SampleCoordinateUnits": "deg"}, {"ScreenSize": [0.5, 0.3]}, "no ScreenDistance in m"),
        ({"SampleCoordinateUnits": "furlong"}, None, "in 'furlong', where pixel"),
        (PIXELS | {"timestamp": {"Units": "fortnight"}}, None, "times in 'fortnight'"),
    ],
)
def test_what_the_json_file_lacks_is_named(tmp_path, about, screen, message):
    with pytest.raises(EmertInputError, match=message):
        read_gaze(foreign(tmp_path, ROWS, about, screen))


def test_an_export_that_fails_leaves_nothing(tmp_path):
    def broken():
        yield from read_gaze_recordings(tmp_path / "own.csv")
        raise EmertInputError("the second recording can't be read")

    (tmp_path / "own.csv").write_bytes(EXPORTS["emert_csv"]["own.csv"])
    with pytest.raises(EmertInputError, match="second recording"):
        export_bids(broken(), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["own.csv"]


def test_a_clock_that_was_set_back_is_refused_and_told_where(tmp_path):
    about = PIXELS | {"timestamp": {"Units": "ms"}, "SamplingFrequency": 250}
    rows = [(20_000 + t, *others) for t, *others in ROWS] + ROWS
    message = "set back from 20121 to 5 ms at sample 31, where one recording is expected"
    with pytest.raises(EmertInputError, match=message):
        read_gaze(foreign(tmp_path, rows, about, {"ScreenResolution": [1920, 1080]}))


def test_the_command_writes_a_folder_that_is_read_again(tmp_path):
    (tmp_path / "own.csv").write_bytes(EXPORTS["emert_csv"]["own.csv"])
    export = ["data", "export", str(tmp_path / "own.csv"), "--bids", str(tmp_path / "out")]
    command = [sys.executable, "-m", "training.cli", *export]
    assert "2 tables of file written" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert json.loads((tmp_path / "out/dataset_description.json").read_text())["BIDSVersion"] == "1.10.0"
    back, given = read_gaze(tmp_path / "out/sub-unnamed/beh"), read_gaze(tmp_path / "own.csv")
    np.testing.assert_array_equal(back.eye_movements, given.eye_movements)
    with pytest.raises(EmertInputError, match="is not empty"):
        export_bids([given], tmp_path / "out")
