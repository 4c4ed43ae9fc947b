"""Settings of personal adaptation, in one typed, validated file: `training/recipes/lora.yaml` comments every key."""

from dataclasses import asdict, dataclass

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import TASKS

from ..recipes.recipe import RECIPES
from ..recipes.settings import find_yaml, read_settings

_WHOLE = {"rank": (1, 256), "steps": (1, 10_000), "n_resamples": (100, 100_000), "seed": (0, 2**31)}
_NUMBERS = {"alpha": (1e-3, 1e4), "learning_rate": (1e-8, 1.0)}
_MOST_RECORDINGS = 1000


@dataclass(frozen=True)
class AdaptationRecipe:
    """How a trained model is adapted to one person at a time.

    - `recordings`: with how many recordings of a person that have labels; rising, and 0, no adaptation, is the first.
    - `tasks`: whose labels are given and scored; empty: every task that the model and the data have.
    - `rank`, `alpha`: of the LoRA adapters; their effect is scaled by alpha / rank.
    - `steps`: of AdamW, each on all given recordings at once. `learning_rate`: constant.
    - `n_resamples`: of the bootstrap by participant. `seed`: of which recordings are given, of the adapters, and of dropout.
    """

    recordings: tuple[int, ...] = (0, 1, 5, 10)
    tasks: tuple[str, ...] = ()
    rank: int = 4
    alpha: float = 8.0
    steps: int = 30
    learning_rate: float = 1e-4
    n_resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        problems = [*_wrong_lists(self), *_wrong_numbers(self)]
        if problems:
            raise EmertInputError("recipe: " + "; ".join(problems))
        object.__setattr__(self, "recordings", tuple(self.recordings))
        object.__setattr__(self, "tasks", tuple(self.tasks))

    @property
    def most(self) -> int:
        """How many recordings of everyone are kept apart, so that every number of them is scored on the same others."""
        return self.recordings[-1]

    def to_dict(self) -> dict:
        return {**asdict(self), "recordings": list(self.recordings), "tasks": list(self.tasks)}


def _wrong_lists(recipe: AdaptationRecipe) -> list[str]:
    problems = []
    counts = recipe.recordings
    whole = isinstance(counts, (list, tuple)) and all(type(count) is int and 0 <= count <= _MOST_RECORDINGS for count in counts)
    if not whole or len(counts) < 2 or counts[0] != 0 or list(counts) != sorted(set(counts)):
        problems.append(f"recordings is {counts!r}; expected rising whole numbers of which 0 is the first, e.g. [0, 1, 5, 10]")
    if not isinstance(recipe.tasks, (list, tuple)):
        problems.append(f"tasks is {recipe.tasks!r}; expected a list, e.g. [er7]")
    else:
        unknown = [name for name in recipe.tasks if name not in TASKS]
        problems += [f"tasks: unknown task {name!r}; known tasks: {', '.join(TASKS)}" for name in unknown]
    return problems


def _wrong_numbers(recipe: AdaptationRecipe) -> list[str]:
    problems = []
    for name, (low, high) in (_WHOLE | _NUMBERS).items():
        value = getattr(recipe, name)
        right = isinstance(value, int if name in _WHOLE else (int, float)) and not isinstance(value, bool)
        if not right or not low <= value <= high:
            kind = "a whole number" if name in _WHOLE else "a number"
            problems.append(f"{name} is {value!r}; expected {kind} in {low:g}..{high:g}")
    return problems


def load_adaptation_recipe(name: str = "lora", changes: list[str] | None = None) -> AdaptationRecipe:
    """The shipped recipe, `lora`, or a file, with `key=value` changes. Raises `EmertInputError`."""
    path = find_yaml(name, RECIPES, ("lora",), "recipe of adaptation")
    return AdaptationRecipe(**read_settings(path, changes or [], AdaptationRecipe))
