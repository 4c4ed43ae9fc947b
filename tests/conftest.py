"""A tiny generated data set and a recipe that trains on it in a second or two."""

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # the rest is imported where it is used: the process that only hands out tests needs none of it
    from dataset_scripts.dataset.reader import EmertData
    from training.recipes.recipe import Recipe

# One thread in each process, also in those that tests start: the threads of several test processes on few cores wait for each
# other in busy loops, and training the tiny network takes seven times the CPU time.
os.environ["OMP_NUM_THREADS"] = "1"
_DEMO = "tests/spaces_demo/"


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What was imported is never looked through for garbage: it takes a second, and every training asks for that.

    The rest is looked through less often: one twentieth of the CPU time of all tests (measured).
    """
    gc.disable()
    found = yield
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
    return found


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    """`--dist loadscope`, where the demo's tests are one scope: gradio and the running page are started once."""
    if config.getvalue("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class OneDemo(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            scope = super()._split_scope(nodeid)
            return _DEMO if scope.startswith(_DEMO) else scope

    return OneDemo(config, log)


@pytest.fixture(autouse=True)
def _forget_own_tasks():
    """A registration stays in the process; the next test shall not depend on it."""
    from modeling_emert.tasks_emert import BUILT_IN, TASKS

    yield
    for name in set(TASKS) - set(BUILT_IN):
        del TASKS[name]


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tiny_training import TINY

    from dataset_scripts.generator.writing import generate

    return generate(tmp_path_factory.mktemp("generated") / "recordings", TINY, num_workers=1)


@pytest.fixture(scope="session")
def data(recordings: Path) -> "EmertData":
    from dataset_scripts.build.build import build
    from dataset_scripts.dataset.reader import EmertData
    from dataset_scripts.sources import open_source

    out = recordings.parent / "dataset"
    return EmertData.open(build(open_source("synthetic", recordings), out, num_workers=1, faces=2))


@pytest.fixture(scope="session")
def recipe() -> "Recipe":
    from tiny_training import TINY_OVERRIDES

    from training.recipes.recipe import Recipe

    return Recipe(network="small", overrides=TINY_OVERRIDES, image_size=32, epochs=2, batch_size=8, learning_rate=1e-2)


@pytest.fixture(scope="session")
def model(data: "EmertData", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model trained for one epoch on fold 1."""
    from tiny_training import TINY_OVERRIDES

    from training.fit.fit import fit
    from training.recipes.recipe import Recipe

    recipe = Recipe(network="small", overrides=TINY_OVERRIDES, image_size=32, epochs=1, batch_size=8)
    return fit(recipe, data, tmp_path_factory.mktemp("models") / "model", fold=1)
