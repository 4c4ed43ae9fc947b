"""Everything that decides a training run, in one validated file. Two runs of one recipe give the same model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, JsonValue, TypeAdapter

from dataset_scripts.common.recipes import Recipes, to_yaml
from dataset_scripts.common.settings import Flag, check, different, expected, expects, number, settings, to_plain, whole
from modeling_emert.sampling_emert import FrameOrder, Sampling

from ..methods.registry import METHODS

RECIPES = Path(__file__).parent
# The shipped ones; `lora` is of another command.
TRAINING_RECIPES = tuple(sorted({file.stem for file in RECIPES.glob("*.yaml")} - {"lora"}))

SCORE = "score"  # mean over the tasks of their primary metric, on validation participants

# Own tasks are known only once the data set is opened, which refuses a name that it lacks.
TaskName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$"), expects("the name of a task")]
Monitor = Annotated[str, Field(pattern=r"^([a-z][a-z0-9_]*/)?[a-z][a-z0-9_]*$"), expects("score, a task, or SOURCE/TASK")]
Normalisation = Literal["training", "participant"]
_DECIDED_ELSEWHERE = {
    "num_participants": "is counted from the training participants; leave it out and set forget_participants: true",
    "class_weights": "is counted from the training recordings; leave it out and set class_weights: true",
    "temperatures": "is fitted after training; leave it out",
    "tasks": "is the recipe's own key; leave it out and set tasks",
}


def _check_part(part: dict) -> dict:
    from ..augmentation import PARTS  # loads torch, which a recipe without it does not need

    if (kind := PARTS.get(str(part.get("name")))) is None:
        raise expected(f"a name among {', '.join(PARTS)}")
    TypeAdapter(kind).validate_python({key: value for key, value in part.items() if key != "name"})
    return part


@settings
class Recipe:
    """Settings of one training run."""

    method: Literal[*(key for key, method in METHODS.items() if method.kind == "network")] = Field(
        "emert",
        description="Which network, a key of training/methods/registry.py: emert, its ablations (emert_no_face, ...), or one "
        "that it is compared with (mult, misa, tfn, ...).",
    )
    tasks: different(TaskName) = Field((), description="What to learn; empty means every task that the data has labels for.")
    network: Literal["authors", "small"] = Field(
        "authors",
        description="`authors` is the published network (ResNet-18, LSTMs of three layers, 12 million parameters), `small` "
        "the design of EMERT with about 0.25 million parameters.",
    )
    overrides: dict[str, JsonValue] = Field(default_factory=dict, description="Fields of EmertConfig on top of the network's.")
    initial_model: str | None = Field(
        None,
        description="A model folder whose weights training starts from, wherever name and shape agree, e.g. the model that "
        "comes with emert (spaces_demo/model). It must not have seen the participants of the test.",
    )
    image_size: whole(32, 512) = Field(112, description="Side of a face crop in pixels.")
    face_zoom: number(0.3, 1) = Field(
        1.0, description="The middle of the face crop that the network sees, as a fraction of its side (crops have a margin)."
    )
    face_pixels: whole(8, 512) | None = Field(
        None,
        description="The side to which that is reduced first, where the training faces are small photographs: without it "
        "a sharp face shows the network what it has never seen.",
    )
    grey_faces: Flag = Field(False, description="Faces without colour, where some of the training faces have none.")
    sources: different(TaskName) = Field(
        (), description="The sources that `--data` must name, each a data set folder; empty means any one or several."
    )
    source_balance: number(0, 1) = Field(
        0.5,
        description="With several data sets, an epoch takes of each in proportion to its size to this power: 1 takes every "
        "recording once, 0 equally many of each.",
    )
    inputs: Literal["standard", "authors"] = Field(
        "standard",
        description="`authors`: what the authors' reader makes of a recording, where the data set keeps the tracker's sheets: "
        "faces as BGR, not normalised, the sheet's 39 numbers as they stand, the gaze point in pixels as third stream.",
    )
    sampling: Sampling = Field(
        "middle",
        description="With `inputs: authors`, which frame or row of each chunk: its `middle`, or `random`, which is theirs.",
    )
    frame_order: FrameOrder = Field(
        "time",
        description="With `inputs: authors`, the order of the frames: `time`, or `last_digit` of their names, which is theirs.",
    )
    normalisation: Normalisation = Field(
        "training",
        description="Gaze is standardised by the statistics of all training participants (`training`), or each participant's "
        "by their own recordings without labels (`participant`), which needs several recordings of every person.",
    )
    augmentation: tuple[Annotated[dict[str, JsonValue], AfterValidator(_check_part)], ...] = Field(
        (),
        description="Random changes of the training recordings, in this order, e.g. {name: gaze_jitter, strength: 0.01}; also "
        "blinks, time_crop, time_warp, flip, colour, face_move, low_resolution and cover (training/augmentation).",
    )
    class_weights: Flag | number(0, 1) = Field(
        False,
        description="Weigh classes in the loss by how rare they are in the training recordings; a number is the power of that "
        "weight, so 0.5 is half way.",
    )
    class_offsets: number(0, 1) | None = Field(
        None,
        description="After the training, an offset is added to each class's logit, fitted on the validation recordings with "
        "classes rarer than the median weighted by their rarity to this power: 0: most answers right, 1: rare classes found.",
    )
    forget_participants: Flag = Field(
        False,
        description="Adversarial training against features that tell the training participants apart; its weight is "
        "`overrides.participant_weight`.",
    )
    epochs: whole(1, 100_000) = Field(200, description="Upper bound; the best epoch on the validation participants is kept.")
    batch_size: whole(2, 65_536) = Field(16, description="Recordings of one optimizer step, over all processes.")
    gradient_accumulation: whole(1, 4096) = Field(
        1, description="Equal parts in which the batch is computed one after the other, where memory is short."
    )
    optimizer: Literal["adamw", "adam"] = Field(
        "adamw", description="`adam` adds the weight decay to the gradient (L2), of biases and norms too, as the authors do."
    )
    learning_rate: number(1e-8, 1.0) = Field(1e-4, description="At its highest.")
    weight_decay: number(0.0, 1.0) = Field(5e-4, description="Of AdamW; biases and norms have none. Of Adam: see `optimizer`.")
    max_gradient: number(0.0, 1e6) = Field(
        1.0, description="A longer gradient is scaled down to this norm; 0: it stays as it is."
    )
    warmup: number(0.0, 0.9) = Field(0.05, description="Fraction of the steps over which the learning rate rises from 0.")
    schedule: Literal["cosine", "cosine_by_epoch", "constant"] = Field(
        "cosine",
        description="The learning rate afterwards: `cosine` to 0, step by step or (`cosine_by_epoch`, without warmup) the same "
        "throughout an epoch; or `constant`.",
    )
    weight_average: number(0, 0.99999) = Field(
        0.0,
        description="The model is the moving average of the weights over the steps, with this decay (about 1 / (1 - decay) "
        "steps); 0 is the last weights.",
    )
    monitor: Monitor = Field(
        SCORE,
        description="What chooses the epoch, on the validation participants: `score`, the mean of the tasks' primary metrics, "
        "or the metric of one task by its name (with several data sets SOURCE/TASK).",
    )
    watch_test: Flag = Field(
        False,
        description="Scores the test after every epoch too, for `emert evaluate --authors-way`; no epoch is chosen by it.",
    )
    patience: whole(1, 100_000) = Field(20, description="Early stopping: after so many epochs without a better one.")
    precision: Literal["fp32", "bf16"] = Field(
        "fp32", description="`bf16` halves memory and, on a GPU that has it, time; weights stay fp32."
    )
    num_workers: whole(0, 64) = Field(
        0,
        description="Processes that prepare recordings beside the training. 0: it does so itself and keeps them in memory (up "
        "to 1 GB).",
    )
    streaming: Flag = Field(
        False, description="For data larger than memory: every epoch reads each recording from its Parquet file, none is kept."
    )
    seed: whole(0, 2**31) = Field(0, description="Random seed of everything.")

    @check
    def _monitor(self) -> Iterator[str]:
        source, _, task = self.monitor.rpartition("/")
        if self.monitor != SCORE and self.tasks and task not in self.tasks:
            yield f"monitor is {self.monitor!r}, expected {SCORE}, or one of the tasks ({', '.join(self.tasks)})"
        elif source and self.sources and source not in self.sources:
            yield f"monitor is {self.monitor!r}, expected one of the sources ({', '.join(self.sources)}) before the /"

    @check
    def _overrides(self) -> Iterator[str]:
        for key in (key for key in self.overrides if key in _DECIDED_ELSEWHERE):
            yield f"overrides.{key} {_DECIDED_ELSEWHERE[key]}"
        if own := {key: value for key, value in self.overrides.items() if key not in _DECIDED_ELSEWHERE}:
            from ..methods.network import wrong_overrides  # loads torch

            yield from wrong_overrides(METHODS[self.method], self.network, own)

    @check
    def _batches(self) -> Iterator[str]:
        if self.batch_size % self.gradient_accumulation or self.batch_size < 2 * self.gradient_accumulation:
            yield (
                f"batch_size {self.batch_size} can't be cut into gradient_accumulation {self.gradient_accumulation} equal "
                "parts of two or more recordings"
            )

    @check
    def _inputs(self) -> Iterator[str]:
        if self.inputs != "authors" and (self.sampling, self.frame_order) != ("middle", "time"):
            yield f"sampling {self.sampling} and frame_order {self.frame_order} are for inputs: authors; set that too"
        if self.inputs == "authors" and (self.augmentation or self.normalisation != "training"):
            yield "inputs: authors takes neither augmentation nor normalisation: participant; leave them out"

    @check
    def _schedule(self) -> Iterator[str]:
        if self.schedule == "cosine_by_epoch" and self.warmup:
            yield f"warmup is {self.warmup:g}, expected 0 with schedule: cosine_by_epoch"

    @check
    def _streaming(self) -> Iterator[str]:
        if self.streaming and self.normalisation == "participant":
            yield "streaming reads no recording twice, but normalisation: participant needs all of a person's; set one"

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and dicts, of which `Recipe(**...)` makes the same recipe again."""
        return to_plain(self)

    def to_yaml(self) -> str:
        return to_yaml(self)


TRAINING = Recipes(Recipe, RECIPES, TRAINING_RECIPES, "recipe")


def recipe_of_record(stored: dict[str, Any]) -> Recipe:
    """The recipe of a `training_record.json`. Keys that recipes had before and have no more are left out."""
    named = {"workers": "num_workers"}
    current = {named.get(key, key): value for key, value in stored.items()}
    return Recipe(**{key: value for key, value in current.items() if key in Recipe.__pydantic_fields__})


def load_recipe(name: str, changes: list[str] | None = None) -> Recipe:
    """A recipe by name (`laptop`) or file, with `key=value` changes; `overrides.KEY=value` reaches into a key's own keys.

    Raises `EmertInputError` for an unknown recipe, key, or value.
    """
    return TRAINING.read(name, changes or [])
