"""Source `emer` on generated recordings in the layout of its example, and the sentences for a mapping that is wrong."""

import numpy as np
import pytest
import yaml
from emer_tree import HEADER, eye_array, label_rows, write_emer_tree, write_table
from PIL import Image

from dataset_scripts.build.build import build
from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.sources import open_source
from dataset_scripts.sources.emer_mapping import EXAMPLE
from modeling_emert.columns_emert import COLUMN_INDEX
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import EMER_TASKS
from training.cli import main


@pytest.fixture
def tree(tmp_path):
    return write_emer_tree(tmp_path / "emer")


def change(tree, **parts):
    """Replaces keys of the mapping: `eye_movements__columns=...`; None takes the key away."""
    content = yaml.safe_load((tree / "emer.yaml").read_text())
    for path, value in parts.items():
        *above, last = path.split("__")
        place = content
        for key in above:
            place = place[key]
        place[last] = value
        if value is None:
            del place[last]
    (tree / "emer.yaml").write_text(yaml.safe_dump(content))


def refusal(tree) -> str:
    with pytest.raises(EmertInputError) as caught:
        open_source("emer", tree).entries()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def first(tree):
    source = open_source("emer", tree)
    return source, source.entries()[0]


def test_the_printed_example_fits_the_tree_and_builds(tree, tmp_path, capsys):
    assert main(["data", "mapping"]) == 0
    assert capsys.readouterr().out == EXAMPLE.read_text()
    out = tmp_path / "dataset"
    assert main(["data", "build", "--source", "emer", "--path", str(tree), "--out", str(out), "--num-workers", "1"]) == 0
    data = EmertData.open(out)
    assert len(data) == 9
    assert data.metadata.tasks == EMER_TASKS
    assert not data.metadata.redistributable
    row = data.table.slice(0, 1).to_pylist()[0]
    labels = {
        column: row[column] for column in ("er3", "er7", "er_valence", "er_arousal", "fer7", "fer_arousal", "fer_intensity")
    }
    assert labels == {"er3": 0, "er7": 0, "er_valence": 0.25, "er_arousal": -1, "fer7": 1, "fer_arousal": 1, "fer_intensity": 2}
    gaze = data.recording(0).gaze
    expected = eye_array()
    expected[3, 12] = np.nan
    np.testing.assert_array_equal(gaze.eye_movements, expected)
    np.testing.assert_allclose(gaze.times_ms, np.arange(12) * 1000 / 60, rtol=1e-6)
    np.testing.assert_allclose(gaze.fixations, [[0.5, 0.25, 0, 200], [1, 1, 250, 100]])


def test_all_problems_of_the_mapping_come_in_one_sentence(tree):
    change(
        tree,
        surprise_polarity="neutral",
        gaze="eyes",
        eye_movements__samples_per_second="fast",
        eye_movements__rate=60,
        eye_movements__time={"column": 0},
        fixations__columns__start=None,
        labels__er8={"column": "ER8"},
        labels__fer3__names={0: "bad", 1: "neutral"},
        face__files=7,
    )
    message = refusal(tree)
    for part in (
        "surprise_polarity is 'neutral', expected 'positive' or 'negative', or null",
        "unknown key gaze ('eyes'), known keys: recordings",
        "eye_movements.samples_per_second is 'fast', expected a number above 0",
        "unknown key eye_movements.rate (60), known keys: files, columns, time",
        "fixations.columns.start is missing, expected a column's name",
        "unknown key labels.er8 (",
        "face.files is 7, expected text",
        "labels.fer3: names.0 is 'bad', expected one of positive",
        "emer.yaml has 8 ",
    ):
        assert part in message


