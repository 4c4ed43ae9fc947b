"""EMER in its authors' layout, on a generated tree: build, verify, the sets as folds, and the sentences for what is wrong."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from datasets import load_dataset
from PIL import Image

from dataset_scripts.checks.verify import verify
from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.dataset.splits import AUTHORS_SETS
from dataset_scripts.generator.emer_layout import write_workbook
from dataset_scripts.readers import read_gaze
from dataset_scripts.readers.text.workbook import read_rows
from dataset_scripts.readers.tobii.number_sheet import NO_TIMES_NOTE, as_gaze
from dataset_scripts.sources import open_source
from dataset_scripts.sources.emer_authors import LABEL_ORDERS
from dataset_scripts.sources.emer_faces import resize_as_opencv
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.processing_emert import EmertProcessor
from modeling_emert.tasks_emert import EMOTIONS
from training.cli import main
from training.evaluation.protocols import unseen_rows

ORDER = LABEL_ORDERS["2024"]
LONG = "1_film_s000 Happiness"  # 150 frames, 1,466 rows
SHORT = "2_film_s001 Sadness"  # 12 frames, 300 rows


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six people in five sets, two clips each."""
    out = tmp_path_factory.mktemp("emer") / "tree"
    arguments = ["--participants", "6", "--stimuli", "2", "--seed", "3", "--layout", "emer", "--out", str(out)]
    assert main(["data", "generate", *arguments]) == 0
    return out


@pytest.fixture
def shared_tree(tree: Path, tmp_path: Path) -> Path:
    """One of person 1's recordings is in set 2, so the sets share a person."""
    copy = tmp_path / "shared"
    shutil.copytree(tree, copy)
    (copy / "face" / "set1" / LONG).rename(copy / "face" / "set2" / LONG)
    return copy


@pytest.fixture(scope="module")
def folder(tree: Path) -> Path:
    """Built without being told who is who."""
    return build(tree, tree.parent / "data").folder


@pytest.fixture
def data(folder: Path) -> EmertData:
    return EmertData.open(folder)


def build(tree: Path, out: Path, *more: str) -> EmertData:
    arguments = ["--source", "emer", "--path", str(tree), "--label-order", ",".join(ORDER), "--num-workers", "1", *more]
    assert main(["data", "build", *arguments, "--out", str(out)]) == 0
    return EmertData.open(out)


def row_of(data: EmertData, name: str) -> int:
    return int(np.flatnonzero(data.ids["recording_id"] == name.replace(" ", "-"))[0])


def test_the_whole_tree_is_built_and_valid(tree: Path, data: EmertData):
    assert len(data) == 12
    assert data.metadata.tasks == ("er7", "er_va", "fer_intensity", "felt_valence", "felt_arousal")
    assert {one.check: one.sentence for one in verify(data.folder) if one.status == "fail"} == {}
    row = data.table.slice(row_of(data, LONG), 1).to_pylist()[0]
    sheet = list(read_rows(tree / "new_label.xlsx"))
    label = dict(zip(sheet[0], next(line for line in sheet if line[0] == LONG), strict=True))
    assert EMOTIONS[row["er7"]] == ORDER[int(label["Emotion"])]
    assert row["er_valence"] == row["felt_valence"] == np.float32(label["Valence"])
    assert (row["fer_intensity"], row["participant_fold"]) == (np.float32(label["Intensity"]), 1)
    assert row["participant_id"] == LONG  # nobody said who it is
    assert len(data.metadata.sheet_columns) == 39
    card = (data.folder / "README.md").read_text()
    assert "codes are 0 happiness, 1 sadness" in card
    assert "what was felt (tasks er7" in card
    assert "authors' five sets" in card
    assert not data.metadata.redistributable


