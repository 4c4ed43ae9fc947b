"""Context besides the recorded signals: the participant's personality and the stimulus's emotion.

The network takes neither unless its config says so: both help to predict felt and perceived emotion, and both can reveal the
label (a clip that is meant to amuse amuses), so a score with them is no score of reading eyes and faces.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .errors_emert import EmertInputError
from .recording_emert import Recording
from .tasks_emert import ABSENT_CLASS, ABSENT_NUMBER, EMOTIONS

# The questionnaire's five numbers in the usual order, each as a fraction of its scale, 0..1.
BIG_FIVE = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
BIG_FIVE_RANGE = (0.0, 1.0)

# The emotion that the stimulus is meant to show or to cause, one of `tasks_emert.EMOTIONS`.
STIMULUS_EMOTION = "stimulus_emotion"

CONTEXT_COLUMNS = (*BIG_FIVE, STIMULUS_EMOTION)


def context_inputs(recordings: Sequence[Recording], names: Sequence[str]) -> dict[str, np.ndarray]:
    """The context of a batch as the model takes it; `names` are those of its config's `context`.

    `big_five` `(batch, 5)` float32, 0..1, all NaN where any of the five is absent; `stimulus_emotion` `(batch,)` int64,
    index into `tasks_emert.EMOTIONS`, -100 where absent. Either may reveal the label.

    Raises `EmertInputError` if a recording's Big Five are not five numbers in 0..1, or its stimulus's emotion is unknown.
    """
    return {name: np.stack([_one(item, name, number) for number, item in enumerate(recordings)]) for name in names}


def read_big_five(given: Any) -> np.ndarray:
    """`(5,)` float32 in 0..1 from five numbers in the order of `BIG_FIVE`, or a dictionary by name; None: all absent.

    If any of the five is NaN or None, all are absent (NaN). Raises `EmertInputError` for anything else.
    """
    absent = np.full(len(BIG_FIVE), ABSENT_NUMBER, np.float32)
    if given is None:
        return absent
    ordered = [given[name] for name in BIG_FIVE] if isinstance(given, Mapping) and set(given) == set(BIG_FIVE) else given
    try:
        values = np.asarray(ordered, np.float32)
    except (TypeError, ValueError):
        values = np.zeros(0)  # words, or lists of different lengths
    low, high = BIG_FIVE_RANGE
    known = values[~np.isnan(values)]
    if values.shape != absent.shape or (known < low).any() or (known > high).any():
        found = given.tolist() if isinstance(given, np.ndarray) else given
        raise EmertInputError(
            f"big_five is {found}, expected {len(BIG_FIVE)} fractions of the scale in {low:g}..{high:g} "
            f"({', '.join(BIG_FIVE)}); divide the questionnaire's numbers by its range"
        )
    return values if len(known) == len(values) else absent


def read_stimulus_emotion(given: Any) -> np.ndarray:
    """Index into `tasks_emert.EMOTIONS`, int64; None: `ABSENT_CLASS`. Raises `EmertInputError` for any other word."""
    if given is not None and not (isinstance(given, str) and given in EMOTIONS):
        raise EmertInputError(f"stimulus_emotion is {given!r}, expected one of {', '.join(EMOTIONS)}, or None for absent")
    return np.array(ABSENT_CLASS if given is None else EMOTIONS.index(given), np.int64)


_READERS = {"big_five": read_big_five, STIMULUS_EMOTION: read_stimulus_emotion}


def _one(recording: Recording, name: str, number: int) -> np.ndarray:
    try:
        return _READERS[name](getattr(recording, name))
    except EmertInputError as error:
        raise EmertInputError(f"recording {number}: {error}") from error
