"""What may be known of a recording besides what was recorded: the participant's personality, the stimulus's own emotion.

The network takes neither unless its config says so: work on felt and perceived emotion gains from both, and both can give
the label away (a clip that is meant to amuse amuses), so a score with them is no score of reading eyes and faces.
"""

from collections.abc import Sequence

import numpy as np

from .errors_emert import EmertInputError
from .recording_emert import Recording
from .tasks_emert import ABSENT_CLASS, ABSENT_NUMBER, EMOTIONS

# The questionnaire's five numbers in the usual order, each as a share of its scale, 0..1.
BIG_FIVE = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
BIG_FIVE_RANGE = (0.0, 1.0)

# What the stimulus is meant to show or to cause, one of `tasks_emert.EMOTIONS`.
STIMULUS_EMOTION = "stimulus_emotion"

CONTEXT_COLUMNS = (*BIG_FIVE, STIMULUS_EMOTION)


def context_inputs(recordings: Sequence[Recording], names: Sequence[str]) -> dict[str, np.ndarray]:
    """The context of a batch as the model takes it, for those `names` that its config's `context` holds.

    `big_five` `(batch, 5)` float32, 0..1, all NaN where any of the five is absent; `stimulus_emotion` `(batch,)` int64,
    index into `tasks_emert.EMOTIONS`, -100 where it is absent. Either may give the label away.

    Raises:
        EmertInputError: a recording's Big Five are no five numbers of 0..1, or its stimulus's emotion is none of ours.
    """
    readers = {"big_five": _big_five, STIMULUS_EMOTION: _stimulus_emotion}
    return {name: np.stack([readers[name](item, number) for number, item in enumerate(recordings)]) for name in names}


def _big_five(recording: Recording, number: int) -> np.ndarray:
    absent = np.full(len(BIG_FIVE), ABSENT_NUMBER, np.float32)
    if recording.big_five is None:
        return absent
    values = np.asarray(recording.big_five, np.float32)
    low, high = BIG_FIVE_RANGE
    known = values[~np.isnan(values)]
    if values.shape != absent.shape or (known < low).any() or (known > high).any():
        raise EmertInputError(
            f"recording {number}: big_five is {values.tolist()}, expected {len(BIG_FIVE)} shares of the scale in "
            f"{low:g}..{high:g} ({', '.join(BIG_FIVE)}); divide the questionnaire's numbers by its range"
        )
    return values if len(known) == len(values) else absent


def _stimulus_emotion(recording: Recording, number: int) -> np.ndarray:
    emotion = recording.stimulus_emotion
    if emotion is not None and emotion not in EMOTIONS:
        raise EmertInputError(
            f"recording {number}: stimulus_emotion is {emotion!r}, expected one of {', '.join(EMOTIONS)}, or None for absent"
        )
    return np.array(ABSENT_CLASS if emotion is None else EMOTIONS.index(emotion), np.int64)


__all__ = ["BIG_FIVE", "BIG_FIVE_RANGE", "CONTEXT_COLUMNS", "STIMULUS_EMOTION", "context_inputs"]
