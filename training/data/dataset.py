"""From rows of the data set to batches of the model."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch.utils.data import Dataset

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.columns_emert import ACTION_UNITS, NUM_COLUMNS
from modeling_emert.constants_emert import ARGUMENTS_OF, INPUT_NAMES, MASKS_OF, MODALITIES, PARTICIPANT, Modality
from modeling_emert.feature_extraction_emert import GazeStatistics
from modeling_emert.processing_emert import EmertProcessor
from modeling_emert.recording_emert import Recording
from modeling_emert.tasks_emert import ABSENT_CLASS, ABSENT_NUMBER, TASKS, Task

from ..augmentation import Augmentation, Example

# The value of an input that an item lacks; all others get zeros and a mask that is False.
_ABSENT = {"big_five": ABSENT_NUMBER, "stimulus_emotion": ABSENT_CLASS}
_CACHE_BYTES = 1 << 30  # of prepared recordings, kept between epochs so that a small data set is decoded once

Inputs = dict[str, torch.Tensor]


class RecordingDataset(Dataset):
    """Some rows of the data as inputs of the network and labels; a modality that a recording lacks is left out.

    An item is read from its own Parquet row group when it is asked for. What is the same in every epoch is cached, up to
    1 GB: without augmentation the inputs, with augmentation the recording before it (and the face inputs, if no part of the
    augmentation changes faces).
    """

    def __init__(
        self,
        data: EmertData,
        rows: Sequence[int],
        processor: EmertProcessor,
        tasks: Sequence[str],
        statistics: dict[str, GazeStatistics] | None = None,
        participant_numbers: Mapping[str, int] | None = None,
        modalities: Sequence[Modality] = MODALITIES,
        augmentation: Augmentation | None = None,
        seed: int = 0,
        cached: bool = True,
        votes: bool = False,
    ):
        """
        - `statistics`: by participant, for a processor with `normalisation="participant"`.
        - `participant_numbers`: the class of each participant in the labels `participant`; absent for all others.
        - `modalities`: the network's; the others are removed. A recording that has none of them gets the training mean
          (zeros, with a mask that is True) of the first, so that every method predicts for every recording.
        - `augmentation`, `seed`: for training rows only. It is random by seed, epoch (see `set_epoch`) and row. If it leaves
          nothing of these modalities, the recording stays as it was.
        - `cached`: False for data that memory does not hold.
        - `votes`: labels are the distributions of the judges' votes, `(classes,)`, for tasks of which the data has any.
        """
        self.data, self.rows, self.processor = data, np.asarray(rows), processor
        self.statistics, self.modalities = statistics, tuple(modalities)
        self.augmentation = augmentation if augmentation is not None and augmentation.parts else None
        self.seed = seed
        # In shared memory, so that persistent workers see the next epoch.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()
        self.labels = {name: torch.from_numpy(labels_of(data, TASKS[name], votes)[self.rows]) for name in tasks}
        self.participants = data.ids["participant_id"][self.rows]
        if participant_numbers is not None:
            numbers = [participant_numbers.get(str(name), ABSENT_CLASS) for name in self.participants]
            self.labels[PARTICIPANT] = torch.tensor(numbers, dtype=torch.long)
        self._cache: dict[int, tuple[Inputs, Example | None]] = {}
        self._cache_room = _CACHE_BYTES if cached else 0  # bytes

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch of the augmentation, counted from 0, in every worker."""
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict:
        inputs, example = (self._drawn(index), None) if self.processor.draws else self._cache.get(index) or self._read(index)
        if example is not None:
            inputs = self._augmented(index, inputs, example)
        return {"inputs": inputs, "labels": {name: labels[index] for name, labels in self.labels.items()}}

    def __getitems__(self, indices: Sequence[int]) -> list[dict]:
        """The items of a batch, as a loader asks for them; augmented photographs pass the processor together."""
        if self.processor.draws:
            return [self[index] for index in indices]
        entries = [self._cache.get(index) or self._read(index) for index in indices]
        if self.modalities != MODALITIES or not all(_is_photo(example) for _, example in entries):
            return [self[index] for index in indices]
        rows, epoch = self.rows[list(indices)], int(self._epoch)
        pairs = zip(rows, entries, strict=True)
        changed = [self.augmentation.augment(example, self.seed, epoch, int(row)).recording for row, (_, example) in pairs]
        inputs = self.processor(changed)
        return [
            {
                "inputs": {name: values[place] for name, values in inputs.items()},
                "labels": {name: labels[index] for name, labels in self.labels.items()},
            }
            for place, index in enumerate(indices)
        ]

    def _drawn(self, index: int) -> Inputs:
        """For a processor that takes random frames and rows: by seed, epoch and row, so that a run can be repeated."""
        generator = np.random.default_rng((self.seed, int(self._epoch), int(self.rows[index])))
        pick = partial(self.processor.video_processor.pick, generator=generator)
        recording = self.data.recording(self.rows[index], pick)
        return self._chosen({name: value[0] for name, value in self.processor(recording, generator=generator).items()})

    def _read(self, index: int) -> tuple[Inputs, Example | None]:
        """The inputs that are the same in every epoch, and what is augmented to make the others (None without augmentation)."""
        faces = self.processor.video_processor
        recording = self.data.recording(self.rows[index], faces.num_frames if faces.sampling == "spread" else faces.pick)
        own = None if self.statistics is None else self.statistics.get(self.participants[index])
        if self.augmentation is None:
            entry = self._chosen(self._inputs(recording, own)), None
        elif self.augmentation.changes_face:
            entry = {}, Example(self._resized(recording), own)
        else:
            prepared = self._inputs(Recording(face=recording.face), None)
            faces = {name: value for name, value in prepared.items() if name in ("pixel_values", "face_mask")}
            entry = faces, Example(replace(recording, face=None), own)
        size = sum(value.nbytes for value in entry[0].values()) + (0 if entry[1] is None else _size(entry[1].recording))
        if size <= self._cache_room:
            self._cache[index] = entry
            self._cache_room -= size
        return entry

    def _resized(self, recording: Recording) -> Recording:
        """With faces at the network's size, so that they are not resized again in every epoch."""
        prepare, face = copy(self.processor.video_processor), recording.face
        if face is None or len(face.frames) not in (1, prepare.num_frames):
            return recording
        # All of the crop, as large as its middle has the network's size: augmentation moves the rest into sight.
        size = {side: round(prepare.size[side] / prepare.face_zoom) for side in ("height", "width")}
        prepare.face_zoom, prepare.face_pixels = 1.0, None
        kept = prepare(face, do_rescale=False, do_normalize=False, size=size)
        pixels = kept["pixel_values"][0]  # (frames, 3, height, width) uint8
        return replace(recording, face=replace(face, frames=pixels.permute(0, 2, 3, 1).contiguous().numpy()))

    def _augmented(self, index: int, kept: Inputs, example: Example) -> Inputs:
        changed = self.augmentation.augment(example, self.seed, int(self._epoch), int(self.rows[index]))
        for candidate in (changed, example):
            inputs = self._inputs(candidate.recording, candidate.statistics) | kept
            if self._something_left(inputs):
                break
        return self._chosen(inputs)

    def _inputs(self, recording: Recording, statistics: GazeStatistics | None) -> Inputs:
        return {name: value[0].contiguous() for name, value in self.processor(recording, statistics).items()}

    def _something_left(self, inputs: Inputs) -> bool:
        masks = [mask for name in self.modalities for mask in MASKS_OF[name]]
        return any(mask in inputs and bool(inputs[mask].any()) for mask in masks)

    def _chosen(self, inputs: Inputs) -> Inputs:
        """Without the modalities that the network does not take."""
        if self.modalities == MODALITIES:
            return inputs
        taken = {name for other in MODALITIES if other not in self.modalities for name in ARGUMENTS_OF[other]}
        inputs = {name: value for name, value in inputs.items() if name not in taken}
        return inputs if self._something_left(inputs) else inputs | self._mean_of_first()

    def _mean_of_first(self) -> Inputs:
        """Zeros for the first of the modalities, with a mask that is all True."""
        name, faces, eyes = self.modalities[0], self.processor.video_processor, self.processor.feature_extractor
        if name == "face" and eyes.num_unit_steps:
            there = torch.ones(eyes.num_unit_steps, dtype=torch.bool)
            return {"action_units": torch.zeros(len(there), len(ACTION_UNITS)), "action_units_mask": there}
        shapes = {
            "face": (faces.num_frames, 3, faces.size["height"], faces.size["width"]),
            "eye_movements": (eyes.num_eye_steps, NUM_COLUMNS),
            "fixations": (eyes.num_fixation_steps, 2),
        }
        return {INPUT_NAMES[name]: torch.zeros(shapes[name]), f"{name}_mask": torch.ones(shapes[name][0], dtype=torch.bool)}


