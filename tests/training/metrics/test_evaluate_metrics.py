"""Our `evaluate` metrics: loaded from their folders, taken from the package, in a Trainer; and their worked examples."""

import ast
import doctest
import re
from importlib import import_module

import evaluate
import numpy as np
import pytest
from huggingface_hub import metadata_load
from places import ROOT
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import f1_score, log_loss, mean_squared_error, recall_score, roc_auc_score

from modeling_emert.tasks_emert import ABSENT_CLASS, TASKS, make_task
from training.metrics import EmotionClassification, EmotionGap, EmotionRegression, as_targets, score
from training.metrics.emotion_classification.emotion_classification import ABSENT

CLASSES = {
    "emotion_classification": EmotionClassification,
    "emotion_regression": EmotionRegression,
    "emotion_gap": EmotionGap,
}
FOLDER = ROOT / "training" / "metrics"
EXACT = 1e-12


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.dirichlet(np.ones(7), size=200), rng.integers(7, size=200)


@pytest.fixture
def numbers() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    truth = rng.uniform(-1, 1, size=(80, 2))
    return 0.5 * truth + rng.normal(scale=0.2, size=truth.shape), truth


@pytest.mark.parametrize("name", CLASSES)
def test_worked_examples(name):
    found = doctest.testmod(import_module(f"training.metrics.{name}.{name}"))
    assert found.attempted >= 3
    assert found.failed == 0


@pytest.mark.parametrize("name", CLASSES)
def test_loaded_from_its_folder_it_gives_what_its_page_says(name):
    page = (FOLDER / name / "README.md").read_text(encoding="utf-8")
    call, said = re.search(r"metric\.compute\((.*)\)\n# (\{.*\})", page).groups()
    arguments = {part.arg: ast.literal_eval(part.value) for part in ast.parse(f"f({call})").body[0].value.keywords}
    found = evaluate.load(str(FOLDER / name), keep_in_memory=True).compute(**arguments)
    said = ast.literal_eval(said)
    assert {score: found[score] for score in said} == pytest.approx(said, abs=5e-5)
    assert CLASSES[name](keep_in_memory=True).compute(**arguments) == found
    card = metadata_load(FOLDER / name / "README.md")
    assert {"evaluate", "metric"} <= set(card["tags"])


def test_classification_agrees_with_scikit_learn(rows):
    probabilities, targets = rows
    guessed = probabilities.argmax(axis=1)
    metric = EmotionClassification(keep_in_memory=True)
    found = metric.compute(predictions=probabilities, references=targets, labels="er7")
    assert found["uar"] == pytest.approx(recall_score(targets, guessed, average="macro"), abs=EXACT)
    assert found["weighted_f1"] == pytest.approx(f1_score(targets, guessed, average="weighted"), abs=EXACT)
    assert found["nll"] == pytest.approx(log_loss(targets, probabilities, labels=range(7)), abs=EXACT)
    own = score(TASKS["er7"], targets, probabilities)
    by_label = metric.compute(predictions=guessed, references=targets, labels=7)
    assert by_label == pytest.approx(own, abs=EXACT)
    assert {name: found[name] for name in own} == pytest.approx(own, abs=EXACT)


def test_classification_leaves_absent_labels_out_and_tells_participants_apart(rows):
    probabilities, targets = rows
    absent = np.where(np.arange(200) % 4, targets, ABSENT_CLASS)
    people = [f"p{i % 3}" for i in range(200)]
    metric = EmotionClassification(keep_in_memory=True)
    found = metric.compute(predictions=probabilities, references=absent, participants=people)
    kept = absent != ABSENT_CLASS
    assert found["war"] == (probabilities[kept].argmax(axis=1) == targets[kept]).mean()
    one = kept & (np.arange(200) % 3 == 1)
    expected = metric.compute(predictions=probabilities[one], references=targets[one])
    assert found["by_participant"]["p1"] == pytest.approx(expected)
    assert set(found["by_participant"]) == {"p0", "p1", "p2"}
    assert ABSENT == ABSENT_CLASS  # the script can't import it


