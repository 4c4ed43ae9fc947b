"""What every reader's numbers are held against before they are believed: the bounds of our columns, and their units.

A few numbers beyond the bounds of their column are fill values or errors: they become missing. Many mean another unit than the
column's: the file is refused, since whatever is left would be wrong too.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from modeling_emert.columns_emert import COLUMN_INDEX, COLUMN_NAMES, COLUMNS, GAZE_COLUMNS, PUPILS
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import OWN_UNITS, Gaze, usual_pupil

from .eye_events import DURATION, START

# Of a column's numbers beyond its bounds: a tracker's own format errs in single ones, a user may have mistaken the unit.
_WRONG, _WRONG_OF_USERS = 0.5, 0.1
# -1..1 and degrees have zero in the middle of the screen: then gaze is left of it, and above, this often. Gaze beside the
# screen on both its left and its right side is rare.
_NEGATIVE = (0.2, 0.8)
_FEW = 5
_LATE_MS = 60_000.0  # a fixation further than this from the samples has a wrong time
# Two traces whose samples alternate: neighbours lie this far apart, and samples two apart this much closer.
_APART, _CLOSER = 0.02, 10.0
_SEARCHED = 5000  # samples
_ADVICE = {
    "fraction": "divide pixels by the size of the screen, or give the unit in a mapping (px with screen: [width, height])",
    "mm": "convert lengths to mm, or give the unit in a mapping (m, cm, mm, um)",
    "ms": "convert durations to ms, or give the unit in a mapping (s, ms, us, ns)",
}
_ADVICE |= {"degree": "convert angles to degrees, or give the unit in a mapping (degree, radian)"}
_OTHERWISE = "export it again in that unit"


def believed(file: object, gaze: Gaze, of_user: bool) -> Gaze:
    """The recording without numbers that no eye can have, with notes on how many of which columns.

    `of_user`: the units are those that a user chose, and no tracker's program.

    Raises `EmertInputError` for a column that is in another unit, and for two recordings whose samples alternate.
    """
    notes = list(gaze.notes)
    if gaze.eye_movements is not None and len(gaze.eye_movements):
        gaze = _with_pupil_unit(gaze, notes)
        wrong = gaze.out_of_bounds()
        if wrong.any():
            _check_units(file, gaze, of_user)
        if of_user:
            _check_origin(file, gaze)
        _check_one_trace(file, gaze)
        if wrong.any():
            notes.append(
                f"{int(wrong.sum())} numbers that no eye can have count as missing ({'; '.join(_counts(gaze, wrong))})."
            )
            gaze = replace(gaze, eye_movements=np.where(wrong, np.nan, gaze.eye_movements))
    if gaze.fixations is not None and len(gaze.fixations):
        sound = _sound_fixations(gaze)
        if not sound.all():
            notes.append(
                f"{int((~sound).sum())} of {len(sound)} fixations that no eye can make were left out: place, time or duration."
            )
            gaze = replace(gaze, fixations=gaze.fixations[sound])
    return replace(gaze, notes=notes)


def _with_pupil_unit(gaze: Gaze, notes: list[str]) -> Gaze:
    usual = usual_pupil(gaze.eye_movements)
    low, high = COLUMNS[PUPILS[0]].bounds
    if not gaze.pupil_in_mm or np.isnan(usual) or low <= usual <= high:
        return gaze
    notes.append(
        f"The pupil is not in mm (it is around {usual:.3g}): it counts as in the tracker's own units, of which only the "
        "changes within the recording are used."
    )
    return replace(gaze, pupil_unit=OWN_UNITS)


def _check_units(file: object, gaze: Gaze, of_user: bool) -> None:
    """Raises `EmertInputError`. Of a tracker's own format only gaze is looked at: without it nothing of use is left."""
    for column in COLUMNS:
        if column.name.startswith("pupil") or not (of_user or column.name in GAZE_COLUMNS):
            continue
        values = gaze.column(column.name)
        values = values[np.isfinite(values)]
        low, high = column.bounds
        own = values[(values < low) | (values > high)]
        is_fill_value = len(np.unique(own[:100])) <= 2
        if len(own) <= _WRONG * len(values) and (is_fill_value or not of_user or len(own) <= _WRONG_OF_USERS * len(values)):
            continue
        advice = next((text for unit, text in _ADVICE.items() if column.unit.startswith(unit)), _OTHERWISE)
        expected = f"{column.range[0]:g} to {column.range[1]:g}"
        what = f"normalised coordinates ({expected})" if column.unit.startswith("fraction") else f"{column.unit} ({expected})"
        raise EmertInputError(
            f"{file} has values around {np.median(own):g} in column {column.name}, where {what} are expected; {advice}"
        )


def _check_origin(file: object, gaze: Gaze) -> None:
    """Raises `EmertInputError` for points counted from the middle of the screen."""
    for name in GAZE_COLUMNS:
        values = gaze.column(name)
        values = values[np.isfinite(values)]
        if len(values) >= _FEW and _NEGATIVE[0] < (values < -0.02).mean() < _NEGATIVE[1] and np.median(values) < 0.25:
            raise EmertInputError(
                f"{file} has values from {values.min():.3g} to {values.max():.3g} in column {name}, where 0 to 1 from the top "
                "left corner are expected: these count from the middle of the screen; convert them, or give the unit "
                "in a mapping (centred for -1..1, degree, or px with origin: centre)"
            )


def _check_one_trace(file: object, gaze: Gaze) -> None:
    """Raises `EmertInputError` where every other sample is of another trace."""
    points = np.stack([gaze.column(f"gaze_{axis}")[:_SEARCHED] for axis in "xy"], axis=1)
    points = points[np.isfinite(points).all(axis=1)].astype(np.float64)
    if len(points) < 4 * _FEW:
        return
    next_one = float(np.median(np.abs(np.diff(points, axis=0)).sum(axis=1)))
    next_but_one = float(np.median(np.abs(points[2:] - points[:-2]).sum(axis=1)))
    if next_one > max(_APART, _CLOSER * next_but_one):
        raise EmertInputError(
            f"{file} has a gaze point that jumps to and fro by {next_one:.2g} of the screen with every sample, where one "
            "trace is expected: two recordings, or two eyes, sample by sample; export one recording, with both eyes in one row"
        )


def _counts(gaze: Gaze, wrong: np.ndarray) -> Iterator[str]:
    for index in np.flatnonzero(wrong.any(axis=0)):
        own = gaze.eye_movements[wrong[:, index], index]
        yield f"{COLUMN_NAMES[index]} {len(own)}, {own.min():.4g} to {own.max():.4g}"


def _sound_fixations(gaze: Gaze) -> np.ndarray:
    """`(fixations,)` bool."""
    fixations = gaze.fixations.astype(np.float64)
    sound = np.isfinite(fixations).all(axis=1)
    for part, name in ((0, "fixation_x"), (1, "fixation_y"), (DURATION, "event_duration")):
        low, high = COLUMNS[COLUMN_INDEX[name]].bounds
        sound &= (fixations[:, part] >= low) & (fixations[:, part] <= high)
    if gaze.times_ms is not None and len(gaze.times_ms):
        start = fixations[:, START]
        sound &= (start + fixations[:, DURATION] >= -_LATE_MS) & (start <= gaze.times_ms[-1] + _LATE_MS)
    return sound
