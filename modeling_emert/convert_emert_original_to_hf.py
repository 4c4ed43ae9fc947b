"""From a checkpoint of the authors' network to ours."""

import json
import pickle
import re
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from .configuration_emert import EmertConfig
from .constants_emert import CONFIG_FILE
from .errors_emert import EmertInputError
from .modeling_emert import EmertForEmotionRecognition
from .processing_emert import EmertProcessor
from .sampling_emert import FrameOrder, Sampling
from .tasks_emert import EMOTIONS, register_tasks, single_number

MAX_BYTES = 1 << 30  # the authors' network takes 50 MB; with optimizer state 150 MB
_ZIP = b"PK\x03\x04"
_MAX_DEPTH = 4  # of dictionaries in dictionaries
# Keys under which training scripts usually save the network, in this order; otherwise it is found by its tensors' names.
_USUAL_KEYS = ("state_dict", "model_state_dict", "model", "net", "network")
# Prefixes of wrappers: DataParallel's anywhere, those of an attribute or of torch.compile at the beginning.
_WRAPPERS = re.compile(r"(^|(?<=\.))module\.|^((model|net|network|_orig_mod)\.)+")


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """The content of a `.pth`/`.pt` or `.safetensors` file, on the CPU.

    Raises `EmertInputError` if there is no such file, if it is larger than 1 GiB (packed or unpacked), no checkpoint, or holds
    code or objects besides tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise EmertInputError(f"{path}: no such checkpoint file")
    if (size := _unpacked_size(path)) > MAX_BYTES:
        raise EmertInputError(f"{path}: holds {size:,} bytes, expected a checkpoint of at most {MAX_BYTES:,}")
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    if not isinstance(content, Mapping):
        found = type(content).__name__
        raise EmertInputError(f"{path}: holds a {found}, expected a dictionary of tensors; save model.state_dict()")
    return dict(content)


def _unpacked_size(path: Path) -> int:
    """The bytes that torch would unpack: its files are zip archives, which may be compressed."""
    try:
        with path.open("rb") as file:
            packed = file.read(len(_ZIP)) == _ZIP
        if not packed:
            return path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            return max(path.stat().st_size, sum(member.file_size for member in archive.infolist()))
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise EmertInputError(f"{path}: damaged or no checkpoint of torch ({error}); copy it again") from error


def _read_torch(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "Weights only load failed" in str(error) and (found := re.search(r"GLOBAL (\S+)", str(error))):
            reason = f"holds code or objects ({found[1]}) beside tensors, which are not loaded; save model.state_dict() alone"
        else:
            reason = "not a checkpoint that torch can read without running code; save model.state_dict() with torch.save"
        raise EmertInputError(f"{path}: {reason}") from error
    except Exception as error:  # torch's error for a damaged file depends on where the damage is
        raise EmertInputError(f"{path}: damaged or no checkpoint of torch ({type(error).__name__}); copy it again") from error


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path, device="cpu")
    except SafetensorError as error:
        raise EmertInputError(f"{path}: not a safetensors file ({error}); copy it again") from error


def find_network(content: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """The tensors of the network by their names without wrappers' prefixes, from dictionaries of any depth up to 4.

    `known`: first parts of the network's names; the dictionary with such a name is the network.
    Raises `EmertInputError` if no dictionary holds the network, if several do, or if two names become one.
    """
    found = dict(_networks(content, known))
    if not found:
        names = ", ".join(map(repr, list(content)[:5])) or "nothing"
        raise EmertInputError(f"no tensor of the authors' network is in it, but {names}; expected names such as proj_v1.weight")
    usual = [key for key in _USUAL_KEYS if key in found]
    if len(found) > 1 and not usual:
        raise EmertInputError(f"several networks are in it ({', '.join(found)}); save only the one to be read")
    chosen = found[usual[0] if len(found) > 1 else next(iter(found))]
    plain: dict[str, Any] = {}
    for name, value in chosen.items():
        short = plain_name(name)
        if short in plain:
            raise EmertInputError(f"{short} is in it twice, once as {name}; save the network once")
        plain[short] = value
    return plain


def plain_name(name: object) -> str:
    """A tensor's name without wrappers' prefixes."""
    short, before = str(name), None
    while short != before:
        short, before = _WRAPPERS.sub("", short), short
    return short


def _networks(content: Mapping, known: frozenset[str]) -> Iterator[tuple[str, Mapping]]:
    """The dictionaries that hold the network, each with its path of keys; each is visited once."""
    level, seen = [("", content)], set()
    for _ in range(_MAX_DEPTH):
        deeper = []
        for path, mapping in level:
            if id(mapping) in seen:
                continue
            seen.add(id(mapping))
            tensors = [key for key, value in mapping.items() if isinstance(value, torch.Tensor)]
            if any(plain_name(key).split(".")[0] in known for key in tensors):
                yield path, mapping
                continue
            inner = ((f"{path}.{key}".strip("."), value) for key, value in mapping.items())
            deeper += [(where, value) for where, value in inner if isinstance(value, Mapping)]
        level = deeper


_RESNET = "emert.face_encoder.backbone"
_COUNTER = "num_batches_tracked"
_UNUSED = re.compile(r"subnet\.(f_extractor\.fc|classifier)\.")
# Width of the last layer of the authors' only head -> the task.
_TASK_OF_WIDTH = {1: "fer_intensity", 2: "er_va", 3: "er3", 7: "er7"}
WEIGHTS_SOURCE = {
    "name": "emer_authors",
    "licence": "not stated by the authors of these weights, who derived them from EMER: not to be published",
    "redistributable": False,
    "citation": "github kejun1/EMER; arXiv 2512.16485",
}


@dataclass(frozen=True)
class Meaning:
    """What a checkpoint's outputs mean, which is in no file of the authors'.

    - `view`: the labels were felt (`er`) or shown (`fer`).
    - `number`: what a network of one number predicts; None: intensity.
    - `label_order`: the classes of its seven outputs; by default in our order, which is that of the authors' page of 2024.
    """

    view: Literal["er", "fer"] = "er"
    number: Literal["valence", "arousal"] | None = None
    label_order: tuple[str, ...] = EMOTIONS

    def __post_init__(self) -> None:
        if sorted(self.label_order) != sorted(EMOTIONS):
            found = ", ".join(self.label_order)
            raise EmertInputError(f"label order {found}: expected each of {', '.join(EMOTIONS)} once")

    def task(self, width: int) -> str:
        """Of a head with so many outputs."""
        if width == 1 and self.number:
            return register_tasks([single_number(self.view, self.number)])[0]
        return _TASK_OF_WIDTH[width].replace("er", self.view, 1) if width > 1 else _TASK_OF_WIDTH[width]

    def in_our_order(self, name: str, value: Any) -> Any:
        """A weight or bias of the last layer of seven classes, its rows in our order of the classes."""
        if isinstance(value, torch.Tensor) and value.ndim and value.shape[0] == len(EMOTIONS):
            return value[[self.label_order.index(emotion) for emotion in EMOTIONS]]
        return value


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


def convert_state_dict(state_dict: Mapping[str, Any], meaning: Meaning | None = None) -> EmertForEmotionRecognition:
    """Our network with the authors' weights, float32, in eval mode.

    `state_dict`: the authors', or a dictionary that contains it; prefixes of wrappers (`module.`) are removed. Missing
    BatchNorm counters, which old checkpoints lack, become 0. `meaning`: by default felt emotion in our order of the classes.

    Raises `EmertInputError` if it holds no such network, or names all tensors that are missing, unexpected or of another shape.
    """
    state = find_network(state_dict, _FIRST_PARTS)
    meaning = meaning or Meaning()
    config, heads, last = _config_and_heads(state, meaning)
    with torch.device("meta"):  # all weights are given; drawing first ones takes longer than everything else here
        model = EmertForEmotionRecognition(config)
    expected = model.state_dict()
    prefixes = {**_PREFIXES, **{f"{head}.": f"heads.{task}.layers." for head, task in heads.items()}}
    converted: dict[str, Any] = {}
    faults: list[str] = []
    for name, value in state.items():
        head, _, rest = name.partition(".")
        try:
            if new_name := f"heads.{heads[head]}.layers.{rest}" if head in heads else rename(name):
                converted[new_name] = meaning.in_our_order(name, value) if name.startswith(last) else value
        except ValueError as error:
            faults.append(str(error))
    for name, tensor in expected.items():
        if name.endswith(_COUNTER):
            converted.setdefault(name, torch.zeros_like(tensor, device="cpu"))
    for name in sorted(converted.keys() | expected.keys()):
        found, wanted = _form(converted.get(name)), tuple(expected[name].shape) if name in expected else None
        if found != wanted:
            authors = next((old + name.removeprefix(new) for old, new in prefixes.items() if name.startswith(new)), name)
            faults.append(f"{authors} -> {name}: found {found}, expected {wanted}")
    if faults:
        raise EmertInputError(f"the checkpoint does not fit the authors' network: {'; '.join(faults)}")
    copies = {name: torch.empty_like(tensor, device="cpu").copy_(converted[name]) for name, tensor in expected.items()}
    model.load_state_dict(copies, assign=True)
    return model.eval()


def _form(value: Any) -> object:
    """What is compared and shown of a tensor: its shape; of anything else its type."""
    if isinstance(value, torch.Tensor):
        plain = value.layout == torch.strided and not (value.is_meta or value.is_complex() or value.is_quantized)
        return tuple(value.shape) if plain else f"a tensor of {value.dtype}, {value.layout}"
    return None if value is None else f"{type(value).__name__}, no tensor"


def _config_and_heads(state: Mapping[str, Any], meaning: Meaning) -> tuple[EmertConfig, dict[str, str], str]:
    """The variant, found by the shapes of its heads; the task of each of the authors' heads; the last layer of the classes."""
    if any(name.startswith("cls_head_e.") for name in state):
        heads = {"cls_head_e": meaning.task(7), "cls_head_in": "fer_intensity"}
        return EmertConfig.authors("er7_intensity", tasks=list(heads.values())), heads, "cls_head_e.0."
    layers = {int(found[1]): name for name in state if (found := re.fullmatch(r"cls_head\.(\d{1,4})\.weight", name))}
    if not layers:
        raise EmertInputError("no head found: expected cls_head.* or cls_head_e.* and cls_head_in.*")
    last = state[layers[max(layers)]]
    width = last.shape[0] if isinstance(last, torch.Tensor) and last.ndim == 2 else None
    if width not in _TASK_OF_WIDTH:
        raise EmertInputError(f"cls_head gives {width} numbers; known widths: {_TASK_OF_WIDTH}")
    task = meaning.task(width)
    variant = "va" if len(layers) > 1 else "er7"
    return EmertConfig.authors(variant, tasks=[task]), {"cls_head": task}, f"cls_head.{max(layers)}."


def convert_checkpoint(
    path: str | Path,
    out: str | Path,
    overwrite: bool = False,
    sources: list[dict[str, Any]] | None = None,
    meaning: Meaning | None = None,
    sampling: Sampling = "middle",
    frame_order: FrameOrder = "time",
) -> EmertForEmotionRecognition:
    """Writes the model, its processor and its code into the folder `out` (an atomic write), and returns the model.

    The processor feeds it as the authors' reader does; `sampling`, `frame_order`: see [`EmertProcessor.feed_as_authors`].
    `sources`: for the config.

    Raises:
        EmertInputError: `out` is not empty (with `overwrite`: holds something else than an EMERT model) or can't be written;
            the checkpoint can't be read, or is not of the authors' network.
    """
    path, out = Path(path), Path(out).resolve()
    _check_out(out, overwrite)
    content = read_checkpoint(path)
    try:
        model = convert_state_dict(content, meaning)
    except EmertInputError as error:
        raise EmertInputError(f"{path}: {error}") from error
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
            finished = Path(folder) / "finished"
            model.config.sources = sources
            model.save_pretrained(finished)
            EmertProcessor.for_config(model.config).feed_as_authors(sampling, frame_order).save_pretrained(finished)
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
