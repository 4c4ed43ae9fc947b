"""Limits and repairs of all readers: times far away, incomplete rows, tables that are too large."""

import numpy as np
import pytest

from dataset_scripts.readers import read_gaze, read_gaze_recordings, samples
from dataset_scripts.readers.clock import rising
from dataset_scripts.readers.samples import group_rows, stack_columns
from dataset_scripts.readers.text import text_table
from dataset_scripts.readers.text.text_table import TextColumn
from modeling_emert.columns_emert import COLUMN_INDEX
from modeling_emert.errors_emert import EmertInputError

SDK = "device_time_stamp;left_gaze_point_on_display_area;left_pupil_diameter\n"


@pytest.mark.parametrize("absurd", [-1e18, 1e18, 1e9, -1e300])
def test_one_time_far_from_the_others_is_dropped_and_the_others_stay(absurd):
    order, times, notes = rising(np.array([absurd, 1000.0, 1010.0, 1020.0, np.nan]))
    np.testing.assert_array_equal(order, [1, 2, 3])
    np.testing.assert_array_equal(times, [0, 10, 20])
    assert [note[:2] for note in notes] == ["1 ", "1 "]
    assert "over a day" in notes[1]


def test_what_a_division_made_infinite_is_missing():
    values = stack_columns(5000, {"gaze_x": np.full(5000, np.inf), "gaze_y": np.arange(5000.0)}, np.arange(5000)[::-1])
    assert np.isnan(values[:, COLUMN_INDEX["gaze_x"]]).all()
    assert values[0, COLUMN_INDEX["gaze_y"]] == 4999


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "latin-1"])
def test_the_last_row_may_be_cut_in_any_encoding(tmp_path, encoding):
    path = tmp_path / "a.csv"
    rows = "".join(f"{i * 10000};(0.5, 0.25);3.5\n" for i in range(3))
    path.write_bytes((SDK + rows + "30000;(0.5, 0\n\n").encode(encoding))
    gaze = read_gaze(path)
    assert len(gaze.times_ms) == 3
    assert any("cut off" in note for note in gaze.notes)
    path.write_bytes((SDK + "30000;(0.5, 0\n" + rows).encode(encoding))
    with pytest.raises(EmertInputError, match="a row of 2 cells where the header has 3"):
        read_gaze(path)


def test_more_cells_than_any_session_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("time_ms,gaze_x\n" + "".join(f"{i},0\n" for i in range(50)))
    monkeypatch.setattr(text_table, "MAX_CELLS", 99)
    with pytest.raises(EmertInputError, match="50 rows of 2 columns, where at most 99 cells"):
        read_gaze_recordings(path)


def test_numbers_in_the_column_of_names_are_refused(monkeypatch):
    names = TextColumn(np.arange(9), (*map(str, range(9)), ""))
    assert len(group_rows("a.csv", np.arange(9), (names,))) == 9
    monkeypatch.setattr(samples, "MAX_GROUPS", 8)
    with pytest.raises(EmertInputError, match=r"a.csv holds 9 recordings"):
        group_rows("a.csv", np.arange(9), (names,))


def test_a_header_without_end_is_refused_at_once(tmp_path):
    """Before the columns were limited this took minutes."""
    path = tmp_path / "a.csv"
    path.write_text(SDK.strip() + ";x" * 60_000 + "\n0;(0.5, 0.25);3.5\n")
    with pytest.raises(EmertInputError, match="columns, where at most 10,000 are read"):
        read_gaze(path)
