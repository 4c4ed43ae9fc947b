"""The model card of a network of any method: EMERT's, with what differs in an ablation or a compared network."""

from typing import Any

from modeling_emert.configuration_emert import EmertConfig
from modeling_emert.model_card_emert import make_model_card

from .registry import EMERT, Method, get_method


def network_card(config: EmertConfig, record: dict[str, Any], results: dict[str, Any] | None = None) -> str:
    """Markdown with front matter; `record` and `results` as in `make_model_card`."""
    method = get_method(record.get("method", "emert"))
    texts = {}
    if method.key != "emert":
        given = ", ".join(f"`{name}`" for name in method.modalities)
        texts["method"] = (
            f"**Method `{method.key}`: {method.name}.** Source: {method.source}. It was trained on {given}; give it nothing "
            "else.\n\n"
        )
        texts["loading"] = _loading(method)
    if method.made_by != EMERT:
        texts["title"] = f"{method.key}: compared with EMERT"
        texts["design"] = (
            "It is for comparison with EMERT,\nwhose encoders and heads it has; see `training/methods` in the project's code."
        )
    return make_model_card(config, record, results, **texts)


def _loading(method: Method) -> str:
    module, _, name = method.made_by.partition(":")
    own_code = (
        "The code is saved with the weights. "
        if method.made_by == EMERT
        else "The network's code is in the package only (the files `*_emert.py` here are the processor's); once "
        f"`{module}` is imported, transformers' Auto classes and `pipeline` know it too. "
    )
    return (
        f"In a clone of the project's code:\n\n```bash\npip install .\n```\n\n```python\nfrom {module} import {name}\n"
        "from modeling_emert.processing_emert import EmertProcessor\n\n"
        f'model = {name}.from_pretrained("THIS_MODEL").eval()\n'
        'processor = EmertProcessor.from_pretrained("THIS_MODEL")\n```\n\n'
        f"{own_code}`emert predict --model THIS_MODEL` and `emert evaluate THIS_MODEL DATA` give it what it was trained on."
    )
