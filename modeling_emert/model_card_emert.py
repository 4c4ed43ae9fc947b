"""The card that goes with a saved model: what it is, what it takes and gives, what it was trained on, what it is not for."""

import json
from pathlib import Path
from typing import Any

import yaml

from .configuration_emert import EmertConfig
from .tasks_emert import get_task

CARD_FILE = "README.md"
RECORD_FILE = "training_record.json"  # what `emert train` writes beside a model

_FRONT_MATTER: dict[str, Any] = {
    "license": "apache-2.0",
    "library_name": "transformers",
    "pipeline_tag": "video-classification",
    "tags": ["emotion-recognition", "facial-expression-recognition", "eye-tracking", "multimodal", "emert"],
}
_VIEWS = {"er": "felt (ER)", "fer": "shown on the face (FER)", "perceived": "in the stimulus"}

_TEMPLATE = """---
{front_matter}---

# EMERT: what a person feels, beside what the face shows

A network that reads a recording of a person who watches something: the face, the eye movements, the fixations, any of which
may be missing. It answers with felt emotion (ER) and shown emotion (FER), as far as its tasks go. The design is that of
*Smile on the Face, Sadness in the Eyes* (arXiv 2512.16485); this is not the authors' release.

## What it takes

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

```python
from transformers import pipeline

pipe = pipeline("emotion-recognition", model="THIS_MODEL", trust_remote_code=True)
pipe(video="clip.mp4", gaze="gaze.csv")
```

The code lies beside the weights; read it before you trust it. With the package `emert` installed, `import modeling_emert` takes
the place of `trust_remote_code`, and gaze files of eye trackers can be read; without it, give gaze as arrays.
`AutoModelForVideoClassification` and `AutoProcessor` load the two parts.

{context}## What it was trained on

{training}

## What not to do with it

No hiring, no policing, no diagnosis, no surveillance, no grading of pupils or staff, and nobody who has not agreed. What a
person feels cannot be read off with certainty: an answer is a guess from one short recording under one tracker's conditions,
and it differs between people, cultures, lighting and devices. A gap between felt and shown is no proof of a lie.
"""


def make_model_card(config: EmertConfig, record: dict[str, Any] | None = None) -> str:
    """The card as Markdown with YAML front matter.

    `record`: what `emert train` wrote down of the training, or None where nobody did.
    """
    lengths = {name: getattr(config, name) for name in ("num_frames", "num_eye_steps", "num_fixation_steps")}
    return _TEMPLATE.format(
        front_matter=yaml.safe_dump(_FRONT_MATTER, sort_keys=False),
        tasks="\n".join(_task_row(name) for name in config.tasks),
        training=_training(record),
        context=_context(config),
        num_columns=config.num_columns,
        fixation_size=config.fixation_size,
        **lengths,
    )


def write_model_card(folder: str | Path, config: EmertConfig) -> None:
    """`README.md` in a folder of a saved model, unless it has one; with the record of the training if that lies there."""
    folder = Path(folder)
    if (folder / CARD_FILE).exists():
        return
    record = folder / RECORD_FILE
    card = make_model_card(config, json.loads(record.read_text()) if record.is_file() else None)
    (folder / CARD_FILE).write_text(card, encoding="utf-8")


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
        f"{record['epochs']:g} epochs{score}. "
        f"`{RECORD_FILE}` holds the whole record."
    ]
    if record["data"] == "synthetic":
        lines.append(
            "These recordings are generated: drawn faces and simulated eyes. **Its answers about real people mean nothing.**"
        )
    return "\n\n".join(lines)


__all__ = ["CARD_FILE", "RECORD_FILE", "make_model_card", "write_model_card"]
