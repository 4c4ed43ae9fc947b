"""The source FER+: on drawn faces in its layout, from archives to the rows that `load_dataset` gives; and on the real ones."""

import shutil
import zipfile

import numpy as np
import pyarrow as pa
import pytest
from damaged_dataset import failed, read, write
from datasets import load_dataset
from ferplus_tree import ferplus_tree, read_part, write_part
from places import REAL

from dataset_scripts.build import build as building
from dataset_scripts.build import cells
from dataset_scripts.build.build import build
from dataset_scripts.checks.verify import verify
from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.sources import open_source, picture_folders
from dataset_scripts.sources.ferplus import JUDGED, LABELS, FerPlusSource
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import EMOTIONS, TASKS

IMAGES = 8
TEST = "data/p1-s1.parquet"


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """Not to be changed."""
    return ferplus_tree(tmp_path_factory.mktemp("ferplus"), IMAGES)


@pytest.fixture
def tree(archives, tmp_path):
    for archive in archives.iterdir():
        (tmp_path / archive.name).write_bytes(archive.read_bytes())
    return tmp_path


@pytest.fixture(scope="module")
def built(archives, tmp_path_factory):
    """The data set of `archives`, a cell made of three parts. Not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells, "PART_RECORDINGS", 3)
        return build(open_source("ferplus", archives), tmp_path_factory.mktemp("built") / "ferplus", num_workers=1)


def relabel(tree, part: str, change) -> None:
    """`change` of the text of a part's label.csv."""
    files = read_part(tree / part)
    write_part(tree / part, files | {LABELS: change(files[LABELS].decode()).encode()})


def refusal(tree) -> str:
    with pytest.raises(EmertInputError) as refused:
        FerPlusSource(tree).entries()
    return str(refused.value)


def test_votes_are_fractions_of_our_classes_and_the_label_is_the_majority(tree):
    lines = [
        'a.png,"(0, 0, 48, 48)",4,3,0,0,0,0,0,0,3,0',  # neutral
        'b.png,"(0, 0, 48, 48)",0,0,0,0,2,1,0,7,0,0',  # contempt: votes without a label
        'c.png,"(0, 0, 48, 48)",0,0,0,5,5,0,0,0,0,0',  # as many: the first in FER+'s order
        'd.png,"(0, 0, 48, 48)",0,0,0,0,0,0,0,0,0,10',  # nobody chose one of ours
    ]
    picture = next(content for name, content in read_part(tree / "FER2013Train").items() if name != LABELS)
    files = {f"{name}.png": picture + bytes([number]) for number, name in enumerate("abcd")}
    write_part(tree / "FER2013Train", files | {LABELS: "\n".join(lines).encode()})
    a, b, c, d = (entry for entry in FerPlusSource(tree).entries() if entry.fold == 3)
    assert (a.labels, c.labels) == ({"fer7": "neutral"}, {"fer7": "sadness"})
    assert b.labels == {}
    assert b.votes["fer7"][EMOTIONS.index("anger")] == pytest.approx(2 / 3)
    assert a.votes["fer7"] == pytest.approx([3 / 7, 0, 0, 0, 0, 0, 4 / 7])
    assert (d.labels, d.votes) == ({}, {})
    assert {entry.participant for entry in (a, b)} == {"a", "b"}


def test_a_folder_gives_the_same_as_an_archive(archives, tmp_path):
    ferplus_tree(tmp_path, IMAGES, zipped=False)
    for ours, theirs in zip(FerPlusSource(tmp_path).entries(), FerPlusSource(archives).entries(), strict=True):
        assert (ours.recording_id, ours.votes, ours.labels) == (theirs.recording_id, theirs.votes, theirs.labels)


