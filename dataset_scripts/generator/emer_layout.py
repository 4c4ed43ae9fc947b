"""Generated recordings in the layout of EMER's authors, for `emert data build --source emer`. Nothing in them is EMER's.

```
DIR/
  face/set1 ... set5/<ID>/*.jpg   12 or 150 drawn faces; each participant is in one set
  eye/<ID>.xlsx                   300 or 1,466 rows of 39 numbers; the gaze point is named in one of two spellings
  new_label.xlsx                  ID, Emotion (what is felt: 0..6 in the order of the authors' page of 2024), Valence, ...
  participants.csv                ID, Participant, Stimulus: which the authors do not have
```
"""

import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd
from PIL import Image

from dataset_scripts.common.output import Content, atomic_folder
from modeling_emert.columns_emert import NUM_COLUMNS
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import EMOTIONS

from .face_drawing import face_frames
from .gaze_simulation import SimulatedGaze, gaze_at, simulate_gaze
from .truth import GeneratorSettings, Truth, make_truth

SETS = 5
# Frames, rows, seconds (at 60 rows a second) and drawn frames a second of short and long recordings.
SHORT, LONG = (12, 300, 5.0, 3), (150, 1466, 1466 / 60, 7)
LONG_EVERY = 10
_SCREEN = np.array([1920, 1080])
_SCREEN_MM = np.array([531.0, 299.0])
_CONTENT = Content("generated recordings", ("new_label.xlsx",))


def generate_emer(folder: Path, settings: GeneratorSettings) -> Path:
    """Writes every recording of the settings, whose seconds and rates are those above; returns the folder, which is new.

    Raises `EmertInputError` where it exists, or there are fewer participants than sets.
    """
    if folder.exists():
        raise EmertInputError(f"{folder}: already exists; generate into a new folder")
    if settings.participants < SETS:
        raise EmertInputError(f"participants is {settings.participants}, expected at least {SETS}, one for each set")
    truths = make_truth(settings)
    labels: list[list[object]] = [["ID", "Emotion", "Valence", "Arousal", "Intensity"]]
    people = []
    with atomic_folder(folder, _CONTENT) as partial:
        (partial / "eye").mkdir()
        for number, truth in enumerate(truths):
            person = int(truth.person.name[1:])
            name = f"{person + 1}_film_{truth.stimulus.name} {truth.stimulus.emotion.title()}"
            place = partial / "face" / f"set{person % SETS + 1}" / name
            place.mkdir(parents=True)
            _write_one(place, partial / "eye" / f"{name}.xlsx", truth, settings, number)
            labels.append([name, EMOTIONS.index(truth.felt), *truth.felt_affect, truth.intensity])
            people.append([name, truth.person.name, truth.stimulus.name])
        write_workbook(partial / "new_label.xlsx", labels)
        pd.DataFrame(people, columns=["ID", "Participant", "Stimulus"]).to_csv(partial / "participants.csv", index=False)
    return folder


def _write_one(faces: Path, sheet: Path, truth: Truth, settings: GeneratorSettings, number: int) -> None:
    count, rows, seconds, rate = LONG if number % LONG_EVERY == 0 else SHORT
    own = replace(settings, seconds=seconds, frames_per_second=rate, gaze_rate=60)
    simulated = simulate_gaze(truth, own)
    times = np.arange(int(seconds * rate)) * 1000 / rate
    frames, _ = face_frames(truth, simulated.blinks, gaze_at(simulated, times), own)
    side = settings.frame_size // 8
    for index, frame in enumerate(frames[:count], start=1):
        crop = Image.fromarray(frame[side:-side, side:-side])
        if number % 2:  # half of the recordings have crops of the network's size
            crop = crop.resize((112, 112), Image.Resampling.BILINEAR)
        crop.save(faces / f"{index}.jpg", quality=92)
    table = number_table(simulated, truth).iloc[:rows]
    unit = " [DACS px]" if number % 3 else ""
    names = [f"{name}{unit}" if name in ("Gaze point X", "Gaze point Y") else name for name in table]
    write_workbook(sheet, [names, *table.to_numpy().tolist()])


