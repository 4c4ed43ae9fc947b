"""Recordings of gaze written as BIDS eye tracking, which `readers.bids` reads without loss.

OUT/dataset_description.json, participants.tsv
OUT/sub-P01/beh/sub-P01_task-clip_run-1_recording-eye1_physio.tsv.gz    and .json: the left eye; eye2 the right, eye3 both
OUT/sub-P01/beh/sub-P01_task-clip_run-1_recording-eye1_physioevents.tsv.gz    and .json: its fixations
OUT/sub-P01/beh/sub-P01_task-clip_run-1_events.tsv                      and .json: the stimulus, and its screen
"""

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from modeling_emert.columns_emert import COLUMN_INDEX, COLUMNS
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

from .common.output import Content, atomic_folder
from .readers.bids import DURATION, EYES, FIXATION, FRACTION, KIND, ONSET, OURS, PUPIL, TIME, X, Y, columns_of

VERSION = "1.10.0"
_MISSING = "n/a"
_DESCRIPTION = "dataset_description.json"
_CONTENT = Content("BIDS recordings", (_DESCRIPTION,))


def export_bids(recordings: Iterable[Gaze], out: Path, name: str = "recordings") -> list[Path]:
    """Writes the recordings that hold samples or fixations into `out`, made new, atomically; returns the tables of samples or
    fixations.

    Raises `EmertInputError` where `out` holds something already, or no recording holds anything.
    """
    if out.exists() and any(out.iterdir()):
        raise EmertInputError(f"{out} is not empty; give a folder that does not exist yet")
    with atomic_folder(out, _CONTENT) as folder:
        return [out / path.relative_to(folder) for path in _write_all(recordings, folder, out, name)]


