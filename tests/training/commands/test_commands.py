"""The `emert` command as a user types it: whole ways, exit codes, one line for what is refused, nothing half written."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from drawn_people import draw_people, write_video
from tiny_training import TINY, TINY_OVERRIDES

from training.cli import COMMANDS, main, parse
from training.evaluation.model_folder import read_record
from training.quickstart import _is_of
from training.recipes.recipe import Recipe

_CHANGES = [
    f"overrides={json.dumps(TINY_OVERRIDES)}",
    "image_size=32",
    "epochs=1",
    "batch_size=8",
]


def _refused(capsys: pytest.CaptureFixture, *arguments: object) -> str:
    """Runs a command that must be refused with exit code 2 and one line; gives the line."""
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("emert: ")
    assert "Traceback" not in "\n".join(lines)
    return lines[-1]


def test_help_answers_without_heavy_imports():
    code = (
        "import sys; from training.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print('HEAVY' if {'torch', 'transformers', 'datasets', 'pandas'} & set(sys.modules) else 'LIGHT')"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip().endswith("LIGHT")
    assert all(name in output for name in COMMANDS)


@pytest.mark.parametrize(
    "words",
    [
        "laptop epochs=3 seed=1 --data D --out O",
        "laptop --data D --out O epochs=3 seed=1",
        "laptop epochs=3 --data D seed=1 --out O",
        "laptop epochs=3 --data D seed=1 --data E --out O",
    ],
)
def test_changes_may_stand_before_and_after_options(words: str):
    found = parse(["train", *words.split()])
    assert (found.recipe, found.changes, found.out) == ("laptop", ["epochs=3", "seed=1"], Path("O"))
    assert found.data == ([Path("D"), Path("E")] if "E" in words else [Path("D")])


def test_what_is_missing_is_named_alone(capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit, match="2"):
        parse(["train", "--data", "D", "--out", "O"])
    assert capsys.readouterr().err.strip().endswith("emert train: error: the following arguments are required: recipe")
    assert parse(["train", "laptop", "--data", "D", "--out", "O"]).changes == []


def test_a_command_that_is_stopped_while_it_loads_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    def stopped(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("training.cli.importlib.import_module", stopped)
    assert main(["train", "laptop"]) == 130
    assert capsys.readouterr().err == "emert: stopped; the same command resumes it\n"


def test_command_with_commands_of_its_own_is_read_as_well():
    found = parse(["data", "verify", "FOLDER"])
    assert (found.command, found.action) == ("data", "verify")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["predict", "--model", "{model}", "--video", "{tmp}/absent.mp4"], "absent.mp4: no such video file"),
        (["predict", "--model", "{model}", "--gaze", "{tmp}/absent.csv"], "absent.csv"),
        (["predict", "--model", "{tmp}", "--video", "{tmp}/absent.mp4"], "no model here (config.json is missing)"),
        (["evaluate", "{tmp}", "{tmp}", "--out", "{tmp}/out"], "no model here (config.json is missing)"),
        (["convert", "{tmp}/absent.pth", "--out", "{tmp}/out"], "absent.pth: no such checkpoint file"),
        (["push", "{tmp}", "--repo", "somebody/emert"], "no model here (config.json is missing)"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_wrong_paths_are_refused_before_torch_is_loaded(tmp_path: Path, arguments: list[str], reason: str):
    model = tmp_path / "model"
    model.mkdir()
    (model / "model.safetensors").touch()
    (model / "processor_config.json").write_text('{"processor_class": "EmertProcessor"}')
    (model / "config.json").write_text('{"model_type": "emert"}')
    code = "import sys; from training.cli import main; code = main(sys.argv[1:]); print(code, 'torch' in sys.modules)"
    given = [argument.format(model=model, tmp=tmp_path) for argument in arguments]
    done = subprocess.run([sys.executable, "-c", code, *given], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "False"]
    assert reason in done.stderr


@pytest.mark.slow
def test_quickstart_makes_everything_and_a_second_call_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("training.quickstart.GeneratorSettings", lambda: TINY)
    out = tmp_path / "run"
    assert main(["quickstart", "--out", str(out), "--folds", "2", *_CHANGES]) == 0
    printed = capsys.readouterr().out
    assert "emert predict" in printed
    assert "synthetic" in printed
    results = json.loads((out / "scores" / "results.json").read_text())
    assert results["header"]["folds"] == 2
    assert {"EMERT", "EMERT, eyes hidden", "majority", "logistic regression"} <= set(results["scores"])
    assert (out / "scores" / "results.md").is_file()
    assert (out / "scores" / "predictions.parquet").is_file()
    assert (out / "model" / "model.safetensors").is_file()
    assert (out / "model-fold2" / "model.safetensors").is_file()
    assert "already holds" in _refused(capsys, "quickstart", "--out", out, *_CHANGES)


@pytest.mark.slow
def test_train_then_evaluate(data, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch):
    model, scores = tmp_path / "model", tmp_path / "scores"
    train = ["train", "laptop", *_CHANGES, "--data", str(data.folder), "--out", str(model), "--fold", "2"]
    with monkeypatch.context() as patch:
        patch.setattr("training.fit.fit.write_model", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert main(train) == 130
    assert "resumes" not in capsys.readouterr().out
    assert main(train) == 0
    assert f"{model}: resumes, epoch 1 is complete in " in capsys.readouterr().out
    assert main(["evaluate", str(model), str(data.folder), "--out", str(scores)]) == 0
    assert "logistic regression" in capsys.readouterr().out
    assert (scores / "results.json").is_file()
    assert "already holds" in _refused(capsys, "evaluate", model, data.folder, "--out", scores)
    assert "already holds" in _refused(capsys, "train", "laptop", "--data", data.folder, "--out", model)
    assert main(["benchmark", "gap", str(model), str(data.folder), "--out", str(tmp_path / "gap")]) == 0
    assert capsys.readouterr().out == f"in full: {tmp_path / 'gap' / 'gap.md'}\n"
    for folder, words in ((model, ("train", "laptop", "--data", data.folder)), (scores, ("evaluate", model, data.folder))):
        (folder / "mine.txt").write_text("")
        assert "holds mine.txt" in _refused(capsys, *words, "--out", folder, "--overwrite")
        (folder / "mine.txt").unlink()
    before = (model / "model.safetensors").read_bytes()
    again = ["train", "laptop", *_CHANGES, "seed=1", "--data", str(data.folder), "--out", str(model), "--overwrite"]
    assert main(again) == 0
    assert (model / "model.safetensors").read_bytes() != before
    assert {path.name for path in tmp_path.iterdir()} == {"model", "scores", "gap"}


def _inputs(recordings: Path, name: str = "p000-s000") -> tuple[Path, Path]:
    return recordings / "videos" / f"{name}.mp4", recordings / "gaze" / f"{name}.csv"


def test_predict_answers_with_both_and_with_each_alone(model: Path, recordings: Path, capsys: pytest.CaptureFixture):
    video, gaze = _inputs(recordings)
    cases = {
        ("--video", video, "--gaze", gaze): ["face", "eye_movements", "fixations"],
        ("--video", video): ["face"],
        ("--gaze", gaze): ["eye_movements", "fixations"],
    }
    for options, used in cases.items():
        assert main(["predict", "--model", str(model), *map(str, options), "--json"]) == 0
        result = json.loads(capsys.readouterr().out)
        assert result["modalities"] == used
        assert abs(sum(result["tasks"]["er7"].values()) - 1) < 0.01
        assert (result["gap"] is None) == (result["gap_reason"] is not None) == (len(used) < 3)
        assert -1 <= result["tasks"]["er_va"]["valence"] <= 1
        assert 0 <= result["tasks"]["fer_intensity"]["intensity"] <= 3
        assert result["trained_on"] == "synthetic"


def test_predict_prints_a_page_for_people(model: Path, recordings: Path, capsys: pytest.CaptureFixture):
    video, gaze = _inputs(recordings)
    assert main(["predict", "--model", str(model), "--video", str(video), "--gaze", str(gaze)]) == 0
    page = capsys.readouterr().out
    for words in ("felt (ER)", "shown (FER)", "happiness", "gap between", "frames with a face", "generated recordings"):
        assert words in page


def test_the_person_is_chosen_where_a_video_shows_two(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    video = write_video(tmp_path / "two.mp4", draw_people(*[[(0, 20 + n, 150), (1, 270, 150)] for n in range(4)]))
    answers = {}
    for face in ("left", "2", None):
        asked = [] if face is None else ["--face", face]
        assert main(["predict", "--model", str(model), "--video", str(video), *asked, "--json"]) == 0
        answers[face] = json.loads(capsys.readouterr().out)
        assert answers[face]["notes"][0].startswith("2 people are seen; number ")
    assert answers["left"]["tasks"] != answers["2"]["tasks"]
    assert answers[None]["tasks"] in (answers["left"]["tasks"], answers["2"]["tasks"])
    assert "give 1 to 2" in _refused(capsys, "predict", "--model", model, "--video", video, "--face", 3)
    assert main(["data", "inspect", str(video)]) == 0
    assert "2 people are seen" in capsys.readouterr().out


def test_what_can_not_be_answered_is_refused_in_one_line(
    model: Path, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture
):
    video, gaze = _inputs(recordings)
    text = tmp_path / "text.mp4"
    text.write_text("this is no video")
    empty = tmp_path / "empty.csv"
    empty.write_bytes(b"")
    lacking = tmp_path / "lacking.csv"
    lacking.write_text("\n".join(",".join(line.split(",")[:5]) for line in gaze.read_text().splitlines()))
    assert "text.mp4" in _refused(capsys, "predict", "--model", model, "--video", text)
    assert "empty.csv" in _refused(capsys, "predict", "--model", model, "--gaze", empty)
    assert "lacking.csv" in _refused(capsys, "predict", "--model", model, "--gaze", lacking)
    assert "nowhere" in _refused(capsys, "predict", "--model", model, "--gaze", tmp_path / "nowhere.csv")
    assert "--video" in _refused(capsys, "predict", "--model", model)
    bare = Path(shutil.copytree(model, tmp_path / "bare"))
    (bare / "model.safetensors").unlink()
    assert "model.safetensors" in _refused(capsys, "predict", "--model", bare, "--video", video)


def test_refusals_write_nothing(data, tmp_path: Path, capsys: pytest.CaptureFixture):
    out = tmp_path / "out"
    assert "er9" in _refused(capsys, "train", "laptop", "tasks=[er9]", "--data", data.folder, "--out", out)
    assert "perceived3" in _refused(capsys, "train", "laptop", "tasks=[perceived3]", "--data", data.folder, "--out", out)
    assert "fold 9" in _refused(capsys, "train", "laptop", "--data", data.folder, "--out", out, "--fold", 9)
    assert "no data set" in _refused(capsys, "train", "laptop", "--data", tmp_path / "absent", "--out", out)
    assert "--path" in _refused(capsys, "quickstart", "--source", "uniss_fgd", "--out", out)
    assert "mars" in _refused(capsys, "quickstart", "--source", "mars", "--path", tmp_path, "--out", out)
    assert not any(tmp_path.iterdir())


def test_quickstart_takes_no_data_set_for_another(data, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    """One of other recordings in the same folder would be scored under the wrong name."""
    out = tmp_path / "run"
    shutil.copytree(data.folder, out / "dataset")
    other = shutil.copytree(recordings, tmp_path / "other")
    assert "dataset: already holds" in _refused(capsys, "quickstart", "--path", other, "--out", out, *_CHANGES)
    assert not (out / "model").exists()


def test_quickstart_takes_no_model_of_other_data_recipe_or_version_for_its_own(
    model: Path, data, monkeypatch: pytest.MonkeyPatch
):
    recipe = Recipe(**read_record(model)["recipe"])
    assert _is_of(model, recipe, data, strict=False)
    assert not _is_of(model, recipe, data, strict=True)
    assert not _is_of(model, replace(recipe, seed=1), data, strict=False)
    monkeypatch.setattr(data, "metadata", replace(data.metadata, fingerprint="of other recordings"))
    assert not _is_of(model, recipe, data, strict=False)
