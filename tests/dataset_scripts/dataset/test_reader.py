"""No split that leaks can be taken of a data set, whatever its files hold; damaged files are told in a sentence."""

import hashlib
import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from damaged_dataset import FIRST, edit, value

from dataset_scripts.dataset import reader as reading
from dataset_scripts.dataset import row_groups
from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.dataset.splits import SPLITS, Assignment
from modeling_emert.errors_emert import EmertInputError


def _refused(folder: Path, strict: bool = False) -> str:
    with pytest.raises(EmertInputError) as refusal:
        EmertData.open(folder).select(1, strict)
    return str(refusal.value)


def test_sides_of_an_honest_data_set_share_nobody_and_in_strict_nothing(dataset_folder: Path):
    data = EmertData.open(dataset_folder)
    for fold in range(1, data.assignment.folds + 1):
        for strict, names in ((False, ["participant_id"]), (True, ["participant_id", "stimulus_id"])):
            rows = data.select(fold, strict)
            assert set(rows) == set(SPLITS)
            for name in names:
                sides = [set(data.ids[name][own]) for own in rows.values()]
                assert sum(map(len, sides)) == len(set.union(*sides))


def test_a_copy_for_a_worker_process_opens_the_files_itself(dataset_folder: Path):
    """Where processes are not forked, the loader's workers get the data set pickled."""
    data = EmertData.open(dataset_folder)
    before = data.recording(0)
    copy = pickle.loads(pickle.dumps(data))
    assert not copy._open_files
    np.testing.assert_array_equal(copy.recording(0).gaze.eye_movements, before.gaze.eye_movements)


@pytest.mark.parametrize(("column", "of"), [("participant_fold", "participant_id"), ("stimulus_group", "stimulus_id")])
@pytest.mark.parametrize("planted", [2, None])
def test_a_recording_moved_to_another_side_is_found(folder: Path, column: str, of: str, planted: int | None):
    edit(folder, **{column: planted})
    told = _refused(folder)
    assert f"1 recordings have another {column} than in splits.json" in told
    assert value(folder, "recording_id") in told
    assert value(folder, of) in told


def test_a_participant_whom_the_splits_do_not_know_is_found(folder: Path):
    edit(folder, participant_id="stranger")
    assert "of participant_id stranger, has 1, but splits.json does not know it" in _refused(folder)


def test_splits_that_were_made_anew_are_not_those_of_the_files(folder: Path):
    splits = Assignment.read(folder / "splits.json")
    moved = {name: fold % splits.folds + 1 for name, fold in splits.participants.items()}
    (folder / "splits.json").write_text(Assignment(splits.seed, moved, splits.stimuli).to_json())
    assert "9 recordings have another participant_fold" in _refused(folder)


def test_a_recording_on_two_sides_is_found(folder: Path):
    other = EmertData.open(folder)
    name = str(other.ids["recording_id"][other.select(1)["train"][0]])
    edit(folder, recording_id=name)
    assert f"recording_id {name} is in train and in test" in _refused(folder)


@pytest.mark.parametrize(
    ("strict", "train", "test", "shared"), [(False, (2, 1), (2, 2), "participant_id"), (True, (2, 1), (1, 1), "stimulus_id")]
)
def test_cells_that_overlap_are_found(folder: Path, monkeypatch: pytest.MonkeyPatch, strict, train, test, shared):
    """As if the rule that makes splits of cells were wrong."""
    wrong = {"train": [train], "validation": [(3, 3)], "test": [test]}
    monkeypatch.setattr(reading.Assignment, "split_cells", lambda *_: wrong)
    assert re.search(rf"{shared} \S+ is in train and in test", _refused(folder, strict))


def test_a_data_file_that_is_missing_or_damaged_is_named(folder: Path):
    path, content = folder / FIRST, (folder / FIRST).read_bytes()
    where = re.escape(f"{path}: can't be read (")
    verify = re.escape(f"`emert data verify {folder}`")
    path.unlink()
    with pytest.raises(EmertInputError, match=f"{where}no such file.*{verify}"):
        EmertData.open(folder).select(1)
    path.write_bytes(content[:1000])
    with pytest.raises(EmertInputError, match=f"{where}.*{verify}"):
        EmertData.open(folder).select(1)
    middle = len(content) // 3
    path.write_bytes(content[:middle] + bytes(byte ^ 255 for byte in content[middle : 2 * middle]) + content[2 * middle :])
    with pytest.raises(EmertInputError, match=f"{where}.*{verify}"):
        EmertData.open(folder).recording(0)  # the first file holds the first row


@pytest.mark.parametrize("name", ["dataset.json", "splits.json"])
def test_a_description_that_would_fill_the_memory_is_refused(folder: Path, name: str):
    (folder / name).write_text('{"a":' * 200_000)
    with pytest.raises(EmertInputError, match=rf"{re.escape(name)} is .* too deep within each other"):
        EmertData.open(folder)
    with (folder / name).open("wb") as file:
        file.truncate(1 << 40)  # takes no room
    with pytest.raises(EmertInputError, match=rf"{re.escape(name)} is .*more than 268,435,456 bytes"):
        EmertData.open(folder)


def test_folds_and_recordings_without_end_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch):
    before = {name: (folder / name).read_text() for name in ("splits.json", "dataset.json")}
    splits, described = map(json.loads, before.values())
    splits["participants"]["p"] = 10**9
    del splits["sha256"]
    splits["sha256"] = hashlib.sha256(json.dumps(splits, sort_keys=True).encode()).hexdigest()
    (folder / "splits.json").write_text(json.dumps(splits))
    with pytest.raises(EmertInputError, match="build the data set again"):
        EmertData.open(folder)
    (folder / "splits.json").write_text(before["splits.json"])
    for about in described["files"].values():
        about["recordings"] = 10**12
    (folder / "dataset.json").write_text(json.dumps(described))
    with pytest.raises(EmertInputError, match=r"it holds \d recordings, where dataset.json has 1,000,000,000,000"):
        EmertData.open(folder).select(1)
    (folder / "dataset.json").write_text(before["dataset.json"])
    monkeypatch.setattr(row_groups, "MOST_BYTES", 1000)
    with pytest.raises(EmertInputError, match=r"row group 1 unpacks to .* expected at most"):
        EmertData.open(folder).recording(0)
