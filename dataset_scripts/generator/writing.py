"""Generated recordings as files: a video and a gaze export for each, and one table of labels.

```
DIR/
  recordings.csv   recording_id, participant, stimulus, video, gaze, and a column for each label
  settings.json    the settings, and the fingerprint of the generator's code
  videos/p000-s000.mp4
  gaze/p000-s000.csv     in the columns of a Tobii Studio export
```
"""

import json
from dataclasses import asdict
from fractions import Fraction
from itertools import groupby
from pathlib import Path

import av
import numpy as np
import pandas as pd
from tqdm import tqdm

from dataset_scripts.common.code_fingerprint import code_fingerprint
from dataset_scripts.common.output import Content, atomic_folder
from dataset_scripts.common.parallel import run_parallel
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import LABEL_COLUMNS

from .face_drawing import face_frames, frame_count
from .gaze_simulation import SimulatedGaze, gaze_at, simulate_gaze
from .truth import GeneratorSettings, Truth, make_truth

FINGERPRINT_ENTRIES = (__name__,)  # the modules from which the generator's code is found
_SETTINGS, _TABLE = "settings.json", "recordings.csv"
_CONTENT = Content("generated recordings", (_TABLE,))
_SCREEN = (1280, 1024)  # pixels
_SCREEN_MM = (376.0, 301.0)
_UNIT_DEGREES = 36.0  # of visual angle over the screen's width at a usual distance


def generate(folder: Path, settings: GeneratorSettings, num_workers: int = 2) -> Path:
    """Writes every recording of the settings into `folder`, which must not exist yet, as an atomic write; returns it.

    The same settings give the same files, with any number of workers. Raises `EmertInputError`.
    """
    if folder.exists():
        raise EmertInputError(f"{folder}: already exists; generate into a new folder")
    return _write(folder, settings, num_workers)


def _write(folder: Path, settings: GeneratorSettings, num_workers: int) -> Path:
    truths = make_truth(settings)
    with atomic_folder(folder, _CONTENT) as partial:
        for part in ("videos", "gaze"):
            (partial / part).mkdir()
        people = [list(of_one) for _, of_one in groupby(truths, lambda truth: truth.person.name)]
        jobs = [(partial.resolve(), of_one, settings) for of_one in people]
        bar = tqdm(total=len(jobs), desc="generating recordings", unit="participant")
        for done in run_parallel(_write_person, jobs, bar, num_workers):
            if done.lost is not None:
                raise EmertInputError(f"{folder}: a participant was not generated: {done.lost}; give the same command again")
        _table(truths).to_csv(partial / _TABLE, index=False)
        (partial / _SETTINGS).write_text(json.dumps(_description(settings), indent=2))
    return folder


def ensure_recordings(folder: Path, settings: GeneratorSettings, num_workers: int = 2) -> Path:
    """Generates the recordings unless `folder` holds those of these settings; those of older code are generated again.

    Raises `EmertInputError` if the folder holds something else.
    """
    try:
        found = json.loads((folder / _SETTINGS).read_text())
    except (OSError, ValueError):
        found = {}
    if found == _description(settings):
        return folder
    if {name: found.get(name) for name in asdict(settings)} == asdict(settings):
        return _write(folder, settings, num_workers)  # the old ones go when the new ones are there
    if found:
        raise EmertInputError(f"{folder}: holds recordings of other settings, {found}; give another --out")
    return generate(folder, settings, num_workers)


def _description(settings: GeneratorSettings) -> dict:
    return {"code": code_fingerprint(FINGERPRINT_ENTRIES), **asdict(settings)}


def _table(truths: list[Truth]) -> pd.DataFrame:
    rows = [
        {
            "recording_id": truth.recording_id,
            "participant": truth.person.name,
            "stimulus": truth.stimulus.name,
            "video": f"videos/{truth.recording_id}.mp4",
            "gaze": f"gaze/{truth.recording_id}.csv",
            **{column: truth.labels.get(column) for column in LABEL_COLUMNS if column in truth.labels},
        }
        for truth in truths
    ]
    return pd.DataFrame(rows).sort_values("recording_id")


def _write_person(job: tuple[Path, list[Truth], GeneratorSettings]) -> None:
    folder, truths, settings = job
    for truth in truths:
        _write_one(folder, truth, settings)


def _write_one(folder: Path, truth: Truth, settings: GeneratorSettings) -> None:
    simulated = simulate_gaze(truth, settings)
    times = np.arange(frame_count(settings)) * 1000 / settings.frames_per_second
    frames, _ = face_frames(truth, simulated.blinks, gaze_at(simulated, times), settings)
    write_video(folder / "videos" / f"{truth.recording_id}.mp4", frames, settings.frames_per_second)
    table = tobii_table(simulated, truth)
    table.to_csv(folder / "gaze" / f"{truth.recording_id}.csv", index=False, lineterminator="\n")


