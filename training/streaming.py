"""Training rows read from one end of the shards to the other, for data that memory does not hold.

Rows lie in the order of the Parquet files, each a row group of its own. They are cut into stretches; every reader (a process,
or each of its workers) has stretches of its own, so that a machine reads its part of the files and no other. An epoch takes
the stretches in another order and mixes the rows of a few of them, which needs their numbers only.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from torch.utils.data import IterableDataset, get_worker_info

from .arguments import number_of_processes, process_number
from .batches import EmertRows
from .recipe import Recipe

_STRETCH = 64  # rows that are read one after the other
_MIXED = 16  # stretches whose rows are mixed


class UnkeptRows(EmertRows):
    """Keeps nothing of what it has prepared."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._cache_room = 0


class StreamedRows(UnkeptRows, IterableDataset):
    """This process's part of the training rows, in the order of the epoch that `set_epoch` named.

    All readers give equally many full batches, as the processes' gradients are averaged: one with fewer rows begins again,
    and those that are left over are others in the next epoch.
    """

    def __init__(self, *args: Any, batch: int, readers: int, processes: int = 1, process: int = 0, **kwargs: Any):
        """
        - `batch`: recordings that a process trains on at once.
        - `readers`: of one process, at least 1; its workers if it has any.
        - `processes`, `process`: how many train together, and which of them this is.
        - the rest as in [`EmertRows`].
        """
        super().__init__(*args, **kwargs)
        self.batch, self.readers, self.processes, self.process = batch, readers, processes, process

    @classmethod
    def reading_for(cls, recipe: Recipe) -> partial["StreamedRows"]:
        """The class with what the recipe and `torchrun` say of batches, workers and processes."""
        processes = number_of_processes()
        return partial(
            cls,
            batch=recipe.batch_size // (recipe.gradient_accumulation * processes),
            readers=max(recipe.workers, 1),
            processes=processes,
            process=process_number(),
        )

    def __len__(self) -> int:
        """Recordings that this process trains on in one epoch."""
        return self._rows_of_a_reader * self.readers

    @property
    def _rows_of_a_reader(self) -> int:
        return max(1, len(self.rows) // (self.processes * self.readers * self.batch)) * self.batch

    def __iter__(self) -> Iterator[dict]:
        worker = get_worker_info()
        own = self.process * self.readers + (0 if worker is None else worker.id)
        for index in self.order(own):
            yield self[index]

    def order(self, reader: int) -> np.ndarray:
        """Places in `rows` that this reader, counted over all processes, visits in the present epoch: `(count,)`."""
        stretches = np.split(np.arange(len(self.rows)), range(_STRETCH, len(self.rows), _STRETCH))
        readers = self.processes * self.readers
        if len(stretches) < readers:  # little data: every row by itself
            stretches = np.split(np.arange(len(self.rows)), len(self.rows))
        own = stretches[reader::readers] or stretches
        draws = np.random.default_rng([self.seed, int(self._epoch), reader])
        order = np.concatenate([own[place] for place in draws.permutation(len(own))])
        mixed = [draws.permutation(part) for part in np.split(order, range(_STRETCH * _MIXED, len(order), _STRETCH * _MIXED))]
        return np.resize(np.concatenate(mixed), self._rows_of_a_reader)
