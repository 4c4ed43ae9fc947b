"""Uploads: which paths are accepted, when files are deleted, and their names in sentences."""

import shutil
import stat
import time
from pathlib import Path

import pytest

from modeling_emert.errors_emert import EmertInputError
from spaces_demo.files.uploads import Uploads, full_name, upload_folder, visible_name


def test_uploads_are_only_what_was_uploaded_and_are_deleted(tmp_path: Path):
    with upload_folder() as folder:
        uploads = Uploads(folder)
        (folder / "hash").mkdir()
        file = folder / "hash" / "a.csv"
        file.write_text("x")
        assert uploads.claim(file) == file
        secret = tmp_path / "secret.csv"
        secret.write_text("x")
        (folder / "link.csv").symlink_to(secret)
        for path in (secret, folder / "link.csv", folder / ".." / ".." / secret.name, "/etc/passwd"):
            with pytest.raises(EmertInputError, match="not uploaded here"):
                uploads.claim(path)
        uploads.delete([file, secret, None])
        assert secret.is_file()
        assert not (folder / "hash").exists()
        with pytest.raises(EmertInputError, match="gone"):
            uploads.claim(file)
        assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    assert not folder.parent.exists()


def test_names_in_sentences_are_short_and_printable():
    assert visible_name("/tmp/x/a\nb\u202e.csv") == "a b .csv"
    assert len(visible_name("x" * 300)) == 60
    assert visible_name("\n") == "file"
    assert visible_name("%22q'uo%22te%0a%41.csv") == '"q\'uo"te %41.csv'  # as browsers write them, and no more
    assert len(full_name("x" * 300)) == 255


def test_files_without_a_request_are_swept_away(tmp_path: Path):
    uploads = Uploads(tmp_path)
    (tmp_path / "hash").mkdir()
    for name in ("half an upload", "hash/a.csv"):
        (tmp_path / name).write_text("x")
    uploads.sweep(age=60)
    assert len(list(tmp_path.rglob("*"))) == 3
    with uploads.swept(every=0.05, age=0.1):
        deadline = time.monotonic() + 10
        while list(tmp_path.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.05)
    assert not list(tmp_path.iterdir())


def test_files_with_a_request_are_not_swept_away(tmp_path: Path):
    """Neither while it is answered nor while the request waits for its turn; afterwards its age counts anew."""
    mark = f"up{'a' * 16}-"
    claimed, waits, forgotten = (tmp_path / name for name in ("claimed.csv", f"{mark}waits.csv", f"up{'b' * 16}-x.csv"))
    for file in (claimed, waits, forgotten):
        file.write_text("x")
    uploads = Uploads(tmp_path, waiting=lambda: f"[{{'path': '/x/{mark}waits.csv'}}]")
    uploads.claim(claimed)
    uploads.sweep(age=-1)
    assert (claimed.exists(), waits.exists(), forgotten.exists()) == (True, True, False)
    uploads.release([claimed])
    uploads.sweep(age=60)
    assert claimed.exists()
    uploads.sweep(age=-1)
    assert not claimed.exists()


def test_deleting_never_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The sweeper or another visitor's answer may be quicker with a file or with its folder."""
    uploads = Uploads(tmp_path)
    uploads.delete([tmp_path / "hash" / "gone.csv"])
    (tmp_path / "hash").mkdir()
    (tmp_path / "hash" / "a.csv").write_text("x")

    def quicker(path: Path, missing_ok: bool = False) -> None:
        shutil.rmtree(path.parent)

    monkeypatch.setattr(Path, "unlink", quicker)
    uploads.delete([tmp_path / "hash" / "a.csv"])
    assert not list(tmp_path.iterdir())
