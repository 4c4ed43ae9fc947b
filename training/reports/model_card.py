"""`model_card.md` at the top level: written by hand except its front matter and the part between the markers.

Those are generated from the stored results, `docs/results/*.json`: each a results.json of `emert evaluate` or
`emert quickstart`. `NAME-strict.json` is shown beside `NAME.json`. The front matter has the primary metrics of the plain split,
and so has `.eval_results/NAME.yaml` beside the card, which the Hub reads too.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import yaml
from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml
from huggingface_hub.errors import StrictDataclassError

from dataset_scripts.common.output import atomic_file
from modeling_emert.constants_emert import CARD_FILE, CONFIG_FILE, EVAL_FOLDER, RESULTS_FILE
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.licences_emert import CODE_LICENCE
from modeling_emert.model_card_emert import by_source, front_matter, results_of_test
from modeling_emert.tasks_emert import TASKS

from ..evaluation.model_folder import check_model_folder, read_record
from ..methods.card import network_card
from ..methods.registry import get_method, load_class
from .by_source import EVIDENCE_FILE
from .page import (
    calibration_markdown,
    describe,
    full_tables,
    gap_markdown,
    made_by,
    primary_row,
    primary_tables,
    subgroup_markdown,
    votes_markdown,
)
from .results import read_results, to_json, training_cost
from .tables import markdown_table

BEGIN, END = "<!-- results: filled by `emert card` -->", "<!-- /results -->"
_STRICT = "-strict"


def read_stored(folder: Path) -> dict[str, dict]:
    """The stored results by name, in the order of their names. Raises `EmertInputError` for a file that is none."""
    return {path.stem: read_results(path) for path in sorted(folder.glob("*.json"))}


def fill_card(text: str, stored: Mapping[str, dict]) -> str:
    """The card with front matter and results of these. Raises `EmertInputError` where a marker is missing."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise EmertInputError(f"model_card.md: expected one line {BEGIN!r} and one {END!r}")
    body = text.split("---\n", 2)[2] if text.startswith("---\n") else text
    before, _, rest = body.partition(BEGIN)
    after = rest.partition(END)[2]
    found = [entry for results in _plain(stored).values() for entry in results_of_test(results)]
    sources = [{"name": name, "licence": "as stated below"} for name in dict.fromkeys(entry.dataset_type for entry in found)]
    front = front_matter({"license": CODE_LICENCE}, found, sources)
    filled = "\n\n".join([BEGIN, *_sections(stored), END])
    return f"---\n{front}---\n{before}{filled}{after}"


def _plain(stored: Mapping[str, dict]) -> dict[str, dict]:
    """Without the strict ones that stand beside a plain one."""
    beside = [name + _STRICT for name in stored]
    return {name: results for name, results in stored.items() if name not in beside}


def eval_results(results: dict) -> str:
    """The content of a file in `.eval_results`: the same scores as in the `model-index`, in the Hub's newer form.

    `id` is the source; it becomes a link once a data set of that id is on the Hub.
    """
    entries = [
        EvalResultEntry(
            dataset_id=score.dataset_type,
            task_id=score.dataset_config,
            value=score.metric_value,
            notes=f"{score.metric_type} of {score.task_name}; {one['header']['data']}; {one['header']['split']}",
        )
        for one in by_source(results)
        for score in results_of_test(one)
    ]
    return yaml.safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False, allow_unicode=True)


def _sections(stored: Mapping[str, dict]) -> list[str]:
    parts = []
    for name, results in _plain(stored).items():
        parts += _section(name, results, stored.get(name + _STRICT))
    return parts or ["No results are stored yet."]


def _section(name: str, results: dict, strict: dict | None) -> list[str]:
    method = results["methods"][0]
    own = _only(results, method)
    parts = [f"### {results['header']['data_kind']}: {method}", f"{describe(results)} {made_by(results)} (`{name}.json`)"]
    for title, head, rows in primary_tables(results):
        parts += [f"**{title}**", markdown_table(head, rows)]
    if strict is not None:
        parts += [
            "**Strict beside plain.** In the strict version the stimuli are new too, so that no clip can give its label away. "
            f"{describe(strict)} {made_by(strict)}",
            _beside(results, strict),
        ]
    parts += ["<details><summary>Every metric, felt against shown, calibration, training cost</summary>"]
    parts += ["**Every metric**", *(markdown_table(head, rows) for head, rows in full_tables(own))]
    for section in (gap_markdown(own), calibration_markdown(own), votes_markdown(own), subgroup_markdown(own)):
        parts += [part.replace("## ", "#### ") for part in section]
    return [*parts, *_training_cost(results["header"]["models"]), "</details>"]


