"""What the keys of a recipe do to a training: each changes what it names, and the parts of a batch change nothing."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub.errors import StrictDataclassError
from killed_training import equal, weights
from tiny_training import TINY_OVERRIDES

from dataset_scripts.dataset.reader import EmertData
from modeling_emert import EmertConfig, EmertForEmotionRecognition, EmertInputError
from modeling_emert.export_emert import example_inputs
from training.data.dataset import RecordingDataset
from training.data.sampler import EqualBatchSampler
from training.fit.fit import fit
from training.fit.prepare import choose_tasks, count_class_weights
from training.fit.record import HISTORY_FILE, best_epoch, epochs_of, epochs_without_gain, history_table
from training.fit.trainer import tracking_callbacks, training_arguments
from training.recipes.recipe import Recipe, load_recipe

# oneDNN's LSTM has no bf16 on a CPU without AVX-512.
BEST_PRECISION = "bf16" if torch.ops.mkldnn._is_mkldnn_bf16_supported() else "fp32"
# No dropout and no BatchNorm, which are random or averaged by parts of a batch.
STILL = {
    **TINY_OVERRIDES,
    "stream_dropout": 0.0,
    "fusion_dropout": 0.0,
    "position_dropout": 0.0,
    "modality_dropout": 0.0,
    "freeze_backbone": True,
}


def _history(folder: Path) -> list[dict]:
    return json.loads((folder / HISTORY_FILE).read_text())["epochs"]


@pytest.mark.slow
def test_parts_of_a_batch_give_the_losses_of_the_whole(recipe: Recipe, data: EmertData, tmp_path: Path):
    still = replace(recipe, overrides=STILL, epochs=2, batch_size=4)  # 21 recordings: five batches and one left out
    whole, parts = (fit(replace(still, gradient_accumulation=parts), data, tmp_path / str(parts), fold=1) for parts in (1, 2))
    for one, other in zip(_history(whole), _history(parts), strict=True):
        assert other["loss"] == pytest.approx(one["loss"], abs=1e-4)


@pytest.mark.parametrize("size", [21, 24, 25, 30])
def test_processes_and_parts_share_the_batches_of_one(size: int):
    """All but a last one that is too small for four parts of two or more; alone, a process drops none but a batch of one."""

    def batches(**parts: int) -> list[list[int]]:
        order = EqualBatchSampler(size, batch_size=8, seed=3, **parts)
        order.set_epoch(2)
        assert len(order) == len(list(order))
        return list(order)

    whole = batches()
    shared = [batches(accumulation=2, processes=2, process=process) for process in range(2)]
    count = size // 8
    assert len(shared[0]) == len(shared[1]) == 2 * count
    for number, batch in enumerate(whole[:count]):
        pieces = shared[0][2 * number : 2 * number + 2] + shared[1][2 * number : 2 * number + 2]
        assert [index for piece in pieces for index in piece] == batch
        assert {len(piece) for piece in pieces} == {2}
    assert sum(map(len, whole)) == (size - 1 if size % 8 == 1 else size)


def test_a_last_batch_is_cut_into_equal_parts_and_the_rest_left_for_another_epoch():
    one, other = (list(EqualBatchSampler(29, 16, seed=0, processes=2, process=process))[-1] for process in range(2))
    assert (len(one), len(other)) == (6, 6)
    assert not set(one) & set(other)
    order = EqualBatchSampler(29, 16, seed=0)
    first = list(order)
    order.set_epoch(1)
    assert list(order) != first


def test_data_and_order_hear_of_every_epoch(recipe: Recipe, data: EmertData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    heard: dict[type, list[int]] = {RecordingDataset: [], EqualBatchSampler: []}
    for kind, epochs in heard.items():
        real = kind.set_epoch
        monkeypatch.setattr(kind, "set_epoch", lambda self, epoch, e=epochs, r=real: (e.append(epoch), r(self, epoch)))
    fit(recipe, data, tmp_path / "model", fold=1)
    assert set(heard[RecordingDataset]) == set(heard[EqualBatchSampler]) == {0, 1}


def test_class_weights_come_from_the_training_rows_alone(data: EmertData):
    rows = data.select(1)["train"]
    weights_of = count_class_weights([(data, rows)], ["er7", "er_va"])
    labels = data.column("er7").to_numpy()[rows]
    own = np.array(weights_of["er7"])
    assert set(weights_of) == {"er7"}
    assert own[labels.astype(int)].mean() == pytest.approx(1)
    counts = np.bincount(labels.astype(int), minlength=7)
    assert np.ptp((own * counts)[counts > 0]) == pytest.approx(0)


def test_class_weights_reach_the_loss_by_hand():
    config = EmertConfig.small(tasks=["er3"], class_weights={"er3": [1.0, 3.0, 2.0]}, **TINY_OVERRIDES)
    torch.manual_seed(0)
    model = EmertForEmotionRecognition(config).eval()
    labels = torch.tensor([0, 1, -100, 1])
    output = model(**example_inputs(config, 4, 32), labels={"er3": labels})
    each = -output.logits["er3"].log_softmax(1)[torch.arange(4), labels.clamp(min=0)]
    expected = (each[0] + 3 * each[1] + 3 * each[3]) / 7
    assert output.losses["er3"].item() == pytest.approx(expected.item(), abs=1e-6)
    nothing = model(**example_inputs(config, 4, 32), labels={"er3": torch.full((4,), -100)})
    assert nothing.losses["er3"].item() == 0
    with pytest.raises(StrictDataclassError, match="class_weights"):
        EmertConfig.small(tasks=["er3"], class_weights={"er3": [1.0, 2.0]})


def test_another_method_with_everything_switched_on(recipe: Recipe, data: EmertData, tmp_path: Path):
    full = replace(
        recipe,
        method="eye_movements_only",
        precision=BEST_PRECISION,
        class_weights=True,
        monitor="er7",
        schedule="constant",
        warmup=0.0,
        tasks=("er3", "er7", "er_va"),
        augmentation=({"name": "blinks"},),
    )
    folder = fit(full, data, tmp_path / "model", fold=1)
    record = json.loads((folder / "training_record.json").read_text())
    config = json.loads((folder / "config.json").read_text())
    assert Recipe(**record["recipe"]) == full
    assert config["model_type"] == "emert_unimodal"
    assert config["class_weights"].keys() == {"er3", "er7"}
    assert config["temperatures"].keys() == {"er3", "er7"}
    assert all(0 < value < 100 for value in config["temperatures"].values())
    history = _history(folder)
    assert [entry["learning_rate"] for entry in history] == [recipe.learning_rate] * 2
    assert record["best_epoch"] == best_epoch(history, "er7")
    assert record["validation_score"] == max(entry["validation"]["er7"] for entry in history)
    assert (record["method"], record["steps"], record["processes"]) == ("eye_movements_only", 6, 1)
    assert record["samples_per_second"] > 0
    assert "torch" in record["versions"]
    table = history_table(folder).splitlines()
    assert len(table) == 3
    assert sum("chosen" in line for line in table) == 1
    assert table[record["best_epoch"]].endswith("chosen")


def test_offsets_are_part_of_the_heads_weights(recipe: Recipe, data: EmertData, tmp_path: Path):
    short = replace(recipe, epochs=1, tasks=("er7", "er_va"))
    plain = weights(fit(short, data, tmp_path / "plain", fold=1))
    offset = weights(fit(replace(short, class_offsets=0.5), data, tmp_path / "offset", fold=1))
    [changed] = [name for name, values in plain.items() if not torch.equal(values, offset[name])]
    assert changed.startswith("heads.er7.layers")
    added = offset[changed] - plain[changed]
    assert added.shape == (7,)
    assert float(added.abs().max()) > 0.01
    assert abs(float(added.mean())) < 1e-5


def test_no_label_of_the_test_participants_is_looked_at(
    recipe: Recipe, data: EmertData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Neither weights, nor epoch, temperature or class weights change when their labels do."""
    weighted = replace(recipe, class_weights=True, epochs=1)
    honest = fit(weighted, data, tmp_path / "honest", fold=1)
    test, read = data.select(1)["test"], EmertData.labels

    def planted(self: EmertData, task) -> np.ndarray:
        labels = read(self, task).copy()
        labels[test] = 0
        return labels

    monkeypatch.setattr(EmertData, "labels", planted)
    fooled = fit(weighted, data, tmp_path / "fooled", fold=1)
    assert equal(weights(honest), weights(fooled))
    assert (honest / "config.json").read_text() == (fooled / "config.json").read_text()


