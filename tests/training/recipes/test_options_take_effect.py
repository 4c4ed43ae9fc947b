"""Each option of a recipe does something: these tests fail where it is read and then forgotten."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from killed_training import equal, weights

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.layers_emert import EmertAttention
from training.fit import fit as fitting
from training.fit.fit import fit, make_trainer
from training.fit.prepare import count_class_weights, prepare
from training.fit.record import HISTORY_FILE
from training.fit.trainer import EmertTrainer, training_arguments
from training.recipes.recipe import Recipe


def _history(folder: Path) -> list[dict]:
    return json.loads((folder / HISTORY_FILE).read_text())["epochs"]


@pytest.fixture
def eyes(recipe: Recipe) -> Recipe:
    """The quickest network; 21 recordings make three batches."""
    return replace(recipe, method="eye_movements_only", tasks=("er7",), schedule="constant", warmup=0.0)


def _scores(monkeypatch: pytest.MonkeyPatch, *values: dict[str, float]) -> None:
    """What the validation of each epoch is to say, and nothing afterwards."""
    left: Iterator[dict[str, float]] = iter(values)
    monkeypatch.setattr(fitting, "validation_scores", lambda *_, **__: next(left, {"er7": 0.0, "score": 0.0}))


def test_gradient_accumulation_goes_through_a_batch_in_parts(
    eyes: Recipe, data: EmertData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    sizes: list[int] = []
    compute = EmertTrainer.compute_loss

    def note(self: EmertTrainer, model, inputs: dict, *args: object, **kwargs: object):
        if model.training:
            sizes.append(len(inputs["labels"]["er7"]))
        return compute(self, model, inputs, *args, **kwargs)

    monkeypatch.setattr(EmertTrainer, "compute_loss", note)
    folder = fit(replace(eyes, epochs=1, gradient_accumulation=2), data, tmp_path / "model", fold=1)
    assert sizes == [4, 4, 4, 4, 2, 2]
    assert json.loads((folder / "training_record.json").read_text())["steps"] == 3


@pytest.mark.skipif(not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="oneDNN's LSTM has no bf16 on this CPU")
def test_bf16_is_what_the_network_computes_in(eyes: Recipe, data: EmertData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen: set[torch.dtype] = set()
    forward = EmertAttention.forward

    def note(self: EmertAttention, *args: object, **kwargs: object):
        if self.training:
            seen.add(self.q_proj(torch.zeros(1, self.q_proj.in_features)).dtype)
        return forward(self, *args, **kwargs)

    monkeypatch.setattr(EmertAttention, "forward", note)
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        seen.clear()
        folder = fit(replace(eyes, epochs=1, precision=precision), data, tmp_path / precision, fold=1)
        assert seen == {dtype}
        assert {value.dtype for value in weights(folder).values() if value.is_floating_point()} == {torch.float32}


def test_the_cosine_ends_at_zero_and_warmup_begins_there(eyes: Recipe, data: EmertData, tmp_path: Path):
    falling = replace(eyes, schedule="cosine", epochs=2)
    rates = [entry["learning_rate"] for entry in _history(fit(falling, data, tmp_path / "falling", fold=1))]
    assert eyes.learning_rate > rates[0] > 0.2 * eyes.learning_rate
    assert rates[1] < 0.1 * rates[0]
    for warmup, expected in ((0.0, [1] * 6), (0.5, [0, 0.25, 0.5, 0.75, 1, 1])):
        recipe = replace(eyes, warmup=warmup)
        trainer = make_trainer(recipe, prepare(recipe, data, 1, False), training_arguments(recipe, tmp_path, "x"), tmp_path, [])
        trainer.create_optimizer_and_scheduler(num_training_steps=8)
        found = []
        for _ in range(6):
            found.append(trainer.optimizer.param_groups[0]["lr"] / eyes.learning_rate)
            trainer.optimizer.step()
            trainer.lr_scheduler.step()
        assert found == pytest.approx(expected)


def test_weight_decay_reaches_the_optimizer_but_no_bias_or_norm(eyes: Recipe, data: EmertData, tmp_path: Path):
    chosen = replace(eyes, weight_decay=0.25, method="emert")
    trainer = make_trainer(chosen, prepare(chosen, data, 1, False), training_arguments(chosen, tmp_path, "x"), tmp_path, [])
    names = {id(parameter): name for name, parameter in trainer.model.named_parameters()}
    decays = {
        names[id(parameter)]: group["weight_decay"]
        for group in trainer.create_optimizer().param_groups
        for parameter in group["params"]
    }
    assert decays.keys() == set(names.values())
    assert {value for name, value in decays.items() if name.endswith("bias")} == {0.0}
    assert {value for name, value in decays.items() if name.endswith("q_proj.weight")} == {0.25}


def test_class_weights_are_counted_on_the_training_rows_and_stay(
    eyes: Recipe, data: EmertData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The generated labels are even, so one class is made rare; the weights lie in the config that is saved."""
    read = EmertData.labels

    def uneven(self: EmertData, task):
        labels = read(self, task).copy()
        labels[(labels == 1) & (labels.cumsum() % 2 == 0)] = 2
        return labels

    monkeypatch.setattr(EmertData, "labels", uneven)
    once = replace(eyes, epochs=1)
    plain = fit(once, data, tmp_path / "plain", fold=1)
    weighted = fit(replace(once, class_weights=True), data, tmp_path / "weighted", fold=1)
    expected = count_class_weights([(data, data.select(1)["train"])], ["er7"])
    assert len(set(expected["er7"])) > 1
    assert json.loads((weighted / "config.json").read_text())["class_weights"] == expected
    assert json.loads((plain / "config.json").read_text())["class_weights"] is None
    assert not equal(weights(plain), weights(weighted))


def test_training_stops_so_many_epochs_after_the_best(
    eyes: Recipe, data: EmertData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    _scores(monkeypatch, *({"er7": value, "score": value} for value in (0.1, 0.9, 0.2, 0.3, 0.4, 0.5)))
    folder = fit(replace(eyes, epochs=6, patience=2), data, tmp_path / "model", fold=1)
    record = json.loads((folder / "training_record.json").read_text())
    assert (record["epochs"], record["best_epoch"], record["validation_score"]) == (4, 2, 0.9)


def test_the_monitor_chooses_the_epoch_whose_weights_are_kept(
    eyes: Recipe, data: EmertData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    first = fit(replace(eyes, epochs=1), data, tmp_path / "first", fold=1)
    folders = {}
    for monitor in ("er7", "score"):
        _scores(monkeypatch, {"er7": 0.9, "score": 0.1}, {"er7": 0.1, "score": 0.9})
        folders[monitor] = fit(replace(eyes, monitor=monitor), data, tmp_path / monitor, fold=1)
    assert equal(weights(folders["er7"]), weights(first))
    assert not equal(weights(folders["score"]), weights(first))
