"""Eye tracking in BIDS (1.10 and later): `..._recording-eye1_physio.tsv.gz` without a header, and a JSON file with its columns.

`eye1` is the left eye, `eye2` the right, `eye3` the point between them (`RecordedEye` says so); files of the same recording are
read together. Fixations with coordinates are read from `..._physioevents.tsv.gz`. Points come in the unit that the JSON
states; pixels and degrees need the screen of `StimulusPresentation`, in the JSON file or in one of events beside it.
`bids_export` writes this layout, with all of our columns and under their names.
"""

import json
import re
from contextlib import suppress

import numpy as np

from modeling_emert.columns_emert import COLUMN_NAMES
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import MILLIMETRES, OWN_UNITS, Gaze

from .clock import check_one_run, rising
from .eye_events import mean_of_eyes, tidy_fixations
from .samples import all_or_none, stack_columns
from .text.text_files import TextFile
from .text.text_table import Head, Header, Table, read_head, read_table

NAME = "bids"
TITLE = "BIDS eye tracking (..._physio.tsv.gz with its JSON file)"

TIME, X, Y, PUPIL = "timestamp", "x_coordinate", "y_coordinate", "pupil_size"
ONSET, DURATION, KIND, FIXATION = "onset", "duration", "trial_type", "fixation"
EYES = {"eye1": "left", "eye2": "right", "eye3": "cyclopean"}
FRACTION = "fraction of the screen"
TIME_UNITS = {"s": 1e3, "ms": 1.0, "us": 1e-3, "µs": 1e-3, "ns": 1e-6}
# Of our own exports: what the standard has no field for.
OURS = "EmertRecording"
MAX_JSON_BYTES = 1 << 20


def columns_of(eye: str) -> dict[str, str]:
    """The file's column -> ours, in the order in which they are written; `eye` is a value of `EYES`."""
    side = "" if eye == "cyclopean" else f"_{eye}"
    first = {X: f"gaze{side}_x", Y: f"gaze{side}_y"} | ({PUPIL: f"pupil{side}"} if side else {})
    sided = ("_left", "_right")
    others = [name for name in COLUMN_NAMES if (side in name if side else not any(part in name for part in sided))]
    return first | {name: name for name in others if name not in first.values()}


def stem(file: TextFile) -> str:
    return file.name.partition(".")[0]


def find_header(head: Head) -> Header | None:
    """By the JSON file beside it; of the eyes of a recording the first counts as the samples where a folder is read."""
    described = {} if head.first_line[:1] == "{" else _described(head.file)
    names = tuple(map(str, described.get("Columns", ())))
    if X not in names or not (TIME in names or ONSET in names or described.get("PhysioType") == "eyetrack"):
        return None
    if ONSET in names:
        with_samples = head.file.beside(_other(head.file, "physioevents", "physio") + ".tsv") is not None
        return Header(-1, "\t", names, "events" if with_samples else "fixations")
    is_first = stem(head.file) == next(iter(_recorded(head.file)), stem(head.file))
    return Header(-1, "\t", names, "samples" if is_first else "events")


def read(head: Head, header: Header) -> list[Gaze]:
    """One recording. Raises `EmertInputError`."""
    described = _described(head.file)
    ours = described.get(OURS) if isinstance(described.get(OURS), dict) else {}
    known = {"participant": ours.get("participant"), "stimulus": ours.get("stimulus"), "format": NAME}
    if ONSET in header.names:
        fixations, method = _fixations(head.file, described, 0.0, [])
        return [Gaze(fixations=fixations, fixation_method=method, **known, fixations_on_screen=bool(ours.get("on_screen")))]
    if not ours:
        known |= {"participant": _label(head.file, "sub"), "stimulus": _label(head.file, "task")}
    times, columns, units, notes = _samples(head, header)
    if not ours:
        columns |= {name: column for name, column in mean_of_eyes(columns).items() if name not in columns}
    check_one_run(head.file, times)
    rate = described.get("SamplingFrequency")
    rate = float(rate) if isinstance(rate, int | float) and rate > 0 else None
    order, relative, own_notes = rising(times, head.file, rate, "correct the Units of timestamp in the JSON file")
    if len(order) == 0:
        raise EmertInputError(f"{head.file} has no sample with a time; export the recording again")
    own_notes = own_notes if not ours else [note for note in own_notes if not note.startswith("The file states")]
    events = head.file.beside(_other(head.file, "physio", "physioevents") + ".tsv")
    fixations, method = (None, None)
    if events is not None and X in _described(events).get("Columns", ()):
        fixations, method = _fixations(events, _described(events), times[order[0]], notes)
    return [
        Gaze(
            stack_columns(len(times), columns, order),
            relative,
            fixations,
            fixation_method=method,
            notes=[*notes, *own_notes],
            fixations_on_screen=fixations is not None and bool(ours.get("on_screen", not ours)),
            pupil_unit=MILLIMETRES if units <= {MILLIMETRES} else OWN_UNITS,
            **known,
        )
    ]


