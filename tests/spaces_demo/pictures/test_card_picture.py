"""The picture of an answer in the model card."""

import json
import re
import subprocess
import sys
from xml.etree import ElementTree

from demo_answers import an_answer
from places import ROOT

from spaces_demo.pictures.card_picture import alternative_text, card_picture


def test_the_module_draws_an_answer_with_its_alternative_text(tmp_path):
    answer = an_answer(trained_on="synthetic")
    (tmp_path / "answer.json").write_text(json.dumps(answer))
    command = [sys.executable, "-m", "spaces_demo.pictures.card_picture", tmp_path / "answer.json", tmp_path / "answer.svg"]
    subprocess.run(command, cwd=ROOT, check=True)
    text = (tmp_path / "answer.svg").read_text()
    assert text == card_picture(answer)
    assert "felt is sadness with 90%, shown is happiness with 90%; the gap between the two is 0.80" in alternative_text(answer)
    assert ElementTree.fromstring(text)[0].text == alternative_text(answer)
    assert text.count("<text") > 14  # words stay words
    assert "model trained on synthetic · gap 0.80" in text


def test_the_cards_picture_is_small_and_says_what_it_shows():
    text = (ROOT / "docs" / "answer.svg").read_text()
    assert len(text) < 30_000
    alternative = re.search(r"!\[(.*?)\]\(docs/answer.svg\)", (ROOT / "model_card.md").read_text())[1]
    assert ElementTree.fromstring(text)[0].text == alternative
