"""Folds are those of the recordings that are there, however many turn out to hold nothing."""

import pandas as pd
import pytest

from dataset_scripts.build.build import build
from dataset_scripts.checks.verify import verify
from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.dataset.splits import assign
from dataset_scripts.sources import open_source
from modeling_emert.errors_emert import EmertInputError

GAZE = "time_ms,gaze_x,gaze_y\n" + "".join(f"{10 * step},0.5,{0.3 + step / 100}\n" for step in range(30))
NOTHING = "time_ms,gaze_x\n0,\n10,\n"
PEOPLE, CLIPS = "ABCDEF", 4


@pytest.fixture
def recordings(tmp_path):
    """Six people, four clips; nobody's eyes were found in any recording of C, nor in one of A."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    rows = []
    for number, person in enumerate(PEOPLE):
        for clip in range(CLIPS):
            name = f"{person}{clip}"
            lost = person == "C" or name == "A1"
            (folder / f"{name}.csv").write_text(NOTHING if lost else GAZE.replace("0.5", f"0.{number + 2}{clip}"))
            label = ("positive", "negative", "neutral")[(number + clip) % 3]
            rows.append(
                {"recording_id": name, "participant": person, "stimulus": f"s{clip}", "gaze": f"{name}.csv", "er3": label}
            )
    pd.DataFrame(rows).to_csv(folder / "recordings.csv", index=False)
    return folder


def failed(folder) -> dict[str, str]:
    return {one.check: one.sentence for one in verify(folder) if one.status == "fail"}


def test_nobody_who_was_left_out_keeps_a_fold(recordings, tmp_path):
    out = build(open_source("folder", recordings), tmp_path / "out", num_workers=1)
    assert failed(out) == {}
    seed = next(one for one in verify(out) if one.check == "seed")
    assert seed.status == "pass"
    data = EmertData.open(out)
    assert len(data) == (len(PEOPLE) - 1) * CLIPS - 1
    assert sorted(data.assignment.participants) == list("ABDEF")
    assert sorted(data.assignment.participants.values()) == [1, 2, 3, 4, 5]
    entries = [entry for entry in open_source("folder", recordings).entries() if entry.participant != "C"]
    entries = [entry for entry in entries if entry.recording_id != "A1"]
    assert data.assignment == assign(entries, ("er3",), 0)
    for row, name in enumerate(data.ids["recording_id"]):
        place = (data.table["participant_fold"][row].as_py(), data.table["stimulus_group"][row].as_py())
        assert place == (data.assignment.participants[name[0]], data.assignment.stimuli[f"s{name[1]}"])
        expected = float(f"0.{PEOPLE.index(name[0]) + 2}{name[1]}")
        assert data.recording(row).gaze.column("gaze_x")[0] == pytest.approx(expected)


def test_too_few_people_left_is_said(recordings, tmp_path):
    for path in recordings.glob("[ABDE]?.csv"):
        path.write_text(NOTHING)
    with pytest.raises(EmertInputError, match=r"at least 3 participants, found 1 \(F\); add"):
        build(open_source("folder", recordings), tmp_path / "out", num_workers=1)
    assert not (tmp_path / "out").exists()