def _samples(head: Head, header: Header) -> tuple[np.ndarray, dict[str, np.ndarray], set[str], list[str]]:
    """Times in ms, our columns, the units of the pupils, and notes: of this file and of those of the other eyes."""
    times, columns, units, notes = None, {}, set(), []
    for name in dict.fromkeys([stem(head.file), *_recorded(head.file)]):
        file = head.file if name == stem(head.file) else head.file.beside(f"{name}.tsv")
        described = _described(file)
        own_header = header if file is head.file else Header(-1, "\t", tuple(map(str, described["Columns"])))
        table = read_table(read_head(file), own_header, (X, Y, PUPIL, *COLUMN_NAMES), times=(TIME,), notes=notes)
        clock = _clock(file, described, table)
        if times is not None and not np.array_equal(clock, times, equal_nan=True):
            notes.append(f"{file.name} has samples at other times and is left out.")
            continue
        times = clock
        eye = _eye(file, described)
        points = {X: 0, Y: 1}
        for theirs, ours in columns_of(eye).items():
            if theirs in table.numbers:
                values = table.numbers[theirs]
                columns[ours] = _point(file, described, theirs, values, points[theirs]) if theirs in points else values
        columns |= all_or_none(columns, [ours for theirs, ours in columns_of(eye).items() if theirs in points])
        if PUPIL in table.numbers:
            units.add(_unit(described, PUPIL) or MILLIMETRES)
    return times, columns, units, notes


def _clock(file: TextFile, described: dict, table: Table) -> np.ndarray:
    """`(rows,)` ms."""
    if TIME in table.numbers:
        unit = _unit(described, TIME) or "ms"
        if unit not in TIME_UNITS:
            raise EmertInputError(
                f"{file} has times in {unit!r}, where one of {', '.join(TIME_UNITS)} is expected; correct its JSON"
            )
        return table.numbers[TIME] * TIME_UNITS[unit]
    rate = described.get("SamplingFrequency")
    if not isinstance(rate, int | float) or rate <= 0:
        raise EmertInputError(f"{file} has no column {TIME} and its JSON file no SamplingFrequency; add one of them")
    return np.arange(table.rows) * (1000 / rate)


def _point(file: TextFile, described: dict, column: str, values: np.ndarray, axis: int) -> np.ndarray:
    """A fraction of the screen, from the unit of the JSON file."""
    unit = _unit(described, column)
    if unit in (FRACTION, "1", "ratio", "normalized", "normalised"):
        return values
    screen = _screen(file, described)
    if unit in ("pixel", "pixels", "px"):
        return values / _pair(file, screen, "ScreenResolution", "pixels")[axis]
    if unit in ("deg", "degree", "degrees", "mm", "cm", "m"):
        size = _pair(file, screen, "ScreenSize", "m")[axis]
        if not unit.startswith("deg"):
            return values * {"mm": 1e-3, "cm": 1e-2, "m": 1.0}[unit] / size
        distance = screen.get("ScreenDistance")
        if not isinstance(distance, int | float) or distance <= 0:
            raise EmertInputError(f"{file} has {column} in degrees and no ScreenDistance in m; add it to StimulusPresentation")
        return 0.5 + np.tan(np.radians(values)) * distance / size
    raise EmertInputError(
        f"{file} has {column} in {unit!r}, where pixel, deg, mm or {FRACTION!r} is expected; correct Units in its JSON file"
    )


def _pair(file: TextFile, screen: dict, name: str, unit: str) -> tuple[float, float]:
    found = screen.get(name)
    if isinstance(found, list) and len(found) == 2 and all(isinstance(x, int | float) and x > 0 for x in found):
        return float(found[0]), float(found[1])
    raise EmertInputError(f"{file} has no {name} of 2 numbers ({unit}) in its JSON file; add it to StimulusPresentation there")