def write_video(path: Path, frames: np.ndarray, frames_per_second: int) -> None:
    """H.264 in MP4; `frames` `(frames, height, width, 3)` uint8 RGB, even height and width."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(frames_per_second), options={"crf": "18", "preset": "veryfast"})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def tobii_table(simulated: SimulatedGaze, truth: Truth) -> pd.DataFrame:
    """The samples under the column names of a Tobii Studio export, the stimulus filling the screen."""
    screen, millimetres = np.array(_SCREEN), np.array(_SCREEN_MM)
    left, right = simulated.gaze[:, 0], simulated.gaze[:, 1]
    both = (left + right) / 2
    table: dict[str, object] = {
        "ParticipantName": truth.person.name,
        "RecordingResolution": f"{_SCREEN[0]}x{_SCREEN[1]}",
        "MediaName": truth.stimulus.name,
        "MediaWidth": _SCREEN[0],
        "MediaHeight": _SCREEN[1],
        "RecordingTimestamp": simulated.times.round(0).astype(int),
    }
    table |= _event_columns(simulated)
    for name, points in (("Left", left), ("Right", right), ("", both)):
        table |= _axes(f"GazePoint{name}", "(ADCSpx)", (points * screen).round(0))
    table |= _axes("GazePoint", "(MCSpx)", (both * screen).round(0))
    for name, points in (("GazePointLeft", left), ("GazePointRight", right), ("StrictAverageGazePoint", both)):
        table |= _axes(name, "(ADCSmm)", ((points * [1, -1] + [0, 1]) * millimetres).round(2))
    table |= _eye_columns(simulated, truth)
    return pd.DataFrame(table)


def _axes(name: str, unit: str, points: np.ndarray) -> dict[str, np.ndarray]:
    return {f"{name}{axis} {unit}": points[:, index] for index, axis in enumerate("XY")}


def _event_columns(simulated: SimulatedGaze) -> dict[str, object]:
    """The event that the tracker's filter assigns to each sample; NaN where the eye is lost."""
    events = simulated.events
    kind = events[simulated.event, 0]
    number = np.cumsum(events[:, 0] == 0)[simulated.event]
    step = np.diff(events[:, 3:5], axis=0, prepend=events[:1, 3:5]) * [1, _SCREEN_MM[1] / _SCREEN_MM[0]]
    amplitude = np.linalg.norm(step, axis=1) * _UNIT_DEGREES
    direction = np.degrees(np.arctan2(-step[:, 1], step[:, 0])) % 360
    turn = np.diff(direction, prepend=direction[:1]) % 360
    fixating, moving = (kind == 0) & ~simulated.lost, (kind == 1) & ~simulated.lost
    points = np.where(fixating[:, None], events[simulated.event, 3:5] * _SCREEN, np.nan).round(0)
    duration = np.where(simulated.lost, np.nan, (events[:, 2] - events[:, 1])[simulated.event]).round(0)
    return {
        "FixationIndex": np.where(fixating, number, np.nan),
        "SaccadeIndex": np.where(moving, number, np.nan),
        "GazeEventType": np.select([fixating, moving], ["Fixation", "Saccade"], "Unclassified"),
        "GazeEventDuration": duration,
        **_axes("FixationPoint", "(MCSpx)", points),
        "SaccadicAmplitude": np.where(moving, amplitude[simulated.event], np.nan).round(2),
        "AbsoluteSaccadicDirection": np.where(moving, direction[simulated.event], np.nan).round(2),
        "RelativeSaccadicDirection": np.where(moving, turn[simulated.event], np.nan).round(2),
    }


def _eye_columns(simulated: SimulatedGaze, truth: Truth) -> dict[str, object]:
    """Positions, distances, pupils and validity codes (0 valid, 4 lost) of both eyes."""
    sway = np.stack([np.sin(simulated.times / 900), np.cos(simulated.times / 1100), np.sin(simulated.times / 1500)], axis=1)
    between = np.array(truth.person.eyes) + sway * [2, 1.5, 3]
    table: dict[str, object] = {}
    for index, (name, side) in enumerate((("Left", -1), ("Right", 1))):
        position = np.where(simulated.lost[:, None], np.nan, between + np.array([side * 31.5, 0, 0])).round(2)
        table |= {f"EyePos{name}{axis} (ADCSmm)": position[:, axis_index] for axis_index, axis in enumerate("XYZ")}
        table[f"Distance{name}"] = position[:, 2]
        table[f"Cam{name}X"] = (position[:, 0] / _SCREEN_MM[0]).round(3)
        table[f"Cam{name}Y"] = (position[:, 1] / _SCREEN_MM[1]).round(3)
        table[f"Pupil{name}"] = simulated.pupil[:, index].round(2)
        table[f"Validity{name}"] = np.where(simulated.lost, 4, 0)
    return table
