"""Which scene camera was used, Neon's or Invisible's, which the tables don't say; and who wore the glasses."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dataset_scripts.readers.text.text_files import TextFile
from dataset_scripts.readers.text.text_table import Table, read_head, read_table
from modeling_emert.errors_emert import EmertInputError

INFO, SCENE_CAMERA, SECTIONS, EYES = "info.json", "scene_camera.json", "sections.csv", "3d_eye_states.csv"
DEGREES = ("azimuth[deg]", "elevation[deg]")
MAX_JSON_BYTES = 1 << 20


@dataclass(frozen=True)
class Camera:
    """`size`: pixels. `view`: degrees from edge to edge. Both (width, height)."""

    name: str
    size: tuple[int, int]
    view: tuple[float, float]

    def normalise(self, numbers: Mapping[str, np.ndarray], pixels: tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
        """x and y normalised to the image, from pixels, or else from azimuth and elevation (up is positive)."""
        if all(name in numbers for name in pixels):
            x, y = (numbers[name] / size for name, size in zip(pixels, self.size, strict=True))
            return x, y
        azimuth, elevation = (numbers[name] for name in DEGREES)
        return 0.5 + azimuth / self.view[0], 0.5 - elevation / self.view[1]


# From Pupil Labs' descriptions of the two headsets.
NEON = Camera("Neon", (1600, 1200), (103.0, 77.0))
INVISIBLE = Camera("Pupil Invisible", (1088, 1080), (82.0, 82.0))


def find_camera(file: TextFile, table: Table, pixels: tuple[str, str], notes: list[str]) -> Camera:
    """The camera by the first of these that identifies it, with a note:

    1. `info.json`: Neon gives a module's serial number, Invisible that of its glasses;
    2. `scene_camera.json`: the optical axis is in the middle of the image;
    3. `3d_eye_states.csv`, which only Neon has;
    4. the image whose middle is nearer to the median gaze point (without pixels: Neon).
    """
    camera, reason = _by_neighbours(file)
    if camera is None:
        camera, reason = _by_gaze(table, pixels)
    notes.append(f"The image is taken as that of {camera.name}, {camera.size[0]} x {camera.size[1]} pixels, {reason}.")
    if not all(name in table.numbers for name in pixels):
        missing = [name for name in DEGREES if name not in table.numbers]
        if missing:
            raise EmertInputError(
                f"{file} has neither x and y in pixels nor {missing[0]!r} in degrees; export the recording again"
            )
        width, height = camera.view
        notes.append(f"Degrees were converted to normalised coordinates of the image, {width:g} x {height:g} degrees wide.")
    return camera


def _by_neighbours(file: TextFile) -> tuple[Camera | None, str]:
    info = _read_json(file, INFO)
    if "module_serial_number" in info:
        return NEON, "by info.json"
    if "glasses_serial_number" in info:
        return INVISIBLE, "by info.json"
    matrix = _read_json(file, SCENE_CAMERA).get("camera_matrix")
    try:
        middle = float(np.asarray(matrix, np.float64)[0, 2])
    except (TypeError, ValueError, IndexError):  # absent, or not three rows of three numbers
        middle = np.nan
    if np.isfinite(middle):
        return min((NEON, INVISIBLE), key=lambda camera: abs(camera.size[0] / 2 - middle)), "by scene_camera.json"
    if file.beside(EYES) is not None:
        return NEON, "since 3d_eye_states.csv is there"
    return None, ""


def _by_gaze(table: Table, pixels: tuple[str, str]) -> tuple[Camera, str]:
    points = [table.numbers[name][np.isfinite(table.numbers[name])] for name in pixels if name in table.numbers]
    if len(points) < 2 or not all(len(values) for values in points):
        return NEON, "the newer headset, since no file identifies it"
    middle = np.array([np.median(values) for values in points], np.float64)
    cameras = (NEON, INVISIBLE)
    closest = min(cameras, key=lambda camera: float(np.abs(np.array(camera.size) / 2 - middle).sum()))
    return closest, "since the median gaze point is near its middle; put info.json beside the file to be sure"


def _read_json(file: TextFile, name: str) -> dict:
    """The object in that file of the same folder; empty if the file is absent or holds no object."""
    other = file.beside(name)
    if other is None:
        return {}
    with other.open() as stream:
        data = stream.read(MAX_JSON_BYTES)
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def find_wearers(file: TextFile) -> dict[str, str]:
    """Wearers' names by recording id, from info.json; or from sections.csv, where several recordings are in one table."""
    wearers: dict[str, str] = {}
    sections = file.beside(SECTIONS)
    if sections is not None:
        head = read_head(sections)
        header = head.find("recordingid")
        if header is not None:
            texts = read_table(head, header, texts=("recordingid", "wearername", "wearerid")).texts
            who = texts.get("wearername") or texts.get("wearerid")
            if who is not None:
                ids = texts["recordingid"]
                wearers |= {ids.values[i]: who.values[j] for i, j in zip(ids.codes, who.codes, strict=True)}
    info = _read_json(file, INFO)
    if isinstance(info.get("wearer_name"), str):
        wearers[str(info.get("recording_id", ""))] = info["wearer_name"]
    return wearers
