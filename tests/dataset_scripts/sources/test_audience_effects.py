"""The source Audience Effects: on a generated copy of its layout, and on the tables themselves."""

import csv
import json
from collections import Counter

import numpy as np
import pytest
from audience_tree import audience_tree
from damaged_dataset import failed
from datasets import load_dataset
from places import REAL

from dataset_scripts.build.build import build
from dataset_scripts.dataset.metadata import METADATA_FILE, Metadata
from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.sources import open_source
from dataset_scripts.sources.audience_effects import FILES, AudienceEffectsSource
from dataset_scripts.sources.base import PERSON_COLUMNS, check_labels
from modeling_emert.columns_emert import ACTION_UNITS
from modeling_emert.errors_emert import EmertInputError


@pytest.fixture
def tree(tmp_path):
    return audience_tree(tmp_path)


def test_every_row_with_a_person_is_a_recording(tree):
    source = AudienceEffectsSource(tree)
    entries = source.entries()
    check_labels(source, entries)
    assert len(entries) == 6 * 4
    assert {entry.participant for entry in entries} == {str(1000 + person) for person in range(6)}
    first = entries[0]
    assert (first.recording_id, first.stimulus) == ("1000-A-B", "A-B")
    assert first.labels == {"er3": "positive"}
    assert first.context == {"stimulus_emotion": "happiness"}
    assert first.person == {
        "participant_gender": "female",
        "participant_age": 18.0,
        "participant_ethnicity": "White",
    }
    assert "participant_ethnicity" not in next(entry.person for entry in entries if entry.participant == "1002")
    assert source.load_gaze(first) is None


def test_action_units_are_the_means_in_our_order(tree):
    source = AudienceEffectsSource(tree)
    entry = next(entry for entry in source.entries() if entry.labels["er3"] == "positive")
    units = source.load_action_units(entry)
    assert units.intensities.shape == (1, len(ACTION_UNITS))
    assert units.times_ms.tolist() == [0.0]
    assert units.intensities[0, ACTION_UNITS.index("AU12")] >= 2


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (b"Pleasant", b"Happy", "has 'Happy' as valence_self_report, expected one of Pleasant, Unpleasant, Neutral"),
        (b"\tfear\t", b"\tgore\t", "has 'gore' as valence, expected one of amusement, fear, neutral"),
        (b"AU45\t", b"AU46\t", "has no column AU45"),
        (b"\t0.5\r\n", b"\r\n", "cells, where the header has"),
        (b"Dark(2)", b"Dark(1)", "comes twice"),
        (b"\t18\t", b"\t180\t", "has 180.0 as age, expected years in 1..120"),
        (b"\t18\t", b"\tyoung\t", "has 'young' as age"),
    ],
)
def test_a_wrong_table_is_refused_with_its_place(tree, old, new, problem):
    file = tree / "alone.txt"
    file.write_bytes(file.read_bytes().replace(old, new))
    with pytest.raises(EmertInputError) as refusal:
        AudienceEffectsSource(tree).entries()
    assert problem in str(refusal.value)


@pytest.mark.parametrize("value", ["-1.0", "6", "many", "inf"])
def test_an_impossible_intensity_is_refused(tree, value):
    file = tree / "alone.txt"
    lines = file.read_text().split("\n")
    cells = lines[1].split("\t")
    cells[7] = value
    file.write_text("\n".join([lines[0], "\t".join(cells), *lines[2:]]))
    with pytest.raises(EmertInputError, match=rf"alone.txt: line 2 has '{value}' as AU01, expected a number in 0..5"):
        AudienceEffectsSource(tree).entries()


def test_who_took_part_is_in_the_data_set_and_in_no_other(tree, tmp_path, dataset_folder):
    built = EmertData.open(build(open_source("audience_effects", tree), tmp_path / "built", num_workers=1))
    assert not failed(built.folder)
    assert built.metadata.person_columns == PERSON_COLUMNS
    row = load_dataset(str(built.folder), "er3-fold1", cache_dir=str(tmp_path / "cache"))["test"][0]
    person = int(row["participant_id"]) - 1000
    assert (row["participant_age"], row["participant_gender"]) == (18 + person, ("female", "male")[person % 2])
    assert all(f"| `{column}` |" in (built.folder / "README.md").read_text() for column in PERSON_COLUMNS)
    other = EmertData.open(dataset_folder)
    assert not set(PERSON_COLUMNS) & set(other.table.column_names)
    assert "person_columns" not in (dataset_folder / METADATA_FILE).read_text()
    metadata = json.loads((built.folder / METADATA_FILE).read_text()) | {"person_columns": ["participant_name"]}
    with pytest.raises(ValueError, match="person_columns: 'participant_name'"):
        Metadata.from_content(metadata)


@pytest.mark.real
def test_the_real_tables_equal_a_plain_reading():
    folder = REAL / "audience_effects"
    if not folder.is_dir():
        pytest.skip(f"no real recordings at {folder}; set EMERT_REAL_DATA")
    rows = []
    for name in FILES:
        rows += [row for row in csv.DictReader((folder / name).open(), delimiter="\t") if row["private_id"]]
    source = AudienceEffectsSource(folder)
    entries = source.entries()
    assert len(entries) == len(rows) == 960
    assert Counter(entry.labels["er3"] for entry in entries) == {"positive": 210, "neutral": 422, "negative": 328}
    assert len({entry.participant for entry in entries}) == 80
    assert Counter(entry.person["participant_gender"] for entry in entries) == {"female": 888, "male": 72}
    assert len({entry.stimulus for entry in entries}) == 12
    total = sum(float(row[unit]) for row in rows for unit in ACTION_UNITS)
    found = sum(source.load_action_units(entry).intensities.sum(dtype=np.float64) for entry in entries)
    assert found == pytest.approx(total, rel=1e-6)
