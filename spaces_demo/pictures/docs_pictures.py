"""The pictures of README and docs, in `docs/pictures`: a generated clip with the answer of the quickstart's model, and the clip
as `emert data inspect --plot` draws it. `make pictures` writes them; no real person is in them.

python -m spaces_demo.pictures.docs_pictures runs/quickstart/model docs/pictures
"""

import html
import io
import json
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from PIL import Image

from dataset_scripts.inspection.find_recordings import Found
from dataset_scripts.inspection.quality import FaceCheck, measure
from dataset_scripts.pictures.recording_picture import recording_png
from dataset_scripts.pictures.style import LIGHT, TEXT_SIZE, TITLE_SIZE, drawing, dress, panel_legend, panel_title
from dataset_scripts.pictures.time_series import draw_faces, draw_gaze, draw_pupils
from dataset_scripts.readers import read_gaze
from modeling_emert.recording_emert import Recording

from ..examples import EXAMPLES, ExampleFiles

if TYPE_CHECKING:
    from modeling_emert.processing_emert import EmertProcessor

CLIP = next(example for example in EXAMPLES if example.key == "masked-smile")
RECORDING_WORDS = (
    "A generated recording: gaze, pupils and faces over time, with the scan path and the density of fixations below"
)
_COLOURS = 192  # of the recording's picture
_FACE_DPI = 110  # of the face crops, the only pixels in the SVG
# Inches: panels over time on the left, bars on the right.
_WIDTH, _HEIGHT, _LEFT, _MIDDLE, _RIGHT, _BARS = 9.2, 4.5, 0.5, 5.5, 0.15, 6.55
_TOP, _GAZE, _PUPILS, _FACES, _GAP, _BOTTOM = 0.86, 1.2, 0.8, 0.85, 0.3, 0.12


def clip_of_docs(folder: Path, processor: "EmertProcessor") -> Recording:
    """The generated clip of the pictures, its files written into `folder`: a smile is shown, sadness is felt."""
    video, gaze = ExampleFiles(folder / "clip").of(CLIP)
    return processor.load(video, read_gaze(gaze))


def answer_of_docs(model: Path, recording: Recording) -> dict:
    """What the picture shows of the model's answer: `er7` and `fer7` by label, `gap`, and the source `trained_on`."""
    from modeling_emert.answers_emert import answer
    from training.evaluation.load_model import load_answering_network
    from training.evaluation.model_folder import read_record, sources_of

    found = answer(*load_answering_network(model), recording)
    felt, shown = found["tasks"]["er7"], found["tasks"]["fer7"]
    return {"er7": felt, "fer7": shown, "gap": found["gap"], "trained_on": " and ".join(sources_of(read_record(model)))}


def alternative_text(answer: dict) -> str:
    """The picture of the answer in a sentence."""
    felt, shown = (max(answer[name].items(), key=lambda one: one[1]) for name in ("er7", "fer7"))
    return (
        f"A generated clip, of a drawn face that smiles and simulated eyes of {CLIP.felt}: gaze, pupils and faces over time, "
        f"beside the answer: felt is {felt[0]} with {felt[1]:.0%}, shown is {shown[0]} with {shown[1]:.0%}; "
        f"the gap is {answer['gap']:.2f}"
    )