def _write_all(recordings: Iterable[Gaze], folder: Path, out: Path, name: str) -> list[Path]:
    """Into `folder`, which becomes `out`."""
    runs: Counter[str] = Counter()
    written: list[Path] = []
    people: dict[str | None, str] = {}
    for gaze in recordings:
        subject, task = people.get(gaze.participant) or label(gaze.participant, "unnamed"), label(gaze.stimulus, "gaze")
        if gaze.participant not in people and subject in people.values():
            subject = f"{subject}x{len(people)}"  # "0-1" and "01" are two people
        people[gaze.participant] = subject
        stem = f"sub-{subject}_task-{task}"
        runs[stem] += 1
        written += _write_recording(gaze, folder / f"sub-{subject}" / "beh", f"{stem}_run-{runs[stem]}")
    if not written:
        raise EmertInputError(f"nothing to write to {out}: no recording holds samples or fixations")
    _write_json(folder / _DESCRIPTION, {"Name": name, "BIDSVersion": VERSION, "DatasetType": "raw"})
    lines = ["participant_id", *(f"sub-{subject}" for subject in people.values())]
    (folder / "participants.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return written


def label(name: str | None, otherwise: str) -> str:
    """Letters and digits of the name, of which alone BIDS makes its labels."""
    return re.sub(r"[^A-Za-z0-9]", "", Path(name).stem if name else "") or otherwise


def _write_recording(gaze: Gaze, folder: Path, stem: str) -> list[Path]:
    ours = {"participant": gaze.participant, "stimulus": gaze.stimulus, "format": gaze.format, "notes": gaze.notes}
    ours |= {"on_screen": gaze.fixations_on_screen, "pupil_unit": gaze.pupil_unit}
    sampled = gaze.eye_movements is not None and len(gaze.eye_movements) > 0
    if not sampled and (gaze.fixations is None or len(gaze.fixations) == 0):
        return []
    folder.mkdir(parents=True, exist_ok=True)
    written = [_write_eye(gaze, eye, folder / f"{stem}_recording-{eye}_physio", ours) for eye in EYES] if sampled else []
    written = [path for path in written if path is not None]
    if gaze.fixations is not None:
        eye = written[0].name.partition("_recording-")[2].partition("_")[0] if written else "eye3"
        events = _write_fixations(gaze, folder / f"{stem}_recording-{eye}_physioevents", ours)
        written = written or [events]
    _write_events(gaze, folder / f"{stem}_events")
    return written


def _write_eye(gaze: Gaze, eye: str, path: Path, ours: dict) -> Path | None:
    """The samples of one eye; None where it has none. Of the point between the eyes always, since it has the other columns."""
    columns = {theirs: gaze.column(name) for theirs, name in columns_of(EYES[eye]).items()}
    known = {theirs: column for theirs, column in columns.items() if theirs in (X, Y) or np.isfinite(column).any()}
    if eye != "eye3" and len(known) == 2 and not any(np.isfinite(column).any() for column in known.values()):
        return None
    times = gaze.times_ms
    rate = 1000 / float(np.median(np.diff(times))) if len(times) > 1 else None
    described: dict = {
        "PhysioType": "eyetrack",
        "Columns": [TIME, *known],
        "RecordedEye": EYES[eye],
        "SampleCoordinateSystem": "gaze-on-screen",
        "SamplingFrequency": rate,
        "StartTime": 0,
        TIME: {"Description": "time from the first sample", "Units": "ms"},
        OURS: ours,
    }
    for theirs in known:
        column = COLUMNS[COLUMN_INDEX[columns_of(EYES[eye])[theirs]]]
        unit = FRACTION if theirs in (X, Y) else gaze.pupil_unit if theirs == PUPIL else column.unit
        described[theirs] = {"Description": column.meaning, "Units": unit}
    return _write_table(path, {TIME: times} | known, described)


def _write_fixations(gaze: Gaze, path: Path, ours: dict) -> Path:
    x, y, start, duration = gaze.fixations.T
    of = "screen" if gaze.fixations_on_screen else "stimulus"
    described: dict = {
        "Columns": [ONSET, DURATION, KIND, X, Y],
        "DetectionAlgorithm": gaze.fixation_method,
        ONSET: {"Description": "start, on the clock of the samples", "Units": "ms"},
        DURATION: {"Description": "duration", "Units": "ms"},
        KIND: {"Description": "kind of event", "Levels": {FIXATION: "a fixation"}},
        OURS: ours,
    }
    described |= {name: {"Description": f"{name[0]} of the fixation", "Units": f"fraction of the {of}"} for name in (X, Y)}
    columns = {ONSET: start, DURATION: duration, KIND: np.full(len(x), FIXATION), X: x, Y: y}
    return _write_table(path, columns, described)


def _write_events(gaze: Gaze, path: Path) -> None:
    shown = f"0\t{gaze.duration_ms / 1000!r}\tstimulus\t{' '.join((gaze.stimulus or _MISSING).split())}"
    path.with_suffix(".tsv").write_text(f"onset\tduration\ttrial_type\tstim_file\n{shown}\n", encoding="utf-8")
    screen = dict.fromkeys(("ScreenDistance", "ScreenResolution", "ScreenSize", "ScreenRefreshRate"), _MISSING)
    _write_json(path.with_suffix(".json"), {"StimulusPresentation": screen | {"ScreenOrigin": ["top", "left"]}})


def _write_table(path: Path, columns: Mapping[str, np.ndarray], described: dict) -> Path:
    cells = [_texts(column) for column in columns.values()]
    table = path.with_name(path.name + ".tsv.gz")
    rows = "".join("\t".join(row) + "\n" for row in zip(*cells, strict=True))
    table.write_bytes(gzip.compress(rows.encode(), mtime=0))
    _write_json(path.with_name(path.name + ".json"), described)
    return table


def _texts(column: np.ndarray) -> list[str]:
    """The shortest text of each number that gives it back; a number that is missing is `n/a`."""
    if column.dtype.kind != "f":
        return list(map(str, column))
    return [_MISSING if value != value else str(value) for value in column.astype(np.float32)]


def _write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
