"""Tensors of a network from an untrusted file: no code in it is run, and its size is checked before it is read."""

import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from .errors_emert import EmertInputError

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
        kind = type(content).__name__
        raise EmertInputError(f"{path}: holds a {kind}, expected a dictionary of tensors; save model.state_dict()")
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
            if any(
                isinstance(value, torch.Tensor) and plain_name(key).split(".")[0] in known for key, value in mapping.items()
            ):
                yield path, mapping
                continue
            inner = ((f"{path}.{key}".strip("."), value) for key, value in mapping.items())
            deeper += [(where, value) for where, value in inner if isinstance(value, Mapping)]
        level = deeper
