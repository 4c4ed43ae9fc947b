"""From a request to replies, in a worker process: one recording in, numbers and pictures out. Nothing of it is kept.

The page's process does not import this file: all that is heavy is imported here, once, before the workers are forked.
"""

import math
import re
import sys
import traceback
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

import numpy as np
from transformers import PreTrainedModel
from transformers.utils import ModelOutput, logging

from dataset_scripts.inspection.quality import measure_loaded
from dataset_scripts.readers import read_gaze, read_gaze_recordings
from modeling_emert.answers_emert import answer, calibrated, model_inputs
from modeling_emert.constants_emert import MODALITIES
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.explain_emert import EmertExplanation, explain
from modeling_emert.face_detection_emert import default_detector
from modeling_emert.inference_emert import fixed_recording
from modeling_emert.processing_emert import EmertProcessor
from modeling_emert.recording_emert import Gaze, Recording
from training.evaluation.load_model import load_answering_network

from ..answers.messages import Reply, Request
from ..answers.verdict import evidence_words, full_sentence
from ..pictures.answer_pictures import draw_answer, draw_reasons

_LONGEST_PARTICIPANT, _NAMED_PARTICIPANTS = 40, 12  # letters; names
_OUR_FAULT = "Something went wrong on our side; the log of the server says what. The other files are not affected."
_TOO_LARGE = "The files need more memory than one answer may take; give a shorter or smaller video, or a smaller gaze file."
_MEASURED = (
    *("duration_s", "samples", "rate_hz", "missing_fraction", "blinks", "blinks_from", "fixations", "fixation_method"),
    *("face_frames", "face_found_fraction", "verdict", "reasons"),
)


class _RecordingUnknownError(Exception):
    """The gaze file can be used, but it has to be said which of its recordings; the message is a sentence for the visitor."""


def answer_request(request: Request) -> Iterator[Reply]:
    """The numbers; where pictures are wanted, the same once more with them. Only the last reply has no `more`.

    Never raises: an error in the files becomes a refusal in one sentence; any other is logged and reported as ours.
    """
    try:
        yield from _answer(request)
    except _RecordingUnknownError as error:
        yield Reply(refusal=str(error), wrong="recording")
    except EmertInputError as error:
        yield Reply(refusal=full_sentence(request.with_visitors_names(str(error))), wrong=request.wrong_file(str(error)))
    except MemoryError:
        yield Reply(refusal=_TOO_LARGE)
    except Exception:
        traceback.print_exc(file=sys.stderr)
        yield Reply(refusal=_OUR_FAULT)


def warm_up(model: Path) -> None:
    """Answers and draws a fixed recording, so that the first visitor does not wait for what is slow only the first time."""
    recording = fixed_recording()
    default_detector()(np.zeros((180, 320, 3), np.uint8))
    for _ in answer_recording(*_load(model), recording, pictures=True):
        pass


@cache
def _load(folder: Path) -> tuple[PreTrainedModel, EmertProcessor]:
    logging.disable_progress_bar()
    return load_answering_network(folder)


def _answer(request: Request) -> Iterator[Reply]:
    network, processor = _load(request.model)
    gaze = None if request.gaze is None else _read_gaze(request.gaze, request)
    recording = processor.load(request.video, gaze, face=request.face)
    recording.notes = [request.with_visitors_names(note) for note in recording.notes]
    yield from answer_recording(network, processor, recording, request.pictures)


def answer_recording(
    network: PreTrainedModel, processor: EmertProcessor, recording: Recording, pictures: bool
) -> Iterator[Reply]:
    """The pipeline's answer, what it rests on and how good the recording is; then the same with the pictures."""
    found = answer(network, processor, recording)
    if not found["tasks"] and not found["untold"]:
        raise EmertInputError(" ".join(evidence_words(found)))
    given = model_inputs(network, processor, [recording])
    reasons = explain(partial(_calibrated_output, network), network.config, given)
    found |= {
        "calibrated": bool(network.config.temperatures),
        "contributions": _contributions(reasons),
        "attention": dict(zip(MODALITIES, reasons.attention[0].round(4).tolist(), strict=True)),
        "measured": _measured(recording),
    }
    if not pictures:
        yield Reply(found)
        return
    drawn = draw_answer(found)
    yield Reply(found, drawn, more=True)
    yield Reply(found, drawn | draw_reasons(found, recording, reasons, processor))


def _calibrated_output(network: PreTrainedModel, **inputs) -> ModelOutput:
    """So that contributions are differences of the probabilities that are shown."""
    output = network(**inputs)
    output.logits = calibrated(network, output.logits)
    return output


def _contributions(reasons: EmertExplanation) -> dict[str, dict[str, float | None]]:
    """By task that is told and modality that it was answered from; None where that is the only one."""
    found = {}
    for task, sources in reasons.answered_from.items():
        changes = zip(MODALITIES, reasons.contributions[task][0].tolist(), sources[0], strict=True)
        own = {name: None if math.isnan(change) else round(change, 4) for name, change, there in changes if there}
        found |= {task: own} if own else {}
    return found


def _measured(recording: Recording) -> dict:
    """What `emert data inspect` measures, as far as the page shows it."""
    quality = measure_loaded(recording)
    known = {name: getattr(quality, name) for name in _MEASURED} | {"reasons": list(quality.reasons)}
    known["gaze_format"] = None if recording.gaze is None else recording.gaze.format
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in known.items()}


def _read_gaze(path: Path, request: Request) -> Gaze:
    """The recording that was asked for.

    Raises `EmertInputError`, or [`_RecordingUnknownError`] where only the participant or the stimulus is wrong.
    """
    try:
        return read_gaze(path, participant=request.participant, stimulus=request.stimulus)
    except EmertInputError:
        recordings = read_gaze_recordings(path)  # raises as the first did
        names = {gaze.participant or "without a name" for gaze in recordings}
        own = [gaze.stimulus or "" for gaze in recordings if request.participant in (None, gaze.participant)]
        file = request.gaze_name or path.name
        if request.participant is not None and request.participant not in names:
            words = f"{file} has no participant {_cut(request.participant)!r}; it has {_listed(names)}."
        elif request.participant is None and len(names) > 1:
            words = f"{file} holds several participants ({_listed(names)}); write one of them under 'Participant'."
        elif request.stimulus is not None or len(own) > 1:
            numbered = {f"#{number} {name}".strip() for number, name in enumerate(own, 1)}
            wanted = "" if request.stimulus is None else f", and one of stimulus {_cut(request.stimulus)!r} is not among them"
            words = f"{file} holds {len(own)} recordings ({_listed(numbered)}){wanted}; write the name or number of one under "
            words += "'Stimulus'."
        else:
            raise
        raise _RecordingUnknownError(words) from None


def _listed(names: set[str]) -> str:
    """The first of them in order, p2 before p10."""
    ordered = sorted(names, key=lambda name: [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)])
    more = f" and {len(names) - _NAMED_PARTICIPANTS} more" if len(names) > _NAMED_PARTICIPANTS else ""
    return ", ".join(map(_cut, ordered[:_NAMED_PARTICIPANTS])) + more


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST_PARTICIPANT else name[: _LONGEST_PARTICIPANT - 1] + "…"
