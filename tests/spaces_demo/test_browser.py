"""The page in a real Chromium: what a visitor does and sees. Skipped where playwright or Chromium is not installed."""

import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import pytest
from real_browser import NEEDS_BROWSER, chromium, playwright
from running_space import Server

pytestmark = NEEDS_BROWSER
_PATIENCE = 60_000  # ms
# Classes of the elements that reach beyond the window, for the message.
_TOO_WIDE = """width => [...document.querySelectorAll("body *")]
    .filter(one => one.getBoundingClientRect().right > width).map(one => `${one.tagName} ${one.id} ${one.className}`)"""


@pytest.fixture(scope="module")
def browser() -> Iterator["playwright.Browser"]:
    with chromium() as opened:
        yield opened


@pytest.fixture(params=[("light", 1440), ("dark", 390)], ids=["light-wide", "dark-narrow"])
def page(browser: "playwright.Browser", server: Server, request: pytest.FixtureRequest) -> Iterator:
    """Opened; at the end nothing was asked of other hosts, no script failed, and nothing is wider than the window."""
    theme, width = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    opened = context.new_page()
    opened.set_default_timeout(_PATIENCE)
    asked: list[str] = []
    errors: list[str] = []
    opened.on("request", lambda one: asked.append(one.url))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(server[0])
    opened.wait_for_selector("#ask")
    opened.wait_for_function(f"document.body.classList.contains('dark') === {str(theme == 'dark').lower()}")
    yield opened
    assert {urlparse(url).hostname for url in asked if url.startswith("http")} == {"127.0.0.1"}
    assert errors == []
    assert opened.evaluate("document.documentElement.scrollWidth") <= width, opened.evaluate(_TOO_WIDE, width)
    context.close()


def drop(page, clips: Path, *parts: str) -> None:
    files = {"video": clips / "videos" / "p000-s000.mp4", "gaze": clips / "gaze" / "p000-s000.csv"}
    for part in parts:
        page.set_input_files(f"#{part} input[type=file]", files[part])
    if "video" in parts:
        page.wait_for_selector("#video video")
    if "gaze" in parts:
        page.wait_for_selector("#gaze :text('p000-s000')")


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
    found += page.evaluate(_VIOLATIONS)
    (tmp_path / "notes.csv").write_text("hello\nthere\n")
    page.set_input_files("#gaze input[type=file]", tmp_path / "notes.csv")
    page.wait_for_selector("#gaze :text('notes')")
    page.click("#ask")
    page.wait_for_selector(".emert-refusal")
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


def test_the_program_is_told_where_the_page_is(page, server: Server):
    page.get_by_role("tab", name="API").click()
    page.wait_for_selector(f".emert-code:has-text('{server[0]}')")


def test_a_visitor_drops_both_files_and_sees_why(page, clips: Path):
    drop(page, clips, "video", "gaze")
    page.focus("#ask")
    page.keyboard.press("Enter")  # the whole page works by keyboard
    page.wait_for_selector("#reasons [aria-busy=false]")
    assert re.match(r"(The face shows|Face and eyes)", page.inner_text(".emert-verdict"))
    assert page.locator(".emert-bars").first.locator("tbody tr").count() == 7
    wide = page.viewport_size["width"] > 700
    page.wait_for_selector(f"#reasons .emert-time-{'wide' if wide else 'narrow'}:visible")
    assert page.locator(f"#reasons .emert-time-{'narrow' if wide else 'wide'}:visible").count() == 0
    for svg in page.locator("svg.emert-picture").all():
        assert len(svg.get_attribute("aria-label")) > 20
    assert page.locator(".emert-crops img").count() == page.locator(".emert-crops img[alt^='Face crop']").count() > 0
    assert page.locator(".emert-banner").inner_text().startswith("This checkpoint was trained on generated recordings")
    page.wait_for_selector("#video video", state="detached")  # the inputs are empty, since the files are gone


@pytest.mark.parametrize(("part", "words"), [("video", "No gaze"), ("gaze", "No face")])
def test_either_alone(page, clips: Path, part: str, words: str):
    drop(page, clips, part)
    page.click("#ask")
    page.wait_for_selector("text=(deleted)")
    page.wait_for_selector("#reasons [aria-busy=false]")
    assert words in page.inner_text("#reasons")


def test_a_wrong_file_gives_one_sentence(page, tmp_path: Path):
    (tmp_path / "notes.csv").write_text("hello\nthere\n")
    page.set_input_files("#gaze input[type=file]", tmp_path / "notes.csv")
    page.wait_for_selector("#gaze :text('notes')")
    page.click("#ask")
    assert page.inner_text(".emert-refusal").startswith("No answer. notes.csv is in no known format")


def test_an_example_and_another_checkpoint(page, server: Server):
    page.click("#example-masked-smile")
    page.wait_for_selector("text=Example “Masked smile”")
    page.click("#checkpoint input")
    page.get_by_role("option", name=server[1].checkpoints[1].name).click()
    page.wait_for_selector(".emert-banner", state="detached")  # the other was not trained on generated recordings


def test_a_batch_is_downloaded(page, clips: Path):
    page.get_by_role("tab", name="Several").click()
    page.set_input_files("#files input[type=file]", [clips / "gaze" / "p000-s000.csv", clips / "gaze" / "p001-s000.csv"])
    page.wait_for_selector("#files :text('p001-s000')")
    page.click("#ask-all")
    with page.expect_download() as download:
        page.click("text=Download answers.csv")
    assert len(Path(download.value.path()).read_text().splitlines()) == 3
