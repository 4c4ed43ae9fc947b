"""Training on several data sets at once: balanced, validated by source, resumed exactly; votes; the average of the weights."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from dataset_scripts.dataset.reader import EmertData
from modeling_emert import EmertInputError
from modeling_emert.tasks_emert import TASKS
from training.data.dataset import collate, labels_of
from training.data.sampler import EqualBatchSampler, shares
from training.evaluation.model_folder import read_training, record_for
from training.fit.average import WeightAverage
from training.fit.fit import fit
from training.fit.prepare import prepare
from training.fit.trainer import EmertTrainer


@pytest.fixture
def two(data: EmertData) -> list[EmertData]:
    """The generated data set, and the same as another source without labels but those of fer3."""
    other = EmertData(data.folder, replace(data.metadata, source="elsewhere"), data.assignment)
    other.tasks = ["fer3"]
    return [data, other]


@pytest.fixture
def joint(recipe):
    return replace(recipe, tasks=("er3", "fer3"), normalisation="participant", weight_average=0.9)


@pytest.mark.slow
def test_one_data_set_is_the_list_of_one(recipe, data, tmp_path):
    one, listed = (fit(replace(recipe, epochs=1), given, tmp_path / name, 1) for name, given in (("a", data), ("b", [data])))
    assert (one / "model.safetensors").read_bytes() == (listed / "model.safetensors").read_bytes()


def test_validation_and_record_are_by_source(joint, two, tmp_path):
    folder = fit(joint, two, tmp_path / "model", 1)
    last = json.loads((folder / "history.json").read_text())["epochs"][-1]["validation"]
    assert sorted(last) == ["elsewhere/fer3", "score", "synthetic/er3", "synthetic/fer3"]
    means = (last["synthetic/er3"] + last["synthetic/fer3"]) / 2, last["elsewhere/fer3"]
    assert last["score"] == pytest.approx(np.mean(means))
    record = read_training(folder)
    assert record["data"] == "synthetic"
    assert record_for(record, "elsewhere")["data"] == "elsewhere"
    assert record_for(record, "elsewhere")["seen_participants"] != record["seen_participants"]  # hashed with the source


@pytest.mark.slow
def test_stopped_run_ends_with_the_same_weights(joint, two, tmp_path, monkeypatch):
    whole = fit(joint, two, tmp_path / "whole", 1)
    save, saved = EmertTrainer._save_checkpoint, []

    def save_once(self, *arguments):
        save(self, *arguments)
        saved.append(1)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(EmertTrainer, "_save_checkpoint", save_once)
        with pytest.raises(KeyboardInterrupt):
            fit(joint, two, tmp_path / "stopped", 1)
    resumed = fit(joint, two, tmp_path / "stopped", 1)
    assert saved == [1]
    assert (whole / "model.safetensors").read_bytes() == (resumed / "model.safetensors").read_bytes()


def test_what_a_source_has_no_labels_of_is_absent_there(joint, two):
    fold = prepare(joint, two, 1, False)
    items = [fold.training[0], fold.training[len(fold.training) - 1]]
    labels = collate(items)["labels"]
    assert labels["er3"][1] == -100
    assert labels["fer3"][1] == two[0].labels(TASKS["fer3"])[fold.training.parts[1].rows[-1]]
    with pytest.raises(IndexError):
        fold.training[len(fold.training)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"normalisation": "training"}, "normalisation: participant"),
        ({"monitor": "er3"}, "expected score or one of synthetic/"),
        ({"forget_participants": True}, "forget_participants"),
        ({"sources": ("synthetic", "ferplus")}, "the recipe is for synthetic, ferplus"),
    ],
)
def test_what_does_not_go_together_is_refused(joint, two, change, message):
    with pytest.raises(EmertInputError, match=message):
        prepare(replace(joint, **change), two, 1, False)


def test_one_source_twice_is_refused(joint, data):
    with pytest.raises(EmertInputError, match="of one source"):
        prepare(joint, [data, data], 1, False)


def test_shares_balance_the_sources():
    assert shares([900, 100], 1.0) == [900, 100]
    assert shares([900, 100], 0.0) == [500, 500]
    assert shares([900, 100], 0.5) == [750, 250]
    assert shares([37], 0.3) == [37]


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_every_recording_of_a_source_comes_about_as_often_as_another(balance):
    sampler = EqualBatchSampler([30, 10], 4, 0, balance=balance)
    counts = Counter(index for batch in sampler for index in batch)
    for rows, share in ((range(30), sampler.shares[0]), (range(30, 40), sampler.shares[1])):
        own = [counts[row] for row in rows]
        assert sum(own) == share
        assert max(own) - min(own) <= 1
    one, other = (EqualBatchSampler([30, 10], 4, 0, processes=2, process=rank) for rank in range(2))
    together = [[*first, *second] for first, second in zip(one, other, strict=True)]
    assert together == list(EqualBatchSampler([30, 10], 4, 0))


def test_votes_are_the_training_labels_and_stand_beside_classes(data, joint, monkeypatch):
    votes = np.full((len(data), 7), np.nan, np.float32)
    votes[0] = [0.5, 0.5, 0, 0, 0, 0, 0]
    monkeypatch.setattr(EmertData, "votes", lambda _, name: votes if name == "fer7" else None)
    np.testing.assert_array_equal(labels_of(data, TASKS["fer7"], votes=True), votes)
    assert labels_of(data, TASKS["fer7"]).ndim == 1
    given = [torch.from_numpy(votes[0]), torch.tensor(2), torch.tensor(-100)]
    found = collate([{"inputs": {}, "labels": {"fer7": label}} for label in given])["labels"]["fer7"]
    assert found[0].tolist() == votes[0].tolist()
    assert found[1].tolist() == [0, 0, 1, 0, 0, 0, 0]
    assert found[2].isnan().all()


def test_average_follows_the_weights_and_is_used_only_inside_the_block(tmp_path):
    model = torch.nn.Linear(1, 1, bias=False)
    average = WeightAverage(model, decay=0.5)
    by_hand = model.weight.item()
    for step in range(1, 30):
        with torch.no_grad():
            model.weight.fill_(step)
        average.on_step_end(None, type("State", (), {"global_step": step}), None, model)
        decay = min(0.5, step / (9 + step))
        by_hand = decay * by_hand + (1 - decay) * step
    with average.used_by(model):
        assert model.weight.item() == pytest.approx(by_hand)
    assert model.weight.item() == 29
    average.save(tmp_path)
    fresh = WeightAverage(model, decay=0.5)
    fresh.load(tmp_path)
    assert fresh.values["weight"].item() == pytest.approx(by_hand)


@pytest.mark.slow
def test_the_average_is_what_the_model_folder_holds(joint, data, tmp_path):
    last, average = (fit(replace(joint, weight_average=decay), data, tmp_path / f"{decay}", 1) for decay in (0.0, 0.9))
    first, second = (load_file(folder / "model.safetensors") for folder in (last, average))
    assert any(not torch.equal(first[name], second[name]) for name in first)
