"""Loads a saved network of any method with its processor; `emert predict`, the demo and every evaluation load by it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.utils import logging as transformers_logging

from modeling_emert.columns_emert import NUM_COLUMNS
from modeling_emert.constants_emert import CONFIG_FILE, PROCESSOR_FILE, RECORD_FILE, WEIGHTS_FILE
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.inference_emert import answering_network
from modeling_emert.processing_emert import EmertProcessor

from ..methods.registry import Method, get_method, load_class
from .model_folder import check_model_folder, model_parts, read_record

_MOST_NUMBERS = 1 << 29  # of 4 bytes


def load_model(folder: str | Path) -> tuple[PreTrainedModel, EmertProcessor]:
    """The network in eval mode, and its processor; of a folder with several models, all of them as one network.

    Raises `EmertInputError`, naming the file, where the folder holds none or a file can't be used.
    """
    folder = Path(folder)
    check_model_folder(folder, several=True)
    parts = model_parts(folder)
    if parts != [folder]:
        from .several import join_models

        return join_models(folder, [load_model(part) for part in parts])
    transformers_logging.disable_progress_bar()  # of reading the weights, a moment's work
    network = load_class(saved_method(folder))
    with _naming(folder / CONFIG_FILE):
        config = network.config_class.from_pretrained(folder)
        _check_size(network, config, folder / WEIGHTS_FILE)
    try:
        model, loading = network.from_pretrained(folder, config=config, output_loading_info=True, ignore_mismatched_sizes=True)
    except SafetensorError as error:
        raise EmertInputError(f"{folder / WEIGHTS_FILE}: not a safetensors file ({error})") from error
    # They would be random numbers.
    unfit = sorted([*loading["missing_keys"], *(name for name, *_ in loading["mismatched_keys"])])
    if unfit:
        raise EmertInputError(f"{folder}: {WEIGHTS_FILE} lacks {unfit[0]} as {CONFIG_FILE} has it; save the model again")
    with _naming(folder / PROCESSOR_FILE):
        processor = EmertProcessor.from_pretrained(folder)
        _check_inputs(processor)
    return model.eval(), processor


def _check_size(network: type[PreTrainedModel], config: PreTrainedConfig, weights: Path) -> None:
    """Raises `ValueError` where the config asks for more numbers than the file has bytes: what the file lacks would be made up,
    in memory without limit.
    """
    with torch.device("meta"):  # shapes without content
        wanted = sum(tensor.numel() for tensor in network(config).state_dict().values())
    if wanted > (held := weights.stat().st_size):
        raise ValueError(f"it asks for {wanted:,} weights, and {weights.name} has {held:,} bytes")


def _check_inputs(processor: EmertProcessor) -> None:
    """Raises `ValueError` where one recording would be made into more than 2 GB."""
    faces, gaze = processor.video_processor, processor.feature_extractor
    numbers = {"num_frames and size": 3 * faces.num_frames * faces.size["height"] * faces.size["width"]}
    steps = {name: getattr(gaze, name) for name in ("num_eye_steps", "num_fixation_steps", "num_unit_steps")}
    numbers |= {name: count * NUM_COLUMNS for name, count in steps.items()}
    for name, count in numbers.items():
        if count > _MOST_NUMBERS:
            raise ValueError(f"{name} make {count:,} numbers of one recording, and {_MOST_NUMBERS:,} are the most")


def load_answering_network(folder: str | Path) -> tuple[PreTrainedModel, EmertProcessor]:
    """As [`load_model`], the network prepared for answering and nothing else."""
    model, processor = load_model(folder)
    return answering_network(model, processor), processor


@contextmanager
def _naming(file: Path) -> Iterator[None]:
    """Turns the errors that transformers and our classes raise on a file's content into an `EmertInputError` that names it."""
    try:
        yield
    except EmertInputError:
        raise
    except (OSError, ValueError, TypeError, AttributeError, LookupError, RecursionError, StrictDataclassError) as error:
        reason = " ".join(str(error).split())[:160]
        raise EmertInputError(f"{file}: can't be used ({reason}); save the model again") from error


def saved_method(folder: Path) -> Method:
    """The method of a model folder; a folder without a training record holds EMERT."""
    return method_of(read_record(folder)) if (folder / RECORD_FILE).is_file() else get_method("emert")


def method_of(record: dict) -> Method:
    """The method that a training record names; records from before there were several name none."""
    return get_method(str(record.get("method", "emert")))
