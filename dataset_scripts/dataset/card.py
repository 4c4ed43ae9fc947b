"""The data card: a datasheet for readers who do not know the project, filled in by the build (text in `card.md.jinja`)."""

from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from modeling_emert.columns_emert import columns_markdown
from modeling_emert.licences_emert import front_matter_of
from modeling_emert.tasks_emert import Task, get_task

from ..sources.base import votes_column
from .metadata import QUARTERS, Metadata
from .schema import COLUMN_MEANINGS, PERSON_MEANINGS, SETS_MEANINGS, SHEET_MEANINGS
from .splits import Assignment, config_name

_SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}
_VIEWS = {
    "er": "**felt** (ER, emotion recognition): what the participant felt",
    "fer": "**shown** (FER, facial expression recognition): what the participant's face showed",
    "perceived": "**perceived**: what the stimulus itself shows, whatever it does to the participant",
    "other": "**other**: what the source itself asked, beside felt and shown emotion",
}
_MODALITIES = {
    "face": "crops of the participant's face",
    "eye_movements": "samples of an eye tracker",
    "fixations": "fixations",
    "action_units": "action units of the face in place of video",
}
_VOTES = "fraction of the judges who chose each class of `{task}`, in the order of its labels; they sum to 1; null: none did"
_NOTES_SHOWN = 30
_FEW_STIMULI = 200


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )  # no autoescape: the card is Markdown
    environment.filters["one_line"] = lambda text: " ".join(text.split())
    return environment.get_template("card.md.jinja")


def make_card(metadata: Metadata, assignment: Assignment) -> str:
    """Markdown with the front matter of a Hub data set. Its configs are not in it: they are in `.huggingface.yaml`."""
    has, tasks = metadata.counts.modalities, list(map(get_task, metadata.tasks))
    title = f"Eyes, faces and emotion: source `{metadata.source}`"
    people, stimuli = len(assignment.participants), len(assignment.stimuli)
    counts = {"recordings": metadata.recordings, "participants": people, "stimuli": stimuli}
    counts |= {f"recordings with {text} (`{name}`)": has[name] for name, text in _MODALITIES.items() if has[name]}
    strict = config_name(metadata.tasks[0], assignment.tested_folds[0], True) if True in assignment.versions else None
    coarse_and_fine = {"er3", "er7"} <= {*metadata.tasks} or {"fer3", "fer7"} <= {*metadata.tasks}
    return _template().render(
        front_matter=yaml.safe_dump(_front_matter(metadata, title), sort_keys=False, allow_unicode=True),
        title=title,
        metadata=metadata,
        assignment=assignment,
        people=people,
        stimuli=stimuli,
        modalities=_and([text for name, text in _MODALITIES.items() if has[name]]),
        has=has,
        views=[_VIEWS[view] for view in dict.fromkeys(task.view for task in tasks)],
        counts=counts,
        labels=[_label_row(metadata, task, column) for task in tasks for column in task.columns],
        plain=[config_name(metadata.tasks[0], assignment.tested_folds[end], False) for end in (0, -1)],
        strict=strict,
        tasks=[(task.name, _answers(task)) for task in tasks],
        columns=COLUMN_MEANINGS
        | {votes_column(task): _VOTES.format(task=task) for task in metadata.vote_tasks}
        | {column: PERSON_MEANINGS[column] for column in metadata.person_columns}
        | (SHEET_MEANINGS if metadata.sheet_columns else {})
        | (SETS_MEANINGS if assignment.sets else {}),
        eye_columns=columns_markdown(),
        lacking={name: metadata.recordings - count for name, count in has.items() if 0 < count < metadata.recordings},
        few_stimuli=stimuli <= _FEW_STIMULI,
        surprise_open=metadata.surprise_polarity is None and coarse_and_fine,
        notes_shown=metadata.notes[:_NOTES_SHOWN],
    )


def _front_matter(metadata: Metadata, title: str) -> dict:
    has = metadata.counts.modalities
    kinds = {get_task(task).kind for task in metadata.tasks}
    categories = {
        "video-classification": has["face"],
        "tabular-classification": "classification" in kinds,
        "tabular-regression": "regression" in kinds,
    }
    tags = {
        "eye-tracking": has["eye_movements"] or has["fixations"],
        "facial-expression": has["face"] or has["action_units"],
        metadata.source: True,
    }
    return {
        **front_matter_of(metadata.licence, metadata.source),
        "pretty_name": title.replace("`", ""),
        "task_categories": [name for name, present in categories.items() if present],
        "tags": ["emotion", "affective-computing", *(name for name, present in tags.items() if present)],
        "size_categories": [next((name for size, name in _SIZES.items() if metadata.recordings < size), "n>1M")],
    }


def _label_row(metadata: Metadata, task: Task, column: str) -> tuple[str, int, str]:
    """The column, recordings with it, and how many have each class or lie in each quarter of the range."""
    counts = metadata.counts.labels[column]
    names = list(counts)
    if task.kind == "regression":
        low, high = task.range or (0.0, 1.0)
        names = [f"{start:g} to {end:g}" for start, end in pairwise(np.linspace(low, high, len(QUARTERS) + 1))]
    spread = ", ".join(f"{name}: {count:,}" for name, count in zip(names, counts.values(), strict=True))
    return column, sum(counts.values()), spread


def _answers(task: Task) -> str:
    """The labels of a task with classes, or the columns and range of one with numbers."""
    if task.kind == "classification":
        return ", ".join(f"{index} {label}" for index, label in enumerate(task.labels))
    low, high = task.range or (float("-inf"), float("inf"))
    return f"{', '.join(f'`{column}`' for column in task.columns)} in [{low:g}, {high:g}]"


def _and(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)
