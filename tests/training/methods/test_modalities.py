"""A method is given what it knows and nothing else; where nothing of it is there, one sentence says so."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dataset_scripts.dataset.reader import EmertData
from modeling_emert import EmertInputError
from modeling_emert.recording_emert import FaceTrack, Gaze, Recording
from training.benchmark.open_data import open_data
from training.benchmark.recipe import BenchmarkRecipe
from training.evaluation.evaluate import evaluate_model
from training.fit.fit import fit
from training.methods.registry import METHODS, check_modalities, get_method, only_given
from training.recipes.recipe import Recipe


def _lacking(data: EmertData, *lacking: str) -> EmertData:
    """The same data set, said to have none of these."""
    counts = data.metadata.counts.modalities
    composition = replace(data.metadata.counts, modalities={**counts, **dict.fromkeys(lacking, 0)})
    return replace(data, metadata=replace(data.metadata, counts=composition))


def _recording() -> Recording:
    face = FaceTrack(np.zeros((2, 8, 8, 3), np.uint8), np.array([0.0, 1.0]), np.array([True, True]))
    return Recording(face, Gaze(np.zeros((5, 39)), np.arange(5.0), np.zeros((1, 4))))


@pytest.mark.parametrize(
    ("lacking", "refused"),
    [
        (("face",), {"face_only"}),
        (("eye_movements", "fixations"), {"eye_movements_only", "fixations_only", "emert_no_face"}),
        (("face", "eye_movements"), {"face_only", "eye_movements_only", "emert_no_fixations"}),
    ],
)
def test_methods_that_would_learn_from_zeros_are_refused_and_no_others(data: EmertData, lacking: tuple, refused: set):
    found = set()
    for key, method in METHODS.items():
        try:
            check_modalities(_lacking(data, *lacking), method)
        except EmertInputError:
            found.add(key)
    assert found == refused


def test_training_evaluation_and_benchmark_refuse_in_one_sentence(
    model: Path, recipe: Recipe, data: EmertData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    faceless = _lacking(data, "face")
    with pytest.raises(EmertInputError, match="face_only is given face, which no recording here has; they have eye_movements"):
        fit(replace(recipe, method="face_only"), faceless, tmp_path / "model", fold=1)
    assert not any(tmp_path.iterdir())
    monkeypatch.setattr("training.evaluation.evaluate.method_of", lambda _: get_method("face_only"))
    with pytest.raises(EmertInputError, match="face_only is given face"):
        evaluate_model(model, faceless, progress=False)
    monkeypatch.setattr(EmertData, "open", lambda _: faceless)
    benchmark = BenchmarkRecipe("x", ("majority", "face_only"), ("er7",), {"recipe": "laptop"}, split_versions=("plain",))
    with pytest.raises(EmertInputError, match="face_only is given face"):
        open_data(benchmark, data.folder, tmp_path, 1)


def test_a_recording_is_given_as_the_method_takes_it():
    whole = _recording()
    assert only_given(whole, get_method("emert")) is whole
    blind = only_given(whole, get_method("emert_no_face"))
    assert blind.face is None
    assert blind.gaze is whole.gaze
    assert "emert_no_face, which is not given face" in blind.notes[0]
    still = only_given(whole, get_method("emert_no_eye_movements"))
    assert (still.gaze.eye_movements, still.gaze.times_ms) == (None, None)
    assert still.gaze.fixations is not None
    assert only_given(whole, get_method("emert_no_fixations")).gaze.fixations is None
    face = only_given(whole, get_method("face_only"))
    assert face.gaze is None
    assert face.face is whole.face
    assert whole.notes == []


def test_a_recording_that_has_nothing_of_it_is_refused():
    with pytest.raises(EmertInputError, match="face_only, which is given face; this recording has eye_movements and fixations"):
        only_given(replace(_recording(), face=None), get_method("face_only"))
