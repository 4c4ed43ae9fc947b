"""Other people's questions, the whole way: folder, data set, training, scores, another process, another head."""

import csv
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from tiny_emert import tiny_inputs, tiny_model
from tiny_training import TINY_OVERRIDES
from transformers import pipeline

from dataset_scripts.build.build import build
from dataset_scripts.checks.verify import verify
from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.sources import open_source
from modeling_emert import EmertProcessor
from modeling_emert.configuration_emert import EmertConfig
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.modeling_emert import EmertForEmotionRecognition
from modeling_emert.tasks_emert import RESERVED, make_task, register_task, register_tasks
from spaces_demo.answers.messages import Request
from spaces_demo.page.html import answer_html, reasons_html
from spaces_demo.workers.answering import answer_request
from training.benchmark.robustness import robustness
from training.cli import main
from training.recipes.recipe import Recipe

STRESS = {"name": "stress", "labels": ["calm", "stressed"]}
_FILES = (("video", "videos", ".mp4"), ("gaze", "gaze", ".csv"))
ENGAGEMENT = {"name": "engagement", "labels": ["engagement"], "range": [0, 1]}


@pytest.fixture
def own(recordings: Path, tmp_path: Path) -> Path:
    """The generated recordings as a folder of a user's own, with two questions of theirs."""
    folder = tmp_path / "own"
    folder.mkdir()
    for part in ("videos", "gaze"):
        (folder / part).mkdir()
        for file in (recordings / part).iterdir():
            (folder / part / file.name).write_bytes(file.read_bytes())
    with (recordings / "recordings.csv").open() as file:
        rows = list(csv.DictReader(file))
    kept = ("recording_id", "participant", "stimulus", "video", "gaze", "er7")
    rows = [
        {name: row[name] for name in kept} | {"stress": STRESS["labels"][number % 2], "engagement": number / len(rows)}
        for number, row in enumerate(rows)
    ]
    with (folder / "recordings.csv").open("w") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (folder / "source.yaml").write_text(yaml.safe_dump({"name": "mine", "tasks": [STRESS, ENGAGEMENT]}))
    return folder


@pytest.mark.slow
def test_from_a_folder_to_scores(own: Path, tmp_path: Path, capsys):
    data = tmp_path / "data"
    build(open_source("folder", own), data, num_workers=1, faces=2)
    assert not [result for result in verify(data) if result.status == "fail"]
    assert json.loads((data / "dataset.json").read_text())["own_tasks"] == [STRESS, ENGAGEMENT]
    recipe = {"network": "small", "overrides": TINY_OVERRIDES, "image_size": 32, "epochs": 1, "batch_size": 8}
    recipe |= {"tasks": ["stress", "engagement"], "monitor": "stress", "class_weights": True}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    model, scores = tmp_path / "model", tmp_path / "scores"
    assert main(["train", str(tmp_path / "recipe.yaml"), "--data", str(data), "--out", str(model)]) == 0
    assert main(["evaluate", str(model), str(data), "--out", str(scores)]) == 0
    page = (scores / "results.md").read_text()
    assert "## Own tasks" in page
    assert "Felt against shown" not in page
    assert json.loads((model / "config.json").read_text())["tasks"] == [STRESS, ENGAGEMENT]
    _card_and_page(model, scores, own)
    results = robustness(model, EmertData.open(data), tmp_path / "robustness", n_resamples=10, progress=False)
    assert all({*curve["tasks"]} == {"stress", "engagement"} for curve in results["curves"].values())
    assert "| stress UAR |" in (tmp_path / "robustness" / "robustness.md").read_text()
    assert (tmp_path / "robustness" / "robustness.png").stat().st_size > 10_000
    # Another process knows the tasks from the files alone: a data set, stored predictions, a pickled data set.
    opened = tmp_path / "opened.pickle"
    opened.write_bytes(pickle.dumps(EmertData.open(data).metadata))
    code = f"""
import pickle
from transformers import pipeline
from datasets import load_dataset
assert pickle.load(open({str(opened)!r}, "rb")).tasks == ("er7", "stress", "engagement")
row = next(iter(load_dataset({str(data)!r}, "stress-fold1", streaming=True)["train"]))
assert "stress" in row and "engagement" not in row and "er7" not in row
video = {str(next((own / "videos").iterdir()))!r}
answer = pipeline("emotion-recognition", model={str(model)!r}, trust_remote_code=True)(video=video)
assert set(answer["tasks"]) == {{"stress", "engagement"}} and set(answer["tasks"]["stress"]) == {{"calm", "stressed"}}
assert answer["gap"] is None
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    code = f"""
from training.metrics.predictions import read_predictions
assert set(read_predictions({str(scores / "predictions.parquet")!r})["task"]) == {{"stress", "engagement"}}
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def _card_and_page(model: Path, scores: Path, own: Path) -> None:
    """What `emert card` writes of the trained model, and what the Space shows of its answer."""
    assert main(["card", "--model", str(model), "--results", str(scores / "results.json")]) == 0
    card = (model / "README.md").read_text()
    assert "| `stress` | another question | calm, stressed |" in card
    assert "| `engagement` | another question | engagement, 0 to 1 |" in card
    assert "config: stress-fold1" in card
    assert "| `stress` | UAR |" in card.split("## How it scores")[1]
    files = {part: own / folder / f"p000-s000{end}" for part, folder, end in _FILES}
    *_, reply = answer_request(Request(model, **files, pictures=True))
    assert reply.refusal is None
    assert set(reply.answer["contributions"]) == {"stress", "engagement"}
    page, why = answer_html(reply, "p000-s000"), reasons_html(reply)
    assert "The model says stress: " in page
    assert "<h3>stress</h3>" in page
    assert "engagement: " in page
    assert "<svg" in why
    assert "stress: " in why


