"""The model card saved with a model: purpose, inputs and outputs, training data, scores, uses to avoid."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import EvalResult
from huggingface_hub.repocard_data import eval_results_to_model_index

from .configuration_emert import EmertConfig
from .constants_emert import CARD_FILE, RECORD_FILE, RESULTS_FILE
from .tasks_emert import TASKS, get_task

FRONT_MATTER: dict[str, Any] = {
    "license": "apache-2.0",
    "library_name": "transformers",
    "pipeline_tag": "video-classification",
    "tags": ["emotion-recognition", "facial-expression-recognition", "eye-tracking", "multimodal", "emert"],
}
_VIEWS = {"er": "felt (ER)", "fer": "shown on the face (FER)", "perceived": "in the stimulus"}

_TEMPLATE = """---
{front_matter}---

# {title}

A network for recordings of a person who watches something: the face, the eye movements and the fixations, any of which may
be missing. Depending on its tasks it predicts felt emotion (ER) and shown emotion (FER). {design}

{method}## What it takes

| modality | input | shape of one recording |
|---|---|---|
| face | `pixel_values` | {num_frames} frames spread over the recording, 3 x height x width, the face cropped |
| eye movements | `eye_movements` | {num_eye_steps} steps of {num_columns} columns (named and explained in `columns_emert.py`) |
| fixations | `fixations` | {num_fixation_steps} steps of {fixation_size} numbers: x and y in 0..1 of the stimulus |

The processor makes these from a video and a gaze file or from arrays; masks mark what is missing.

## What it gives

| task | what | values, in the order of the logits |
|---|---|---|
{tasks}

## How to load it

{loading}

{context}## What it was trained on

{training}

{scores}## What not to do with it

No hiring, no policing, no diagnosis, no surveillance, no grading of pupils or staff, and nobody who has not agreed. What a
person feels cannot be known with certainty: an answer is an estimate from one short recording under one tracker's conditions,
and it differs between people, cultures, lighting and devices. A gap between felt and shown is no proof of a lie.

## Citation

The network and the idea are those of *Smile on the Face, Sadness in the Eyes*, arXiv 2512.16485; please cite that paper, and
the source of the recordings.
"""
_LOADING = """```python
from transformers import pipeline

pipe = pipeline("emotion-recognition", model="THIS_MODEL", trust_remote_code=True)
pipe(video="clip.mp4", gaze="gaze.csv")
```

The code is saved with the weights; read it before you trust it. With the package `emert` installed, `import modeling_emert`
replaces `trust_remote_code`, and gaze files of eye trackers can be read; without it, give gaze as arrays.
`AutoModelForVideoClassification` and `AutoProcessor` load the two parts."""
# Parts of the template that the card of another network replaces.
_EMERT_TEXTS = {
    "title": "EMERT: what a person feels, beside what the face shows",
    "design": "The design is that of\n*Smile on the Face, Sadness in the Eyes* (arXiv 2512.16485); "
    "this is not the authors' release.",
    "method": "",
    "loading": _LOADING,
}


def make_model_card(
    config: EmertConfig, record: dict[str, Any] | None = None, results: dict[str, Any] | None = None, **texts: str
) -> str:
    """The card as Markdown with YAML front matter, with a `model-index` if there are scores.

    `record`: of `emert train`, None if there is none. `results`: the results.json of `emert evaluate`. `texts`: for another
    network than EMERT, its `title`, `design`, `loading`, and `method`, a paragraph that ends with a blank line.
    """
    lengths = {name: getattr(config, name) for name in ("num_frames", "num_eye_steps", "num_fixation_steps")}
    scores = [*results_of_validation(record or {}), *(results_of_test(results) if results else [])]
    front_matter = FRONT_MATTER | ({"model-index": eval_results_to_model_index("emert", scores)} if scores else {})
    return _TEMPLATE.format(
        front_matter=yaml.safe_dump(front_matter, sort_keys=False),
        tasks="\n".join(_task_row(name) for name in config.tasks),
        training=_training(record),
        scores=_scores(results),
        context=_context(config),
        num_columns=config.num_columns,
        fixation_size=config.fixation_size,
        **lengths,
        **_EMERT_TEXTS | texts,
    )


def results_of_test(results: Mapping[str, Any]) -> list[EvalResult]:
    """All scores of the first method in a results.json, for the `model-index` of a card."""
    header, method = results["header"], results["methods"][0]
    version = "participants and stimuli both new" if header["strict"] else "new participants"
    found = []
    for task, entry in results["scores"][method].items():
        for metric, score in entry["metrics"].items():
            if score["value"] is not None:
                interval = {"level": results["bootstrap"]["level"], "low": score["low"], "high": score["high"]}
                place = (header["data_kind"].removeprefix("real: "), header["data"], f"{task}, {version}", "test")
                found.append(_eval_result(task, place, metric, score["value"], interval))
    return found


def results_of_validation(record: Mapping[str, Any]) -> list[EvalResult]:
    """The scores of the validation participants by which the epoch was chosen; they are no test."""
    place = (str(record.get("data")), f"{record.get('data')} (it chose the epoch)")
    return [
        _eval_result(task, (*place, f"{task}, fold {record['fold']}", "validation"), metric, value)
        for task, metric, value in _validation_scores(record)
    ]


def _validation_scores(record: Mapping[str, Any]) -> list[tuple[str, str, float]]:
    """Task, metric and value of those that are known."""
    found = (record.get("validation_scores") or {}).items()
    return [(task, get_task(task).primary_metric, value) for task, value in found if task in TASKS and value is not None]


def _eval_result(
    task: str, place: Sequence[str], metric: str, value: float, interval: dict[str, float] | None = None
) -> EvalResult:
    """`place`: the data set's type and name, its config, its split."""
    data = dict(zip(("dataset_type", "dataset_name", "dataset_config", "dataset_split"), place, strict=True))
    score = {"metric_type": metric, "metric_value": value, "metric_args": interval}
    return EvalResult("video-classification", task_name=f"{task}: {_VIEWS[get_task(task).view]}", **data, **score)


