"""Rows of one or several data sets as one data set, source after source."""

from collections.abc import Sequence

import numpy as np
from torch.utils.data import Dataset

from dataset_scripts.dataset.reader import EmertData

from .dataset import RecordingDataset


def as_list(data: EmertData | Sequence[EmertData]) -> list[EmertData]:
    """One data set is the list of one."""
    return [data] if isinstance(data, EmertData) else list(data)


class JoinedRecordings(Dataset):
    """The parts one after the other. Each keeps its own statistics; what one lacks, a task or a modality, is absent there."""

    def __init__(self, parts: Sequence[RecordingDataset]):
        self.parts = list(parts)
        self.sizes = [len(part) for part in self.parts]
        self._ends = np.cumsum(self.sizes)

    @property
    def sources(self) -> list[str]:
        """The source of each part."""
        return [part.data.metadata.source for part in self.parts]

    def set_epoch(self, epoch: int) -> None:
        """As [`RecordingDataset.set_epoch`], of every part."""
        for part in self.parts:
            part.set_epoch(epoch)

    def __len__(self) -> int:
        return sum(self.sizes)

    def __getitem__(self, index: int) -> dict:
        number = int(np.searchsorted(self._ends, index, side="right"))
        if not 0 <= index < len(self):
            raise IndexError(f"item {index} of {len(self)}")
        return self.parts[number][int(index - self._ends[number] + self.sizes[number])]