def test_an_image_that_is_tested_is_not_trained_on(tree):
    test, train = read_part(tree / "FER2013Test"), read_part(tree / "FER2013Train")
    copied, seen = next(name for name in test if name != LABELS), next(name for name in train if name != LABELS)
    write_part(tree / "FER2013Train", train | {seen: test[copied]})
    source = FerPlusSource(tree)
    names = [entry.recording_id for entry in source.entries()]
    assert (copied.removesuffix(".png") in names, seen.removesuffix(".png") in names) == (True, False)
    assert source.notes[0].startswith("1 images")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (",0,", ",-1,", "'-1' votes, expected a whole number in 0..1000"),
        (",0,", ",many,", "'many' votes"),
        (",0,", ",1e3,", "'1e3' votes"),
        ('"(0, 0, 48, 48)"', '"(0, 0, 0, 48)"', "box '(0, 0, 0, 48)', expected (left, top, right, bottom)"),
        ('"(0, 0, 48, 48)",', "", "11 cells, expected 12"),
        (".png", ".gif", "expected a name such as"),
        ("fer0", "../fer0", "expected a name such as"),
        ("fer0", "fer9", "does not exist in"),
    ],
)
def test_a_wrong_line_is_refused_with_its_file_and_line(tree, old, new, problem):
    def change(text: str) -> str:
        first, second, *rest = text.splitlines(keepends=True)
        return "".join([first, second.replace(old, new, 1), *rest])

    relabel(tree, "FER2013Test", change)
    message = refusal(tree)
    assert f"{tree / 'FER2013Test.zip'}/label.csv line 2" in message
    assert problem in message


def test_what_is_missing_or_twice_is_named(tree):
    relabel(tree, "FER2013Valid", lambda text: text + text.splitlines()[0])
    assert "comes twice" in refusal(tree)
    relabel(tree, "FER2013Valid", lambda text: "")
    assert "empty, expected a line for each image" in refusal(tree)
    (tree / "FER2013Valid.zip").unlink()
    assert "no folder FER2013Valid and no FER2013Valid.zip" in refusal(tree)


