"""How long a visitor waits, in a real Chromium, with the network that the quickstart trains (its weights decide no time).

The figures are printed (`pytest -s`). They are those of a machine with nothing else to do; the tests allow twice as much.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_browser import NEEDS_BROWSER, chromium

from modeling_emert import EmertConfig, EmertForEmotionRecognition
from modeling_emert.processing_emert import EmertProcessor
from spaces_demo.checkpoints import find_checkpoints
from spaces_demo.server import running
from training.speed import write_clip

pytestmark = NEEDS_BROWSER
_ROUNDS = 5
_PAGE_SECONDS, _ANSWER_SECONDS, _SLACK = 1.5, 2.0, 2.0


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small") / "model"
    model = EmertForEmotionRecognition(EmertConfig.small())
    model.save_pretrained(folder)
    EmertProcessor.for_config(model.config, 56).save_pretrained(folder)
    (folder / "training_record.json").write_text('{"data": "synthetic"}')
    return folder


@pytest.fixture(scope="module")
def address(small_model: Path) -> Iterator[str]:
    with running(find_checkpoints([small_model])) as (page, service):
        assert service.examples.drawn.wait(120)  # the last of what the server does in its first seconds
        yield page.local_url


def test_the_page_shows_and_ten_seconds_of_720p_are_answered_in_time(address: str, tmp_path: Path):
    video, gaze = write_clip(tmp_path)
    shown, answered, drawn = [], [], []
    with chromium() as browser:
        for _ in range(_ROUNDS):
            page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()  # a new visitor, nothing cached
            start = time.perf_counter()
            page.goto(address)
            page.wait_for_selector("#ask")
            shown.append(time.perf_counter() - start)
            page.set_input_files("#video input[type=file]", video)
            page.set_input_files("#gaze input[type=file]", gaze)
            page.wait_for_selector("#video video")
            page.wait_for_selector(f"#gaze :text('{gaze.stem}')")
            start = time.perf_counter()
            page.click("#ask")
            page.wait_for_selector(".emert-verdict")
            answered.append(time.perf_counter() - start)
            page.wait_for_selector("#reasons [aria-busy=false]")
            drawn.append(time.perf_counter() - start)
            page.context.close()
    for name, times in (("page shows", shown), ("numbers", answered), ("pictures", drawn)):
        print(f"\n{name}: " + ", ".join(f"{one:.2f}" for one in times) + " s")
    assert min(shown) < _SLACK * _PAGE_SECONDS
    assert answered[0] < _SLACK * _ANSWER_SECONDS
