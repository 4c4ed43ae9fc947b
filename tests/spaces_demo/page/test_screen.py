"""What the tab for one clip shows of a question that was refused, and which files stay."""

import shutil
from pathlib import Path

import gradio as gr
from running_space import Server, left_behind

from spaces_demo.page.screen import answer_clip


def test_the_file_is_kept_while_its_participant_has_to_be_named(server: Server, crowd: Path):
    service = server[1]
    file = shutil.copy(crowd, service.uploads.folder / "crowd.csv")
    ((_, page, _, *files, field),) = answer_clip(service, None, str(file), "", None)
    assert "crowd.csv holds several participants (p1, p2, p10); write one of them under &#x27;Participant&#x27;." in page
    assert "Your gaze file is still here." in page
    assert file.is_file()
    assert files == [None, gr.skip()]
    assert field.open  # the field for it
    ((_, page, *_),) = answer_clip(service, None, str(file), "p" * 90, None)
    assert f"has no participant &#x27;{'p' * 39}…&#x27;; it has p1, p2, p10." in page
    assert file.is_file()
    *_, (_, page, _, *files, field) = answer_clip(service, None, str(file), "p2", None)
    assert "emert-verdict" in page
    assert files == [None, None]
    assert not file.exists()


def test_a_wrong_file_is_deleted_and_the_right_one_kept(server: Server, clips: Path):
    """The right one is released, so that it is swept away if no other question comes."""
    service = server[1]
    wrong = {"video": b"no video", "gaze": b"hello\nthere\n"}
    for part, content in wrong.items():
        files = {"video": service.uploads.folder / "v.mp4", "gaze": service.uploads.folder / "g.csv"}
        shutil.copy(clips / "videos" / "p000-s000.mp4", files["video"])
        shutil.copy(clips / "gaze" / "p000-s000.csv", files["gaze"])
        files[part].write_bytes(content)
        ((_, page, _, *left, field),) = answer_clip(service, *map(str, files.values()), "", None)
        right = "gaze" if part == "video" else "video"
        assert f"Your {right}{' file' if right == 'gaze' else ''} is still here." in page
        assert left == [gr.skip() if name == right else None for name in files]
        assert field == gr.skip()
        assert [path.exists() for path in files.values()] == [name == right for name in files]
        service.uploads.sweep(age=-1)
        assert left_behind(server) == []


def test_where_nothing_is_given_the_last_answer_stays():
    no_service = None  # nothing is asked of it
    ((notice, *rest),) = answer_clip(no_service, None, None, "", None)
    assert 'role="alert"' in notice.value
    assert "Nothing to answer from" in notice.value
    assert rest == [gr.skip()] * 5
