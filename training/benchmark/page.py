"""`report.html`: one page that one can send to a colleague. Nothing in it comes from elsewhere, and it runs no script."""

import math
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from training.metrics import METRICS

from . import text as wording
from .figures import reliability_picture, robustness_picture

_HERE = Path(__file__).parent
_MOST_CURVES = 4  # of one reliability panel


def to_page(results: dict) -> str:
    """HTML with its styles and pictures inside."""
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {"words": wording, "metrics_of": METRICS}
    names = {method["key"]: method["name"] for method in results["methods"]}
    template = environment.get_template("page.html.jinja")
    return template.render(
        results=results,
        header=results["header"],
        names=names,
        style=(_HERE / "page.css").read_text(encoding="utf-8"),
        protocols=[_protocol(results, task) for task in dict.fromkeys(table["task"] for table in results["tables"])],
        reliability=_reliability(results, names),
        robustness=_robustness(results, names),
        gap=_gap(results),
        findings=_findings(results, names),
    )


def _protocol(results: dict, task: str) -> dict:
    """The versions of one task side by side: a line for each method, with what its bar needs."""
    tables = [table for table in results["tables"] if table["task"] == task]
    metric = tables[0]["metric"]
    figures = [row["metrics"][metric] for table in tables for row in table["rows"] if not row["failed"]]
    ends = [figure[name] for figure in figures for name in ("low", "value", "high") if figure[name] is not None]
    axis = _axis(ends)
    lines = [
        {
            "method": method["key"],
            "rows": [next(row for row in table["rows"] if row["method"] == method["key"]) for table in tables],
        }
        for method in results["methods"]
    ]
    references = [
        next((_value(row, metric) for row in table["rows"] if row["method"] == results["header"]["reference"]), None)
        for table in tables
    ]
    return {
        "task": task,
        "view": tables[0]["view"],
        "metric": metric,
        "tables": tables,
        "axis": axis,
        "lines": lines,
        "references": references,
        "place": lambda value: f"{100 * (value - axis[0]) / (axis[1] - axis[0]):.2f}%",
    }


def _axis(ends: list[float]) -> tuple[float, float]:
    """From a round number below all of them, 0 at most, to one above."""
    if not ends:
        return (0.0, 1.0)
    return min(0.0, math.floor(min(ends) * 10) / 10), max(0.1, math.ceil(max(ends) * 10) / 10)


def _value(row: dict, metric: str) -> float | None:
    return None if row["failed"] else row["metrics"][metric]["value"]


def _findings(results: dict, names: dict[str, str]) -> list[dict]:
    """For each table: the best method, the reference, and how many differ from it beyond chance."""
    found = []
    for table in results["tables"]:
        metric, best = table["metric"], wording.best_of(table)
        rows = {row["method"]: row for row in table["rows"] if not row["failed"]}
        reference = rows.get(results["header"]["reference"])
        tested = [row["against"] for row in rows.values() if row["against"]]
        clear = [test for test in tested if test["p_holm"] is not None and test["p_holm"] < wording.SIGNIFICANT]
        found.append(
            {
                "table": table,
                "best": best and (names[best], rows[best]["metrics"][metric]),
                "reference": reference and reference["metrics"][metric],
                "worse": sum(test["difference"] < 0 for test in clear),
                "better": sum(test["difference"] > 0 for test in clear),
                "tested": len(tested),
            }
        )
    return found


def _reliability(results: dict, names: dict[str, str]) -> dict | None:
    """A panel for each class protocol of the first version: EMERT and the best others."""
    version = results["header"]["versions"][0]
    panels = {}
    for table in results["tables"]:
        bins = {
            entry["method"]: entry["bins"]
            for entry in results["calibration"]
            if (entry["version"], entry["task"]) == (version, table["task"]) and len(entry["bins"]) > 1
        }
        if table["version"] == version and bins:
            metric = table["metric"]
            ranked = sorted(
                (row for row in table["rows"] if row["method"] in bins),
                key=lambda row: (row["method"] != results["header"]["reference"], -row["metrics"][metric]["value"]),
            )
            panels[table["task"]] = {names[row["method"]]: bins[row["method"]] for row in ranked[:_MOST_CURVES]}
    return reliability_picture(panels) if panels else None


def _robustness(results: dict, names: dict[str, str]) -> dict | None:
    """A picture for each task: a panel for each curve, and in it each method."""
    entries = results["robustness"]
    if not entries:
        return None
    pictures = []
    for task in dict.fromkeys(entry["task"] for entry in entries):
        panels: dict[str, tuple[list[float], dict[str, list[dict]], str]] = {}
        for entry in entries:
            if entry["task"] == task and entry["levels"]:
                panel = panels.setdefault(entry["damage"], (entry["levels"], {}, entry["level"]))
                panel[1][names[entry["method"]]] = [{"value": value, "low": None, "high": None} for value in entry["values"]]
        if panels:
            metric = next(table["metric"] for table in results["tables"] if table["task"] == task)
            pictures.append({"task": task, "image": robustness_picture(panels, wording.metric_title(metric))})
    return {"pictures": pictures, "lines": entries}


def _gap(results: dict) -> dict | None:
    """With the axis of its bars, and its confusion table as shares of each row."""
    gap = results["gap"]
    if gap is None:
        return None
    ends = [
        entry[part][name] for entry in gap["subsets"] for part in ("agree", "disagree") for name in ("low", "value", "high")
    ]
    axis = _axis([end for end in ends if end is not None])
    return {
        **gap,
        "axis": axis,
        "shares": [[count / max(1, sum(row)) for count in row] for row in gap["counts"]],
        "tasks": list(dict.fromkeys((entry["task"], entry["version"]) for entry in gap["subsets"])),
        "place": lambda value: f"{100 * (value - axis[0]) / (axis[1] - axis[0]):.2f}%",
    }