def _only(results: dict, method: str) -> dict:
    """The results of one method."""
    gap = results["gap"] and {**results["gap"], "methods": {method: results["gap"]["methods"][method]}}
    return {**results, "methods": [method], "scores": {method: results["scores"][method]}, "gap": gap}


def _beside(plain: dict, strict: dict) -> str:
    """The primary metric of the first method, new participants against new participants and stimuli."""
    columns = [results["scores"][results["methods"][0]] for results in (plain, strict)]
    rows = [primary_row(task, columns) for name, task in TASKS.items() if any(name in column for column in columns)]
    return markdown_table(["task", "plain", "strict"], rows)


def _training_cost(models: list[dict]) -> list[str]:
    """What each model took to train, as far as its record has it."""
    if not models:
        return []
    names = list(dict.fromkeys(name for model in models for name in model))
    rows = [[_number(model.get(name)) for name in names] for model in models]
    return ["#### Training cost", markdown_table([name.replace("_", " ") for name in names], rows)]


def _number(value: object) -> str:
    return "n/a" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def update_card(card: Path, results: Path) -> None:
    """Fills the project's card from the stored results. Raises `EmertInputError` as `fill_card` and `read_stored`."""
    stored = read_stored(results)
    _write({card: fill_card(card.read_text(encoding="utf-8"), stored)} | _eval_files(card.parent, _plain(stored)))


def _eval_files(folder: Path, stored: Mapping[str, dict]) -> dict[Path, str]:
    return {folder / EVAL_FOLDER / f"{name}.yaml": eval_results(results) for name, results in stored.items()}


def _write(files: Mapping[Path, str]) -> None:
    """All of them by atomic writes, when their contents are ready."""
    with ExitStack() as stack:
        for file, content in files.items():
            stack.enter_context(atomic_file(file)).write_text(content, encoding="utf-8")


def update_model(folder: Path, results: Path, further: Sequence[Path] = ()) -> None:
    """Copies a results.json into a model folder and writes the model's card again with its scores.

    An evidence.json beside it becomes the config's `evidence`, with those of the files `further`: tests that this very model
    can't take, such as on clips that it has seen, taken by a model of the same recipe that was trained without them.

    Raises:
        EmertInputError: no model, no record, or no results there; results of another model; no evidence in a file.
    """
    check_model_folder(folder)
    record, content = read_record(folder), read_results(results)
    header = by_source(content)[0]["header"]
    if training_cost(record) not in header["models"]:
        raise EmertInputError(
            f"{results}: holds the scores of another model ({header['command']}), or of this one before it was "
            f"trained again; evaluate it again: emert evaluate {folder} DATA --out DIR"
        )
    own = results.with_name(EVIDENCE_FILE)
    tests = [test for file in [*([own] if own.is_file() else []), *further] for test in _read_evidence(file)]
    stored = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8")) | ({"evidence": tests} if tests else {})
    try:
        config = load_class(get_method(record.get("method", "emert"))).config_class.from_dict(stored)
    except (ValueError, StrictDataclassError) as error:
        raise EmertInputError(f"{results.parent}: evidence doesn't fit the model: {' '.join(str(error).split())}") from error
    files = {folder / RESULTS_FILE: to_json(content), folder / CARD_FILE: network_card(config, record, content)}
    if tests:
        files[folder / CONFIG_FILE] = json.dumps(stored, indent=2, sort_keys=True) + "\n"  # as transformers writes it
    _write(files | _eval_files(folder, {"emert": content}))


def _read_evidence(file: Path) -> list[dict]:
    try:
        tests = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EmertInputError(
            f"{file}: not readable as JSON ({error}); `emert evaluate` with several --data writes it"
        ) from error
    if not isinstance(tests, list):
        raise EmertInputError(f"{file}: holds {type(tests).__name__}, expected the list that `emert evaluate` writes")
    return tests
