"""The checks of a release, each with one sentence: what is wrong and how to mend it. None of them needs the Hub."""

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from dataset_scripts.checks.result import CheckResult, judge, some
from dataset_scripts.common.hub_repository import Repository
from dataset_scripts.dataset.card import make_card
from dataset_scripts.dataset.metadata import Metadata
from dataset_scripts.dataset.splits import SPLITS_FILE, Assignment
from dataset_scripts.publish import check_verified
from dataset_scripts.sources.emer import EmerSource
from modeling_emert.configuration_emert import EmertConfig
from modeling_emert.constants_emert import CARD_FILE, CONFIG_FILE, RECORD_FILE, RESULTS_FILE
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.licences_emert import DATASET_WORDS, MODEL_WORDS, check_sharing, make_source, sources_of_folder, terms_of
from modeling_emert.model_card_emert import by_source
from training.evaluation.model_folder import read_record
from training.methods.card import network_card
from training.outputs import MODEL
from training.reports.results import read_results, training_cost

from .parts import split_card

TESTS = Path("runs/tests.xml")  # `make test` writes it
_PACKAGES = Path(__file__).parents[2]
_ROOMS = ("modeling_emert", "dataset_scripts", "training", "spaces_demo")
# The Hub's own limits, of a file and of a repository.
_MOST_BYTES, _MOST_FILES = 20 * 1000**3, 100_000
_TEXTS = (".json", ".md", ".py", ".txt", ".yaml", ".html", ".jinja", ".css", "")
_SECRETS = {
    "a token of the Hugging Face Hub": re.compile(r"\bhf_[A-Za-z0-9]{30,}"),
    "a token of GitHub": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36}|\bgithub_pat_\w{50,}"),
    "a key of a cloud": re.compile(r"\bAKIA[0-9A-Z]{16}\b|\bAIza[\w-]{35}|\bsk-[A-Za-z0-9_-]{32,}"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
}


def check_all(
    repositories: Mapping[str, Repository], model: Path | None, data: Path | None, private: bool, confirm: Collection[str]
) -> list[CheckResult]:
    """`model`, `data`: folders of what is released, else None. `confirm`: what the user has written, of each kind of words."""
    ids = sorted(Assignment.read(data / SPLITS_FILE).participants) if data else []
    openly = f"; those of the data set go up as it names them ({some(ids)}): see that nobody is known by that" if ids else ""
    return [
        judge("tests", [*_tests()], "the last `make test` passed, on this code"),
        judge("licences", [*_licences(model, data, private, confirm)], "of every part allow what is done with it"),
        judge("EMER", [*_emer(model, data)], "nothing is of EMER or was learned from it"),
        judge("cards", [*_model_card(model), *_data_card(data)], "complete, and as the stored results say"),
        judge("data set", [*_verified(data)], "`emert data verify` finds nothing" if data else "none is released"),
        judge("files", [*_strangers(model), *_sizes(repositories)], "all are parts of it, and none is too large for the Hub"),
        judge("participants", [*_participants(repositories, model, ids)], f"no names of participants are in the model{openly}"),
        judge("secrets", [*_secrets(repositories)], "no tokens, keys or places of this machine are in the files"),
    ]


def _tests() -> Iterator[str]:
    """The report must be of this code: newer than every file of it."""
    if not TESTS.is_file():
        yield f"{TESTS}: no such file here, so nothing says that the tests pass; call `make test` in the project's folder"
        return
    try:
        suites = [*ElementTree.parse(TESTS).getroot().iter("testsuite")]
        counts = {name: sum(int(suite.attrib[name]) for suite in suites) for name in ("tests", "failures", "errors", "skipped")}
    except (ElementTree.ParseError, KeyError, ValueError) as error:
        yield f"{TESTS}: not a report of the tests ({error}); call `make test`"
        return
    if bad := counts["failures"] + counts["errors"]:
        yield f"{TESTS}: {bad} of {counts['tests']} tests failed; mend them and call `make test`"
    if counts["tests"] <= counts["skipped"]:
        yield f"{TESTS}: no test ran; call `make test`"
    newest = max((path for room in _ROOMS for path in (_PACKAGES / room).rglob("*.py")), key=lambda path: path.stat().st_mtime)
    if newest.stat().st_mtime > TESTS.stat().st_mtime:
        yield f"{TESTS}: is older than {newest.relative_to(_PACKAGES)}, so that code is not tested; call `make test`"


def _licences(model: Path | None, data: Path | None, private: bool, confirm: Collection[str]) -> Iterator[str]:
    asked = [(model, sources_of_folder(model), MODEL_WORDS)] if model else []
    if data:
        metadata = Metadata.read(data)
        asked.append((data, [make_source(metadata.source, metadata)], DATASET_WORDS))
    for folder, sources, words in asked:
        try:
            check_sharing(folder, sources, private, words if words in confirm else "", words)
        except EmertInputError:
            who = f'if you may share it with some people, add --private --confirm "{words}"'
            yield f"{folder}: leave it out, or {who}: {terms_of(sources).forbidden}"