def answer_svg(recording: Recording, answer: dict) -> str:
    """Gaze, pupils and faces over time beside the bars of felt and shown; the same text for the same inputs."""
    import matplotlib

    seconds = recording.gaze.duration_ms / 1000
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "docs"}), drawing(_WIDTH, _HEIGHT, LIGHT) as figure:
        place = {"x": _LEFT / _WIDTH, "va": "top", "color": LIGHT.ink}
        title = f"A generated clip: {CLIP.meaning}, and what the model answers"
        figure.text(y=1 - 0.1 / _HEIGHT, s=title, fontsize=TITLE_SIZE, fontweight="bold", **place)
        words = (
            f"Drawn face, simulated eyes; the model was trained on {answer['trained_on']} recordings of others. "
            "It says nothing of real people."
        )
        figure.text(y=1 - 0.32 / _HEIGHT, s=words, fontsize=TEXT_SIZE, **place)
        across, used = _MIDDLE - _LEFT, _TOP
        for tall, draw in ((_GAZE, draw_gaze), (_PUPILS, draw_pupils), (_FACES, None)):
            used += tall
            axes = figure.add_axes((_LEFT / _WIDTH, 1 - used / _HEIGHT, across / _WIDTH, tall / _HEIGHT))
            if draw is None:
                draw_faces(axes, recording.face, seconds, (across, tall), LIGHT)
            else:
                draw(axes, recording.gaze, LIGHT)
                axes.set_xlim(0, seconds)
                axes.tick_params(labelbottom=False)
            used += _GAP
        bottom = used - _GAP
        bars = (_BARS / _WIDTH, 1 - bottom / _HEIGHT, 1 - (_BARS + _RIGHT) / _WIDTH, (bottom - _TOP) / _HEIGHT)
        _draw_bars(figure.add_axes(bars), answer)
        file = io.StringIO()
        drawn = {"dpi": _FACE_DPI, "facecolor": figure.get_facecolor(), "metadata": {"Date": None, "Creator": None}}
        figure.savefig(file, format="svg", **drawn)
    text = file.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    opening = rf'<svg role="img" \1><title>{html.escape(alternative_text(answer))}</title>'
    text = re.sub(r"<svg ([^>]*)>", opening, text, count=1)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def _draw_bars(axes, answer: dict) -> None:
    dress(axes, LIGHT)
    labels = list(answer["er7"])
    for offset, task, colour, name in ((-0.2, "er7", LIGHT.first, "felt (ER)"), (0.2, "fer7", LIGHT.second, "shown (FER)")):
        places = [index + offset for index in range(len(labels))]
        axes.barh(places, list(answer[task].values()), 0.38, color=colour, label=name)
        for place, value in zip(places, answer[task].values(), strict=True):
            if value >= 0.1:
                inside = value > 0.8
                side = {"ha": "right", "color": LIGHT.background} if inside else {"ha": "left", "color": LIGHT.ink}
                where = value - 0.01 if inside else value + 0.01
                axes.text(where, place, f"{value:.2f}", va="center", fontsize=TEXT_SIZE, **side)
    axes.set(xlim=(0, 1), ylim=(len(labels) - 0.5, -0.5), yticks=range(len(labels)))
    axes.set_yticklabels(labels, fontsize=TEXT_SIZE)
    panel_title(axes, f"Gap {answer['gap']:.2f}", LIGHT)
    panel_legend(axes, LIGHT)


def recording_picture(recording: Recording) -> Image.Image:
    """As `emert data inspect --plot` draws the clip, in few colours, which makes the file small."""
    quality = measure(recording.gaze, FaceCheck(recording.face.detected, recording.face.times_ms))
    labels = {"er7": CLIP.felt, "fer7": CLIP.shown}
    found = Found("A generated recording of a drawn face and simulated eyes", labels=labels, recording=recording)
    return Image.open(io.BytesIO(recording_png(found, quality))).convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)


def write_pictures(model: Path, out: Path) -> None:
    """`answer.json`, `answer.svg` and `recording.png` in the folder `out`."""
    from modeling_emert.processing_emert import EmertProcessor

    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        recording = clip_of_docs(Path(folder), EmertProcessor.from_pretrained(model))
    answer = answer_of_docs(model, recording)
    (out / "answer.json").write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")
    (out / "answer.svg").write_text(answer_svg(recording, answer), encoding="utf-8")
    recording_picture(recording).save(out / "recording.png", optimize=True)


if __name__ == "__main__":
    write_pictures(*map(Path, sys.argv[1:]))
