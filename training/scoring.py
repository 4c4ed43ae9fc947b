"""What stands above every table: which data, which split, which seeds, which command."""

from collections.abc import Sequence

from dataset_scripts.reading import EmertData

from .results import Header


def make_header(data: EmertData, records: Sequence[dict], command: str) -> Header:
    """From the records of the models that were scored (one a fold)."""
    first = records[0]
    kind = "participants and stimuli both new" if first["strict"] else "new participants"
    folds = ", ".join(str(record["fold"]) for record in records)
    scaling = {
        "training": "gaze standardised by the training participants",
        "participant": "gaze standardised by each participant's own recordings, test participants' included, without labels",
    }[first["recipe"]["normalisation"]]
    return Header(
        data=f"{data.metadata.source}, {len(data)} recordings of {len(data.assignment.participants)} participants",
        data_kind="synthetic" if data.metadata.source == "synthetic" else f"real: {data.metadata.source}",
        split=f"{kind}, test of fold {folds} of {data.assignment.folds}; {scaling}",
        folds=len(records),
        seeds=tuple(sorted({record["recipe"]["seed"] for record in records})),
        command=command,
    )