@pytest.mark.parametrize(
    ("predictions", "references", "options", "message"),
    [
        ([0, 3], [0, 1], {"labels": 3}, "predictions must be class indices 0..2, got 3"),
        ([0, 1], [0, 3], {"labels": ["a", "b", "c"]}, "references must be class indices 0..2, got 3"),
        ([0.7, 0.2], [0, 1], {}, "predictions must be class indices"),
        ([[0.7, 0.2], [0.5, 0.5]], [0, 1], {}, "sum 1"),
        ([[0.5, 0.5]], [0], {"labels": 3}, "3 probabilities"),
        ([0, 1], [0, 1], {"labels": "er9"}, "unknown task"),
        ([0, 1], [0, 1], {"participants": ["a"]}, "participants"),
    ],
)
def test_classification_refuses_nonsense(predictions, references, options, message):
    with pytest.raises(ValueError, match=message):
        EmotionClassification(keep_in_memory=True).compute(predictions=predictions, references=references, **options)


def test_regression_agrees_with_scipy(numbers):
    guesses, truth = numbers
    metric = EmotionRegression(keep_in_memory=True)
    found = metric.compute(predictions=guesses, references=truth, labels=TASKS["er_va"].labels)
    assert found["pearson_r_arousal"] == pytest.approx(pearsonr(truth[:, 1], guesses[:, 1]).statistic, abs=EXACT)
    assert found["mse"] == pytest.approx(mean_squared_error(truth, guesses), abs=EXACT)
    own = score(TASKS["er_va"], truth, guesses)
    assert {name: found[name] for name in own} == pytest.approx(own, abs=EXACT)
    assert found["ccc"] == pytest.approx((found["ccc_valence"] + found["ccc_arousal"]) / 2)
    far = metric.compute(predictions=guesses + 1e6, references=truth + 1e6)
    assert far["ccc"] == pytest.approx(own["ccc"], rel=1e-8)


def test_regression_leaves_absent_numbers_out(numbers):
    guesses, truth = numbers
    truth[:30, 1] = np.nan
    people = ["a" if i < 30 else "b" for i in range(80)]
    found = EmotionRegression(keep_in_memory=True).compute(predictions=guesses, references=truth, participants=people)
    assert {name: found[name] for name in ("ccc", "rmse")} == pytest.approx(
        {name: score(TASKS["er_va"], truth, guesses)[name] for name in ("ccc", "rmse")}, abs=EXACT
    )
    only_valence = pearsonr(truth[:30, 0], guesses[:30, 0]).statistic
    assert found["by_participant"]["a"]["pearson_r"] == pytest.approx(only_valence, abs=EXACT)
    with pytest.raises(ValueError, match="NaN"):
        EmotionRegression(keep_in_memory=True).compute(predictions=[np.nan, 1.0], references=[0.0, 1.0])


def test_gap_agrees_with_scikit_learn():
    rng = np.random.default_rng(2)
    gaps, differs, far = rng.random(60), rng.integers(2, size=60), rng.random(60)
    found = EmotionGap(keep_in_memory=True).compute(predictions=gaps, references=differs, distances=far)
    assert found["auroc"] == pytest.approx(roc_auc_score(differs, gaps), abs=EXACT)
    assert found["spearman"] == pytest.approx(spearmanr(gaps, far).statistic, abs=EXACT)
    with pytest.raises(ValueError, match="must be 1"):
        EmotionGap(keep_in_memory=True).compute(predictions=[0.1, 0.2], references=[0, 3])


def test_batches_and_combination(rows):
    """As `evaluate` is used: batch by batch, and several metrics in one."""
    probabilities, targets = rows
    guessed = probabilities.argmax(axis=1)
    metric = EmotionClassification(keep_in_memory=True)
    whole = metric.compute(predictions=guessed, references=targets)
    for start in range(0, 200, 64):
        metric.add_batch(predictions=guessed[start : start + 64], references=targets[start : start + 64])
    assert metric.compute() == whole
    together = evaluate.combine([EmotionClassification(keep_in_memory=True), EmotionRegression(keep_in_memory=True)])
    assert together.compute(predictions=guessed, references=targets)["uar"] == whole["uar"]


