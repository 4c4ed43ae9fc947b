"""Rows of one or several data sets as one data set, source after source."""

from collections.abc import Sequence

import numpy as np
from torch.utils.data import Dataset

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.errors_emert import EmertInputError

from .dataset import RecordingDataset


def as_list(data: EmertData | Sequence[EmertData]) -> list[EmertData]:
    """One data set is the list of one."""
    return [data] if isinstance(data, EmertData) else list(data)


def check_one_each(data: Sequence[EmertData]) -> None:
    """Raises `EmertInputError` where two data sets are of one source."""
    found = [one.metadata.source for one in data]
    if len(set(found)) < len(found):
        raise EmertInputError(f"--data: two data sets are of one source ({', '.join(found)}); give each source once")


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
        number, own = self._place(index)
        return self.parts[number][own]

    def __getitems__(self, indices: Sequence[int]) -> list[dict]:
        """The items of a batch, of each part together."""
        places = [self._place(index) for index in indices]
        found: list[dict | None] = [None] * len(places)
        for number, part in enumerate(self.parts):
            taken = [place for place, (own, _) in enumerate(places) if own == number]
            items = part.__getitems__([places[place][1] for place in taken]) if taken else []
            for place, item in zip(taken, items, strict=True):
                found[place] = item
        return found

    def _place(self, index: int) -> tuple[int, int]:
        """Part, and number in it. Raises `IndexError`."""
        if not 0 <= index < len(self):
            raise IndexError(f"item {index} of {len(self)}")
        number = int(np.searchsorted(self._ends, index, side="right"))
        return number, int(index - self._ends[number] + self.sizes[number])
