"""The untrained network that a recipe describes."""

from collections.abc import Sequence
from dataclasses import fields

from huggingface_hub.errors import StrictDataclassError
from transformers import PreTrainedConfig, PreTrainedModel

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.processing_emert import EmertProcessor

from ..methods.registry import get_method, load_class
from ..recipes.recipe import Recipe

# transformers' configs accept any name silently; their own fields (dtype, id2label, ...) have no effect on our networks.
_OF_EVERY_CONFIG = frozenset(field.name for field in fields(PreTrainedConfig))


def make_model(recipe: Recipe, tasks: Sequence[str], num_participants: int = 0) -> tuple[PreTrainedModel, EmertProcessor]:
    """The network of the recipe's method, and its processor; `num_participants` as in `EmertConfig`.

    Raises:
        EmertInputError: the overrides make no network; the weights of `pretrained_backbone` can't be loaded.
    """
    method = get_method(recipe.method)
    network = load_class(method)
    make_config = network.config_class.small if recipe.network == "small" else network.config_class
    overrides = {**recipe.overrides, **method.overrides}  # the method's own have precedence: they define it
    _check_names(overrides, network.config_class)
    try:
        config = make_config(tasks=list(tasks), num_participants=num_participants, **overrides)
        model = network(config)
    except (TypeError, ValueError, StrictDataclassError) as error:
        if not recipe.overrides:
            raise  # then it is not the user's error
        raise EmertInputError(f"recipe: overrides: {' '.join(str(error).split())[:500]}") from error
    if config.pretrained_backbone is not None:
        try:
            model.emert.load_pretrained_backbone()
        except (OSError, ValueError) as error:
            raise EmertInputError(f"recipe: overrides: pretrained_backbone: {' '.join(str(error).split())}") from error
    return model, EmertProcessor.for_config(config, recipe.image_size, recipe.normalisation)


def _check_names(overrides: dict, config_class: type[PreTrainedConfig]) -> None:
    known = [field.name for field in fields(config_class) if field.name not in _OF_EVERY_CONFIG]
    unknown = [str(name) for name in overrides if name not in known]
    if unknown:
        raise EmertInputError(
            f"recipe: overrides: {', '.join(unknown)} is no field of {config_class.__name__}'s own; it has {', '.join(known)}"
        )
    backbone = overrides.get("backbone_config")
    if isinstance(backbone, dict) and "model_type" not in backbone:
        raise EmertInputError(
            "recipe: overrides: backbone_config lacks model_type, e.g. resnet; it replaces all of the default"
        )