def test_all_problems_of_the_table_come_in_one_sentence(tree):
    change(tree, labels__er_valence__column="Valence")
    rows = label_rows()
    rows[0][4], rows[1][6] = 9, 0  # ER7 without a name, ER_A below its range
    write_table(tree / "labels.csv", HEADER, rows)
    (tree / "fixations" / "002_05.csv").unlink()
    message = refusal(tree)
    for part in (
        "no column 'Valence' (labels.er_valence.column)",
        "labels.er7.names lacks classes that column ER7 of the table has: '9'",
        "column ER_A of the table has what is no number in [1, 9]: '0' (001_06)",
        "files of fixations: each does not exist: fixations/002_05.csv",
        "emer.yaml has 4 ",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"recordings": None}, "recordings is missing"),
        ({"labels": None}, "labels is missing"),
        ({"labels": {}}, "labels is {}, expected at least one"),
        ({"face": None, "eye_movements": None, "fixations": None}, "face, eye_movements and fixations are all missing"),
        ({"recordings__table": "../labels.csv"}, "lies outside the folder"),
        ({"recordings__table": "none.csv"}, "'none.csv' does not exist"),
        ({"recordings__table": " "}, "recordings.table is ' ', expected text"),
        ({"recordings__id": "name"}, "no column 'name' (recordings.id)"),
        ({"recordings__delimiter": "_"}, "recordings: expected both participant and stimulus, or delimiter"),
        ({"recordings__stimulus": None}, "recordings: expected both participant and stimulus, or delimiter"),
        ({"face__files": "faces/{name}.mp4"}, "no column 'name' (face.files {name})"),
        ({"face__files": "/etc/passwd"}, "each lies outside the folder"),
        ({"face__files": "faces"}, "face.frames_per_second is missing"),
        ({"face__cropped": "yes"}, "face.cropped is 'yes', expected true or false"),
        ({"eye_movements__samples_per_second": None}, "eye_movements: expected either time or samples_per_second"),
        ({"eye_movements__samples_per_second": 0}, "eye_movements.samples_per_second is 0, expected a number above 0"),
        ({"eye_movements__samples_per_second": True}, "eye_movements.samples_per_second is True, expected a number above 0"),
        ({"eye_movements__time": 3}, "eye_movements: expected either time or samples_per_second"),
        ({"eye_movements__missing": ["none"]}, "eye_movements.missing[0] is 'none', expected a number"),
        ({"eye_movements__columns": {"pupil": 3}}, "unknown key eye_movements.columns.pupil ("),
        ({"eye_movements__columns": "in_order"}, "columns is 'in_order', expected in_our_order, or `key: value` lines"),
        ({"eye_movements__columns": {"gaze_x": -3}}, "gaze_x.column is -3, expected a column's name"),
        ({"eye_movements__columns": {"gaze_x": True}}, "gaze_x.column is True, expected a column's name"),
        ({"eye_movements__columns__gaze_x": {"column": 1, "divide_by": 0}}, "divide_by is 0, expected a number above 0"),
        ({"eye_movements__columns__gaze_x": {"column": 1, "times": 2}}, "unknown key eye_movements.columns.gaze_x.times"),
        ({"labels__er_arousal__range": [9, 1]}, "labels.er_arousal.range is [9, 1], expected [lowest, highest]"),
        ({"labels__er_arousal__range": [1, 2, 3]}, "labels.er_arousal.range is [1, 2, 3], expected [lowest, highest]"),
        ({"labels__er_arousal__names": {1: "low"}}, "labels.er_arousal: names is for labels of classes"),
        ({"labels__er3__range": [0, 1]}, "labels.er3: range is for labels of numbers"),
        ({"labels__fer3__names": {0: "bad"}}, "labels.fer3: names.0 is 'bad', expected one of positive"),
        ({"labels__er3": {"column": 3}}, "labels.er3.column is 3, expected text"),
    ],
)
def test_each_problem_is_named(tree, parts, message):
    if any(name.startswith("eye_movements__columns__") for name in parts):
        change(tree, eye_movements__columns={})
    change(tree, **parts)
    assert message in refusal(tree)


@pytest.mark.parametrize("text", ["", "[1]", "a: &x [1]\nb: *x", "a: 1\na: 2", "{" * 5000, "a: [", "\0"])
def test_what_is_no_mapping_is_refused(tree, text):
    (tree / "emer.yaml").write_text(text)
    assert "emer.yaml" in refusal(tree)


def test_without_a_mapping_the_example_is_offered(tmp_path):
    with pytest.raises(EmertInputError, match="emert data mapping"):
        open_source("emer", tmp_path)


