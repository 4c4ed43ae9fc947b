"""A stream of the data set that is left before its end."""

import subprocess
import sys

import pandas as pd
import pytest

from dataset_scripts.build.build import build
from dataset_scripts.sources import open_source

GAZE = "time_ms,gaze_x,gaze_y\n" + "".join(f"{10 * step},0.5,{0.3 + step / 100}\n" for step in range(30))
PEOPLE = 280  # 56 in each data file


@pytest.fixture(scope="module")
def dataset_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    recordings = folder / "recordings"
    recordings.mkdir()
    (recordings / "gaze.csv").write_text(GAZE)
    labels = ("positive", "negative", "neutral")
    rows = [
        {"recording_id": f"r{n}", "participant": f"p{n}", "stimulus": "s", "gaze": "gaze.csv", "er3": labels[n % 3]}
        for n in range(PEOPLE)
    ]
    pd.DataFrame(rows).to_csv(recordings / "recordings.csv", index=False)
    return build(open_source("folder", recordings), folder / "dataset", num_workers=1)


@pytest.mark.slow
def test_a_program_ends_that_leaves_a_stream_as_the_card_says(dataset_folder):
    """Without the last two lines it often ends in SIGABRT: a thread of pyarrow 26's is still reading (apache/arrow#45214)."""
    code = f"""
import gc
from datasets import load_dataset
stream = load_dataset({str(dataset_folder)!r}, "er3-fold1", split="train", streaming=True)
row = next(iter(stream))
del stream
gc.collect()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_stream_gives_matrices(dataset_folder):
    from datasets import load_dataset

    stream = load_dataset(str(dataset_folder), "er3-fold1", split="test", streaming=True)
    row = next(iter(stream.with_format("numpy")))
    assert row["eye_movements"].shape == (30, 39)
    assert row["eye_movements"].dtype == "float32"
