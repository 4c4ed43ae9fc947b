"""The generated tables of README and docs: `.venv/bin/python tests/helpers/docs_tables.py` writes them between their markers.

A table stands between `<!-- NAME -->` and `<!-- /NAME -->` and is made from stored results or from the code.
"""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from modeling_emert.columns_emert import columns_markdown
from modeling_emert.evidence_emert import INPUT_WORDS
from modeling_emert.tasks_emert import BUILT_IN, TASKS
from training.metrics import METRIC_TITLES
from training.reports.by_source import sources_table
from training.reports.page import describe, primary_tables
from training.reports.tables import markdown_table

_ROOT = Path(__file__).parents[2]
_VIEWS = {"er": "felt", "fer": "shown by the face", "perceived": "shown by the stimulus"}


def _stored(path: str) -> dict:
    return json.loads((_ROOT / path).read_text(encoding="utf-8"))


def people() -> str:
    """The shipped model on real people: the tests that have an interval. All of them stand in docs/people/results.md."""
    evidence = _stored("spaces_demo/model/config.json")["evidence"]
    head, rows = sources_table(_stored("docs/people/results.json")["sources"], evidence)
    names, kept = ("score", "chance", "accuracy"), []
    for row in rows:
        found = dict(zip(head, row, strict=True))
        if "fewer than" not in found["score"]:
            test = next(test for test in evidence if (test["source"], test["task"]) == (found["source"], found["task"]))
            seen = " and ".join(INPUT_WORDS[name] for name in test["inputs"])
            kept.append([found["task"], seen, f"{found['source']}, {test['unseen']}", *(found[name] for name in names)])
    return markdown_table(["task", "from", "tested on", *names], kept)


def quickstart(tasks: Sequence[str] = ()) -> str:
    """The quickstart's scores on generated recordings, of all tasks or of some, and what they were measured on."""
    results = _stored("docs/results/quickstart.json")
    tables = primary_tables(results)
    if tasks:
        head, rows = tables[0][1], [row for _, _, rows in tables for row in rows if row[0].split()[0] in tasks]
        parts = [markdown_table(head, rows)]
    else:
        parts = [part for title, head, rows in tables for part in (f"**{title}**", markdown_table(head, rows))]
    return "\n\n".join([*parts, describe(results)])


def tasks() -> str:
    rows = []
    for task in (TASKS[name] for name in BUILT_IN):
        labels = ", ".join(task.labels)
        span = f", each {task.range[0]:g} to {task.range[1]:g}" if task.range else ""
        rows.append([f"`{task.name}`", _VIEWS[task.view], labels + span, METRIC_TITLES[task.primary_metric]])
    return markdown_table(["task", "emotion", "labels", "first metric"], rows)


TABLES: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {"people": people, "table": lambda: quickstart(("er7", "fer7"))},
    "docs/quick_tour.md": {"table": quickstart},
    "docs/eye_trackers.md": {"columns": columns_markdown},
    "docs/protocols.md": {"tasks": tasks},
}


def with_tables(page: str) -> str:
    """The page as it is when its tables are made anew. Raises `ValueError` where a marker is missing."""
    text = (_ROOT / page).read_text(encoding="utf-8")
    for name, make in TABLES[page].items():
        parts = re.split(rf"(?<=<!-- {name} -->\n)|(?=<!-- /{name} -->)", text)
        if len(parts) != 3:
            raise ValueError(f"{page}: expected <!-- {name} --> and <!-- /{name} --> once, found {len(parts) - 1} of them")
        text = f"{parts[0]}{make()}\n{parts[2]}"
    return text


if __name__ == "__main__":
    for name in TABLES:
        (_ROOT / name).write_text(with_tables(name), encoding="utf-8")
