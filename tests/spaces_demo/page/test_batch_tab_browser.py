"""Batches in a real Chromium: what stays on the page when files are dropped early, or not at all."""

from pathlib import Path
from typing import TYPE_CHECKING

from real_browser import NEEDS_BROWSER
from running_space import PATIENCE, Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = NEEDS_BROWSER


def test_what_is_dropped_meanwhile_stays_and_nothing_dropped_keeps_the_table(browser: "Browser", server: Server, clips: Path):
    first, second, later = (clips / "gaze" / f"{name}.csv" for name in ("p000-s000", "p001-s001", "p002-s002"))
    box = "#files input[type=file]"
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(server[0])
    page.get_by_role("tab", name="Several").click()
    page.set_input_files(box, [first, second])
    page.wait_for_selector(f"#files :text('{second.stem}')")
    page.click("#ask-all")
    page.wait_for_selector(f"#files :text('{second.stem}')", state="detached")
    page.set_input_files(box, later)
    page.wait_for_selector("#batch-status :text('2 answered.')")
    page.wait_for_selector(f"#files :text('{later.stem}')")
    page.click("#ask-all")
    page.wait_for_selector("#batch-status :text('1 answered.')")
    assert later.stem in page.inner_text("#table")
    page.click("#ask-all")
    page.wait_for_selector("#batch-status [role=alert]:has-text('There is no file in this batch')")
    assert later.stem in page.inner_text("#table")
    assert page.locator("text=Download answers.csv").count() == 1
    page.close()
