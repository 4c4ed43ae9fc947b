"""Recipes say what they mean, and a wrong one is refused with the key, what was found and what was expected."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dataset_scripts.common.strict_yaml import read_yaml
from modeling_emert import EmertInputError
from training.adaptation.recipe import AdaptationRecipe, load_adaptation_recipe
from training.benchmark.recipe import BenchmarkRecipe, load_benchmark_recipe
from training.cli import main
from training.fit.fit import fit
from training.recipes.readme import PAGE, recipes_page
from training.recipes.recipe import RECIPES, SCORE, TRAINING_RECIPES, Recipe, load_recipe, recipe_of_record

_SMALL = {"network": "small", "image_size": 56, "patience": 10}
_NARROW = {"modality_dropout": 0.0, "encoder_size": 32, "projection_sizes": [32], "stream_dropout": 0.5, "fusion_dropout": 0.3}
_GAZE = _SMALL | {"overrides": _NARROW, "normalisation": "participant", "epochs": 15, "batch_size": 16}
_GAZE |= {"learning_rate": 5e-4, "weight_decay": 1e-1}
_DEFAULTS = {
    "method": "emert",
    "tasks": [],
    "network": "authors",
    "overrides": {},
    "initial_model": None,
    "image_size": 112,
    "face_zoom": 1.0,
    "face_pixels": None,
    "grey_faces": False,
    "sources": [],
    "source_balance": 0.5,
    "inputs": "standard",
    "sampling": "middle",
    "frame_order": "time",
    "normalisation": "training",
    "augmentation": [],
    "class_weights": False,
    "class_offsets": None,
    "forget_participants": False,
    "epochs": 200,
    "batch_size": 16,
    "gradient_accumulation": 1,
    "optimizer": "adamw",
    "learning_rate": 1e-4,
    "weight_decay": 5e-4,
    "max_gradient": 1.0,
    "warmup": 0.05,
    "schedule": "cosine",
    "weight_average": 0.0,
    "monitor": "score",
    "watch_test": False,
    "patience": 20,
    "precision": "fp32",
    "num_workers": 0,
    "streaming": False,
    "seed": 0,
}
# What the stored results were trained with, from the time when every recipe wrote out all of its keys.
_RESOLVED = {
    "laptop": _SMALL | {"epochs": 30, "batch_size": 8, "learning_rate": 1e-3},
    "gaze": _GAZE,
    "uniss_fgd": _GAZE | {"tasks": ["perceived3"]},
    "ceap_360vr": _GAZE | {"tasks": ["er3", "er_va"], "class_weights": True, "epochs": 40, "batch_size": 8},
    "multitask": {
        "tasks": ["er3", "er7", "er_va", "fer3", "fer7", "fer_va", "fer_intensity"],
        "overrides": {"hierarchical": True, "task_pooling": "attention", "modality_dropout": 0.2},
        "augmentation": [{"name": "flip", "chance": 0.5}, {"name": "gaze_jitter", "strength": 0.01}],
        "class_weights": True,
        "epochs": 100,
        "num_workers": 4,
    },
}


@pytest.mark.parametrize("name", TRAINING_RECIPES)
def test_every_shipped_recipe_says_what_differs_and_means_what_it_did(name: str):
    if name in _RESOLVED:
        assert load_recipe(name).to_dict() == _DEFAULTS | _RESOLVED[name]
    path = RECIPES / f"{name}.yaml"
    own, _ = read_yaml(path, recipe=True)
    base = load_recipe(own.pop("base")).to_dict() if "base" in own else _DEFAULTS
    assert [key for key in own if own[key] == base[key]] == []


@pytest.mark.parametrize("kind", [Recipe, AdaptationRecipe, BenchmarkRecipe])
def test_every_key_of_a_recipe_is_described_where_it_is_declared(kind: type):
    undescribed = [key for key, field in kind.__pydantic_fields__.items() if not field.description]
    assert undescribed == []


def test_the_page_of_the_recipes_is_current():
    assert PAGE.read_text(encoding="utf-8") == recipes_page(), "call python -m training.recipes.readme"


def test_the_command_shows_the_resolved_recipe_with_all_comments(tmp_path: Path, capsys: pytest.CaptureFixture):
    assert main(["train", "uniss_fgd", "seed=3", "--show"]) == 0
    shown = capsys.readouterr().out
    lines = shown.splitlines()
    keys = [index for index, line in enumerate(lines) if re.match(r"\w+:", line)]
    assert [lines[index].partition(":")[0] for index in keys] == list(_DEFAULTS)
    assert "  # (gaze) No modality is hidden in training: the face is absent already.\n  modality_dropout: 0.0\n" in shown
    assert [lines[index] for index in keys if not lines[index - 1].startswith("# ")] == []
    (tmp_path / "shown.yaml").write_text(shown)
    assert load_recipe(str(tmp_path / "shown.yaml")) == load_recipe("uniss_fgd", ["seed=3"])
    assert main(["benchmark", "small", "--show"]) == 0
    shown = capsys.readouterr().out
    assert "# Keys of training/methods/registry.py, in the order of the tables.\nmethods:\n- majority\n" in shown
    assert "# (small) The network below takes as many.\nfaces: 4\n" in shown
    assert "# (_common) With fewer resamples" in shown
    assert main(["adapt", "--show"]) == 0
    shown = capsys.readouterr().out
    assert "there is no validation person for early stopping.\n# (lora) Of 1e-4 and 3e-4" in shown
    assert main(["train", "uniss_fgd"]) == 2
    assert "--data and --out are missing" in capsys.readouterr().err


def test_a_record_of_before_is_read():
    """With keys that had other names, or that recipes have no more."""
    stored = load_recipe("authors").to_dict() | {"store_face_features": False, "backbone_learning_rate": None}
    stored["workers"] = stored.pop("num_workers")
    assert recipe_of_record(stored | {"activation_checkpointing": False}) == load_recipe("authors")


def test_changes_reach_the_recipe_and_the_network():
    recipe = load_recipe("laptop", ["epochs=3", "tasks=[er7]", "overrides.encoder_size=16"])
    assert (recipe.epochs, recipe.tasks, recipe.overrides["encoder_size"]) == (3, ("er7",), 16)


def test_numbers_without_a_point_and_keys_within_keys_are_understood():
    own = ["overrides.backbone_config.model_type=resnet", "overrides.backbone_config.depths=[1]"]
    recipe = load_recipe("laptop", ["learning_rate=1e-3", "epochs=1e1", *own])
    assert (recipe.learning_rate, recipe.epochs) == (1e-3, 10)
    assert recipe.overrides == {"backbone_config": {"model_type": "resnet", "depths": [1]}}


def test_a_recipe_survives_yaml(tmp_path: Path):
    recipe = load_recipe("laptop", ["seed=7"])
    (tmp_path / "again.yaml").write_text(recipe.to_yaml())
    assert load_recipe(str(tmp_path / "again.yaml")) == recipe


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("epochs=0", "epochs"),
        ("learning_rate=fast", "learning_rate"),
        ("network=huge", "network"),
        ("tasks=[ER9]", r"tasks\[0\] is .ER9., expected the name of a task"),
        ("epoch=3", "epoch"),
        ("epochs", "key=value"),
        ("seed=true", "seed"),
        ("epochs=2.5", "epochs is 2.5, expected a whole number in 1..100000"),
        ("warmup=1", "warmup"),
        ("schedule=linear", "schedule is 'linear', expected 'cosine', 'cosine_by_epoch' or 'constant'"),
        ("precision=fp16", "precision"),
        ("method=majority", "method is 'majority', expected 'face_only'"),
        ("monitor=ER9", "monitor is .ER9., expected score, a task, or SOURCE/TASK"),
        ("gradient_accumulation=3", "batch_size 8 can't be cut into gradient_accumulation 3"),
        ("augmentation=flip", "augmentation is 'flip', expected a list"),
        ("augmentation=[{name: flop}]", r"augmentation\[0\] is .*flop.*, expected a name among gaze_jitter"),
        ("overrides=[]", "overrides is"),
        ("overrides.temperatures={}", "overrides.temperatures is fitted after training"),
        ("epochs.best=1", "epochs holds 30, which has no keys"),
        ("tasks=[", "not YAML"),
        ("streaming=1", "streaming is 1, expected true or false"),
        ("tasks=[er3, er3]", "tasks: er3 stands twice"),
        ("tasks=[{a: b}]", r"tasks\[0\] is {'a': 'b'}"),
        ("overrides={3: 1}", "overrides has the key 3, expected text"),
        ("streaming=true & normalisation=participant", "streaming reads no recording twice"),
        ("monitor=er3 & tasks=[er7]", "monitor is 'er3', expected score, or one of the tasks"),
        ("monitor=a/er7 & tasks=[er7] & sources=[b]", "monitor is .a/er7., expected one of the sources .b. before"),
    ],
)
def test_a_wrong_value_is_named(change: str, named: str):
    with pytest.raises(EmertInputError, match=named):
        load_recipe("laptop", change.split(" & "))


def test_an_unknown_recipe_lists_the_known_ones():
    with pytest.raises(EmertInputError, match="laptop"):
        load_recipe("desktop")


def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path):
    (tmp_path / "list.yaml").write_text("- 1\n- 2\n")
    (tmp_path / "broken.yaml").write_text("a: [1\n")
    for name in ("list", "broken"):
        with pytest.raises(EmertInputError, match=f"{name}.yaml"):
            load_recipe(str(tmp_path / f"{name}.yaml"))


def test_a_misspelt_field_of_the_network_is_refused():
    with pytest.raises(EmertInputError, match=r"unknown key overrides.droput \(0.3\), known keys: tasks, num_frames"):
        Recipe(overrides={"droput": 0.3})


def test_all_mistakes_of_overrides_and_augmentation_come_with_the_others(tmp_path: Path, capsys: pytest.CaptureFixture):
    (tmp_path / "mine.yaml").write_text(
        "base: gaze\nepochs: 0\nstreaming: true\noverrides: {droput: 3, head_dim: x, stream_dropout: 2, encoder_size: 8}\n"
        "augmentation: [{name: flop}, {name: flip, chance: 3}, {name: blinks, x: 1}, 4]\n"
    )
    assert main(["train", str(tmp_path / "mine.yaml"), "--show"]) == 2
    told = capsys.readouterr().err
    for part in (
        f"{tmp_path}/mine.yaml has 9 errors: ",
        "epochs is 0, expected a whole number",
        "streaming reads no recording twice",
        "unknown key overrides.droput (3), known keys: tasks, num_frames",
        "overrides.head_dim is 'x', expected int",
        "overrides: stream_dropout must be in [0, 1), got 2",
        "augmentation[0] is {'name': 'flop'}, expected a name among gaze_jitter",
        "augmentation[1].chance is 3, expected a number in 0..1",
        "unknown key augmentation[2].x (1), known keys: ",
        "augmentation[3] is 4, expected `key: value` lines",
    ):
        assert part in told


@pytest.mark.parametrize("method", ["emert", "face_only"])
@pytest.mark.parametrize("name", ["dtype", "id2label", "problem_type", "is_encoder_decoder", "return_dict"])
def test_fields_that_every_network_of_transformers_has_are_no_overrides(method: str, name: str):
    """They would change nothing, or break the training."""
    with pytest.raises(EmertInputError, match=rf"unknown key overrides\.{name} \(nothing\), known keys: .*encoder_size"):
        Recipe(method=method, overrides={name: None})


@pytest.mark.parametrize("backbone", [{"depths": [1]}, {"model_type": "bert"}, {"model_type": "resnet", "depths": 5}])
def test_a_backbone_that_makes_no_network_is_refused(backbone: dict):
    from training.fit.prepare import make_model

    with pytest.raises(EmertInputError, match=r"overrides[:.]"):
        make_model(Recipe(overrides={"backbone_config": backbone}), ["er7"])


@pytest.mark.parametrize(
    ("load", "name"), [(load_recipe, "laptop"), (load_adaptation_recipe, "lora"), (load_benchmark_recipe, "small")]
)
def test_every_kind_of_recipe_says_the_same(load: Callable, name: str):
    for arguments, told in (
        (("nothing",), rf"nothing: no such .*recipe.*; give a .yaml file or one of .*{name}"),
        ((name, ["x=1"]), r"unknown key x \(1\), known keys: "),
        ((name, ["seed"]), "expected key=value"),
        ((name, ["a.b=["]), "not YAML"),
    ):
        with pytest.raises(EmertInputError, match=told):
            load(*arguments)


def test_recipe_of_another_command_is_no_recipe():
    with pytest.raises(EmertInputError, match=r"lora: no such recipe; give a \.yaml file or one of authors"):
        load_recipe("lora")


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in TRAINING_RECIPES if not name.startswith("authors")])
def test_every_shipped_recipe_trains(name: str, data, tmp_path: Path):
    """One epoch of 21 recordings: two steps of 16, or three of 8. Generated recordings have no labels of perceived3.

    Those of the authors need the eye tracker's sheets: `fit/test_authors_training.py`.
    """
    recipe = replace(load_recipe(name, ["epochs=1"]), sources=(), monitor=SCORE, initial_model=None)
    known = [task for task in recipe.tasks if task in data.tasks] or (["er7"] if recipe.tasks else [])
    folder = fit(replace(recipe, tasks=known), data, tmp_path / "model", fold=1)
    record = json.loads((folder / "training_record.json").read_text())
    assert record["steps"] == -(-21 // recipe.batch_size)
    assert {task: value for task, value in record["validation_scores"].items() if value is None or value != value} == {}
