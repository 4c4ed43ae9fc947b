"""The project's card says what the stored results say, the Hub can read it, and each saved model has one of its own."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from datasets import get_dataset_config_names
from huggingface_hub import ModelCard, parse_eval_result_entries
from places import ROOT

from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.dataset.splits import config_name
from modeling_emert import EmertInputError
from modeling_emert.constants_emert import CARD_FILE, EVAL_FOLDER, RECORD_FILE
from modeling_emert.model_card_emert import config_of, results_of_test
from modeling_emert.tasks_emert import TASKS
from training.cli import COMMANDS, main
from training.commands import card as command
from training.evaluation.model_folder import read_record
from training.metrics.predictions import to_rows
from training.reports.model_card import BEGIN, END, eval_results, fill_card, read_stored, update_model
from training.reports.results import Header, make_results, training_cost

CARD = ROOT / "model_card.md"


def _results(strict: bool = False, **header) -> dict:
    """Of one method that is right in about half of 40 recordings."""
    task, rng = TASKS["er7"], np.random.default_rng(int(strict))
    targets = np.arange(40) % 7
    answers = np.where(rng.random(40) < 0.5, targets, 0)
    rows = to_rows(task, range(40), np.arange(40) % 5, range(40), targets, np.eye(7)[answers], "EMERT", 1)
    known = {
        "data": "drawn, 40 recordings",
        "data_kind": "synthetic",
        "split": "new participants, test of fold 1 of 5",
        "folds": 1,
        "seeds": (0,),
    }
    models = ({"fold": 1, "seconds": 12.0},)
    return make_results(
        rows, Header(**known | {"command": "emert x", "strict": strict, "models": models} | header), n_resamples=50
    )


def test_the_projects_card_says_what_the_stored_results_say():
    text = CARD.read_text(encoding="utf-8")
    assert fill_card(text, read_stored(ROOT / "docs" / "results")) == text, "call `emert card`"


def test_a_changed_figure_in_the_card_or_in_the_results_is_noticed():
    stored = {"drawn": _results()}
    filled = fill_card(CARD.read_text(encoding="utf-8"), stored)
    assert fill_card(filled, stored) == filled
    value = stored["drawn"]["scores"]["EMERT"]["er7"]["metrics"]["uar"]["value"]
    assert f"{value:.2f}" in filled
    polished = filled.replace(f"{value:.2f}", "0.99")
    assert fill_card(polished, stored) == filled != polished
    stored["drawn"]["scores"]["EMERT"]["er7"]["metrics"]["uar"]["value"] += 0.1
    assert fill_card(filled, stored) != filled


def test_the_hub_reads_the_primary_metric_of_the_plain_split_and_a_config_that_is_there(data: EmertData):
    stored = {"drawn": _results(), "drawn-strict": _results(strict=True)}
    card = ModelCard(fill_card(CARD.read_text(encoding="utf-8"), stored))
    uar = stored["drawn"]["scores"]["EMERT"]["er7"]["metrics"]["uar"]
    [found] = card.data.eval_results
    assert (found.metric_type, found.metric_value) == ("uar", uar["value"])
    assert found.metric_args == {"level": 0.95, "low": uar["low"], "high": uar["high"]}
    assert (found.dataset_type, found.dataset_config, found.dataset_split) == ("synthetic", "er7-fold1", "test")
    assert found.dataset_config in get_dataset_config_names(str(data.folder))
    assert (card.data.datasets, card.data.metrics, card.data.license) == (["synthetic"], ["uar"], "apache-2.0")
    [entry] = parse_eval_result_entries(yaml.safe_load(eval_results(stored["drawn"])))
    assert (entry.dataset_id, entry.task_id, entry.value) == ("synthetic", "er7-fold1", uar["value"])
    assert "test of fold 1 of 5" in entry.notes


def test_several_folds_or_people_outside_the_folds_are_in_the_config_of_everybody():
    for split in ("new participants, test of fold 1, 2 of 5", "new participants, all that the model has not seen"):
        assert {score.dataset_config for score in results_of_test(_results(split=split))} == {"all"}
    for strict in (False, True):
        assert config_of("er7", 2, strict) == config_name("er7", 2, strict)


def test_the_projects_card_begins_with_a_snippet_and_its_front_matter_is_short():
    text = CARD.read_text(encoding="utf-8")
    front, body = text.split("---\n", 2)[1:]
    assert len(front.splitlines()) <= 125
    assert body.index("pip install") < body.index("pipeline(") < body.index("## What it is for") < body.index(BEGIN)
    assert "https://arxiv.org/abs/2512.16485" in body
    trained_on = body.partition("## What it was trained on")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", trained_on, re.MULTILINE) == yaml.safe_load(front)["datasets"]
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", body):
        assert (ROOT / picture).is_file()
    for name in ("quickstart",):
        stored = (ROOT / EVAL_FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
        assert stored == eval_results(read_stored(ROOT / "docs" / "results")[name]), "call `emert card`"


def test_strict_stands_beside_plain_and_everything_names_its_data_and_command():
    stored = {"drawn": _results(), "drawn-strict": _results(strict=True, command="emert y")}
    filled = fill_card(CARD.read_text(encoding="utf-8"), stored)
    assert filled.count("### synthetic: EMERT\n") == 1
    cells = [results["scores"]["EMERT"]["er7"]["metrics"]["uar"] for results in stored.values()]
    plain, strict = (f"{cell['value']:.2f} [{cell['low']:.2f}, {cell['high']:.2f}]" for cell in cells)
    assert f"| er7 UAR | {plain} | {strict} |" in filled
    for words in ("emert x", "emert y", "seeds: 0", "Calibration", "Training cost", "drawn, 40 recordings"):
        assert words in filled


def test_the_written_parts_are_there():
    text = " ".join(CARD.read_text(encoding="utf-8").split())
    for words in (
        "No hiring, no policing, no diagnosis",
        "has not agreed",
        "## Limits",
        "2512.16485",
        "Apache-2.0",
    ):
        assert words in text


def test_what_is_no_card_or_no_result_is_refused(tmp_path: Path):
    with pytest.raises(EmertInputError, match="expected one line"):
        fill_card("# A card", {})
    with pytest.raises(EmertInputError, match="expected one line"):
        fill_card(f"{BEGIN}\n{END}\n{END}", {})
    (tmp_path / "a.json").write_text('{"header": {}}')
    with pytest.raises(EmertInputError, match="'bootstrap' is missing"):
        read_stored(tmp_path)
    (tmp_path / "a.json").write_text("[")
    with pytest.raises(EmertInputError, match="not readable as JSON"):
        read_stored(tmp_path)


def test_the_card_beside_a_saved_model_tells_of_its_training_and_is_no_test(model: Path):
    record = json.loads((model / RECORD_FILE).read_text())
    card = ModelCard.load(model / CARD_FILE)
    assert {entry.dataset_split for entry in card.data.eval_results} == {"validation"}
    scores = {entry.dataset_config.removesuffix("-fold1"): entry.metric_value for entry in card.data.eval_results}
    assert scores == {name: value for name, value in record["validation_scores"].items() if name in TASKS and value is not None}
    for words in (
        "they are no test",
        "learning_rate:",
        "Training took",
        f"torch {record['versions']['torch']}",
        "mean nothing",
    ):
        assert words in card.text


def test_an_evaluation_goes_into_the_models_own_card(model: Path, tmp_path: Path):
    own, stored = Path(shutil.copytree(model, tmp_path / "model")), tmp_path / "results.json"
    results = _results(models=(training_cost(read_record(own)),))
    stored.write_text(json.dumps(results))
    update_model(own, stored)
    card = ModelCard.load(own / CARD_FILE)
    tested = [entry for entry in card.data.eval_results if entry.dataset_split == "test"]
    assert [entry.metric_value for entry in tested] == [entry.metric_value for entry in results_of_test(results)]
    assert "How it scores" in card.text
    assert json.loads((own / "results.json").read_text()) == results
    assert (own / EVAL_FOLDER / "emert.yaml").read_text() == eval_results(results)


def test_the_scores_of_another_model_are_refused(model: Path, tmp_path: Path):
    own, stored = Path(shutil.copytree(model, tmp_path / "model")), tmp_path / "results.json"
    before = (own / CARD_FILE).read_bytes()
    stored.write_text(json.dumps(_results()))
    with pytest.raises(EmertInputError, match="scores of another model"):
        update_model(own, stored)
    assert (own / CARD_FILE).read_bytes() == before


def test_the_command(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    monkeypatch.setitem(COMMANDS, "card", (command.__name__, "figures into model cards"))
    monkeypatch.chdir(tmp_path)
    assert main(["card"]) == 2
    assert main(["card", "--model", str(model)]) == 2
    (tmp_path / "model_card.md").write_text(CARD.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "docs" / "results").mkdir(parents=True)
    (tmp_path / "docs" / "results" / "drawn.json").write_text(json.dumps(_results()))
    assert main(["card"]) == 0
    assert "### synthetic: EMERT" in (tmp_path / "model_card.md").read_text(encoding="utf-8")
    assert "command" not in capsys.readouterr().err
