"""An export that Excel saved is read as its text is, wherever gaze or a table of recordings is read."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from dataset_scripts.generator.emer_layout import write_workbook
from dataset_scripts.readers import read_gaze
from dataset_scripts.readers.text import workbook
from dataset_scripts.readers.text.workbook import is_workbook, read_rows
from dataset_scripts.sources.emer_files import read_array_columns
from dataset_scripts.sources.emer_mapping import ColumnRule
from dataset_scripts.sources.tables import read_text_rows
from modeling_emert.errors_emert import EmertInputError

HEAD = ["Recording timestamp [ms]", "Sensor", "Participant name", "Gaze point X [DACS px]", "Gaze point Y [DACS px]"]
HEAD += ["Pupil diameter left [mm]", "Recording resolution width", "Recording resolution height"]
ROWS = [[20 * i, "Eye Tracker", "p & <1>", 960.5 + i, 540, 3.25 if i != 2 else None, 1920, 1080] for i in range(30)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_workbook(tmp_path / "export.xlsx", [HEAD, *ROWS])
    return tmp_path / "export.xlsx"


def test_an_export_of_pro_lab_gives_what_its_text_gives(file: Path, tmp_path: Path):
    text = tmp_path / "export.tsv"
    lines = [HEAD, *(["" if cell is None else cell for cell in row] for row in ROWS)]
    text.write_text("".join("\t".join(map(str, line)) + "\n" for line in lines))
    found, expected = read_gaze(file), read_gaze(text)
    assert found.format == expected.format == "tobii_pro_lab"
    assert found.participant == "p & <1>"
    np.testing.assert_array_equal(found.eye_movements, expected.eye_movements)
    np.testing.assert_array_equal(found.times_ms, expected.times_ms)
    assert np.isnan(found.column("pupil_left")[2])
    renamed = file.rename(tmp_path / "export.csv")  # known by its content
    np.testing.assert_array_equal(read_gaze(renamed).eye_movements, expected.eye_movements)


def test_tables_of_a_mapping_may_be_workbooks(file: Path):
    table = read_text_rows(file, [])
    assert table.columns == HEAD
    assert table.rows[2][1]["Pupil diameter left [mm]"] == ""
    assert table.rows[0][1]["Gaze point X [DACS px]"] == "960.5"
    columns = read_array_columns(file, {"gaze_x": ColumnRule("Gaze point X [DACS px]", 1920)}, ())
    np.testing.assert_allclose(columns["gaze_x"], [row[3] / 1920 for row in ROWS])


def test_a_damaged_or_hostile_workbook_is_refused_in_a_sentence(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    broken = tmp_path / "broken.xlsx"
    with zipfile.ZipFile(broken, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook")
    assert is_workbook(broken)
    with pytest.raises(EmertInputError, match=r"broken\.xlsx: a workbook that can't be read"):
        read_gaze(broken)
    cut = tmp_path / "cut.xlsx"
    cut.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(EmertInputError, match="cut"):
        read_gaze(cut)
    monkeypatch.setattr(workbook, "RATIO_FREE_BYTES", 1000)
    monkeypatch.setattr(workbook, "MAX_RATIO", 1)
    with pytest.raises(EmertInputError, match="more than is read of a workbook"):
        list(read_rows(file))
