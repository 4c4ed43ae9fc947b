"""What a release holds: the files of each repository, with cards that name the other repositories."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import yaml
from transformers.dynamic_module_utils import get_relative_import_files

from dataset_scripts.common.hub_repository import Repository
from dataset_scripts.dataset.metadata import Metadata
from dataset_scripts.publish import SUGGESTED_NAME, published_files
from modeling_emert.constants_emert import CARD_FILE, EVAL_FOLDER, RECORD_FILE
from modeling_emert.hub_emert import without_names
from training.evaluation.model_folder import check_model_folder

from ..space_folder import write_space

# In the order in which they are uploaded: what the others name comes first. A Space holds the model too.
PARTS = ("metrics", "data", "model", "space")
METRICS = ("emotion_classification", "emotion_regression", "emotion_gap")
_NAMES = {"model": ("emert",), "data": (SUGGESTED_NAME,), "space": ("emert",), "metrics": METRICS}
_TITLES = {"model": "model", "data": "data set", "space": "demo", "metrics": "metrics"}
_FOLDERS = {"model": "", "data": "datasets/", "space": "spaces/", "metrics": "spaces/"}
# What stands for a name in the examples of the cards: the part, the word, the place in which it stands.
_EXAMPLES = (
    ("model", "THIS_MODEL", "THIS_MODEL"),
    ("model", "MODEL", '"MODEL"'),
    ("data", "DATASET", '"DATASET"'),
    ("data", "FOLDER", 'load_dataset("FOLDER"'),
)
_ROOT = Path(__file__).parents[2]
_CODE = ("modeling_emert", "processing_emert", "pipeline_emert")  # with what they import, all that `trust_remote_code` runs


def collect(namespace: str, model: Path, data: Path | None, without: Collection[str], work: Path) -> dict[str, Repository]:
    """The repositories by the name that messages give them, in the order in which they are uploaded.

    `data`: None only where it is in `without`. A Space is written into `work`, an empty folder. Raises `EmertInputError` where
    a folder holds no model that the demo can explain, or no data set.
    """
    wanted = {part: [f"{namespace}/{name}" for name in _NAMES[part]] for part in PARTS if part not in without}
    source = Metadata.read(data).source if data and "data" in wanted else None
    links = _Links(wanted, source)
    made: dict[str, Repository] = {}
    if "metrics" in wanted:
        made |= {f"metric {repo.rpartition('_')[2]}": _metric(repo, links) for repo in wanted["metrics"]}
    if data and "data" in wanted:
        files = published_files(data, Metadata.read(data))
        made["data"] = Repository(links.data, "dataset", files | {CARD_FILE: links.in_data_card(files[CARD_FILE])})
    if "model" in wanted:
        made["model"] = Repository(links.model, "model", _model_files(model, links))
    if "space" in wanted:
        folder = write_space(work / "space", model)
        files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
        record = f"model/{RECORD_FILE}"
        changed = {CARD_FILE: links.in_space_card(files[CARD_FILE]), record: without_names(files[record])}
        made["space"] = Repository(wanted["space"][0], "space", files | changed, sdk="gradio")
    return made


def _model_files(folder: Path, links: "_Links") -> dict[str, Path | bytes]:
    """Every file of the folder and the code that it needs where this package is not installed."""
    check_model_folder(folder)
    code = [_ROOT / "modeling_emert" / f"{name}.py" for name in _CODE]
    code += [Path(path) for file in code for path in get_relative_import_files(file)]
    files: dict[str, Path | bytes] = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    files |= {path.name: path for path in sorted(code)}
    files[RECORD_FILE] = without_names(folder / RECORD_FILE)
    files[CARD_FILE] = links.in_model_card(folder / CARD_FILE)
    return files | {
        name: links.in_scores(path) for name, path in files.items() if name.startswith(EVAL_FOLDER) and isinstance(path, Path)
    }


def _metric(repo: str, links: "_Links") -> Repository:
    """A Space from which `evaluate.load(repo)` takes the code; visitors see its card as a page."""
    name = repo.rpartition("/")[2]
    folder = _ROOT / "training" / "metrics" / name
    files: dict[str, Path | bytes] = {path.name: path for path in sorted(folder.glob("*.py"))}
    card = (folder / CARD_FILE).read_text(encoding="utf-8").replace(f'"training/metrics/{name}"', f'"{repo}"')
    text = links.below(card)
    page = f"<!doctype html><meta charset=utf-8><title>{name}</title><pre>{escape(split_card(text)[1])}</pre>\n"
    return Repository(repo, "space", files | {CARD_FILE: text.encode(), "index.html": page.encode()}, sdk="static")


@dataclass(frozen=True)
class _Links:
    """`names`: the repositories of each part. `source`: that of the data set which is released."""

    names: Mapping[str, list[str]]
    source: str | None

    @property
    def model(self) -> str:
        return self.names["model"][0]

    @property
    def data(self) -> str:
        return self.names["data"][0]

    def in_model_card(self, file: Path) -> bytes:
        """A model that learned from the source of the data set names the data set."""
        front, body = split_card(file.read_text(encoding="utf-8"))
        if self.source in front.get("datasets", ()):
            front["datasets"] = [self.data if name == self.source else name for name in front["datasets"]]
        return self._joined(front, self._named(body))

    def in_data_card(self, file: Path) -> bytes:
        front, body = split_card(file.read_text(encoding="utf-8"))
        return self._joined(front, self._named(body))

    def in_space_card(self, file: Path) -> bytes:
        """The models and data sets of the file are those of nobody."""
        front, body = split_card(file.read_text(encoding="utf-8"))
        for key, part in (("models", "model"), ("datasets", "data")):
            front.pop(key, None)
            front |= {key: self.names[part]} if part in self.names else {}
        return self._joined(front, body)

    def in_scores(self, file: Path) -> bytes:
        """`.eval_results`: the scores on the source of the data set are scores on the data set."""
        text = file.read_text(encoding="utf-8")
        return (
            re.sub(rf"(?m)^(\s+id: ){re.escape(self.source)}$", rf"\g<1>{self.data}", text) if self.source else text
        ).encode()

    def _named(self, body: str) -> str:
        """With the names of the repositories in the examples of code."""
        for part, word, place in _EXAMPLES:
            if part in self.names:
                body = body.replace(place, place.replace(word, self.names[part][0]))
        return body

    def _joined(self, front: Mapping[str, Any], body: str) -> bytes:
        return self.below(f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n{body}").encode()

    def below(self, card: str) -> str:
        """The card with addresses of everything that is released with it."""
        links = {
            _TITLES[part]: ", ".join(f"[{name}](https://huggingface.co/{_FOLDERS[part]}{name})" for name in names)
            for part, names in self.names.items()
        }
        return (
            "\n".join([card.rstrip(), "", "## Released together", "", *(f"- {what}: {where}" for what, where in links.items())])
            + "\n"
        )


def split_card(text: str) -> tuple[dict[str, Any], str]:
    """The front matter of a card, {} where it has none, and the rest."""
    found = re.fullmatch(r"---\n(.*?\n)---\n(.*)", text, re.DOTALL)
    front = yaml.load(found[1], getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if found else None
    return (front, found[2]) if found and isinstance(front, dict) else ({}, text)
