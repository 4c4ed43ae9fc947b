"""`streaming: true` keeps no recording in memory and learns the same. On several processes: see `test_several_processes`."""

from dataclasses import replace
from pathlib import Path

import pytest
from killed_training import equal, weights

from dataset_scripts.dataset.reader import EmertData
from training.fit.fit import fit
from training.fit.prepare import prepare
from training.recipes.recipe import Recipe


def test_streaming_reads_a_recording_again_whenever_it_is_needed(
    recipe: Recipe, data: EmertData, monkeypatch: pytest.MonkeyPatch
):
    read, rows = EmertData.recording, []
    for streaming, expected in ((False, 2), (True, 4)):
        fold = prepare(replace(recipe, streaming=streaming), data, 1, False)
        with monkeypatch.context() as patch:
            rows.clear()
            patch.setattr(EmertData, "recording", lambda self, row, *given: rows.append(row) or read(self, row, *given))
            for _ in range(2):
                assert fold.training[0].keys() == fold.validation[0].keys()
        assert len(rows) == expected


@pytest.mark.slow
def test_streaming_ends_with_the_same_weights(recipe: Recipe, data: EmertData, tmp_path: Path):
    small = replace(recipe, method="eye_movements_only", tasks=("er7",), augmentation=({"name": "gaze_jitter"},))
    one, other = (fit(replace(small, streaming=flag), data, tmp_path / str(flag), fold=1) for flag in (False, True))
    assert equal(weights(one), weights(other))