@pytest.mark.slow
def test_in_the_trainer(tmp_path):
    import torch
    from transformers import Trainer, TrainingArguments

    class Tiny(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(4, 3)

        def forward(self, x, labels):
            logits = self.layer(x)
            return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}

    metric = EmotionClassification(keep_in_memory=True)

    def compute_metrics(prediction):
        probabilities = torch.from_numpy(prediction.predictions).softmax(dim=1).numpy()
        return metric.compute(predictions=probabilities, references=prediction.label_ids, labels="er3")

    generator = torch.Generator().manual_seed(0)
    data = [{"x": torch.randn(4, generator=generator), "labels": i % 3} for i in range(12)]
    arguments = TrainingArguments(str(tmp_path), report_to="none", use_cpu=True)
    trainer = Trainer(Tiny(), arguments, eval_dataset=data, compute_metrics=compute_metrics)
    for _ in range(2):  # as after every epoch
        found = trainer.evaluate()
    output = trainer.predict(data)
    expected = score(TASKS["er3"], output.label_ids, output.predictions)
    assert found["eval_uar"] == pytest.approx(expected["uar"])
    assert found["eval_nll"] == pytest.approx(found["eval_loss"], rel=1e-5)


def test_task_of_numbers_is_no_label_set():
    metric = EmotionClassification(keep_in_memory=True)
    with pytest.raises(ValueError, match=r"er_va.*numbers, not classes; take the metric emotion_regression"):
        metric.compute(predictions=[0, 1], references=[0, 1], labels="er_va")


@pytest.mark.parametrize("name", ["emotion_classification", "emotion_regression"])
def test_nothing_to_score_is_said(name):
    for given in ({"predictions": [], "references": []}, {"predictions": [0.0], "references": []}):
        with pytest.raises(ValueError, match=r"(predictions|references) are empty; give at least one recording"):
            CLASSES[name](keep_in_memory=True).compute(**given)


def test_a_number_that_is_written_as_absent_is_left_out_as_in_the_other_metrics(numbers):
    """-100 is the mark of transformers; the numbers of all built-in tasks lie between -1 and 3."""
    guessed, truth = numbers
    assert all(task.range is None or not task.range[0] <= ABSENT_CLASS <= task.range[1] for task in TASKS.values())
    marked, missing = truth.copy(), truth.copy()
    marked[::3], missing[::3] = ABSENT_CLASS, np.nan
    metric = EmotionRegression(keep_in_memory=True)
    found = metric.compute(predictions=guessed, references=marked, labels=["valence", "arousal"])
    assert found == metric.compute(predictions=guessed, references=missing, labels=["valence", "arousal"])
    assert found["ccc"] == pytest.approx(score(TASKS["er_va"], marked, guessed)["ccc"], abs=EXACT)
    assert found["mae"] < 1


def test_minus_100_is_a_number_in_a_range_that_holds_it():
    truth, guessed = np.array([-100.0, 0.0, 100.0, np.nan]), np.array([-60.0, 0.0, 100.0, 3.0])
    mood = make_task({"name": "mood", "labels": ["mood"], "range": [-100, 100]})
    found = EmotionRegression(keep_in_memory=True).compute(predictions=guessed, references=truth, absent=None)
    assert found["mae"] == pytest.approx(40 / 3)
    assert found["ccc"] == pytest.approx(score(mood, truth, guessed)["ccc"], abs=EXACT)
    kelvin = make_task({"name": "kelvin", "labels": ["kelvin"], "range": [0, 300]})
    assert np.isnan(as_targets(kelvin, truth)).tolist() == [[True], [False], [False], [True]]


@pytest.mark.parametrize("labels", [np.int64(3), 3, np.array(["a", "b", "c"]), ("a", "b", "c")])
def test_a_label_set_is_a_count_of_any_kind_or_names(labels):
    found = EmotionClassification(keep_in_memory=True).compute(predictions=[0, 2], references=[0, 1], labels=labels)
    assert found["macro_f1"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("labels", [0, -1, True, np.int64(0), []])
def test_a_label_set_of_no_labels_is_refused(labels):
    with pytest.raises(ValueError, match="labels must be a count of at least 1"):
        EmotionClassification(keep_in_memory=True).compute(predictions=[0], references=[0], labels=labels)
