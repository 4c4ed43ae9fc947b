"""README.md of this folder, from the recipes and the stored results: `python -m training.recipes.readme` writes it."""

import json
from functools import cache

from dataset_scripts.common.strict_yaml import read_yaml
from modeling_emert.tasks_emert import TASKS

from ..methods.registry import METHODS
from .recipe import RECIPES, TRAINING_RECIPES, load_recipe, recipe_of_record

PAGE = RECIPES / "README.md"
_DOCS = RECIPES.parents[1] / "docs"
_SHIPPED = RECIPES.parents[1] / "spaces_demo" / "model" / "training_record.json"
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
    based = f" Based on `{base}`." if (base := _base(name)) else ""
    return f"| `{name}` | {purpose}{based} | {' | '.join(_measured(name))} |"


def _base(name: str) -> str | None:
    return read_yaml(RECIPES / f"{name}.yaml", recipe=True)[0].get("base")


def _measured(name: str) -> tuple[str, str]:
    """Time and memory, and scores."""
    if name == "laptop":
        results = [_read("results/quickstart.json")]
    elif method := _BENCHMARKS.get(name):
        benchmark = _read(f"benchmarks/{name}/table.json")
        row = next(row for row in benchmark["cost"] if row["method"] == method)
        cost = f"{row['training_seconds']:.0f} s, {row['peak_memory_mb'] / 1000:.1f} GB"
        return cost, _scores(benchmark["versions"]["plain"], method)
    elif name == _shipped():
        results = list(_read("people/results.json")["sources"].values())
    elif (shipped := _shipped()) and name == _base(shipped):
        return f"see `{shipped}`", f"see `{shipped}`"
    else:
        return "not measured", "not measured"
    cost = f"{results[0]['header']['models'][0]['seconds']:.0f} s, memory not measured"
    return cost, "; ".join(_scores(one, METHODS["emert"].name) for one in results)


@cache
def _shipped() -> str | None:
    """The recipe of the model that comes with emert."""
    recipe = recipe_of_record(json.loads(_SHIPPED.read_text(encoding="utf-8"))["recipe"])
    return next((name for name in TRAINING_RECIPES if load_recipe(name) == recipe), None)


def _scores(results: dict, method: str) -> str:
    scores = []
    for task, score in results["scores"][method].items():
        metric = TASKS[task].primary_metric
        found = score["metrics"][metric]
        interval = "" if found["low"] is None else f" [{found['low']:.2f}, {found['high']:.2f}]"
        scores.append(f"{task} {metric.upper()} {found['value']:.2f}{interval}")
    kind, _, source = results["header"]["data_kind"].partition(": ")
    return f"{kind}{f' ({source})' if source else ''}: {', '.join(scores)}"


def _read(name: str) -> dict:
    return json.loads((_DOCS / name).read_text(encoding="utf-8"))


if __name__ == "__main__":
    PAGE.write_text(recipes_page(), encoding="utf-8")
