"""The page in a real Chromium: what a visitor does and sees. Skipped where playwright or Chromium is not installed."""

import re
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from real_browser import NEEDS_BROWSER
from running_space import Server, drop, wait_for_button

pytestmark = NEEDS_BROWSER


def test_the_example_for_programs_has_the_address_of_the_page(page, server: Server):
    page.get_by_role("tab", name="API").click()
    page.wait_for_selector(f".emert-code:has-text('{server[0]}')")


def test_a_visitor_drops_both_files_and_sees_why(page, clips: Path):
    drop(page, clips, "video", "gaze")
    page.focus("#ask")
    page.keyboard.press("Enter")  # everything works by keyboard
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


def boxes(page) -> tuple[bool, str]:
    """Whether there is a video in its box, and the gaze file's name or nothing."""
    stem = page.locator("#gaze .stem")
    return page.locator("#video video").count() > 0, stem.inner_text() if stem.count() else ""


def drop_gaze(page, file: Path) -> None:
    page.set_input_files("#gaze input[type=file]", file)
    page.wait_for_selector(f"#gaze :text('{file.stem}')")


def wait_for_end(page) -> None:
    """Until the pictures are there and another question can be asked."""
    page.wait_for_selector("#reasons [aria-busy=false]")
    wait_for_button(page)


def hold_replies(page) -> Callable[[], None]:
    """Holds the next question back until the returned function is called."""
    held: list = []
    page.route("**/queue/join*", lambda route, _: held.append(route))

    def go_on() -> None:
        for one in held:
            one.continue_()
        page.unroute("**/queue/join*")

    return go_on


def test_files_dropped_while_an_answer_is_coming_are_of_the_next_question(page, clips: Path):
    """Both before the first reply and between the numbers and the pictures."""
    go_on = hold_replies(page)
    drop(page, clips, "video")
    page.click("#ask")
    page.wait_for_selector("#video video", state="detached")  # at once, before the server has heard of it
    drop_gaze(page, clips / "gaze" / "p001-s000.csv")
    assert page.locator("#ask:disabled").count() == 1
    go_on()
    page.wait_for_selector(".emert-verdict")
    assert page.inner_text(".emert-source").startswith("p000-s000.mp4 (deleted)")
    drop(page, clips, "video")  # the pictures are still to come, or have just come
    wait_for_end(page)
    assert boxes(page) == (True, "p001-s000")
    page.click("#ask")
    page.wait_for_selector("text=p000-s000.mp4, p001-s000.csv (deleted)")
    wait_for_end(page)
    assert boxes(page) == (False, "")


def test_a_question_that_the_server_refuses_loses_no_file(page, clips: Path):
    drop(page, clips, "video", "gaze")
    page.route("**/queue/join*", lambda route: route.fulfill(status=503, json={"detail": "Queue is full."}))
    page.click("#ask")
    page.wait_for_selector("[data-testid=toast-body]")
    wait_for_button(page)
    assert boxes(page) == (True, "p000-s000")
    page.unroute("**/queue/join*")
    page.click("#ask")
    wait_for_end(page)
    assert page.locator(".emert-verdict").count() == 1


def test_a_wrong_file_leaves_the_other_for_another_question(page, clips: Path, tmp_path: Path):
    (tmp_path / "notes.csv").write_text("hello\nthere\n")
    drop(page, clips, "video")
    drop_gaze(page, tmp_path / "notes.csv")
    page.click("#ask")
    page.wait_for_selector(".emert-refusal:has-text('Your video is still here.')")
    wait_for_button(page)
    assert boxes(page) == (True, "")
    drop(page, clips, "gaze")
    page.click("#ask")
    page.wait_for_selector("text=p000-s000.mp4, p000-s000.csv (deleted)")


def test_answer_with_nothing_dropped_leaves_the_last_answer(page):
    page.click("#example-agreeing")
    page.wait_for_selector("#reasons [aria-busy=false]")
    page.click("#ask")
    page.wait_for_selector("#notice [role=alert]:has-text('Nothing to answer from')")
    wait_for_button(page)
    assert page.locator(".emert-verdict:visible").count() == 1
    assert page.locator("#reasons .emert-card:visible").count() > 2
    page.click("#example-agreeing")
    page.wait_for_selector("#notice", state="hidden")


def write_avi(path: Path, video: Path) -> None:
    """The same frames in a container that no browser plays."""
    with av.open(str(video)) as source, av.open(str(path), "w") as target:
        given = source.streams.video[0]
        stream = target.add_stream("mpeg4", rate=given.average_rate)
        stream.width, stream.height, stream.pix_fmt = given.width, given.height, "yuv420p"
        for frame in source.decode(given):
            target.mux(stream.encode(av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24"), format="rgb24")))
        target.mux(stream.encode())


def test_a_video_that_the_browser_cannot_play_is_answered(page, clips: Path, tmp_path: Path):
    write_avi(tmp_path / "clip.avi", clips / "videos" / "p000-s000.mp4")
    page.set_input_files("#video input[type=file]", tmp_path / "clip.avi")
    page.wait_for_selector('#unplayable :text("can\'t play this video; it can be answered all the same")')
    assert page.locator("[data-testid=toast-body]").count() == 0
    page.click("#ask")
    page.wait_for_selector("#unplayable", state="hidden")
    page.wait_for_selector("text=clip.avi (deleted)")
    drop(page, clips, "video")
    page.wait_for_function("document.querySelector('#unplayable p').textContent === ''")


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
