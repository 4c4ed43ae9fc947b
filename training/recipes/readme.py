"""README.md of this folder, from the recipes and the stored results: `python -m training.recipes.readme` writes it."""

import json
from pathlib import Path

from dataset_scripts.common.settings import read_bytes, read_yaml
from modeling_emert.tasks_emert import TASKS

from .recipe import RECIPES, TRAINING_RECIPES

PAGE = RECIPES / "README.md"
_DOCS = RECIPES.parents[1] / "docs"
# Recipes that a benchmark trains as they are, and the method of the benchmark that learns the same tasks.
_BENCHMARKS = {"uniss_fgd": "emert", "ceap_360vr": "emert_multitask"}
_NOT_MEASURED = ("not measured", "not measured")

_PAGE = """\
# Recipes

`emert train RECIPE key=value ...` trains one, `emert train RECIPE --show` prints all of its keys with what they mean. A recipe
of one's own is a `.yaml` file: `base:` names the recipe that it starts from, the other keys are what differs. `lora` is the
recipe of `emert adapt`; those of `emert benchmark` lie in `benchmarks`. `python -m training.recipes.readme` writes this page.

Time and memory are of training one fold on two CPU cores. Scores are of new participants, with 95 % intervals.

| recipe | purpose | time and memory here | score |
|---|---|---|---|
{rows}
"""


def recipes_page() -> str:
    return _PAGE.format(rows="\n".join(_row(name) for name in (*TRAINING_RECIPES, "lora")))


def _row(name: str) -> str:
    path = RECIPES / f"{name}.yaml"
    purpose = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
    base = read_yaml(read_bytes(path), path, recipe=True).get("base")
    based = f" Based on `{base}`." if base else ""
    cost, score = _quickstart() if name == "laptop" else _benchmark(name) if name in _BENCHMARKS else _NOT_MEASURED
    return f"| `{name}` | {purpose}{based} | {cost} | {score} |"


def _quickstart() -> tuple[str, str]:
    results = _read("results", "quickstart.json")
    seconds = results["header"]["models"][0]["seconds"]
    scores = {task: score["metrics"] for task, score in results["scores"]["EMERT"].items()}
    return f"{seconds:.0f} s, memory not measured", f"synthetic: {_scores(scores)}"


def _benchmark(name: str) -> tuple[str, str]:
    """One cell of the benchmark is one training; the scores are over all folds."""
    results, method = _read("benchmarks", name, "table.json"), _BENCHMARKS[name]
    cost = next(row for row in results["cost"] if row["method"] == method)
    tables = [table for table in results["tables"] if table["version"] == "plain"]
    scores = {table["task"]: row["metrics"] for table in tables for row in table["rows"] if row["method"] == method}
    return f"{cost['training_seconds']:.0f} s, {cost['peak_memory_mb'] / 1000:.1f} GB", f"real: {_scores(scores)}"


def _read(*names: str) -> dict:
    return json.loads(Path(_DOCS, *names).read_text(encoding="utf-8"))


def _scores(scores: dict[str, dict]) -> str:
    parts = []
    for task, metrics in scores.items():
        metric = TASKS[task].primary_metric
        found = metrics[metric]
        parts.append(f"{task} {metric.upper()} {found['value']:.2f} [{found['low']:.2f}, {found['high']:.2f}]")
    return ", ".join(parts)


if __name__ == "__main__":
    PAGE.write_text(recipes_page(), encoding="utf-8")
