"""Everything that decides a benchmark, in one validated file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, get_args

import yaml
from pydantic import AfterValidator, Field, JsonValue, TypeAdapter

from dataset_scripts.common.recipes import Recipes, merge, to_yaml
from dataset_scripts.common.settings import check, different, expected, settings, some, whole
from dataset_scripts.generator.truth import GeneratorSettings
from training.methods.registry import METHODS, Method
from training.recipes.recipe import TRAINING, Normalisation, Recipe, TaskName

RECIPES = Path(__file__).parents[1] / "recipes" / "benchmarks"

Version = Literal["plain", "strict"]
VERSIONS: tuple[Version, ...] = get_args(Version)

_OLD_KEYS = {"protocols": "tasks", "versions": "split_versions", "draws": "n_resamples"}
# The benchmark itself says these for every network, so that no method gets more than another.
_DECIDED_HERE = {"tasks": "tasks", "seed": "seeds", "method": "methods", "normalisation": "normalisation"}
# What may give the label away, or give one method more to see than another.
_NOT_THE_SAME_FOR_ALL = ("context", "num_participants")


def _check_generator(content: dict) -> dict:
    TypeAdapter(GeneratorSettings).validate_python(content)
    return content


def _check_training(content: dict) -> dict:
    """But for the overrides, which depend on the method."""
    if "recipe" not in content:
        raise expected("`recipe: NAME` and changes to it")
    changed = _changed_recipe(content)
    if isinstance(changed["overrides"], dict):
        changed["overrides"] = {}
    TypeAdapter(Recipe).validate_python(changed)
    return content


def _changed_recipe(content: dict) -> dict:
    named, twice = TRAINING.content(content["recipe"])
    if twice:
        raise ValueError(*twice)
    return {"overrides": {}} | merge(named, {key: value for key, value in content.items() if key != "recipe"})


@settings
class BenchmarkRecipe:
    """What is compared, on what, and how."""

    name: str = Field(description="By default the name of the file.")
    methods: some(Literal[*METHODS]) = Field(description="Keys of training/methods/registry.py, in the order of the tables.")
    tasks: some(TaskName) = Field(description="Each has a table of its own.")
    training: Annotated[dict[str, JsonValue], AfterValidator(_check_training)] = Field(
        description="How every network is trained: `recipe`, the name of a training recipe, and changes to it."
    )
    source: str = Field(
        "synthetic",
        description="Of the recordings; `synthetic` ones are generated into the output folder, those of any other source are "
        "given as a data set with --data.",
    )
    generator: Annotated[dict[str, JsonValue], AfterValidator(_check_generator)] = Field(
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

    @check
    def _robustness(self) -> Iterator[str]:
        if unknown := [key for key in self.robustness if key not in self.methods]:
            yield f"robustness names {', '.join(unknown)}, expected some of methods"

    @check
    def _generator(self) -> Iterator[str]:
        if self.generator and self.source != "synthetic":
            yield f"generator is for source synthetic only, found it beside source {self.source}; leave it out"

    @check
    def _training(self) -> Iterator[str]:
        for name, key in _DECIDED_HERE.items():
            if name in self.training:
                yield f"training.{name} is decided by the benchmark's `{key}`; leave it out"
        for name in _NOT_THE_SAME_FOR_ALL:
            if name in self.training.get("overrides", {}):
                yield f"training.overrides.{name} would not give every method the same inputs; leave it out"

    @check
    def _networks(self) -> Iterator[str]:
        changed = _changed_recipe(self.training)
        overrides = {name: value for name, value in changed["overrides"].items() if name not in _NOT_THE_SAME_FOR_ALL}
        networks = [METHODS[key] for key in self.methods if METHODS[key].kind == "network"]
        if overrides and networks:
            from training.methods.network import wrong_overrides  # loads torch

            for method in networks:
                size = changed.get("network", "authors")
                if found := list(wrong_overrides(method, size, overrides, "training.overrides")):
                    yield from (f"method {method.key}: {sentence}" for sentence in found)
                    return

    @property
    def generator_settings(self) -> GeneratorSettings:
        return GeneratorSettings(**self.generator)

    @property
    def face_input(self) -> str:
        """What the networks take of the face, see `EmertConfig`."""
        return _changed_recipe(self.training)["overrides"].get("face_input", "frames")

    def training_recipe(self, method: Method, tasks: tuple[str, ...], seed: int) -> Recipe:
        """How this method's network is trained. Raises `EmertInputError` for what no training recipe takes."""
        decided = {"tasks": tasks, "seed": seed, "normalisation": self.normalisation}
        own = {"method": method.key} if method.kind == "network" else {}
        return Recipe(**_changed_recipe(self.training) | decided | own)

    def to_yaml(self) -> str:
        return to_yaml(self)


BENCHMARKS = Recipes(BenchmarkRecipe, RECIPES, sorted(file.stem for file in RECIPES.glob("[!_]*.yaml")), "benchmark recipe")


def stored_recipe(text: str) -> dict:
    """The recipe of a `run.json`, under today's keys: some had other names before."""
    content = yaml.safe_load(text)
    return {_OLD_KEYS.get(key, key): value for key, value in content.items()} if isinstance(content, dict) else content


def load_benchmark_recipe(name: str, changes: list[str] | None = None) -> BenchmarkRecipe:
    """A recipe by name (`small`) or file, with `key=value` changes; `training.KEY=value` reaches inside a key.

    Raises `EmertInputError` for an unknown recipe, key, or value.
    """
    return BENCHMARKS.read(name, changes or [])
