"""Time of a recording: a part of it, or all of it at a varying speed. Faces, samples and fixations stay aligned."""

from dataclasses import replace
from typing import ClassVar

import numpy as np

from dataset_scripts.common.settings import number, settings
from modeling_emert.columns_emert import COLUMN_INDEX
from modeling_emert.recording_emert import FaceTrack, Gaze

from .parts import Example, first_sample

_SEGMENTS = 4  # parts of the recording, each at its own speed


@settings
class TimeCrop:
    """Keeps one random interval of the recording, of a length between `shortest` (a fraction of its time) and all of it.

    There are only as many face frames as the network takes, so an interval holds fewer and the processor repeats some.
    """

    shortest: number(0.05, 1) = 0.7
    changes_face: ClassVar[bool] = True

    def __call__(self, example: Example, generator: np.random.Generator) -> Example:
        length = generator.uniform(self.shortest, 1)
        start = generator.uniform(0, 1 - length)
        begin, end = time_span(example)
        edges = begin + (end - begin) * start, begin + (end - begin) * (start + length)
        recording = example.recording
        face = None if recording.face is None else _crop_face(recording.face, *edges)
        gaze = None if recording.gaze is None else _crop_gaze(recording.gaze, *edges)
        return replace(example, recording=replace(recording, face=face, gaze=gaze))


def _crop_face(face: FaceTrack, start: float, end: float) -> FaceTrack:
    kept = np.flatnonzero((start <= face.times_ms) & (face.times_ms <= end))
    if len(kept) == 0:
        kept = np.abs(face.times_ms - (start + end) / 2).argmin(keepdims=True)
    return FaceTrack(face.frames[kept], np.maximum(face.times_ms[kept] - start, 0), face.detected[kept])


def _crop_gaze(gaze: Gaze, start: float, end: float) -> Gaze:
    """Times are relative to the new start; a fixation across an edge is cut there."""
    eye, times, fixations = gaze.eye_movements, gaze.times_ms, gaze.fixations
    if eye is not None and times is not None:
        kept = (start <= times) & (times <= end)
        eye, times = eye[kept], times[kept] - start
    if fixations is not None:
        begins = np.maximum(fixations[:, 2], start)
        ends = np.minimum(fixations[:, 2] + fixations[:, 3], end)
        cut = np.column_stack([fixations[:, :2], begins - start, ends - begins])
        fixations = cut[ends > begins]
    return replace(gaze, eye_movements=eye, times_ms=times, fixations=fixations)


@settings
class TimeWarp:
    """Makes time faster in some parts and slower in others; begin and end stay. Durations in the data are scaled as well.

    `strength`: speeds are random between 1 - strength and 1 + strength.
    """

    strength: number(0, 0.9) = 0.2
    changes_face: ClassVar[bool] = True

    def __call__(self, example: Example, generator: np.random.Generator) -> Example:
        lengths = generator.uniform(1 - self.strength, 1 + self.strength, _SEGMENTS)
        begin, end = time_span(example)
        old = np.linspace(begin, max(end, begin + 1), _SEGMENTS + 1)
        new = begin + (old[-1] - begin) * np.concatenate([[0], np.cumsum(lengths)]) / lengths.sum()
        recording = example.recording
        face = None if recording.face is None else _warp_face(recording.face, old, new)
        gaze = None if recording.gaze is None else _warp_gaze(recording.gaze, old, new)
        return replace(example, recording=replace(recording, face=face, gaze=gaze))


def _warp_face(face: FaceTrack, old: np.ndarray, new: np.ndarray) -> FaceTrack:
    """At each frame's time, the frame whose warped time is nearest, since the network takes equally spaced frames."""
    warped = np.interp(face.times_ms, old, new)
    nearest = np.abs(warped[None, :] - face.times_ms[:, None]).argmin(axis=1)
    return FaceTrack(face.frames[nearest], face.times_ms, face.detected[nearest])


def _warp_gaze(gaze: Gaze, old: np.ndarray, new: np.ndarray) -> Gaze:
    eye, times, fixations = gaze.eye_movements, gaze.times_ms, gaze.fixations
    if eye is not None and times is not None:
        eye = eye.copy()
        segment = np.clip(np.searchsorted(old, times, side="right") - 1, 0, _SEGMENTS - 1)
        eye[:, COLUMN_INDEX["event_duration"]] *= (np.diff(new) / np.diff(old))[segment]
        times = np.interp(times, old, new)
    if fixations is not None:
        starts = _beyond(fixations[:, 2], old, new)
        ends = _beyond(fixations[:, 2] + fixations[:, 3], old, new)
        fixations = np.column_stack([fixations[:, :2], starts, ends - starts])
    return replace(gaze, eye_movements=eye, times_ms=times, fixations=fixations)


def _beyond(times: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Warped times; those before the begin or after the end (a fixation longer than the samples) stay as they are."""
    return np.where((times < old[0]) | (times > old[-1]), times, np.interp(times, old, new))


def time_span(example: Example) -> tuple[float, float]:
    """Begin and end of the recording in ms: of its samples or fixations, else of its faces."""
    gaze, face = example.recording.gaze, example.recording.face
    if gaze is not None and gaze.duration_ms > 0:
        return first_sample(gaze), gaze.duration_ms
    return (float(face.times_ms[0]), float(face.times_ms[-1])) if face is not None else (0.0, 0.0)