def test_history_is_read_from_the_log():
    log = [
        {"epoch": 1.0, "loss": 2.0, "learning_rate": 0.1, "seconds": 3.0, "grad_norm": 1.0, "step": 5},
        {"epoch": 1.0, "eval_score": float("nan"), "eval_er7": 0.5, "eval_loss": 1.0, "eval_runtime": 1.0, "step": 5},
        {"epoch": 2.0, "loss": 1.0, "learning_rate": 0.0, "seconds": 3.0, "step": 10},
        {"epoch": 2.0, "eval_score": 0.2, "eval_er7": 0.5, "step": 10},
    ]
    history = epochs_of(log)
    assert history[0] == {
        "epoch": 1,
        "loss": 2.0,
        "learning_rate": 0.1,
        "seconds": 3.0,
        "validation": {"score": None, "er7": 0.5},
    }
    assert (best_epoch(history, "score"), best_epoch(history, "er7")) == (2, 1)
    assert (epochs_without_gain(history, "score"), epochs_without_gain(history, "er7")) == (0, 1)
    assert best_epoch(history[:1], "score") is None


def test_what_can_not_be_is_refused(recipe: Recipe, data: EmertData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(EmertInputError, match="monitor is perceived3"):
        choose_tasks(replace(recipe, monitor="perceived3"), data)
    with pytest.raises(EmertInputError, match="no labels for task er9; it has er3, er7"):  # an own task of other data
        choose_tasks(replace(recipe, tasks=("er9",)), data)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(EmertInputError, match=r"--track: tensorboard is not installed; .* -m pip install -e .*\[tracking\]"):
        tracking_callbacks(tmp_path / "model")
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(EmertInputError, match=r"batch_size 8 can't be split .* for 3 processes"):
        training_arguments(recipe, tmp_path, "x")
    with pytest.raises(EmertInputError, match="streaming reads no recording twice"):
        load_recipe("gaze", ["streaming=true"])
