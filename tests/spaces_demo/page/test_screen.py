"""What the tab for one clip shows of a question that was refused, and which files stay."""

import shutil
from pathlib import Path

from PIL import Image
from running_space import SKIPPED, Server, answer_clip, left_behind

from modeling_emert.video_emert import read_frames


def test_the_file_is_kept_while_its_participant_has_to_be_named(server: Server, crowd: Path):
    service = server[1]
    file = shutil.copy(crowd, service.uploads.folder / "crowd.csv")
    ((_, page, _, *files, field),) = answer_clip(service, None, None, str(file), "", None)
    assert "crowd.csv holds several participants (p1, p2, p10); write one of them under &#x27;Participant&#x27;." in page
    assert "Your gaze file is still here." in page
    assert file.is_file()
    assert files == [None, None, SKIPPED]
    assert field.open  # the field for it
    ((_, page, *_),) = answer_clip(service, None, None, str(file), "p" * 90, None)
    assert f"has no participant &#x27;{'p' * 39}…&#x27;; it has p1, p2, p10." in page
    assert file.is_file()
    *_, (_, page, _, *files, field) = answer_clip(service, None, None, str(file), "p2", None)
    assert "emert-verdict" in page
    assert files == [None, None, None]
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
        ((_, page, _, *left, field),) = answer_clip(service, str(files["video"]), None, str(files["gaze"]), "", None)
        right = "gaze" if part == "video" else "video"
        assert f"Your {right}{' file' if right == 'gaze' else ''} is still here." in page
        assert left == [SKIPPED if name == right else None for name in ("video", "video", "gaze")]
        assert field == SKIPPED
        assert [path.exists() for path in files.values()] == [name == right for name in files]
        service.uploads.sweep(age=-1)
        assert left_behind(server) == []


def test_where_nothing_is_given_the_last_answer_stays():
    no_service = None  # nothing is asked of it
    for video, photo, words in (
        (None, None, "Nothing to answer from"),
        ("a.mp4", "b.png", "A video and a photograph are given"),
    ):
        ((notice, *rest),) = answer_clip(no_service, video, photo, None, "", None)
        assert 'role="alert"' in notice.value
        assert words in notice.value
        assert rest == [SKIPPED] * 6


def test_a_photograph_is_answered_as_a_video_of_one_frame(server: Server, clips: Path):
    service = server[1]
    frame = read_frames(clips / "videos" / "p000-s000.mp4", 1)[0][0]
    file = service.uploads.folder / "photo.png"
    Image.fromarray(frame).save(file)
    *_, (_, page, reasons, *files, _) = answer_clip(service, None, str(file), None, "", None)
    assert "emert-verdict" in page
    assert "1 frames spread" in reasons or "Face crop 1 of" in reasons
    assert files == [None, None, None]
    assert not file.exists()
