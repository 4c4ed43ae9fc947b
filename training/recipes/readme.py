"""README.md of this folder, from the recipes and the stored results: `python -m training.recipes.readme` writes it."""

import json

from dataset_scripts.common.strict_yaml import read_yaml
from modeling_emert.tasks_emert import TASKS

from ..methods.registry import METHODS
from .recipe import RECIPES, TRAINING_RECIPES

PAGE = RECIPES / "README.md"
_DOCS = RECIPES.parents[1] / "docs"
# Recipes that a benchmark trains as they are, and its method that learns the same tasks.
_BENCHMARKS = {"uniss_fgd": METHODS["emert"].name, "ceap_360vr": METHODS["emert_multitask"].name}

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
    base = read_yaml(path, recipe=True)[0].get("base")
    based = f" Based on `{base}`." if base else ""
    return f"| `{name}` | {purpose}{based} | {' | '.join(_measured(name))} |"


def _measured(name: str) -> tuple[str, str]:
    """Time and memory, and scores."""
    if name == "laptop":
        results, method = json.loads((_DOCS / "results" / "quickstart.json").read_text(encoding="utf-8")), "EMERT"
        cost = f"{results['header']['models'][0]['seconds']:.0f} s, memory not measured"
    elif method := _BENCHMARKS.get(name):
        benchmark = json.loads((_DOCS / "benchmarks" / name / "table.json").read_text(encoding="utf-8"))
        results, row = benchmark["versions"]["plain"], next(row for row in benchmark["cost"] if row["method"] == method)
        cost = f"{row['training_seconds']:.0f} s, {row['peak_memory_mb'] / 1000:.1f} GB"
    else:
        return "not measured", "not measured"
    scores = []
    for task, score in results["scores"][method].items():
        metric = TASKS[task].primary_metric
        found = score["metrics"][metric]
        scores.append(f"{task} {metric.upper()} {found['value']:.2f} [{found['low']:.2f}, {found['high']:.2f}]")
    return cost, f"{results['header']['data_kind'].partition(':')[0]}: {', '.join(scores)}"


if __name__ == "__main__":
    PAGE.write_text(recipes_page(), encoding="utf-8")
