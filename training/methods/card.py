"""The card beside a network of any method: EMERT's, and what is otherwise in an ablation or a network that is compared."""

from typing import Any

from modeling_emert.configuration_emert import EmertConfig
from modeling_emert.model_card_emert import make_model_card

from .registry import EMERT, Method, get_method


def network_card(config: EmertConfig, record: dict[str, Any], results: dict[str, Any] | None = None) -> str:
    """Markdown with front matter. `record`, `results` as in `make_model_card`, which writes it for EMERT itself."""
    method = get_method(record.get("method", "emert"))
    if method.key == "emert":
        return make_model_card(config, record, results)
    return make_model_card(config, record, results, _which(method), _how_to_load(method))


def _which(method: Method) -> str:
    given = ", ".join(f"`{name}`" for name in method.modalities)
    return (
        f"**Method `{method.key}`: {method.name}.** Source: {method.source}. It was trained on {given} and is to be given "
        "nothing else."
    )


def _how_to_load(method: Method) -> str:
    module, _, name = method.made_by.partition(":")
    own_code = (
        "The code lies beside the weights. "
        if method.made_by == EMERT
        else "The network's code is in the package alone (the files `*_emert.py` here are the processor's); once "
        f"`{module}` is imported, transformers' Auto classes and `pipeline` know it too. "
    )
    return (
        f"With the package `emert` installed:\n\n```python\nfrom {module} import {name}\n"
        "from modeling_emert.processing_emert import EmertProcessor\n\n"
        f'model = {name}.from_pretrained("THIS_MODEL").eval()\n'
        'processor = EmertProcessor.from_pretrained("THIS_MODEL")\n```\n\n'
        f"{own_code}`emert predict --model THIS_MODEL` and `emert evaluate THIS_MODEL DATA` give it what it was trained on."
    )
