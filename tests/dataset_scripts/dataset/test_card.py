"""The data card: read as the Hub reads it, and its figures against the data."""

from dataclasses import replace

import pandas as pd
import pytest
from huggingface_hub import DatasetCard

from dataset_scripts.dataset.card import make_card
from dataset_scripts.dataset.layout import CARD_FILE
from dataset_scripts.dataset.metadata import QUARTERS, Counts
from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.dataset.schema import COLUMN_MEANINGS
from modeling_emert.columns_emert import COLUMN_NAMES
from modeling_emert.tasks_emert import EMER_TASKS, TASKS


@pytest.fixture(scope="module")
def data(dataset_folder) -> EmertData:
    return EmertData.open(dataset_folder)


def sections(text: str) -> dict[str, str]:
    return {part.split("\n", 1)[0]: part.split("\n", 1)[1].strip() for part in text.split("\n## ")[1:]}


def test_the_hub_reads_its_front_matter(dataset_folder):
    card = DatasetCard.load(dataset_folder / CARD_FILE)
    front = card.data.to_dict()
    assert front["license"] == "apache-2.0"
    assert front["size_categories"] == ["n<1K"]
    assert {"eye-tracking", "synthetic"} <= set(front["tags"])
    assert front["task_categories"] == ["video-classification", "tabular-classification", "tabular-regression"]
    assert front["pretty_name"] == "Eyes, faces and emotion: source synthetic"
    assert "configs" not in front


def test_its_counts_are_those_of_the_data(dataset_folder, data):
    text = (dataset_folder / CARD_FILE).read_text()
    for row in (
        "| recordings | 42 |",
        "| participants | 6 |",
        "| stimuli | 7 |",
        "(`face`) | 42 |",
        "(`eye_movements`) | 42 |",
    ):
        assert row in text
    assert "action units" not in sections(text)["What is in it"]
    table = data.table.to_pandas()
    for name in EMER_TASKS:
        for column in TASKS[name].columns:
            (row,) = [line for line in sections(text)["What is in it"].splitlines() if line.startswith(f"| `{column}` |")]
            shown = [int(part.split(": ")[1]) for part in row.split(" | ")[2].removesuffix(" |").split(", ")]
            assert int(row.split(" | ")[1]) == sum(shown) == table[column].notna().sum()
            assert shown == expected_counts(table[column], name)


def expected_counts(values: pd.Series, name: str) -> list[int]:
    if TASKS[name].kind == "classification":
        return [int((values == index).sum()) for index in range(TASKS[name].size)]
    edges = pd.interval_range(*TASKS[name].range, periods=len(QUARTERS), closed="left")
    counts = [int(values.map(lambda value, edge=edge: value in edge).sum()) for edge in edges]
    counts[-1] += int((values == TASKS[name].range[1]).sum())
    return counts


def test_no_section_is_empty_and_every_column_is_explained(dataset_folder):
    found = sections((dataset_folder / CARD_FILE).read_text())
    assert all(len(text) > 8 for text in found.values())
    assert all(f"| `{name}` |" in found["Columns"] for name in COLUMN_MEANINGS)
    assert all(f"| `{name}` |" in found["The 39 columns of `eye_movements`"] for name in COLUMN_NAMES)
    assert "er3-strict-fold1" in found["Protocols and splits"]
    assert "says nothing of real emotion" in found["Known limits"]


def test_it_begins_with_a_snippet_that_loads_then_the_licence_and_what_it_is_for(dataset_folder, cache):
    text = (dataset_folder / CARD_FILE).read_text()
    order = [
        text.index(part) for part in ("pip install datasets", "load_dataset(", "## Licence", "## What it is for", "## Why")
    ]
    assert order == sorted(order)
    snippet = text.split("```python\n", 1)[1].split("```")[0]
    found: dict = {}
    exec(snippet.replace("FOLDER", str(dataset_folder)).replace('fold1")', f'fold1", cache_dir={cache!r})'), found)
    assert found["row"]["recording_id"]
    assert "license: apache-2.0" in text


def test_a_licence_that_forbids_publishing_is_told_and_has_the_hubs_form(data):
    metadata = replace(data.metadata, licence="by agreement: with\nthe authors", redistributable=False, source="lab")
    text = make_card(metadata, data.assignment)
    front = DatasetCard(text).data.to_dict()
    assert (front["license"], front["license_name"]) == ("other", "lab-terms")
    assert "must not be published" in text
    assert "by agreement: with the authors" in text


def test_what_is_not_there_is_not_described(data):
    """Fixations alone, of two stimuli: no faces, no dictionary of eye movements, no strict version."""
    counts = replace(data.metadata.counts, modalities={**dict.fromkeys(data.metadata.counts.modalities, 0), "fixations": 40})
    stimuli = {name: 1 + index % 2 for index, name in enumerate(data.assignment.stimuli)}
    text = make_card(replace(data.metadata, counts=counts), replace(data.assignment, stimuli=stimuli))
    found = sections(text)
    assert "The 39 columns of `eye_movements`" not in found
    assert "There is no strict version" in found["Protocols and splits"]
    assert "strict-fold" not in text
    assert "video-classification" not in text
    assert "When the data set was built" not in text
    assert "Recordings without `fixations`: 2." in found["Known limits"]


def test_a_long_list_of_what_was_left_out_is_cut(data):
    text = make_card(replace(data.metadata, notes=tuple(f"r{number}: left out" for number in range(500))), data.assignment)
    assert sections(text)["Left out when it was built"].splitlines()[-1] == "- and 470 more, listed in `dataset.json`"


def test_quarters_take_in_both_ends_of_the_range():
    counts = Counts.empty(["er_va"])
    row = dict.fromkeys(("face", "eye_movements", "fixation_x", "action_units"))
    for valence in (-1.0, -0.5, 0.0, 0.99, 1.0, None):
        counts.add(row | {"er_valence": valence, "er_arousal": None}, ["er_va"])
    assert list(counts.labels["er_valence"].values()) == [1, 1, 1, 2]
    assert sum(counts.labels["er_arousal"].values()) == 0
    total = Counts.sum(["er_va"], [counts, counts])
    assert list(total.labels["er_valence"].values()) == [2, 2, 2, 4]
