"""EyeLink: ASC files as SR Research's `edf2asc` writes them, of one or both eyes, with samples, events or both.

- A recording for every TRIALID message, or one of the entire file; another one where the clock was set back. A trial's
  stimulus is its variable for it (`!V TRIAL_VAR image ...`), else the picture or video shown in it, else the TRIALID itself.
  No line names the participant.
- Time zero is the trial's first sample. The gaps between recording blocks remain.
- Gaze is in pixels of the screen, whose size comes from the latest GAZE_COORDS or DISPLAY_COORDS before it.
- EyeLink measures the pupil in its own units, as an area or a diameter, that depend on camera and threshold; SR Research
  gives no factor, only a calibration with an artificial pupil. So `pupil_left` and `pupil_right` are **not mm** here: they
  show how a pupil changes within a recording. A note says so, and `Gaze.pupil_unit`.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import OWN_UNITS, Gaze

from ..clock import restarts, rising
from ..eye_events import START, event_columns, inside, leading_eye, mean_of_eyes, one_list, tidy_fixations
from ..samples import SIDES, all_or_none, drop_where, keep_positive, stack_columns
from ..text.text_table import Head, Header
from .asc_lines import AscLines, AscReader

NAME = "eyelink"
TITLE = "EyeLink's ASC file (START, SAMPLES, EFIX, ...)"

_SCREENS = ("GAZE_COORDS", "DISPLAY_COORDS", "SCREEN_PIXEL_COORDS")
_PREAMBLE = re.compile(r"\*\* (CONVERTED FROM .*\.edf|TYPE: EDF_FILE|VERSION: EYELINK|SOURCE: EYELINK)", re.IGNORECASE)
_BLOCK = re.compile(r"(SAMPLES|EVENTS)\s+(GAZE|HREF|PUPIL|RAW)\b|START\s+\d+(\.\d+)?\s.*\b(LEFT|RIGHT)\b")
_EVENT = re.compile(r"E(FIX|SACC|BLINK) [LR]\s")


def find_header(head: Head) -> Header | None:
    """ASC files name no columns: they are recognised by their preamble or the first lines of a recording block."""
    known = [row for row, line in enumerate(head.lines) if _PREAMBLE.match(line) or _BLOCK.match(line)]
    if not known:
        return None
    samples = any(line[:1].isdigit() for line in head.lines) or not any(_EVENT.match(line) for line in head.lines)
    return Header(known[0], "\t", (), "samples" if samples else "events")


def read(head: Head, header: Header) -> list[Gaze]:
    """One recording for each trial. Raises `EmertInputError`."""
    sections = AscReader(head).read()
    known = [asc for asc in sections if len(asc.times) or any(asc.events["EFIX"].values())]
    if not known:
        raise EmertInputError(f"{head.file} has neither samples nor fixations; convert the EDF file again with both")
    recordings = [gaze for asc in known for gaze in _recordings(head, asc)]
    if not recordings:
        raise EmertInputError(f"{head.file} has no sample with a time and no complete fixation; convert the EDF file again")
    return recordings


def _recordings(head: Head, asc: AscLines) -> list[Gaze]:
    """Of one section of the file."""
    screens = _screens(head, asc)
    notes = []
    if len(screens.times) > 1:
        notes.append(
            f"The screen's coordinates change {len(screens.times) - 1} times; each point is normalised by those before it."
        )
    if len(asc.times):
        notes.append(
            f"The pupil is not in mm but in EyeLink's own units (its {asc.pupil_unit}): compare it within a recording only."
        )
    if asc.cut_rows:
        notes.append(f"{asc.cut_rows} incomplete lines were left out.")
    points = asc.values.reshape(-1, 2, 3)[:, :, :2]
    corner, size = screens.at(asc.times)
    points -= corner.astype(np.float32)[:, None]
    points /= size.astype(np.float32)[:, None]
    fixations = {side: _fixations(rows, screens) for side, rows in asc.events["EFIX"].items()}
    saccades = {side: _saccades(np.array([row[:8] for row in rows])) for side, rows in asc.events["ESACC"].items()}
    blinks = {side: np.array([[row[0], row[2]] for row in rows]) for side, rows in asc.events["EBLINK"].items()}
    recordings = []
    for rows, start, end, stimulus in _trials(head.file, asc):
        events = [
            {side: numbers[(numbers[:, at] >= start) & (numbers[:, at] < end)] for side, numbers in kind.items()}
            for kind, at in ((fixations, START), (saccades, 0), (blinks, 0))
        ]
        gaze = _recording(head.file, asc, rows, events, list(notes))
        if gaze is not None:
            gaze.stimulus = stimulus
            recordings.append(gaze)
    return recordings


class _Screens(NamedTuple):
    """The screens of a section. `times`: `(screens,)` ms, from when each counts. `corners`, `sizes`: `(screens, 2)` pixels."""

    times: np.ndarray
    corners: np.ndarray
    sizes: np.ndarray

    def at(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Corner and size at each of these times, `(times, 2)`; before the first screen it is that one."""
        index = (np.searchsorted(self.times, times, side="right") - 1).clip(min=0)
        return self.corners[index], self.sizes[index]


