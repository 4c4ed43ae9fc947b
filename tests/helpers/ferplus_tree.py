"""Writes drawn faces in the layout of FER+: three parts with images of 48 x 48 and a label.csv.

The votes are from a known distribution. Nothing in it comes from FER2013 or FER+.
"""

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from dataset_scripts.generator.face_drawing import face_frames
from dataset_scripts.generator.truth import GeneratorSettings, make_truth
from dataset_scripts.sources.ferplus import JUDGED, LABELS, PARTS

JUDGES = 10
SURE = 0.7  # probability that a judge chooses what the face shows; else any of the ten


def ferplus_tree(folder: Path, images: int = 8, seed: int = 0, zipped: bool = True) -> Path:
    """`images` in each part; a judge chooses the drawn emotion with probability `SURE`."""
    rng = np.random.default_rng(seed)
    settings = GeneratorSettings(
        participants=len(PARTS), stimuli=max(images, 2), seconds=1, frames_per_second=2, frame_size=160
    )
    drawn = iter(make_truth(settings))
    for part_number, part in enumerate(PARTS):
        files, lines = {}, []
        for number in range(images):
            truth = next(drawn)
            name = f"fer{part_number}{number:06d}.png"
            files[name] = _png(face_frames(truth, np.zeros((0, 2)), np.full((2, 2), 0.5), settings)[0][-1])
            chances = np.full(len(JUDGED), (1 - SURE) / len(JUDGED))
            chances[JUDGED.index(truth.shown)] += SURE
            votes = rng.multinomial(JUDGES, chances)
            lines.append(f'{name},"(0, 0, 48, 48)",{",".join(map(str, votes))}\n')
        write_part(folder / part, files | {LABELS: "".join(lines).encode()}, zipped)
    return folder


def write_part(folder: Path, files: dict[str, bytes], zipped: bool = True) -> None:
    """A part as a folder, or as the archive of that name."""
    if zipped:
        with zipfile.ZipFile(folder.with_name(f"{folder.name}.zip"), "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    else:
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)


def read_part(folder: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(folder.with_name(f"{folder.name}.zip")) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _png(frame: np.ndarray) -> bytes:
    """Grey, cut close around the face."""
    side = len(frame)
    picture = Image.fromarray(frame).convert("L").crop((side // 8, side // 8, side - side // 8, side - side // 8))
    buffer = io.BytesIO()
    picture.resize((48, 48), Image.Resampling.BILINEAR).save(buffer, "PNG")
    return buffer.getvalue()
