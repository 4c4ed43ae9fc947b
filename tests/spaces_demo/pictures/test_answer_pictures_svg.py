"""A figure as SVG for the page."""

import numpy as np

from dataset_scripts.pictures.style import LIGHT, drawing, dress
from spaces_demo.pictures.answer_pictures import svg_of


def test_an_svg_takes_the_pages_colours_and_says_what_it_shows():
    with drawing(3, 2, LIGHT) as figure:
        axes = figure.add_axes((0.2, 0.2, 0.7, 0.7))
        dress(axes, LIGHT)
        axes.plot(np.arange(5), color=LIGHT.first)
        text = svg_of(figure, "line", 'rising "line"')
    assert text.startswith('<svg class="emert-picture emert-line" role="img" aria-label="rising &quot;line&quot;"')
    assert "var(--emert-first)" in text
    assert LIGHT.first.lower() not in text.lower()
    assert "DejaVu" not in text
    assert "<metadata>" not in text
