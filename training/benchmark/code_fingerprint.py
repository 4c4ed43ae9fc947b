"""The code that decides a cell's predictions: a change in it makes every cell anew, a changed command or page makes none."""

from dataset_scripts.common.code_fingerprint import code_fingerprint
from training.methods.registry import METHODS

# What a cell runs, and every method, which the registry names as text.
ENTRIES = (f"{__package__}.measuring", *sorted({method.made_by.partition(":")[0] for method in METHODS.values()}))
# Imported on the way, but they reach no prediction.
DECIDE_NOTHING = (
    "training.reports",
    "training.methods.card",
    "modeling_emert.model_card_emert",
    "modeling_emert.registration_emert",
)


def code_hash() -> str:
    return code_fingerprint(ENTRIES, DECIDE_NOTHING)
