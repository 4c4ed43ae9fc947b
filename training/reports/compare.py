"""Scores of several models in one table, from the predictions that `emert evaluate` wrote of each."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from modeling_emert.errors_emert import EmertInputError

from ..evaluation.evaluate import BASELINES
from ..metrics.predictions import read_header, read_predictions
from .results import Header, write_results

_BASELINES = {key.replace("_", " ") for key in BASELINES}


def compare_results(files: Sequence[Path], out: Path) -> dict:
    """Writes the results of all of them as one, each model named after the folder of its scores, the baselines once.

    Raises `EmertInputError` where they are of other data, folds or versions of the splits, or two folders have one name.
    """
    names = [file.resolve().parent.name for file in files]
    if len(set(names)) < len(names):
        raise EmertInputError(f"--predictions: two of the folders have one name ({', '.join(names)}); rename one of them")
    tables, headers = [], []
    for file, name in zip(files, names, strict=True):
        table, header = read_predictions(file), Header.from_plain(read_header(file))
        ours = ~table["method"].isin(_BASELINES)
        if headers:
            _check_same(files[0], file, (tables[0], headers[0]), (table, header))
            table, ours = table[ours], ours[ours]
        tables.append(table.assign(method=table["method"].where(~ours, name + ": " + table["method"])))
        headers.append(header)
    command = f"emert evaluate --predictions {' '.join(map(str, files))} --out DIR"
    models = tuple(model for header in headers for model in header.models)
    seeds = tuple(sorted({seed for header in headers for seed in header.seeds}))
    header = replace(headers[0], command=command, models=models, seeds=seeds)
    return write_results(out, pd.concat(tables, ignore_index=True), header)


def _check_same(first: Path, other: Path, expected: tuple[pd.DataFrame, Header], found: tuple[pd.DataFrame, Header]) -> None:
    for what, one, two in (
        ("data", expected[1].data, found[1].data),
        ("a strict split", expected[1].strict, found[1].strict),
        ("folds", sorted(set(expected[0]["fold"])), sorted(set(found[0]["fold"]))),
    ):
        if one != two:
            raise EmertInputError(f"{other}: {what} is {two}, where {first} has {one}; score them on the same")
