"""A killed run resumes and ends with the weights of an uninterrupted one; the errors of a failed run say how to resume."""

import errno
import json
import random
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from killed_training import equal, train_in_child, weights

from dataset_scripts.dataset.reader import EmertData
from modeling_emert import EmertInputError
from training.fit import checkpoints
from training.fit import fit as fitting
from training.fit.fit import fit
from training.fit.trainer import EmertTrainer
from training.recipes.recipe import Recipe

# Moments of writing, in the order in which a run comes to them.
_MOMENTS = {
    "before the folder is made": "training.fit.checkpoints.checkpoints_folder",
    "while the model of a checkpoint is written": "transformers.modeling_utils.safe_save_file",
    "while its optimizer is written": "torch.save",
    "before it is marked complete": "training.fit.checkpoints.mark_complete",
    "while an older one is deleted": "training.fit.checkpoints.shutil.rmtree",
    "while the model folder is written": "training.fit.fit.write_model",
    "before it is renamed": "training.fit.checkpoints.replace_folder",
}


@pytest.fixture
def augmented(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """With something of every kind that is drawn: augmentation, dropout, order. The last epoch is always the best."""
    monkeypatch.setattr(fitting, "validation_scores", lambda *_, **__: {"score": time.time()})
    return replace(recipe, augmentation=({"name": "gaze_jitter", "strength": 0.05},), epochs=2)


@pytest.mark.slow
def test_a_run_killed_while_it_writes_resumes_and_ends_with_the_same_weights(
    augmented: Recipe, data: EmertData, tmp_path: Path
):
    assert train_in_child(augmented, data, tmp_path / "whole") == 0
    killed = tmp_path / "killed"
    for moment, calls in (("before it is marked complete", 2), ("while the model folder is written", 1)):
        assert train_in_child(augmented, data, killed, _MOMENTS[moment], calls) == -9, moment
        assert not killed.exists()
    run = checkpoints.run_folder(killed, augmented, data, 1, False)
    last = checkpoints.last_checkpoint(run)
    assert checkpoints.read_state(last).epoch == 2
    assert train_in_child(augmented, data, killed) == 0
    assert equal(weights(tmp_path / "whole"), weights(killed))
    assert not run.exists()


@pytest.mark.slow
@pytest.mark.parametrize("moment", _MOMENTS)
def test_each_moment_of_writing(augmented: Recipe, data: EmertData, tmp_path: Path, moment: str):
    assert train_in_child(augmented, data, tmp_path / "whole") == 0
    out, kills = tmp_path / "killed", 0
    for calls in (1, 2, 3, 5, 8):  # each from where the one before was killed
        kills += train_in_child(augmented, data, out, _MOMENTS[moment], calls) == -9
        if out.exists():
            break
    assert kills > 0
    if not out.exists():
        assert train_in_child(augmented, data, out) == 0
    assert equal(weights(tmp_path / "whole"), weights(out))


@pytest.mark.slow
def test_any_moment_at_all(augmented: Recipe, data: EmertData, tmp_path: Path):
    recipe = replace(augmented, epochs=6)
    start = time.perf_counter()
    assert train_in_child(recipe, data, tmp_path / "whole") == 0
    seconds = time.perf_counter() - start
    draws, kills = random.Random(0), 0
    for number in range(4):  # one or the other may be too fast to be killed, on a machine that was busy before
        out = tmp_path / f"killed{number}"
        while not out.exists() and kills < 160:
            kills += train_in_child(recipe, data, out, seconds=draws.uniform(0.2, 0.9) * seconds) == -9
        assert equal(weights(tmp_path / "whole"), weights(out))
    assert kills > 0


def test_a_run_that_stopped_early_trains_no_further_epoch(
    recipe: Recipe, data: EmertData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The patience was at its end when the run was killed; it must not begin anew."""
    patient = replace(recipe, epochs=5, patience=1)
    monkeypatch.setattr(fitting, "validation_scores", lambda *_, **__: {"er7": 0.5, "score": 0.5})
    monkeypatch.setattr(fitting, "write_model", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        fit(patient, data, tmp_path / "model", fold=1)
    monkeypatch.undo()
    monkeypatch.setattr(EmertTrainer, "training_step", lambda *_: pytest.fail("trained again"))
    record = json.loads((fit(patient, data, tmp_path / "model", fold=1) / "training_record.json").read_text())
    assert (record["epochs"], record["best_epoch"]) == (2, 1)


@pytest.mark.slow
def test_best_and_last_checkpoint_are_kept_and_no_other(
    recipe: Recipe, data: EmertData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    values = iter((0.1, 0.9, 0.2, 0.3))
    kept = []
    seal = checkpoints.mark_complete

    def note(folder: Path, best_step: int | None) -> None:
        seal(folder, best_step)
        kept.append(sorted(int(path.name[11:]) for path in folder.parent.iterdir()))

    monkeypatch.setattr(checkpoints, "mark_complete", note)
    monkeypatch.setattr(fitting, "validation_scores", lambda *_, **__: {"score": next(values, 0.0)})
    fit(replace(recipe, epochs=4), data, tmp_path / "model", fold=1)
    assert kept == [[3], [6], [6, 9], [6, 12]]


@pytest.mark.slow
def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_last_good_epoch(
    recipe: Recipe, data: EmertData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    compute = EmertTrainer.compute_loss

    def explode(self: EmertTrainer, *args: object, **kwargs: object):
        loss = compute(self, *args, **kwargs)
        return loss * float("nan") if self.state.global_step == 4 else loss

    monkeypatch.setattr(EmertTrainer, "compute_loss", explode)
    with pytest.raises(
        EmertInputError, match=r"loss became nan in epoch 2 \(step 5\); epoch 1 is complete in .*learning_rate=0.003"
    ) as told:
        fit(recipe, data, tmp_path / "model", fold=1)
    monkeypatch.undo()
    run = checkpoints.run_folder(tmp_path / "model", recipe, data, 1, False)
    safe = checkpoints.last_checkpoint(run)
    assert str(safe) in str(told.value)
    assert safe.name == "checkpoint-3"
    before = weights(safe)
    fit(replace(recipe, learning_rate=0.003), data, tmp_path / "model", fold=1)  # as the message says
    assert (tmp_path / "model" / "model.safetensors").is_file()
    assert equal(weights(safe), before), "the complete checkpoint was changed"
    fit(recipe, data, tmp_path / "model", fold=1)
    assert not run.exists()


@pytest.mark.parametrize(
    ("largest_file", "writer"),
    [
        pytest.param(5_000, "code", marks=pytest.mark.slow),
        pytest.param(20_000, "model", marks=pytest.mark.slow),
        (40_000, "optimizer"),
    ],
)
def test_a_full_disk_is_one_error_and_leaves_no_incomplete_checkpoint(
    recipe: Recipe, data: EmertData, tmp_path: Path, largest_file: int, writer: str
):
    out = tmp_path / "model"
    assert train_in_child(replace(recipe, epochs=1), data, out, largest_file=largest_file) == 2
    reason = out.with_suffix(".reason").read_text()
    assert reason.startswith("EmertInputError: ")
    assert "can't be written" in reason
    assert "no epoch is complete; free some space and run the same command again" in reason
    run = checkpoints.run_folder(out, replace(recipe, epochs=1), data, 1, False)
    assert not any(checkpoints.checkpoints_folder(run).iterdir())


@pytest.mark.slow
def test_a_disk_that_fills_up_later_leaves_the_last_good_epoch(
    recipe: Recipe, data: EmertData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    real, calls = torch.save, []

    def save(*args: object, **kwargs: object) -> None:
        calls.append(1)
        if len(calls) > 5:  # four files a checkpoint
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", save)
        with pytest.raises(EmertInputError, match=r"No space left on device.*epoch 1 is complete in"):
            fit(recipe, data, tmp_path / "model", fold=1)
    steps: list[int] = []
    step = EmertTrainer.training_step
    monkeypatch.setattr(EmertTrainer, "training_step", lambda *args: (steps.append(1), step(*args))[1])
    fit(recipe, data, tmp_path / "model", fold=1)
    assert len(steps) == 3, "only the second epoch is trained again"


def test_a_run_leaves_other_runs_of_its_model_alone_unless_they_have_reached_nothing(
    recipe: Recipe, data: EmertData, tmp_path: Path
):
    out = tmp_path / "model[1]"
    names = ("own", "reached", "nothing", "elsewhere")
    runs = {name: checkpoints.run_folder(out, replace(recipe, seed=seed), data, 1, False) for seed, name in enumerate(names)}
    runs["elsewhere"] = checkpoints.run_folder(tmp_path / "model[1].x", recipe, data, 1, False)
    for name in names[1:]:
        checkpoints.checkpoint_folder(runs[name], 3).mkdir(parents=True)
    checkpoints.mark_complete(checkpoints.checkpoint_folder(runs["reached"], 3), None)
    checkpoints.open_run(runs["own"])
    assert {name for name, run in runs.items() if run.exists()} == {"own", "reached", "elsewhere"}
    assert checkpoints.unfinished_runs(runs["own"]) == [runs["reached"]]


def test_other_errors_are_not_reported_as_a_full_disk(tmp_path: Path):
    with pytest.raises(RuntimeError, match="shapes"), checkpoints.report_unwritable(tmp_path / "a", tmp_path):
        raise RuntimeError("shapes do not fit")
    with pytest.raises(PermissionError), checkpoints.report_unwritable(tmp_path / "a", tmp_path):
        raise PermissionError(errno.EACCES, "denied")


def test_a_new_model_takes_the_place_of_the_old_one_after_a_run_that_was_killed_just_there(tmp_path: Path):
    out, run = tmp_path / "model", tmp_path / ".model.partial"
    for name in ("model/old", ".model.partial/finished/new", ".model.partial/replaced/older"):
        (tmp_path / name).mkdir(parents=True)
    checkpoints.finish_run(run / "finished", out)
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["model", "model/new"]


def test_a_refused_run_leaves_nothing_behind(data: EmertData, tmp_path: Path):
    with pytest.raises(EmertInputError, match="no_such"):
        fit(Recipe(method="emert", tasks=("er7",), overrides={"no_such": 1}), data, tmp_path / "made" / "model", fold=1)
    assert not list(tmp_path.iterdir())
