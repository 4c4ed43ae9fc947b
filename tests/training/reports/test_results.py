"""Results: figures, files that are whole, and pages on which every figure names its data."""

import json

import numpy as np
import pandas as pd
import pytest
from places import ROOT

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import TASKS
from training.metrics import score
from training.metrics.predictions import read_predictions, to_arrays, to_rows
from training.reports.page import results_markdown, summary_table
from training.reports.results import (
    Header,
    make_results,
    read_results,
    remake_results,
    to_json,
    write_results,
)

FILES = {"results.json", "results.md", "predictions.parquet"}


@pytest.fixture
def header() -> Header:
    return Header(
        data="drawn faces v1",
        data_kind="synthetic",
        split="5 folds by participant, seed 42",
        folds=5,
        seeds=(0, 1),
        command="emert benchmark --data drawn",
    )


def _predictions(methods=("majority", "EMERT"), names=("er3", "er_va", "fer7"), people=10, clips=6) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    count = people * clips
    participants = np.repeat(np.arange(people), clips)
    ids = (range(count), participants, np.tile(np.arange(clips), people))
    parts = []
    for name in names:
        task = TASKS[name]
        targets = rng.integers(3, size=count) if task.kind == "classification" else rng.uniform(-1, 1, (count, task.size))
        for method in methods:
            guesses = rng.dirichlet(np.ones(task.size), size=count) if task.kind == "classification" else 0.5 * targets
            parts.append(to_rows(task, *ids, targets, guesses, method, participants % 5))
    return pd.concat(parts, ignore_index=True)


def test_figures(header):
    predictions = _predictions()
    results = make_results(predictions, header, n_resamples=100)
    assert results["methods"] == ["majority", "EMERT"]
    entry = results["scores"]["EMERT"]["er3"]
    task, rows = TASKS["er3"], predictions[(predictions["method"] == "EMERT") & (predictions["task"] == "er3")]
    assert (entry["n"], entry["participants"], entry["folds"]["n"]) == (60, 10, 5)
    assert entry["metrics"]["uar"]["value"] == pytest.approx(score(task, *to_arrays(task, rows))["uar"])
    by_fold = [score(task, *to_arrays(task, fold))["uar"] for _, fold in rows.groupby("fold")]
    assert entry["folds"]["mean"] == pytest.approx(np.mean(by_fold))
    assert entry["folds"]["std"] == pytest.approx(np.std(by_fold, ddof=1))
    assert results["scores"]["EMERT"]["fer7"]["absent_labels"] == ["surprise", "disgust", "anger", "neutral"]
    assert set(results["header"]["versions"]) == {"torch", "transformers", "emert"}


def test_files_are_whole(header, tmp_path):
    predictions = _predictions()
    results = write_results(tmp_path / "new", predictions, header, n_resamples=50)
    pictures = sorted(file.name for file in (tmp_path / "new" / "pictures").iterdir())
    assert {file.name for file in (tmp_path / "new").iterdir() if file.is_file()} == FILES
    assert json.loads((tmp_path / "new" / "results.json").read_text("utf-8")) == results
    page = (tmp_path / "new" / "results.md").read_text("utf-8")
    assert all(f"](pictures/{name})" in page for name in pictures)
    assert page.startswith(results_markdown(results).rstrip())
    pd.testing.assert_frame_equal(read_predictions(tmp_path / "new" / "predictions.parquet"), predictions)


def test_a_failure_touches_no_file(header, tmp_path, monkeypatch):
    write_results(tmp_path, _predictions(), header, n_resamples=20)
    before = {name: (tmp_path / name).read_bytes() for name in FILES}
    monkeypatch.setattr("training.reports.results.write_table", lambda *_: (_ for _ in ()).throw(OSError(28, "disk full")))
    pictures = {file.name: file.read_bytes() for file in (tmp_path / "pictures").iterdir()}
    with pytest.raises(EmertInputError, match="disk full"):
        write_results(tmp_path, _predictions(methods=("other",)), header, n_resamples=20)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()} == before
    assert {file.name: file.read_bytes() for file in (tmp_path / "pictures").iterdir()} == pictures


def test_a_second_evaluation_replaces_the_first_one_whole(header, tmp_path):
    """Pictures of tasks that are no longer there would be taken for its own."""
    out = tmp_path / "scores"
    write_results(out, _predictions(names=("fer7",)), header, n_resamples=20)
    assert (out / "pictures" / "confusion-fer7.png").is_file()
    write_results(out, _predictions(names=("er3",)), header, n_resamples=20)
    assert sorted(path.name for path in (out / "pictures").iterdir()) == ["confusion-er3.png", "reliability.png"]
    assert [path.name for path in tmp_path.iterdir()] == ["scores"]
    remake_results(out / "predictions.parquet", out, n_resamples=20)  # from what it replaces
    assert {file.name for file in out.iterdir() if file.is_file()} == FILES
    (out / "notes.txt").write_text("mine")
    with pytest.raises(EmertInputError, match="holds notes"):
        write_results(out, _predictions(names=("er3",)), header, n_resamples=20)


