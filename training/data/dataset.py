"""From rows of the data set to batches of the model."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch.utils.data import Dataset

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.columns_emert import NUM_COLUMNS
from modeling_emert.configuration_emert import INPUT_NAMES, MODALITIES, Modality
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.feature_extraction_emert import GazeStatistics
from modeling_emert.modeling_emert import PARTICIPANT, EmertModel
from modeling_emert.processing_emert import EmertProcessor
from modeling_emert.recording_emert import Recording
from modeling_emert.tasks_emert import ABSENT_CLASS, ABSENT_NUMBER, TASKS

from ..augmentation import Augmentation, Example

# What stands for an input that an item lacks; zeros for all others, behind a mask that is False.
_ABSENT = {"big_five": ABSENT_NUMBER, "stimulus_emotion": ABSENT_CLASS}
_OF_FACE = ("pixel_values", "face_features", "face_mask")
_CACHE_BYTES = 1 << 30  # prepared recordings that are kept between epochs, so that a small data set is decoded once


Inputs = dict[str, torch.Tensor]


class RecordingDataset(Dataset):
    """Some rows of the data, each prepared by the processor; a modality that a recording lacks is left out.

    What does not change from one epoch to the next is kept: without an augmentation the prepared inputs, with one the
    recordings before it (and the faces as prepared, where it leaves faces alone).
    """

    def __init__(
        self,
        data: EmertData,
        rows: Sequence[int],
        processor: EmertProcessor,
        tasks: Sequence[str],
        statistics: dict[str, GazeStatistics] | None = None,
        participant_numbers: Mapping[str, int] | None = None,
        face_network: EmertModel | None = None,
        modalities: Sequence[Modality] = MODALITIES,
        augmentation: Augmentation | None = None,
        seed: int = 0,
    ):
        """
        - `statistics`: by participant, for a processor with `normalisation="participant"`.
        - `participant_numbers`: the class of each participant in the labels `participant`; absent for all others.
        - `face_network`: gives its `face_features` in place of pixels; its backbone must be frozen. They are computed
          where it lies and kept on the CPU.
        - `modalities`: what the network is given; the others are taken out. A recording that has none of them gets the
          first as the training mean (zeros, there by its mask), so that every method answers for every recording.
        - `augmentation`, `seed`: of training rows only; `set_epoch` says which epoch's changes are drawn. A change after
          which nothing is left of these modalities is not made.

        Raises:
            EmertInputError: `face_network` with an augmentation that changes faces: the features would be those of others.
        """
        if face_network is not None and augmentation is not None and augmentation.changes_face:
            raise EmertInputError(
                "recipe: store_face_features is true, but a part of augmentation changes the faces in every epoch; set "
                "store_face_features: false, or keep only gaze_jitter and blinks"
            )
        self.data, self.rows, self.processor = data, np.asarray(rows), processor
        self.statistics, self.face_network, self.modalities = statistics, face_network, tuple(modalities)
        self.augmentation = augmentation if augmentation is not None and augmentation.parts else None
        self.seed = seed
        # In shared memory: workers that outlive an epoch must hear of the next one.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()
        self.labels = {name: torch.from_numpy(data.labels(TASKS[name])[self.rows]) for name in tasks}
        self.participants = data.ids["participant_id"][self.rows]
        if participant_numbers is not None:
            numbers = [participant_numbers.get(str(name), ABSENT_CLASS) for name in self.participants]
            self.labels[PARTICIPANT] = torch.tensor(numbers, dtype=torch.long)
        self._cache: dict[int, tuple[Inputs, Example | None]] = {}
        self._cache_room = _CACHE_BYTES

    def set_epoch(self, epoch: int) -> None:
        """From the next item on the augmentation is that of this epoch, counted from 0, in every worker."""
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict:
        inputs, example = self._cache.get(index) or self._read(index)
        if example is not None:
            inputs = self._augmented(index, inputs, example)
        return {"inputs": inputs, "labels": {name: labels[index] for name, labels in self.labels.items()}}

    def _read(self, index: int) -> tuple[Inputs, Example | None]:
        """The inputs that stay the same, and what the others are made of in every epoch (None: there are no others)."""
        recording = self.data.recording(self.rows[index], self.processor.video_processor.num_frames)
        own = None if self.statistics is None else self.statistics[self.participants[index]]
        if self.augmentation is None:
            entry = self._chosen(self._inputs(recording, own)), None
        elif self.augmentation.changes_face:
            entry = {}, Example(self._resized(recording), own)
        else:
            prepared = self._inputs(Recording(face=recording.face), None)
            faces = {name: value for name, value in prepared.items() if name in _OF_FACE}
            entry = faces, Example(replace(recording, face=None), own)
        size = sum(value.nbytes for value in entry[0].values()) + (0 if entry[1] is None else _size(entry[1].recording))
        if size <= self._cache_room:
            self._cache[index] = entry
            self._cache_room -= size
        return entry

    def _resized(self, recording: Recording) -> Recording:
        """With faces as small as the network takes them, which is not to be done again in every epoch."""
        prepare, face = self.processor.video_processor, recording.face
        if face is None or len(face.frames) != prepare.num_frames:
            return recording
        pixels = prepare(face, do_rescale=False, do_normalize=False)["pixel_values"][0]  # (frames, 3, height, width) uint8
        return replace(recording, face=replace(face, frames=pixels.permute(0, 2, 3, 1).contiguous().numpy()))

    def _augmented(self, index: int, kept: Inputs, example: Example) -> Inputs:
        changed = self.augmentation.augment(example, self.seed, int(self._epoch), int(self.rows[index]))
        for candidate in (changed, example):
            inputs = self._inputs(candidate.recording, candidate.statistics) | kept
            if self._something_left(inputs):
                break
        return self._chosen(inputs)

    def _inputs(self, recording: Recording, statistics: GazeStatistics | None) -> Inputs:
        inputs = self._with_features(dict(self.processor(recording, statistics)))
        return {name: value[0].contiguous() for name, value in inputs.items()}

    def _with_features(self, inputs: Inputs) -> Inputs:
        """A batch with features in place of pixels, where a network for them is given."""
        if self.face_network is None or "pixel_values" not in inputs:
            return inputs
        pixels, mask = (inputs.pop(name).to(self.face_network.device) for name in ("pixel_values", "face_mask"))
        with torch.no_grad():
            features = self.face_network.get_face_features(pixels, mask).cpu()
        return inputs | {"face_features": features, "face_mask": mask.cpu()}

    def _something_left(self, inputs: Inputs) -> bool:
        return any(f"{name}_mask" in inputs and bool(inputs[f"{name}_mask"].any()) for name in self.modalities)

    def _chosen(self, inputs: Inputs) -> Inputs:
        """Without the modalities that are not given to the network."""
        if self.modalities == MODALITIES:
            return inputs
        taken = {name for other in MODALITIES if other not in self.modalities for name in (INPUT_NAMES[other], f"{other}_mask")}
        if "face" not in self.modalities:
            taken |= set(_OF_FACE)
        inputs = {name: value for name, value in inputs.items() if name not in taken}
        return inputs if self._something_left(inputs) else inputs | self._mean_of_first()

    def _mean_of_first(self) -> Inputs:
        """Zeros for the first of the modalities, with a mask that is all True."""
        name, faces, eyes = self.modalities[0], self.processor.video_processor, self.processor.feature_extractor
        shapes = {
            "face": (faces.num_frames, 3, faces.size["height"], faces.size["width"]),
            "eye_movements": (eyes.num_eye_steps, NUM_COLUMNS),
            "fixations": (eyes.num_fixation_steps, 2),
        }
        mask = torch.ones(1, shapes[name][0], dtype=torch.bool)
        inputs = self._with_features({INPUT_NAMES[name]: torch.zeros(1, *shapes[name]), f"{name}_mask": mask})
        return {name: value[0] for name, value in inputs.items()}


def _size(recording: Recording) -> int:
    """Bytes of what an augmentation takes."""
    face, gaze = recording.face, recording.gaze
    arrays = [] if face is None else [face.frames]
    arrays += [] if gaze is None else [gaze.eye_movements, gaze.times_ms, gaze.fixations]
    return sum(array.nbytes for array in arrays if array is not None)


def collate(items: Sequence[dict]) -> dict:
    """A batch as the model's keyword arguments.

    Inputs that only some items have are zeros in the others (their masks are False), and context is marked as absent.
    """
    names = dict.fromkeys(name for item in items for name in item["inputs"])
    batch: dict = {}
    for name in names:
        pattern = next(item["inputs"][name] for item in items if name in item["inputs"])
        absent = torch.full_like(pattern, _ABSENT.get(name, 0))
        batch[name] = torch.stack([item["inputs"].get(name, absent) for item in items])
    batch["labels"] = {name: torch.stack([item["labels"][name] for item in items]) for name in items[0]["labels"]}
    return batch


def statistics_by_participant(data: EmertData, rows: Sequence[int]) -> dict[str, GazeStatistics]:
    """Sums over every participant's recordings among these rows, without their labels."""
    statistics: dict[str, GazeStatistics] = {}
    for row, recording in zip(rows, data.gaze_only(rows), strict=True):
        participant = str(data.ids["participant_id"][row])
        own = GazeStatistics.of([recording.gaze])
        statistics[participant] = statistics[participant] + own if participant in statistics else own
    return statistics