def _screen(file: TextFile, described: dict) -> dict:
    """`StimulusPresentation` of the file's JSON, or of the events' beside it; some files have its fields at the top."""
    task = re.sub(r"_recording-[^_]+|_physio$|_physioevents$", "", stem(file))
    for other in (described, _json(file, f"{task}_events.json"), _json(file, "events.json")):
        found = other.get("StimulusPresentation", other)
        if isinstance(found, dict) and {"ScreenResolution", "ScreenSize"} & found.keys():
            return found
    return {}


def _fixations(file: TextFile, described: dict, zero: float, notes: list[str]) -> tuple[np.ndarray, str | None]:
    """`(fixations, 4)` and how they were detected."""
    method = described.get("DetectionAlgorithm")
    method = method if isinstance(method, str) else None
    with file.open() as stream:
        if not stream.read(1):
            return np.zeros((0, 4)), method
    head = read_head(file)
    names = tuple(map(str, described["Columns"]))
    table = read_table(head, Header(-1, "\t", names), (X, Y, DURATION), (KIND,), (ONSET,), notes=[])
    kinds = table.texts.get(KIND)
    keep = np.ones(table.rows, bool) if kinds is None else kinds.map(lambda text: text.strip().lower() == FIXATION, bool)
    unit = TIME_UNITS.get(_unit(described, ONSET) or "ms", 1.0)
    length = TIME_UNITS.get(_unit(described, DURATION) or _unit(described, ONSET) or "ms", 1.0)
    own = isinstance(described.get(OURS), dict)  # then they are of the stimulus, and in order
    points = [table.numbers[name] for name in (X, Y)]
    if not own:
        points = [_point(file, described, name, x, axis) for axis, (name, x) in enumerate(zip((X, Y), points, strict=True))]
    rows = np.stack([*points, table.numbers[ONSET] * unit - zero, table.numbers[DURATION] * length], axis=1)[keep]
    return rows if own else tidy_fixations(rows, notes), method


def _eye(file: TextFile, described: dict) -> str:
    eye = str(described.get("RecordedEye", "")).lower()
    return eye if eye in EYES.values() else EYES.get(_label(file, "recording") or "", "cyclopean")


def _recorded(file: TextFile) -> list[str]:
    """The names, without endings, of the files of all eyes of this recording, itself among them; empty for other names."""
    if "_recording-eye" not in stem(file):
        return []
    names = [re.sub(r"_recording-eye\d", f"_recording-{eye}", stem(file)) for eye in EYES]
    return [
        name for name in names if file.beside(f"{name}.tsv") is not None and X in _json(file, f"{name}.json").get("Columns", ())
    ]


def _label(file: TextFile, entity: str) -> str | None:
    found = re.search(rf"(?:^|_){entity}-([A-Za-z0-9]+)", stem(file))
    return found[1] if found else None


def _other(file: TextFile, suffix: str, wanted: str) -> str:
    """The name of the same recording's file of another kind."""
    name = stem(file)
    if wanted == "physioevents" and "_recording-eye" in name:
        names = [re.sub(r"_recording-eye\d", f"_recording-{eye}", name) for eye in EYES]
        with_events = [one for one in names if file.beside(one.removesuffix(suffix) + wanted + ".tsv") is not None]
        name = next(iter(with_events), name)
    return name.removesuffix(suffix) + wanted


def _unit(described: dict, column: str) -> str | None:
    """The unit that the JSON file states for the column, or for all samples; None where it states none."""
    about = described.get(column)
    unit = about.get("Units") if isinstance(about, dict) else None
    if unit is None and column in (X, Y):
        unit = described.get("SampleCoordinateUnits") or described.get("SampleCoordinateUnit")
    return unit.strip() if isinstance(unit, str) else None


def _described(file: TextFile) -> dict:
    found = _json(file, f"{stem(file)}.json")
    return found if isinstance(found.get("Columns"), list) else {}


def _json(file: TextFile, name: str) -> dict:
    other = file.beside(name)
    return {} if other is None else _load(other)


def _load(file: TextFile) -> dict:
    content = None
    with suppress(EmertInputError), file.open() as stream, suppress(ValueError, RecursionError):
        content = json.loads(stream.read(MAX_JSON_BYTES))
    return content if isinstance(content, dict) else {}
