"""From a network's output to the answer: probabilities and numbers by task, the gap between felt and shown, input quality.

The pipeline, `emert predict` and the demo all answer by [`answers`].
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Protocol

import torch
from torch import nn
from transformers import BatchFeature

from .configuration_emert import EmertConfig
from .constants_emert import ARGUMENTS_OF, MODALITIES, is_grounded
from .errors_emert import EmertInputError
from .evidence_emert import INPUT_WORDS, words_of
from .grounds_emert import Grounds, Names, by_names, given_to, grounds_of, inputs_of, is_told, taken_by
from .processing_emert import EmertProcessor
from .recording_emert import Recording
from .tasks_emert import TASKS

_ONE_RECORDING = (
    "This model expects gaze that is standardised over several recordings of the same person; "
    "here it is standardised over this recording alone, so expect less."
)


# By the end of the tasks' names, in the order of preference.
GAP_LEVELS = {"7": "seven emotions", "3": "three classes", "_va": "valence"}
_FRAMES_AT_ONCE = 32
_CHANGES = 5  # what is shown for a smaller part of the clip than one in so many is no change


class Network(Protocol):
    """What an answer needs of a network: EMERT has it, and so have the networks that it is compared with."""

    config: EmertConfig
    coarse: nn.ModuleDict
    device: torch.device
    dtype: torch.dtype

    def __call__(self, **inputs: torch.Tensor) -> Any:
        """Output with `logits` by task."""


def answer(model: Network, processor: EmertProcessor, recording: Recording) -> dict:
    """The answer for one recording: see [`answers`]."""
    return answers(model, processor, [recording])[0]


@torch.no_grad()
def answers(model: Network, processor: EmertProcessor, recordings: Sequence[Recording]) -> list[dict]:
    """The answer for each recording of one batch, as plain JSON-ready data:

    - `tasks`: by task, `{label: probability}` for classification and `{name: value}` for regression, clipped to the range.
    - `untold`: the same of the tasks whose answers the model's evidence finds no better than chance; those that it has no test
      of from these inputs are in neither.
    - `evidence`: by task `{"told": bool, "words": str}`: whether the answer is beyond chance, and the test that says so (see
      `evidence_emert`). Empty where the model has none.
    - `gap`: how far felt and shown lie apart, 0 (equal) to 1, on the `gap_level`: the total variation distance of their
      distributions over `"seven emotions"` or `"three classes"`, or half the distance of their `"valence"`. None where there
      is nothing to compare, and then `gap_reason` says why.
    - `timeline`: of a video, what the face shows in each frame with a face, `[{"time_ms": ..., task: {label: probability}}]`.
    - `modalities`: those that the answer uses. `quality`: see [`quality_of`]. `notes`: what was left out and why,
      and where video and gaze hardly fit each other (see `recording_emert.lengths_differ`).

    Raises `EmertInputError` where a recording has nothing that the model takes.
    """
    if not recordings:
        return []
    inputs = model_inputs(model, processor, recordings)
    given = [given_to(model.config, inputs, index) for index in range(len(recordings))]
    if () in given:
        taken = ", ".join(INPUT_WORDS[name] for name in taken_by(model.config))
        found = f"recording {given.index(()) + 1} has nothing that this model takes"
        raise EmertInputError(f"{found} ({taken}); give it one of these")
    grounds = [grounds_of(model.config, own) for own in given]
    logits = _logits(model, inputs, grounds)
    found = []
    for index, recording in enumerate(recordings):
        known = {name: _readable(name, logits[names][name][index]) for name, (names, _) in grounds[index].items()}
        used = {argument for names, _ in grounds[index].values() for argument in names or given[index]}
        modalities = [name for name in MODALITIES if used & set(ARGUMENTS_OF[name])]
        evidence = _evidence(model.config, grounds[index], given[index])
        tasks = {name: values for name, values in known.items() if is_told(model.config, grounds[index][name])}
        # A frame is answered as a photograph: what was told from something else is not told from it.
        seen = [name for name in tasks if "pixel_values" in (grounds[index][name][0] or given[index])]
        distance, level, reason = _gap(tasks, modalities, evidence)
        alone = processor.feature_extractor.normalisation == "participant" and used & {"eye_movements", "fixations"}
        found.append(
            {
                "tasks": tasks,
                "untold": {name: values for name, values in known.items() if name not in tasks},
                "evidence": evidence,
                "gap": distance,
                "gap_level": level,
                "gap_reason": reason,
                "timeline": timeline(model, processor, recording, seen),
                "modalities": modalities,
                "quality": quality_of(recording),
                "notes": [*recording.notes, *filter(None, [recording.lengths_differ, _ONE_RECORDING if alone else None])],
            }
        )
    return found


def _logits(model: Network, inputs: BatchFeature, grounds: Sequence[Grounds]) -> dict[Names, dict[str, torch.Tensor]]:
    """By the arguments that the network was given, and by task, `(batch, task size)`; NaN for recordings without them."""
    found = {}
    for names, rows in by_names(grounds).items():
        chosen = inputs_of(inputs, names, rows, len(grounds))
        known = calibrated(model, model(**chosen).logits)
        found[names] = {name: _in_rows(values.cpu(), rows, len(grounds)) for name, values in known.items()}
    return found


def _in_rows(values: torch.Tensor, rows: Sequence[int], count: int) -> torch.Tensor:
    spread = values.new_full((count, *values.shape[1:]), float("nan"))
    spread[rows] = values
    return spread


def _evidence(config: EmertConfig, grounds: Grounds, given: Sequence[str]) -> dict[str, dict[str, Any]]:
    if not config.evidence:
        return {}
    evidence = {}
    for name in config.tasks:
        names, tests = ground = grounds.get(name, (given, []))
        told = name in grounds and is_told(config, ground)
        evidence[name] = {"told": told, "words": words_of(config.derived_tasks.get(name, name), names, tests)}
    return evidence


def finest_shown(timeline: Sequence[Mapping[str, Any]]) -> str:
    """The task of a timeline that has the most classes."""
    return max((name for name in timeline[0] if name != "time_ms"), key=lambda name: len(timeline[0][name]))


def shown_in_turn(timeline: Sequence[Mapping[str, Any]] | None) -> list[str]:
    """What the face shows first, then, and so on, each for at least a fifth of the timeline; empty where it does not change.

    Of the likeliest emotions in order, the shortest stretch is left out and its neighbours are joined where they are equal,
    until every stretch is long enough. One frame alone is no stretch.
    """
    if not timeline:
        return []
    finest, enough = finest_shown(timeline), max(len(timeline) / _CHANGES, 2)
    stretches = [(max(one[finest], key=one[finest].get), 1) for one in timeline]
    while stretches:
        groups = [(label, sum(count for _, count in own)) for label, own in groupby(stretches, key=itemgetter(0))]
        shortest = min(groups, key=itemgetter(1))
        if shortest[1] >= enough:
            return [label for label, _ in groups] if len(groups) > 1 else []
        groups.remove(shortest)
        stretches = groups
    return []


@torch.no_grad()
def timeline(model: Network, processor: EmertProcessor, recording: Recording, tasks: Collection[str]) -> list[dict] | None:
    """What the face shows frame by frame, each answered as a photograph: the classification tasks of that view among `tasks`.

    None without several frames with a face, or without such a task.
    """
    face = recording.face
    names = [name for name in tasks if TASKS[name].view == "fer" and TASKS[name].kind == "classification"]
    if face is None or face.detected.sum() < 2 or not names:
        return None
    moments, photographs = face.times_ms[face.detected], face.frames[face.detected]
    found: list[dict] = []
    for start in range(0, len(photographs), _FRAMES_AT_ONCE):
        clips = list(photographs[start : start + _FRAMES_AT_ONCE, None])
        inputs = processor.video_processor(clips).to(model.device, dtype=model.dtype)
        logits = {name: values.cpu() for name, values in calibrated(model, model(**inputs).logits).items()}
        found += [{name: _readable(name, logits[name][row]) for name in names} for row in range(len(clips))]
    return [{"time_ms": round(float(moment), 1), **one} for moment, one in zip(moments, found, strict=True)]


def model_inputs(model: Network, processor: EmertProcessor, recordings: Sequence[Recording]) -> BatchFeature:
    """The recordings as the network's arguments, on its device, floating-point values in its precision."""
    return processor(recordings).to(model.device, dtype=model.dtype)