def _emer(model: Path | None, data: Path | None) -> Iterator[str]:
    """Private or not: those who hold EMER may pass it to nobody."""
    found = [(model, one["name"]) for one in (sources_of_folder(model) or () if model else ())]
    found += [(data, Metadata.read(data).source)] if data else []
    for folder, source in found:
        if source == EmerSource.name:
            yield f"{folder}: is of EMER, which is not to be passed on in any form; leave that part out"


def _model_card(folder: Path | None) -> Iterator[str]:
    """The card may say more than the one that `emert card` writes, and nothing else."""
    if folder is None:
        return
    results = folder / RESULTS_FILE
    if not results.is_file():
        cure = f"emert evaluate {folder} DATA --out SCORES, then emert card --model {folder} --results SCORES/{RESULTS_FILE}"
        yield f"{results}: is missing, so that the card has no scores of a test; {cure}"
        return
    record, content = read_record(folder), read_results(results)
    if training_cost(record) not in by_source(content)[0]["header"]["models"]:
        yield f"{results}: holds the scores of another model, or of this one before it was trained again; evaluate it again"
        return
    config = EmertConfig.from_dict(json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8")))
    cure = f"emert card --model {folder} --results {results}"
    yield from _compare(folder / CARD_FILE, network_card(config, record, content), cure)


def _data_card(folder: Path | None) -> Iterator[str]:
    if folder is not None:
        card = make_card(Metadata.read(folder), Assignment.read(folder / SPLITS_FILE))
        yield from _compare(folder / CARD_FILE, card, "build the data set again with --overwrite")


def _compare(file: Path, expected: str, cure: str) -> Iterator[str]:
    """Everything of the front matter and every row of a table must be in the card; its words are free."""
    if not file.is_file():
        yield f"{file}: is missing; {cure}"
        return
    text = file.read_text(encoding="utf-8")
    (front, body), (wanted, own) = split_card(text), split_card(expected)
    lacking = [key for key, value in wanted.items() if key != "tags" and front.get(key) != value]
    rows = set(body.splitlines())
    lacking += [f"`{row}`" for row in own.splitlines() if row.startswith("|") and row not in rows]
    if lacking:
        yield f"{file}: {lacking[0]} is not what the stored results say; {cure}"


def _verified(data: Path | None) -> Iterator[str]:
    try:
        if data is not None:
            check_verified(data)
    except EmertInputError as error:
        yield str(error)


def _strangers(model: Path | None) -> Iterator[str]:
    """Only the model's folder is taken whole; of the other parts the files are listed."""
    for path in sorted(model.rglob("*")) if model else ():
        name = path.relative_to(model).as_posix()
        if path.is_symlink() or (path.is_file() and not any(fnmatchcase(name, pattern) for pattern in MODEL.names)):
            yield f"{path}: is no part of a model; move it away"


def _sizes(repositories: Mapping[str, Repository]) -> Iterator[str]:
    for part, repository in repositories.items():
        if len(repository.files) > _MOST_FILES:
            yield f"{part}: {len(repository.files):,} files, where the Hub takes {_MOST_FILES:,}; build it in fewer"
        for name, content in repository.files.items():
            size = size_of(content)
            if size > _MOST_BYTES:
                yield f"{part}: {name} has {size / 1e9:.0f} GB, where the Hub takes {_MOST_BYTES / 1e9:.0f}; split it"


def size_of(content: Path | bytes) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _participants(repositories: Mapping[str, Repository], model: Path | None, ids: Collection[str]) -> Iterator[str]:
    """Of a model's participants there are hashes alone, and nothing names one of the data set's `ids`."""
    if model is None:
        return
    place, files = ("model", repositories["model"]) if "model" in repositories else ("space", repositories["space"])
    for name, content in files.files.items():
        if not name.endswith(".json"):
            continue
        texts = {*_strings(json.loads(_read(content)))}
        if named := texts & set(ids):
            yield f"{place}: {name} names participants ({some([*named])}); train or evaluate the model again"
        if name.endswith(RECORD_FILE):
            record = json.loads(_read(content))
            seen = [one for own in (record, *record.get("data_sets", ())) for one in own.get("seen_participants", ())]
            if open_names := [one for one in seen if not str(one).startswith("sha256:")]:
                yield f"{place}: {name} names participants ({some(open_names)}), where hashes are expected; train it again"


def _strings(content: object) -> Iterator[str]:
    """Every key and every text in a JSON document but the numbers of a model's classes, which are keys too."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        yield from content
        content = [value for key, value in content.items() if key != "id2label"]
    if isinstance(content, list):
        for one in content:
            yield from _strings(one)


def _read(content: Path | bytes) -> str:
    return (content if isinstance(content, bytes) else content.read_bytes()).decode("utf-8", errors="replace")


def _secrets(repositories: Mapping[str, Repository]) -> Iterator[str]:
    own = {"a place of this machine": re.compile(re.escape(f"{Path.home()}/"))} if Path.home() != Path("/") else {}
    for part, repository in repositories.items():
        for name, content in repository.files.items():
            if Path(name).suffix not in _TEXTS:
                continue
            text = _read(content)
            for what, pattern in (_SECRETS | own).items():
                if pattern.search(text):
                    yield f"{part}: {name} holds {what}; remove it" + ("" if what in own else ", and make it invalid")
