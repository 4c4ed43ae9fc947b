"""`emert train`: one recipe, one or several data sets, one fold."""

import argparse
from pathlib import Path

_MORE = """
examples:
  emert train laptop epochs=5 overrides.encoder_size=32 --data DATA --out MODEL
  emert train laptop --show
  emert train my_recipe.yaml 'augmentation=[{name: flip, chance: 0.5}]' --data DATA --out MODEL

An interrupted run resumes when the same command is given again, and ends with the same weights.

on several GPUs, or several processes on CPU (the batch of the recipe is that of all of them together):
  torchrun --standalone --nproc_per_node 2 -m training.cli train laptop --data DATA --out MODEL
  accelerate launch --num_processes 2 --module training.cli train laptop --data DATA --out MODEL   (GPUs; on CPU use torchrun)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _MORE
    parser.add_argument("recipe", help="name of a shipped recipe (laptop, authors, ...) or a .yaml file")
    parser.add_argument("changes", nargs="*", default=[], metavar="key=value", help="changes to the recipe, e.g. epochs=5")
    parser.add_argument("--show", action="store_true", help="print the complete recipe with what every key means, and end")
    data_help = "data set folder that `emert data build` made; given again for each source of the recipe"
    parser.add_argument("--data", type=Path, action="append", help=data_help)
    parser.add_argument("--out", type=Path, help="folder of the model, made new")
    parser.add_argument("--fold", type=int, default=1, help="whose participants are held out for the test (default 1)")
    parser.add_argument("--strict", action="store_true", help="hold the stimuli of the test out as well")
    parser.add_argument("--overwrite", action="store_true", help="replace the model that --out holds")
    parser.add_argument("--track", action="store_true", help="log to TensorBoard, in the folder tensorboard beside --out")


def run(arguments: argparse.Namespace) -> None:
    from dataset_scripts.common.output import check_out
    from modeling_emert.errors_emert import EmertInputError
    from training.outputs import MODEL
    from training.recipes.recipe import TRAINING, load_recipe

    recipe = load_recipe(arguments.recipe, arguments.changes)
    if arguments.show:
        print(TRAINING.show(arguments.recipe, arguments.changes), end="")
        return
    if arguments.data is None or arguments.out is None:
        raise EmertInputError("--data and --out are missing; give both, or --show to print the recipe alone")
    check_out(arguments.out, MODEL, arguments.overwrite, read=arguments.data)  # before anything heavy is loaded
    from dataset_scripts.common.programs import as_typed
    from dataset_scripts.dataset.reader import EmertData
    from training.data.sampler import is_main_process
    from training.fit.checkpoints import describe_last, last_checkpoint, run_folder, unfinished_runs
    from training.fit.fit import fit
    from training.fit.record import history_table

    data = [EmertData.open(folder) for folder in arguments.data]
    own = run_folder(arguments.out, recipe, data, arguments.fold, arguments.strict)
    if is_main_process() and last_checkpoint(own) is not None:
        print(f"{arguments.out}: resumes, {describe_last(own)}", flush=True)
    fit(recipe, data, arguments.out, arguments.fold, arguments.strict, arguments.track, arguments.overwrite)
    if is_main_process():
        for unfinished in unfinished_runs(own):
            print(f"{unfinished}: an unfinished run with another recipe, data or fold; remove it if nobody needs it")
        print(history_table(arguments.out))
        given = " ".join(f"--data {folder}" for folder in arguments.data)
        score = f"{as_typed('emert')} evaluate {arguments.out} {given} --out {arguments.out}-scores"
        print(f"{arguments.out}: trained. Score it: {score}")
