"""Licences of the recordings that a data set or a model is made of: their order, what a card states, and what may be shared.

A *source* is a dictionary as JSON holds it: `name`; `licence`, an SPDX id or a sentence; `redistributable`, whether what is
made of the recordings may be published; `citation`. A model carries the list of its sources in `config.sources`, because the
config goes wherever the weights go; None there: nobody has said what the model learned from.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .constants_emert import CONFIG_FILE, RECORD_FILE
from .errors_emert import EmertInputError

# Ids that the Hub knows, from the least strict to the strictest.
LICENCES = (
    *("cc0-1.0", "pddl"),  # no conditions
    *("mit", "bsd-2-clause", "bsd-3-clause", "apache-2.0", "odc-by", "cc-by-3.0", "cc-by-4.0"),  # the authors are named
    *("odbl-1.0", "cc-by-sa-4.0", "gpl-3.0"),  # what is made from it has the same licence
    *("cc-by-nc-4.0", "cc-by-nc-sa-4.0"),  # no commercial use
    *("cc-by-nd-4.0", "cc-by-nc-nd-4.0"),  # nothing that is made from it may be passed on
)
_SHARE_ALIKE = {"odbl-1.0", "cc-by-sa-4.0", "gpl-3.0", "cc-by-nc-sa-4.0"}
_NO_DERIVATIVES = {"cc-by-nd-4.0", "cc-by-nc-nd-4.0"}
CODE_LICENCE = "apache-2.0"  # of the network's code, which a model folder holds
NOT_STATED = "not stated"  # of recordings whose owner has not said it
UNKNOWN = {"name": "unknown", "licence": "unknown", "redistributable": False}
_WORDS = "I may share {} with those who can read this private repository"
DATASET_WORDS, MODEL_WORDS = _WORDS.format("these recordings"), _WORDS.format("this model")
_HASHED = "sha256:"

Source = Mapping[str, Any]


@dataclass(frozen=True)
class Terms:
    """What the sources of a model come to: `front_matter` for its card, the reason why it may not be published, or None."""

    front_matter: dict[str, str]
    forbidden: str | None


def make_source(name: str, terms: Any) -> dict[str, Any]:
    """From what has the attributes `licence`, `redistributable` and `citation`, as a data set's metadata has."""
    return {"name": name, **{key: getattr(terms, key) for key in ("licence", "redistributable", "citation")}}


class EmertLicensed:
    """Of a network whose `config.sources` says what it has learned from; stands before transformers' own base class."""

    def train(self, mode: bool = True) -> Any:
        """As torch's. What weights with known sources learn from here is unknown until `config.sources` is set afterwards, and
        what they scored before says nothing of them.
        """
        if mode and self.config.sources is not None:
            self.config.sources = combine_sources(self.config.sources, None)
        if mode:
            self.config.evidence = None
        return super().train(mode)


def front_matter_of(licence: str, name: str) -> dict[str, str]:
    """`license` in the Hub's form; for a licence that the Hub has no id for, `other` and the name of the terms."""
    known = licence.lower()
    return {"license": known} if known in LICENCES else {"license": "other", "license_name": f"{name}-terms"}


def combine_sources(*lists: Sequence[Source] | None) -> list[Source]:
    """The sources of something that is made of several, each once; for None, `UNKNOWN`."""
    found: list[Source] = []
    for source in (source for sources in lists for source in ([UNKNOWN] if sources is None else sources)):
        if source not in found:
            found.append(source)
    return found


