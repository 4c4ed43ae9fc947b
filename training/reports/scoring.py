"""What stands above every table: which data, which split, which seeds, which command."""

from collections.abc import Sequence

from dataset_scripts.dataset.reader import EmertData

from ..evaluation.protocols import Protocol, trained_on_these_splits
from .results import Header

# What of a model's record tells of its training's cost; older records lack some.
_COST = ("method", "fold", "epochs", "steps", "seconds", "samples_per_second", "parameters", "validation_score")


def make_header(data: EmertData, records: Sequence[dict], command: str, protocols: Sequence[Protocol] = ()) -> Header:
    """From the records of the models that were scored (one a fold), and the protocols they were scored on, if given."""
    first = records[0]
    everybody = not protocols and not trained_on_these_splits(data, first)
    strict = protocols[0].strict if protocols else first["strict"] and not everybody
    tested = list(dict.fromkeys(part.fold for part in protocols)) or [record["fold"] for record in records]
    kind = "participants and stimuli both new" if strict else "new participants"
    test_split = f"test of fold {', '.join(map(str, tested))} of {data.assignment.folds}"
    who = "all that the model has not seen" if everybody else test_split
    scaling = {
        "training": "gaze standardised by the training participants",
        "participant": "gaze standardised by each participant's own recordings, test participants' included, without labels",
    }[first["recipe"]["normalisation"]]
    return Header(
        data=f"{data.metadata.source}, {len(data)} recordings of {len(data.assignment.participants)} participants",
        data_kind="synthetic" if data.metadata.source == "synthetic" else f"real: {data.metadata.source}",
        split=f"{kind}, {who}; {scaling}",
        folds=len(tested),
        seeds=tuple(sorted({record["recipe"]["seed"] for record in records})),
        command=command,
        strict=strict,
        models=tuple(training_cost(record) for record in records),
    )


def training_cost(record: dict) -> dict:
    """What the training of one model took and reached on validation, as far as its record tells."""
    return {name: record[name] for name in _COST if record.get(name) is not None}
