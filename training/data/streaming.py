"""Training rows read from one end of the shards to the other, for data that memory does not hold.

Rows lie in the order of the Parquet files, each a row group of its own. They are cut into stretches; every reader (a process,
or each of its workers) has stretches of its own, so that a machine reads its part of the files and no other. An epoch takes
the stretches in another order and mixes the rows of a few of them, which needs their numbers only.

`datasets.distributed.split_dataset_by_node` does not serve here. It deals out whole files, so that processes come to
different numbers of batches and wait for each other for ever; or, where the files are no multiple of the processes, every
process reads everything and throws the others' rows away. And a fold is some rows of every file, which it would have to
read in order to leave them out.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from torch.utils.data import IterableDataset, get_worker_info

from modeling_emert.errors_emert import EmertInputError

from ..fit.arguments import number_of_processes, process_number
from ..recipes.recipe import Recipe
from .dataset import RecordingDataset

_STRETCH = 64  # rows, at most, that are read one after the other
_MIXED = 16  # stretches whose rows are mixed


class UnkeptRows(RecordingDataset):
    """Keeps nothing of what it has prepared."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._cache_room = 0


class StreamedRows(UnkeptRows, IterableDataset):
    """This process's part of the training rows, in the order of the epoch that `set_epoch` named.

    No row comes twice in an epoch. All readers give equally many full batches, as the processes' gradients are averaged;
    the rows that are left over, less than a batch of each reader, are others in the next epoch.
    """

    def __init__(self, *args: Any, batch: int, readers: int, processes: int = 1, process: int = 0, **kwargs: Any):
        """
        - `batch`: recordings that a process trains on at once.
        - `readers`: of one process, at least 1; its workers if it has any.
        - `processes`, `process`: how many train together, and which of them this is.
        - the rest as in [`RecordingDataset`].

        Raises:
            EmertInputError: there are too few rows to give every reader a batch.
        """
        super().__init__(*args, **kwargs)
        self.batch, self.readers, self.processes, self.process = batch, readers, processes, process
        if self._rows_of_a_reader == 0:
            raise EmertInputError(
                f"{self.data.folder}: {len(self.rows)} training recordings can't give {processes * readers} readers (processes "
                f"x workers) a batch of {batch} each; set streaming: false, or fewer workers, or a smaller batch_size"
            )

    @classmethod
    def reading_for(cls, recipe: Recipe) -> partial["StreamedRows"]:
        """The class with what the recipe and `torchrun` say of batches, workers and processes."""
        processes = number_of_processes()
        return partial(
            cls,
            batch=recipe.batch_size // (recipe.gradient_accumulation * processes),
            readers=max(recipe.num_workers, 1),
            processes=processes,
            process=process_number(),
        )

    def __len__(self) -> int:
        """Recordings that this process trains on in one epoch."""
        return self._rows_of_a_reader * self.readers

    @property
    def _all_readers(self) -> int:
        return self.processes * self.readers

    @property
    def _rows_of_a_reader(self) -> int:
        return len(self.rows) // self._all_readers // self.batch * self.batch

    def __iter__(self) -> Iterator[dict]:
        worker = get_worker_info()
        own = self.process * self.readers + (0 if worker is None else worker.id)
        for index in self.order(own):
            yield self[index]

    def order(self, reader: int) -> np.ndarray:
        """Places in `rows` that this reader, counted over all processes, visits in the present epoch: `(count,)`."""
        each = -(-len(self.rows) // (self._all_readers * _STRETCH))  # stretches of a reader
        # As long as each other but for one row, the longer ones first: so are the readers' shares.
        own = np.array_split(np.arange(len(self.rows)), self._all_readers * each)[reader :: self._all_readers]
        draws = np.random.default_rng([self.seed, int(self._epoch), reader])
        stretches = [own[place] for place in draws.permutation(len(own))]
        mixed = [
            draws.permutation(np.concatenate(stretches[first : first + _MIXED])) for first in range(0, len(stretches), _MIXED)
        ]
        return np.concatenate(mixed)[: self._rows_of_a_reader]
