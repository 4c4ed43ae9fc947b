"""From recordings to scores and an answer where the home folder can't be written, and where there is none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_training import TINY_OVERRIDES

# Each command in the one process of the user; `pwd` knows no user, as in a container that runs under any number.
_COMMANDS = """
import pwd, sys
if sys.argv[1] == "none":
    def unknown(*_):
        raise KeyError("no such user")
    pwd.getpwuid = pwd.getpwnam = unknown
from training.cli import main
tiny = ["overrides=" + sys.argv[2], "epochs=1", "image_size=32", "batch_size=8"]
clip = ["--video", sys.argv[3] + "/videos/p000-s000.mp4", "--gaze", sys.argv[3] + "/gaze/p000-s000.csv"]
for words in (
    ["data", "build", "--source", "synthetic", "--path", sys.argv[3], "--out", "data", "--faces", "2", "--num-workers", "2"],
    ["train", "laptop", *tiny, "--data", "data", "--out", "model"],
    ["evaluate", "model", "data", "--out", "scores"],
    ["predict", "--model", "model", *clip],
):
    assert main(words) == 0, words
"""


@pytest.mark.slow
@pytest.mark.parametrize("home", ["unwritable", "none"])
def test_everything_runs_without_a_home_to_write_to(recordings: Path, tmp_path: Path, home: str):
    hidden = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "HF_HOME", "MPLCONFIGDIR", "TORCH_HOME", "USER", "LOGNAME")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment |= {"PYTHONPATH": os.getcwd(), "HF_HUB_OFFLINE": "1"}
    environment |= {"HOME": "/sys/nobody"} if home == "unwritable" else {}  # not even root can write there
    command = [sys.executable, "-c", _COMMANDS, home, json.dumps(TINY_OVERRIDES), str(recordings)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"data", "model", "scores"}, "nothing else is left"
