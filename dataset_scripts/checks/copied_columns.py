"""Detects columns copied from one participant to the others: such a column identifies the stimulus, and so the label.

This occurs in a published data set, where three columns of every observer are those of the first. From these values a lookup
table identifies each photograph for new participants without error, and any model given them seems to recognise emotions.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from modeling_emert.columns_emert import COLUMN_NAMES

from .recordings import StoredRecording
from .result import CheckResult, judge

_MOST_SHARED = 0.3  # fraction of values, above that shared across stimuli; copies have 0.7, all other columns under 0.05
_FEWEST_PAIRS = 20


def check_copies(recordings: Sequence[StoredRecording]) -> CheckResult:
    """No column has the same values for different participants of one stimulus, unless it has them for all stimuli."""
    first: dict[tuple[str | None, str | None], StoredRecording] = {}
    for one in recordings:
        if one.sketch is not None:
            first.setdefault((one.participant, one.stimulus), one)
    stimuli = [stimulus for _, stimulus in first]
    sketches = np.array([one.sketch for one in first.values()], np.uint64).reshape(-1, len(COLUMN_NAMES))
    problems = []
    for name, column in zip(COLUMN_NAMES, sketches.T, strict=True):
        same, other = _shared(column, stimuli)
        if same - other > _MOST_SHARED:
            problems.append(
                f"{name}: participants of one stimulus share {same:.0%} of their values, those of others {other:.0%}; it "
                "identifies the stimulus, so leave it empty in the recordings"
            )
    return judge("copied columns", problems, "no column's values are shared by the participants of a stimulus")


def _shared(column: np.ndarray, stimuli: Sequence[str | None]) -> tuple[float, float]:
    """Fraction of pairs of recordings with the same sketch, within one stimulus and across stimuli; 0 for too few pairs."""
    known = [(stimulus, int(value)) for stimulus, value in zip(stimuli, column, strict=True) if value]
    within = _pairs(Counter(stimulus for stimulus, _ in known))
    across = _pairs(Counter({None: len(known)})) - within
    if within < _FEWEST_PAIRS or across < _FEWEST_PAIRS:
        return 0.0, 0.0
    equal = _pairs(Counter(known))
    equal_anywhere = _pairs(Counter(value for _, value in known))
    return equal / within, (equal_anywhere - equal) / across


def _pairs(counts: Counter) -> int:
    return sum(count * (count - 1) // 2 for count in counts.values())
