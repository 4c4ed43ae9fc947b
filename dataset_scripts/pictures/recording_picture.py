"""One picture for each recording: gaze, pupils and faces over time, scan path and density of fixations below."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dataset_scripts.inspection.find_recordings import Found
from dataset_scripts.inspection.quality import Quality, known_fixations
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Recording
from modeling_emert.tasks_emert import VIEW_WORDS

from .scan_path import draw_density, draw_gaze_path, draw_scan_path
from .style import LIGHT, TEXT_SIZE, TITLE_SIZE, Style, drawing, png_of, printable
from .time_series import draw_faces, draw_gaze, draw_pupils, has_points, has_pupils

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Inches. Panels are placed explicitly, so that time axes are aligned and nothing is cut off, whatever is absent.
_WIDTH, _LEFT, _RIGHT, _BOTTOM, _TOP = 10.0, 0.62, 0.3, 0.38, 0.15
_LINE, _GAP, _AXIS_GAP = 0.21, 0.36, 0.2
_GAZE, _PUPILS, _FACES = 1.75, 1.2, 1.2
_BETWEEN_MAPS, _TALLEST_MAP = 0.5, 3.6
_PANEL_WIDTH = _WIDTH - _LEFT - _RIGHT
_USUAL_ASPECT = 4 / 3  # of a stimulus whose frame is not known
_LONGEST_TITLE, _LONGEST_LINE = 90, 150  # characters

_LONGEST_NAME = 80  # characters of a file's name
_VIEW_TITLES = VIEW_WORDS | {"perceived": "in the stimulus"}


@dataclass
class PictureFolder:
    """The folder for pictures; names are unique in a run, and stay in the folder."""

    folder: Path
    _taken: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EmertInputError(f"{self.folder} can't be made a folder ({error.strerror}); give another --plot") from error

    def write(self, found: Found, quality: Quality, style: Style = LIGHT) -> Path | None:
        """Draws one recording as a PNG; None where it has nothing to draw. Replaces a picture of an earlier run."""
        picture = recording_png(found, quality, style)
        if picture is None:
            return None
        target = self.folder / f"{self._free_name(found.name)}.png"
        partial = target.with_suffix(".partial")
        try:
            partial.write_bytes(picture)
            os.replace(partial, target)  # replaces a link of that name instead of following it
        except OSError as error:
            raise EmertInputError(f"{target} can't be written ({error.strerror}); give another --plot") from error
        return target

    def _free_name(self, name: str) -> str:
        stem = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._")[:_LONGEST_NAME] or "recording"
        free, number = stem, 2
        while free.lower() in self._taken:
            free, number = f"{stem}-{number}", number + 1
        self._taken.add(free.lower())
        return free


def recording_png(found: Found, quality: Quality, style: Style = LIGHT) -> bytes | None:
    """The picture as PNG; None for a recording without gaze points, fixations, pupils and faces."""
    recording = found.recording
    rows = _time_rows(recording, style)
    if not rows and not _has_maps(recording):
        return None
    lines = _title_lines(found, quality)
    map_height, map_width, aspect = _map_size(recording)
    height = _TOP + _LINE * len(lines) + sum(_GAP + row.height for row in rows) + _BOTTOM
    above = 0.0 if not rows or rows[-1].is_faces else _AXIS_GAP  # room for the numbers of the time axis
    height += (_GAP + above + map_height) if map_height else 0.0
    with drawing(_WIDTH, height, style) as figure:
        page = _Page(figure, height)
        _write_title(page, lines, quality, style)
        seconds = _seconds(recording)
        for number, row in enumerate(rows):
            axes = page.add(row.height)
            row.draw(axes)
            if not row.is_faces:
                _time_axis(axes, seconds, labelled=all(later.is_faces for later in rows[number + 1 :]))
        if map_height:
            page.skip(above)
            _draw_maps(page, recording, (map_width, map_height), aspect, style)
        return png_of(figure)


@dataclass
class _Row:
    """One panel over the full width: its height in inches, and its drawing function."""

    height: float
    draw: "Callable[[Axes], None]"
    is_faces: bool = False


@dataclass
class _Page:
    """Places panels from top to bottom."""

    figure: "Figure"
    height: float
    used: float = _TOP  # inches from the top

    def skip(self, inches: float) -> None:
        self.used += inches

    def add(self, height: float, left: float = _LEFT, width: float = _PANEL_WIDTH) -> "Axes":
        """A panel below all others."""
        self.used += _GAP + height
        return self.beside(height, left, width)

    def beside(self, height: float, left: float, width: float) -> "Axes":
        """A panel at the height of the last one."""
        return self.figure.add_axes((left / _WIDTH, 1 - self.used / self.height, width / _WIDTH, height / self.height))


def _time_rows(recording: Recording, style: Style) -> list[_Row]:
    gaze, face = recording.gaze, recording.face
    rows = []
    if _has_maps(recording):
        rows.append(_Row(_GAZE, lambda axes: draw_gaze(axes, gaze, style)))
    if has_pupils(gaze):
        rows.append(_Row(_PUPILS, lambda axes: draw_pupils(axes, gaze, style)))
    if face is not None and len(face.frames):
        size = (_PANEL_WIDTH, _FACES)
        rows.append(_Row(_FACES, lambda axes: draw_faces(axes, face, _seconds(recording), size, style), is_faces=True))
    return rows


def _time_axis(axes: "Axes", seconds: float, labelled: bool) -> None:
    axes.set_xlim(0, max(seconds, 0.1))
    axes.tick_params(labelbottom=labelled)
    axes.xaxis.set_major_formatter(lambda moment, _: f"{moment:g} s")


def _seconds(recording: Recording) -> float:
    """Length of the time axis."""
    ends = [] if recording.gaze is None else [recording.gaze.duration_ms]
    if recording.face is not None and len(recording.face.times_ms):
        ends.append(float(recording.face.times_ms[-1]))
    return max(filter(np.isfinite, ends), default=0.0) / 1000


def _has_maps(recording: Recording) -> bool:
    return len(known_fixations(recording.gaze)) > 0 or has_points(recording.gaze)


def _map_size(recording: Recording) -> tuple[float, float, float]:
    """Height and width in inches of one spatial panel, 0 without any, and the stimulus's width over height."""
    if not _has_maps(recording):
        return 0.0, 0.0, _USUAL_ASPECT
    frame = recording.stimulus_frame
    aspect = _USUAL_ASPECT if frame is None else float(np.clip(frame.shape[1] / frame.shape[0], 0.4, 3.0))
    width = (_PANEL_WIDTH - _BETWEEN_MAPS) / 2
    height = min(width / aspect, _TALLEST_MAP)
    return height, height * aspect, aspect


