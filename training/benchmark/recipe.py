"""Everything that decides a benchmark, in one typed, validated file."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

import yaml

from dataset_scripts.generator.truth import GeneratorSettings
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import TASKS
from training.methods.registry import METHODS, Method, get_method
from training.recipes.recipe import Recipe, load_recipe
from training.recipes.settings import find_yaml, read_settings

RECIPES = Path(__file__).parents[1] / "recipes" / "benchmarks"

Version = Literal["plain", "strict"]
VERSIONS: tuple[Version, ...] = get_args(Version)

_OLD_KEYS = {"protocols": "tasks", "versions": "split_versions", "draws": "n_resamples"}
# The benchmark itself says these for every network, so that no method gets more than another.
_DECIDED_HERE = {
    "tasks": "tasks",
    "seed": "seeds",
    "method": "methods",
    "normalisation": "normalisation",
}
# What may give the label away, or give one method more to see than another.
_NOT_THE_SAME_FOR_ALL = ("context", "num_participants")


@dataclass(frozen=True)
class BenchmarkRecipe:
    """What is compared, on what, and how. The recipes in `training/recipes/benchmarks/` comment every key.

    - `source`: of the recordings; `synthetic` ones are generated with the `generator`'s settings and `faces` crops each,
      those of any other source are given as a data set folder.
    - `methods`: keys of `METHODS`; `tasks`: names; `folds` count from 1.
    - `split_versions`: `plain` (new participants), `strict` (participants and stimuli both new).
    - `training`: `recipe`, the name of a training recipe, and changes to it; shared by all networks.
    - `normalisation`: of the gaze, for every method (see `Recipe`).
    - `robustness`: networks whose scores are measured on damaged inputs too.
    - `n_resamples`: of the bootstrap over participants, for p; intervals take 10,000 of them at most.
    """

    name: str
    methods: tuple[str, ...]
    tasks: tuple[str, ...]
    training: dict
    source: str = "synthetic"
    generator: dict = field(default_factory=dict)
    faces: int = 8
    folds: tuple[int, ...] = (1, 2, 3, 4, 5)
    seeds: tuple[int, ...] = (0,)
    split_versions: tuple[Version, ...] = VERSIONS
    normalisation: Literal["training", "participant"] = "training"
    robustness: tuple[str, ...] = ()
    n_resamples: int = 10_000

    def __post_init__(self) -> None:
        for name in ("methods", "tasks", "folds", "seeds", "split_versions", "robustness"):
            value = getattr(self, name)
            object.__setattr__(self, name, tuple(value) if isinstance(value, (list, tuple)) else (value,))
        problems = [*_wrong_lists(self), *_wrong_numbers(self), *_wrong_data(self), *_wrong_training(self)]
        if problems:
            raise EmertInputError(f"benchmark recipe {self.name}: " + "; ".join(problems))
        self.training_recipe(get_method(self.methods[0]), self.tasks, self.seeds[0])

    @property
    def generator_settings(self) -> GeneratorSettings:
        return GeneratorSettings(**self.generator)

    def training_recipe(self, method: Method, tasks: tuple[str, ...], seed: int) -> Recipe:
        """How this method's network is trained. Raises `EmertInputError` for what no training recipe takes."""
        changes = {name: value for name, value in self.training.items() if name not in ("recipe", "overrides")}
        changes |= {f"overrides.{name}": value for name, value in self.training.get("overrides", {}).items()}
        lines = [f"{name}={yaml.safe_dump(value, default_flow_style=True).strip()}" for name, value in changes.items()]
        recipe = load_recipe(self.training["recipe"], [line.removesuffix("\n...") for line in lines])
        own = {"method": method.key} if method.kind == "network" else {}
        return replace(recipe, tasks=tasks, seed=seed, normalisation=self.normalisation, **own)

    def to_yaml(self) -> str:
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return yaml.safe_dump(plain, sort_keys=False)


def _wrong_lists(recipe: BenchmarkRecipe) -> list[str]:
    allowed = {"methods": METHODS, "tasks": TASKS, "split_versions": VERSIONS, "robustness": recipe.methods}
    problems = []
    for name in ("methods", "tasks", "folds", "seeds", "split_versions", "robustness"):
        values = getattr(recipe, name)
        if not values and name != "robustness":
            problems.append(f"{name} is empty; give at least one")
        if len(set(map(str, values))) < len(values):
            problems.append(f"{name} names one of {', '.join(map(str, values))} twice")
        unknown = [str(value) for value in values if name in allowed and value not in allowed[name]]
        if unknown:
            problems.append(f"{name}: unknown {', '.join(unknown)}; expected some of {', '.join(allowed[name])}")
    return problems


def _wrong_numbers(recipe: BenchmarkRecipe) -> list[str]:
    limits = {"folds": (1, 1000), "seeds": (0, 2**31), "n_resamples": (1, 1_000_000), "faces": (1, 1000)}
    problems = []
    for name, (low, high) in limits.items():
        value = getattr(recipe, name)
        for number in value if isinstance(value, tuple) else (value,):
            if type(number) is not int or not low <= number <= high:
                problems.append(f"{name}: found {number!r}, expected a whole number in {low}..{high}")
    if recipe.normalisation not in ("training", "participant"):
        problems.append(f"normalisation is {recipe.normalisation!r}; expected training or participant")
    return problems


def _wrong_data(recipe: BenchmarkRecipe) -> list[str]:
    if recipe.generator and recipe.source != "synthetic":
        return [f"generator is for source synthetic only, found it beside source {recipe.source}; leave it out"]
    try:
        _ = recipe.generator_settings
    except (TypeError, ValueError) as error:
        return [f"generator: {error}"]
    return []


def _wrong_training(recipe: BenchmarkRecipe) -> list[str]:
    training = recipe.training
    if not isinstance(training, dict) or "recipe" not in training or not isinstance(training.get("overrides", {}), dict):
        return ["training must be `recipe: NAME` and changes to it, `overrides` among them as `key: value` lines"]
    problems = [
        f"training.{name} is decided by the benchmark's `{key}`; leave it out"
        for name, key in _DECIDED_HERE.items()
        if name in training
    ]
    return problems + [
        f"training.overrides.{name} would not give every method the same inputs; leave it out"
        for name in _NOT_THE_SAME_FOR_ALL
        if name in training.get("overrides", {})
    ]


def stored_recipe(text: str) -> dict:
    """The recipe of a `run.json`, under today's keys: some had other names before."""
    content = yaml.safe_load(text)
    return {_OLD_KEYS.get(key, key): value for key, value in content.items()} if isinstance(content, dict) else content


def load_benchmark_recipe(name: str, changes: list[str] | None = None) -> BenchmarkRecipe:
    """A recipe by name (`small`) or file, with `key=value` changes; `training.KEY=value` reaches inside a key.

    Raises `EmertInputError` for an unknown recipe, key, or value.
    """
    shipped = sorted(file.stem for file in RECIPES.glob("*.yaml"))
    path = find_yaml(name, RECIPES, shipped, "benchmark recipe")
    return BenchmarkRecipe(**read_settings(path, changes or [], BenchmarkRecipe))
