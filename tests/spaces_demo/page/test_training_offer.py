"""Training the small model from the page."""

import sys
from pathlib import Path

import pytest

from modeling_emert.errors_emert import EmertInputError
from spaces_demo.checkpoints import OWN_TRAINING, QUICKSTART
from spaces_demo.page import training_offer
from spaces_demo.page.training_offer import train_small, trained


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
