"""Recipes say what they mean, and a wrong one is refused with the key, what was found and what was expected."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from modeling_emert import EmertInputError
from training.fit.fit import fit
from training.recipes.recipe import RECIPES, TRAINING_RECIPES, Recipe, load_recipe


@pytest.mark.parametrize("name", TRAINING_RECIPES)
def test_every_shipped_recipe_loads_and_comments_every_key(name: str):
    load_recipe(name)
    lines = (RECIPES / f"{name}.yaml").read_text().splitlines()
    keys = {line.partition(":")[0]: index for index, line in enumerate(lines) if line and not line.startswith(("#", " "))}
    assert list(keys) == list(Recipe.__dataclass_fields__)
    assert [key for key, index in keys.items() if not lines[index - 1].startswith("# ")] == []


def test_the_laptop_recipe_trains_as_the_table_of_the_readme_says():
    """Its new keys stand at what training did before it had them."""
    recipe = load_recipe("laptop")
    assert recipe == Recipe(network="small", image_size=56, epochs=30, patience=10, batch_size=8, learning_rate=1e-3)
    assert (recipe.warmup, recipe.schedule, recipe.monitor, recipe.precision) == (0.05, "cosine", "score", "fp32")


def test_changes_reach_the_recipe_and_the_network():
    recipe = load_recipe("laptop", ["epochs=3", "tasks=[er7]", "overrides.encoder_size=16"])
    assert (recipe.epochs, recipe.tasks, recipe.overrides["encoder_size"]) == (3, ("er7",), 16)


def test_numbers_without_a_point_and_keys_within_keys_are_understood():
    changes = ["learning_rate=1e-3", "epochs=1e1", "overrides.backbone_config.depths=[1]", "backbone_learning_rate=1e-4"]
    recipe = load_recipe("laptop", changes)
    assert (recipe.learning_rate, recipe.epochs, recipe.backbone_learning_rate) == (1e-3, 10, 1e-4)
    assert recipe.overrides == {"backbone_config": {"depths": [1]}}


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
        ("tasks=[er9]", "er9"),
        ("epoch=3", "epoch"),
        ("epochs", "key=value"),
        ("seed=true", "seed"),
        ("epochs=2.5", "epochs is 2.5; expected a whole number in 1..100000"),
        ("warmup=1", "warmup"),
        ("schedule=linear", "schedule is 'linear'; expected cosine or constant"),
        ("precision=fp16", "precision"),
        ("method=majority", "method is 'majority'; expected one of face_only"),
        ("monitor=er9", "monitor is 'er9'"),
        ("gradient_accumulation=3", "batch_size 8 can't be cut into gradient_accumulation 3"),
        ("augmentation=flip", "augmentation is 'flip'; expected a list"),
        ("augmentation=[{name: flop}]", "augmentation: .*flop"),
        ("overrides=[]", "overrides is"),
        ("overrides.temperatures={}", "overrides.temperatures is fitted after training"),
        ("epochs.best=1", "epochs holds 30, which has no keys"),
        ("tasks=[", "not YAML"),
        ("store_face_features=true", "store_face_features"),
        ("streaming=1", "streaming is 1; expected true or false"),
        ("tasks=[er3, er3]", "tasks names one of er3, er3 twice"),
        ("tasks=[{a: b}]", "tasks holds"),
    ],
)
def test_a_wrong_value_is_named(change: str, named: str):
    with pytest.raises(EmertInputError, match=named):
        load_recipe("laptop", [change])


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
    from training.fit.make_model import make_model

    with pytest.raises(EmertInputError, match="droput is no field of EmertConfig"):
        make_model(Recipe(overrides={"droput": 0.3}), ["er7"])


@pytest.mark.parametrize("method", ["emert", "face_only"])
@pytest.mark.parametrize("name", ["dtype", "id2label", "problem_type", "is_encoder_decoder", "return_dict", 3])
def test_fields_that_every_network_of_transformers_has_are_no_overrides(method: str, name: object):
    """They would change nothing, or break the training."""
    from training.fit.make_model import make_model

    with pytest.raises(EmertInputError, match=f"overrides: {name} is no field of .*Config's own; it has .*encoder_size"):
        make_model(Recipe(method=method, overrides={name: None}), ["er7"])


@pytest.mark.parametrize("backbone", [{"depths": [1]}, {"model_type": "bert"}, {"model_type": "resnet", "depths": 5}])
def test_a_backbone_that_makes_no_network_is_refused(backbone: dict):
    from training.fit.make_model import make_model

    with pytest.raises(EmertInputError, match="recipe: overrides: "):
        make_model(Recipe(overrides={"backbone_config": backbone}), ["er7"])


def test_no_shipped_recipe_is_left_out_of_the_tests():
    assert {path.stem for path in RECIPES.glob("*.yaml")} == {*TRAINING_RECIPES, "lora"}


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINING_RECIPES)
def test_every_shipped_recipe_trains(name: str, data, tmp_path: Path):
    """One epoch of 21 recordings: two steps of 16, or three of 8. Generated recordings have no labels of perceived3."""
    recipe = load_recipe(name, ["epochs=1"])
    known = [task for task in recipe.tasks if task in data.tasks] or (["er7"] if recipe.tasks else [])
    folder = fit(replace(recipe, tasks=known), data, tmp_path / "model", fold=1)
    record = json.loads((folder / "training_record.json").read_text())
    assert record["steps"] == -(-21 // recipe.batch_size)
    assert {task: value for task, value in record["validation_scores"].items() if value is None or value != value} == {}
