"""What can be wrong with a recipe, told before anything is read or trained."""

from typing import TYPE_CHECKING

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import TASKS

from ..methods.registry import METHODS

if TYPE_CHECKING:
    from .recipe import Recipe

SCORE = "score"  # mean over the tasks of their primary metric, on validation participants

_CHOICES: dict[str, tuple] = {
    "network": ("authors", "small"),
    "normalisation": ("training", "participant"),
    "schedule": ("cosine", "constant"),
    "precision": ("fp32", "bf16"),
    **dict.fromkeys(
        ("class_weights", "forget_participants", "store_face_features", "activation_checkpointing", "streaming"), (True, False)
    ),
}
_WHOLE = {
    "image_size": (32, 512),
    "epochs": (1, 100_000),
    "batch_size": (2, 65_536),  # BatchNorm needs two
    "gradient_accumulation": (1, 4096),
    "patience": (1, 100_000),
    "num_workers": (0, 64),
    "seed": (0, 2**31),
}
_FRACTIONS = {
    "learning_rate": (1e-8, 1.0),
    "backbone_learning_rate": (1e-8, 1.0),
    "weight_decay": (0.0, 1.0),
    "warmup": (0.0, 0.9),
}


def find_problems(recipe: "Recipe") -> list[str]:
    """One phrase for each, naming the key, what was found and what was expected; empty where the recipe is sound."""
    wrong_kinds = [*_wrong_collections(recipe), *_wrong_choices(recipe), *_wrong_numbers(recipe)]
    return wrong_kinds or [*_wrong_names(recipe), *_wrong_augmentation(recipe), *_wrong_combinations(recipe)]


def _wrong_collections(recipe: "Recipe") -> list[str]:
    problems = []
    for name in ("tasks", "augmentation"):
        if not isinstance(getattr(recipe, name), (list, tuple)):
            problems.append(f"{name} is {getattr(recipe, name)!r}; expected a list, e.g. {name}: []")
    if not isinstance(recipe.overrides, dict):
        problems.append(f"overrides is {recipe.overrides!r}; expected keys and values, e.g. overrides: {{}}")
    return problems


def _wrong_choices(recipe: "Recipe") -> list[str]:
    return [
        f"{name} is {getattr(recipe, name)!r}; expected {' or '.join(str(choice).lower() for choice in choices)}"
        for name, choices in _CHOICES.items()
        if not any(type(choice) is type(getattr(recipe, name)) and choice == getattr(recipe, name) for choice in choices)
    ]


def _wrong_numbers(recipe: "Recipe") -> list[str]:
    problems = []
    for name, (low, high) in {**_WHOLE, **_FRACTIONS}.items():
        value, whole = getattr(recipe, name), name in _WHOLE
        if name == "backbone_learning_rate" and value is None:
            continue
        number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        if not number or not low <= value <= high:
            problems.append(f"{name} is {value!r}; expected a {'whole ' if whole else ''}number in {low:g}..{high:g}")
    return problems


def _wrong_names(recipe: "Recipe") -> list[str]:
    problems = [f"tasks: unknown task {name!r}; known tasks: {', '.join(TASKS)}" for name in recipe.tasks if name not in TASKS]
    if len(set(recipe.tasks)) < len(recipe.tasks):
        problems.append(f"tasks names one of {', '.join(recipe.tasks)} twice")
    networks = [key for key, method in METHODS.items() if method.kind == "network"]
    if recipe.method not in networks:
        problems.append(f"method is {recipe.method!r}; expected one of {', '.join(networks)}")
    known = recipe.tasks or tuple(TASKS)
    if recipe.monitor != SCORE and recipe.monitor not in known:
        problems.append(f"monitor is {recipe.monitor!r}; expected {SCORE}, or one of the tasks ({', '.join(map(str, known))})")
    return problems


def _wrong_augmentation(recipe: "Recipe") -> list[str]:
    if not recipe.augmentation:
        return []
    from ..augmentation import make_augmentation  # loads torch, which a recipe without it does not need

    try:
        make_augmentation(recipe.augmentation)
    except EmertInputError as error:
        return [f"augmentation: {error}"]
    return []


def _wrong_combinations(recipe: "Recipe") -> list[str]:
    problems = []
    for name, cure in {
        "num_participants": "is counted from the training participants; leave it out and set forget_participants: true",
        "class_weights": "is counted from the training recordings; leave it out and set class_weights: true",
        "temperatures": "is fitted after training; leave it out",
        "tasks": "is the recipe's own key; leave it out and set tasks",
    }.items():
        if name in recipe.overrides:
            problems.append(f"overrides.{name} {cure}")
    if recipe.batch_size % recipe.gradient_accumulation or recipe.batch_size < 2 * recipe.gradient_accumulation:
        problems.append(
            f"batch_size {recipe.batch_size} can't be cut into gradient_accumulation {recipe.gradient_accumulation} equal "
            "parts of two or more recordings"
        )
    if recipe.store_face_features and recipe.overrides.get("freeze_backbone") is not True:
        problems.append(
            "store_face_features is true, but overrides.freeze_backbone is not, so the stored features would go stale; set "
            "overrides.freeze_backbone=true or store_face_features=false"
        )
    if recipe.store_face_features and (recipe.num_workers or recipe.streaming):
        problems.append("store_face_features keeps the features in memory, so it needs num_workers: 0 and streaming: false")
    if recipe.streaming and recipe.normalisation == "participant":
        problems.append("streaming reads no recording twice, but normalisation: participant needs all of a person's; set one")
    return problems
