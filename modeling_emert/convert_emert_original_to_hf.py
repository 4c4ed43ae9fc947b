"""From a checkpoint of the authors' network to ours."""

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from .checkpoint_reading_emert import find_network, read_checkpoint
from .configuration_emert import EmertConfig
from .constants_emert import CONFIG_FILE
from .errors_emert import EmertInputError
from .modeling_emert import EmertForEmotionRecognition
from .processing_emert import EmertProcessor

_RESNET = "emert.face_encoder.backbone"
_COUNTER = "num_batches_tracked"
_UNUSED = re.compile(r"subnet\.(f_extractor\.fc|classifier)\.")
# Width of the last layer of the authors' only head -> the task.
_TASK_OF_WIDTH = {1: "fer_intensity", 2: "er_va", 3: "er3", 7: "er7"}


def _prefixes() -> dict[str, str]:
    """The prefix of each of the authors' names -> ours; without the heads, since their tasks have to be found first."""
    pairs = {
        "subnet.f_extractor.conv1.": f"{_RESNET}.embedder.embedder.convolution.",
        "subnet.f_extractor.bn1.": f"{_RESNET}.embedder.embedder.normalization.",
        "subnet.e_lstm.": "emert.eye_encoder.lstm.",
        "subnet.v_lstm.": "emert.fixation_encoder.lstm.",
        "proj_v1.": "emert.face_encoder.projection.",
        "specific_projection_v.": "emert.decoupling.specific.face.",
        "specific_projection_a.": "emert.decoupling.specific.eye_movements.",
        "specific_projection_l.": "emert.decoupling.specific.fixations.",
        "invariant_projection.": "emert.decoupling.invariant.",
        "distriminator.0.": "emert.decoupling.discriminator.",
        "transformer.pos_embedding_s": "emert.fusion.source_positions",
        "transformer.pos_embedding_t": "emert.fusion.target_positions",
    }
    for stage, block in ((stage, block) for stage in range(4) for block in range(2)):  # ResNet-18, torchvision's names
        authors = f"subnet.f_extractor.layer{stage + 1}.{block}."
        ours = f"{_RESNET}.encoder.stages.{stage}.layers.{block}."
        for index in range(2):
            pairs[f"{authors}conv{index + 1}."] = f"{ours}layer.{index}.convolution."
            pairs[f"{authors}bn{index + 1}."] = f"{ours}layer.{index}.normalization."
        pairs[f"{authors}downsample.0."] = f"{ours}shortcut.convolution."
        pairs[f"{authors}downsample.1."] = f"{ours}shortcut.normalization."
    for layer in range(2):
        authors, ours = f"transformer.CrossTransformerEncoder.layers.{layer}.", f"emert.fusion.layers.{layer}."
        for part in "qkv":
            pairs[f"{authors}0.norm_{part}."] = f"{ours}attention.norm_{part}."
            pairs[f"{authors}0.fn.to_{part}."] = f"{ours}attention.{part}_proj."
        pairs[f"{authors}0.fn.to_out.0."] = f"{ours}attention.out_proj."
        pairs[f"{authors}1.norm."] = f"{ours}norm."
        pairs[f"{authors}1.fn.net."] = f"{ours}feed_forward."
    return pairs


_PREFIXES = _prefixes()
_FIRST_PARTS = frozenset({prefix.split(".")[0] for prefix in _PREFIXES} | {"cls_head", "cls_head_e", "cls_head_in"})


def rename(name: str) -> str | None:
    """Our name of one of the authors' tensors (not of a head); None for those that the authors' network never uses.

    Raises `ValueError` for an unknown name.
    """
    if _UNUSED.match(name):
        return None
    for authors, ours in _PREFIXES.items():
        if name.startswith(authors):
            return ours + name.removeprefix(authors)
    raise ValueError(f"{name!r} is no tensor of the authors' network")


def convert_state_dict(state_dict: Mapping[str, Any]) -> EmertForEmotionRecognition:
    """Our network with the authors' weights, float32, in eval mode.

    `state_dict`: the authors', or a dictionary that contains it; prefixes of wrappers (`module.`) are removed. Missing
    BatchNorm counters, which old checkpoints lack, become 0.

    Raises `EmertInputError` if it holds no such network, or names all tensors that are missing, unexpected or of another shape.
    """
    state = find_network(state_dict, _FIRST_PARTS)
    config, heads = _config_and_heads(state)
    model = EmertForEmotionRecognition(config)
    expected = model.state_dict()
    prefixes = {**_PREFIXES, **{f"{head}.": f"heads.{task}.layers." for head, task in heads.items()}}
    converted, faults = _rename_all(state, heads)
    for name, tensor in expected.items():
        if name.endswith(_COUNTER):
            converted.setdefault(name, torch.zeros_like(tensor))
    for name in sorted(converted.keys() | expected.keys()):
        found, wanted = _form(converted.get(name)), _form(expected.get(name))
        if found != wanted:
            faults.append(f"{_authors_name(name, prefixes)} -> {name}: found {found}, expected {wanted}")
    if faults:
        raise EmertInputError(f"the checkpoint does not fit the authors' network: {'; '.join(faults)}")
    model.load_state_dict(converted)
    return model.eval()


