"""What `emert` itself says: its version, and the extra that a command lacks."""

import subprocess
import sys
from importlib.metadata import version

import pytest

from dataset_scripts.common.extras import how_to_install
from training import cli

# As installed without extras: what these bring can't be imported.
_WITHOUT_EXTRAS = """
import importlib.util, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {extras}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name.partition(".")[0] in {extras} else found(name, package)
from training.cli import main
sys.exit(main({words}))
"""
EXTRAS = {"pandas", "datasets", "sklearn", "scipy", "matplotlib", "evaluate", "accelerate", "psutil", "gradio", "peft"}


def _run(*words: str) -> subprocess.CompletedProcess:
    script = _WITHOUT_EXTRAS.format(extras=EXTRAS, words=list(words))
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)


def test_the_version(capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"emert {version('emert')}\n"


@pytest.mark.parametrize(("command", "extra"), [("data", "data"), ("train", "train"), ("demo", "demo")])
def test_a_missing_extra_is_one_sentence(
    command: str, extra: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    def run(_):
        raise ModuleNotFoundError("No module named 'pandas'", name="pandas")

    monkeypatch.setattr(cli, "parse", lambda _: cli.argparse.Namespace(run=run))
    assert cli.main([command]) == 2
    assert capsys.readouterr().err == f"emert: `emert {command}` needs pandas: {how_to_install(extra)}\n"


@pytest.mark.slow
def test_answering_needs_no_extra(model, recordings):
    files = ["--video", str(recordings / "videos/p000-s000.mp4"), "--gaze", str(recordings / "gaze/p000-s000.csv")]
    done = _run("predict", "--model", str(model), *files)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "used: face, eye_movements, fixations" in done.stdout
    lacking = _run("quickstart", "--out", str(model.parent / "lacking"))
    assert lacking.returncode == 2
    assert lacking.stderr.endswith(f": {how_to_install('train')}\n")