def calibrated(model: Network, logits: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The logits in fp32, divided by the config's temperatures; derived coarse tasks follow from the divided fine ones."""
    temperatures = model.config.temperatures or {}
    scaled = {name: values.float() / temperatures.get(name, 1.0) for name, values in logits.items()}
    for coarse, fine in model.config.derived_tasks.items():
        scaled[coarse] = model.coarse[coarse](scaled[fine])
    return scaled


def gap(felt: Mapping[str, float], shown: Mapping[str, float]) -> float:
    """Total variation distance of two distributions over the same labels, 0..1."""
    return round(sum(abs(felt[label] - shown[label]) for label in felt) / 2, 4)


def _gap(
    tasks: Mapping[str, dict], modalities: Sequence[str], evidence: Mapping[str, dict]
) -> tuple[float | None, str | None, str | None]:
    """The gap, its level, and the reason why there is none. Felt against shown needs a face, and the eyes unless evidence says
    otherwise.
    """
    known = [level for level in GAP_LEVELS if {f"er{level}", f"fer{level}"} <= {*tasks, *evidence}]
    if not known:
        lacking = [name for name in ("er7", "fer7") if name not in {*tasks, *evidence}]
        return None, None, f"The model does not predict {' and '.join(lacking)}."
    if not is_grounded("fer", modalities):
        return None, None, "Needs a face: without one there is nothing to compare with what is felt."
    if not evidence and not is_grounded("er", modalities):
        return None, None, "Needs the eyes: without them what is felt is a guess, and nothing to compare with what is shown."
    level = next((level for level in known if all(f"{view}{level}" in tasks for view in ("er", "fer"))), None)
    if level is None:
        untold = [f"{view}{known[0]}" for view in ("er", "fer") if f"{view}{known[0]}" not in tasks]
        return None, None, evidence[untold[0]]["words"]
    felt, shown = tasks[f"er{level}"], tasks[f"fer{level}"]
    if level == "_va":
        return round(abs(felt["valence"] - shown["valence"]) / 2, 4), GAP_LEVELS[level], None
    return gap(felt, shown), GAP_LEVELS[level], None


def quality_of(recording: Recording) -> dict[str, float | None]:
    """Fraction of gaze samples without a gaze point, and of frames in which a face was found; None if absent."""
    missing = recording.gaze and recording.gaze.missing_fraction
    detected = recording.face and recording.face.detected_fraction
    found = {"gaze_missing_fraction": missing, "face_detected_fraction": detected}
    return {name: None if value is None else round(value, 4) for name, value in found.items()}


def _readable(name: str, logits: torch.Tensor) -> dict[str, float]:
    task = TASKS[name]
    values = logits.softmax(0) if task.kind == "classification" else logits.clamp(*task.range)
    return {label: round(float(value), 4) for label, value in zip(task.labels, values, strict=True)}
