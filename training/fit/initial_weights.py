"""Training that starts from the weights of a model folder, and what that model has seen."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedModel

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.configuration_emert import EmertConfig
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.licences_emert import hash_participants

from ..evaluation.model_folder import check_model_folder, read_training, record_for, sources_of
from ..evaluation.protocols import rows_seen
from ..recipes.recipe import Recipe


def load_initial_weights(recipe: Recipe, kind: type[PreTrainedModel], config: EmertConfig) -> PreTrainedModel:
    """The recipe's network with the weights of its `initial_model` wherever name and shape agree; the others are random.

    Raises `EmertInputError` where no weight fits.
    """
    folder = Path(recipe.initial_model)
    model, report = kind.from_pretrained(folder, config=config, ignore_mismatched_sizes=True, output_loading_info=True)
    new = {*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])}
    if set(model.state_dict()) <= new:
        raise EmertInputError(f"recipe: initial_model: no weight of {folder} fits the recipe's network")
    return model


def check_initial_model(recipe: Recipe, data: Sequence[EmertData], tested: Sequence[np.ndarray], strict: bool) -> None:
    """Raises `EmertInputError` where the folder holds no trained model, or one that has seen what is left for the test here.

    `tested`: the test rows of each data set.
    """
    check_model_folder(recipe.initial_model)
    record = read_training(Path(recipe.initial_model))
    for one, rows in zip(data, tested, strict=True):
        source = one.metadata.source
        if source not in sources_of(record):
            continue
        where = f"recipe: initial_model: {recipe.initial_model} was trained on {source}"
        if strict and not record["strict"]:
            raise EmertInputError(
                f"{where} without --strict, so it may have seen the stimuli of the test; train it with --strict"
            )
        met = rows[rows_seen(one, record_for(record, source))[rows]]
        if known := sorted({str(name) for name in one.ids["participant_id"][met]}):
            raise EmertInputError(
                f"{where} and has seen {len(known)} participants of the test ({known[0]}, ...); take its fold, {record['fold']}"
            )


def seen_before(recipe: Recipe, of_data: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """`of_data`, the training record's entries of each data set, with what the initial model has seen."""
    if recipe.initial_model is None:
        return list(of_data)
    record = read_training(Path(recipe.initial_model))
    merged = {}
    for entry in [*(record.get("data_sets") or [record]), *of_data]:
        name = entry["data"]
        seen = {*hash_participants(name, entry["seen_participants"]), *merged.get(name, {}).get("seen_participants", ())}
        merged[name] = {key: entry[key] for key in ("data", "build", "splits_sha256")} | {"seen_participants": sorted(seen)}
    # The data of this training first, as without an initial model.
    own = [entry["data"] for entry in of_data]
    return [merged[name] for name in dict.fromkeys([*own, *merged])]
