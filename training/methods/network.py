"""The config of a method's network, and what is wrong with the overrides that a recipe gives it."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from inspect import formatannotation

from huggingface_hub.errors import StrictDataclassError, StrictDataclassFieldValidationError
from transformers import PreTrainedConfig

from dataset_scripts.common.settings import unknown_keys
from dataset_scripts.common.strict_yaml import show_value
from modeling_emert.configuration_emert import EmertConfig
from modeling_emert.tasks_emert import EMER_TASKS

from .registry import Method, load_class

CONFIG_ERRORS = (TypeError, ValueError, StrictDataclassError)
# transformers' configs accept any name silently; their own fields (dtype, id2label, ...) have no effect on our networks.
_OF_EVERY_CONFIG = frozenset(field.name for field in fields(PreTrainedConfig))


def make_config(method: Method, network: str, tasks: Sequence[str], overrides: dict, num_participants: int = 0) -> EmertConfig:
    """Raises one of `CONFIG_ERRORS`. The method's own overrides have precedence: they define it."""
    kind = load_class(method).config_class
    make = kind.small if network == "small" else kind
    return make(tasks=list(tasks), num_participants=num_participants, **{**overrides, **method.overrides})


def wrong_overrides(method: Method, network: str, overrides: dict, where: str = "overrides") -> Iterator[str]:
    """A sentence for each; `where`: the key that holds them.

    What depends on the tasks is checked when the network is made, since they are known only once the data set is opened.
    """
    types = {field.name: field.type for field in fields(load_class(method).config_class)}
    known = {name: kind for name, kind in types.items() if name not in _OF_EVERY_CONFIG}
    if unknown := {f"{where}.{name}": value for name, value in overrides.items() if name not in known}:
        yield unknown_keys(unknown, known)
    kept = {name: value for name, value in overrides.items() if name in known}
    backbone = kept.get("backbone_config")
    if isinstance(backbone, dict) and "model_type" not in backbone:
        yield f"{where}.backbone_config is {show_value(kept.pop('backbone_config'))}, expected a model_type too, e.g. resnet"
    kept.pop("task_weights", None)

    def wrong(some: dict) -> str | None:
        try:
            make_config(method, network, EMER_TASKS, some)
        except CONFIG_ERRORS as error:
            if isinstance(error, StrictDataclassFieldValidationError) and len(some) == 1:
                (name,) = some
                return f"{where}.{name} is {show_value(some[name])}, expected {formatannotation(known[name])}"
            return f"{where}: {' '.join(str(error.__cause__ or error).split())[:500]}"
        return None

    if together := wrong(kept):
        yield from list(filter(None, (wrong({name: value}) for name, value in kept.items()))) or [together]
