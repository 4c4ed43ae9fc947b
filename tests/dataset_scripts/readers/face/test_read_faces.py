"""Action units from the tables that OpenFace and py-feat write, and what is refused."""

import gzip

import numpy as np
import pytest

from dataset_scripts.readers.face import read_faces
from modeling_emert.columns_emert import ACTION_UNITS
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.processing_emert import EmertProcessor

PY_FEAT_UNITS = [f"AU{number:02d}" for number in (1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 17, 20, 23, 24, 25, 26, 28, 43)]
SMILE = ACTION_UNITS.index("AU12")


def openface(separator: str = ", ", faces: str = "000000", success: str = "110111", **changes) -> str:
    """Six frames at 30 a second; unit k of frame i is (i + k) % 5 + 0.25. `changes`: a frame's number as AU12_r, such as f2."""
    names = ["frame", "face_id", "timestamp", "confidence", "success", "pose_Tx"]
    lines = [separator.join([*names, *(f"{unit}_r" for unit in ACTION_UNITS), *(f"{unit}_c" for unit in ACTION_UNITS)])]
    for frame in range(6):
        units = [f"{(frame + number) % 5}.25" for number in range(17)]
        units[SMILE] = changes.get(f"f{frame}", units[SMILE])
        facts = [str(frame + 1), faces[frame], f"{frame / 30:.3f}", "0.98", success[frame], "-12.5"]
        lines.append(separator.join([*facts, *units, *["1.00"] * 17]))
    return "\n".join(lines) + "\n"


def py_feat(identities: str = "aaaa", **columns: list) -> str:
    """Four frames; AU12 rises from 0 to 0.75; no face in the third."""
    head = ["FaceRectX", "FaceScore", *PY_FEAT_UNITS, "happiness", "input", "frame", "Identity", *columns]
    lines = [",".join(head)]
    for frame in range(4):
        units = ["" if frame == 2 else f"{frame / 4 if unit == 'AU12' else 0.5}" for unit in PY_FEAT_UNITS]
        score, who = ("", "") if frame == 2 else ("0.99", f"Person_{identities[frame]}")
        own = [str(values[frame]) for values in columns.values()]
        lines.append(",".join(["10.0", score, *units, "0.1", "clip.mp4", str(15 * frame), who, *own]))
    return "\n".join(lines) + "\n"


@pytest.fixture
def file(tmp_path):
    def write(text: str):
        (tmp_path / "face.csv").write_text(text)
        return tmp_path / "face.csv"

    return write


@pytest.mark.parametrize("separator", [", ", ","])
def test_openface_with_and_without_spaces(file, separator):
    units = read_faces(file(openface(separator)))
    assert units.times_ms == pytest.approx(np.arange(6) / 30 * 1000, abs=1)
    assert units.intensities[1].tolist() == [(1 + number) % 5 + 0.25 for number in range(17)]
    assert np.isnan(units.intensities[2]).all()  # success 0
    assert np.isfinite(np.delete(units.intensities, 2, axis=0)).all()


def test_py_feat_is_scaled_to_intensities(file):
    units = read_faces(file(py_feat()))
    assert units.intensities[[0, 1, 3], SMILE].tolist() == [0.0, 1.25, 3.75]
    assert units.intensities[0, ACTION_UNITS.index("AU45")] == 2.5  # eyes closed, AU43
    assert np.isnan(units.intensities[2]).all()
    assert units.times_ms.tolist() == [0, 500, 1000, 1500]  # 30 frames a second


def test_py_feat_whole_seconds_give_the_rate(file):
    units = read_faces(file(py_feat(approx_time=["00:00", "00:01", "00:02", "00:03"])))
    assert units.times_ms.tolist() == [0, 1000, 2000, 3000]  # 15 frames a second


def test_several_faces_are_refused_or_one_is_chosen(file):
    table = file(openface(faces="010101", success="111111"))
    with pytest.raises(EmertInputError, match=r"holds 2 faces \(0, 1\) where one is expected"):
        read_faces(table)
    assert read_faces(table, face="1").times_ms == pytest.approx([33, 100, 167], abs=1)
    with pytest.raises(EmertInputError, match="has no face '2'; it has 0, 1"):
        read_faces(table, face="2")
    with pytest.raises(EmertInputError, match="holds 2 faces"):
        read_faces(file(py_feat("abaa")))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x,y\n1,2\n", "has no action units: it begins with 'x,y', where OpenFace's CSV"),
        (openface(f3="7.5"), "has 7.5 as AU12_r in row 4, where a number in 0..5"),
        (openface(f3="much"), "'much' in column AU12_r (line 5), where a number is expected"),
        (openface().splitlines()[0], "a header and no rows"),
        (openface().replace("0.033", "0.000"), "two rows of one frame"),
        (openface(",").replace("0.033", ""), "a row without a time"),
        (py_feat().replace("0.75", "3.0"), "has 3 as AU12 in row 4, where a number in 0..1"),
        ("", "is empty"),
    ],
)
def test_a_wrong_table_is_refused(file, text, problem):
    with pytest.raises(EmertInputError) as refusal:
        read_faces(file(text))
    assert problem in str(refusal.value)


def test_the_processor_finds_the_reader(file, tmp_path):
    processor = EmertProcessor()
    table = file(openface())
    (tmp_path / "face.csv.gz").write_bytes(gzip.compress(table.read_bytes()))
    for given in (table, str(table), table.read_bytes(), read_faces(table), tmp_path / "face.csv.gz"):
        recording = processor.load(action_units=given)
        assert recording.action_units.intensities.shape == (6, 17)
        assert recording.face is None
    with pytest.raises(EmertInputError, match="no row with a face, so the action units are left out"):
        processor.load(action_units=file(openface(success="000000")))
    with pytest.raises(EmertInputError, match="face of 8 bytes has no action units"):
        processor.load(action_units=b"x,y\n1,2\n")
    with pytest.raises(EmertInputError, match="are given as int, expected a file's path"):
        processor.load(action_units=7)