def test_pages_say_what_was_measured(header):
    results = make_results(_predictions(), header, n_resamples=50)
    page, text = results_markdown(results), summary_table(results)
    for part in ("drawn faces v1", "synthetic", "5 folds by participant, seed 42", "seeds: 0, 1", "50 resamples"):
        assert part in page
        assert part in " ".join(text.split())
    assert "`emert benchmark --data drawn`" in page
    assert "Felt emotion (ER)" in page
    assert "Shown emotion (FER)" in page
    assert "Perceived" not in page
    cell = results["scores"]["EMERT"]["er3"]["metrics"]["uar"]
    shown = f"{cell['value']:.2f} [{cell['low']:.2f}, {cell['high']:.2f}]"
    assert shown in page
    assert shown in text
    assert "MAE (lower is better)" in page
    assert "no recording is labelled surprise" in page


def test_terminal_table_is_aligned_and_narrow(header):
    methods = tuple(f"EMERT without part {i}" for i in range(9))
    text = summary_table(make_results(_predictions(methods), header, n_resamples=20))
    assert max(map(len, text.splitlines())) <= 120
    assert all(text.count(method) == 2 for method in methods)  # once for each view
    first_block = text.split("\n\n")[1].splitlines()
    titles = [block.splitlines()[0] for block in text.split("\n\n")[1:]]
    for title in ("Felt emotion (ER)", "Shown emotion (FER)"):  # each table is several blocks, of which the first has the title
        assert titles.count(title) == 1
        assert f"{title} (continued)" in titles
    column = first_block[1].index("EMERT without part 1")
    assert all(line[column - 1] == " " and line[column] != " " for line in first_block[1:])


@pytest.mark.parametrize(
    ("predictions", "note"),
    [
        (_predictions(people=1), "n/a: fewer than 5 participants"),
        (_predictions(people=1), "n/a: one fold has no spread"),
        (_predictions(clips=1, people=1, names=["er_va"]), "n/a: the truth does not vary"),
        (pd.concat([_predictions(("a",), ("er3",)), _predictions(("b",), ("er7",))]), "n/a: not run"),
    ],
)
def test_what_is_not_there_has_a_word(header, predictions, note):
    results = make_results(predictions, header, n_resamples=20)
    page = results_markdown(results)
    assert note in page
    assert "nan" not in (page + summary_table(results)).lower()
    json.dumps(results, allow_nan=False)


def test_wrong_tables_are_refused(header):
    with pytest.raises(EmertInputError, match="no rows"):
        make_results(_predictions().iloc[:0], header)
    with pytest.raises(EmertInputError, match="'fold' is missing"):
        make_results(_predictions().drop(columns="fold"), header)
    twice = pd.concat([_predictions(), _predictions()])
    with pytest.raises(EmertInputError, match="twice"):
        make_results(twice, header)


@pytest.mark.parametrize("kind", ["real", "real: ", "published", ""])
def test_the_kind_of_data_must_be_said(kind):
    with pytest.raises(ValueError, match="data_kind"):
        Header("x", kind, "split", 5, (0,), "command")


def test_real_data_name_their_source():
    assert Header("CEAP", "real: CEAP-360VR", "split", 5, (0,), "command").data_kind == "real: CEAP-360VR"


def test_everything_can_be_made_again_from_the_predictions_alone(header, tmp_path):
    predictions = _predictions()
    predictions["groups"] = [{"sex": "f" if int(name) % 2 else "m"} for name in predictions["participant_id"]]
    first = write_results(tmp_path / "first", predictions, header, n_resamples=20)
    again = remake_results(tmp_path / "first" / "predictions.parquet", tmp_path / "again", n_resamples=20)
    assert again == first
    for path in (tmp_path / "first").rglob("*.*"):
        assert (tmp_path / "again" / path.relative_to(tmp_path / "first")).read_bytes() == path.read_bytes(), path


def test_results_of_an_older_version_are_read(header, tmp_path):
    results = make_results(_predictions(names=("er7", "fer7")), header, n_resamples=20)
    older = json.loads(json.dumps(results))
    older["bootstrap"]["draws"] = older["bootstrap"].pop("n_resamples")
    for found in older["gap"]["methods"].values():
        found["score"] = found.pop("scores")["0"]
    (tmp_path / "results.json").write_text(json.dumps(older, indent=2))
    assert read_results(tmp_path / "results.json") == results


def test_json_is_written_compactly(header):
    results = make_results(_predictions(), header, n_resamples=20)
    text = to_json(results)
    assert json.loads(text) == results
    assert len(text.splitlines()) < 40


@pytest.mark.parametrize("path", sorted((ROOT / "docs").rglob("*.json")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_json_under_docs_is_stored_compactly(path):
    text = path.read_text(encoding="utf-8")
    assert text == to_json(json.loads(text))
    assert len(text.splitlines()) < 50
