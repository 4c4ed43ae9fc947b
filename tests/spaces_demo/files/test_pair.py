"""Which files of a batch are one recording, and the remark where that is in doubt."""

from pathlib import Path

import pytest

from modeling_emert.errors_emert import EmertInputError
from spaces_demo.answers.messages import Reply
from spaces_demo.answers.verdict import table_row
from spaces_demo.files.pair import Batch, Pair, pair_up
from spaces_demo.files.uploads import visible_name


def paired(*names: str) -> tuple[list[tuple[str, str, str]], Batch]:
    """Name, video and gaze file of each recording; and all of it."""
    batch = pair_up([(name, Path(str(number))) for number, name in enumerate(names)])
    return [(pair.name, pair.video_name, pair.gaze_name) for pair in batch.pairs], batch


def test_files_of_one_name_are_one_recording():
    batch = pair_up([("p1.mp4", Path("1")), ("p1.csv.gz", Path("2")), ("p2.csv", Path("3")), ("p3.WEBM", Path("4"))])
    assert batch.pairs == [
        Pair("p1", Path("1"), Path("2"), "p1.mp4", "p1.csv.gz"),
        Pair("p2", None, Path("3"), "", "p2.csv"),
        Pair("p3", Path("4"), None, "p3.WEBM", ""),
    ]
    assert batch.note == "Without a gaze file: p3. Without a video: p2."
    with pytest.raises(EmertInputError, match=r"p1\.csv and p1\.tsv are both the gaze of p1"):
        paired("p1.csv", "p1.tsv")
    with pytest.raises(EmertInputError, match="no file"):
        paired()
    with pytest.raises(EmertInputError, match="201 recordings; at most 200"):
        paired(*(f"{number}.csv" for number in range(201)))


UNAMBIGUOUS = [
    (("videos/p1.mp4", "gaze/p1.csv"), [("p1", "p1.mp4", "p1.csv")]),
    (("d/Eye tracking/p1.csv", "d/face_video/p1.mp4"), [("p1", "p1.mp4", "p1.csv")]),
    (("P1.mp4", "p1.csv"), [("P1", "P1.mp4", "p1.csv")]),
    (("p1/face.mp4", "p1/gaze.csv"), [("p1", "face.mp4", "gaze.csv")]),
    (("face.mp4", "gaze.csv"), [("face", "face.mp4", "gaze.csv")]),
    (
        ("p1/face_p1.mp4", "p1/gaze_p1.csv", "p2/face_p2.mp4", "p2/gaze_p2.csv"),
        [("p1", "face_p1.mp4", "gaze_p1.csv"), ("p2", "face_p2.mp4", "gaze_p2.csv")],
    ),
    (
        ("P1_face.mp4", "p1_eyes.csv", "P2_face.mp4", "p2_eyes.csv"),
        [("P1", "P1_face.mp4", "p1_eyes.csv"), ("P2", "P2_face.mp4", "p2_eyes.csv")],
    ),
    (
        ("p1/videos/a.mp4", "p1/gaze/a.csv", "gaze/p2/a.csv", "videos/p2/a.mp4"),
        [("p1/a", "a.mp4", "a.csv"), ("p2/a", "a.mp4", "a.csv")],
    ),
]


@pytest.mark.parametrize(("names", "expected"), UNAMBIGUOUS, ids=lambda value: str(value[0]))
def test_unambiguous_names_are_paired_without_a_remark(names: tuple[str, ...], expected: list):
    found, batch = paired(*names)
    assert found == expected
    assert batch.note == ""
    assert {pair.remark for pair in batch.pairs} == {""}


def test_two_peoples_files_of_one_name_are_left_apart():
    found, batch = paired("anna/rec.mp4", "ben/rec.csv")
    assert found == [("anna/rec", "rec.mp4", ""), ("ben/rec", "", "rec.csv")]
    assert batch.note.startswith("anna/rec.mp4 and ben/rec.csv have one name but lie in two folders")
    assert "Without a gaze file: anna/rec. Without a video: ben/rec." in batch.note
    crossed, batch = paired("s1/p1.mp4", "s1/p2.csv", "s2/p2.mp4", "s2/p1.csv")
    assert len(crossed) == 4
    assert "(and 1 more)" in batch.note
    assert paired("p1/a.mp4", "p1/a.csv", "p2/a.mp4")[0] == [("p1/a", "a.mp4", "a.csv"), ("p2/a", "a.mp4", "")]
    assert len(paired("video/rec.mp4", "webcam/rec.mp4", "gaze/rec.csv")[0]) == 3  # ambiguous


