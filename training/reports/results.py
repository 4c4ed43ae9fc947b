"""From the table of predictions to results: a dictionary, a page to read with its pictures, a table for the terminal.

`results` is plain data (JSON, never NaN). `emert evaluate` writes one, of one version of the splits; `emert benchmark` one for
each version, see `benchmark.tables`:

```
header     data, data_kind, split, strict, folds, seeds, command, models, versions
bootstrap  n_resamples, seed, level, unit ("participants")
methods    names in the order of the predictions table
scores     {method: {task: {
               n, participants, absent_labels,
               metrics: {metric: {value, low, high, n_resamples, note}},      pooled over the folds' test sets
               folds: {metric, mean, std, n, note},                     primary metric by fold; std with n - 1
               by_fold: {fold: value}, by_seed: {seed: value},          primary metric
               subgroups: {column: {group: {n, participants, metrics}}},
               calibration: {answers, before}, confusion,               classification only, else null
               votes: {n, least_nll, metrics: {nll_votes, js_votes}}}}}  only where judges have voted
gap        see `reports.gap_section`; null where the table has not both views
```

An undefined figure is null, and its `note` says why.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd

from dataset_scripts.common.output import atomic_file, atomic_folder
from dataset_scripts.dataset.reader import EmertData
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import TASKS, own_definitions, register_tasks
from training.outputs import SCORES

from ..evaluation.protocols import Protocol, trained_on_these_splits
from ..metrics.predictions import PREDICTIONS_FILE, find_problem, read_header, read_predictions, write_table
from .gap_section import gap_of
from .page import results_markdown
from .pictures import draw_pictures
from .sections import BINS, LEVEL, score_section

PICTURES = "pictures"  # the folder of the PNG files, beside results.md
SPLIT_VERSIONS = {"plain": "new participants", "strict": "participants and stimuli both new"}
SCALING = {
    "training": "gaze standardised by the training participants",
    "participant": "gaze standardised by each participant's own recordings, test participants' included, without labels",
}
# Fields of a model's training record with the cost of the training; older records lack some.
_COST = ("method", "fold", "epochs", "steps", "seconds", "samples_per_second", "parameters", "validation_score")


def _installed_versions() -> dict[str, str]:
    """Read from the installed packages' metadata, so that no large library is imported."""
    found = {}
    for package in ("torch", "transformers", "emert"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


@dataclass(frozen=True)
class Header:
    """What a reader must know before any figure.

    `data_kind` is "synthetic" or "real: <source>"; `split` is a sentence; `strict`: no stimulus is on two sides; `models`:
    what training each model took, see [`training_cost`].

    Raises `ValueError` for another kind, and where data, split or seeds are empty.
    """

    data: str
    data_kind: str
    split: str
    folds: int
    seeds: tuple[int, ...]
    command: str
    strict: bool = False
    models: tuple[Mapping, ...] = ()
    versions: dict[str, str] = field(default_factory=_installed_versions)

    def __post_init__(self) -> None:
        source = self.data_kind.removeprefix("real: ")
        if self.data_kind != "synthetic" and (source == self.data_kind or not source.strip()):
            raise ValueError(f'data_kind must be "synthetic" or "real: <source>", got {self.data_kind!r}')
        if not (self.data and self.split and len(self.seeds) and self.folds > 0):
            raise ValueError(f"results need the data's name, the split, the folds and the seeds, got {self}")

    def to_plain(self) -> dict:
        """As JSON holds it."""
        return {**asdict(self), "seeds": list(self.seeds), "models": [dict(model) for model in self.models]}

    @classmethod
    def from_plain(cls, content: dict) -> "Header":
        return cls(**{**content, "seeds": tuple(content["seeds"]), "models": tuple(content["models"])})


def make_header(data: EmertData, records: Sequence[dict], command: str, protocols: Sequence[Protocol] = ()) -> Header:
    """From the records of the models that were scored (one a fold), and the protocols they were scored on, if given."""
    first = records[0]
    all_unseen = not protocols and not trained_on_these_splits(data, first)
    strict = protocols[0].strict if protocols else first["strict"] and not all_unseen
    tested = list(dict.fromkeys(part.fold for part in protocols)) or [record["fold"] for record in records]
    test_split = f"test of fold {', '.join(map(str, tested))} of {data.assignment.folds}"
    people = len(data.assignment.participants)
    if data.assignment.sets and not all_unseen:
        shared = sum(map(data.people_in_test_and_training, tested))
        known = people < len(data)
        who_is = f"{shared} of their participants also in training" if known else "who is in training too is not known"
        test_split = f"the authors' sets {', '.join(map(str, tested))} as tests ({who_is})"
    who = "all that the model has not seen" if all_unseen else test_split
    scaling = SCALING[first["recipe"]["normalisation"]]
    if first["recipe"].get("inputs") == "authors":
        scaling = "inputs as the authors' reader makes them"
    return Header(
        data=f"{data.metadata.source}, {len(data)} recordings" + ("" if people == len(data) else f" of {people} participants"),
        data_kind=data_kind(data),
        split=f"{SPLIT_VERSIONS['strict' if strict else 'plain']}, {who}; {scaling}",
        folds=len(tested),
        seeds=tuple(sorted({record["recipe"]["seed"] for record in records})),
        command=command,
        strict=strict,
        models=tuple(training_cost(record) for record in records),
    )


def data_kind(data: EmertData) -> str:
    source = data.metadata.source
    return "synthetic" if source == "synthetic" else f"real: {source}"


def training_cost(record: dict) -> dict:
    """What the training of one model took and its validation score, as far as the record has them."""
    return {name: record[name] for name in _COST if record.get(name) is not None}


def make_results(predictions: pd.DataFrame, header: Header, n_resamples: int = 1000, seed: int = 0, bins: int = BINS) -> dict:
    """The dictionary above; `bins`: of the reliability curves.

    Raises `EmertInputError` for a table that is empty or has a problem.
    """
    if problem := find_problem(predictions):
        raise EmertInputError(f"predictions: {problem}")
    if predictions.empty:
        raise EmertInputError("predictions: the table has no rows; no recording of the test folds has a label")
    all_scores: dict[str, dict[str, dict]] = {}
    for method, of_method in predictions.groupby("method", sort=False):
        found = set(of_method["task"])
        all_scores[str(method)] = {
            name: score_section(task, of_method[of_method["task"] == name], n_resamples, seed, bins)
            for name, task in TASKS.items()
            if name in found
        }
    return {
        "header": header.to_plain(),
        "bootstrap": bootstrap(n_resamples, seed),
        "methods": list(all_scores),
        "scores": all_scores,
        "gap": gap_of(predictions, n_resamples, seed),
        **({"own_tasks": own} if (own := own_definitions(sorted(set(predictions["task"])))) else {}),
    }


def bootstrap(n_resamples: int, seed: int = 0) -> dict:
    """How the intervals of results were made."""
    return {"n_resamples": n_resamples, "seed": seed, "level": LEVEL, "unit": "participants"}


def read_results(path: Path) -> dict:
    """A results.json, of one source or of several, written by this version or an older one.

    Raises `EmertInputError` for a file that is none.
    """
    from modeling_emert.model_card_emert import by_source  # loads transformers

    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise EmertInputError(f"{path}: no such file; expected a results.json of `emert evaluate`") from error
    except (OSError, ValueError) as error:
        raise EmertInputError(
            f"{path}: not readable as JSON ({error}); copy a results.json of `emert evaluate` there"
        ) from error
    for one in by_source(results):
        missing = [name for name in ("header", "bootstrap", "methods", "scores", "gap") if name not in one]
        if missing:
            raise EmertInputError(f"{path}: {missing[0]!r} is missing; expected a results.json of `emert evaluate`")
        _rename_old_keys(one)
    try:
        for one in by_source(results):
            register_tasks(one.get("own_tasks", ()))
    except (ValueError, TypeError) as error:
        raise EmertInputError(f"{path}: own_tasks: {error}") from error
    return results


def _rename_old_keys(results: dict) -> None:
    if "draws" in results["bootstrap"]:
        results["bootstrap"]["n_resamples"] = results["bootstrap"].pop("draws")
    for found in (results["gap"] or {"methods": {}})["methods"].values():
        if "score" in found:  # of the one seed that there was
            score = found.pop("score")
            found["scores"] = {} if score is None else {str(results["header"]["seeds"][0]): score}


def write_results(
    folder: str | Path, predictions: pd.DataFrame, header: Header, n_resamples: int = 1000, seed: int = 0
) -> dict:
    """Write the folder of results.json, results.md, predictions.parquet and pictures/*.png, and return the results.

    The folder is replaced when all files are ready. Raises `EmertInputError` as `make_results` and `atomic_folder`.
    """
    predictions = predictions.assign(version="strict" if header.strict else "plain")
    results = make_results(predictions, header, n_resamples, seed)
    pictures = draw_pictures(results, predictions)
    page = results_markdown(results, [f"{PICTURES}/{name}" for name in pictures])
    with atomic_folder(folder, SCORES) as new:
        (new / PICTURES).mkdir()
        for name, picture in pictures.items():
            (new / PICTURES / name).write_bytes(picture)
        (new / "results.md").write_text(page, encoding="utf-8")
        write_table(new / PREDICTIONS_FILE, predictions, header.to_plain())
        (new / "results.json").write_text(to_json(results), encoding="utf-8")
    return results


def remake_results(predictions: str | Path, folder: str | Path, n_resamples: int = 1000, seed: int = 0) -> dict:
    """All files of `write_results` again from its predictions.parquet alone, without model or data. Raises as that does."""
    return write_results(folder, read_predictions(predictions), Header.from_plain(read_header(predictions)), n_resamples, seed)


def write_step(out: Path, name: str, results: dict, pictures: Mapping[str, bytes], page: str) -> None:
    """NAME.json, NAME.md and the pictures by atomic writes, when all of them are ready."""
    files = {f"{name}.json": to_json(results).encode(), f"{name}.md": page.encode(), **pictures}
    with ExitStack() as stack:
        for file, content in files.items():
            stack.enter_context(atomic_file(Path(out) / file)).write_bytes(content)


def to_json(content: dict) -> str:
    """Compact, with a line for each key at the top level and for each at the second."""
    lines = []
    for key, value in content.items():
        if isinstance(value, dict) and value:
            inner = ",\n".join(f"  {json.dumps(name)}: {_compact(part)}" for name, part in value.items())
            lines.append(f" {json.dumps(key)}: {{\n{inner}\n }}")
        else:
            lines.append(f" {json.dumps(key)}: {_compact(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _compact(value: object) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
