"""Simulated eye movements in the formats of eye trackers' exports, of any length: for the benchmark and the readers' tests.

Each writer returns files as bytes by name; the first is the one to read, the others belong beside it.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from .gaze_simulation import SimulatedGaze, simulate_gaze
from .truth import GeneratorSettings, Truth, make_truth
from .writing import tobii_table

SCREEN = (1920, 1080)  # pixels
_SIMULATED_SECONDS = 60.0  # longer recordings repeat these
_NANOSECONDS, _MICROSECONDS, _SECONDS = 1_700_000_000_123_456_789, 491_999_899, 100.0  # of the clocks at the start
_SIDES = ("left", "right")
_ASC_PREAMBLE = "** CONVERTED FROM a.edf using edfapi\n** TYPE: EDF_FILE BINARY EVENT SAMPLE TAGGED\n**\n\n"

Columns = dict[str, object]


def export(name: str, samples: int) -> dict[str, bytes]:
    """The files of a recording of that many samples, at 60 Hz (EyeLink: 1,000 Hz). `name`: a key of `WRITERS`."""
    rate = 1000 if name.startswith("eyelink") else 60
    seconds = min(_SIMULATED_SECONDS, max(1.0, samples / rate))
    settings = GeneratorSettings(participants=1, stimuli=1, seconds=seconds, gaze_rate=rate)
    truth = make_truth(settings)[0]
    return WRITERS[name](_repeated(simulate_gaze(truth, settings), samples, rate), truth)


def _repeated(one: SimulatedGaze, samples: int, rate: int) -> SimulatedGaze:
    """Repeated up to that many samples; every repetition continues where the one before ended."""
    length, times = len(one.times), np.arange(samples) * 1000 / rate
    repeats = -(-samples // length)
    shift = np.repeat(np.arange(repeats), len(one.events)) * length * 1000 / rate
    events = np.tile(one.events, (repeats, 1))
    events[:, 1:3] += shift[:, None]
    index = np.arange(samples) % length
    event = one.event[index] + np.arange(samples) // length * len(one.events)
    return replace(
        one, times=times, gaze=one.gaze[index], pupil=one.pupil[index], lost=one.lost[index], event=event, events=events
    )


def table_bytes(columns: Columns, separator: str = ",", line_end: str = "\n") -> bytes:
    """Header and rows of arrays `(rows,)`, or of one value for all rows; NaN is an empty cell."""
    rows = max(len(column) for column in columns.values() if isinstance(column, np.ndarray))
    arrays = [
        pa.array(column, from_pandas=True) if isinstance(column, np.ndarray) else pa.repeat(column, rows)
        for column in columns.values()
    ]
    options = arrow_csv.WriteOptions(include_header=False, delimiter=separator, quoting_style="none")
    body = pa.BufferOutputStream()
    arrow_csv.write_csv(pa.table(arrays, names=[str(i) for i in range(len(arrays))]), body, options)
    content = (separator.join(columns) + "\n").encode() + body.getvalue().to_pybytes()
    return content.replace(b"\n", line_end.encode())


def _whole(values: np.ndarray) -> np.ndarray:
    return values.round(0).astype(np.int64)


def _fixations(simulated: SimulatedGaze) -> np.ndarray:
    """`(fixations, 4)`: start and end in ms, x, y normalised to the screen; within the recording."""
    events = simulated.events[simulated.events[:, 0] == 0]
    return events[events[:, 1] <= simulated.times[-1]][:, 1:5]


def _in_fixation(simulated: SimulatedGaze) -> np.ndarray:
    return (simulated.events[simulated.event, 0] == 0) & ~simulated.lost


def _middle(simulated: SimulatedGaze) -> np.ndarray:
    """`(samples, 2)`: the point between the eyes."""
    return simulated.gaze.mean(axis=1)


def _tobii_studio(simulated: SimulatedGaze, truth: Truth) -> dict[str, bytes]:
    table = tobii_table(simulated, truth)
    return {"studio.csv": table_bytes({name: table[name].to_numpy() for name in table.columns})}


def _tobii_pro_lab(simulated: SimulatedGaze, truth: Truth) -> dict[str, bytes]:
    columns: Columns = {
        "Recording timestamp [μs]": _whole(simulated.times * 1000),
        "Sensor": "Eye Tracker",
        "Participant name": truth.person.name,
        "Recording name": "Recording1",
        "Recording resolution height [px]": SCREEN[1],
        "Recording resolution width [px]": SCREEN[0],
    }
    for name, points in (("", _middle(simulated)), ("left ", simulated.gaze[:, 0]), ("right ", simulated.gaze[:, 1])):
        columns |= {f"Gaze point {name}{axis} [DACS px]": (points[:, i] * SCREEN[i]).round(0) for i, axis in enumerate("XY")}
    for i, side in enumerate(_SIDES):
        columns[f"Pupil diameter {side} [mm]"] = simulated.pupil[:, i].round(3)
        columns[f"Validity {side}"] = np.where(simulated.lost, "Invalid", "Valid")
    columns["Presented Stimulus name"] = truth.stimulus.name
    columns["Eye movement type"] = np.where(
        simulated.lost, "EyesNotFound", np.where(_in_fixation(simulated), "Fixation", "Saccade")
    )
    columns["Gaze event duration [ms]"] = np.diff(simulated.events[:, 1:3])[simulated.event, 0].round(0)
    columns["Eye movement type index"] = simulated.event
    return {"pro_lab.tsv": "\ufeff".encode() + table_bytes(columns, "\t", "\r\n")}


def _tobii_sdk(simulated: SimulatedGaze, truth: Truth) -> dict[str, bytes]:
    columns: Columns = {"device_time_stamp": _MICROSECONDS + _whole(simulated.times * 1000)}
    for i, side in enumerate(_SIDES):
        points = np.char.mod("%.6f", simulated.gaze[:, i])
        cells = np.char.add(np.char.add("(", points[:, 0]), np.char.add(np.char.add(", ", points[:, 1]), ")"))
        columns[f"{side}_gaze_point_on_display_area"] = cells
        columns[f"{side}_gaze_point_validity"] = (~simulated.lost).astype(int)
        columns[f"{side}_pupil_diameter"] = simulated.pupil[:, i].round(4)
        columns[f"{side}_pupil_validity"] = (~simulated.lost).astype(int)
    return {"sdk.csv": table_bytes(columns, ";")}


def _pupil_core(simulated: SimulatedGaze, truth: Truth) -> dict[str, bytes]:
    seconds = _SECONDS + simulated.times / 1000
    point = _middle(simulated)
    columns: Columns = {
        "gaze_timestamp": seconds.round(6),
        "world_index": _whole(simulated.times / 33),
        "confidence": np.where(simulated.lost, 0.0, 0.9875),
        "norm_pos_x": np.nan_to_num(point[:, 0]),
        "norm_pos_y": 1 - np.nan_to_num(point[:, 1]),
        "base_data": np.char.add(np.char.mod("%.6f-0 ", seconds), np.char.mod("%.6f-1", seconds)),
    }
    columns |= {f"gaze_point_3d_{axis}": simulated.pupil[:, 0] * factor for axis, factor in (("x", 10), ("y", -5), ("z", 99))}
    columns |= {f"eye_center{eye}_3d_{axis}": simulated.pupil[:, 1] + eye for eye in (0, 1) for axis in "xyz"}
    start, end, x, y = _fixations(simulated).T
    fixations: Columns = {
        "id": np.arange(len(start)),
        "start_timestamp": _SECONDS + start / 1000,
        "duration": end - start,
        "start_frame_index": _whole(start / 33),
        "norm_pos_x": x,
        "norm_pos_y": 1 - y,
    }
    spans = _SECONDS + simulated.blinks / 1000
    blinks: Columns = {"id": np.arange(len(spans)), "start_timestamp": spans[:, 0], "duration": spans[:, 1] - spans[:, 0]}
    pupils: Columns = {
        "pupil_timestamp": np.repeat(seconds, 2),
        "eye_id": np.tile([0, 1], len(seconds)),
        "confidence": 1.0,
        "diameter_3d": simulated.pupil.ravel(),
    }
    tables = {"gaze_positions": columns, "fixations": fixations, "blinks": blinks, "pupil_positions": pupils}
    return {f"{name}.csv": table_bytes(table) for name, table in tables.items()}


def _neon(simulated: SimulatedGaze, truth: Truth) -> dict[str, bytes]:
    clock = _NANOSECONDS + _whole(simulated.times * 1e6)
    point = np.nan_to_num(_middle(simulated)) * (1600, 1200)
    inside = _in_fixation(simulated)
    columns: Columns = {
        "section id": "s1",
        "recording id": "r1",
        "timestamp [ns]": clock,
        "gaze x [px]": point[:, 0].round(3),
        "gaze y [px]": point[:, 1].round(3),
        "worn": 1.0,
        "fixation id": np.where(inside, simulated.event, np.nan),
        "blink id": np.where(simulated.lost, 1.0, np.nan),
    }
    start, end, x, y = _fixations(simulated).T
    fixations: Columns = {
        "recording id": "r1",
        "fixation id": np.arange(len(start)),
        "start timestamp [ns]": _NANOSECONDS + _whole(start * 1e6),
        "end timestamp [ns]": _NANOSECONDS + _whole(end * 1e6),
        "fixation x [px]": x * 1600,
        "fixation y [px]": y * 1200,
    }
    eyes: Columns = {"recording id": "r1", "timestamp [ns]": clock}
    eyes |= {f"pupil diameter {side} [mm]": simulated.pupil[:, i] for i, side in enumerate(_SIDES)}
    info = b'{"module_serial_number": "1", "wearer_name": "p000", "recording_id": "r1"}'
    tables = {"gaze": columns, "fixations": fixations, "3d_eye_states": eyes}
    return {f"{name}.csv": table_bytes(table) for name, table in tables.items()} | {"info.json": info}


def _eyelink(simulated: SimulatedGaze, truth: Truth, eyes: tuple[int, ...] = (0, 1)) -> dict[str, bytes]:
    """Samples of the given eyes (0 left), the fixations at the end of the block; padded as edf2asc does it."""
    names = "\t".join(_SIDES[eye].upper() for eye in eyes)
    zero = 5000
    values = [zero + simulated.times.round(0)]
    for eye in eyes:
        values += [*(simulated.gaze[:, eye] * SCREEN).T, np.nan_to_num(simulated.pupil[:, eye] * 300)]
    form = "%d\t" + "%7.1f\t%7.1f\t%7.1f\t" * len(eyes) + ".....\n"
    rows = (form * len(simulated.times)) % tuple(np.stack(values, axis=1).ravel().tolist())
    fixations = "".join(
        f"EFIX {_SIDES[eye][0].upper()} {zero + start:.0f}\t{zero + end:.0f}\t{end - start:.0f}\t"
        f"{x * SCREEN[0]:7.1f}\t{y * SCREEN[1]:7.1f}\t   900\n"
        for start, end, x, y in _fixations(simulated).tolist()
        for eye in eyes
    )
    opening = f"MSG\t{zero - 10} DISPLAY_COORDS 0 0 {SCREEN[0] - 1} {SCREEN[1] - 1}\nMSG\t{zero - 5} TRIALID 1\n"
    opening += f"START\t{zero} \t{names}\tSAMPLES\tEVENTS\nPUPIL\tAREA\n"
    opening += f"SAMPLES\tGAZE\t{names}\tRATE\t1000.00\tTRACKING\tCR\n"
    closing = f"END\t{zero + simulated.times[-1]:.0f} \tSAMPLES\tEVENTS\tRES\t  40.00\t  40.00\n"
    text = _ASC_PREAMBLE + opening + rows.replace("    nan", "      .") + fixations + closing
    return {"recording.asc": text.encode()}


def _smi_samples(simulated: SimulatedGaze, truth: Truth) -> dict[str, bytes]:
    columns: Columns = {"Time": 900_000_000 + _whole(simulated.times * 1000), "Type": "SMP", "Trial": 1}
    for i, letter in enumerate("LR"):
        points = np.nan_to_num(simulated.gaze[:, i] * SCREEN).round(2)
        columns[f"{letter} Mapped Diameter [mm]"] = np.nan_to_num(simulated.pupil[:, i]).round(2)
        columns |= {f"{letter} POR {axis} [px]": points[:, at] for at, axis in enumerate("XY")}
    columns["L Event Info"] = np.where(simulated.lost, "Blink", np.where(_in_fixation(simulated), "Fixation", "Saccade"))
    preamble = f"## [iView]\n## Subject:\t{truth.person.name}\n## Calibration Area:\t{SCREEN[0]}\t{SCREEN[1]}\n##\n"
    header, _, rows = table_bytes(columns, "\t").partition(b"\n")
    message = f"899999000\tMSG\t1\t# Message: {truth.stimulus.name}.jpg\n"
    return {"p Samples.txt": preamble.encode() + header + b"\n" + message.encode() + rows}


def _gazepoint(simulated: SimulatedGaze, truth: Truth) -> dict[str, bytes]:
    start, _, x, y = simulated.events[simulated.event, 1:5].T
    columns: Columns = {
        "MEDIA_ID": 0,
        "MEDIA_NAME": truth.stimulus.name,
        "TIME(2021/05/05 10:41:40.110)": (simulated.times / 1000).round(5),
        "FPOGX": x.round(5),
        "FPOGY": y.round(5),
        "FPOGS": (start / 1000).round(5),
        "FPOGD": ((simulated.times - start) / 1000).round(5),
        "FPOGID": simulated.event,
        "FPOGV": _in_fixation(simulated).astype(int),
    }
    for letter, points in (("B", _middle(simulated)), ("L", simulated.gaze[:, 0]), ("R", simulated.gaze[:, 1])):
        columns |= {f"{letter}POG{axis}": np.nan_to_num(points[:, i]).round(5) for i, axis in enumerate("XY")}
        columns[f"{letter}POGV"] = (~simulated.lost).astype(int)
    for i, letter in enumerate("LR"):
        columns[f"{letter}PMM"] = np.nan_to_num(simulated.pupil[:, i]).round(5)
        columns[f"{letter}PMMV"] = (~simulated.lost).astype(int)
    columns["BKID"] = 0
    return {"User 0_all_gaze.csv": table_bytes(columns)}


WRITERS: dict[str, Callable[[SimulatedGaze, Truth], dict[str, bytes]]] = {
    "tobii_studio": _tobii_studio,
    "tobii_pro_lab": _tobii_pro_lab,
    "tobii_sdk": _tobii_sdk,
    "pupil_core": _pupil_core,
    "neon": _neon,
    "eyelink": _eyelink,
    "eyelink_mono": partial(_eyelink, eyes=(1,)),
    "smi_samples": _smi_samples,
    "gazepoint": _gazepoint,
}
