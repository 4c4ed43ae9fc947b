"""Scores of one model on several sources, the way it was trained: a table by source and task, and each source's own results.

```
OUT/
  results.md, results.json   the table; {"sources": {source: results}}, which a model's card takes (`emert card`)
  evidence.json              what `config.evidence` of a model lists, see `modeling_emert.evidence_emert`
  SOURCE/                    as `emert evaluate` writes it of one source
```

A test in `evidence.json` has further keys: `participants`, `recordings`, `split`, `ece` and `votes` (null where unknown).
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from dataset_scripts.common.output import atomic_folder
from dataset_scripts.dataset.reader import EmertData
from modeling_emert.evidence_emert import chance_of, words_of
from modeling_emert.tasks_emert import TASKS

from ..methods.registry import Method
from ..metrics import METRIC_TITLES
from ..metrics.emotion_classification.class_scores import VOTE_METRICS
from ..outputs import SCORES
from .page import describe, made_by, sections_markdown, subgroup_markdown
from .results import Header, to_json, write_results
from .tables import NOTHING, aligned_blocks, markdown_table, score_cell, three, two

EVIDENCE_FILE = "evidence.json"


def write_by_source(
    folder: Path, tested: Mapping[str, tuple[pd.DataFrame, Header]], evidence_about: Mapping[str, dict], n_resamples: int = 1000
) -> dict:
    """Writes the folder above and returns `{"sources", "evidence"}`.

    `tested`: by source, the predictions of the model and the majority, and their header. `evidence_about`: by source, what
    [`about_tests`] gave. Raises `EmertInputError` as `write_results`.
    """
    with atomic_folder(folder, SCORES) as new:
        sources = {name: write_results(new / name, *one, n_resamples) for name, one in tested.items()}
        evidence = [test for name, results in sources.items() for test in _tests(results, evidence_about[name])]
        (new / EVIDENCE_FILE).write_text(json.dumps(evidence, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        (new / "results.json").write_text(to_json({"sources": sources}), encoding="utf-8")
        (new / "results.md").write_text(_page(sources, evidence), encoding="utf-8")
    return {"sources": sources, "evidence": evidence}


def about_tests(data: EmertData, method: Method, face_input: str, predictions: pd.DataFrame, strict: bool) -> dict:
    """`{source, inputs, unseen}` of every test on these predictions; `face_input`: the config's."""
    counts = data.metadata.counts.modalities
    has_frames = bool(counts["face"]) and face_input != "action_units"
    has_units = bool(counts["action_units"]) and face_input != "frames" and not has_frames
    there = {"pixel_values": has_frames, "action_units": has_units}
    there |= {name: bool(counts[name]) for name in ("eye_movements", "fixations")}
    parts = {"pixel_values": "face", "action_units": "face"}
    inputs = [name for name, present in there.items() if present and parts.get(name, name) in method.modalities]
    people, clips, recordings = (predictions[f"{of}_id"].nunique() for of in ("participant", "stimulus", "recording"))
    unseen = f"{people:,} people" + (f" and {clips} clips" if strict else "")
    if people == recordings:  # nobody's id is given
        row = int((data.ids["recording_id"] == predictions["recording_id"].iloc[0]).argmax())
        photo = inputs == ["pixel_values"] and len(data.recording(row).face.frames) == 1
        unseen = f"{recordings:,} {'photographs' if photo else 'recordings'}"
    return {"source": data.metadata.source, "inputs": inputs, "unseen": unseen}


def _tests(results: dict, about: dict) -> list[dict]:
    """A test for each task of the model. Of fewer than five people there is no interval: it is all that the metric can be."""
    found = []
    for name, entry in results["scores"][results["methods"][0]].items():
        metrics = {TASKS[name].primary_metric: entry["metrics"][TASKS[name].primary_metric]}
        metrics |= {"accuracy": entry["metrics"]["war"]} if "war" in entry["metrics"] else {}
        if any(metric["value"] is None for metric in metrics.values()):
            continue  # the truth does not vary
        votes = entry.get("votes")
        found.append(
            {
                "task": name,
                **about,
                "scores": {metric: _three(score, -1.0 if metric == "ccc" else 0.0) for metric, score in metrics.items()},
                "participants": entry["participants"],
                "recordings": entry["n"],
                "split": results["header"]["split"],
                "ece": entry["calibration"] and round(entry["calibration"]["answers"]["ece"], 4),
                "votes": votes and {metric: round(score["value"], 4) for metric, score in votes["metrics"].items()},
            }
        )
    return found


def _three(metric: dict, least: float = 0.0) -> list[float]:
    ends = (least, 1.0) if metric["low"] is None else (metric["low"], metric["high"])
    return [round(number, 4) for number in (metric["value"], *ends)]


def sources_table(sources: Mapping[str, dict], evidence: Sequence[dict]) -> tuple[list[str], list[list[str]]]:
    """Head and rows: a row for each source and task that the model answers there."""
    voted = any("votes" in entry for results in sources.values() for entry in _own(results).values())
    head = ["source", "task", "from", "participants", "recordings", "score", "chance", "accuracy", "most frequent class", "ECE"]
    head += [METRIC_TITLES[name] for name in VOTE_METRICS] if voted else []
    rows = []
    for source, results in sources.items():
        for name, entry in _own(results).items():
            metric = TASKS[name].primary_metric
            inputs = next((test["inputs"] for test in evidence if (test["source"], test["task"]) == (source, name)), [])
            row = [source, name, " and ".join(inputs) or NOTHING, str(entry["participants"]), str(entry["n"])]
            row += [f"{METRIC_TITLES[metric]} {score_cell(entry['metrics'][metric])}", two(chance_of(name))]
            if entry["calibration"]:
                most = max(map(sum, entry["confusion"])) / sum(map(sum, entry["confusion"]))
                row += [score_cell(entry["metrics"]["war"]), two(most), three(entry["calibration"]["answers"]["ece"])]
            else:
                row += [NOTHING] * 3
            if voted:
                votes = entry.get("votes")
                row += [score_cell(votes["metrics"][one]) if votes else NOTHING for one in VOTE_METRICS]
            rows.append(row)
    return head, rows


def sources_text(sources: Mapping[str, dict], evidence: Sequence[dict]) -> str:
    """The table for a terminal, and in words what each figure is good for."""
    head, rows = sources_table(sources, evidence)
    return "\n\n".join([*aligned_blocks([head, *rows]), "\n".join(_words(evidence))])


def _words(evidence: Sequence[dict]) -> list[str]:
    return [f"{test['task']}, {test['source']}: {words_of(test['task'], test['inputs'], [test])}" for test in evidence]


def _own(results: dict) -> dict[str, dict]:
    """The scores of the model itself, by task."""
    return results["scores"][results["methods"][0]]


def _page(sources: Mapping[str, dict], evidence: Sequence[dict]) -> str:
    first = next(iter(sources.values()))
    parts = [
        f"# {first['methods'][0]} on {len(sources)} sources",
        made_by(first),
        "Each source is scored on its own test, of people whom the model has not seen. In brackets: "
        f"{first['bootstrap']['level']:.0%} interval by participant.",
        markdown_table(*sources_table(sources, evidence)),
        "\n".join(f"- {sentence}" for sentence in _words(evidence)),
    ]
    for name, results in sources.items():
        sections = [*sections_markdown(results), *subgroup_markdown(results)]
        parts += [f"## {name}", describe(results), *(part.replace("## ", "### ") for part in sections)]
    return "\n\n".join(parts) + "\n"
