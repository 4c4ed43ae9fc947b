"""The sections of the results: each figure against one computed by hand, and pictures that show what they say."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dataset_scripts.pictures.style import DARK, LIGHT, Style, drawing
from modeling_emert.configuration_emert import EmertConfig
from modeling_emert.model_card_emert import make_model_card
from modeling_emert.tasks_emert import TASKS
from training.metrics import score
from training.metrics.predictions import to_arrays, to_rows
from training.reports.drawings import contrast, draw_confusion
from training.reports.gap_section import gap_of
from training.reports.page import calibration_markdown, subgroup_markdown, votes_markdown
from training.reports.pictures import draw_pictures
from training.reports.results import Header, make_results
from training.reports.sections import calibration_of, confusion_of, subgroups_of

ER7, FER7 = TASKS["er7"], TASKS["fer7"]
PEOPLE, CLIPS = 8, 7


def _header(**changes) -> Header:
    return Header(
        **{"data": "drawn", "data_kind": "synthetic", "split": "s", "folds": 1, "seeds": (0,), "command": "c"} | changes
    )


def _rows(task, targets, predictions, method="EMERT", uncalibrated=None) -> pd.DataFrame:
    people = np.repeat(np.arange(PEOPLE), CLIPS)
    return to_rows(task, range(PEOPLE * CLIPS), people, range(PEOPLE * CLIPS), targets, predictions, method, 1, uncalibrated)


def _certain(classes: np.ndarray, sure: float = 0.9) -> np.ndarray:
    """Probabilities `(n, 7)` of somebody who is that sure."""
    rest = (1 - sure) / 6
    return np.where(np.eye(7)[classes] == 1, sure, rest)


@pytest.fixture
def both() -> pd.DataFrame:
    """Felt and shown differ in every second recording; method "face" copies the face, method "eyes" is right on both."""
    felt = np.arange(PEOPLE * CLIPS) % 7
    shown = np.where(np.arange(PEOPLE * CLIPS) % 2, (felt + 1) % 7, felt)
    parts = []
    for method, answer in (("eyes", felt), ("face", shown)):
        parts += [_rows(ER7, felt, _certain(answer), method), _rows(FER7, shown, _certain(shown), method)]
    return pd.concat(parts, ignore_index=True)


def test_who_copies_the_face_is_right_only_where_felt_and_shown_agree(both: pd.DataFrame):
    gap = gap_of(both, n_resamples=50, seed=0)
    subsets = gap["methods"]["face"]["subsets"]["er7"]
    assert [part["n"] for part in subsets.values()] == [28, 28]
    assert [part["metrics"]["uar"]["value"] for part in subsets.values()] == [1.0, 0.0]
    assert [part["metrics"]["uar"]["value"] for part in gap["methods"]["eyes"]["subsets"]["er7"].values()] == [1.0, 1.0]
    assert gap["methods"]["eyes"]["scores"]["0"]["auroc"]["value"] == 1.0
    assert gap["methods"]["face"]["scores"]["0"]["auroc"]["value"] == 0.5
    assert np.trace(gap["labels"]["counts"]) == 28
    assert gap["labels"]["answers"] == gap["labels"]["counts"]


def test_without_both_views_there_is_no_gap(both: pd.DataFrame):
    assert gap_of(both[both["task"] == "er7"], n_resamples=10, seed=0) is None


def test_calibration_before_and_after_the_temperature():
    targets = np.arange(PEOPLE * CLIPS) % 7
    answers = np.where(np.arange(PEOPLE * CLIPS) % 10 < 6, targets, (targets + 1) % 7)  # right in about 6 of 10
    share = float((answers == targets).mean())
    found = calibration_of(ER7, _rows(ER7, targets, _certain(answers, share), uncalibrated=_certain(answers, 0.99)))
    assert found["answers"]["ece"] == pytest.approx(0, abs=1e-6)
    assert found["before"]["ece"] == pytest.approx(0.99 - share, abs=1e-6)
    assert found["answers"]["nll"] < found["before"]["nll"]
    assert sum(part["n"] for part in found["answers"]["bins"]) == len(targets)
    assert calibration_of(ER7, _rows(ER7, targets, _certain(answers)))["before"] is None


def test_confusion_rows_are_the_labels():
    targets, answers = np.zeros(PEOPLE * CLIPS, int), np.full(PEOPLE * CLIPS, 3)
    assert confusion_of(ER7, _rows(ER7, targets, _certain(answers)))[0] == [0, 0, 0, 56, 0, 0, 0]


@pytest.mark.parametrize("style", [LIGHT, DARK])
def test_the_numbers_of_a_confusion_matrix_can_be_read_on_every_shade(style: Style):
    with drawing(6, 1.5, style) as figure:
        axes = figure.add_subplot()
        counts = np.stack([np.arange(21), 20 - np.arange(21)], axis=1)  # shares 0, 0.05, ..., 1
        draw_confusion(axes, counts, ("a", "b"), style, "shades", ("label", "answer"))
        picture = axes.images[0]
        shades = picture.cmap(picture.norm(picture.get_array()))
        contrasts = [contrast(cell.get_color(), shades[cell.get_position()[1], cell.get_position()[0]]) for cell in axes.texts]
    assert min(contrasts) > 4


def test_subgroups_are_scored_apart_and_only_where_there_are_two():
    targets = np.arange(PEOPLE * CLIPS) % 7
    answers = np.where(np.arange(PEOPLE * CLIPS) < 35, targets, (targets + 1) % 7)
    rows = _rows(ER7, targets, _certain(answers))
    rows["groups"] = [{"sex": "f" if index < 35 else "m", "gaze_format": "same"} for index in range(len(rows))]
    found = subgroups_of(ER7, rows, 50, 0)
    assert list(found) == ["sex"]
    assert {name: (part["n"], part["participants"]) for name, part in found["sex"].items()} == {"f": (35, 5), "m": (21, 3)}
    assert [part["metrics"]["uar"]["value"] for part in found["sex"].values()] == [1.0, 0.0]
    page = "\n".join(subgroup_markdown(make_results(rows, _header(), n_resamples=20)))
    assert "| `sex` | f | er7 | 5 | 35 | UAR 1.00 [1.00, 1.00] |" in page
    assert "| `sex` | m | er7 | 3 | 21 | UAR 0.00 [n/a: fewer than 5 participants] |" in page


def test_the_calibration_table_shows_both(both: pd.DataFrame):
    results = make_results(both, _header(), n_resamples=20)
    assert "→" not in "".join(calibration_markdown(results))
    both["uncalibrated"] = [list(cell) for cell in both["prediction"]]
    assert "→" in "".join(calibration_markdown(make_results(both, _header(), n_resamples=20)))


def test_figures_of_the_page_equal_those_from_the_predictions(both: pd.DataFrame):
    results = make_results(both, _header(), n_resamples=20)
    for method, tasks in results["scores"].items():
        for name, entry in tasks.items():
            rows = both[(both["method"] == method) & (both["task"] == name)]
            for metric, value in score(TASKS[name], *to_arrays(TASKS[name], rows)).items():
                assert entry["metrics"][metric]["value"] == pytest.approx(value)


@pytest.mark.slow
def test_pictures_are_drawn_alike_twice_and_are_not_empty(both: pd.DataFrame, tmp_path):
    numbers = _rows(TASKS["er_va"], np.zeros((56, 2)), np.linspace(-1, 1, 112).reshape(56, 2), "eyes")
    predictions = pd.concat([both, numbers], ignore_index=True)
    results = make_results(predictions, _header(data="a name with $maths$ and 漢字" * 5), n_resamples=10)
    first, second = draw_pictures(results, predictions), draw_pictures(results, predictions)
    assert first == second
    names = {"confusion-er7.png", "confusion-fer7.png", "numbers-er_va.png", "reliability.png", "felt-against-shown.png"}
    assert set(first) == names
    for name, picture in first.items():
        (tmp_path / name).write_bytes(picture)
        pixels = np.asarray(Image.open(tmp_path / name).convert("RGB"))
        assert min(pixels.shape[:2]) > 200
        assert len(np.unique(pixels[:, :, 0])) > 50  # lines and letters, not one colour


def test_votes_are_scored_on_the_recordings_that_have_some_and_leave_others_as_they_were(both: pd.DataFrame):
    rows = both[both["method"] == "eyes"].reset_index(drop=True)
    plain = make_results(rows, _header(), n_resamples=50)
    judged = (rows["task"] == "fer7") & (rows.index % 2 == 1)
    rows["votes"] = [answer if known else None for answer, known in zip(rows["prediction"], judged, strict=True)]
    results = make_results(rows, _header(), n_resamples=50)
    found = results["scores"]["eyes"]["fer7"].pop("votes")
    assert results == plain
    assert found["n"] == 28
    assert found["metrics"]["nll_votes"]["value"] == pytest.approx(found["least_nll"])
    assert found["metrics"]["js_votes"]["value"] == pytest.approx(0, abs=1e-9)
    assert found["metrics"]["js_votes"]["n_resamples"] == 50
    results["scores"]["eyes"]["fer7"]["votes"] = found
    page = "\n".join(votes_markdown(results))
    assert f"(fer7 {found['least_nll']:.3f})" in page
    assert "| fer7 | eyes | 28 | " in page
    assert votes_markdown(plain) == []
    assert "NLL of the judges' votes" in make_model_card(EmertConfig(tasks=["fer7"]), None, results)
