"""One model of several sources: a table by source and task, evidence that the model's config takes, and the source probe."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from audience_tree import audience_tree
from ferplus_tree import ferplus_tree
from tiny_emert import face_track
from tiny_training import TINY_OVERRIDES

from dataset_scripts.build.build import build
from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.sources import open_source
from modeling_emert.answers_emert import answer
from modeling_emert.constants_emert import CARD_FILE
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.evidence_emert import is_beyond_chance, problem_of
from modeling_emert.recording_emert import ActionUnits, Recording
from modeling_emert.tasks_emert import TASKS
from training.cli import main
from training.evaluation.evaluate import evaluate_model
from training.evaluation.load_model import load_answering_network, load_model
from training.evaluation.model_folder import read_record
from training.evaluation.source_probe import TOGETHER, Answers, Guess, SourceProbe, _by_inputs, _guess, source_probe
from training.evaluation.subgroups import groups_of
from training.fit.fit import fit
from training.methods.registry import get_method
from training.metrics.emotion_classification.class_scores import vote_scores
from training.metrics.predictions import read_predictions, votes_of
from training.recipes.recipe import Recipe
from training.reports.by_source import _tests
from training.reports.model_card import update_model
from training.statistics.comparisons import Difference

FER7 = TASKS["fer7"]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, EmertData]:
    """Drawn photographs with votes, and action units of people with gender and age."""
    made = {}
    for name, tree, size in (("ferplus", ferplus_tree, 16), ("audience_effects", audience_tree, 30)):
        place = tmp_path_factory.mktemp(name)
        (place / "files").mkdir()
        made[name] = EmertData.open(build(open_source(name, tree(place / "files", size)), place / "data", num_workers=1))
    return made


@pytest.fixture(scope="module")
def joint(sources: dict[str, EmertData], tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = Recipe(
        network="small",
        overrides={**TINY_OVERRIDES, "face_input": "both"},
        image_size=32,
        epochs=1,
        batch_size=8,
        normalisation="participant",
    )
    return fit(recipe, list(sources.values()), tmp_path_factory.mktemp("joint") / "model", 1)


@pytest.fixture(scope="module")
def scores(joint: Path, sources: dict[str, EmertData], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("scores") / "out"
    data = [word for one in sources.values() for word in ("--data", str(one.folder))]
    assert main(["evaluate", str(joint), *data, "--out", str(out)]) == 0
    return out


def test_one_table_has_every_source_and_task_with_what_its_own_test_gives(scores: Path, sources: dict[str, EmertData]):
    results = json.loads((scores / "results.json").read_text(encoding="utf-8"))["sources"]
    assert {source: list(found["scores"]["EMERT"]) for source, found in results.items()} == {
        "ferplus": ["fer7"],
        "audience_effects": ["er3"],
    }
    page = (scores / "results.md").read_text(encoding="utf-8")
    for source, found in results.items():
        (name, entry), *_ = found["scores"]["EMERT"].items()
        rows = sources[source].select(1)["test"]
        assert entry["n"] == (sources[source].labels(TASKS[name])[rows] >= 0).sum()
        assert f"| {source} | {name} | " in page
        assert f"{entry['calibration']['answers']['ece']:.3f}" in page
        assert json.loads((scores / source / "results.json").read_text(encoding="utf-8")) == found
        assert found["methods"][-1] == "majority"
        assert "test of fold 1 of" in found["header"]["split"]
    assert "NLL of the votes" in page


def test_the_scores_against_votes_can_be_made_again_from_the_predictions(scores: Path, sources: dict[str, EmertData]):
    rows = read_predictions(scores / "ferplus" / "predictions.parquet").query("method == 'EMERT'")
    given = sources["ferplus"].votes("fer7")
    places = {name: row for row, name in enumerate(sources["ferplus"].ids["recording_id"])}
    votes = votes_of(FER7, rows)
    np.testing.assert_array_equal(votes.astype(np.float32), given[[places[name] for name in rows["recording_id"]]])
    found = vote_scores(np.array(rows["prediction"].tolist()), votes)
    results = json.loads((scores / "ferplus" / "results.json").read_text(encoding="utf-8"))
    stored = results["scores"]["EMERT"]["fer7"]["votes"]
    assert {name: one["value"] for name, one in stored["metrics"].items()} == pytest.approx(
        {name: values.mean() for name, values in found.items()}
    )
    assert "## Against the judges' votes" in (scores / "ferplus" / "results.md").read_text(encoding="utf-8")


def test_the_evidence_is_what_a_config_takes(scores: Path):
    evidence = json.loads((scores / "evidence.json").read_text(encoding="utf-8"))
    assert problem_of(evidence, ["fer7", "er3"]) is None
    photos, units = evidence
    assert (photos["source"], photos["inputs"], photos["task"]) == ("ferplus", ["pixel_values"], "fer7")
    assert photos["unseen"] == f"{photos['recordings']} photographs"
    assert (units["source"], units["inputs"], units["unseen"]) == ("audience_effects", ["action_units"], "6 people")
    assert units["votes"] is None
    assert 0 <= units["ece"] <= 1
    value, low, high = units["scores"]["accuracy"]
    assert low <= value <= high


def test_the_card_has_the_scores_of_every_source(scores: Path, joint: Path, tmp_path: Path):
    own = Path(shutil.copytree(joint, tmp_path / "model"))
    update_model(own, scores / "results.json")
    card = (own / CARD_FILE).read_text(encoding="utf-8")
    assert card.count("Measured on ") == 2
    assert "Source `ferplus`, fold 1; " in card
    assert "Source `audience_effects`, fold 1; 24 participants" in card
    assert "| `ferplus/fer7` | UAR | " in card
    assert "type: audience_effects" in card


def test_groups_of_people_are_those_that_the_data_tells(joint: Path, sources: dict[str, EmertData]):
    assert groups_of(sources["audience_effects"])["1000-A-B"] == {
        "stimulus_emotion": "happiness",
        "participant_gender": "female",
        "participant_age": "32.5 years or younger",
        "participant_ethnicity": "White",
    }
    assert groups_of(sources["ferplus"]) == {}
    table = evaluate_model(joint, sources["audience_effects"], progress=False)
    assert {cell["participant_gender"] for cell in table["groups"]} <= {"female", "male"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["DATA", "--data", "DATA"], "of several data sets give each with --data"),
        (["--data", "DATA", "--data", "DATA"], "two data sets are of one source"),
        (["--data", "DATA", "--data", "DATA", "--protocol", "er3-fold1"], "no --protocol"),
    ],
)
def test_what_does_not_go_together_is_refused(joint: Path, sources, tmp_path: Path, capsys, words: list[str], told: str):
    folder = str(sources["audience_effects"].folder)
    given = [folder if word == "DATA" else word for word in words]
    assert main(["evaluate", str(joint), *given, "--out", str(tmp_path / "out")]) == 2
    assert told in capsys.readouterr().err


def test_sources_with_inputs_of_their_own_are_named_by_these(joint: Path, sources, capsys: pytest.CaptureFixture):
    data = [word for one in sources.values() for word in ("--data", str(one.folder))]
    assert main(["probe", "--model", str(joint), *data]) == 0
    printed = capsys.readouterr().out
    assert "which inputs a recording has, without the model  1.00" in printed
    assert "Every source has inputs of its own" in printed
    assert "No input is in several sources" in printed
    assert "No task has labels in several sources" in printed


def test_of_one_data_set_under_two_names_nothing_is_found(joint: Path, sources):
    """Halves of the same recordings differ by chance alone; and a model that answers by the source is found out."""
    first = sources["audience_effects"]
    other = EmertData(first.folder, replace(first.metadata, source="elsewhere"), first.assignment)
    model, processor = load_model(joint)
    probe = source_probe(model, processor, [first, other], read_record(joint), get_method("emert"))
    assert probe.by_inputs == pytest.approx(0.5)
    assert set(probe.shared) == {"action_units"}
    assert probe.shared["action_units"].accuracy < 0.7
    own, whole = probe.answers["er3"]["audience_effects"], probe.answers["er3"][TOGETHER]
    assert own.usual == pytest.approx(1 / 3)
    assert own.difference.value == pytest.approx(own.model - own.usual)
    assert whole.difference.low <= whole.difference.value <= whole.difference.high
    assert f"audience_effects: the model {own.model:.2f}, always the source's usual answer 0.33" in probe.text()


def test_words_follow_the_interval_of_the_difference():
    guess = Guess(1.0, 0.5, 0.6, ("a", "b"), 10)
    told = {
        "more than the source alone would give": (0.1, 0.3),
        "too few people or recordings to tell": (-0.1, 0.3),
        "less than the source alone would give": (-0.3, -0.1),
    }
    for words, ends in told.items():
        answers = {"er3": {TOGETHER: Answers(0.5, 0.3, Difference(0.2, *ends, 0.01))}}
        text = SourceProbe(1.0, guess, {"fixations": guess}, answers).text()
        assert text.endswith(f"difference +0.20 [{ends[0]:+.2f}, {ends[1]:+.2f}]: {words}")
        assert "From the fixations alone, which a and b have: 1.00" in text


def test_of_fewer_than_five_people_the_interval_is_all_that_there_can_be():
    metrics = {name: {"value": 0.9, "low": None, "high": None} for name in ("uar", "war")}
    entry = {"metrics": metrics, "participants": 4, "n": 30, "calibration": None}
    number = {"metrics": {"ccc": metrics["uar"]}, "participants": 4, "n": 30, "calibration": None}
    results = {"methods": ["EMERT"], "scores": {"EMERT": {"er3": entry, "er_va": number}}, "header": {"split": "s"}}
    tests = _tests(results, {"source": "few", "inputs": ["fixations"], "unseen": "4 people"})
    assert [test["scores"] for test in tests] == [
        {"uar": [0.9, 0.0, 1.0], "accuracy": [0.9, 0.0, 1.0]},
        {"ccc": [0.9, -1.0, 1.0]},
    ]
    assert not any(is_beyond_chance([test]) for test in tests)


def test_a_source_in_the_features_is_found_in_people_who_were_not_learned():
    rng = np.random.default_rng(0)
    sources, people = np.repeat(["a", "b"], 60), np.repeat(np.arange(40).astype(str), 3)
    features = rng.standard_normal((120, 5)) + 2 * rng.standard_normal((40, 5)).repeat(3, axis=0)
    nothing = _guess(features, sources, people, 0)
    assert nothing.accuracy <= nothing.shuffled_highest + 0.1
    features[60:, 2] += 12
    found = _guess(features, sources, people, 0)
    assert found.accuracy > 0.95 > found.shuffled_highest
    present = np.zeros((120, 4), bool)
    assert _by_inputs(present, sources) == pytest.approx(0.5)
    present[:30, 0] = True
    assert _by_inputs(present, sources) == pytest.approx(0.75)


def test_the_card_gives_the_model_its_evidence_by_which_it_answers(joint: Path, scores: Path, tmp_path: Path):
    model = shutil.copytree(joint, tmp_path / "model")
    strict = tmp_path / "strict.json"
    stored = json.loads((scores / "evidence.json").read_text(encoding="utf-8"))
    new_clips = stored[1] | {"unseen": "6 people and 2 clips", "scores": {"uar": [0.3, 0.2, 0.4]}}
    strict.write_text(json.dumps([new_clips]))
    given = ["card", "--model", str(model), "--results", str(scores / "results.json"), "--evidence", str(strict)]
    assert main(given) == 0
    network, processor = load_answering_network(model)
    assert network.config.evidence == [*stored, new_clips]
    found = answer(network, processor, Recording(face_track()))
    assert [*found["tasks"], *found["untold"]] == ["fer7"]
    units = answer(network, processor, Recording(action_units=ActionUnits(np.ones((1, 17)), np.zeros(1))))
    assert units["evidence"]["er3"]["told"] is False
    assert "6 people and 2 clips of audience_effects" in units["evidence"]["er3"]["words"]


@pytest.mark.parametrize(
    ("content", "words"),
    [("{", "not readable as JSON"), ("{}", "holds dict"), ('[{"task": "fer7"}]', "must have task, inputs")],
)
def test_what_is_no_evidence_is_refused_and_nothing_written(joint, scores, tmp_path, content, words):
    model = shutil.copytree(joint, tmp_path / "model")
    (tmp_path / "bad.json").write_text(content)
    before = {file.name: file.read_bytes() for file in model.iterdir() if file.is_file()}
    with pytest.raises(EmertInputError, match=words):
        update_model(model, scores / "results.json", [tmp_path / "bad.json"])
    assert {file.name: file.read_bytes() for file in model.iterdir() if file.is_file()} == before
