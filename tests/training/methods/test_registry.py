"""The table of methods is complete, each row makes what it says, and each method is given its own modalities only."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_methods import inputs_of, tiny_network

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.constants_emert import MODALITIES
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import FaceTrack, Gaze, Recording
from training.benchmark.open_data import open_data
from training.benchmark.recipe import BenchmarkRecipe
from training.evaluation.evaluate import evaluate_model
from training.fit.fit import fit
from training.methods.registry import METHODS, check_modalities, get_method, load_class, only_given
from training.recipes.recipe import Recipe

KEYS = tuple(METHODS)
NETWORKS = [method for method in METHODS.values() if method.kind == "network"]


def test_the_table_holds_every_method_once():
    assert all(key == method.key for key, method in METHODS.items())
    assert len({method.name for method in METHODS.values()}) == len(KEYS)


@pytest.mark.parametrize("method", METHODS.values(), ids=KEYS)
def test_row_is_complete_and_its_class_is_there(method):
    assert load_class(method).__name__ == method.made_by.partition(":")[2]
    assert method.source
    assert method.modalities
    assert list(method.modalities) == [name for name in MODALITIES if name in method.modalities]


@pytest.mark.parametrize("method", NETWORKS, ids=lambda method: method.key)
def test_overrides_reach_the_network(method):
    tasks = ["er3", "er7"] if method.tasks == "all" else ["er7"]
    network = tiny_network(method.key, tasks=tasks)
    for field, value in method.overrides.items():
        assert getattr(network.config, field) == value
    assert set(network(**inputs_of(method.key)).logits) == set(tasks)


def test_no_two_networks_are_saved_as_the_same_type():
    types = [load_class(method).config_class.model_type for method in NETWORKS if not method.key.startswith("emert")]
    assert len(set(types)) == len(types) - 2  # the three of one modality are of one type
    assert "emert" not in types


def test_unknown_method_is_the_users_mistake():
    with pytest.raises(EmertInputError, match=r"method is 'svn'.*majority, .*svm"):
        get_method("svn")


@pytest.mark.parametrize(
    ("key", "counted"),
    [("emert", ("adversarial", "specific")), ("emert_no_adversarial", ("specific",)), ("emert_no_decoupling", ())],
)
def test_ablations_switch_their_losses_off(key, counted):
    network = tiny_network(key, tasks=["er7"])
    output = network(**inputs_of(key), labels={"er7": torch.tensor([1, 2])})
    expected = output.losses["er7"] + sum(0.1 * output.losses[name] for name in counted)
    torch.testing.assert_close(output.loss, expected)


@pytest.mark.parametrize("modality", MODALITIES)
def test_without_a_modality_is_all_but_that_one(modality):
    assert set(METHODS[f"emert_no_{modality}"].modalities) == set(MODALITIES) - {modality}
    assert METHODS[f"{modality}_only"].modalities == (modality,)


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
    with pytest.raises(EmertInputError, match="face_only, which is given face; this recording has only eye_movements"):
        only_given(replace(_recording(), face=None), get_method("face_only"))