def test_a_pair_in_doubt_gets_a_remark():
    found, batch = paired("p1/GOPR1.mp4", "p1/tobii-7.csv")
    why = "GOPR1.mp4 and tobii-7.csv were paired because the folder p1 has no other video or gaze file."
    assert found == [("p1", "GOPR1.mp4", "tobii-7.csv")]
    assert (batch.pairs[0].remark, batch.note) == (why, why)
    found, batch = paired("a/r1.mp4", "a/r2.mp4", "b/r1.csv", "b/r2.csv")
    assert found == [("r1", "r1.mp4", "r1.csv"), ("r2", "r2.mp4", "r2.csv")]
    assert batch.pairs[1].remark == "a/r2.mp4 and b/r2.csv were paired by their name alone."
    assert batch.note == "a/r1.mp4 and b/r1.csv were paired by their name alone. The same goes for 1 other, see the remarks."
    assert len(paired("a/r1.mp4", "a/r2.mp4", "a/x.csv", "b/r1.csv", "b/r2.csv")[0]) == 5  # a folder of both kinds is none
    assert len(paired("p01.mp4", "p02.csv")[0]) == 2  # in no folder
    row = table_row(batch.pairs[0], Reply(refusal="x"))
    assert row["remarks"] == "a/r1.mp4 and b/r1.csv were paired by their name alone."


def test_an_export_of_several_tables_is_one_recording():
    core = [f"p1/{name}.csv" for name in ("fixations", "blinks", "gaze_positions", "export_info")]
    neon = [f"p2/{name}" for name in ("gaze.csv.gz", "saccades.csv", "info.json")]
    found, batch = paired(*core, "p1/face.mp4", *neon, "videos/p2.mp4")
    assert found == [("p1", "face.mp4", "gaze_positions.csv"), ("p2", "p2.mp4", "gaze.csv.gz")]
    assert [name for name, _ in batch.pairs[0].beside] == ["p1/fixations.csv", "p1/blinks.csv", "p1/export_info.csv"]
    assert batch.pairs[1].remark == "gaze.csv.gz was read with the files beside it: saccades.csv, info.json."
    assert batch.note == ""
    # A table under another name, with companions; several such tables; companions alone; a table that is another video's.
    assert paired("p1.csv", "fixations.csv", "blinks.csv")[0] == [("p1", "", "p1.csv")]
    assert len(paired("p1.csv", "p2.csv", "fixations.csv")[0]) == 3
    assert paired("p1/fixations.csv", "p1/blinks.csv")[0] == [("p1", "", "fixations.csv")]
    assert len(paired("gaze_positions.csv", "fixations.csv", "p9.csv", "p9.mp4")[0]) == 2
    assert "left out: info.json" in paired("info.json", "p1.mp4")[1].note


def test_a_mapping_file_goes_with_every_table_of_its_folder():
    _, batch = paired("a/p1.csv", "a/p2.csv", "a/gaze_mapping.yaml", "b/p3.csv")
    assert [[name for name, _ in pair.beside] for pair in batch.pairs] == [["a/gaze_mapping.yaml"]] * 2 + [[]]


def test_other_files_are_left_out_and_named():
    names = [
        "README.txt",
        "p1.csv.gz",
        "p1.MP4",
        "notes.pdf",
        "__MACOSX/._p1.csv",
        "a/.DS_Store",
        "a/.hidden.csv",
        "p1.mov.txt",
    ]
    found, batch = paired(*names)
    assert [name for name, *_ in found] == ["p1", "p1.mov"]
    assert batch.note.startswith("left out: README.txt, notes.pdf, neither a video nor a gaze file by name.")
    with pytest.raises(EmertInputError, match=r"neither a video nor a gaze file in this batch; left out: notes\.pdf"):
        paired("notes.pdf", ".DS_Store")


def test_long_names_are_told_apart():
    names = [f"{'long ' * 30}{number}.csv" for number in (1, 2)]
    rows = [table_row(pair, Reply(refusal="x")) for pair in paired(*names)[1].pairs]
    assert [row["gaze"] for row in rows] == names
    assert [row["recording"] + ".csv" for row in rows] == names
    short = {visible_name(name) for name in names}
    assert len(short) == 2
    assert {len(name) for name in short} == {60}
