"""What runs in a worker process: one recording in, numbers and pictures out. Nothing of it is kept."""

import contextlib
import re
import signal
import sys
import traceback
from collections.abc import Iterator
from functools import cache, partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from modeling_emert.constants_emert import MODALITIES

from ..answers.messages import Reply, Request
from ..answers.verdict import full_sentence
from ..limits import WORKER_EXTRA_MB

if TYPE_CHECKING:
    from modeling_emert.modeling_emert import EmertForEmotionRecognition, EmertOutput
    from modeling_emert.processing_emert import EmertProcessor
    from modeling_emert.recording_emert import Gaze, Recording

_LENGTH_RATIO, _LENGTH_DIFFERENCE_S = 1.5, 2.0  # lengths further apart than both are told to the visitor
_COVERED_SHARE = 0.5  # of the video; less gaze than that is told as well
_LONGEST_PARTICIPANT, _NAMED_PARTICIPANTS = 40, 12  # letters; names
_OUR_FAULT = "Something went wrong on our side; the log of the server says what. The other files are not affected."
_TOO_LARGE = "The files need more memory than one answer may take; give a shorter or smaller video, or a smaller gaze file."


class _ParticipantUnknownError(Exception):
    """The gaze file is right, and another participant has to be named; the message is the sentence for the visitor."""


def serve(line: Connection, models: list[Path]) -> None:
    """Says `warm` once a first answer has been given, then answers requests until the line is cut."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server is told as well, and it stops its workers
    with contextlib.suppress(EOFError, OSError):  # the server has cut the line
        try:
            _prepare(models)
        except Exception as error:  # said to the server, which logs it
            line.send(f"{type(error).__name__}: {error}")
            return
        line.send("warm")
        while True:
            for reply in answer_request(line.recv()):
                line.send(reply)


def answer_request(request: Request) -> Iterator[Reply]:
    """The numbers, and where pictures are wanted, the same once more with them; only the last reply has no `more`.

    Never raises: a mistake in the files is a refusal in one sentence, any other is logged and said to be ours.
    """
    from modeling_emert.errors_emert import EmertInputError

    try:
        yield from _answer(request)
    except _ParticipantUnknownError as error:
        yield Reply(refusal=str(error), wrong="participant")
    except EmertInputError as error:
        sentence = full_sentence(with_visitors_names(str(error), request))
        yield Reply(refusal=sentence, wrong=_wrong_file(str(error), request))
    except MemoryError:
        yield Reply(refusal=_TOO_LARGE)
    except Exception:
        traceback.print_exc(file=sys.stderr)
        yield Reply(refusal=_OUR_FAULT)


def with_visitors_names(sentence: str, request: Request) -> str:
    """The sentence with the visitor's own file names in place of where the files lie here."""
    for path, name in ((request.video, request.video_name), (request.gaze, request.gaze_name)):
        if path is not None:
            sentence = sentence.replace(str(path), name or path.name).replace(path.name, name or path.name)
    return sentence


def _wrong_file(sentence: str, request: Request) -> str | None:
    """`video` or `gaze`, where the sentence names the one file and not the other."""
    files = {"video": request.video, "gaze": request.gaze}
    named = [part for part, path in files.items() if path is not None and path.name in sentence]
    return named[0] if len(named) == 1 else None


def _prepare(models: list[Path]) -> None:
    import torch

    torch.set_num_threads(1)
    from .warm_up import warm_up

    for model in models[:1]:
        warm_up(*_load(model))
    _limit_memory()


def _limit_memory() -> None:
    """A file that unpacks to gigabytes ends in a MemoryError here, and not in the machine's."""
    if sys.platform != "linux":
        return
    import resource

    status = Path("/proc/self/status").read_text()
    used_kb = int(next(line for line in status.splitlines() if line.startswith("VmData")).split()[1])
    limit = used_kb * 1024 + WORKER_EXTRA_MB * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


@cache
def _load(folder: Path) -> "tuple[EmertForEmotionRecognition, EmertProcessor]":
    from transformers.utils import logging

    from modeling_emert.errors_emert import EmertInputError
    from modeling_emert.modeling_emert import EmertForEmotionRecognition
    from modeling_emert.processing_emert import EmertProcessor

    logging.disable_progress_bar()
    model, loading = EmertForEmotionRecognition.from_pretrained(folder, output_loading_info=True)
    if loading["missing_keys"]:  # they would be random, and no number of an untrained network is shown
        raise EmertInputError(f"{folder}: model.safetensors lacks {sorted(loading['missing_keys'])[0]}; train the model again")
    return model.eval(), EmertProcessor.from_pretrained(folder)


def _answer(request: Request) -> Iterator[Reply]:
    model, processor = _load(request.model)
    gaze = None if request.gaze is None else _read_gaze(request.gaze, request)
    recording = processor.load(None if request.video is None else request.video, gaze)
    recording.notes = [with_visitors_names(note, request) for note in recording.notes] + _lengths_differ(recording)
    yield from answer_recording(model, processor, recording, request.pictures)


