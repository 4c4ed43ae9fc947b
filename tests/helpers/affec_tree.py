"""A tiny folder in the layout of AFFEC (see `dataset_scripts/sources/affec.py`). Nothing in it comes from AFFEC."""

import gzip
import json
from pathlib import Path

import numpy as np

from dataset_scripts.sources.affec import STREAMS
from modeling_emert.columns_emert import ACTION_UNITS

PEOPLE, RUNS, TRIALS = ("sub-aa", "sub-bb", "sub-cc"), (0, 1), (0, 1)
CLIP_SECONDS, TRIAL_SECONDS = 1.0, 3.0  # the clip begins one second after its trial
RUN_SECONDS = TRIAL_SECONDS * len(TRIALS)
GAZE_RATE, PUPIL_RATE, FACE_RATE = 62.0, 149.0, 38.0
# Where each stream's own clock begins, and when that was in the run's time.
CLOCKS = {"gaze": (5000.0, 0.25), "pupil": (77.0, 0.5), "videostream": (0.0, 0.0)}
_GAZE_POINTS = [f"{eye}POG{part}" for eye in "LRB" for part in "XYV"]
GAZE_COLUMNS = ["onset", "TIME", "FPOGX", "FPOGY", "FPOGS", "FPOGD", "FPOGID", "FPOGV", *_GAZE_POINTS]
_CAMERA = [f"{eye}P{part}" for eye in "LR" for part in ("CX", "CY", "D", "S", "V")]
_EYES = [f"{eye}{part}" for eye in "LR" for part in ("EYEX", "EYEY", "EYEZ", "PUPILD", "PUPILV")]
PUPIL_COLUMNS = ["onset", "TIME", *_CAMERA, *_EYES]
FACE_COLUMNS = ["onset", "confidence", "success", *(f" {name}_r" for name in ACTION_UNITS), "AU28_c"]


def times(rate: float, start: float) -> np.ndarray:
    """Of a stream's samples in seconds of the run."""
    return np.arange(start, RUN_SECONDS, 1 / rate)


def stream_values(kind: str, run_times: np.ndarray) -> dict[str, np.ndarray]:
    """Gaze moves right with the time of the run, the left pupil is 3 mm and a share of that time, AU12 grows with it."""
    share = run_times / RUN_SECONDS
    if kind == "videostream":
        return {"success": np.arange(len(share)) % 10 != 0, " AU12_r": share * 5}
    if kind == "pupil":
        eyes = {name: np.ones(len(share)) for name in ("LPV", "RPV", "LPUPILV", "RPUPILV")}
        return eyes | {"LPUPILD": (3 + share) / 1000, "LEYEZ": np.full(len(share), 0.6), "LPD": np.full(len(share), 20.0)}
    valid = np.ones(len(share))
    number = np.floor(run_times * 2)  # two fixations a second
    fixations = {
        "FPOGX": number / 100,
        "FPOGY": valid / 2,
        "FPOGS": number / 2,
        "FPOGD": run_times - number / 2,
        "FPOGID": number,
    }
    return fixations | {"BPOGX": share, "BPOGY": valid / 4, "BPOGV": valid, "FPOGV": valid}


def write_stream(folder: Path, name: str, kind: str, columns: list[str], rate: float) -> None:
    """The table and its JSON file. Columns without a value hold what AFFEC's do then: 0."""
    clock, start = CLOCKS[kind]
    run_times = times(rate, start)
    values = stream_values(kind, run_times) | {"onset": run_times - start + clock}
    table = np.stack([np.asarray(values.get(column, np.zeros(len(run_times))), float) for column in columns], axis=1)
    text = "\n".join("\t".join(f"{cell:.6f}" for cell in row) for row in table) + "\n"
    (folder / f"{name}_recording-{kind}_physio.tsv.gz").write_bytes(gzip.compress(text.encode(), 1))
    described = {"SamplingFrequency": rate, "StartTime": start, "Columns": columns}
    (folder / f"{name}_recording-{kind}_physio.json").write_text(json.dumps(described))


def write_tsv(path: Path, rows: list[list[object]]) -> None:
    path.write_text("\n".join("\t".join(map(str, row)) for row in rows) + "\n")


def write_run(folder: Path, person: str, run: int) -> None:
    name = f"{person}_task-fer_run-{run}"
    events: list[list[object]] = [
        ["onset", "duration", "trial_type", "flag", "subject", "run", "trial", "local_time", "stim_file"]
    ]
    ratings: list[list[object]] = [
        ["trial", "trial_type", "stim_file", "p_emotion_a", "p_emotion_v", "f_emotion_a", "f_emotion_v"]
    ]
    for trial in TRIALS:
        clip, begin = f"clip{run}{trial}.flv", trial * TRIAL_SECONDS
        for flag, onset in (("trial", begin), ("video", begin + 1)):
            events.append([onset, CLIP_SECONDS, "happy", flag, person, run, trial, "n/a", clip])
        ratings.append([trial, "happy", clip, 1, 9, 5, 3 if trial else "n/a"])
    write_tsv(folder / f"{name}_events.tsv", events)
    write_tsv(folder / "beh" / f"{name}_beh.tsv", ratings)
    rates = {"gaze": (GAZE_COLUMNS, GAZE_RATE), "pupil": (PUPIL_COLUMNS, PUPIL_RATE), "videostream": (FACE_COLUMNS, FACE_RATE)}
    for kind in STREAMS:
        write_stream(folder / "beh", name, kind, *rates[kind])


def write_affec_tree(folder: Path) -> Path:
    for person in PEOPLE:
        (folder / person / "beh").mkdir(parents=True)
        for run in RUNS:
            write_run(folder / person, person, run)
    people = [["participant_id", '"age "', "O", "C", "E", "A", "N"]]
    people += [[person, 30, 5, 1, 3, 2, "n/a"] for person in PEOPLE]
    write_tsv(folder / "participants.tsv", people)
    return folder
