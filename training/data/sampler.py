"""The batches of an epoch: the same ones on any number of processes."""

import os
from collections.abc import Iterator, Sequence

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


def shares(sizes: Sequence[int], balance: float) -> list[int]:
    """How many recordings of each source an epoch takes, about as many as there are together.

    In proportion to `size ** balance`: 1 takes each once, 0 equally many of every source, the small ones repeatedly.
    """
    weights = [size**balance for size in sizes]
    return [max(round(sum(sizes) * weight / sum(weights)), 1) for weight in weights]


class EqualBatchSampler(Sampler[list[int]]):
    """This process's part of every batch; the order is random by seed and epoch.

    A batch is split into equal parts for the processes, and these for gradient accumulation, so that the mean over the
    parts is the mean over the batch. The last batch may be smaller: recordings that would make its parts unequal are
    dropped for this epoch, and all of it if a part would have a single recording.
    """

    def __init__(
        self,
        sizes: int | Sequence[int],
        batch_size: int,
        seed: int,
        accumulation: int = 1,
        processes: int = 1,
        process: int = 0,
        balance: float = 1.0,
    ):
        """`sizes`: number of recordings, of each source where there are several, which lie one after the other; `balance`: see
        [`shares`]; `accumulation`: parts of each process; `process`: its rank, from 0.
        """
        self.sizes = [sizes] if isinstance(sizes, int) else list(sizes)
        self.shares = shares(self.sizes, balance)
        self.size, self.batch_size, self.seed = sum(self.shares), batch_size, seed
        self.accumulation, self.processes, self.process = accumulation, processes, process
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self._starts()) * self.accumulation

    def __iter__(self) -> Iterator[list[int]]:
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        order = torch.randperm(self.size, generator=generator)
        if len(self.sizes) > 1:
            order = self._taken(generator)[order]
        order = order.tolist()
        for start in self._starts():
            batch = order[start : start + self.batch_size]
            part = len(batch) // self._parts
            first = self.process * self.accumulation
            for number in range(first, first + self.accumulation):
                yield batch[number * part : (number + 1) * part]

    def _taken(self, generator: torch.Generator) -> torch.Tensor:
        """The recordings of this epoch: of a source each as often as another, or once more."""
        taken, first = [], 0
        for size, share in zip(self.sizes, self.shares, strict=True):
            rounds = [torch.randperm(size, generator=generator) for _ in range(-(-share // size))]
            taken.append(first + torch.cat(rounds)[:share])
            first += size
        return torch.cat(taken)

    @property
    def _parts(self) -> int:
        return self.processes * self.accumulation

    def _starts(self) -> range:
        """Start of each batch, without a last one that is too small."""
        last = self.size % self.batch_size
        end = self.size - last if last < _FEWEST * self._parts else self.size
        return range(0, end, self.batch_size)
