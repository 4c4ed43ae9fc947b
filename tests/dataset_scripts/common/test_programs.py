"""Commands that are printed can be pasted: by name where the shell finds the program, by path where it does not."""

import os

import pytest

from dataset_scripts.common.programs import as_typed


@pytest.mark.parametrize(
    ("path", "folder", "expected"),
    [
        ("{bin}", "", "emert"),
        ("/nowhere", "", "my env/bin/emert"),
        ("{other}", "", "my env/bin/emert"),
        ("/nowhere", "elsewhere", "{bin}/emert"),
    ],
    ids=["activated", "not on the path", "another's on the path", "another folder"],
)
def test_a_program_is_named_as_it_can_be_typed(tmp_path, monkeypatch, path, folder, expected):
    places = {"bin": tmp_path / "my env" / "bin", "other": tmp_path / "other"}
    for place in places.values():
        place.mkdir(parents=True)
        (place / "emert").touch(0o755)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr("sys.executable", str(places["bin"] / "python"))
    monkeypatch.setenv("PATH", path.format(**places))
    monkeypatch.chdir(tmp_path / folder)
    words = expected.format(**places)
    assert as_typed("emert") == (f"'{words}'" if " " in words else words)


def test_without_an_installation_it_has_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.executable", os.fspath(tmp_path / "python"))
    assert as_typed("emert") == "emert"