def _read_gaze(path: Path, request: Request) -> "Gaze":
    """The one recording that is asked about. Raises `EmertInputError`, or where only the participant is wrong, our own."""
    from dataset_scripts.readers import read_gaze, read_gaze_recordings
    from modeling_emert.errors_emert import EmertInputError

    try:
        return read_gaze(path, participant=request.participant)
    except EmertInputError:
        names = {gaze.participant or "without a name" for gaze in read_gaze_recordings(path)}  # raises as the first did
        file = request.gaze_name or path.name
        if request.participant is not None and request.participant not in names:
            asked = _cut(request.participant)
            raise _ParticipantUnknownError(f"{file} has no participant {asked!r}; it has {_listed(names)}.") from None
        if request.participant is None and len(names) > 1:
            known = _listed(names)
            words = f"{file} holds several participants ({known}); write one of them under 'Participant'."
            raise _ParticipantUnknownError(words) from None
        raise


def _listed(names: set[str]) -> str:
    """The first of them in order, p2 before p10."""
    ordered = sorted(names, key=lambda name: [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)])
    more = f" and {len(names) - _NAMED_PARTICIPANTS} more" if len(names) > _NAMED_PARTICIPANTS else ""
    return ", ".join(map(_cut, ordered[:_NAMED_PARTICIPANTS])) + more


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST_PARTICIPANT else name[: _LONGEST_PARTICIPANT - 1] + "…"


def _lengths_differ(recording: "Recording") -> list[str]:
    """A note where video and gaze can hardly be of the same moments, or the gaze is there for less than half of the video.

    Their clocks have no common zero to compare.
    """
    import numpy as np

    if recording.face is None or recording.gaze is None:
        return []
    video_s, gaze_s = float(recording.face.times_ms[-1]) / 1000, recording.gaze.duration_ms / 1000
    if max(video_s, gaze_s) < _LENGTH_RATIO * min(video_s, gaze_s) or abs(video_s - gaze_s) < _LENGTH_DIFFERENCE_S:
        sampled = recording.gaze.times_ms is not None and len(recording.gaze.times_ms) > 0
        covered_s = gaze_s if not sampled else float(np.ptp(recording.gaze.times_ms)) / 1000
        if covered_s >= _COVERED_SHARE * video_s:
            return []
        return [f"The gaze covers {covered_s:.1f} s of the video's {video_s:.1f} s, less than half of it."]
    return [f"The video lasts {video_s:.1f} s and the gaze {gaze_s:.1f} s; the two may not be of the same moments."]


def answer_recording(
    model: "EmertForEmotionRecognition", processor: "EmertProcessor", recording: "Recording", pictures: bool
) -> Iterator[Reply]:
    """The pipeline's answer, what it rests on and how good the recording is; then the same with the pictures."""
    from modeling_emert.answers_emert import answer
    from modeling_emert.explain_emert import explain

    found = answer(model, processor, recording)
    inputs = processor(recording).to(model.device)
    reasons = explain(partial(_calibrated_output, model), model.config, inputs)
    found |= {
        "calibrated": bool(model.config.temperatures),
        "contributions": _contributions(reasons.contributions),
        "attention": _by_modality(reasons.attention[0]),
        "measured": _measured(recording),
    }
    if not pictures:
        yield Reply(found)
        return
    from ..pictures.answer_pictures import draw_answer, draw_reasons

    drawn = draw_answer(found)
    yield Reply(found, drawn, more=True)
    yield Reply(found, drawn | draw_reasons(recording, reasons, processor))


def _calibrated_output(model: "EmertForEmotionRecognition", **inputs) -> "EmertOutput":
    """So that contributions are shares of the very probabilities that are shown."""
    from modeling_emert.answers_emert import calibrated

    output = model(**inputs)
    output.logits = calibrated(model, output.logits)
    return output


def _contributions(by_task: dict) -> dict[str, dict[str, float | None]]:
    return {task: _by_modality(values[0]) for task, values in by_task.items()}


def _by_modality(values: "list[float]") -> dict[str, float | None]:
    return {name: None if value != value else round(float(value), 4) for name, value in zip(MODALITIES, values, strict=True)}


def _measured(recording: "Recording") -> dict:
    """What `emert data inspect` measures, as far as the page shows it."""
    from dataset_scripts.inspection.quality import FaceCheck, measure

    face = recording.face
    quality = measure(recording.gaze, None if face is None else FaceCheck(face.detected, face.times_ms))
    names = ("duration_s", "samples", "rate_hz", "missing_fraction", "blinks", "blinks_from", "fixations", "fixation_method")
    names += ("face_frames", "face_found_fraction", "verdict", "reasons")
    known = {name: getattr(quality, name) for name in names}
    known["reasons"] = list(quality.reasons)
    known["gaze_format"] = None if recording.gaze is None else recording.gaze.format
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in known.items()}
