"""Benchmark recipes say what is wrong with them; the shipped ones are right, and give every network the same."""

from dataclasses import replace

import pytest

from modeling_emert import EmertInputError
from modeling_emert.tasks_emert import TASKS
from training.benchmark.jobs import plan_cells
from training.benchmark.recipe import BENCHMARKS, BenchmarkRecipe, load_benchmark_recipe, stored_recipe
from training.benchmark.running import Clock
from training.cli import main
from training.methods.registry import get_method

SHIPPED = BENCHMARKS.shipped


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_loads(name: str):
    assert load_benchmark_recipe(name).name == name


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("methods=[emert, magic]", r"methods\[1\] is 'magic', expected 'majority'"),
        ("methods=[emert, emert]", "twice"),
        ("methods=[]", r"methods is \[\], expected at least one"),
        ("tasks=[ER8]", r"tasks\[0\] is 'ER8'"),
        ("split_versions=[loose]", r"split_versions\[0\] is 'loose', expected 'plain' or 'strict'"),
        ("folds=[0]", r"folds\[0\] is 0, expected a whole number in 1..1000"),
        ("seeds=[1.5]", r"seeds\[0\] is 1\.5, expected a whole number"),
        ("n_resamples=0", "n_resamples is 0, expected a whole number"),
        ("robustness=[nobody]", "robustness names nobody, expected some of methods"),
        ("generator.noise=-1", r"generator\.noise is -1, expected a number in 0\.\.10"),
        ("generator.colour=red", r"unknown key generator\.colour \('red'\), known keys: participants"),
        ("source=uniss_fgd", "generator is for source synthetic only"),
        ("training.seed=3", "training.seed is decided by the benchmark's `seeds`"),
        ("training.overrides.context=[stimulus_emotion]", "would not give every method the same inputs"),
        ("training.epochs=0", "epochs"),
        ("training.epoch=3", r"unknown key training\.epoch \(3\); did you mean epochs\?"),
        ("training.recipe=nothing", "no such recipe"),
        ("colour=red", r"unknown key colour \('red'\)"),
        ("methods=[{a: b}]", r"methods\[0\] is {'a': 'b'}, expected 'majority'"),
        ("methods=5", r"methods\[0\] is 5, expected 'majority'"),
        ("split_versions=[[plain]]", r"split_versions\[0\] is \['plain'\], expected"),
        ("training.recipe=[a]", "expected the name"),
        ("training.overrides=3", "training.overrides is 3, expected `key: value` lines"),
        ("faces=true", "faces is True, expected a whole number"),
        ("folds", "expected key=value"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(change: str, sentence: str):
    with pytest.raises(EmertInputError, match=sentence):
        load_benchmark_recipe("small", [change])


def test_all_mistakes_come_at_once_and_no_false_ones_beside_them(capsys: pytest.CaptureFixture):
    wrong = ["tasks=[ER77]", "seeds=[x]", "generator.noise=-1", "training.epoch=3", "training.epochs=0", "robustness=[nobody]"]
    assert main(["benchmark", "small", *wrong, "training.seed=1", "training.overrides.droput=1", "--show"]) == 2
    told = capsys.readouterr().err
    parts = ["tasks[0] is 'ER77', expected the name", "seeds[0] is 'x', expected a whole number", "generator.noise is -1, exp"]
    parts += ["training.epoch (3); did you mean epochs?"]
    parts += ["training.epochs is 0, expected a whole", "robustness names nobody", " has 6 errors: "]
    assert [part for part in parts if part not in told] == []
    assert "at least one" not in told
    assert main(["benchmark", "small", "training.seed=1", "training.overrides.droput=2", "robustness=[nobody]", "--show"]) == 2
    told = capsys.readouterr().err
    for part in ("3 errors", "training.seed is decided", "unknown key training.overrides.droput (2), known keys: ", "nobody"):
        assert part in told


def test_a_stored_recipe_with_the_names_of_before_is_read_under_the_names_of_today():
    old = "name: x\nprotocols: [er7]\nversions: [plain]\ndraws: 100\nseeds: [0]"
    assert stored_recipe(old) == {"name": "x", "tasks": ["er7"], "split_versions": ["plain"], "n_resamples": 100, "seeds": [0]}


def test_every_network_of_a_recipe_is_trained_alike():
    recipe = load_benchmark_recipe("small")
    networks = [key for key in recipe.methods if get_method(key).kind == "network"]
    trained = [recipe.training_recipe(get_method(key), ("er7",), seed=3) for key in networks]
    assert all(replace(one, method="emert") == replace(trained[0], method="emert") for one in trained)
    assert [one.method for one in trained] == networks
    assert trained[0].seed == 3


def test_a_method_that_learns_all_tasks_is_trained_once():
    recipe = BenchmarkRecipe(
        name="x",
        methods=("emert", "emert_multitask"),
        tasks=("er7", "fer7"),
        training={"recipe": "laptop"},
        folds=(1, 2),
        seeds=(0, 1),
        split_versions=("plain", "strict"),
    )
    cells = plan_cells(recipe)
    assert sum(cell.method == "emert" for cell in cells) == 16
    together = [cell for cell in cells if cell.method == "emert_multitask"]
    assert len(together) == 8
    assert all(cell.tasks == ("er7", "fer7") for cell in together)
    assert set(together[0].tasks) <= set(TASKS)


def test_the_clock_expects_of_a_cell_what_cells_of_its_method_took():
    clock = Clock(["majority", "emert", "emert", "emert", "misa"])
    clock.finished("majority", 1.0, elapsed=1)
    assert clock.finished("emert", 100.0, elapsed=101) == "about 5 min left"  # 3 networks x 100 s, one at a time
    assert clock.finished("misa", 399.0, elapsed=250) == "about 2 min left"  # 2 x 100 s, two at a time; not the mean of all