def _is_photo(example: Example | None) -> bool:
    """A single frame, and nothing else of a person's."""
    recording = None if example is None else example.recording
    alone = recording is not None and recording.gaze is None and recording.action_units is None
    return alone and recording.face is not None and len(recording.face.frames) == 1


def _size(recording: Recording) -> int:
    """Bytes of the arrays that an augmentation changes."""
    face, gaze = recording.face, recording.gaze
    arrays = [] if face is None else [face.frames]
    arrays += [] if recording.action_units is None else [recording.action_units.intensities]
    arrays += [] if gaze is None else [gaze.eye_movements, gaze.times_ms, gaze.fixations]
    return sum(array.nbytes for array in arrays if array is not None)


def collate(items: Sequence[dict]) -> dict:
    """A batch as the model's keyword arguments; what only some items have is zeros or marked as absent in the others."""
    names = dict.fromkeys(name for item in items for name in item["inputs"])
    batch: dict = {}
    for name in names:
        given = [item["inputs"][name] for item in items if name in item["inputs"]]
        pattern = max(given, key=len) if given[0].ndim else given[0]  # a photo beside a clip is repeated
        absent = torch.full_like(pattern, _ABSENT.get(name, 0))
        batch[name] = torch.stack([item["inputs"].get(name, absent).expand_as(pattern) for item in items])
    names = dict.fromkeys(name for item in items for name in item["labels"])
    batch["labels"] = {name: _stack_labels(name, [item["labels"][name] for item in items]) for name in names}
    return batch


