"""`emert data inspect`: what is found at a path, what is said of it, and what is refused."""

import csv
import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from places import REAL

from dataset_scripts.inspection.find_recordings import _read_picture, find_recordings
from dataset_scripts.inspection.quality import Quality
from dataset_scripts.inspection.summary import Inspection, Line, confusion, inspect, label_counts, number_ranges
from dataset_scripts.inspection.text import WIDTH, as_text, shorten, table
from modeling_emert.errors_emert import EmertInputError
from training.cli import main


@pytest.fixture
def run(capsys):
    def command(*arguments) -> str:
        capsys.readouterr()
        assert main(["data", "inspect", *map(str, arguments)]) == 0
        return capsys.readouterr().out

    return command


def write_gaze(path, seconds=5, rate=50):
    times = np.arange(0, seconds * 1000, 1000 / rate)
    columns = {"time_ms": times, "gaze_x": 0.5 + 0.1 * np.sin(times / 300), "gaze_y": 0.5, "pupil_left": 3.2}
    pd.DataFrame(columns).to_csv(path, index=False)


def line(number, **labels) -> Line:
    return Line(f"r{number}", f"p{number % 2}", "s", "tobii_studio", labels, [], Quality())


def test_one_file_is_told_in_full(tmp_path, run):
    write_gaze(tmp_path / "one.csv")
    text = run(tmp_path / "one.csv")
    facts = dict(re.findall(r"^  (\w[\w ]*?) {2,}(.*)$", text, re.MULTILINE))
    assert facts["verdict"] == "good"
    assert facts["format"] == "emert_csv"
    assert facts["samples"] == "250 at 50.0 Hz"
    assert facts["duration"] == "4.98 s"
    assert facts["gaze missing"].startswith("0.0%")
    assert facts["blinks"] == "0 (0.0 a minute), from gaps in the pupil"
    assert facts["columns"] == "3 of 39: gaze_x, gaze_y, pupil_left"


def test_a_folder_of_files_shows_what_cannot_be_read(tmp_path, run):
    for name in ("a.csv", "b.csv"):
        write_gaze(tmp_path / name)
    (tmp_path / "notes.txt").write_text("hello\n")
    report = json.loads(run(tmp_path, "--json"))
    assert [record["name"] for record in report["recordings"]] == ["a.csv", "b.csv"]
    assert list(report["problems"]) == ["notes.txt"]
    text = run(tmp_path)
    assert "2 recordings, folder of files" in text
    assert "not read: 1\n  notes.txt: " in text


def test_a_data_set_is_summed_up(dataset_folder, run, tmp_path):
    report = json.loads(run(dataset_folder, "--json", "--out", tmp_path / "all.csv"))
    assert report["summary"]["recordings"] == 42
    assert (report["summary"]["participants"], report["summary"]["stimuli"]) == (6, 7)
    rows = list(csv.DictReader((tmp_path / "all.csv").open()))
    assert len(rows) == 42
    for size in (3, 7):
        pairs = pd.crosstab([row[f"er{size}"] for row in rows], [row[f"fer{size}"] for row in rows])
        counts = report["summary"]["confusion"][f"er{size} x fer{size}"]
        assert sum(map(sum, counts)) == 42
        assert sorted(np.ravel(counts)[np.ravel(counts) > 0]) == sorted(pairs.values[pairs.values > 0])
    assert sum(label["recordings"] for label in report["summary"]["labels"]["er7"].values()) == 42
    assert all(float(row["rate_hz"]) == pytest.approx(60, rel=0.02) for row in rows)
    assert {row["format"] for row in rows} == {"tobii_studio"}


def test_text_fits_a_terminal_and_shows_the_worst_20(dataset_folder, run):
    text = run(dataset_folder)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "42 recordings, data set of source synthetic; the 20 worst" in text
    assert len(re.findall(r"^  p\d+-s\d+ ", text, re.MULTILINE)) == 20
    assert "felt (rows, er7) and shown (columns, fer7)" in text


def test_a_folder_of_generated_recordings_needs_no_source(few_recordings, tmp_path, run):
    rows = (few_recordings / "recordings.csv").read_text().splitlines()
    (few_recordings / "recordings.csv").write_text("\n".join(rows[:3]) + "\n")
    report = json.loads(run(few_recordings, "--json", "--plot", tmp_path / "pictures"))
    assert report["kind"] == "recordings of source synthetic"
    assert len(report["recordings"]) == 2
    assert {record["face_found_fraction"] for record in report["recordings"]} == {1.0}
    names = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert names == {f"{record['name']}.png" for record in report["recordings"]}


def test_a_video_alone_has_faces(few_recordings):
    found = list(find_recordings(next((few_recordings / "videos").iterdir())).recordings)
    assert len(found) == 1
    assert found[0].recording.gaze is None
    assert found[0].face.found.all()
    assert len(found[0].recording.face.frames) == len(found[0].face.times_ms)