def _screens(head: Head, asc: AscLines) -> _Screens:
    """The tracker's own message is preferred to the experiment's, unless the latter changes."""
    before: dict[str, tuple[float, ...]] = {}
    found: list[tuple[float, tuple[float, ...]]] = []
    chosen = ""
    for time, name, edges in asc.screens:
        changed = before.get(name, edges) != edges
        if not found or changed or (name not in before and _SCREENS.index(name) < _SCREENS.index(chosen)):
            found = [*found, (time, edges)] if changed else [(-np.inf, edges)]
            chosen = name
        before[name] = edges
    if not found:
        raise EmertInputError(
            f"{head.file} gives gaze in pixels and no size of the screen; add a line like "
            "'MSG 1 DISPLAY_COORDS 0 0 1919 1079' with your screen's last pixels"
        )
    found = [one for one, later in pairwise([*found, (np.inf, ())]) if one[1] != later[1]]
    left, top, right, bottom = np.array([edges for _, edges in found]).T
    # The edges are the first and last pixels, so the size is one more, unless that was already added (0 0 1920 1080): the
    # sizes of all screens are even.
    sizes = np.stack([right - left, bottom - top], axis=1)
    sizes = np.where(np.round(sizes) % 2 == 1, sizes + 1, sizes)
    wrong = np.flatnonzero(~((sizes > 1) & (sizes < 1e6)).all(axis=1))
    if len(wrong):
        raise EmertInputError(
            f"{head.file} has the screen {found[wrong[0]][1]} in {chosen}, where left, top, right and bottom in pixels are "
            "expected; correct that message"
        )
    return _Screens(np.array([time for time, _ in found]), np.stack([left, top], axis=1), sizes)


def _fixations(rows: list[list[float]], screens: _Screens) -> np.ndarray:
    """Of one eye: `(fixations, 4)`, x, y normalised to the screen, start in the tracker's time, duration."""
    numbers = np.array([row[:5] for row in rows])  # start, end, duration, x, y
    corner, size = screens.at(numbers[:, 0])
    return np.column_stack([(numbers[:, 3:5] - corner) / size, numbers[:, 0], numbers[:, 2]])


def _saccades(numbers: np.ndarray) -> np.ndarray:
    """`(saccades, 3)`: start, duration, amplitude in degrees, which EyeLink computes from a point that it may not have."""
    start, _, duration, *ends, amplitude = numbers.T  # ends: x and y of both
    return np.column_stack([start, duration, np.where(np.isfinite(ends).all(axis=0), amplitude, np.nan)])


def _trials(file: object, asc: AscLines) -> Iterator[tuple[np.ndarray, float, float, str | None]]:
    """Rows of the samples, start, end, and stimulus of each trial. The first one includes all that precedes its message."""
    trials = sorted(asc.trials, key=lambda trial: trial.start)
    edges = np.array([trial.start for trial in trials[1:]])
    number = np.searchsorted(edges, asc.times, side="right")
    order = np.argsort(number, kind="stable")
    borders = np.searchsorted(number[order], np.arange(len(edges) + 2))
    limits = np.r_[-np.inf, edges, np.inf]
    for index in range(len(edges) + 1):
        rows = order[borders[index] : borders[index + 1]]
        for part in restarts(file, asc.times[rows]) or [np.arange(0)]:
            yield rows[part], limits[index], limits[index + 1], trials[index].stimulus if trials else None


def _recording(
    file: object, asc: AscLines, rows: np.ndarray, events: list[dict[str, np.ndarray]], notes: list[str]
) -> Gaze | None:
    """One trial; None where it has neither samples nor fixations."""
    by_side, saccades, blinks = events
    fixations = tidy_fixations(one_list(by_side, notes), notes) if any(asc.events.values()) else None
    order, times, own_notes = rising(asc.times[rows], file, min(asc.rates) if len(asc.rates) == 1 else None)
    if len(times) == 0:
        if fixations is None or len(fixations) == 0:
            return None
        fixations[:, START] -= fixations[0, START]
        return Gaze(fixations=fixations, format=NAME, notes=notes, fixations_on_screen=True)
    rows = rows[order]
    zero, now = asc.times[rows[0]], asc.times[rows]
    columns = _columns(asc, rows)
    if fixations is not None:
        columns |= event_columns(now, fixations, saccades.get(leading_eye(by_side)))
        columns["blink"] = np.zeros(len(rows), np.float32)
        for side, lost in blinks.items():
            shut = inside(now, lost[:, 0], lost[:, 1]) >= 0
            columns["blink"][shut] = 1
            drop_where(columns, (f"gaze_{side}_x", f"gaze_{side}_y", f"pupil_{side}"), shut)
        fixations[:, START] -= zero
    columns |= mean_of_eyes(columns)
    values, on_screen = stack_columns(len(rows), columns), fixations is not None
    known = {"fixations_on_screen": on_screen, "pupil_unit": OWN_UNITS}
    return Gaze(values, times, fixations, format=NAME, notes=notes + own_notes, **known)


def _columns(asc: AscLines, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Gaze and pupil of each eye, `(rows,)`; a gaze point needs both coordinates, a pupil is positive."""
    names = [f"{part.format(side)}" for side in SIDES for part in ("gaze_{}_x", "gaze_{}_y", "pupil_{}")]
    columns = dict(zip(names, asc.values[rows].T, strict=True))
    keep_positive(columns, "pupil_left", "pupil_right")
    return columns | all_or_none(columns, names[0:2]) | all_or_none(columns, names[3:5])
