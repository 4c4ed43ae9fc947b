"""The times of samples: where a clock was set back, whether its rate is an eye tracker's, and samples with the same time.

Rows a little out of order are sorted. A clock that goes back by more, or on by over a day, was restarted: what follows is
another recording. Every reader of samples goes through `restarts` (by `samples.group_rows`) and `rising`.
"""

import numpy as np

from modeling_emert.errors_emert import EmertInputError

RESTART_MS = 500.0  # back by more than rows are ever out of order
# A day: there float32 still separates times 8 ms apart.
MAX_DISTANCE_MS = 86_400_000.0
# Samples a second: webcams give 5 and more, the fastest trackers 2,000. Beyond, the times are in another unit.
RATES_HZ = (2.5, 2500.0)
_FEW = 5  # samples: fewer tell no rate, and are errors rather than a recording where the clock returns after them
_LONE_MS = 60_000.0  # a first sample so long before the second has a wrong time
_SET_BACK = 0.1  # of the samples: more of them mean rows of several recordings in turn
_EQUAL = 0.25  # of the samples: a tracker at 1,200 Hz that writes whole ms has a sixth
_OTHER_RATE = (0.8, 1.25)  # of the rate that the file states
# Of times that should be ms: the factor to ms, if it gives a rate within these, and the unit that they are likely to be in.
_LIKELY_UNITS = {1e-3: "microseconds: divide by 1000", 1e3: "seconds: multiply by 1000"}
_LIKELY_HZ = (20.0, 2000.0)
UNIT_ADVICE = "export them again and check the unit of the time column"


def restarts(file: object, times: np.ndarray) -> list[np.ndarray]:
    """Row numbers of each run of the clock, in the order of the file; `times` `(rows,)` ms, NaN where unknown.

    Raises `EmertInputError` where the clock goes back so often that the rows are not in the order of any clock.
    """
    timed = np.flatnonzero(np.isfinite(times))
    steps = np.diff(times[timed])
    back = np.flatnonzero(steps < -RESTART_MS)
    if len(back) > max(_FEW, _SET_BACK * len(timed)):
        first = back[0]
        raise EmertInputError(
            f"{file} has times that go back {len(back)} times, first from {times[timed[first]]:.0f} to "
            f"{times[timed[first + 1]]:.0f} ms at sample {first + 2}, where rising ones are expected: rows of several "
            "recordings in turn, or sorted by another column; export one recording, or sort its rows by time"
        )
    run = _runs(times[timed])
    begins = timed[np.flatnonzero(np.diff(np.maximum.accumulate(run.clip(min=0))) > 0) + 1]
    return [rows for rows in np.split(np.arange(len(times)), begins) if len(rows)]


def check_one_run(file: object, times: np.ndarray) -> None:
    """Raises `EmertInputError` where the clock was set back in a format that holds one recording in a file."""
    runs = restarts(file, times)
    if len(runs) > 1:
        last, first = runs[0][-1], runs[1][0]
        raise EmertInputError(
            f"{file} has a clock that was set back from {times[last]:.0f} to {times[first]:.0f} ms at sample {first + 1}, "
            "where one recording is expected; give each recording a file of its own"
        )


def _runs(clock: np.ndarray) -> np.ndarray:
    """For every time the number of its run of the clock, `(times,)` int; -1 for a few far from those before and after."""
    steps = np.diff(clock)
    far = (steps < -RESTART_MS) | (steps > MAX_DISTANCE_MS)
    far[:1] |= steps[:1] > _LONE_MS
    cuts = np.flatnonzero(far) + 1
    run = np.zeros(len(clock), int)
    if len(cuts) == 0:
        return run
    jump = max(RESTART_MS, 10 * float(np.median(np.abs(steps))))
    pieces = np.split(np.arange(len(clock)), cuts)
    last = None  # of the run in progress
    for number, piece in enumerate(pieces):
        after = pieces[number + 1] if number + 1 < len(pieces) else None
        own, current = clock[piece], run[: piece[0]].max(initial=0)
        if last is None:  # a single time may be the one that is wrong
            strays = int(len(piece) == 1 and after is not None and len(after) > 1)
        elif after is None and len(piece) == 1:
            strays = 1
        else:
            near = (own >= last - RESTART_MS) & (own <= last + MAX_DISTANCE_MS)
            first = int(near.argmax()) if near.any() else len(piece)
            returns = 0 < first < min(_FEW, len(piece)) and own[first] - own[first - 1] > jump
            then_back = len(piece) < _FEW and after is not None and abs(clock[after[0]] - last) < MAX_DISTANCE_MS
            strays = first if returns else len(piece) if first and then_back and clock[after[0]] > last - RESTART_MS else 0
            current += int(first > 0 and strays == 0)
        run[piece[:strays]], run[piece[strays:]] = -1, current
        if strays < len(piece):
            last = own[strays:].max()
    return run


