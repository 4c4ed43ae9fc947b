"""Everything that decides a training run, in one typed, validated file. Two runs of one recipe give the same model."""

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Literal

import yaml

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import TASKS

RECIPES = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class Recipe:
    """Settings of one training run. The recipes in `training/recipes/` comment every key.

    - `tasks`: what to learn; empty: every task that the data has labels for.
    - `network`: `"authors"` (the default config) or `"small"`; `overrides`: fields of `EmertConfig` on top of it.
    - `image_size`: side of a face crop in pixels.
    - `normalisation`: of the gaze, `"training"` or `"participant"` (see `EmertFeatureExtractor`).
    - `forget_participants`: an adversarial head guesses the training participants, so that the features forget who it is;
      its weight is `overrides.participant_weight`.
    - `store_face_features`: compute what a frozen backbone makes of each face once and train on that; needs
      `overrides.freeze_backbone`.
    - `patience`: epochs without a better validation score after which training stops.
    """

    tasks: tuple[str, ...] = ()
    network: Literal["authors", "small"] = "authors"
    overrides: dict = field(default_factory=dict)
    image_size: int = 112
    normalisation: Literal["training", "participant"] = "training"
    forget_participants: bool = False
    store_face_features: bool = False
    epochs: int = 200
    batch_size: int = 16
    learning_rate: float = 1e-4
    weight_decay: float = 5e-4
    patience: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "tasks", tuple(self.tasks))
        problems = [*_wrong_tasks(self.tasks), *_wrong_choices(self), *_wrong_numbers(self), *_wrong_combinations(self)]
        if problems:
            raise EmertInputError("recipe: " + "; ".join(problems))

    def to_yaml(self) -> str:
        return yaml.safe_dump({**asdict(self), "tasks": list(self.tasks)}, sort_keys=False)


def _wrong_tasks(tasks: tuple[str, ...]) -> list[str]:
    unknown = [name for name in tasks if name not in TASKS]
    return [f"tasks: unknown task {name!r}; known tasks: {', '.join(TASKS)}" for name in unknown]


def _wrong_choices(recipe: Recipe) -> list[str]:
    allowed = {"network": ("authors", "small"), "normalisation": ("training", "participant")}
    allowed |= dict.fromkeys(("forget_participants", "store_face_features"), (True, False))
    return [
        f"{name} is {getattr(recipe, name)!r}; expected {' or '.join(str(choice).lower() for choice in choices)}"
        for name, choices in allowed.items()
        if getattr(recipe, name) not in choices
    ]


def _wrong_combinations(recipe: Recipe) -> list[str]:
    problems = []
    if "num_participants" in recipe.overrides:
        problems.append(
            "overrides.num_participants is counted from the training participants; leave it out and set forget_participants: "
            "true"
        )
    if recipe.store_face_features and recipe.overrides.get("freeze_backbone") is not True:
        problems.append(
            "store_face_features is true, but overrides.freeze_backbone is not, so the stored features would go stale; set "
            "overrides.freeze_backbone=true or store_face_features=false"
        )
    return problems


def _wrong_numbers(recipe: Recipe) -> list[str]:
    limits = {
        "image_size": (32, 512),
        "epochs": (1, 100_000),
        "batch_size": (2, 4096),  # BatchNorm needs two
        "learning_rate": (1e-8, 1.0),
        "weight_decay": (0.0, 1.0),
        "patience": (1, 100_000),
        "seed": (0, 2**31),
    }
    return [
        f"{name} is {getattr(recipe, name)!r}; expected a number in {low:g}..{high:g}"
        for name, (low, high) in limits.items()
        if isinstance(getattr(recipe, name), (str, bool)) or not low <= getattr(recipe, name) <= high
    ]


def load_recipe(name: str, changes: list[str] | None = None) -> Recipe:
    """A recipe by name (`laptop`) or file, with `key=value` changes; `overrides.KEY=value` reaches the network's config.

    Raises `EmertInputError` for an unknown recipe, key, or value.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else RECIPES / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in RECIPES.glob("*.yaml")))
        raise EmertInputError(f"{name}: no such recipe; give a .yaml file or one of {known}")
    try:
        content = yaml.safe_load(path.read_text()) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise EmertInputError(f"{path}: not a YAML file ({str(error).splitlines()[0]})") from error
    if not isinstance(content, dict):
        raise EmertInputError(f"{path}: expected `key: value` lines, found {type(content).__name__}")
    for change in changes or []:
        _apply(content, change)
    known = [item.name for item in fields(Recipe)]
    unknown = sorted(set(content) - set(known))
    if unknown:
        raise EmertInputError(f"{path}: unknown key {', '.join(unknown)}; known keys: {', '.join(known)}")
    return Recipe(**content)


def _apply(content: dict, change: str) -> None:
    key, equals, value = change.partition("=")
    if not equals:
        raise EmertInputError(f"{change!r}: expected key=value")
    target = content
    if key.startswith("overrides."):
        target, key = content.setdefault("overrides", {}), key.removeprefix("overrides.")
    target[key] = yaml.safe_load(value)
