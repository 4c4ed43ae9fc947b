"""`emert data`: from recordings to a data set."""

import argparse
from pathlib import Path

from dataset_scripts.sources import SOURCES

SCHEDULER_HELP = "a dask scheduler, tcp://HOST:PORT, whose workers do the work in the place of this machine"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    build = actions.add_parser("build", help="build a data set folder from recordings")
    build.add_argument("--source", required=True, metavar="NAME", help=f"where the recordings come from: {', '.join(SOURCES)}")
    build.add_argument("--path", required=True, type=Path, help="folder with the recordings")
    build.add_argument("--mapping", type=Path, metavar="FILE", help="layout (emer) or description (folder) of the recordings")
    build.add_argument("--out", required=True, type=Path, help="folder of the data set, made new")
    for option, words in _AUTHORS_OPTIONS.items():
        build.add_argument(f"--{option}", **words)
    build.add_argument("--faces", type=int, help="face crops kept of each recording (default 32; as EMER's authors: all)")
    build.add_argument("--seed", type=int, default=0, help="of the folds (default 0)")
    build.add_argument("--num-workers", type=int, default=2, help="processes (default 2)")
    build.add_argument("--overwrite", action="store_true", help="replace what --out holds")
    build.add_argument("--scheduler", metavar="ADDRESS", help=SCHEDULER_HELP)
    publish = actions.add_parser("publish", help="upload a data set to the Hugging Face Hub, where its licence allows it")
    publish.add_argument("folder", type=Path, help="folder of the data set")
    publish.add_argument("--repo", required=True, metavar="NAME", help="repository, such as you/emer-eye")
    publish.add_argument("--private", action="store_true", help="into a repository that only you and those you allow can read")
    publish.add_argument("--confirm", default="", metavar="WORDS", help="needed where the licence does not plainly allow it")
    generate = actions.add_parser("generate", help="generate recordings with known ground truth (source synthetic)")
    generate.add_argument("--out", required=True, type=Path, help="folder of the recordings, made new")
    for name, (kind, text) in _GENERATOR_OPTIONS.items():
        generate.add_argument(f"--{name}", type=kind, help=text)
    generate.add_argument("--layout", choices=("emer",), help="as EMER's authors have it, for `emert data build --source emer`")
    generate.add_argument("--num-workers", type=int, default=2, help="processes (default 2)")
    verify = actions.add_parser("verify", help="check that a data set's splits, labels, times and files are valid")
    verify.add_argument("folder", type=Path, help="folder of the data set")
    verify.add_argument("--json", action="store_true", help="print the results as JSON")
    benchmark = actions.add_parser("benchmark", help="speed and size of building, loading and the readers on this machine")
    benchmark.add_argument("--work", type=Path, default=Path("runs/benchmark"), metavar="DIR", help="for what is generated")
    benchmark.add_argument("--recordings", type=int, default=1303, metavar="N", help="of the data set (default 1303, EMER's)")
    benchmark.add_argument("--seconds", type=float, metavar="S", help="length of each (default 24.43, EMER's)")
    benchmark.add_argument("--only", choices=("readers", "dataset"), help="only the speed of the readers, or of the data set")
    actions.add_parser("sources", help="where recordings can come from, their licences and what they lack")
    mapping = actions.add_parser("mapping", help="an example of a mapping file")
    mapping.add_argument("kind", nargs="?", choices=("emer", "gaze"), default="emer", help="for source emer or a gaze table")
    actions.add_parser("columns", help="what the 39 columns of eye movements are")
    export = actions.add_parser("export", help="write gaze in a format of other programs")
    export.add_argument("path", type=Path, help="gaze file, data set, or folder with recordings")
    export.add_argument(
        "--bids", required=True, type=Path, metavar="OUT", help="as BIDS eye tracking into this folder, made new"
    )
    export.add_argument("--source", help="the source of a folder of recordings: uniss_fgd, ceap_360vr, ...")
    inspect = actions.add_parser("inspect", help="how good recordings are, in numbers and pictures")
    inspect.add_argument("path", type=Path, help="gaze file, video, data set, or folder with recordings")
    inspect.add_argument("--source", help="the source of a folder of recordings: uniss_fgd, ceap_360vr, ...")
    inspect.add_argument("--plot", type=Path, metavar="DIR", help="write one picture a recording there")
    inspect.add_argument("--out", type=Path, metavar="FILE.csv", help="write one row a recording there")
    inspect.add_argument("--json", action="store_true", help="print JSON for programs")


_AUTHORS_OPTIONS = {  # of source emer, in the authors' layout
    "label-order": {"metavar": "A,B,...", "help": "emer: the classes of Emotion 0 to 6"},
    "view": {"choices": ("er", "fer"), "help": "emer: the labels are felt (er, the default) or shown (fer)"},
    "participants": {"metavar": "TABLE", "help": "emer: table with ID and Participant, or `prefix`: the ID up to its first _"},
    "folds": {"choices": ("authors", "participants"), "help": "emer: the authors' five sets, or folds of participants"},
}
_GENERATOR_OPTIONS = {
    "participants": (int, "how many people"),
    "stimuli": (int, "how many clips each of them watches"),
    "seconds": (float, "length of a recording"),
    "disagreement": (float, "fraction of recordings whose face shows another emotion than is felt, 0..1"),
    "noise": (float, "scales every random deviation; 1 is the default"),
    "seed": (int, "the same seed gives the same recordings"),
}


def run(arguments: argparse.Namespace) -> int | None:
    return _ACTIONS[arguments.action](arguments)


