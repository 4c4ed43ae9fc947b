"""Rows that are streamed: each reader has its own, none comes twice in an epoch, and nothing is kept. On real processes: see
`test_several_processes`."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from killed_training import equal, weights

from dataset_scripts.dataset.reader import EmertData
from modeling_emert import EmertInputError
from training.data import streaming
from training.data.streaming import StreamedRows
from training.fit.fit import fit
from training.fit.make_model import make_model
from training.recipes.recipe import Recipe


def test_a_stream_is_shared_by_the_processes_and_keeps_nothing(recipe: Recipe, data: EmertData):
    rows = data.select(1)["train"]
    _, processor = make_model(recipe, ["er7"])
    orders = []
    for process in range(2):
        stream = StreamedRows(data, rows, processor, ["er7"], batch=4, readers=2, processes=2, process=process, seed=5)
        orders += [stream.order(2 * process + worker) for worker in range(2)]
        assert len(stream) == sum(len(order) for order in orders[-2:])
    assert len({len(order) for order in orders}) == 1, "every process must come to the same number of batches"
    assert len(set(np.concatenate(orders))) == len(np.concatenate(orders))
    before = stream.order(0)
    stream.set_epoch(1)
    assert not np.array_equal(stream.order(0), before)
    alone = StreamedRows(data, rows, processor, ["er7"], batch=4, readers=1, seed=5)
    items = list(alone)
    assert len(items) == len(alone) == len(rows) // 4 * 4
    assert not alone._cache


@pytest.mark.parametrize("stretch", [2, 4, 64])
@pytest.mark.parametrize("readers", [1, 2, 3, 5])
def test_no_reader_of_a_stream_reads_a_row_twice(
    recipe: Recipe, data: EmertData, monkeypatch: pytest.MonkeyPatch, stretch: int, readers: int
):
    """Whatever the stretches: where they were dealt out whole, a reader that had too few began again."""
    monkeypatch.setattr(streaming, "_STRETCH", stretch)
    _, processor = make_model(recipe, ["er7"])
    rows = data.select(1)["train"]
    stream = StreamedRows(data, rows, processor, ["er7"], batch=2, readers=readers)
    order = np.concatenate([stream.order(reader) for reader in range(readers)])
    assert len(order) == len(set(order)) == len(stream) == 21 // (2 * readers) * 2 * readers


def test_a_stream_with_too_few_rows_for_its_readers_is_refused(recipe: Recipe, data: EmertData):
    _, processor = make_model(recipe, ["er7"])
    with pytest.raises(EmertInputError, match=r"21 training recordings can't give 4 readers .* a batch of 8 each"):
        StreamedRows(data, data.select(1)["train"], processor, ["er7"], batch=8, readers=2, processes=2)


@pytest.mark.slow
def test_a_stream_trains_and_goes_on_as_rows_do(recipe: Recipe, data: EmertData, tmp_path: Path):
    streamed = replace(recipe, streaming=True, epochs=1)
    one, other = (weights(fit(streamed, data, tmp_path / name, fold=1)) for name in ("a", "b"))
    assert equal(one, other)
