"""A build that is killed at any step, or finds the disk full: what stands there is whole, and the next one ends well."""

import shutil
from functools import partial
from pathlib import Path

import pytest
from everyday import others_slow
from killed import run_in_child

from dataset_scripts.build import build as building
from dataset_scripts.build.build import build
from dataset_scripts.common.output import lock_output
from dataset_scripts.sources import open_source
from modeling_emert.errors_emert import EmertInputError

# What a build over an older data set does, in order: the function that is called, and in which call the build is killed.
_STEPS = {
    "a cell is begun": ("dataset_scripts.build.cells.to_row", 4),
    "a cell is named": ("dataset_scripts.common.output.os.replace", 3),
    "a cell is reported": ("dataset_scripts.build.cells.CellReport.write", 2),
    "the description is written": ("dataset_scripts.dataset.layout.write_description", 1),
    "the old one is set aside": ("os.rename", 1),
    "the new one is put in its place": ("os.rename", 2),
    "the old one is being removed": ("os.unlink", 22),
}
_EVERYDAY = ("a cell is reported", "the new one is put in its place")
_CASES = others_slow(_STEPS, _EVERYDAY)


def files_of(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def place(small_dataset, few_recordings, tmp_path) -> tuple[Path, partial]:
    """A data set of these recordings with one face each, and the build that is to replace it by one with two."""
    out = tmp_path / "out"
    shutil.copytree(build(open_source("synthetic", few_recordings), tmp_path / "first", num_workers=1, faces=1), out)
    return out, partial(build, open_source("synthetic", few_recordings), out, num_workers=1, faces=2, overwrite=True)


@pytest.mark.parametrize("step", _CASES)
def test_killed_at_each_step_it_leaves_what_is_whole_and_goes_on(place, tmp_path, step):
    out, again = place
    old = files_of(out)
    assert run_in_child(again, tmp_path / "reason", *_STEPS[step]) == -9
    left = files_of(out) if out.exists() else None
    again()
    new = files_of(out)
    assert new != old
    assert left == {"the new one is put in its place": None, "the old one is being removed": new}.get(step, old)
    assert {path.name for path in tmp_path.iterdir()} == {"few", "first", "out"}, "nothing else stays"


def test_a_full_disk_is_one_sentence_and_leaves_the_old_data_set(place, tmp_path):
    out, again = place
    old = files_of(out)
    assert run_in_child(again, tmp_path / "reason", largest_file=2_000) == 2
    assert (tmp_path / "reason").read_text().startswith("EmertInputError: ")
    assert "can't be written (" in (tmp_path / "reason").read_text()
    assert files_of(out) == old
    assert not list((tmp_path / ".out.partial").glob(".*.tmp")), "half a cell takes no room"


def test_two_builds_do_not_write_one_data_set(place):
    out, again = place
    with lock_output(out), pytest.raises(EmertInputError, match="another run is writing it"):
        again()


def test_a_data_set_that_another_build_has_finished_meanwhile_is_not_replaced(few_recordings, tmp_path, monkeypatch):
    out, plan = tmp_path / "out", building.Plan.of

    def slow(*given):
        out.mkdir()
        (out / "README.md").write_text("of the other build")
        return plan(*given)

    monkeypatch.setattr(building.Plan, "of", slow)
    with pytest.raises(EmertInputError, match="out: already holds something"):
        build(open_source("synthetic", few_recordings), out, num_workers=1)
    assert [path.name for path in out.iterdir()] == ["README.md"]


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="no /sys on this system")
def test_a_place_without_permission_is_told(few_recordings):
    with pytest.raises(
        EmertInputError, match=r"/sys/emert/out: .*can't be written \((Operation not permitted|Permission denied)"
    ):
        build(open_source("synthetic", few_recordings), Path("/sys/emert/out"), num_workers=1)


def test_a_recording_without_permission_to_read_is_named(few_recordings, tmp_path, monkeypatch):
    source = open_source("synthetic", few_recordings)

    def refuse(entry):
        raise PermissionError(13, "Permission denied", entry.recording_id)

    monkeypatch.setattr(source, "load_gaze", refuse)
    with pytest.raises(
        EmertInputError, match=r"9 recordings can't be read: .*p00\d-s00\d: .*Permission denied.* \[9 times, also p00"
    ):
        build(source, tmp_path / "out", num_workers=1)
