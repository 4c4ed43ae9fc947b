"""Which recordings make up each batch of an epoch: the same ones on any number of processes."""

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler

_FEWEST = 2  # BatchNorm can't be trained on one


class EqualBatchSampler(Sampler[list[int]]):
    """This process's parts of every batch of an epoch, whose order is drawn by seed and epoch alone.

    A batch is cut into equal parts for the processes, and theirs into equal ones for the accumulation of gradients, so
    that the mean over the parts is the mean over the batch. The last batch of an epoch may be smaller; recordings that
    would make its parts unequal are left out of this epoch, and so is the whole of it where a part would be one alone.
    """

    def __init__(self, size: int, batch_size: int, seed: int, accumulation: int = 1, processes: int = 1, process: int = 0):
        """`size`: recordings; `accumulation`: parts that one process takes in turn; `process`: which one this is, from 0."""
        self.size, self.batch_size, self.seed = size, batch_size, seed
        self.accumulation, self.processes, self.process = accumulation, processes, process
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self._starts()) * self.accumulation

    def __iter__(self) -> Iterator[list[int]]:
        order = torch.randperm(self.size, generator=torch.Generator().manual_seed(self.seed + self.epoch)).tolist()
        for start in self._starts():
            batch = order[start : start + self.batch_size]
            part = len(batch) // self._parts
            first = self.process * self.accumulation
            for number in range(first, first + self.accumulation):
                yield batch[number * part : (number + 1) * part]

    @property
    def _parts(self) -> int:
        return self.processes * self.accumulation

    def _starts(self) -> range:
        """Where each batch begins; without a last one that is too small."""
        last = self.size % self.batch_size
        end = self.size - last if last < _FEWEST * self._parts else self.size
        return range(0, end, self.batch_size)
