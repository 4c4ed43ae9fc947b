"""The card that goes with a saved model: what it is, what it takes and gives, what it was trained on, its scores, what it is
not for."""

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

A network that reads a recording of a person who watches something: the face, the eye movements, the fixations, any of which
may be missing. It answers with felt emotion (ER) and shown emotion (FER), as far as its tasks go. {design}

{method}## What it takes

| modality | input | shape of one recording |
|---|---|---|
| face | `pixel_values` | {num_frames} frames spread over the recording, 3 x height x width, the face cropped |
| eye movements | `eye_movements` | {num_eye_steps} steps of {num_columns} columns (named and explained in `columns_emert.py`) |
| fixations | `fixations` | {num_fixation_steps} steps of {fixation_size} numbers: x and y in shares of the stimulus |

The processor makes these from a video and a gaze file or from arrays; a mask tells of what is missing.

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
person feels cannot be read off with certainty: an answer is a guess from one short recording under one tracker's conditions,
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

The code lies beside the weights; read it before you trust it. With the package `emert` installed, `import modeling_emert` takes
the place of `trust_remote_code`, and gaze files of eye trackers can be read; without it, give gaze as arrays.
`AutoModelForVideoClassification` and `AutoProcessor` load the two parts."""
_TITLE = "EMERT: what a person feels, beside what the face shows"
_DESIGN = """The design is that of
*Smile on the Face, Sadness in the Eyes* (arXiv 2512.16485); this is not the authors' release."""
_COMPARED = (
    "It is there to be compared with EMERT,\nwhose encoders and heads it has; see `training/methods` in the project's code."
)


def make_model_card(
    config: EmertConfig,
    record: dict[str, Any] | None = None,
    results: dict[str, Any] | None = None,
    method: str = "",
    loading: str = _LOADING,
) -> str:
    """The card as Markdown with YAML front matter, `model-index` included where there are scores.

    `record`: what `emert train` wrote down of the training, or None where nobody did. `results`: what `emert evaluate`
    wrote into its results.json. `method`: a paragraph on what is otherwise than in EMERT; `loading`: how it is loaded.
    """
    record_or_nothing = record or {}
    compared = not record_or_nothing.get("method", "emert").startswith("emert")
    lengths = {name: getattr(config, name) for name in ("num_frames", "num_eye_steps", "num_fixation_steps")}
    scores = [*results_of_validation(record_or_nothing), *(results_of_test(results) if results else [])]
    front_matter = FRONT_MATTER | ({"model-index": eval_results_to_model_index("emert", scores)} if scores else {})
    return _TEMPLATE.format(
        front_matter=yaml.safe_dump(front_matter, sort_keys=False),
        title=f"{record_or_nothing['method']}: compared with EMERT" if compared else _TITLE,
        design=_COMPARED if compared else _DESIGN,
        tasks="\n".join(_task_row(name) for name in config.tasks),
        training=_training(record),
        scores=_scores(results),
        context=_context(config),
        method=f"{method}\n\n" if method else "",
        loading=loading,
        num_columns=config.num_columns,
        fixation_size=config.fixation_size,
        **lengths,
    )


def results_of_test(results: Mapping[str, Any]) -> list[EvalResult]:
    """Every score of the first method in a results.json, for the `model-index` of a card."""
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
    """The scores that chose the epoch: of validation participants, so they are no test."""
    place = (str(record.get("data")), f"{record.get('data')} (it chose the epoch)")
    return [
        _eval_result(task, (*place, f"{task}, fold {record['fold']}", "validation"), get_task(task).primary_metric, value)
        for task, value in (record.get("validation_scores") or {}).items()
        if task in TASKS and value is not None
    ]


def _eval_result(
    task: str, place: Sequence[str], metric: str, value: float, interval: dict[str, float] | None = None
) -> EvalResult:
    """`place`: the data set's type and name, its config, its split."""
    kind, name, config, split = place
    return EvalResult(
        task_type="video-classification",
        task_name=f"{task}: {_VIEWS[get_task(task).view]}",
        dataset_type=kind,
        dataset_name=name,
        dataset_config=config,
        dataset_split=split,
        metric_type=metric,
        metric_value=value,
        metric_args=interval,
    )


def write_model_card(folder: str | Path, config: EmertConfig) -> None:
    """`README.md` in a folder of a saved model, unless it has one; with the record of the training, and the results of its
    evaluation, if they lie there."""
    folder = Path(folder)
    if (folder / CARD_FILE).exists():
        return
    paths = (folder / RECORD_FILE, folder / RESULTS_FILE)
    known = (json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None for path in paths)
    (folder / CARD_FILE).write_text(make_model_card(config, *known), encoding="utf-8")


def _context(config: EmertConfig) -> str:
    """A warning, for a model that is told more than the recording."""
    if not config.context:
        return ""
    return (
        f"Beside the recording it may be told {' and '.join(f'`{name}`' for name in config.context)}. That can give a label\n"
        "away (a clip that is meant to amuse amuses): its scores are not scores of reading eyes and faces alone.\n\n"
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
        return (
            "Nothing is written down about it here: whoever shares this model should say on which recordings, with what scores."
        )
    score = record["validation_score"]
    score = "" if score is None else f"; mean validation score {score:.3f}"
    lines = [
        f"Source `{record['data']}`, fold {record['fold']}"
        + (", stimuli of the test held out as well" if record["strict"] else "")
        + f"; {len(record['seen_participants'])} participants seen in training and validation; "
        f"{record['epochs']:g} epoch{'' if record['epochs'] == 1 else 's'}{score}. "
        f"`{RECORD_FILE}` holds the whole record."
    ]
    if record["data"] == "synthetic":
        lines.append(
            "These recordings are generated: drawn faces and simulated eyes. **Its answers about real people mean nothing.**"
        )
    return "\n\n".join([*lines, *_validation(record), *_cost(record)])


def _validation(record: dict[str, Any]) -> list[str]:
    """The scores of the epoch that was kept."""
    rows = [
        f"| `{task}` | {get_task(task).primary_metric.upper()} | {value:.3f} |"
        for task, value in (record.get("validation_scores") or {}).items()
        if task in TASKS and value is not None
    ]
    if not rows:
        return []
    head = "Scores of validation participants, which chose the epoch; they are no test and come out higher than one:"
    return [head, "\n".join(["| task | metric | validation |", "|---|---|---|", *rows])]


def _cost(record: dict[str, Any]) -> list[str]:
    """Time, software and recipe: what it takes to train this model again."""
    parts = []
    if "seconds" in record:
        parts.append(
            f"Training took {record['seconds']:.0f} s on {record.get('processes', 1)} process(es): {record['steps']} steps, "
            f"{record['samples_per_second']:g} recordings/s."
        )
    if "versions" in record:
        parts.append("Made with " + ", ".join(f"{name} {number}" for name, number in record["versions"].items()) + ".")
    recipe = record.get("recipe")
    return [
        *([" ".join(parts)] if parts else []),
        *([f"The recipe:\n\n```yaml\n{yaml.safe_dump(recipe, sort_keys=False)}```"] if recipe else []),
    ]


def _scores(results: dict[str, Any] | None) -> str:
    """The test, in the words that its results have for it."""
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


__all__ = [
    "FRONT_MATTER",
    "make_model_card",
    "results_of_test",
    "results_of_validation",
    "write_model_card",
]
