"""`emert data verify`: a sound data set passes, and each kind of damage fails by the name of its own check alone."""

import json
from dataclasses import replace
from io import BytesIO

import pytest
from damaged_dataset import FIRST, edit, edit_config, edit_description, failed, read, value, with_values, write
from PIL import Image

from dataset_scripts.checks.verify import verify
from dataset_scripts.dataset.splits import Assignment
from training.cli import main


def add_to_train(folder, config: str, file: str) -> None:
    edit_config(folder, config, lambda entry: entry["data_files"][0]["path"].append(file))


def jpeg(side: int, kind="JPEG") -> dict:
    buffer = BytesIO()
    Image.new("RGB", (side, side)).save(buffer, kind)
    return {"bytes": buffer.getvalue(), "path": None}


def test_a_sound_data_set_passes(small_dataset, capsys):
    findings = verify(small_dataset)
    assert {one.check: one.sentence for one in findings if one.status == "fail"} == {}
    # A small one: fewer folds than five, and classes that a test split lacks.
    assert {one.check for one in findings if one.status == "warn"} == {"classes in tests", "folds"}
    assert len({one.check for one in findings}) == len(findings) == 25
    assert main(["data", "verify", str(small_dataset)]) == 0
    table = capsys.readouterr().out
    assert "participants apart  pass" in table
    assert table.rstrip().endswith("23 pass, 2 warn, 0 fail")


def test_a_leaked_participant(folder):
    add_to_train(folder, "er7-fold1", FIRST)
    found = failed(folder)
    assert list(found) == ["participants apart"]
    assert "er7-fold1: " in found["participants apart"]
    assert value(folder, "participant_id") in found["participants apart"]
    assert "train and test" in found["participants apart"]


def test_a_leak_into_validation(folder):
    add_to_train(folder, "fer_va-fold1", "data/p2-s3.parquet")
    assert "train and validation" in failed(folder)["participants apart"]


def test_a_leaked_stimulus_in_a_strict_config(folder):
    add_to_train(folder, "er7-strict-fold1", "data/p3-s1.parquet")
    found = failed(folder)
    assert list(found) == ["stimuli apart"]
    assert value(folder, "stimulus_id") in found["stimuli apart"]


@pytest.mark.parametrize(
    ("column", "label"), [("er7", 7), ("er3", -1), ("er_valence", 1.5), ("fer_intensity", float("nan")), ("fer_arousal", -2)]
)
def test_a_label_out_of_range(folder, column, label):
    edit(folder, **{column: label})
    found = failed(folder)
    assert list(found) == ["label ranges"]
    assert column in found["label ranges"]
    assert value(folder, "recording_id") in found["label ranges"]


def test_a_coarse_label_that_contradicts_the_fine_one(folder):
    edit(folder, er7=0, er3=1)
    found = failed(folder)
    assert list(found) == ["coarse and fine"]
    assert "happiness" in found["coarse and fine"]


def test_surprise_is_free_unless_the_source_says(folder):
    edit(folder, fer7=3, fer3=1)
    assert failed(folder) == {}
    edit_description(folder, surprise_polarity="positive")
    assert list(failed(folder)) == ["coarse and fine"]


@pytest.mark.parametrize("column", ["eye_times_ms", "face_times_ms", "fixation_start_ms"])
def test_times_that_go_back(folder, column):
    times = value(folder, column)
    edit(folder, **{column: [times[-1] + 1, *times[1:]]})
    found = failed(folder)
    assert list(found) == ["times"]
    assert column in found["times"]


@pytest.mark.parametrize(
    ("column", "number"), [("eye_times_ms", float("inf")), ("face_times_ms", float("nan")), ("fixation_duration_ms", -1.0)]
)
def test_a_time_that_is_no_number_and_a_negative_duration(folder, column, number):
    edit(folder, **{column: [*value(folder, column)[:-1], number]})
    found = failed(folder)
    assert list(found) == ["times"]
    assert column in found["times"]


def test_parts_of_other_lengths(folder):
    edit(folder, eye_times_ms=value(folder, "eye_times_ms")[:-1], face_detected=[True])
    found = failed(folder)
    assert list(found) == ["shapes"]
    assert "eye_movements has" in found["shapes"]
    assert "2 face crops, 2 times, 1 flags" in found["shapes"]


@pytest.mark.parametrize(
    ("picture", "text"),
    [
        (jpeg(112, "GIF"), "no JPEG or PNG"),
        (jpeg(64), "64 x 64"),
        ({"bytes": jpeg(112)["bytes"][:-200], "path": None}, "no JPEG"),
        ({"bytes": None, "path": "/etc/passwd"}, "is empty"),
    ],
)
def test_a_face_crop_that_is_none(folder, picture, text):
    edit(folder, face=[picture, value(folder, "face")[1]])
    found = failed(folder)
    assert list(found) == ["face crops"]
    assert text in found["face crops"]


