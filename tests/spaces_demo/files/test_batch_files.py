"""Batches, uploads, checkpoints: what is refused, what is deleted, what the table holds."""

import io
import json
import shutil
import stat
import sys
import time
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from modeling_emert.errors_emert import EmertInputError
from spaces_demo.answers.messages import Reply
from spaces_demo.answers.table import as_csv, as_parquet, table_row
from spaces_demo.checkpoints import ENVIRONMENT, OWN_TRAINING, QUICKSTART, find_checkpoints
from spaces_demo.files import unpack as unpacking
from spaces_demo.files.pair import Pair
from spaces_demo.files.unpack import lay_together, unpack
from spaces_demo.files.uploads import Uploads, upload_folder, visible_name, whole_name
from spaces_demo.page import training_offer
from spaces_demo.page.training_offer import train_small, trained


def make_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_a_zip_is_unpacked_by_number(tmp_path: Path):
    archive = make_zip(tmp_path / "a.zip", {"x/p1.mp4": b"v", "y/p1.csv": b"g", "__MACOSX/p1.csv": b"", ".DS_Store": b""})
    (tmp_path / "out").mkdir()
    found = unpack(archive, tmp_path / "out")
    assert [name for name, _ in found] == ["x/p1.mp4", "y/p1.csv"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0000.mp4", "0001.csv"]


@pytest.mark.parametrize("name", ["../evil.csv", "/etc/evil.csv", "a/../../evil.csv"])
def test_a_zip_that_leads_out_of_its_folder_is_refused(tmp_path: Path, name: str):
    (tmp_path / "out").mkdir()
    with pytest.raises(EmertInputError, match="outside of it"):
        unpack(make_zip(tmp_path / "a.zip", {name: b"x"}), tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_zip_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "out").mkdir()
    with pytest.raises(EmertInputError, match=r"unpacks to [\d,]+ times its size, and at most 200 times is allowed"):
        unpack(make_zip(tmp_path / "bomb.zip", {"a.csv": bytes(30_000_000)}), tmp_path / "out")
    monkeypatch.setattr(unpacking, "MAX_ZIP_FILES", 2)
    with pytest.raises(EmertInputError, match="holds 3 files"):
        unpack(make_zip(tmp_path / "many.zip", {f"{i}.csv": b"x" for i in range(3)}), tmp_path / "out")
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(EmertInputError, match="not a zip"):
        unpack(tmp_path / "text.zip", tmp_path / "out")


def test_a_zip_that_lies_about_its_sizes_is_refused(tmp_path: Path):
    content = make_zip(tmp_path / "a.zip", {"a.csv": b"0123456789" * 50}).read_bytes()
    size = (500).to_bytes(4, "little")
    assert content.count(size) == 2
    (tmp_path / "a.zip").write_bytes(content.replace(size, (5).to_bytes(4, "little")))
    (tmp_path / "out").mkdir()
    with pytest.raises(EmertInputError, match=r"more than it says|damaged"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_files_of_one_recording_lie_together_by_plain_names(tmp_path: Path):
    (tmp_path / "0001.csv").write_text("x")
    files = [(name, tmp_path / "0001.csv") for name in ("p1/blinks.csv", "a/é\n.csv", "..", "x/blinks.csv", "a\\.hidden")]
    together = lay_together(files, tmp_path)
    assert together.parent == tmp_path
    assert sorted(path.name for path in together.iterdir()) == ["0001.csv", "0002.csv", "0003.csv", "0004.csv", "blinks.csv"]


def test_a_zips_refusal_calls_it_by_the_visitors_name(tmp_path: Path):
    archive = tmp_path / f"up{'0' * 16}-all.zip"
    archive.write_text("no zip")
    with pytest.raises(EmertInputError, match=r"^all\.zip: not a zip"):
        unpack(archive, tmp_path)
    with pytest.raises(EmertInputError, match=r"^all\.zip holds a file that would lie outside"):
        unpack(make_zip(archive, {"../a.csv": b"x"}), tmp_path)


def test_no_cell_of_the_table_is_a_formula():
    rows = [table_row(Pair("=1+1", gaze_name="@x.csv"), Reply(refusal='-bad,\n"file"'))]
    table = pd.read_csv(io.BytesIO(as_csv(rows)), keep_default_na=False)
    assert table.iloc[0].to_dict() == {
        "recording": "'=1+1", "video": "", "gaze": "'@x.csv", "problem": "'-bad, \"file\"", "remarks": ""
    }  # fmt: skip
    assert pd.read_parquet(io.BytesIO(as_parquet(rows)))["recording"].tolist() == ["=1+1"]


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


def test_names_for_people():
    assert visible_name("/tmp/x/a\nb\u202e.csv") == "a b .csv"
    assert len(visible_name("x" * 300)) == 60
    assert visible_name("\n") == "file"
    assert visible_name("%22q'uo%22te%0a%41.csv") == '"q\'uo"te %41.csv'  # as browsers write them, and no more
    assert len(whole_name("x" * 300)) == 255


def test_checkpoints_are_found_and_an_untrained_one_is_refused(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    assert find_checkpoints() == []
    monkeypatch.setenv(ENVIRONMENT, str(checkpoint))
    assert find_checkpoints()[0].folder == checkpoint.resolve()
    first, second = find_checkpoints([checkpoint, checkpoint])
    assert first.name != second.name
    assert first.synthetic
    record = checkpoint / "training_record.json"
    untrained = tmp_path / "untrained"
    untrained.mkdir()
    for file in checkpoint.iterdir():
        if file != record and file.is_file():
            (untrained / file.name).write_bytes(file.read_bytes())
    with pytest.raises(EmertInputError, match="ever trained"):
        find_checkpoints([untrained])
    (untrained / record.name).write_text(json.dumps({"fold": 1}))
    with pytest.raises(EmertInputError, match="does not say what"):
        find_checkpoints([untrained])


@pytest.mark.parametrize(("method", "refused"), [("emert_no_adversarial", False), ("emert_no_face", True), ("mult", True)])
def test_only_what_can_be_explained_is_offered(checkpoint: Path, tmp_path: Path, method: str, refused: bool):
    folder = shutil.copytree(checkpoint, tmp_path / "model")
    (folder / "training_record.json").write_text(json.dumps({"data": "synthetic", "method": method}))
    if not refused:
        assert find_checkpoints([folder])[0].synthetic
        return
    with pytest.raises(EmertInputError, match="the demo can't explain"):
        find_checkpoints([folder])


def test_what_nobody_asked_about_is_swept_away(tmp_path: Path):
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


def test_what_is_asked_about_is_not_swept_away(tmp_path: Path):
    """Neither while it is answered nor while the request waits for its turn; afterwards it ages anew or is deleted."""
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


def test_the_page_trains_in_a_folder_of_its_own_and_says_why_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Whatever lies in the quickstart's folder is somebody's work."""
    monkeypatch.setattr(training_offer, "_SECONDS", 0.05)
    steps = [("recordings", 0.2), ("dataset", 0.2), ("model", 0.2)]
    script = "import pathlib, time\n" + "\n".join(
        f"pathlib.Path({str(tmp_path / name)!r}).mkdir(); time.sleep({pause})" for name, pause in steps
    )
    told = list(train_small(tmp_path, (sys.executable, "-c", script)))
    assert [share for share, _ in told] == sorted(share for share, _ in told)
    assert told[-1][1] == "scoring it on people it has not seen"
    with pytest.raises(EmertInputError, match="no model here"):
        trained(tmp_path)
    with pytest.raises(EmertInputError, match="The training stopped: it has no disk"):
        list(train_small(tmp_path, (sys.executable, "-c", "import sys; sys.exit('it has no disk')")))
    assert OWN_TRAINING != QUICKSTART
