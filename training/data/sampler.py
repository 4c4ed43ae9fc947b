"""The batches of an epoch: the same ones on any number of processes."""

import os
from collections.abc import Iterator

import torch
from torch.utils.data import Sampler


def number_of_processes() -> int:
    """1 without a launcher."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def process_number() -> int:
    """Rank of this process, from 0."""
    return int(os.environ.get("RANK", "0"))


def is_main_process() -> bool:
    """True for the process that writes files and prints."""
    return process_number() == 0


_FEWEST = 2  # BatchNorm can't be trained on one recording


class EqualBatchSampler(Sampler[list[int]]):
    """This process's part of every batch; the order is random by seed and epoch.

    A batch is split into equal parts for the processes, and these for gradient accumulation, so that the mean over the
    parts is the mean over the batch. The last batch may be smaller: recordings that would make its parts unequal are
    dropped for this epoch, and all of it if a part would have a single recording.
    """

    def __init__(self, size: int, batch_size: int, seed: int, accumulation: int = 1, processes: int = 1, process: int = 0):
        """`size`: number of recordings; `accumulation`: parts of each process; `process`: its rank, from 0."""
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
        """Start of each batch, without a last one that is too small."""
        last = self.size % self.batch_size
        end = self.size - last if last < _FEWEST * self._parts else self.size
        return range(0, end, self.batch_size)
