"""The authors' training on a generated tree in their layout: optimizer, schedule and draws as theirs, scores in both ways."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_training import TINY_OVERRIDES

from dataset_scripts.build.build import build
from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.generator.emer_layout import generate_emer
from dataset_scripts.generator.truth import GeneratorSettings
from dataset_scripts.sources import open_source
from dataset_scripts.sources.emer_authors import LABEL_ORDERS
from modeling_emert.errors_emert import EmertInputError
from training.cli import main
from training.fit.fit import make_trainer
from training.fit.prepare import prepare
from training.fit.trainer import training_arguments
from training.recipes.recipe import Recipe, load_recipe

SMALL = [
    f"overrides={json.dumps(TINY_OVERRIDES | {'num_frames': 8})}",
    "image_size=32",
    "num_workers=0",
    "batch_size=4",
    "epochs=3",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("emer")
    tree = generate_emer(place / "tree", GeneratorSettings(participants=6, stimuli=2, seed=3))
    source = open_source("emer", tree, label_order=LABEL_ORDERS["2024"], participants="participants.csv")
    return build(source, place / "data", num_workers=1)


@pytest.fixture
def data(folder: Path) -> EmertData:
    """Opened for each test, since opening registers its own tasks."""
    return EmertData.open(folder)


def recipe(*changes: str) -> Recipe:
    return load_recipe("authors", [*SMALL, *changes])


def test_recipe_is_theirs_to_the_letter():
    found = load_recipe("authors")
    assert (found.optimizer, found.learning_rate, found.weight_decay, found.max_gradient) == ("adam", 1e-4, 5e-4, 0)
    assert (found.schedule, found.warmup, found.epochs, found.patience, found.batch_size) == (
        "cosine_by_epoch",
        0,
        200,
        200,
        16,
    )
    assert (found.inputs, found.sampling, found.frame_order, found.seed) == ("authors", "random", "last_digit", 0)
    assert found.augmentation == ()
    weights = [
        (one.overrides["adversarial_weight"], one.overrides["specific_weight"])
        for one in (found, load_recipe("authors_intensity"))
    ]
    assert weights == [(0.01, 0.01), (0.3, 0.1)]


@pytest.mark.slow
def test_adam_with_l2_steps_and_a_rate_that_falls_once_an_epoch(data: EmertData, tmp_path: Path, monkeypatch):
    one = recipe()
    prepared = prepare(one, [data], 1, False)
    arguments = training_arguments(one, tmp_path / "checkpoints", "m")
    arguments.save_strategy = "no"
    trainer = make_trainer(one, prepared, arguments, tmp_path, [])
    rates, steps = [], math.ceil(len(prepared.training) / 4)
    step = torch.optim.Adam.step

    def note(self: torch.optim.Adam, *args: object, **kwargs: object):
        rates.append(self.param_groups[0]["lr"])
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", note)
    trainer.train()
    optimizer = getattr(trainer.optimizer, "optimizer", trainer.optimizer)
    assert type(optimizer) is torch.optim.Adam
    [group] = optimizer.param_groups  # biases and norms decay too
    assert group["weight_decay"] == 5e-4
    assert len(group["params"]) == len(list(prepared.model.parameters()))
    expected = [1e-4 * (1 + math.cos(math.pi * epoch / 3)) / 2 for epoch in range(3)]
    np.testing.assert_allclose(rates, np.repeat(expected, steps)[: len(rates)], rtol=1e-9)
    assert len(rates) >= 3 * steps - 3


@pytest.mark.slow
def test_draws_differ_by_epoch_and_are_the_same_in_every_run(data: EmertData):
    first, second = (prepare(recipe(), [data], 1, False).training for _ in range(2))
    values = {}
    for epoch in (0, 1):
        first.set_epoch(epoch)
        second.set_epoch(epoch)
        values[epoch] = first[3]["inputs"]
        for name, value in values[epoch].items():
            assert torch.equal(value, second[3]["inputs"][name])
    assert not torch.equal(values[0]["eye_movements"], values[1]["eye_movements"])
    assert not torch.equal(values[0]["pixel_values"], values[1]["pixel_values"])
    middle = prepare(recipe("sampling=middle", "frame_order=time"), [data], 1, False).training
    assert torch.equal(middle[3]["inputs"]["eye_movements"], middle[3]["inputs"]["eye_movements"])
    assert float(values[0]["pixel_values"].max()) <= 1


@pytest.mark.slow
def test_train_evaluate_and_predict_with_their_way_of_scoring_beside_ours(data: EmertData, tmp_path: Path, capsys):
    model, scores = tmp_path / "model", tmp_path / "scores"
    assert main(["train", "authors", *SMALL, "--data", str(data.folder), "--out", str(model), "--fold", "2"]) == 0
    history = json.loads((model / "history.json").read_text())["epochs"]
    assert [set(entry["test"]["er7"]) for entry in history] == [{"uar", "uar_batchmean16"}] * 3
    assert "test_er7/uar" not in history[0]["validation"]
    capsys.readouterr()
    assert main(["evaluate", str(model), str(data.folder), "--out", str(scores), "--authors-way"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "the authors' sets 2 as tests (0 of their participants also in training)" in printed
    best = max(entry["test"]["er7"]["uar_batchmean16"] for entry in history)
    assert f"the best of 3 epochs on the test by that: {best:.3f}" in printed
    assert main(["evaluate", str(model), str(data.folder), "--out", str(scores), "--overwrite", "--protocol", "er7-fold2"]) == 2
    assert "its own are as er7-authors-fold1" in capsys.readouterr().err
    tree = data.folder.parent / "tree"
    name = "2_film_s001 Sadness"
    files = ["--video", str(tree / "face" / "set2" / name), "--gaze", str(tree / "eye" / f"{name}.xlsx")]
    assert main(["predict", "--model", str(model), *files, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["modalities"] == ["face", "eye_movements", "fixations"]
    assert sum(answer["tasks"]["er7"].values()) == pytest.approx(1, abs=1e-3)


@pytest.mark.slow
def test_ours_learns_from_the_same_data_set(data: EmertData):
    ours = load_recipe("multitask", ["tasks=[er3,er7,er_va,fer_intensity]", "network=small", "image_size=56", "num_workers=0"])
    prepared = prepare(ours, [data], 3, False)
    inputs = prepared.training[0]["inputs"]
    assert {"pixel_values", "eye_movements", "fixations"} <= set(inputs)
    assert float(inputs["eye_movements"].abs().max()) <= 5


@pytest.mark.slow
def test_a_data_set_without_sheets_is_refused(data: EmertData):
    without = EmertData(data.folder, replace(data.metadata, sheet_columns=()), data.assignment)
    with pytest.raises(EmertInputError, match="keeps no sheets of the eye tracker"):
        prepare(recipe(), [without], 1, False)
