"""The data card: a datasheet for somebody who has never seen the project, written from what the build knows."""

from itertools import pairwise

import yaml

from modeling_emert.columns_emert import columns_markdown
from modeling_emert.tasks_emert import Task, get_task

from .counts import QUARTERS
from .metadata import Metadata
from .schema import COLUMN_MEANINGS
from .splits import Assignment, config_name, versions

# SPDX ids that the Hub knows (in lower case there); for all others its form is `other` and a name.
_HUB_LICENCES = {
    *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0"),
    *("cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-4.0", "odc-by", "odbl-1.0", "pddl"),
}
_SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}
_VIEWS = {
    "er": "**felt** (ER, emotion recognition): what the participant felt",
    "fer": "**shown** (FER, facial expression recognition): what the participant's face showed",
    "perceived": "**perceived**: what the stimulus itself shows, whatever it does to the participant",
}
_MODALITIES = {
    "face": "crops of the participant's face",
    "eye_movements": "samples of an eye tracker",
    "fixations": "fixations",
    "action_units": "action units of the face in place of video",
}
_NOTES_SHOWN = 30
_FEW_STIMULI = 200


def make_card(metadata: Metadata, assignment: Assignment) -> str:
    """Markdown with the front matter of a Hub data set. Its configs are not in it: they lie in `.huggingface.yaml`."""
    sections = {
        "Why it was made": _motivation(metadata),
        "What is in it": _composition(metadata, assignment),
        "How the recordings were made": _collection(metadata),
        "Licence, and what may be done": _licence(metadata),
        "How to load it": _loading(metadata, assignment),
        "Protocols and splits": _protocols(metadata, assignment),
        "Columns": _columns(),
        "The 39 columns of `eye_movements`": columns_markdown() if metadata.counts.modalities["eye_movements"] else "",
        "Known limits": _limits(metadata, assignment),
        "Left out when it was built": _left_out(metadata),
        "Citation": _line(metadata.citation),
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items() if text)
    front = yaml.safe_dump(_front_matter(metadata), sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n# {_title(metadata)}\n\n{_summary(metadata, assignment)}\n\n{body}\n"


def _title(metadata: Metadata) -> str:
    return f"Eyes, faces and emotion: source `{metadata.source}`"


def _front_matter(metadata: Metadata) -> dict:
    licence = metadata.licence.lower()
    known = (
        {"license": licence} if licence in _HUB_LICENCES else {"license": "other", "license_name": f"{metadata.source}-terms"}
    )
    has = metadata.counts.modalities
    kinds = {get_task(task).kind for task in metadata.tasks}
    categories = {
        "video-classification": has["face"],
        "tabular-classification": "classification" in kinds,
        "tabular-regression": "regression" in kinds,
    }
    tags = {"eye-tracking": True, "facial-expression": has["face"] or has["action_units"], metadata.source: True}
    return {
        **known,
        "pretty_name": _title(metadata).replace("`", ""),
        "task_categories": [name for name, present in categories.items() if present],
        "tags": ["emotion", "affective-computing", *(name for name, present in tags.items() if present)],
        "size_categories": [next((name for size, name in _SIZES.items() if metadata.recordings < size), "n>1M")],
    }


def _summary(metadata: Metadata, assignment: Assignment) -> str:
    people, stimuli = len(assignment.participants), len(assignment.stimuli)
    parts = _and([text for name, text in _MODALITIES.items() if metadata.counts.modalities[name]])
    return (
        f"{metadata.recordings:,} recordings of {people:,} participants watching {stimuli:,} stimuli: {parts}, with labels of "
        f"emotion. One recording is one participant watching one stimulus. {_line(metadata.lacks)}"
    )


def _motivation(metadata: Metadata) -> str:
    views = dict.fromkeys(get_task(task).view for task in metadata.tasks)
    listed = "\n".join(f"- {_VIEWS[view]}" for view in views)
    return f"""What a person feels, what the face shows, and what the stimulus means are three things, and often not the same: a
smile may be polite. This data set is made to train and to test models that read emotion from eyes and faces, and to keep
these apart. Its labels are of

{listed}

The splits are part of it, so that results of different models can be compared, and so that no result rests on having seen
the same person before."""


def _composition(metadata: Metadata, assignment: Assignment) -> str:
    rows = {"recordings": metadata.recordings, "participants": len(assignment.participants), "stimuli": len(assignment.stimuli)}
    has = metadata.counts.modalities
    rows |= {f"recordings with {text} (`{name}`)": has[name] for name, text in _MODALITIES.items() if has[name]}
    counts = "\n".join(f"| {name} | {count:,} |" for name, count in rows.items())
    labels = "\n".join(_label_row(metadata, task, column) for task in map(get_task, metadata.tasks) for column in task.columns)
    return f"""| what | how many |
|---|---|
{counts}

How the labels are spread; a number by the quarters of its range:

| column | recordings with it | of which |
|---|---|---|
{labels}"""


def _label_row(metadata: Metadata, task: Task, column: str) -> str:
    counts = metadata.counts.labels[column]
    names = list(counts)
    if task.kind == "regression":
        low, high = task.range or (0.0, 1.0)
        edges = [low + (high - low) * index / len(QUARTERS) for index in range(len(QUARTERS) + 1)]
        names = [f"{start:g} to {end:g}" for start, end in pairwise(edges)]
    spread = ", ".join(f"{name}: {count:,}" for name, count in zip(names, counts.values(), strict=True))
    return f"| `{column}` | {sum(counts.values()):,} | {spread} |"


def _collection(metadata: Metadata) -> str:
    has = metadata.counts.modalities
    faces = f"The face was cut out of at most {metadata.faces_kept} frames of each video, spread evenly over it."
    eyes = "What the eye tracker exported was brought to the same 39 columns and units."
    made = [text for text, done in ((faces, has["face"]), (eyes, has["eye_movements"])) if done]
    return "\n\n".join([_line(metadata.collection), *(["When the data set was built: " + " ".join(made)] if made else [])])


def _licence(metadata: Metadata) -> str:
    if metadata.redistributable:
        allowed = "The recordings may be passed on, and this data set with them, under the terms of that licence."
    else:
        allowed = (
            "**This data set must not be published**: the licence of the recordings does not plainly allow passing them on. "
            "Who holds the recordings may build it and use it on their own machines."
        )
    return f"Licence of the recordings: {_line(metadata.licence)}\n\n{allowed}"


def _loading(metadata: Metadata, assignment: Assignment) -> str:
    example = config_name(metadata.tasks[0], 1, False)
    strict = versions(assignment.groups)[-1]
    other = config_name(metadata.tasks[0], 1, strict) if strict else "all"
    return f"""With the `datasets` library alone; `FOLDER` is this folder on disk, or the name of its repository on the Hub:

```python
from datasets import load_dataset

data = load_dataset("FOLDER", "{example}")  # data["train"], data["validation"], data["test"]
rows = load_dataset("FOLDER", "{other}", streaming=True)  # without a copy on disk
everything = load_dataset("FOLDER", "all", split="train")  # every recording once, with all of its labels
```

A program that leaves a stream before its end should drop it first (`del rows`, then `gc.collect()`): Arrow goes on reading in
the background, and Python may end with `terminate called without an active exception` (apache/arrow issue 45214).

With the `emert` project, which reads a folder on disk where it lies:

```python
from dataset_scripts.dataset.reader import EmertData

data = EmertData.open("FOLDER")
recording = data.recording(0)  # face, eye movements and fixations as arrays
train = data.select(fold=1)["train"]  # row numbers
```"""


def _protocols(metadata: Metadata, assignment: Assignment) -> str:
    task, folds = metadata.tasks[0], assignment.folds
    first, last = config_name(task, 1, False), config_name(task, folds, False)
    tasks = "\n".join(f"| `{name}` | {_task_row(name)} |" for name in metadata.tasks)
    return f"""A protocol is a task (one thing to predict) and its splits. Each has {folds} folds (`{first}` to `{last}`), in
which no participant is in two of train, validation and test; over the folds, every participant is tested once.
Validation comes out of the training side.

{_strict_version(task, assignment.groups)}

A config shows the labels of its own task only, and is not made where one of its splits would be empty. The splits were made
once, with seed {assignment.seed}, and are kept in `splits.json`.

| task | labels |
|---|---|
{tasks}"""


def _strict_version(task: str, groups: int) -> str:
    if True not in versions(groups):
        here = "1 is" if groups == 1 else f"{groups} are"
        return (
            f"There is no strict version, which would keep the stimuli apart too: it needs 3 groups of them, and {here} here."
        )
    return (
        f"The strict version (`{config_name(task, 1, True)}` and so on) keeps the stimuli apart too, in {groups} groups: "
        "neither a person nor a stimulus of its test was seen in training. It leaves out much of the data; that is its price."
    )


def _task_row(name: str) -> str:
    task = get_task(name)
    if task.kind == "classification":
        return ", ".join(f"{index} {label}" for index, label in enumerate(task.labels))
    low, high = task.range or (float("-inf"), float("inf"))
    return f"{', '.join(f'`{column}`' for column in task.columns)} in [{low:g}, {high:g}]"


def _columns() -> str:
    rows = "\n".join(f"| `{name}` | {meaning} |" for name, meaning in COLUMN_MEANINGS.items())
    return f"""| column | meaning |
|---|---|
{rows}

Each label is a column of its own, null where it is absent. Times are in ms. For a null `eye_movements` or `action_units`
`datasets` gives a plain NaN in place of the array."""


def _limits(metadata: Metadata, assignment: Assignment) -> str:
    has, stimuli = metadata.counts.modalities, len(assignment.stimuli)
    limits = [_line(metadata.lacks)]
    lacking = {name: metadata.recordings - count for name, count in has.items() if count}
    limits += [f"Recordings without `{name}`: {count:,}." for name, count in lacking.items() if count]
    strict = "the strict version tells" if True in versions(assignment.groups) else "there is no strict version to tell"
    if stimuli <= _FEW_STIMULI:
        limits.append(f"Its {stimuli:,} stimuli are few: a model can learn which one was watched, not what was felt; {strict}.")
    if metadata.surprise_polarity is None and ({"er3", "er7"} <= {*metadata.tasks} or {"fer3", "fer7"} <= {*metadata.tasks}):
        limits.append("Whether surprise counts as positive, negative or neutral is settled recording by recording.")
    limits.append("Labels tell of one moment of one person: they do not serve to judge anybody.")
    return "\n".join(f"- {limit}" for limit in limits)


def _left_out(metadata: Metadata) -> str:
    shown = [f"- {_line(note)}" for note in metadata.notes[:_NOTES_SHOWN]]
    more = len(metadata.notes) - len(shown)
    return "\n".join([*shown, f"- and {more:,} more, listed in `dataset.json`"] if more else shown) or "- nothing"


def _line(text: str) -> str:
    """The source's own words on one line."""
    return " ".join(text.split())


def _and(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)