def test_the_authors_sets_are_protocols_of_their_own(tree: Path, data: EmertData):
    in_set = {folder.name.replace(" ", "-") for folder in (tree / "face" / "set2").iterdir()}
    loaded = load_dataset(str(data.folder), "er7-authors-fold2", streaming=True)
    ids = {split: {row["recording_id"] for row in rows.select_columns(["recording_id"])} for split, rows in loaded.items()}
    assert ids["test"] == in_set
    assert len(ids["train"] | ids["validation"]) == 10
    assert not ids["train"] & ids["validation"]
    assert sorted(ids["validation"]) == sorted(data.ids["recording_id"][data.select(2)["validation"]])
    apart = next(one for one in verify(data.folder) if one.check == "participants apart")
    assert apart.status == "warn"
    assert "is not known" in apart.sentence


@pytest.mark.slow
def test_sets_that_share_people_are_told_and_validation_takes_nobody_of_training(shared_tree: Path, tmp_path: Path):
    data = build(shared_tree, tmp_path / "data", "--participants", "participants.csv")
    apart = next(one for one in verify(data.folder) if one.check == "participants apart")
    assert apart.status == "warn"
    assert "p000" in "".join([apart.sentence, *apart.examples])
    for fold in range(1, 6):
        people = {split: set(data.ids["participant_id"][rows]) for split, rows in data.select(fold).items()}
        assert not people["train"] & people["validation"]
        assert data.people_in_test_and_training(fold) == len(people["test"] & (people["train"] | people["validation"]))
    assert [data.people_in_test_and_training(fold) for fold in (1, 2, 3)] == [1, 1, 0]
    ours = build(shared_tree, tmp_path / "ours", "--participants", "prefix", "--folds", "participants")
    assert ours.assignment.sets is None
    assert set(ours.ids["participant_id"]) == {str(number) for number in range(1, 7)}
    ours.select(1)
    theirs = {"data": "emer", "fold": 1, "strict": False, "splits_sha256": AUTHORS_SETS, "seen_participants": []}
    assert set(data.ids["recording_id"][unseen_rows(data, theirs)]) == {
        "1_film_s001-Sadness",
        "6_film_s000-Happiness",
        "6_film_s001-Sadness",
    }
    with pytest.raises(EmertInputError, match="has no authors' sets"):
        unseen_rows(ours, theirs)