def rising(
    times: np.ndarray,
    file: object = "the recording",
    rate: float | None = None,
    advice: str = UNIT_ADVICE,
    in_ms: bool = False,
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The order that sorts the samples of one run of the clock by time.

    Args:
        times: `(rows,)` float64, ms.
        rate: Hz, where the file states it: samples with the same time are then spread by it.
        advice: how to mend times in another unit.
        in_ms: they are as the file has them, so that an error can say in which unit they are likely to be.

    Returns the indices of the samples to keep, `(kept,)` int; their times from the first, `(kept,)` float32, strictly rising;
    and notes on what was changed. Samples without a time, or with one far from the others', are dropped; of a few with
    equal times the first is kept.

    Raises `EmertInputError` for times that no eye tracker's rate gives, and where many samples have the same time.
    """
    timed = np.flatnonzero(np.isfinite(times))
    notes, known = [], len(timed)
    timed = timed[_runs(times[timed]) >= 0]
    timed = timed[np.argsort(times[timed], kind="stable")]
    _check_rate(file, times[timed], advice, in_ms)
    if len(timed):
        timed = timed[np.abs(times[timed] - times[timed[(len(timed) - 1) // 2]]) <= MAX_DISTANCE_MS]
    clock = times[timed]
    equal = np.flatnonzero(np.diff(clock) == 0)
    if len(equal) and rate is not None and _is_finer(clock, rate):
        notes.append(f"{len(equal)} samples had the time of the one before and were spread by the rate of {rate:g} Hz.")
        clock = _spread(clock, 1000 / rate)
    elif len(equal) >= _FEW and len(equal) >= _EQUAL * len(timed):
        raise _equal_times(file, clock, len(equal))
    relative = (clock - clock[0]).astype(np.float32) if len(timed) else np.zeros(0, np.float32)
    new = np.diff(relative, prepend=-1.0) > 0
    if known < len(times):
        notes.append(f"{len(times) - known} samples without a time were dropped.")
    if len(timed) < known:
        notes.append(f"{known - len(timed)} samples whose time is far from their neighbours' or over a day away were dropped.")
    if not new.all():
        notes.append(f"{int((~new).sum())} samples with the time of the sample before were dropped.")
    if (np.diff(timed) < 0).any():
        notes.append("The samples were not in the order of their times and were sorted.")
    return timed[new], relative[new], notes + _other_rate(relative[new], rate)


def _check_rate(file: object, clock: np.ndarray, advice: str, in_ms: bool) -> None:
    """Raises `EmertInputError` where most steps are longer or shorter than any eye tracker's."""
    steps = np.diff(clock)
    steps = steps[steps > 0]
    if len(steps) < _FEW - 1:
        return
    step = float(np.median(steps))
    low, high = RATES_HZ
    if not low <= 1000 / step <= high:
        likely = _likely_unit(step) if in_ms else ""
        raise EmertInputError(
            f"{file} has a sample every {step:.3g} ms by its times, {1000 / step:,.3g} a second, where {low:g} to {high:,.0f} "
            f"are expected; {advice}{likely}"
        )


def _likely_unit(step: float) -> str:
    """In which unit times that should be ms are likely to be, from a `step` of them, and how to mend them; "": unclear."""
    low, high = _LIKELY_HZ
    fitting = [unit for factor, unit in _LIKELY_UNITS.items() if low <= 1000 / (step * factor) <= high]
    return f"; these look like {fitting[0]}" if fitting else ""


def _equal_times(file: object, clock: np.ndarray, count: int) -> EmertInputError:
    if clock[0] == clock[-1]:
        return EmertInputError(
            f"{file} has the same time in all {len(clock)} samples, where rising ones are expected: a spreadsheet has rounded "
            "them; download or export it again and don't save it in Excel"
        )
    return EmertInputError(
        f"{file} has {count} of {len(clock)} samples with the time of another one, where each has its own: two recordings in "
        "one file, or a clock too coarse for the rate or rounded by a spreadsheet; export one recording, with finer times"
    )


def _is_finer(clock: np.ndarray, rate: float) -> bool:
    """Whether there are as many samples as the rate states, and a quarter of them too many for the clock's steps."""
    steps = np.diff(clock)
    each = 1 / (1 - (steps == 0).mean())  # samples with one time
    found = each * 1000 / float(np.median(steps[steps > 0])) if steps.any() else 0.0
    return each > 1 / (1 - _EQUAL) and _OTHER_RATE[0] <= found / rate <= _OTHER_RATE[1]


def _spread(clock: np.ndarray, step: float) -> np.ndarray:
    """Samples with the same time one `step` (ms) after the other, before the next time."""
    starts = np.flatnonzero(np.r_[True, np.diff(clock) > 0])
    counts = np.diff(np.r_[starts, len(clock)])
    place = np.arange(len(clock)) - np.repeat(starts, counts)
    room = np.r_[np.diff(clock[starts]), np.inf]  # to the next time
    return clock + place * np.repeat(np.minimum(step, room / counts), counts)


def _other_rate(relative: np.ndarray, rate: float | None) -> list[str]:
    """A note where the times give another rate than the file states."""
    if rate is None or len(relative) <= _FEW:
        return []
    found = 1000 / float(np.median(np.diff(relative)))
    low, high = _OTHER_RATE
    if low <= found / rate <= high:
        return []
    return [f"The file states {rate:g} samples a second, and its times give {found:.1f}."]