def test_named_columns_of_a_text_table_with_its_own_times(tree):
    columns = {"gaze_x": {"column": "Gaze X", "divide_by": 100}, "pupil_left": "PL"}
    change(tree, eye_movements__columns=columns, eye_movements__time="Time", eye_movements__samples_per_second=None)
    change(tree, eye_movements__files="eye_movements/{subject}.csv")
    for person in ("001", "002", "003"):
        write_table(tree / f"eye_movements/{person}.csv", ["Time", "Gaze X", "PL"], [[5, 50, -1], [15, 75, 3]], "\t")
    source, entry = first(tree)
    gaze = source.load_gaze(entry)
    np.testing.assert_allclose(gaze.times_ms, [0, 10])
    np.testing.assert_allclose(gaze.column("gaze_x"), [0.5, 0.75])
    np.testing.assert_allclose(gaze.column("pupil_left"), [np.nan, 3])


def test_numbers_that_no_eye_can_have_are_missing_and_pixels_are_refused(tree):
    file, (source, entry) = tree / "eye_movements/001_05.npy", first(tree)
    samples = np.load(file)
    samples[5, COLUMN_INDEX["gaze_y"]] = 1e8
    np.save(file, samples)
    gaze = source.believed_gaze(entry)
    assert np.flatnonzero(np.isnan(gaze.column("gaze_y"))).tolist() == [5]
    assert "that no eye can have count as missing" in gaze.notes[-1]
    samples[:, COLUMN_INDEX["gaze_y"]] = np.linspace(200, 900, len(samples))
    np.save(file, samples)
    with pytest.raises(EmertInputError, match=r"recording 001_05, has values around 550 in column gaze_y"):
        source.believed_gaze(entry)


@pytest.mark.parametrize("array", [np.zeros((3, 38)), np.zeros(39), np.full((2, 39), None, object), np.full((2, 39), "a")])
def test_an_array_that_does_not_fit_is_refused(tree, array):
    for file in (tree / "eye_movements").iterdir():
        np.save(file, array, allow_pickle=True)
    source, entry = first(tree)
    with pytest.raises(EmertInputError, match=r"001_05.npy is"):
        source.load_gaze(entry)


@pytest.mark.parametrize(
    "header", [b"{'descr': '<f4', 'shape': (2,", b"", b"{'descr': '|O', 'fortran_order': False, 'shape': (1, 39), }"]
)
def test_an_array_with_a_broken_header_is_refused(tree, header):
    file = tree / "eye_movements/001_05.npy"
    file.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    source, entry = first(tree)
    with pytest.raises(EmertInputError, match=r"001_05.npy is no array of numbers"):
        source.load_gaze(entry)


def test_ids_made_of_participant_and_stimulus(tree):
    change(tree, recordings={"table": "labels.csv", "id": "sample", "delimiter": "_"})
    write_table(tree / "labels.csv", HEADER, label_rows(), delimiter=";")
    _, entry = first(tree)
    assert (entry.recording_id, entry.participant, entry.stimulus) == ("001_05", "001", "05")


def test_faces_as_folders_of_crops(tree):
    change(tree, face={"files": "faces/{sample}", "frames_per_second": 10, "cropped": True})
    for file in list((tree / "faces").glob("*_*.mp4")):
        file.with_suffix("").mkdir()
        for number in (1, 2, 10):
            Image.new("RGB", (50, 50), (number * 20, 0, 0)).save(file.with_suffix("") / f"frame{number}.png")
    source, entry = first(tree)
    face = source.load_face(entry, 3)
    assert face.frames.shape == (3, 112, 112, 3)
    assert face.frames[:, 0, 0, 0].tolist() == [20, 40, 200]
    assert face.times_ms.tolist() == [0, 100, 200]
    (entry.video / "frame2.png").write_bytes(b"no picture")
    with pytest.raises(EmertInputError, match=r"frame2.png is no picture"):
        source.load_face(entry, 3)


def test_another_mapping_may_be_given_and_makes_another_data_set(tree, tmp_path):
    mapping = tmp_path / "mine.yaml"
    mapping.write_text((tree / "emer.yaml").read_text().replace("missing: [-1]", "missing: []"))
    (tree / "emer.yaml").unlink()
    data = EmertData.open(build(open_source("emer", tree, mapping), tmp_path / "out", num_workers=1))
    assert data.recording(0).gaze.column("gaze_x")[3] == -1