def test_inputs_are_those_of_the_authors_reader(tree: Path, data: EmertData):
    """By numpy and Pillow alone, from the files; the middle of each chunk draws nothing."""
    processor = EmertProcessor().feed_as_authors()
    for name, folder in ((LONG, "set1"), (SHORT, "set2")):
        files = sorted((tree / "face" / folder / name).iterdir(), key=lambda file: int(file.stem))
        rows = list(read_rows(tree / "eye" / f"{name}.xlsx"))
        table = np.array(rows[1:], np.float64)
        place = [next(i for i, column in enumerate(rows[0]) if column.startswith(f"Gaze point {axis}")) for axis in "XY"]
        frames = [np.asarray(Image.open(file).convert("RGB")) for file in files]
        if frames[0].shape == (112, 112, 3):
            chosen = [frames[chunk[(len(chunk) - 1) // 2]] for chunk in np.array_split(np.arange(len(frames)), 8)]
            expected = np.stack([frame[:, :, ::-1].transpose(2, 0, 1) / 255 for frame in chosen]).astype(np.float32)
        else:
            expected = None
        middles = [chunk[(len(chunk) - 1) // 2] for chunk in np.array_split(np.arange(len(table)), 32)]
        inputs = processor(data.recording(row_of(data, name), processor.video_processor.pick))
        if expected is not None:
            np.testing.assert_array_equal(inputs["pixel_values"][0].numpy(), expected)
        np.testing.assert_array_equal(inputs["eye_movements"][0].numpy(), table[middles].astype(np.float32))
        np.testing.assert_array_equal(inputs["fixations"][0].numpy(), table[middles][:, place].astype(np.float32))
        assert bool(inputs["face_mask"].all())
        assert bool(inputs["fixations_mask"].all())


@pytest.mark.parametrize(
    ("size", "digest"),
    [
        ((96, 96), "628579d2ce54078a"),
        ((224, 224), "55382d0124f00671"),
        ((180, 131), "76dd6515102f9059"),
        ((60, 75), "a3a37e2e0b04dabc"),
    ],
)
def test_faces_are_scaled_as_opencv_does(size: tuple[int, int], digest: str):
    """The digests are of what cv2.resize of OpenCV 5.0 gave."""
    pixels = np.random.RandomState(size[0]).randint(0, 256, (*size, 3)).astype(np.uint8)
    assert hashlib.sha256(resize_as_opencv(pixels, 112).tobytes()).hexdigest()[:16] == digest


def test_random_draws_lie_in_their_chunks_and_are_independent(data: EmertData):
    processor = EmertProcessor().feed_as_authors("random", "last_digit")
    recording = data.recording(row_of(data, LONG))
    order = sorted(range(150), key=lambda place: recording.face.names[place].partition(".")[0][-1])
    assert [recording.face.names[place] for place in order[:3]] == ["10.jpg", "20.jpg", "30.jpg"]
    chunks = [{recording.face.frames[place][..., ::-1].tobytes() for place in chunk} for chunk in np.array_split(order, 8)]
    rows = [{line.tobytes() for line in recording.gaze.sheet[chunk]} for chunk in np.array_split(np.arange(1466), 32)]
    drawn = [processor(recording, generator=np.random.default_rng(seed)) for seed in range(3)]
    for inputs in drawn:
        pixels = (inputs["pixel_values"][0].numpy().transpose(0, 2, 3, 1) * 255).round().astype(np.uint8)
        assert all(frame.tobytes() in chunk for frame, chunk in zip(pixels, chunks, strict=True))
        assert all(line.tobytes() in chunk for line, chunk in zip(inputs["eye_movements"][0].numpy(), rows, strict=True))
    assert not np.array_equal(drawn[0]["eye_movements"], drawn[1]["eye_movements"])
    again = processor(recording, generator=np.random.default_rng(0))
    np.testing.assert_array_equal(again["pixel_values"], drawn[0]["pixel_values"])
    point = recording.gaze.sheet_names.index("Gaze point X")
    assert not np.array_equal(drawn[0]["eye_movements"][0][:, point], drawn[0]["fixations"][0][:, 0])


def test_the_sheet_is_read_wherever_gaze_is(tree: Path, data: EmertData):
    gaze, kept = read_gaze(tree / "eye" / f"{SHORT}.xlsx"), data.recording(row_of(data, SHORT)).gaze
    np.testing.assert_array_equal(gaze.sheet, kept.sheet)
    assert gaze.sheet_names == kept.sheet_names
    np.testing.assert_array_equal(gaze.column("pupil_left"), gaze.sheet[:, gaze.sheet_names.index("Pupil diameter left [mm]")])
    np.testing.assert_allclose(gaze.column("gaze_x") * 1920, kept.sheet[:, gaze.sheet_names.index("Gaze point X")], rtol=1e-5)
    assert len(gaze.fixations) > 0


def test_the_order_of_the_rows_counts_where_the_clock_was_set_back():
    """Sorted by such times, the second half would come before the first."""
    names = (*(f"Column {number}" for number in range(36)), "Recording timestamp [ms]", "Gaze point X", "Gaze point Y")
    numbers = np.zeros((60, 39))
    numbers[:, 36] = [*(50_000 + 20 * np.arange(30)), *(20 * np.arange(30))]
    numbers[:, 37] = 10 * np.arange(60)
    gaze = as_gaze(names, numbers)
    np.testing.assert_array_equal(gaze.times_ms, np.arange(60))
    assert (np.diff(gaze.column("gaze_x")) > 0).all()
    assert NO_TIMES_NOTE in gaze.notes


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: [rows[0][:38], *(row[:38] for row in rows[1:])], ["has 38 columns", "it lacks 'Ambient light'"]),
        (lambda rows: [[*rows[0], "More"], *([*row, 1.0] for row in rows[1:])], ["has 40 columns", "'More' is not in eye/"]),
        (
            lambda rows: [rows[0], *rows[1:5], [*rows[5][:7], "lost", *rows[5][8:]]],
            ["holds 'lost' in row 6", "must be a number"],
        ),
        (lambda rows: [rows[0], *rows[1:5], [*rows[5][:7], None, *rows[5][8:]]], ["is blank in row 6"]),
        (lambda rows: [[row[1], row[0], *row[2:]] for row in rows], ["column 1 is", "where eye/", "one order"]),
        (lambda rows: rows[:1], ["has no row below its header"]),
    ],
    ids=["38", "40", "text", "blank", "order", "empty"],
)
def test_a_sheet_that_their_reader_would_die_of_is_named(tree: Path, change, said: list[str], tmp_path: Path):
    source = open_source("emer", tree, label_order=ORDER)
    file = tmp_path / "wrong.xlsx"
    write_workbook(file, change(list(read_rows(tree / "eye" / f"{SHORT}.xlsx"))))
    entry = source.entries()[0]
    with pytest.raises(EmertInputError) as caught:
        source.load_gaze(type(entry)(entry.recording_id, "p", "s", {}, location=(str(file),)))
    assert str(caught.value).startswith(f"{file}: ")
    assert all(words in str(caught.value) for words in said), caught.value


def test_what_nobody_says_is_asked_for(tree: Path, tmp_path: Path, capsys):
    def refused(*more: str) -> str:
        capsys.readouterr()
        assert main(["data", "build", "--source", "emer", "--path", str(tree), *more, "--out", str(tmp_path / "out")]) == 2
        return capsys.readouterr().err

    asked = refused()
    assert all(f"{','.join(order)} ({name})" in asked for name, order in LABEL_ORDERS.items())
    assert "expected each of happiness" in refused("--label-order", "happiness,sadness")
    order = ["--label-order", ",".join(ORDER)]
    assert "folds of participants need to know who is who" in refused(*order, "--folds", "participants")
    mapping = tmp_path / "emer.yaml"
    mapping.write_text(f"layout: authors\nlabel_order: [{', '.join(ORDER)}]\nview: fer\nparticipants: prefix\n")
    assert "must stand there" in refused("--mapping", str(mapping), *order)
    source = open_source("emer", tree, mapping)
    assert source.tasks == ("fer7", "fer_va", "fer_intensity", "shown_valence", "shown_arousal")
    assert source.entries()[0].participant == "1"
    with pytest.raises(EmertInputError, match="source ferplus takes no view"):
        open_source("ferplus", tree, view="er")


def test_files_that_do_not_fit_together_are_all_named(tree: Path, tmp_path: Path):
    copy = tmp_path / "copy"
    shutil.copytree(tree, copy)
    rows = list(read_rows(copy / "new_label.xlsx"))
    (copy / "eye" / f"{SHORT}.xlsx").unlink()
    shutil.copytree(copy / "face" / "set1" / LONG, copy / "face" / "set3" / LONG)
    rows[2][1], rows[3][2], rows[5][0] = 9.0, "high", "nobody"
    write_workbook(copy / "new_label.xlsx", rows)
    with pytest.raises(EmertInputError) as caught:
        open_source("emer", copy, label_order=ORDER).entries()
    said = str(caught.value)
    for words in (
        f"eye/{SHORT}.xlsx does not exist",
        f"face/set3/{LONG} is in set1 too",
        "expected 0..6",
        "'high'",
        "no row for ID",
    ):
        assert words in said
    assert "\n" not in said


def test_a_frame_order_and_a_version_of_the_file_stay_with_the_model(tmp_path: Path):
    EmertProcessor().feed_as_authors("random", "last_digit").save_pretrained(tmp_path)
    stored = json.loads((tmp_path / "processor_config.json").read_text())
    assert stored["video_processor"]["frame_order"] == "last_digit"
    again = EmertProcessor.from_pretrained(tmp_path)
    assert again.draws
    assert (again.video_processor.do_flip_channel_order, again.feature_extractor.columns) == (True, "sheet")