def write_model_card(folder: str | Path, config: EmertConfig) -> None:
    """Writes `README.md` into the folder of a saved model unless there is one; with the training record and the results of
    the evaluation that are in the folder.
    """
    folder = Path(folder)
    if (folder / CARD_FILE).exists():
        return
    paths = (folder / RECORD_FILE, folder / RESULTS_FILE)
    known = (json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None for path in paths)
    (folder / CARD_FILE).write_text(make_model_card(config, *known), encoding="utf-8")


def _context(config: EmertConfig) -> str:
    """A warning, for a model that takes more than the recording."""
    if not config.context:
        return ""
    return (
        f"Besides the recording it can be given {' and '.join(f'`{name}`' for name in config.context)}. That can reveal the\n"
        "label (a clip that is meant to amuse amuses): its scores are not scores of reading eyes and faces alone.\n\n"
    )


def _task_row(name: str) -> str:
    task = get_task(name)
    values = ", ".join(task.labels)
    if task.range is not None:
        low, high = task.range
        values += f", {'each ' if task.size > 1 else ''}{low:g} to {high:g}"
    return f"| `{name}` | {_VIEWS[task.view]} | {values} |"


def _training(record: dict[str, Any] | None) -> str:
    if record is None:
        return "There is no record of the training here: whoever shares this model should name the recordings and the scores."
    score = record["validation_score"]
    score = "" if score is None else f"; mean validation score {score:.3f}"
    lines = [
        f"Source `{record['data']}`, fold {record['fold']}"
        + (", stimuli of the test held out as well" if record["strict"] else "")
        + f"; {len(record['seen_participants'])} participants seen in training and validation; "
        f"{record['epochs']:g} epoch{'' if record['epochs'] == 1 else 's'}{score}. "
        f"`{RECORD_FILE}` is the complete record."
    ]
    if record["data"] == "synthetic":
        lines.append(
            "These recordings are generated: drawn faces and simulated eyes. **Its answers about real people mean nothing.**"
        )
    return "\n\n".join([*lines, *_validation(record), *_cost(record)])


def _validation(record: dict[str, Any]) -> list[str]:
    """The scores of the chosen epoch."""
    rows = [f"| `{task}` | {metric.upper()} | {value:.3f} |" for task, metric, value in _validation_scores(record)]
    if not rows:
        return []
    head = "Scores of the validation participants, by which the epoch was chosen; they are no test, and higher than a test's:"
    return [head, "\n".join(["| task | metric | validation |", "|---|---|---|", *rows])]


def _cost(record: dict[str, Any]) -> list[str]:
    """Time, software and recipe: what is needed to train this model again."""
    time = versions = recipe = ""
    if "seconds" in record:
        time = (
            f"Training took {record['seconds']:.0f} s on {record.get('processes', 1)} process(es): {record['steps']} steps, "
            f"{record['samples_per_second']:g} recordings/s."
        )
    if "versions" in record:
        versions = "Made with " + ", ".join(f"{name} {number}" for name, number in record["versions"].items()) + "."
    if record.get("recipe"):
        recipe = f"The recipe:\n\n```yaml\n{yaml.safe_dump(record['recipe'], sort_keys=False)}```"
    return list(filter(None, (" ".join(filter(None, (time, versions))), recipe)))


def _scores(results: dict[str, Any] | None) -> str:
    """The scores of the test, with its split, seeds and command."""
    if results is None:
        return ""
    header, method = results["header"], results["methods"][0]
    rows = []
    for task, entry in results["scores"][method].items():
        metric = get_task(task).primary_metric
        score = entry["metrics"][metric]
        if score["value"] is not None:
            interval = "" if score["low"] is None else f" [{score['low']:.2f}, {score['high']:.2f}]"
            rows.append(
                f"| `{task}` | {metric.upper()} | {score['value']:.2f}{interval} | {entry['participants']} | {entry['n']} |"
            )
    return (
        f"## How it scores\n\nMeasured on {header['data']} ({header['data_kind']}). Split: {header['split']}; seeds: "
        f"{', '.join(map(str, header['seeds']))}. In brackets: {results['bootstrap']['level']:.0%} interval by participant. "
        f"Made by `{header['command']}`.\n\n| task | metric | test | participants | recordings |\n|---|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n\n"
    )