def _build(arguments: argparse.Namespace) -> None:
    from dataset_scripts.build.build import build
    from dataset_scripts.dataset.reader import EmertData
    from dataset_scripts.sources import open_source

    given = {name.replace("-", "_"): getattr(arguments, name.replace("-", "_")) for name in _AUTHORS_OPTIONS}
    options = {name: value for name, value in given.items() if value is not None}
    if "label_order" in options:
        options["label_order"] = tuple(word.strip() for word in options["label_order"].split(","))
    source = open_source(arguments.source, arguments.path, arguments.mapping, **options)
    settings = (arguments.num_workers, arguments.faces, arguments.seed, arguments.overwrite, arguments.scheduler)
    out = build(source, arguments.out, *settings)
    data = EmertData.open(out)
    name = data.assignment.config_name(data.metadata.tasks[0], data.assignment.tested_folds[0], strict=False)
    for note in source.notes:
        print(f"note: {note}")
    print(f'{out}: built. In Python: datasets.load_dataset("{out}", "{name}"); its card is {out / "README.md"}')


def _publish(arguments: argparse.Namespace) -> None:
    from dataset_scripts.publish import publish

    print(f"{publish(arguments.folder, arguments.repo, arguments.private, arguments.confirm)}: published")


def _generate(arguments: argparse.Namespace) -> None:
    from dataset_scripts.generator.truth import GeneratorSettings
    from dataset_scripts.generator.writing import generate

    chosen = {name: getattr(arguments, name) for name in _GENERATOR_OPTIONS}
    settings = GeneratorSettings(**{name: value for name, value in chosen.items() if value is not None})
    if arguments.layout == "emer":
        from dataset_scripts.generator.emer_layout import generate_emer

        print(f"{generate_emer(arguments.out, settings)}: generated, in the layout of EMER; nothing in it is EMER's")
        return
    print(f"{generate(arguments.out, settings, arguments.num_workers)}: generated, source synthetic")


def _verify(arguments: argparse.Namespace) -> int:
    """1 where a check fails, 0 otherwise; warnings do not count."""
    import json
    from dataclasses import asdict

    from dataset_scripts.checks.verify import format_results, verify

    results = verify(arguments.folder)
    print(json.dumps([asdict(one) for one in results], indent=2) if arguments.json else format_results(results))
    return int(any(one.status == "fail" for one in results))


def _columns(arguments: argparse.Namespace) -> None:
    from modeling_emert.columns_emert import columns_markdown

    print(columns_markdown())


def _export(arguments: argparse.Namespace) -> None:
    from dataset_scripts.bids_export import export_bids
    from dataset_scripts.inspection.find_recordings import find_recordings

    found = find_recordings(arguments.path, arguments.source)
    problems: list[str] = []
    written = export_bids(_gazes(found.recordings, problems), arguments.bids, arguments.path.name)
    print(f"{arguments.bids}: {len(written)} tables of {found.kind} written as BIDS")
    print(*(f"not read: {problem}" for problem in problems), sep="\n", end="\n" if problems else "")


def _gazes(recordings, problems: list[str]):
    """The gaze of every recording that has some; why the others could not be read is added to `problems`."""
    for found in recordings:
        gaze = found.named_gaze()
        if gaze is not None:
            yield gaze
        elif found.problem is not None:
            problems.append(found.problem)


def _inspect(arguments: argparse.Namespace) -> None:
    import json

    from dataset_scripts.inspection.find_recordings import find_recordings
    from dataset_scripts.inspection.summary import as_json, inspect, write_csv
    from dataset_scripts.inspection.text import as_text

    found = find_recordings(arguments.path, arguments.source, with_faces=arguments.plot is not None)
    draw = None
    if arguments.plot is not None:
        from dataset_scripts.pictures.recording_picture import PictureFolder

        draw = PictureFolder(arguments.plot).write
    inspection = inspect(found, draw)
    if arguments.out is not None:
        write_csv(inspection, arguments.out)
    print(json.dumps(as_json(inspection), indent=2) if arguments.json else as_text(inspection))
    if draw is not None and not arguments.json:
        print(f"\npictures of {inspection.pictures} of {len(inspection.lines)} recording(s) in {arguments.plot}")


def _benchmark(arguments: argparse.Namespace) -> None:
    from itertools import chain

    from dataset_scripts.speed import measure_dataset, measure_readers

    readers = () if arguments.only == "dataset" else measure_readers(arguments.work)
    length = {} if arguments.seconds is None else {"seconds": arguments.seconds}
    of_dataset = () if arguments.only == "readers" else measure_dataset(arguments.work, arguments.recordings, **length)
    for figure in chain(readers, of_dataset):
        print(figure, flush=True)


def _sources(arguments: argparse.Namespace) -> None:
    from dataset_scripts.sources import find_source

    for source in map(find_source, SOURCES):
        published = "may be published" if source.redistributable else "not to be published"
        print(f"{source.name}: {source.collection}\n    licence: {source.licence} ({published})\n    {source.lacks}")


def _mapping(arguments: argparse.Namespace) -> None:
    from dataset_scripts.readers.mapped import mapping
    from dataset_scripts.sources import emer_mapping

    example = {"emer": emer_mapping.EXAMPLE, "gaze": mapping.EXAMPLE}[arguments.kind]
    print(example.read_text(encoding="utf-8"), end="")


_ACTIONS = {
    "build": _build,
    "generate": _generate,
    "verify": _verify,
    "export": _export,
    "inspect": _inspect,
    "benchmark": _benchmark,
    "publish": _publish,
    "sources": _sources,
    "mapping": _mapping,
    "columns": _columns,
}
