"""Benchmarks of faces alone: photographs, and action units in place of frames; their groups and votes reach the tables."""

from dataclasses import replace
from pathlib import Path

import pytest
from audience_tree import audience_tree
from ferplus_tree import ferplus_tree
from tiny_training import TINY_OVERRIDES

from dataset_scripts.build.build import build
from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.sources import open_source
from modeling_emert import EmertInputError
from training.benchmark.benchmarking import run_benchmark
from training.benchmark.open_data import open_data
from training.benchmark.recipe import BenchmarkRecipe, load_benchmark_recipe
from training.benchmark.robustness import measure_robustness
from training.fit.fit import fit
from training.methods.registry import get_method


def _tiny(name: str) -> BenchmarkRecipe:
    """The shipped recipe with the smallest network."""
    recipe = load_benchmark_recipe(name, ["seeds=[0]", "folds=[1]", "n_resamples=20", "split_versions=[plain]"])
    shipped = {key: value for key, value in recipe.training.items() if key != "overrides"}
    overrides = {key: value for key, value in recipe.training["overrides"].items() if key != "hierarchical"}
    tiny = {"recipe": "laptop", "image_size": 32, "epochs": 1, "overrides": TINY_OVERRIDES | overrides}
    return replace(recipe, training={key: value for key, value in shipped.items() if key not in ("recipe", "sources")} | tiny)


def _data(name: str, tree, size: int, place: Path) -> EmertData:
    (place / "files").mkdir()
    return EmertData.open(build(open_source(name, tree(place / "files", size)), place / "data", num_workers=1))


def test_networks_that_take_frames_are_refused_action_units_and_summaries_are_not(tmp_path: Path):
    data = _data("audience_effects", audience_tree, 30, tmp_path)
    recipe = _tiny("audience_effects")
    assert recipe.face_input == "action_units"
    assert open_data(recipe, data.folder, tmp_path, 1).folder == data.folder
    frames = replace(recipe, training=recipe.training | {"overrides": TINY_OVERRIDES})
    with pytest.raises(EmertInputError, match=r"method face_only is given face.*face_input=action_units takes them"):
        open_data(frames, data.folder, tmp_path, 1)
    classical = replace(frames, methods=("majority", "random_forest"))
    assert open_data(classical, data.folder, tmp_path, 1).folder == data.folder


@pytest.mark.slow
def test_action_units_through_the_whole_benchmark_and_its_damage(tmp_path: Path):
    data = _data("audience_effects", audience_tree, 30, tmp_path)
    recipe = replace(_tiny("audience_effects"), methods=("majority", "random_forest", "emert"), robustness=("emert",))
    results = run_benchmark(recipe, data.folder, tmp_path / "out", 1, "emert benchmark audience_effects")
    assert results["header"]["failed_cells"] == 0
    entry = results["versions"]["plain"]["scores"]["EMERT"]["er3"]
    assert set(entry["subgroups"]) >= {"participant_gender", "participant_age"}
    for name in ("table.md", "report.html"):
        page = (tmp_path / "out" / name).read_text(encoding="utf-8")
        assert "Subgroups" in page
        assert "older than" in page
        assert "judges" not in page
    # One row of units can neither be hidden nor lost.
    assert {line["damage"] for line in results["robustness"]} == {"hidden: nothing"}


@pytest.mark.slow
def test_photographs_through_the_whole_benchmark_with_their_votes(tmp_path: Path):
    data = _data("ferplus", ferplus_tree, 16, tmp_path)
    recipe = replace(_tiny("ferplus"), methods=("majority", "logistic_regression", "emert"))
    results = run_benchmark(recipe, data.folder, tmp_path / "out", 1, "emert benchmark ferplus")
    assert results["header"]["failed_cells"] == 0
    for method in ("Majority", "Logistic regression", "EMERT"):
        votes = results["versions"]["plain"]["scores"][method]["fer7"]["votes"]
        assert votes["metrics"]["nll_votes"]["value"] > votes["least_nll"] > 0
    for name in ("table.md", "report.html"):
        assert "Against the judges' votes" in (tmp_path / "out" / name).read_text(encoding="utf-8")
    model = fit(recipe.training_recipe(get_method("emert"), ("fer7",), 0), data, tmp_path / "model", 1)
    assert measure_robustness([model], data, 0, 20, progress=False)["curves"] == {}