def test_a_broken_recording_of_a_source_is_named_and_the_others_are_read(few_recordings, run):
    broken = sorted((few_recordings / "gaze").iterdir())[4]
    broken.write_bytes(b"\0" * 100)
    report = json.loads(run(few_recordings, "--json"))
    assert list(report["problems"]) == [broken.stem]
    assert len(report["recordings"]) == 8


@pytest.mark.parametrize(
    "case", ["absent", "empty folder", "no recording", "source of a file", "unknown source", "out in no folder"]
)
def test_refusals_are_one_sentence(case, tmp_path, capsys):
    folder, file = tmp_path / "folder", tmp_path / "one.csv"
    folder.mkdir()
    write_gaze(file)
    arguments = {
        "absent": [tmp_path / "nothing"],
        "empty folder": [folder],
        "no recording": [folder],
        "source of a file": [file, "--source", "synthetic"],
        "unknown source": [folder, "--source", "emotions"],
        "out in no folder": [file, "--out", tmp_path / "no" / "all.csv"],
    }[case]
    if case == "no recording":
        (folder / "notes.txt").write_text("hello\n")
    assert main(["data", "inspect", *map(str, arguments)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines()[-1].startswith("emert: ")
    assert "Traceback" not in printed.err


def test_plot_where_a_file_is_in_the_way_is_refused(tmp_path, capsys):
    write_gaze(tmp_path / "one.csv")
    assert main(["data", "inspect", str(tmp_path / "one.csv"), "--plot", str(tmp_path / "one.csv")]) == 2
    assert "give another --plot" in capsys.readouterr().err


def test_labels_are_counted_by_class_and_participant():
    lines = [line(0, er7="fear", fer7="fear"), line(1, er7="fear", er_valence=-0.5), line(2, er7="anger", fer7="neutral")]
    counts = label_counts(lines)
    assert counts["er7"]["fear"] == (2, 2)
    assert counts["er7"]["anger"] == (1, 1)
    assert "er3" not in counts
    assert number_ranges(lines) == {"er_valence": (1, -0.5, -0.5, -0.5)}
    seven = np.array(confusion(lines, 7))
    assert (seven.sum(), seven[2, 2], seven[5, 6]) == (2, 1, 1)
    assert confusion(lines, 3) is None


def test_tables_align_and_names_cannot_steer_the_terminal():
    text = table(("name", "n"), [("a", 5), ("long one", 12), ("x", None)])
    assert text.splitlines() == ["name       n", "a          5", "long one  12", "x          -"]
    assert shorten("\x1b[31mred\nline") == "?[31mred?line"
    assert shorten("abcdefghij", 7) == "abc…hij"
    named = Line("\x1b[2J", "\x1b[2J", None, None, {}, ["note\x1b[2J"], Quality())
    assert "\x1b" not in as_text(Inspection("file", [named, named], {"\x1b": "bad\x1b"}))
    assert "\x1b" not in as_text(Inspection("file", [named]))


def test_found_recordings_that_were_read_already_are_refused(tmp_path):
    write_gaze(tmp_path / "one.csv")
    found = find_recordings(tmp_path / "one.csv")
    list(found.recordings)
    with pytest.raises(EmertInputError, match="none of the file could be read"):
        inspect(found)


def test_the_picture_of_a_stimulus_is_bounded(tmp_path):
    Image.new("L", (4000, 100), 128).save(tmp_path / "wide.png")
    assert _read_picture(tmp_path / "wide.png").shape == (32, 1280, 3)
    shutil.copy(__file__, tmp_path / "no.png")
    with pytest.raises(EmertInputError, match="no picture that can be shown"):
        _read_picture(tmp_path / "no.png")


@pytest.mark.real
def test_real_recordings_are_judged_as_pandas_counts_them(run):
    real = REAL
    if not real.is_dir():
        pytest.skip(f"no real recordings at {real}; set EMERT_REAL_DATA")
    file = real / "tobii_studio_faces/recordings_60hz/058.csv.gz"
    samples = pd.read_csv(file, dtype={"ParticipantName": str})
    points = [name for name in samples if name.startswith("GazePoint") and "px" in name]
    missing = samples[points].isna().all(axis=1).groupby(samples["ParticipantName"]).mean()
    records = json.loads(run(file, "--json"))["recordings"]
    assert {record["participant"] for record in records} == set(missing.index)
    for record in records:
        assert record["missing_fraction"] == pytest.approx(missing[record["participant"]], abs=0.01)
        assert (record["verdict"] == "poor") == (missing[record["participant"]] > 0.5)
        assert record["rate_hz"] == pytest.approx(60, rel=0.01)


def test_notes_of_several_recordings_are_told_once_with_their_number():
    from dataset_scripts.inspection.quality import Quality
    from dataset_scripts.inspection.summary import Line, note_counts

    notes = (["3 samples without a time were dropped.", "A"], ["12 samples without a time were dropped."], [])
    lines = [Line("a", None, None, "f", {}, own, Quality()) for own in notes]
    assert note_counts(lines) == {"3 samples without a time were dropped.": 2, "A": 1}