def test_a_model_gets_other_heads(tmp_path: Path):
    first = EmertForEmotionRecognition(
        EmertConfig(**TINY_OVERRIDES, temperatures={"er7": 1.5}, class_weights={"er3": [1.0, 2.0, 1.0]})
    )
    first.save_pretrained(tmp_path / "first")
    model = EmertForEmotionRecognition.from_pretrained(tmp_path / "first", tasks=["er3", STRESS], ignore_mismatched_sizes=True)
    assert model.config.temperatures is None
    assert model.config.class_weights == {"er3": [1.0, 2.0, 1.0]}
    model.save_pretrained(tmp_path / "second")
    again = EmertForEmotionRecognition.from_pretrained(tmp_path / "second")
    assert list(again.config.id2label.values()) == [
        *("er3/positive", "er3/negative", "er3/neutral", "stress/calm", "stress/stressed")
    ]
    for wrong in ({"num_labels": 3}, {"id2label": {0: "a"}}):
        with pytest.raises(ValueError, match=r"labels follow from its tasks.*tasks=\[\{"):
            EmertForEmotionRecognition.from_pretrained(tmp_path / "first", **wrong)
        with pytest.raises(ValueError, match="labels follow from its tasks"):
            EmertConfig(**wrong)


def test_one_head_of_many_is_trained_saved_and_answers(tmp_path: Path, recordings: Path):
    """As an engineer would: `tasks=["er3"]`, a step of one's own loop, `save_pretrained`, and the folder answers."""
    first = tiny_model(temperatures={"er7": 1.5, "er3": 2.0}, class_weights={"er7": [1.0] * 7}, task_weights={"er7": 2.0})
    first.save_pretrained(tmp_path / "first")
    EmertProcessor.for_config(first.config, image_size=32).save_pretrained(tmp_path / "first")
    model = EmertForEmotionRecognition.from_pretrained(tmp_path / "first", tasks=["er3"]).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = model.heads["er3"].layers[0].weight.detach().clone()
    model(**tiny_inputs(), labels=torch.tensor([0, 2])).loss.backward()
    optimizer.step()
    assert not torch.equal(model.heads["er3"].layers[0].weight, before)
    model.eval().save_pretrained(tmp_path / "second")
    processor = EmertProcessor.from_pretrained(tmp_path / "first")
    processor.save_pretrained(tmp_path / "second")
    again = EmertForEmotionRecognition.from_pretrained(tmp_path / "second").eval()
    assert again.config.tasks == ["er3"]
    assert again.config.temperatures == {"er3": 2.0}
    assert again.config.class_weights is None
    video = recordings / "videos" / "p000-s000.mp4"
    inputs = EmertProcessor.from_pretrained(tmp_path / "second")(processor.load(video=video))
    with torch.no_grad():
        assert torch.equal(again(**inputs).logits["er3"], model(**inputs).logits["er3"])
    answer = pipeline("emotion-recognition", model=str(tmp_path / "second"))(str(video))
    assert set(answer["tasks"]) == {"er3"}
    assert answer["tasks"]["er3"].keys() == {"positive", "negative", "neutral"}


def test_wrong_definitions_are_refused_with_all_mistakes(own: Path):
    with pytest.raises(ValueError, match=r"unknown key colour.*name is 'Stress'.*labels is \['calm'\].*view is 'x'"):
        make_task({"name": "Stress", "labels": ["calm"], "colour": 1, "view": "x"})
    for name in ("er7", "er_valence", "recording_id", "score", "train", "forward", *sorted(RESERVED)):
        with pytest.raises(ValueError, match=f"name '{name}'"):
            make_task(STRESS | {"name": name})
    register_task(make_task(STRESS))
    with pytest.raises(ValueError, match=r"'calm', 'stressed', 'tense'.*'calm', 'stressed'\]"):
        register_tasks([STRESS | {"labels": ["calm", "stressed", "tense"]}])
    (own / "source.yaml").write_text(yaml.safe_dump({"tasks": [STRESS, {"name": "boredom", "labels": ["no"]}]}))
    with pytest.raises(EmertInputError, match=r"source.yaml.*boredom.*labels is \['no'\]"):
        open_source("folder", own)


def test_a_registration_changes_no_other_data_set(data: EmertData, recipe: Recipe):
    from dataset_scripts.dataset.schema import row_features

    before = row_features()
    register_task(make_task(STRESS))
    assert row_features() == before
    assert "stress" not in data.tasks
