"""`emert convert`: a checkpoint of the authors' network, or those in a clone of their repository, as model folders."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint", nargs="?", type=Path, metavar="AUTHORS.pth", help="their checkpoint (.pth or .safetensors)"
    )
    parser.add_argument("--from-clone", type=Path, metavar="REPO", help="instead: a `git clone` of the authors' repository")
    parser.add_argument("--task", choices=("er7", "valence", "arousal", "intensity"), help="which network (of a clone: all)")
    parser.add_argument(
        "--fold", type=int, choices=range(1, 6), help="of a clone: the set that it was tested on (default: all)"
    )
    parser.add_argument("--view", choices=("er", "fer"), default="er", help="the labels were felt (default) or shown")
    parser.add_argument("--label-order", metavar="A,B,...", help="the classes of its outputs 0 to 6")
    parser.add_argument(
        "--sampling", choices=("middle", "random"), default="middle", help="frame and row of each chunk (theirs: random)"
    )
    parser.add_argument(
        "--frame-order", choices=("time", "last_digit"), default="time", help="of the frames (theirs: last_digit)"
    )
    parser.add_argument("--out", required=True, type=Path, help="folder of the model, or of several, created new")
    parser.add_argument("--overwrite", action="store_true", help="replace the model that --out holds")


def run(arguments: argparse.Namespace) -> None:
    from modeling_emert.errors_emert import EmertInputError

    if (arguments.checkpoint is None) == (arguments.from_clone is None):
        raise EmertInputError("convert: give a checkpoint, or --from-clone REPO")
    how = {name: getattr(arguments, name) for name in ("sampling", "frame_order")}
    order = arguments.label_order and tuple(word.strip() for word in arguments.label_order.split(","))
    lines = (_of_clone if arguments.from_clone else _of_file)(arguments, order, how)
    print("\n".join(lines))
    print(
        "note: every tensor was converted. The processor feeds them as the authors' reader does (BGR, the sheet's 39 numbers "
        "as they stand, gaze point in pixels, without normalisation); "
        + ("" if how["sampling"] == "random" else "of each chunk it takes the middle, where theirs draws at random.")
    )
    if order is None:
        print(
            "note: the order of the seven classes is in no file of the authors': happiness, sadness, fear, surprise, disgust, "
            "anger, neutral was taken, that of their page of 2024; --label-order gives another"
        )
    print("note: derived from EMER, the licence of the weights unstated: not to be published, and `emert push` refuses it")


def _of_file(arguments: argparse.Namespace, order: tuple[str, ...] | None, how: dict) -> list[str]:
    from modeling_emert.errors_emert import EmertInputError

    if arguments.fold is not None:
        raise EmertInputError("--fold is for --from-clone; leave it out")
    if not arguments.checkpoint.is_file():  # before torch is loaded
        raise EmertInputError(f"{arguments.checkpoint}: no such checkpoint file")
    from dataset_scripts.common.output import check_out
    from training.outputs import CONVERTED

    check_out(arguments.out, CONVERTED, arguments.overwrite, read=[arguments.checkpoint])
    from dataset_scripts.sources.emer import EmerSource
    from modeling_emert.convert_emert_original_to_hf import WEIGHTS_SOURCE, Meaning, convert_checkpoint
    from modeling_emert.licences_emert import make_source
    from modeling_emert.tasks_emert import EMOTIONS

    number = arguments.task if arguments.task in ("valence", "arousal") else None
    meaning = Meaning(arguments.view, number, order or EMOTIONS)
    sources = [make_source(EmerSource.name, EmerSource), WEIGHTS_SOURCE]  # the authors trained on it
    model = convert_checkpoint(arguments.checkpoint, arguments.out, arguments.overwrite, sources, meaning, **how)
    return [f"{arguments.out}: converted. Tasks: {', '.join(model.config.tasks)}; width {model.config.hidden_size}."]


def _of_clone(arguments: argparse.Namespace, order: tuple[str, ...] | None, how: dict) -> list[str]:
    from training.authors_clone import convert_clone, find_checkpoints

    chosen = find_checkpoints(arguments.from_clone, arguments.task, arguments.fold)  # before torch is loaded
    from dataset_scripts.common.output import atomic_folder, check_out
    from modeling_emert.tasks_emert import EMOTIONS
    from training.outputs import CONVERTED, CONVERTED_SEVERAL

    content = CONVERTED if len(chosen) == 1 else CONVERTED_SEVERAL
    check_out(arguments.out, content, arguments.overwrite, read=[arguments.from_clone])
    settings = {"view": arguments.view, "label_order": order or EMOTIONS, **how}
    with atomic_folder(arguments.out, content) as finished:
        lines = convert_clone(arguments.from_clone, finished, chosen, **settings)
    return [line.replace(str(finished), str(arguments.out)) for line in lines]
