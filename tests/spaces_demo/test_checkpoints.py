"""Which model folders the demo takes."""

import json
import shutil
from pathlib import Path

import pytest

from modeling_emert.errors_emert import EmertInputError
from spaces_demo.checkpoints import ENVIRONMENT, QUICKSTART, find_checkpoints


def test_checkpoints_are_found_and_an_untrained_one_is_refused(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    monkeypatch.setattr("training.evaluation.model_folder._SHIPPED", tmp_path / "absent")
    with pytest.raises(EmertInputError, match="none came with this installation"):
        find_checkpoints()
    monkeypatch.setattr("training.evaluation.model_folder._SHIPPED", checkpoint)
    assert [one.folder for one in find_checkpoints()] == [checkpoint.resolve()]
    shutil.copytree(checkpoint, tmp_path / QUICKSTART / "model")
    assert [one.folder.parts[-2:] for one in find_checkpoints()][1] == ("quickstart", "model")
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
