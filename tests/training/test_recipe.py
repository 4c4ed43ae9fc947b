"""Recipes say what they mean, and a wrong one is refused with the key, what was found and what was expected."""

from pathlib import Path

import pytest

from modeling_emert import EmertInputError
from training.recipe import RECIPES, Recipe, load_recipe


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_recipe_loads_and_comments_every_key(path: Path):
    load_recipe(path.stem)
    lines = path.read_text().splitlines()
    keys = [index for index, line in enumerate(lines) if line and not line.startswith(("#", " "))]
    assert len(keys) == len(Recipe.__dataclass_fields__)
    assert sum(line.startswith("#") for line in lines) >= len(keys) / 2


def test_changes_reach_the_recipe_and_the_network():
    recipe = load_recipe("laptop", ["epochs=3", "tasks=[er7]", "overrides.encoder_size=16"])
    assert (recipe.epochs, recipe.tasks, recipe.overrides["encoder_size"]) == (3, ("er7",), 16)


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
