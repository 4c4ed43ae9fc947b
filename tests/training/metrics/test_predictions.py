"""The table of predictions: rows from arrays, there and back through the file, what is refused."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import ABSENT_CLASS, TASKS
from training.metrics.predictions import (
    COLUMNS,
    SCHEMA,
    read_header,
    read_predictions,
    to_arrays,
    to_rows,
    votes_of,
    write_predictions,
    write_table,
)

ER3, VA = TASKS["er3"], TASKS["er_va"]
IDS = (["r0", "r1", "r2"], ["p0", "p0", "p1"], ["s0", "s1", "s0"])


@pytest.fixture
def table() -> pd.DataFrame:
    classes = to_rows(ER3, *IDS, np.array([2, 0, 1]), np.eye(3) * 0.7 + 0.1, "EMERT", 1)
    numbers = to_rows(VA, *IDS, np.array([[0.1, np.nan], [0.2, -1], [1, 0]]), np.full((3, 2), 1 / 3), "EMERT", 1)
    return pd.concat([classes, numbers], ignore_index=True)


def test_rows(table):
    assert tuple(table.columns) == tuple(SCHEMA.names)
    assert set(table["version"]) == {"plain"}
    assert set(table["seed"]) == {0}
    first = table.iloc[0]
    assert (first["recording_id"], first["participant_id"], first["stimulus_id"]) == ("r0", "p0", "s0")
    assert (first["target"], first["fold"], first["task"]) == ([2.0], 1, "er3")
    assert first["prediction"] == pytest.approx([0.8, 0.1, 0.1])
    assert len(table.iloc[3]["target"]) == 2


def test_absent_labels_get_no_row():
    rows = to_rows(ER3, *IDS, np.array([ABSENT_CLASS, 1, ABSENT_CLASS]), np.eye(3), "EMERT", [0, 1, 2])
    assert rows["recording_id"].tolist() == ["r1"]
    assert rows["fold"].tolist() == [1]
    targets = np.array([[np.nan, np.nan], [0.5, np.nan], [0, 0]])
    assert to_rows(VA, *IDS, targets, np.zeros((3, 2)), "EMERT", 0)["recording_id"].tolist() == ["r1", "r2"]


def test_a_diverged_prediction_counts_only_where_there_is_a_label():
    predictions = np.eye(3)
    predictions[0] = np.nan
    assert len(to_rows(ER3, *IDS, np.array([ABSENT_CLASS, 1, 1]), predictions, "EMERT", 0)) == 2
    with pytest.raises(ValueError, match="diverged"):
        to_rows(ER3, *IDS, np.array([0, 1, 1]), predictions, "EMERT", 0)


def test_round_trip(table, tmp_path):
    path = tmp_path / "fold=1" / "predictions.parquet"
    write_predictions(path, table)
    pd.testing.assert_frame_equal(read_predictions(path), table)
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"
    assert [file.name for file in path.parent.iterdir()] == ["predictions.parquet"]
    targets, predictions = to_arrays(VA, table[table["task"] == "er_va"])
    assert (targets.shape, predictions.shape) == ((3, 2), (3, 2))


def test_empty_table_round_trip(table, tmp_path):
    write_predictions(tmp_path / "p.parquet", table.iloc[:0])
    assert read_predictions(tmp_path / "p.parquet").empty


def test_missing_and_corrupted_files(table, tmp_path):
    path = tmp_path / "p.parquet"
    with pytest.raises(EmertInputError, match=r"p\.parquet: no such file"):
        read_predictions(path)
    write_predictions(path, table)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"not parquet at all", b"", whole[:200] + bytes(200) + whole[400:]):
        path.write_bytes(damaged)
        with pytest.raises(EmertInputError, match=r"p\.parquet"):
            read_predictions(path)


def _write_raw(path, table, **changes):
    pq.write_table(pa.Table.from_pandas(table.assign(**changes), preserve_index=False), path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "er9"}, "'task' holds 'er9'"),
        ({"target": [[3.0], [0.0], [1.0]]}, "'target' is wrong.*0..2"),
        ({"target": [[0.0, 1.0]] * 3}, "'target' holds 2 values.*expected 1"),
        ({"prediction": [[0.5, 0.5]] * 3}, "'prediction' holds 2 values.*expected 3"),
        ({"prediction": [[0.9, 0.9, 0.9]] * 3}, "'prediction' must hold probabilities"),
        ({"prediction": [[0.5, 0.5, None]] * 3}, "'prediction' holds NaN"),
        ({"prediction": ["a", "b", "c"]}, "'prediction' is of type"),
        ({"fold": "one"}, "'fold' is of type"),
        ({"fold": [0, None, 0]}, "'fold' has empty cells"),
        ({"participant_id": None}, "'participant_id' has empty cells"),
        ({"recording_id": "r0"}, "'r0' is there twice"),
    ],
)
def test_wrong_contents_name_file_and_field(table, tmp_path, changes, message):
    path = tmp_path / "p.parquet"
    _write_raw(path, table[table["task"] == "er3"], **changes)
    with pytest.raises(EmertInputError, match=rf"(?s)p\.parquet.*{message}"):
        read_predictions(path)


def test_missing_column(table, tmp_path):
    _write_raw(tmp_path / "p.parquet", table.drop(columns="fold"))
    with pytest.raises(EmertInputError, match="'fold' is missing"):
        read_predictions(tmp_path / "p.parquet")


def test_unlike_lengths_are_refused():
    with pytest.raises(ValueError, match="participant ids"):
        to_rows(ER3, IDS[0], ["p0"], IDS[2], np.array([0, 1, 2]), np.eye(3), "EMERT", 0)
    with pytest.raises(ValueError, match="predictions of er3"):
        to_rows(ER3, *IDS, np.array([0, 1, 2]), np.eye(7)[:3], "EMERT", 0)


def test_a_file_in_the_way_is_the_users_error(table, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EmertInputError, match="can't be written"):
        write_predictions(tmp_path / "file" / "p.parquet", table)


def test_what_may_be_absent_comes_back_and_an_older_file_without_it_is_read(table, tmp_path):
    table.at[0, "uncalibrated"] = list(table.at[0, "prediction"])
    table.at[1, "groups"] = {"sex": "f", "age_group": "30-39"}
    path = tmp_path / "predictions.parquet"
    write_predictions(path, table)
    back = read_predictions(path)
    assert back.at[0, "uncalibrated"] == table.at[0, "prediction"]
    assert back.at[1, "groups"] == {"sex": "f", "age_group": "30-39"}
    assert back.at[2, "groups"] is None
    write_predictions(path, table[list(COLUMNS)])
    assert read_predictions(path)["groups"].isna().all()


def test_a_file_without_a_header_says_so(table, tmp_path):
    path = tmp_path / "predictions.parquet"
    write_predictions(path, table)
    with pytest.raises(EmertInputError, match="no header, so data and split are unknown"):
        read_header(path)
    write_table(path, table, {"data": "drawn"})
    assert read_header(path) == {"data": "drawn"}


def test_a_file_of_before_there_were_versions_and_seeds_is_read(table, tmp_path):
    path = tmp_path / "predictions.parquet"
    _write_raw(path, table[list(COLUMNS)])
    back = read_predictions(path)
    assert set(zip(back["version"], back["seed"], strict=True)) == {("plain", 0)}
    assert back[["uncalibrated", "groups"]].isna().all(axis=None)
    pd.testing.assert_frame_equal(back[list(COLUMNS)], table[list(COLUMNS)])


def test_the_same_recording_may_be_there_for_another_seed_or_version(table, tmp_path):
    path = tmp_path / "predictions.parquet"
    write_predictions(path, pd.concat([table, table.assign(seed=1), table.assign(version="strict")]))
    assert len(read_predictions(path)) == 3 * len(table)
    with pytest.raises(ValueError, match="is there twice"):
        write_predictions(path, pd.concat([table, table]))


def test_votes_are_in_the_file_where_there_are_any_and_must_be_fractions(table, tmp_path):
    path = tmp_path / "predictions.parquet"
    write_predictions(path, table)
    assert "votes" not in pq.read_schema(path).names
    table.at[0, "votes"] = [0.25, 0.25, 0.5]
    write_predictions(path, table)
    back = read_predictions(path)
    pd.testing.assert_frame_equal(back, table)
    found = votes_of(ER3, back[back["task"] == "er3"])
    np.testing.assert_array_equal(found, [[0.25, 0.25, 0.5], [np.nan] * 3, [np.nan] * 3])
    for wrong, message in (([0.5, 0.5], "2 values"), ([0.5, 0.5, 0.5], "others"), ([1.5, -0.5, 0.0], "others")):
        table.at[0, "votes"] = wrong
        with pytest.raises(ValueError, match=f"'votes' holds {message} for task er3, expected fractions for 3 classes"):
            write_predictions(path, table)
    table.at[0, "votes"], table.at[4, "votes"] = None, [0.5, 0.5]
    with pytest.raises(ValueError, match="'votes' holds some for task er_va, which has no classes"):
        write_predictions(path, table)