def test_hostile_archives_are_refused_before_they_are_unpacked(tree, monkeypatch):
    archive = tree / "FER2013Test.zip"
    content = archive.read_bytes()
    archive.write_bytes(content[: len(content) // 2])
    assert "cut off or damaged" in refusal(tree)
    files = read_part(tree / "FER2013Train")
    write_part(tree / "FER2013Test", files | {LABELS: bytes(30 << 20)})
    assert "unpacks to more" in refusal(tree)
    with zipfile.ZipFile(archive, "w") as outside:  # names that leave the archive are nobody's
        outside.writestr("../label.csv", files[LABELS])
    assert "no such file in the archive" in refusal(tree)
    archive.write_bytes(content)
    monkeypatch.setattr(picture_folders, "MOST_FILES", 3)
    picture_folders._open_archive.cache_clear()
    assert "at most 3 are read" in refusal(tree)


def test_a_damaged_image_stops_the_build_and_is_named(tree, tmp_path):
    files = read_part(tree / "FER2013Test")
    name = next(name for name in files if name != LABELS)
    write_part(tree / "FER2013Test", files | {name: files[name][:200]})
    with pytest.raises(EmertInputError, match=rf"1 recordings can't be read: .*FER2013Test.zip/{name}"):
        build(open_source("ferplus", tree), tmp_path / "out", num_workers=1)


def test_rows_votes_and_the_official_split_come_through(built, archives, cache):
    data = EmertData.open(built)
    assert len(data) == 3 * IMAGES
    assert data.assignment.tested_folds == (1,)
    rows = data.select(1)
    parts = {split: {name[3] for name in data.ids["recording_id"][own]} for split, own in rows.items()}
    assert parts == {"test": {"0"}, "validation": {"1"}, "train": {"2"}}
    with pytest.raises(EmertInputError, match="tests fold 1, which its source gives"):
        data.select(2)
    votes, labels = data.votes("fer7"), data.labels(TASKS["fer7"])
    assert (votes.shape, votes.dtype) == ((3 * IMAGES, 7), np.float32)
    assert votes.sum(1) == pytest.approx(np.ones(len(votes)))
    given = {entry.recording_id: entry for entry in FerPlusSource(archives).entries()}
    for row, name in enumerate(data.ids["recording_id"]):
        assert votes[row] == pytest.approx(given[name].votes["fer7"])
        assert given[name].labels == ({"fer7": EMOTIONS[labels[row]]} if labels[row] >= 0 else {})
    assert data.votes("er7") is None
    loaded = load_dataset(str(built), "fer7-fold1", cache_dir=cache)
    assert {split: len(part) for split, part in loaded.items()} == dict.fromkeys(("train", "validation", "test"), IMAGES)
    assert loaded["test"][0]["fer7_votes"] == pytest.approx(votes[rows["test"][0]].tolist())


def test_every_row_is_its_own_image_whatever_the_order(built, archives):
    data = EmertData.open(built)
    source = FerPlusSource(archives)
    entries = {entry.recording_id: entry for entry in source.entries()}
    for row in (0, len(data) - 1, 1, IMAGES):
        face = data.recording(row).face
        expected = source.load_face(entries[data.ids["recording_id"][row]], 1).frames[0]
        assert face.frames.shape == (1, 112, 112, 3)
        assert np.abs(face.frames[0].astype(int) - expected).mean() < 4  # JPEG
        others = [entry for name, entry in entries.items() if name != data.ids["recording_id"][row]][:6]
        crops = [source.load_face(entry, 1).frames[0] for entry in others]
        assert min(np.abs(face.frames[0].astype(int) - crop).mean() for crop in crops) > 4


def test_verify_passes_and_finds_wrong_votes(built, tmp_path):
    assert not [one for one in verify(built) if one.status == "fail"]
    folder = shutil.copytree(built, tmp_path / "damaged")
    table = read(folder, TEST)
    at = table.schema.get_field_index("fer7_votes")
    for wrong, problem in (([0.5] * 7, "sum to 1"), ([1.0], "1 classes"), ([-1.0, 2.0, 0, 0, 0, 0, 0], "sum to 1")):
        column = pa.array([wrong, *table["fer7_votes"].to_pylist()[1:]], table.schema.field(at).type)
        write(folder, TEST, table.set_column(at, table.schema.field(at), column))
        assert problem in failed(folder)["votes"]


def test_the_card_says_whose_split_it_is_and_what_the_votes_are(built):
    card = (built / "README.md").read_text()
    assert "The source gives them: its participants are in 3 folds" in card
    assert "| `fer7_votes` | fraction of the judges" in card
    assert "each counted as its own participant" in card
    assert "must not be published" in card


def test_a_stopped_build_goes_on_with_the_parts_that_are_missing(archives, tmp_path, monkeypatch):
    monkeypatch.setattr(cells, "PART_RECORDINGS", 3)
    done = []

    def counted(job):
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(job.target.name)
        return cells.build_cell(job)

    monkeypatch.setattr(building, "build_cell", counted)
    source, out = open_source("ferplus", archives), tmp_path / "data"
    with pytest.raises(KeyboardInterrupt):
        build(source, out, num_workers=1)
    first, done[:] = list(done), []
    monkeypatch.setattr(building, "build_cell", lambda job: done.append(job.target.name) or cells.build_cell(job))
    build(source, out, num_workers=1)
    assert len(first) == 4
    assert not set(first) & set(done)
    assert len(EmertData.open(out)) == 3 * IMAGES


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.skipif(not (REAL / "ferplus").is_dir(), reason=f"no {REAL}/ferplus")
def test_the_real_images(tmp_path):
    source = FerPlusSource(REAL / "ferplus")
    entries = source.entries()
    assert {fold: sum(entry.fold == fold for entry in entries) for fold in (1, 2, 3)} == {1: 3573, 2: 3533, 3: 27866}
    assert sum(bool(entry.labels) for entry in entries if entry.fold == 1) == 3518
    assert sum(not entry.votes for entry in entries) == 5
    faces = [source.load_face(entry, 1) for entry in entries[:: len(entries) // 40]]
    assert np.mean([face.detected[0] for face in faces]) > 0.9
    assert len(JUDGED) == 10
