"""`docs/answer.svg`, the picture of an answer in the model card: what `emert predict --json` printed, felt beside shown.

emert predict --model MODEL --video CLIP.mp4 --gaze GAZE.csv --json > answer.json
python -m spaces_demo.pictures.card_picture answer.json docs/answer.svg
"""

import html
import io
import json
import re
import sys
from pathlib import Path

from dataset_scripts.pictures.style import LIGHT, SMALL_SIZE, drawing, dress, panel_legend, panel_title


def alternative_text(answer: dict) -> str:
    """The picture in a sentence; `answer` has the tasks `er7` and `fer7`, and a `gap`."""
    felt, shown = (max(answer["tasks"][name].items(), key=lambda one: one[1]) for name in ("er7", "fer7"))
    return (
        f"Bars of seven emotions, felt beside shown: felt is {felt[0]} with {felt[1]:.0%}, "
        f"shown is {shown[0]} with {shown[1]:.0%}; the gap between the two is {answer['gap']:.2f}"
    )


def card_picture(answer: dict) -> str:
    """An SVG of some kilobytes, the same for the same answer. `answer`: also with `trained_on`, the model's source."""
    import matplotlib

    felt, shown = (answer["tasks"][name] for name in ("er7", "fer7"))
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "card"}), drawing(7, 2.6, LIGHT) as figure:
        axes = figure.add_axes((0.07, 0.14, 0.91, 0.7))
        dress(axes, LIGHT)
        for offset, name, values, colour in ((-0.2, "felt (ER)", felt, LIGHT.first), (0.2, "shown (FER)", shown, LIGHT.second)):
            axes.bar([index + offset for index in range(len(values))], list(values.values()), 0.38, color=colour, label=name)
        axes.set(ylim=(0, 1), xticks=range(len(felt)))
        axes.set_xticklabels(felt, fontsize=SMALL_SIZE)
        panel_title(axes, f"One recording; model trained on {answer['trained_on']}", LIGHT, f"gap {answer['gap']:.2f}")
        panel_legend(axes, LIGHT)
        file = io.StringIO()
        figure.savefig(file, format="svg", facecolor=figure.get_facecolor(), metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    title = f"<title>{html.escape(alternative_text(answer))}</title>"
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r"<svg ([^>]*)>", rf'<svg role="img" \1>{title}', text, count=1)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


if __name__ == "__main__":
    source, out = map(Path, sys.argv[1:])
    out.write_text(card_picture(json.loads(source.read_text(encoding="utf-8"))), encoding="utf-8")