def test_a_face_crop_that_claims_to_be_huge_is_not_decoded(folder):
    content = bytearray(jpeg(112)["bytes"])
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = b"\xff\xff\xff\xff"
    edit(folder, face=[{"bytes": bytes(content), "path": None}, value(folder, "face")[1]])
    assert list(failed(folder)) == ["face crops"]


@pytest.mark.parametrize("parts", [("face", "eye"), ("fixation",), ("face",)])
def test_a_recording_that_is_there_twice_under_another_name_and_participant(folder, parts):
    """The whole of it, or only a part: a video that was given to two participants is a leak as well."""
    first, other = read(folder), read(folder, "data/p2-s2.parquet")
    for name in first.column_names:
        if name.startswith(parts):
            other = other.set_column(other.schema.get_field_index(name), other.schema.field(name), first[name])
    write(folder, "data/p2-s2.parquet", other)
    found = failed(folder)
    assert list(found) == ["no recording twice"]
    for name in (value(folder, "recording_id"), other["recording_id"][0].as_py(), "a leak"):
        assert name in found["no recording twice"]


def test_two_recordings_of_one_name(folder):
    other = with_values(read(folder, "data/p2-s2.parquet"), recording_id=value(folder, "recording_id"))
    write(folder, "data/p2-s2.parquet", other)
    assert list(failed(folder)) == ["identities"]


def test_a_changed_byte_in_a_data_file(folder):
    content = (folder / FIRST).read_bytes()
    (folder / FIRST).write_bytes(content.replace(b"parquet-cpp", b"parquet-cpq"))
    found = failed(folder)
    assert list(found) == ["hashes"]
    assert f"{FIRST} was changed" in found["hashes"]


def test_a_changed_splits_file(folder):
    content = json.loads((folder / "splits.json").read_text())
    (folder / "splits.json").write_text(json.dumps(content | {"seed": 1}))
    assert list(failed(folder)) == ["splits file"]


def test_a_missing_data_file_and_one_too_many(folder):
    (folder / FIRST).rename(folder / "data/more.parquet")
    found = failed(folder)
    assert list(found) == ["files"]
    assert f"{FIRST} is missing" in found["files"]
    assert "data/more.parquet is not listed" in found["files"]


def test_a_row_in_the_wrong_cell(folder):
    edit(folder, stimulus_group=2)
    found = failed(folder)
    assert list(found) == ["cells"]
    assert value(folder, "recording_id") in found["cells"]


def test_two_files_that_changed_places(folder):
    """All hashes are right, and nobody is on two sides: only the columns tell."""
    first, other = read(folder), read(folder, "data/p1-s2.parquet")
    write(folder, FIRST, other)
    write(folder, "data/p1-s2.parquet", first)
    assert "cells" in failed(folder)


def test_a_seed_that_makes_other_folds_warns(folder):
    edit_description(folder, seed=4)
    stored_splits = Assignment.read(folder / "splits.json")
    (folder / "splits.json").write_text(replace(stored_splits, seed=4).to_json())
    seed = next(one for one in verify(folder) if one.check == "seed")
    assert seed.status == "warn"
    assert "seed 4" in seed.sentence
    assert failed(folder) == {}


def test_a_config_that_tells_another_label(folder):
    edit_config(folder, "er7-fold1", lambda entry: entry["columns"].append("er3"))
    found = failed(folder)
    assert list(found) == ["configs", "label views"]
    assert "er7-fold1 shows er3" in found["label views"]


def test_a_recording_that_is_tested_nowhere(folder):
    edit_config(folder, "er7-fold1", lambda entry: entry["data_files"][2]["path"].remove(FIRST))
    found = failed(folder)
    assert list(found) == ["tested once"]
    assert FIRST in found["tested once"]


def test_the_command_fails_with_a_table_or_json_without_what_steers_a_terminal(folder, capsys):
    edit(folder, recording_id="\x1b[2Jhidden", er7=9)
    assert main(["data", "verify", str(folder)]) == 1
    table = capsys.readouterr().out
    assert "\x1b" not in table
    assert "label ranges        fail    ?[2Jhidden" in table
    assert main(["data", "verify", str(folder), "--json"]) == 1
    findings = {one["check"]: one for one in json.loads(capsys.readouterr().out)}
    assert findings["label ranges"]["status"] == "fail"
    assert findings["hashes"]["status"] == "pass"


def test_what_is_thin_warns(folder):
    edit(folder, face=None, face_times_ms=None, face_detected=None)
    missing = next(one for one in verify(folder) if one.check == "missing parts")
    assert (missing.status, missing.sentence) == ("warn", "1 of 9 recordings (11.1%) have no face")
    assert failed(folder) == {}
