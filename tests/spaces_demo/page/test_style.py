"""The page in a real Chromium: what stands where, at every width, and what axe-core says of it."""

import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from real_browser import NEEDS_BROWSER
from running_space import PATIENCE, TOO_WIDE, Server, drop, wait_for_button

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = NEEDS_BROWSER


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script of axe-core (MPL-2.0), from npm for this run: it is no part of the project."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("axe")
    packed = subprocess.run(["npm", "pack", "--silent", "axe-core"], cwd=folder, capture_output=True, text=True, timeout=120)
    if packed.returncode:
        pytest.skip(f"npm can't get axe-core: {packed.stderr[-200:]}")
    with tarfile.open(folder / packed.stdout.strip()) as archive:
        return archive.extractfile("package/axe.min.js").read().decode()


# Gradio's own: its upload buttons show more words than their label says.
_NOT_OURS = ("label-content-name-mismatch",)
_VIOLATIONS = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
    .filter(one => ["serious", "critical"].includes(one.impact))
    .flatMap(one => one.nodes.map(node => [one.id, node.target.join(" "), node.html.slice(0, 200)]))"""


def test_axe_finds_no_serious_violation_of_ours(page, clips: Path, axe: str, tmp_path: Path):
    """On every tab, with an answer and a refusal on them; contrast in both themes is part of it."""
    page.evaluate(axe)
    found = page.evaluate(_VIOLATIONS)
    drop(page, clips, "video", "gaze")
    page.click("#ask")
    page.wait_for_selector("#reasons [aria-busy=false]")
    wait_for_button(page)
    found += page.evaluate(_VIOLATIONS)
    (tmp_path / "notes.csv").write_text("hello\nthere\n")
    page.set_input_files("#gaze input[type=file]", tmp_path / "notes.csv")
    page.wait_for_selector("#gaze :text('notes')")
    page.click("#ask")
    page.wait_for_selector(".emert-refusal")
    wait_for_button(page)
    found += page.evaluate(_VIOLATIONS)
    for tab in ("Several", "API", "Care"):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(300)  # the tab fades in
        found += page.evaluate(_VIOLATIONS)
    ours = [one for one in found if "upload-container" not in one[2] or one[0] not in _NOT_OURS]
    assert not ours


def test_columns_stand_below_each_other_on_a_phone(page):
    ask, answer = page.locator("#ask").bounding_box(), page.locator("#answer").bounding_box()
    narrow = page.viewport_size["width"] < 700
    assert (answer["y"] > ask["y"] + ask["height"]) == narrow
    assert answer["width"] > 300


_CUT_OFF = """() => [...document.querySelectorAll(":is(#video,#photo,#gaze) .wrap:has(> .or)")].filter(words => {
    const box = words.closest(".block").getBoundingClientRect(), range = document.createRange();
    const label = words.closest(".block").querySelector("[data-testid=block-label]").getBoundingClientRect();
    range.selectNodeContents(words);
    const text = range.getBoundingClientRect();
    return text.top < label.bottom || text.bottom > box.bottom;
}).map(words => words.closest(".block").id)"""


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_first_screen_has_all_inputs_whole_and_a_refusal_is_next_to_them(
    browser: "Browser", checkpoint: Path, server: Server, tmp_path: Path, width: int, height: int
):
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(PATIENCE)
    page.goto(server[0])
    page.wait_for_selector("#ask")
    page.wait_for_selector(".emert-banner")
    page.wait_for_function("document.querySelectorAll('.wrap > .or').length >= 3")
    assert page.evaluate(_CUT_OFF) == []
    # Of the shipped model, alone and of real people: without the choice of a checkpoint and the banner.
    more = "['#checkpoint', '.emert-banner'].map(one => document.querySelector(one).closest('.block').offsetHeight + 16)"
    ask = page.locator("#ask").bounding_box()
    above = sum(page.evaluate(more))
    assert width < 700 or ask["y"] + ask["height"] - above <= height
    (tmp_path / "notes.csv").write_text("hello\nthere\n")
    page.set_input_files("#gaze input[type=file]", tmp_path / "notes.csv")
    page.wait_for_selector("#gaze :text('notes')")
    page.click("#ask")
    refusal = page.locator(".emert-refusal").bounding_box()
    wait_for_button(page)
    examples, ask = page.locator("#examples").bounding_box(), page.locator("#ask").bounding_box()
    assert (ask["y"] < refusal["y"] < examples["y"]) == (width < 700)
    page.close()


def test_the_heading_stands_still_on_every_tab_and_beside_an_answer(page):
    left = "document.querySelector('h1').getBoundingClientRect().left"
    found = [page.evaluate(left)]
    page.click("#example-face-only")
    page.wait_for_selector("#reasons [aria-busy=false]")
    found.append(page.evaluate(left))
    for tab in ("Several", "API", "Care"):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(300)  # the tab fades in
        found.append(page.evaluate(left))
    assert len(set(found)) == 1, found


_CROWDED = """() => [...document.querySelectorAll(".emert-card")].flatMap(card => {
    const room = card.getBoundingClientRect();
    const bars = [...card.querySelectorAll(".emert-track")].map(one => one.getBoundingClientRect());
    const words = [...card.querySelectorAll("th, td, p, span")].map(one => one.getBoundingClientRect());
    return [...bars.filter(one => one.width < 40), ...words.filter(one => one.right > room.right + 1)].map(one => one.width);
})"""


@pytest.mark.parametrize("width", [195, 320, 390, 720], ids=["390 at 200 %", "320", "390", "1440 at 200 %"])
def test_bars_and_numbers_have_room_in_narrow_windows(browser: "Browser", server: Server, width: int):
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_default_timeout(PATIENCE)
    page.goto(server[0])
    page.click("#example-agreeing")
    page.wait_for_selector("#reasons [aria-busy=false]")
    assert page.locator(".emert-track").count() > 20
    assert page.evaluate(_CROWDED) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width, page.evaluate(TOO_WIDE, width)
    page.close()