def labels_of(data: EmertData, task: Task, votes: bool = False) -> np.ndarray:
    """`(rows,)` or `(rows, numbers)` as [`EmertData.labels`], all absent for a task that the data does not have; with `votes`
    `(rows, classes)` float32 where it has the judges' votes.
    """
    if task.name in data.tasks:
        found = data.votes(task.name) if votes else None
        return data.labels(task) if found is None else found
    if task.kind == "classification":
        return np.full(len(data), ABSENT_CLASS, np.int64)
    return np.full((len(data), task.size), ABSENT_NUMBER, np.float32)


def _stack_labels(name: str, labels: Sequence[torch.Tensor]) -> torch.Tensor:
    """Classes beside distributions become distributions of one class."""
    if len({label.ndim for label in labels}) > 1:
        labels = [label if label.ndim else _certain(int(label), TASKS[name].size) for label in labels]
    return torch.stack(list(labels))


def _certain(label: int, size: int) -> torch.Tensor:
    found = torch.full((size,), ABSENT_NUMBER if label == ABSENT_CLASS else 0.0)
    if label != ABSENT_CLASS:
        found[label] = 1.0
    return found


def statistics_by_participant(data: EmertData, rows: Sequence[int]) -> dict[str, GazeStatistics]:
    """Each participant's own statistics of gaze and action units over these rows; labels are not used.

    Empty where no recording has any, as with photographs.
    """
    statistics: dict[str, GazeStatistics] = {}
    counts = data.metadata.counts.modalities
    if not any(counts[name] for name in ("eye_movements", "fixations", "action_units")):
        return statistics
    for row, recording in zip(rows, data.gaze_only(rows), strict=True):
        participant = str(data.ids["participant_id"][row])
        own = GazeStatistics.of([recording.gaze], [recording.action_units])
        statistics[participant] = statistics[participant] + own if participant in statistics else own
    return statistics
