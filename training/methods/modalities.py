"""What a method is given of recordings and data sets that have other modalities than it knows."""

from dataclasses import replace

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.constants_emert import MODALITIES
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze, Recording

from .registry import Method


def check_modalities(data: EmertData, method: Method) -> None:
    """Raises `EmertInputError` where no recording of the data has anything that the method is given.

    It would learn, or answer, from the zeros that stand for what a recording lacks.
    """
    there = [name for name in MODALITIES if data.metadata.counts.modalities[name]]
    if not set(there) & set(method.modalities):
        raise EmertInputError(
            f"{data.folder}: method {method.key} is given {' and '.join(method.modalities)}, which no recording here has; they "
            f"have {' and '.join(there)}: choose a method that is given one of these"
        )


def only_given(recording: Recording, method: Method) -> Recording:
    """The recording as the method takes it, with a note of what was left out.

    Raises:
        EmertInputError: nothing is left.
    """
    gaze, face = recording.gaze or Gaze(), recording.face
    there = {"face": face, "eye_movements": gaze.eye_movements, "fixations": gaze.fixations}
    left_out = [name for name in MODALITIES if there[name] is not None and name not in method.modalities]
    if not left_out:
        return recording
    if all(there[name] is None for name in method.modalities):
        raise EmertInputError(
            f"the model is of method {method.key}, which is given {' and '.join(method.modalities)}; this recording has "
            f"{' and '.join(left_out)} alone"
        )
    if "eye_movements" in left_out:
        gaze = replace(gaze, eye_movements=None, times_ms=None)
    if "fixations" in left_out:
        gaze = replace(gaze, fixations=None, fixation_method=None)
    nothing = gaze.eye_movements is None and gaze.fixations is None
    note = f"The model is of method {method.key}, which is not given {' or '.join(left_out)}: left out."
    return replace(
        recording,
        face=None if "face" in left_out else face,
        gaze=None if nothing else gaze,
        notes=[*recording.notes, note],
    )