def _draw_maps(page: _Page, recording: Recording, size: tuple[float, float], aspect: float, style: Style) -> None:
    width, height = size
    left = page.add(height, _LEFT, width)
    if len(known_fixations(recording.gaze)) == 0:
        draw_gaze_path(left, recording, style)
        return
    draw_scan_path(left, recording, style)
    draw_density(page.beside(height, _LEFT + (_PANEL_WIDTH + _BETWEEN_MAPS) / 2, width), recording, aspect, style)


def _title_lines(found: Found, quality: Quality) -> list[str]:
    """Name; participant, stimulus, format and numbers; labels; reasons of the verdict."""
    gaze = found.recording.gaze
    known = [
        f"participant {found.participant}" if found.participant else "",
        f"stimulus {found.stimulus}" if found.stimulus else "",
        gaze.format if gaze is not None else "video",
        f"{quality.rate_hz:.4g} Hz" if quality.rate_hz else "",
        f"{quality.duration_s:.1f} s" if quality.duration_s else "",
        f"gaze missing {quality.missing_fraction:.0%}" if quality.missing_fraction is not None else "",
        f"face found {quality.face_found_fraction:.0%}" if quality.face_found_fraction is not None else "",
    ]
    lines = [found.name, " · ".join(filter(None, known)), _label_line(found.labels)]
    if quality.reasons:
        lines.append(f"{quality.verdict}: {'; '.join(quality.reasons)}")
    return [line for line in lines if line]


def _label_line(labels: dict[str, str | float]) -> str:
    """`felt (ER): negative, sadness, valence -0.40 | shown (FER): happiness`."""
    parts = []
    for view, title in _VIEW_TITLES.items():
        own = {column.removeprefix(f"{view}_"): value for column, value in labels.items() if re.match(rf"{view}[_0-9]", column)}
        words = [value if isinstance(value, str) else f"{name} {value:+.2f}" for name, value in own.items()]
        if words:
            parts.append(f"{title}: {', '.join(dict.fromkeys(words))}")
    return " | ".join(parts)


def _write_title(page: _Page, lines: list[str], quality: Quality, style: Style) -> None:
    """The name in large with the verdict at its right, the other lines below."""
    verdict_colour = getattr(style, quality.verdict)
    for number, line in enumerate(lines):
        y = 1 - page.used / page.height
        if number == 0:
            bold = {"fontsize": TITLE_SIZE, "fontweight": "bold", "va": "top", "parse_math": False}
            page.figure.text(_LEFT / _WIDTH, y, printable(line, _LONGEST_TITLE), color=style.ink, **bold)
            page.figure.text(1 - _RIGHT / _WIDTH, y, quality.verdict, color=verdict_colour, ha="right", **bold)
        else:
            colour = verdict_colour if line.startswith(f"{quality.verdict}: ") else style.ink
            words = {"fontsize": TEXT_SIZE, "color": colour, "va": "top", "parse_math": False}
            page.figure.text(_LEFT / _WIDTH, y, printable(line, _LONGEST_LINE), **words)
        page.skip(_LINE)
