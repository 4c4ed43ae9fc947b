"""From rows of the data set to batches of the model."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch.utils.data import Dataset

from dataset_scripts.reading import EmertData
from modeling_emert.feature_extraction_emert import GazeStatistics
from modeling_emert.modeling_emert import PARTICIPANT, EmertModel
from modeling_emert.processing_emert import EmertProcessor
from modeling_emert.tasks_emert import ABSENT_CLASS, ABSENT_NUMBER, TASKS

# What stands for an input that an item lacks; zeros for all others, behind a mask that is False.
_ABSENT = {"big_five": ABSENT_NUMBER, "stimulus_emotion": ABSENT_CLASS}
_CACHE_BYTES = 1 << 30  # prepared recordings that are kept between epochs, so that a small data set is decoded once


class EmertRows(Dataset):
    """Some rows of the data, each prepared by the processor; a modality that a recording lacks is left out."""

    def __init__(
        self,
        data: EmertData,
        rows: Sequence[int],
        processor: EmertProcessor,
        tasks: Sequence[str],
        statistics: dict[str, GazeStatistics] | None = None,
        participant_numbers: Mapping[str, int] | None = None,
        face_network: EmertModel | None = None,
    ):
        """
        - `statistics`: by participant, for a processor with `normalisation="participant"`.
        - `participant_numbers`: the class of each participant in the labels `participant`; absent for all others.
        - `face_network`: gives its `face_features` in place of pixels; its backbone must be frozen. They are computed
          where it lies and kept on the CPU.
        """
        self.data, self.rows, self.processor = data, np.asarray(rows), processor
        self.statistics, self.face_network = statistics, face_network
        self.labels = {name: torch.from_numpy(data.labels(TASKS[name])[self.rows]) for name in tasks}
        self.participants = data.ids["participant_id"][self.rows]
        if participant_numbers is not None:
            numbers = [participant_numbers.get(str(name), ABSENT_CLASS) for name in self.participants]
            self.labels[PARTICIPANT] = torch.tensor(numbers, dtype=torch.long)
        self._cache: dict[int, dict[str, torch.Tensor]] = {}
        self._cache_room = _CACHE_BYTES

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict:
        return {
            "inputs": self._cache.get(index) or self._prepare(index),
            "labels": {name: labels[index] for name, labels in self.labels.items()},
        }

    def _prepare(self, index: int) -> dict[str, torch.Tensor]:
        recording = self.data.recording(self.rows[index], self.processor.video_processor.num_frames)
        own = None if self.statistics is None else self.statistics[self.participants[index]]
        inputs = dict(self.processor(recording, own))
        if self.face_network is not None and "pixel_values" in inputs:
            pixels, mask = (inputs[name].to(self.face_network.device) for name in ("pixel_values", "face_mask"))
            with torch.no_grad():
                inputs["face_features"] = self.face_network.get_face_features(pixels, mask).cpu()
            del inputs["pixel_values"]
        inputs = {name: value[0].contiguous() for name, value in inputs.items()}
        size = sum(value.nbytes for value in inputs.values())
        if size <= self._cache_room:
            self._cache[index] = inputs
            self._cache_room -= size
        return inputs


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
