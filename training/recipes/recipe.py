"""Everything that decides a training run, in one typed, validated file. Two runs of one recipe give the same model."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from modeling_emert.errors_emert import EmertInputError

from .recipe_checks import find_problems
from .settings import find_yaml, read_settings

RECIPES = Path(__file__).parent
# The shipped ones. Other files in that folder are recipes of other commands.
TRAINING_RECIPES = ("authors", "ceap_360vr", "gaze", "laptop", "multitask", "uniss_fgd")


@dataclass(frozen=True)
class Recipe:
    """Settings of one training run. The recipes in `training/recipes/` comment every key.

    - `method`: which network, a key of `training.methods.registry.METHODS` of kind `"network"`.
    - `tasks`: what to learn; empty: every task that the data has labels for.
    - `network`: `"authors"` (the default config) or `"small"`; `overrides`: fields of the network's config on top of it.
    - `image_size`: side of a face crop in pixels.
    - `normalisation`: of the gaze, `"training"` or `"participant"` (see `EmertFeatureExtractor`).
    - `augmentation`: parts that change training recordings by chance (see `training.augmentation`), in order.
    - `class_weights`: in the loss, weigh classes by how rare they are among the training recordings.
    - `forget_participants`: an adversarial head guesses the training participants, so that the features forget who it is;
      its weight is `overrides.participant_weight`.
    - `store_face_features`: compute what a frozen backbone makes of each face once and train on that; needs
      `overrides.freeze_backbone`.
    - `batch_size`: recordings of one optimizer step, over all processes; `gradient_accumulation`: in so many parts.
    - `backbone_learning_rate`: of the face backbone alone; None: `learning_rate`.
    - `warmup`: share of the steps over which the learning rates rise; `schedule`: what they do afterwards.
    - `monitor`: on the validation participants, the primary metric of this task, or `"score"`, the mean over the tasks;
      it chooses the epoch. `patience`: epochs without a better one after which training stops.
    - `num_workers`: processes that prepare recordings beside the training; 0: it does so itself, and keeps them in memory.
    - `streaming`: read the Parquet shards from one end to the other, each process its own, and hold nothing in memory.
    """

    method: str = "emert"
    tasks: tuple[str, ...] = ()
    network: Literal["authors", "small"] = "authors"
    overrides: dict = field(default_factory=dict)
    image_size: int = 112
    normalisation: Literal["training", "participant"] = "training"
    augmentation: tuple[dict, ...] = ()
    class_weights: bool = False
    forget_participants: bool = False
    store_face_features: bool = False
    epochs: int = 200
    batch_size: int = 16
    gradient_accumulation: int = 1
    learning_rate: float = 1e-4
    backbone_learning_rate: float | None = None
    weight_decay: float = 5e-4
    warmup: float = 0.05
    schedule: Literal["cosine", "constant"] = "cosine"
    monitor: str = "score"
    patience: int = 20
    precision: Literal["fp32", "bf16"] = "fp32"
    activation_checkpointing: bool = False
    num_workers: int = 0
    streaming: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        problems = find_problems(self)
        if problems:
            raise EmertInputError("recipe: " + "; ".join(problems))
        object.__setattr__(self, "tasks", tuple(self.tasks))
        object.__setattr__(self, "augmentation", tuple(self.augmentation))

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and dicts, of which `Recipe(**...)` makes the same recipe again."""
        return {**asdict(self), "tasks": list(self.tasks), "augmentation": list(self.augmentation)}

    def to_yaml(self) -> str:
        return yaml.safe_dump(self.to_dict(), sort_keys=False)


def load_recipe(name: str, changes: list[str] | None = None) -> Recipe:
    """A recipe by name (`laptop`) or file, with `key=value` changes; `overrides.KEY=value` reaches into a key's own keys.

    Raises `EmertInputError` for an unknown recipe, key, or value.
    """
    path = find_yaml(name, RECIPES, TRAINING_RECIPES, "recipe")
    return Recipe(**read_settings(path, changes or [], Recipe))
