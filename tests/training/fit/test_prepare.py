"""Training with participant labels, pretrained backbones, and context, from the data set to the model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny_training import TINY_OVERRIDES
from transformers import AutoBackbone, set_seed

from dataset_scripts.dataset.reader import EmertData
from modeling_emert import EmertInputError
from training.data.dataset import RecordingDataset, collate
from training.evaluation.load_model import load_model
from training.fit.fit import fit, validation_scores
from training.fit.prepare import make_model, participant_numbers
from training.recipes.recipe import Recipe, load_recipe

FORGET = {"forget_participants": True, "epochs": 1}


def test_participants_of_the_training_rows_alone_have_a_number(data: EmertData, recipe: Recipe):
    rows = data.select(1)
    numbers = participant_numbers(data, rows["train"])
    trained = sorted(set(data.ids["participant_id"][rows["train"]]))
    assert numbers == {name: index for index, name in enumerate(trained)}
    _, processor = make_model(recipe, ["er7"])
    training = RecordingDataset(data, rows["train"], processor, ["er7"], participant_numbers=numbers)
    assert [int(training.labels["participant"][i]) for i in range(3)] == [
        numbers[data.ids["participant_id"][row]] for row in rows["train"][:3]
    ]
    others = RecordingDataset(data, rows["test"], processor, ["er7"], participant_numbers=numbers)
    assert (others.labels["participant"] == -100).all()


def test_a_network_that_forgets_has_a_head_for_its_training_participants(recipe: Recipe, data: EmertData, tmp_path: Path):
    forgetting = replace(recipe, **FORGET)
    loaded, processor = load_model(fit(forgetting, data, tmp_path / "model", fold=1))
    rows = data.select(1)["train"]
    assert loaded.config.num_participants == len(set(data.ids["participant_id"][rows]))
    set_seed(recipe.seed)
    start, _ = make_model(forgetting, data.tasks, loaded.config.num_participants)
    assert not torch.equal(loaded.participant_head.layers[-1].weight, start.participant_head.layers[-1].weight)
    items = RecordingDataset(data, rows[:4], processor, ["er7"], participant_numbers=participant_numbers(data, rows))
    output = loaded(**collate([items[index] for index in range(4)]))
    assert output.losses["participant"] > 0


def test_participants_have_no_say_in_which_epoch_is_best(recipe: Recipe, data: EmertData, tmp_path: Path, monkeypatch):
    seen = []

    def scores(prediction, **others) -> dict[str, float]:
        seen.append((set(prediction.predictions), set(prediction.label_ids)))
        return validation_scores(prediction, **others)

    monkeypatch.setattr("training.fit.fit.validation_scores", scores)
    fit(replace(recipe, **FORGET), data, tmp_path / "model", fold=1)
    assert seen
    assert all(names == (set(data.tasks), set(data.tasks)) for names in seen)


@pytest.mark.slow
def test_the_weight_of_forgetting_reaches_the_network_and_changes_it(recipe: Recipe, data: EmertData, tmp_path: Path):
    weights = {}
    for weight in (0.0, 5.0):
        overrides = {**recipe.overrides, "participant_weight": weight}
        folder = fit(replace(recipe, **FORGET, overrides=overrides), data, tmp_path / f"model{weight:g}", fold=1)
        weights[weight] = load_file(folder / "model.safetensors")
    start = {name: value for name, value in weights[0.0].items() if "fusion" in name}
    assert any(not torch.equal(value, weights[5.0][name]) for name, value in start.items())


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (["overrides.num_participants=5"], ("overrides.num_participants", "forget_participants")),
        (["forget_participants=3"], ("forget_participants is 3, expected true or false",)),
    ],
)
def test_recipes_that_contradict_themselves_are_refused(changes: list[str], named: tuple[str, ...]):
    with pytest.raises(EmertInputError) as caught:
        load_recipe("laptop", changes)
    assert all(part in str(caught.value) for part in named)


def test_training_begins_with_the_weights_of_the_pretrained_backbone(recipe: Recipe, tmp_path: Path):
    torch.manual_seed(9)
    fresh, _ = make_model(recipe, ["er7"])
    AutoBackbone.from_config(fresh.config.backbone_config).save_pretrained(tmp_path / "backbone")
    overrides = {**TINY_OVERRIDES, "pretrained_backbone": str(tmp_path / "backbone")}
    model, _ = make_model(replace(recipe, overrides=overrides), ["er7"])
    saved = load_file(tmp_path / "backbone" / "model.safetensors")
    found = model.emert.face_encoder.backbone.state_dict()
    assert all(torch.equal(found[name], value) for name, value in saved.items())
    with pytest.raises(EmertInputError, match=r"recipe: overrides: pretrained_backbone: .*absent"):
        make_model(replace(recipe, overrides={**overrides, "pretrained_backbone": str(tmp_path / "absent")}), ["er7"])


def test_context_comes_from_the_data_and_is_marked_where_absent(recipe: Recipe, data: EmertData, monkeypatch):
    read = EmertData.recording

    def with_context(self: EmertData, row: int, num_frames: int | None = None):
        whole = read(self, row, num_frames)
        if row == 0:
            whole.big_five, whole.stimulus_emotion = np.full(5, 0.25, np.float32), "disgust"
        return whole

    monkeypatch.setattr(EmertData, "recording", with_context)
    overrides = {**recipe.overrides, "context": ["big_five", "stimulus_emotion"]}
    model, processor = make_model(replace(recipe, overrides=overrides), ["er7"])
    items = [RecordingDataset(data, [0, 1], processor, ["er7"])[index] for index in (0, 1)]
    batch = collate(items)
    assert batch["big_five"].isnan().all(dim=1).tolist() == [False, True]
    assert batch["stimulus_emotion"].tolist() == [4, -100]
    assert model(**batch).loss.isfinite()
    del items[1]["inputs"]["big_five"], items[1]["inputs"]["stimulus_emotion"]
    again = collate(items)
    assert again["big_five"][1].isnan().all()
    assert again["stimulus_emotion"].tolist() == [4, -100]