def _rename_all(state: Mapping[str, Any], heads: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """The tensors by our names, and an error message for each unknown name."""
    converted, faults = {}, []
    for name, value in state.items():
        head, _, rest = name.partition(".")
        try:
            new_name = f"heads.{heads[head]}.layers.{rest}" if head in heads else rename(name)
        except ValueError as error:
            faults.append(str(error))
            continue
        if new_name is not None:
            converted[new_name] = value
    return converted, faults


def _form(value: Any) -> object:
    """What is compared and shown of a tensor: its shape; of anything else its type."""
    if isinstance(value, torch.Tensor):
        plain = value.layout == torch.strided and not (value.is_meta or value.is_complex() or value.is_quantized)
        return tuple(value.shape) if plain else f"a tensor of {value.dtype}, {value.layout}"
    return None if value is None else f"{type(value).__name__}, no tensor"


def _authors_name(name: str, prefixes: Mapping[str, str]) -> str:
    authors = next((authors for authors, ours in prefixes.items() if name.startswith(ours)), None)
    return name if authors is None else authors + name.removeprefix(prefixes[authors])


def _config_and_heads(state: Mapping[str, Any]) -> tuple[EmertConfig, dict[str, str]]:
    """The variant, found by the shapes of its heads, and the task of each of the authors' heads."""
    if any(name.startswith("cls_head_e.") for name in state):
        return EmertConfig.authors("er7_intensity"), {"cls_head_e": "er7", "cls_head_in": "fer_intensity"}
    layers = {int(found[1]): name for name in state if (found := re.fullmatch(r"cls_head\.(\d{1,4})\.weight", name))}
    if not layers:
        raise EmertInputError("no head found: expected cls_head.* or cls_head_e.* and cls_head_in.*")
    last = state[layers[max(layers)]]
    width = last.shape[0] if isinstance(last, torch.Tensor) and last.ndim == 2 else None
    if width not in _TASK_OF_WIDTH:
        raise EmertInputError(f"cls_head gives {width} numbers; known widths: {_TASK_OF_WIDTH}")
    task = _TASK_OF_WIDTH[width]
    variant = "va" if len(layers) > 1 else "er7"
    return EmertConfig.authors(variant, tasks=[task]), {"cls_head": task}


def convert_checkpoint(path: str | Path, out: str | Path, overwrite: bool = False) -> EmertForEmotionRecognition:
    """Writes the model, its processor and its code into the folder `out` (an atomic write), and returns the model.

    The processor's normalisation is not the authors', who publish none: fit it on your data.

    Raises:
        EmertInputError: `out` is not empty (with `overwrite`: holds something else than an EMERT model) or can't be written;
            the checkpoint can't be read, or is not of the authors' network.
    """
    path, out = Path(path), Path(out).resolve()
    _check_out(out, overwrite)
    content = read_checkpoint(path)
    try:
        model = convert_state_dict(content)
    except EmertInputError as error:
        raise EmertInputError(f"{path}: {error}") from error
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
            finished = Path(folder) / "finished"
            model.save_pretrained(finished)
            EmertProcessor.for_config(model.config).save_pretrained(finished)
            if out.exists():
                out.rename(Path(folder) / "replaced")  # removed only once the new one is in place
            finished.rename(out)
    except OSError as error:
        raise EmertInputError(f"{out}: can't be written ({error.strerror}); give another --out") from error
    return model


def _check_out(out: Path, overwrite: bool) -> None:
    """Raises `EmertInputError` unless `out` is empty, or an EMERT model that may be overwritten."""
    if out.is_file():
        raise EmertInputError(f"{out}: is a file; give another --out")
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not overwrite:
        raise EmertInputError(f"{out}: already holds something; give another --out, or --overwrite to replace it")
    try:
        is_model = json.loads((out / CONFIG_FILE).read_text()).get("model_type") == "emert"
    except (OSError, ValueError, AttributeError):
        is_model = False
    if not is_model:
        raise EmertInputError(f"{out}: holds something else than an EMERT model, which is not replaced; give another --out")
