"""Training that starts from a model: whose weights, licences and people it takes over, and what it refuses."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from dataset_scripts.dataset.reader import EmertData
from modeling_emert import EmertInputError
from modeling_emert.constants_emert import RECORD_FILE
from training.evaluation.model_folder import read_training, record_for, sources_of
from training.fit.fit import fit
from training.fit.prepare import prepare


@pytest.fixture(scope="module")
def start(recipe, data, tmp_path_factory):
    """A model of er3 that another source's people were learned for."""
    elsewhere = EmertData(data.folder, replace(data.metadata, source="elsewhere", licence="CC-BY-NC-4.0"), data.assignment)
    return fit(replace(recipe, epochs=1, tasks=("er3",)), elsewhere, tmp_path_factory.mktemp("start") / "elsewhere", 1)


def test_weights_of_the_same_name_and_shape_are_taken_over(start, recipe, data):
    model = prepare(replace(recipe, tasks=("er3", "fer3"), initial_model=str(start)), data, 1, False).model
    stored, new = load_file(start / "model.safetensors"), model.state_dict()
    for name, weights in stored.items():
        torch.testing.assert_close(new[name], weights, rtol=0, atol=0)
    assert {name for name in set(new) - set(stored) if "fer3" not in name and "num_batches" not in name} == set()


def test_record_names_the_people_and_licences_of_both(start, recipe, data, tmp_path):
    folder = fit(replace(recipe, epochs=1, initial_model=str(start)), data, tmp_path / "model", 1)
    record = read_training(folder)
    assert sources_of(record) == ["synthetic", "elsewhere"]
    assert record_for(record, "elsewhere")["seen_participants"] == read_training(start)["seen_participants"]
    assert {source["licence"] for source in record["sources"]} >= {"CC-BY-NC-4.0"}
    assert record["recipe"]["initial_model"] == "elsewhere"  # without the path

    again = replace(recipe, epochs=1, initial_model=str(folder))
    prepare(again, data, 1, False)  # the same fold leaves the same people for the test
    with pytest.raises(EmertInputError, match=r"has seen \d+ participants of the test .* take its fold, 1"):
        prepare(again, data, 2, False)
    # Records from before participants were hashed hold their names.
    record["data_sets"][0]["seen_participants"] = sorted({str(name) for name in data.ids["participant_id"]})
    (folder / RECORD_FILE).write_text(json.dumps(record))
    with pytest.raises(EmertInputError, match="participants of the test"):
        prepare(again, data, 1, False)
    with pytest.raises(EmertInputError, match="without --strict"):
        prepare(again, data, 1, True)


def test_what_is_no_model_or_has_no_record_is_refused(start, recipe, data, tmp_path):
    with pytest.raises(EmertInputError, match="no model here"):
        prepare(replace(recipe, initial_model=str(tmp_path)), data, 1, False)
    other = replace(recipe, overrides=recipe.overrides | {"encoder_size": 24}, initial_model=str(start))
    prepare(other, data, 1, False)  # the backbone still fits
