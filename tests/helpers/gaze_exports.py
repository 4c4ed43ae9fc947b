"""One small valid export of every format that is read, with its neighbours: files by name, the first is the one to read."""

import io
import json
from collections.abc import Callable, Collection

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from places import ROOT

from dataset_scripts.generator.exports import WRITERS, export, table_bytes
from modeling_emert.columns_emert import NUM_COLUMNS

SAMPLES = 60

_STUDIO_FIXATIONS = (
    "Data properties:\n\nRecording time: 10:00:00:000 (corresponds to time 0)\nSubject: P007\nScreen resolution: 1000 x 500\n\n"
    "FixationIndex\tTimestamp\tFixationDuration\tMappedFixationPointX\tMappedFixationPointY\t\n"
)
_STUDIO_EVENTS = "Recording resolution: 1000 x 500\nSubject: P007\n\nTimestamp\tEvent\tEventKey\tData1\t\n"
_SMI_EVENTS = (
    "[BeGaze]\nSubject:\t07\nCalibration Area:\t1920\t1080\n\nTable Header for Fixations:\n"
    "Event Type\tTrial\tNumber\tStart\tEnd\tDuration\tLocation X\tLocation Y\tDispersion X\tImage\n\n"
    "Table Header for User Events:\nEvent Type\tTrial\tNumber\tStart\tDescription\n\n"
    "UserEvent\t1\t1\t900\t# Message: a.jpg\n"
)
_MAPPING = """time: {column: t, unit: s}
screen: [2000, 1000]
stimulus_area: [500, 250, 1000, 500]
participant: subject
stimulus: clip
columns:
  gaze_x: {column: GX, unit: px, missing: [-1]}
  gaze_y: {column: GY, unit: px, origin: bottom}
  pupil_left: {column: PL, unit: cm, missing: [0]}
keep_where: {column: valid, equals: 1}
fixations:
  file: fixations.csv
  start: {column: begin, unit: s}
  duration: {column: dur, unit: ms}
  x: {column: fx, unit: px}
  y: {column: fy, unit: px}
"""


def _rows(form: Callable[[int], str]) -> bytes:
    """A dozen lines, each made of its number."""
    return "".join(form(i) + "\n" for i in range(12)).encode()


def _own() -> dict[str, np.ndarray]:
    steps = np.arange(SAMPLES)
    return {"time_ms": steps * 10.0, "gaze_x": steps / 99, "gaze_y": 0.5 - steps / 999, "pupil_left": 3 + steps / 99}


def _parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(_own()), out)
    return out.getvalue()


def _mapped() -> dict[str, bytes]:
    own = _own()
    table = {"subject": np.where(own["time_ms"] < 200, "00", "0"), "clip": "a", "t": own["time_ms"] / 1000}
    table |= {"GX": own["gaze_x"] * 2000, "GY": own["gaze_y"] * 1000, "PL": own["pupil_left"] / 10, "valid": 1}
    fixations = {"subject": "00", "clip": "a", "begin": np.arange(5) / 10, "dur": 90, "fx": 700, "fy": 300}
    return {
        "table.csv": table_bytes(table),
        "fixations.csv": table_bytes(fixations),
        "gaze_mapping.yaml": _MAPPING.encode(),
    }


def _number_sheet() -> bytes:
    """39 columns of numbers under Pro Lab's names."""
    own = _own()
    named = {"Recording timestamp [ms]": own["time_ms"], "Pupil diameter left [mm]": own["pupil_left"]}
    named |= {f"Gaze point {axis.upper()} [DACS px]": own[f"gaze_{axis}"] * 1000 for axis in "xy"}
    others = {f"Gyro {number}": np.zeros(SAMPLES) for number in range(NUM_COLUMNS - len(named))}
    return table_bytes(named | others)


def glasses3(samples: int = SAMPLES, lost: Collection[int] = (), **changed: object) -> bytes:
    """A recording of Tobii Glasses 3 at 50 Hz; `lost`: samples without gaze; `changed`: parts of each sample's `data`."""
    lines = []
    for i in range(samples):
        eye = {"gazeorigin": [28.5, -7.25, -23.0 + i / 100], "gazedirection": [0.0, 0.0, 1.0], "pupildiameter": 3.0 + i / 100}
        data = {"gaze2d": [0.25 + i / 1000, 0.5], "gaze3d": [10.0, -20.0, 900.0], "eyeleft": eye, "eyeright": eye} | changed
        lines.append({"type": "gaze", "timestamp": i / 50, "data": {} if i in lost else data})
    return "".join(f"{json.dumps(line)}\n" for line in lines).encode()


def small_exports() -> dict[str, dict[str, bytes]]:
    """By a name for the format; every one is read without an error. Also the files in `readers/examples`, by their names."""
    examples = sorted((ROOT / "tests" / "dataset_scripts" / "readers" / "examples").glob("*.*"))
    own = {path.stem: {path.name: path.read_bytes()} for path in examples}
    return (
        own
        | {name: export(name, SAMPLES) for name in WRITERS}
        | {
            "studio_fixations": {
                "f.tsv": _STUDIO_FIXATIONS.encode() + _rows(lambda i: f"{i}\t{i * 300}\t{100 + i}\t{250 + i}\t{125 - i}\t")
            },
            "studio_events": {"e.tsv": _STUDIO_EVENTS.encode() + _rows(lambda i: f"{i * 10}\tKeyPress\t{i}\tA\t")},
            "sdk_fixations": {
                "fix.csv": b"label,x,y,start,end,duration\n"
                + _rows(lambda i: f"fixation,{50 + i},25,{1000000 + i * 200000}.0,{1100000 + i * 200000}.0,100.0")
            },
            "smi_events": {
                "p Events.txt": _SMI_EVENTS.encode()
                + _rows(lambda i: f"Fixation L\t1\t{i}\t{i * 300000}\t{i * 300000 + 200000}\t200000\t{900 + i}.5\t270.00\t9\t-")
            },
            "pupil_fixations": {"fixations.csv": export("pupil_core", SAMPLES)["fixations.csv"]},
            "emert_csv": {"own.csv": table_bytes(_own())},
            "parquet": {"own.parquet": _parquet()},
            "number_sheet": {"sheet.csv": _number_sheet()},
            "glasses3": {"gazedata": glasses3()},
            "mapped": _mapped(),
        }
    )
