"""A tiny folder in the layout of the example mapping of source `emer`. Nothing in it comes from EMER."""

import csv
import shutil
from pathlib import Path

import numpy as np

from dataset_scripts.generator.writing import write_video
from dataset_scripts.sources.emer_mapping import EXAMPLE
from modeling_emert.columns_emert import BOUNDS

PEOPLE, CLIPS = ("001", "002", "003"), ("05", "06", "07")
HEADER = ["sample", "subject", "clip", "ER3", "ER7", "ER_V", "ER_A", "FER3", "FER7", "FER_V", "FER_A", "FER_I"]
SAMPLES = 12


def sample_names() -> list[str]:
    return [f"{person}_{clip}" for person in PEOPLE for clip in CLIPS]


def label_rows() -> list[list[object]]:
    """Felt happiness with the lowest arousal, shown sadness of intensity 2, in every recording."""
    return [[name, *name.split("_"), 2, 0, 0.25, 1, 0, 1, -0.5, 9, 2] for name in sample_names()]


def eye_array() -> np.ndarray:
    """Different numbers within the bounds of each column; -1, which stands for missing, in column 12 of sample 3."""
    low, high = np.array(BOUNDS)
    array = low + (high - low) * (0.4 + np.arange(39)[None, :] / 200 + np.arange(SAMPLES)[:, None] / 1000)
    array[3, 12] = -1
    return array.astype(np.float32)


def write_table(path: Path, header: list[str], rows: list[list[object]], delimiter: str = ",") -> None:
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([header, *rows])


def write_emer_tree(folder: Path) -> Path:
    """The whole folder with the example as its mapping file."""
    for name in ("faces", "eye_movements", "fixations"):
        (folder / name).mkdir(parents=True)
    shutil.copy(EXAMPLE, folder / "emer.yaml")
    write_table(folder / "labels.csv", HEADER, label_rows())
    blank = folder / "faces" / "blank.mp4"
    write_video(blank, np.full((2, 64, 64, 3), 128, np.uint8), 2)
    for name in sample_names():
        shutil.copy(blank, folder / "faces" / f"{name}.mp4")
        np.save(folder / "eye_movements" / f"{name}.npy", eye_array())
        rows = [[960, 270, 0, 0.2], [1920, 1080, 0.25, 0.1]]
        write_table(folder / "fixations" / f"{name}.csv", ["X", "Y", "Start", "Duration"], rows)
    return folder
