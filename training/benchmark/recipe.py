"""Everything that decides a benchmark, in one validated file."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

import yaml
from pydantic import Field, JsonValue, model_validator

from dataset_scripts.common.settings import different, read_recipe, settings, some, to_yaml, whole
from dataset_scripts.generator.truth import GeneratorSettings
from training.methods.registry import METHODS, Method, get_method
from training.recipes.recipe import Normalisation, Recipe, TaskName, load_recipe

RECIPES = Path(__file__).parents[1] / "recipes" / "benchmarks"

Version = Literal["plain", "strict"]
VERSIONS: tuple[Version, ...] = get_args(Version)

_OLD_KEYS = {"protocols": "tasks", "versions": "split_versions", "draws": "n_resamples"}
# The benchmark itself says these for every network, so that no method gets more than another.
_DECIDED_HERE = {"tasks": "tasks", "seed": "seeds", "method": "methods", "normalisation": "normalisation"}
# What may give the label away, or give one method more to see than another.
_NOT_THE_SAME_FOR_ALL = ("context", "num_participants")


@settings
class BenchmarkRecipe:
    """What is compared, on what, and how."""

    name: str = Field(description="By default the name of the file.")
    methods: some(Literal[*METHODS]) = Field(description="Keys of training/methods/registry.py, in the order of the tables.")
    tasks: some(TaskName) = Field(description="Each has a table of its own.")
    training: dict[str, JsonValue] = Field(
        description="How every network is trained: `recipe`, the name of a training recipe, and changes to it."
    )
    source: str = Field(
        "synthetic",
        description="Of the recordings; `synthetic` ones are generated into the output folder, those of any other source are "
        "given as a data set with --data.",
    )
    generator: dict[str, JsonValue] = Field(
        default_factory=dict, description="Settings of the generator that differ from its defaults, for source synthetic."
    )
    faces: whole(1, 1000) = Field(8, description="Face crops that are stored for each generated recording.")
    folds: some(whole(1, 1000)) = Field((1, 2, 3, 4, 5), description="Whose participants are tested, from 1.")
    seeds: some(whole(0, 2**31)) = Field((0,), description="Random seeds; each network is trained once with every one.")
    split_versions: some(Version) = Field(
        VERSIONS, description="plain: new participants; strict: participants and stimuli both new."
    )
    normalisation: Normalisation = Field("training", description="Of the gaze, for every method (see the training recipes).")
    robustness: different(str) = Field((), description="Methods that are tested on damaged inputs too.")
    n_resamples: whole(1, 1_000_000) = Field(
        10_000, description="Of the bootstrap over participants, for p; intervals take 10,000 at most."
    )

    @model_validator(mode="after")
    def _check_combinations(self) -> "BenchmarkRecipe":
        problems = list(self._problems())
        if problems:
            raise ValueError(*problems)
        self.training_recipe(get_method(self.methods[0]), self.tasks, self.seeds[0])
        return self

    def _problems(self) -> Iterator[str]:
        if unknown := [key for key in self.robustness if key not in self.methods]:
            yield f"robustness names {', '.join(unknown)}, expected some of methods"
        if self.generator and self.source != "synthetic":
            yield f"generator is for source synthetic only, found it beside source {self.source}; leave it out"
        try:
            _ = self.generator_settings
        except (TypeError, ValueError) as error:
            yield f"generator: {error}"
        overrides = self.training.get("overrides", {})
        if "recipe" not in self.training or not isinstance(overrides, dict):
            yield "training must be `recipe: NAME` and changes to it, `overrides` among them as `key: value` lines"
            return
        for name, key in _DECIDED_HERE.items():
            if name in self.training:
                yield f"training.{name} is decided by the benchmark's `{key}`; leave it out"
        for name in _NOT_THE_SAME_FOR_ALL:
            if name in overrides:
                yield f"training.overrides.{name} would not give every method the same inputs; leave it out"

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

    def to_yaml(self, comments: bool = False) -> str:
        return to_yaml(self, comments)


def stored_recipe(text: str) -> dict:
    """The recipe of a `run.json`, under today's keys: some had other names before."""
    content = yaml.safe_load(text)
    return {_OLD_KEYS.get(key, key): value for key, value in content.items()} if isinstance(content, dict) else content


def load_benchmark_recipe(name: str, changes: list[str] | None = None) -> BenchmarkRecipe:
    """A recipe by name (`small`) or file, with `key=value` changes; `training.KEY=value` reaches inside a key.

    Raises `EmertInputError` for an unknown recipe, key, or value.
    """
    shipped = sorted(file.stem for file in RECIPES.glob("*.yaml"))
    return read_recipe(BenchmarkRecipe, name, changes or [], RECIPES, shipped, "benchmark recipe")
