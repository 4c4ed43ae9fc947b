"""The pictures of README and docs: today's code draws the stored ones, and every page gives them their text."""

import base64
import io
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from places import ROOT

from modeling_emert.processing_emert import EmertProcessor
from modeling_emert.recording_emert import Recording
from spaces_demo.pictures.docs_pictures import alternative_text, answer_svg, clip_of_docs, write_pictures
from training.evaluation.model_folder import shipped_model

PICTURES = ROOT / "docs" / "pictures"
STORED = json.loads((PICTURES / "answer.json").read_text(encoding="utf-8"))
_PIXELS, _NUMBERS = re.compile(r'base64,\s*([^"]+)'), re.compile(r"-?\d+\.\d+")
_SAME = 0.5  # points of 1/72 inch, and grey levels: other releases of the video decoder and of matplotlib


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return clip_of_docs(tmp_path_factory.mktemp("docs"), EmertProcessor.from_pretrained(shipped_model()))


def _near(first: Image.Image, second: Image.Image) -> bool:
    one, other = (np.asarray(image.convert("RGB"), np.float32) for image in (first, second))
    return one.shape == other.shape and np.abs(one - other).mean() < _SAME


def test_todays_code_draws_the_stored_answer(clip):
    drawn, stored = answer_svg(clip, STORED), (PICTURES / "answer.svg").read_text(encoding="utf-8")
    (one,), (other,) = (_PIXELS.findall(text) for text in (drawn, stored))
    assert _near(*(Image.open(io.BytesIO(base64.b64decode(pixels))) for pixels in (one, other))), "make pictures"
    drawn, stored = (_PIXELS.sub("", text) for text in (drawn, stored))
    np.testing.assert_allclose(*(np.float64(_NUMBERS.findall(text)) for text in (drawn, stored)), atol=_SAME)
    words = [[element.text for element in ElementTree.fromstring(text).iter() if element.text] for text in (drawn, stored)]
    assert words[0] == words[1]


@pytest.mark.slow
def test_a_model_draws_all_of_them(checkpoint, tmp_path):
    """The answer is another than the stored one; the recording is the same."""
    write_pictures(checkpoint, tmp_path)
    answer = json.loads((tmp_path / "answer.json").read_text())
    assert {name: list(answer[name]) for name in ("er7", "fer7")} == {name: list(STORED[name]) for name in ("er7", "fer7")}
    text = (tmp_path / "answer.svg").read_text()
    assert ElementTree.fromstring(text)[0].text == alternative_text(answer)
    assert alternative_text(answer) != alternative_text(STORED)
    assert f"Gap {answer['gap']:.2f}" in text
    with Image.open(PICTURES / "recording.png") as stored, Image.open(tmp_path / "recording.png") as drawn:
        assert _near(drawn, stored), "make pictures"
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in PICTURES.iterdir()}


def test_they_are_small_and_every_page_that_shows_one_says_what_it_shows():
    assert {path.name: size for path in PICTURES.iterdir() if (size := path.stat().st_size) > 150_000} == {}
    pages = [ROOT / "README.md", ROOT / "model_card.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    shown = [
        (page, *found)
        for page in pages
        if page.is_file()
        for found in re.findall(r"!\[([^\]]*)\]\(([^)]*pictures/[^)]*)\)", page.read_text(encoding="utf-8"))
    ]
    assert shown
    for page, words, target in shown:
        assert (page.parent / target).is_file(), f"{page}: {target}"
        assert "generated" in words.lower(), f"{page}: the text of {target} does not say that the clip is generated"
        if Path(target).name == "answer.svg":
            assert words == alternative_text(STORED), page
