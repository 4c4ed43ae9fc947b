"""Folds that a source gives, and row groups of several recordings."""

import json
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataset_scripts.dataset.row_groups import RowGroupWriter, group_size, places
from dataset_scripts.dataset.splits import Assignment, assign
from dataset_scripts.sources.base import Entry, votes_problem
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import TASKS


def entries(folds: str = "11223344", own_stimuli: bool = False) -> list[Entry]:
    """Two recordings of each participant, whose fold is the digit."""
    return [
        Entry(f"r{person}-{clip}", f"p{person}", f"s{person if own_stimuli else clip}", {"er7": "anger"}, fold=int(fold))
        for person, fold in enumerate(folds)
        for clip in range(1 if own_stimuli else 3)
    ]


def test_participants_are_where_the_source_says(tmp_path):
    made = assign(entries(), ("er7",), seed=0, given_folds=(2, 4))
    assert list(made.participants.values()) == [1, 1, 2, 2, 3, 3, 4, 4]
    assert (made.folds, made.tested_folds, made.groups) == (4, (2, 4), 3)
    (tmp_path / "splits.json").write_text(made.to_json())
    assert Assignment.read(tmp_path / "splits.json") == made


def test_stimuli_of_single_participants_are_one_group():
    assert assign(entries(own_stimuli=True), ("er7",), 0, (1,)).groups == 1
    assert assign(entries(own_stimuli=True), ("er7",), 0).groups == 5  # without given folds as ever
    assert assign(entries("123"), ("er7",), 0, (1,)).groups == 3  # as many stimuli as participants, who share them


def test_without_given_folds_the_file_has_no_such_key():
    made = assign(entries(), ("er7",), seed=0)
    assert set(json.loads(made.to_json())) == {"seed", "participants", "stimuli", "sha256"}
    assert made.tested_folds == (1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    ("folds", "given", "problem"),
    [
        ("11112222", (1,), r"participants are in \[1, 2\], of which \[1\] are tested; three are needed"),
        ("11223344", (5,), r"of which \[5\] are tested"),
        ("11223349", (1,), "has fold 9, expected 1..5"),
    ],
)
def test_folds_that_can_not_be_are_refused(folds, given, problem):
    with pytest.raises(EmertInputError, match=problem):
        assign(entries(folds), ("er7",), 0, given)


def test_a_participant_in_two_folds_is_refused():
    mixed = [*entries(), Entry("r", "p0", "s0", {}, fold=3)]
    with pytest.raises(EmertInputError, match="participant p0 is in folds"):
        assign(mixed, ("er7",), 0, (1,))


@pytest.mark.parametrize("change", [{"given_folds": []}, {"given_folds": [9]}, {"given_folds": ["1"]}, {"given_folds": 1}])
def test_a_damaged_file_of_given_folds_is_refused(tmp_path, change):
    content = json.loads(assign(entries(), ("er7",), 0, (1,)).to_json())
    (tmp_path / "splits.json").write_text(json.dumps(content | change))
    with pytest.raises(EmertInputError, match="build the data set again"):
        Assignment.read(tmp_path / "splits.json")


@pytest.mark.parametrize(
    ("votes", "problem"),
    [
        ((1.0,), "1 classes"),
        ((0.5,) * 7, "sum to 1"),
        ((0.5, 0.49, 0, 0, 0, 0, 0), "sum to 1"),
        ((2.0, -1.0, 0, 0, 0, 0, 0), "sum to 1"),
        ((np.nan,) * 7, "sum to 1"),
    ],
)
def test_votes_that_are_none(votes, problem):
    assert problem in votes_problem(TASKS["er7"], votes)
    assert votes_problem(TASKS["er7"], (1 / 7,) * 7) is None
    assert votes_problem(TASKS["er7"], (0, 0, 1, 0, 0, 0, 0)) is None


@pytest.mark.parametrize(("size", "groups"), [(1, [1] * 5), (2, [2, 2, 1]), (64, [5])])
def test_rows_are_written_in_groups_and_found_again(tmp_path, size, groups):
    schema = pa.schema([("number", pa.int64())])
    with RowGroupWriter(tmp_path / "rows.parquet", schema, size) as writer:
        for number in range(5):
            writer.write(pa.table({"number": [number]}, schema=schema))
    file = pq.ParquetFile(tmp_path / "rows.parquet")
    found = places(file)
    assert list(Counter(group for group, _ in found).values()) == groups
    assert group_size(file) == groups[0]
    assert [file.read_row_group(group)["number"][offset].as_py() for group, offset in found] == list(range(5))