def number_table(simulated: SimulatedGaze, truth: Truth) -> pd.DataFrame:
    """39 columns of numbers in Pro Lab's names; where an eye is lost, the number before stays."""
    left, right = simulated.gaze[:, 0], simulated.gaze[:, 1]
    both = (left + right) / 2
    sway = np.stack([np.sin(simulated.times / 900), np.cos(simulated.times / 1100), np.sin(simulated.times / 1500)], axis=1)
    between = np.array(truth.person.eyes) + sway * [2, 1.5, 3]
    table: dict[str, np.ndarray] = {"Recording timestamp [ms]": simulated.times.round(0)}
    for name, points in (("", both), (" left", left), (" right", right)):
        table |= _axes(f"Gaze point{name}", "", (points * _SCREEN).round(0))
        table |= _axes(f"Gaze point{name}", " [MCS norm]", points.round(4))
    for side, points, offset in (("left", left, -31.5), ("right", right, 31.5)):
        eye = between + np.array([offset, 0, 0])
        aim = np.column_stack([points * _SCREEN_MM, np.zeros(len(points))]) - eye
        table |= _axes(f"Eye position {side}", " [DACS mm]", eye.round(2))
        table |= _axes(f"Gaze direction {side}", "", (aim / np.linalg.norm(aim, axis=1, keepdims=True)).round(5))
        table |= _axes(f"Gaze point {side}", " [DACS mm]", (points * _SCREEN_MM).round(2))
        table[f"Pupil diameter {side} [mm]"] = simulated.pupil[:, int(side == "right")].round(3)
        table[f"Eye openness {side} [mm]"] = np.full(len(points), 11.0)
    events = simulated.events[simulated.event]
    table["Pupil diameter filtered [mm]"] = simulated.pupil.mean(axis=1).round(3)
    table["Gaze event duration [ms]"] = (events[:, 2] - events[:, 1]).round(0)
    table |= _axes("Fixation point", " [DACS px]", (events[:, 3:5] * _SCREEN).round(0))
    table["Eye movement type index"] = simulated.event + 1.0
    table["Ambient light"] = np.full(len(both), 120.5)
    found = pd.DataFrame(table).ffill().bfill().fillna(0.0)
    assert found.shape[1] == NUM_COLUMNS
    return found


def _axes(name: str, unit: str, points: np.ndarray) -> dict[str, np.ndarray]:
    return {f"{name} {axis}{unit}": points[:, index] for index, axis in enumerate("XYZ"[: points.shape[1]])}


_PARTS = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/>'
    "</Relationships>",
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" '
    'Target="worksheets/sheet1.xml"/></Relationships>',
    "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>'
    '<sheet name="Sheet1" sheetId="1" r:id="r1"/></sheets></workbook>',
}


def write_workbook(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """An Excel workbook of one sheet: numbers, texts, and None for a blank cell. The same rows give the same bytes."""
    lines = []
    for number, row in enumerate(rows, start=1):
        cells = (f'<c r="{_letters(place)}{number}"{_content(cell)}' for place, cell in enumerate(row) if cell is not None)
        lines.append(f'<row r="{number}">{"".join(cells)}</row>')
    sheet = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in (_PARTS | {"xl/worksheets/sheet1.xml": sheet.format("".join(lines))}).items():
            archive.writestr(zipfile.ZipInfo(name), f'<?xml version="1.0" encoding="UTF-8"?>{content}', zipfile.ZIP_DEFLATED)


def _letters(place: int) -> str:
    """A column's name: A, ..., Z, AA, ..."""
    return (chr(64 + place // 26) if place >= 26 else "") + chr(65 + place % 26)


def _content(cell: object) -> str:
    if isinstance(cell, str):
        return f' t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>'
    return f"><v>{cell!r}</v></c>"