def terms_of(sources: Sequence[Source] | None) -> Terms:
    """The terms of a model with these sources: the strictest licence of them and of the code.

    Licences that can't be ordered (sentences, two that each demand themselves) become `other`.
    """
    sources = known_sources(sources)
    unknown = [source["name"] for source in sources if source["licence"] == UNKNOWN["licence"]]
    if unknown:
        what = "the recordings that it learned from are" if UNKNOWN["name"] in unknown else f"the licence of {unknown[0]} is"
        return Terms({"license": "unknown"}, f"{what} unknown, so it can't be told who may have it")
    named = {source["licence"].lower(): source["name"] for source in sources}
    closed = [f"the licence of source {one['name']} ({one['licence']})" for one in sources if not one["redistributable"]]
    closed += [f"the licence {name}" for name in named if name in _NO_DERIVATIVES]
    sentences = [licence for licence in named if licence not in LICENCES]
    strictest = max((CODE_LICENCE, *(set(named) - set(sentences))), key=LICENCES.index)
    rivals = sorted((set(named) & _SHARE_ALIKE) - {strictest})
    reason = f"{closed[0]} does not plainly allow publishing" if closed else None
    if closed and NOT_STATED in named:
        reason += "; if the recordings are yours, state licence and redistributable in their source.yaml, and build again"
    if rivals or (sentences and len(set(named) - {CODE_LICENCE}) > 1):
        parts = sorted(set(named.values()))
        front = {"license": "other", "license_name": "-and-".join(parts) + "-terms"}
        reason = reason or (f"no licence satisfies both {rivals[0]} and {strictest}" if rivals else None)
        return Terms(front, reason)
    return Terms(front_matter_of(sentences[0], named[sentences[0]]) if sentences else {"license": strictest}, reason)


def known_sources(sources: Any) -> list[Source]:
    """The list, each source once; `UNKNOWN` alone where it is anything else than sources as they are described above."""
    well_formed = isinstance(sources, list | tuple) and all(
        isinstance(one, Mapping)
        and all(isinstance(one.get(name), str) and one[name] for name in ("name", "licence"))
        and isinstance(one.get("redistributable"), bool)
        for one in sources
    )
    return combine_sources(sources) if well_formed else [UNKNOWN]


def check_sharing(
    where: str | Path, sources: Sequence[Source] | None, private: bool | None, confirm: str, words: str = MODEL_WORDS
) -> None:
    """Raises `EmertInputError` where the sources don't allow publishing, unless into a `private` repository and `confirm`,
    what the user has written, is `words`: `MODEL_WORDS` or `DATASET_WORDS`.
    """
    terms = terms_of(sources)
    if terms.forbidden is None or (private and confirm == words):
        return
    stated = '"sources": [{"name": "my_study", "licence": "CC-BY-4.0", "redistributable": true}]'
    unknown = terms.front_matter["license"] == UNKNOWN["licence"]
    ask = f"; ask who trained it, and state them in {CONFIG_FILE} as {stated}" if unknown else ""
    raise EmertInputError(
        f"{where}: {terms.forbidden}{ask}; if you may share it with some people, add "
        f'--private --confirm "{words}" (in Python: private=True, confirm="...")'
    )


def check_private(name: str, asked: bool | None, found: bool | None) -> None:
    """Raises `EmertInputError` where a private repository is `asked` for, and the one of that `name` is not."""
    if asked and not found:
        raise EmertInputError(
            f"{name} is there already and public, where --private asks for a private one; nothing was uploaded: "
            "make it private in its settings on the Hub, or give another --repo"
        )


def sources_of_folder(folder: str | Path) -> Sequence[Source] | None:
    """Those of a saved model: of its config, else of its training record; None where neither states them.

    A folder without a config (of a processor) holds nothing that was learned from recordings but means: no sources. An adapter
    of peft has learned from recordings that nobody has stated.
    """
    files = [Path(folder) / name for name in (CONFIG_FILE, RECORD_FILE)]
    if not files[0].is_file():
        return None if (Path(folder) / "adapter_config.json").is_file() else []
    for file in filter(Path.is_file, files):
        found = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(found, dict) and found.get("sources") is not None:
            return found["sources"]
    return None


def hash_participants(source: str, names: Iterable[str]) -> list[str]:
    """Participants' names as a published record holds them, sorted: equal for equal names of one source.

    They can't be read, but whoever has the list of all names can find out which of them are meant. A hash stays as it is.
    """
    return sorted(name if name.startswith(_HASHED) else _hash(f"{source}\n{name}") for name in names)


def _hash(text: str) -> str:
    return _HASHED + hashlib.sha256(text.encode()).hexdigest()[:16]
