"""Training the small model from the page."""

import sys
from pathlib import Path

import pytest

from modeling_emert.errors_emert import EmertInputError
from spaces_demo.checkpoints import OWN_TRAINING, QUICKSTART
from spaces_demo.page.training_offer import train_small


def test_the_progress_follows_the_folders_that_the_training_writes(tmp_path: Path):
    script = "import pathlib, time\n" + "\n".join(
        f"pathlib.Path({str(tmp_path / name)!r}).mkdir(); time.sleep(0.2)" for name in ("recordings", "dataset", "model")
    )
    seen = list(train_small(tmp_path, (sys.executable, "-c", script), every=0.05))
    assert [fraction for fraction, _ in seen] == sorted(fraction for fraction, _ in seen)
    assert seen[-1] == (0.95, "scoring it on people it has not seen")


def test_a_training_that_fails_is_reported_with_its_last_line(tmp_path: Path):
    with pytest.raises(EmertInputError, match="The training stopped: it has no disk"):
        list(train_small(tmp_path, (sys.executable, "-c", "import sys; print('x'); sys.exit('first\\nit has no disk')")))


def test_a_second_visitor_has_to_wait(tmp_path: Path):
    first = train_small(tmp_path, (sys.executable, "-c", "import time; time.sleep(60)"))
    next(first)
    with pytest.raises(EmertInputError, match="for another visitor already"):
        next(train_small(tmp_path, (sys.executable, "-c", "")))
    first.close()  # the visitor left, which ends the training
    assert list(train_small(tmp_path, (sys.executable, "-c", "import time; time.sleep(0.1)")))


def test_the_page_does_not_write_into_the_quickstarts_folder():
    assert OWN_TRAINING != QUICKSTART
