"""A visitor's zip: what is unpacked, and what is refused."""

import zipfile
from pathlib import Path

import pytest

from modeling_emert.errors_emert import EmertInputError
from spaces_demo.files import unpack as unpacking
from spaces_demo.files.unpack import lay_together, unpack


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
def test_a_zip_with_paths_out_of_its_folder_is_refused(tmp_path: Path, name: str):
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


def test_a_zip_that_states_wrong_sizes_is_refused(tmp_path: Path):
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


def test_a_refusal_names_the_zip_as_the_visitor_does(tmp_path: Path):
    archive = tmp_path / f"up{'0' * 16}-all.zip"
    archive.write_text("no zip")
    with pytest.raises(EmertInputError, match=r"^all\.zip: not a zip"):
        unpack(archive, tmp_path)
    with pytest.raises(EmertInputError, match=r"^all\.zip holds a file that would lie outside"):
        unpack(make_zip(archive, {"../a.csv": b"x"}), tmp_path)
