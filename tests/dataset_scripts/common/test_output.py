"""No command removes or writes over what it reads, or what somebody else keeps; it replaces what it has written itself."""

import os
from pathlib import Path

import pytest

from dataset_scripts.common.output import atomic_file, atomic_folder, check_out, lock_output, replace_folder
from modeling_emert import EmertInputError
from training.cli import main
from training.fit.fit import fit
from training.outputs import ADAPTATION, MODEL, SCORES

THESIS = "docs/thesis.txt"


def _write(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _refused(capsys: pytest.CaptureFixture, *words: object) -> str:
    capsys.readouterr()
    assert main([str(word) for word in words]) == 2
    return capsys.readouterr().err


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder of somebody's own that lies beside nothing of ours."""
    return _write(tmp_path / "home", THESIS)


def test_no_command_writes_over_the_data_set_or_somebodys_files(data, model: Path, home: Path, capsys: pytest.CaptureFixture):
    """Each with --overwrite, where it has one."""
    commands = {
        "train": (["train", "laptop", "epochs=1", "--data", data.folder], ["--overwrite"]),
        "evaluate": (["evaluate", model, data.folder], ["--overwrite"]),
        "adapt": (["adapt", model, data.folder], ["--overwrite"]),
        "robustness": (["benchmark", "robustness", model, data.folder], []),
        "gap": (["benchmark", "gap", model, data.folder], []),
        "benchmark": (["benchmark", "small", "--data", data.folder], []),
    }
    before = _files(data.folder), _files(home), _files(model)
    for name, (words, options) in commands.items():
        for out, told in (
            (data.folder, "is what is to be read"),
            (data.folder.parent, "to be read"),
            (data.folder / "inside", "lies in"),
            (home, "holds something else than"),
        ):
            assert told in _refused(capsys, *words, "--out", out, *options), (name, out)
    for name in ("evaluate", "adapt", "robustness", "gap"):
        words, options = commands[name]
        assert "is what is to be read" in _refused(capsys, *words, "--out", model, *options), name
    assert (_files(data.folder), _files(home), _files(model)) == before


def test_quickstart_writes_not_over_somebodys_scores(recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    _write(tmp_path / "run" / "scores", "of_my_own.txt")
    told = _refused(capsys, "quickstart", "--path", recordings, "--out", tmp_path / "run", "--overwrite")
    assert "scores: holds something else than scores of `emert evaluate`" in told
    assert list(_files(tmp_path)) == ["run/scores/of_my_own.txt"]


def test_convert_does_not_remove_the_checkpoint_that_it_reads(tmp_path: Path, capsys: pytest.CaptureFixture):
    (_write(tmp_path, "authors.pth") / "config.json").write_text('{"model_type": "emert"}')
    assert "authors.pth, which is to be read" in _refused(
        capsys, "convert", tmp_path / "authors.pth", "--out", tmp_path, "--overwrite"
    )
    assert (tmp_path / "authors.pth").is_file()


def test_training_itself_replaces_nothing_but_a_model(recipe, data, home: Path):
    """Whoever calls it: the quickstart and the benchmark do so without the command's own check."""
    for out, told in ((home, "something else than a model"), (data.folder, "to be read"), (data.folder / "model", "lies in")):
        with pytest.raises(EmertInputError, match=told):
            fit(recipe, data, out, fold=1)
    assert list(_files(home)) == [THESIS]


@pytest.mark.parametrize(
    ("content", "own", "strange"),
    [
        (MODEL, ("training_record.json", "model.safetensors", "heads_emert.py", ".DS_Store"), "notes.txt"),
        (MODEL, ("training_record.json",), "sub/other_emert.py"),
        (SCORES, ("results.json", "pictures/reliability.png"), "pictures/me.jpg"),
        (ADAPTATION, ("adaptation.json", "curve.png"), "results.json"),
    ],
    ids=["model", "code in a folder", "scores", "adaptation"],
)
def test_a_folder_of_ours_is_replaced_unless_a_strangers_file_would_be_lost(
    tmp_path: Path, content, own: tuple[str, ...], strange: str
):
    out = _write(tmp_path / "out", *own)
    with pytest.raises(EmertInputError, match="already holds something"):
        check_out(out, content, overwrite=False)
    check_out(out, content, overwrite=True)
    _write(out, strange)
    with pytest.raises(EmertInputError, match=f"holds {strange}, which is no part of .*; move it away or give another --out"):
        check_out(out, content, overwrite=True)


def test_a_link_is_a_file_and_what_it_leads_to_is_seen(tmp_path: Path):
    out, elsewhere = _write(tmp_path / "out", "results.json"), _write(tmp_path / "elsewhere", "kept.txt")
    (out / "more").symlink_to(elsewhere)
    with pytest.raises(EmertInputError, match="holds more,"):
        check_out(out, SCORES, overwrite=True)
    (tmp_path / "name").symlink_to(elsewhere)
    with pytest.raises(EmertInputError, match="is what is to be read"):
        check_out(tmp_path / "name", SCORES, overwrite=True, read=[elsewhere])


@pytest.mark.parametrize("place", ["/proc/emert", "/dev/null", "file/inside"])
def test_a_place_that_can_not_be_written_is_told_before_the_work(tmp_path: Path, place: str):
    if place.startswith("/") and not Path(place).parent.is_dir():
        pytest.skip("no such place on this system")
    _write(tmp_path, "file")
    with pytest.raises(EmertInputError, match=r"can't be written|is no folder"):
        check_out(tmp_path / place, MODEL, overwrite=True)
    assert os.listdir(tmp_path) == ["file"]


def test_a_new_folder_takes_the_place_of_the_old_one_whole_or_not_at_all(tmp_path: Path):
    out = _write(tmp_path / "out", "results.json", "pictures/old.png")
    with pytest.raises(ZeroDivisionError), atomic_folder(out, SCORES) as new:
        _write(new, f"results.{1 / 0}")
    assert set(_files(tmp_path)) == {"out/results.json", "out/pictures/old.png"}
    with atomic_folder(out, SCORES) as new:
        _write(new, "results.md")
    assert list(_files(tmp_path)) == ["out/results.md"]
    with pytest.raises(EmertInputError, match="holds something else"), atomic_folder(out, SCORES):
        pass


def test_where_the_new_folder_can_not_be_moved_the_old_one_stays(tmp_path: Path):
    out = _write(tmp_path / "out", "results.json")
    with pytest.raises(FileNotFoundError):
        replace_folder(tmp_path / "beside" / "finished", out)
    (tmp_path / "beside").mkdir()
    with pytest.raises(FileNotFoundError):
        replace_folder(tmp_path / "beside" / "finished", out)
    assert list(_files(tmp_path)) == ["out/results.json"]


def test_a_failure_leaves_the_old_file(tmp_path):
    path = tmp_path / "kept.txt"
    path.write_text("old")

    def fail_half_way():
        with atomic_file(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_of_the_old_file_keeps_it(tmp_path):
    """The new file is moved into place, not written over the old one."""
    path = tmp_path / "kept.txt"
    path.write_text("old")
    with path.open() as reader:
        with atomic_file(path) as temporary:
            temporary.write_text("new")
        assert reader.read() == "old"
    assert path.read_text() == "new"


def test_two_runs_do_not_write_one_output(tmp_path: Path):
    out = tmp_path / "made" / "model"
    with lock_output(out):
        with pytest.raises(EmertInputError, match="another run is writing it"), lock_output(out):
            pass
        with lock_output(tmp_path / "made" / "other"):
            pass
    with lock_output(out):  # and afterwards it is free
        pass
    assert not list(out.parent.iterdir())


def test_an_output_below_a_file_is_refused(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EmertInputError, match="the folder above it can't be written"), lock_output(tmp_path / "file" / "model"):
        pass


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no /proc on this system")
def test_a_folder_that_can_not_be_written_is_not_taken_for_one_that_another_run_writes():
    with pytest.raises(EmertInputError, match="the folder above it can't be written"), lock_output(Path("/proc/emert")):
        pass
