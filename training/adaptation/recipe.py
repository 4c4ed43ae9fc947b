"""Settings of personal adaptation (`emert adapt`), in one validated file."""

from typing import Annotated

from pydantic import AfterValidator, Field

from dataset_scripts.common.recipes import Recipes
from dataset_scripts.common.settings import different, expects, number, settings, to_plain, whole

from ..recipes.recipe import RECIPES, TaskName


def _from_zero(counts: tuple[int, ...]) -> tuple[int, ...]:
    if len(counts) < 2 or counts[0] != 0 or list(counts) != sorted(set(counts)):
        raise ValueError
    return counts


@settings
class AdaptationRecipe:
    """How a trained model is adapted to one person at a time, by LoRA."""

    recordings: Annotated[
        tuple[whole(0, 1000), ...],
        AfterValidator(_from_zero),
        expects("rising whole numbers up to 1000 of which 0 is the first, e.g. [0, 1, 5, 10]"),
    ] = Field(
        (0, 1, 5, 10),
        description="With how many recordings of a person that have labels; 0 is the model as it was trained. Everyone needs "
        "more than the largest: the others are scored, the same recordings for every number.",
    )
    tasks: different(TaskName) = Field(
        (), description="Whose labels are given and scored; empty means every task that both the model and the data have."
    )
    rank: whole(1, 256) = Field(
        4,
        description="Of the adapters on attention, projections and both LSTMs; the heads of the tasks are trained completely.",
    )
    alpha: number(1e-3, 1e4) = Field(8.0, description="The adapters' effect is scaled by alpha / rank.")
    steps: whole(1, 10_000) = Field(
        30, description="Of AdamW, each on all given recordings at once; there is no validation person for early stopping."
    )
    learning_rate: number(1e-8, 1.0) = Field(1e-4, description="Constant.")
    n_resamples: whole(100, 100_000) = Field(1000, description="Of the bootstrap by participant, for the intervals.")
    seed: whole(0, 2**31) = Field(
        0, description="Random seed of the choice of the given recordings, the adapters' first weights, and dropout."
    )

    @property
    def most(self) -> int:
        """How many recordings of everyone are not scored, so that every number of them is scored on the same others."""
        return self.recordings[-1]

    def to_dict(self) -> dict:
        return to_plain(self)


ADAPTATION = Recipes(AdaptationRecipe, RECIPES, ("lora",), "recipe of adaptation")


def load_adaptation_recipe(name: str = "lora", changes: list[str] | None = None) -> AdaptationRecipe:
    """The shipped recipe, `lora`, or a file, with `key=value` changes. Raises `EmertInputError`."""
    return ADAPTATION.read(name, changes or [])
