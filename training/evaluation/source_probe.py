"""Probe: how well a linear classifier names the source of a recording from a model's features, and what that is worth.

Sources that differ in what they record (photographs here, fixations there) are told apart by that alone: no feature could
hide it. So it is asked twice more: from one input that several sources have, with all others hidden; and of the answers,
whether they are better than the usual answer of the source, which is what a model that only knew the source could say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from transformers import PreTrainedModel

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.constants_emert import MASK_OF
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.evidence_emert import INPUT_WORDS
from modeling_emert.processing_emert import EmertProcessor
from modeling_emert.tasks_emert import TASKS, Task

from ..methods.classical import Majority
from ..methods.registry import Method
from ..metrics import METRIC_TITLES, as_targets, collect, scores
from ..metrics.predictions import to_predictions
from ..statistics.comparisons import Difference, compare_sums
from .evaluate import make_batches
from .model_folder import record_for
from .probes import classifier, read_out
from .protocols import Trial, unseen_rows

_MOST = 600  # recordings of a source, chosen at random: enough for a linear classifier
_FOLDS = 5  # or as many as the source with the fewest people has
_FEWEST_PEOPLE = 3
_SHUFFLES = 5
_RESAMPLES = 2000
TOGETHER = "all together"
_SEES = {"pixel_values": "the frames"} | {name: words for name, words in INPUT_WORDS.items() if name != "pixel_values"}


@dataclass(frozen=True)
class Guess:
    """How well the source is named: `accuracy`, the mean over the sources of the fraction of their recordings, 0..1; the same
    with the names shuffled, mean and highest of the repetitions.
    """

    accuracy: float
    shuffled: float
    shuffled_highest: float
    sources: tuple[str, ...]
    recordings: int


class Answers(NamedTuple):
    """Scores of the same recordings; `difference`: of the model minus the usual answer, with a 95 % interval by person."""

    model: float
    usual: float
    difference: Difference


@dataclass(frozen=True)
class SourceProbe:
    """What [`source_probe`] found.

    - `by_inputs`: accuracy of the name that follows from which inputs a recording has; `by_features`: from the features.
    - `shared`: by input that several sources have, from the features of that input alone.
    - `answers`: by task with labels in several sources, and by `TOGETHER` or source, the primary metric of the model, of the
      source's usual answer, and their difference.
    """

    by_inputs: float
    by_features: Guess
    shared: dict[str, Guess]
    answers: dict[str, dict[str, "Answers"]]

    def text(self) -> str:
        """For people."""
        whole = self.by_features
        lines = [
            f"Which source is it? {whole.recordings} recordings of people whom the model has never seen, of "
            f"{', '.join(whole.sources)}; a linear classifier learns from other people. Mean over the sources, by chance "
            f"{1 / len(whole.sources):.2f}:",
            f"  which inputs a recording has, without the model  {self.by_inputs:.2f}",
            f"  the model's features                             {_found(whole)}",
            "",
        ]
        if self.by_inputs > 0.99:
            lines.append("Every source has inputs of its own, so what a recording holds names it, whatever the model does.")
        for name, guess in self.shared.items():
            verdict = "the features tell these sources apart beyond what they hold"
            if guess.accuracy <= guess.shuffled_highest:
                verdict = "no better than with shuffled names: nothing of the source was found"
            lines.append(f"From {_SEES[name]} alone, which {' and '.join(guess.sources)} have: {_found(guess)}; {verdict}.")
        if not self.shared:
            lines.append("No input is in several sources, so the features can't be compared with the inputs hidden.")
        return "\n".join([*lines, *_answers_text(self.answers)])


def _found(guess: Guess) -> str:
    return f"{guess.accuracy:.2f} (names shuffled: {guess.shuffled:.2f}, at most {guess.shuffled_highest:.2f})"


def _answers_text(answers: Mapping[str, Mapping[str, Answers]]) -> list[str]:
    lines = []
    for name, by_source in answers.items():
        lines += ["", f"Do the answers follow the source? {name}, {METRIC_TITLES[TASKS[name].primary_metric]}:"]
        for source, found in by_source.items():
            gain = found.difference
            interval = "" if np.isnan(gain.low) else f" [{gain.low:+.2f}, {gain.high:+.2f}]"
            verdict = "too few people or recordings to tell"
            if gain.low > 0:
                verdict = "more than the source alone would give"
            elif gain.high < 0:
                verdict = "less than the source alone would give"
            lines.append(
                f"  {source}: the model {found.model:.2f}, always the source's usual answer {found.usual:.2f}; difference "
                f"{gain.value:+.2f}{interval}: {verdict}"
            )
    return lines or ["", "No task has labels in several sources, so no answer can follow the source in place of the emotion."]


class _Read(NamedTuple):
    """One source: its unseen recordings as the model takes them, and what it made of them."""

    data: EmertData
    rows: np.ndarray
    batches: object
    features: np.ndarray
    present: np.ndarray
    logits: dict[str, np.ndarray]


def source_probe(
    model: PreTrainedModel,
    processor: EmertProcessor,
    data: Sequence[EmertData],
    record: dict,
    method: Method,
    seed: int = 0,
) -> SourceProbe:
    """On recordings of people whom the model has not seen, at most 600 of each source. `record`: the training record.

    Raises `EmertInputError` where a source has fewer than three such people.
    """
    read = [_read(model, processor, one, record_for(record, one.metadata.source), method, seed) for one in data]
    sources = np.concatenate([np.full(len(one.rows), one.data.metadata.source) for one in read])
    people = np.concatenate([_names(one) for one in read])
    present = np.concatenate([one.present for one in read])  # (recordings, inputs)
    shared = {}
    for place, name in enumerate(MASK_OF):
        having = [one for one in read if _people(one, one.present[:, place]) >= _FEWEST_PEOPLE]
        if len(having) > 1:
            names = [one.data.metadata.source for one in having]
            rows = present[:, place] & np.isin(sources, names)
            features = np.concatenate([read_out(model, one.batches, name)[0][one.present[:, place]] for one in having])
            shared[name] = _guess(features, sources[rows], people[rows], seed)
    features = np.concatenate([one.features for one in read])
    return SourceProbe(
        by_inputs=_by_inputs(present, sources),
        by_features=_guess(features, sources, people, seed),
        shared=shared,
        answers=_answers(read, record, seed),
    )


def _read(model: PreTrainedModel, processor: EmertProcessor, data: EmertData, record: dict, method: Method, seed: int) -> _Read:
    rows = unseen_rows(data, record)
    if len(rows) > _MOST:
        rows = np.sort(np.random.default_rng(seed).choice(rows, _MOST, replace=False))
    batches = make_batches(data, Trial(rows, (), record["fold"]), processor, method)
    read = _Read(data, rows, batches, *read_out(model, batches))
    if (people := _people(read, np.ones(len(rows), bool))) < _FEWEST_PEOPLE:
        raise EmertInputError(
            f"{data.folder}: {people} people whom the model has not seen; the probe needs {_FEWEST_PEOPLE}, to learn from "
            "some and try others"
        )
    return read


def _names(read: _Read) -> np.ndarray:
    """Of the people, with the source before them."""
    return np.char.add(f"{read.data.metadata.source}/", read.data.ids["participant_id"][read.rows])


def _people(read: _Read, chosen: np.ndarray) -> int:
    return len(np.unique(read.data.ids["participant_id"][read.rows[chosen]]))


def _by_inputs(present: np.ndarray, sources: np.ndarray) -> float:
    """Of the source that is most frequent among recordings with the same inputs, each source weighing the same."""
    names, codes, counts = np.unique(sources, return_inverse=True, return_counts=True)
    kinds = np.unique(present, axis=0, return_inverse=True)[1].ravel()
    weights = np.zeros((kinds.max() + 1, len(names)))
    np.add.at(weights, (kinds, codes), 1 / counts[codes])
    return float(weights.max(axis=1).sum() / len(names))


def _guess(features: np.ndarray, sources: np.ndarray, people: np.ndarray, seed: int) -> Guess:
    """Cross-validated over people, so that nobody is on both sides."""
    rng = np.random.default_rng(seed)
    names, codes = np.unique(sources, return_inverse=True)
    persons, of_row = np.unique(people, return_inverse=True)
    own = np.zeros(len(persons), np.int64)
    own[of_row] = codes  # the source of each person
    shuffled = [_accuracy(features, rng.permutation(own)[of_row], of_row, seed) for _ in range(_SHUFFLES)]
    accuracy = _accuracy(features, codes, of_row, seed)
    return Guess(accuracy, float(np.mean(shuffled)), max(shuffled), tuple(map(str, names)), len(codes))


def _accuracy(features: np.ndarray, codes: np.ndarray, people: np.ndarray, seed: int) -> float:
    fewest = min(len(np.unique(people[codes == code])) for code in np.unique(codes))
    folds = StratifiedGroupKFold(min(_FOLDS, fewest), shuffle=True, random_state=seed)
    guessed = cross_val_predict(classifier(), features.astype(np.float64), codes, groups=people, cv=folds)
    return float(np.mean([(guessed[codes == code] == code).mean() for code in np.unique(codes)]))


def _answers(read: Sequence[_Read], record: dict, seed: int) -> dict[str, dict[str, Answers]]:
    found = {}
    for name in read[0].logits:
        having = [one for one in read if name in one.data.tasks]
        if len(having) > 1:
            parts = {one.data.metadata.source: _answer(TASKS[name], one, record) for one in having}
            whole = tuple(np.concatenate(same) for same in zip(*parts.values(), strict=True))
            found[name] = {of: _compared(TASKS[name], *part, seed) for of, part in ({TOGETHER: whole} | parts).items()}
    return found


def _answer(task: Task, read: _Read, record: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Labels of the recordings, the model's answers, the usual answer of the training recordings, and who it is."""
    own = record_for(record, read.data.metadata.source)
    labels = read.data.labels(task)
    train = read.data.select(own["fold"], own["strict"])["train"]
    usual = Majority().fit(task, np.zeros(len(train)), labels[train]).predict(np.zeros(len(read.rows)))
    return labels[read.rows], to_predictions(task.name, read.logits[task.name]), usual, _names(read)


def _compared(task: Task, labels: np.ndarray, answers: np.ndarray, usual: np.ndarray, people: np.ndarray, seed: int) -> Answers:
    known = ~np.isnan(as_targets(task, labels)).all(axis=1)
    names, codes = np.unique(people[known], return_inverse=True)
    sums = [collect(task, labels[known], given[known], codes, len(names)) for given in (answers, usual)]
    values = [float(scores(task, one.sum(axis=0))[task.primary_metric]) for one in sums]
    return Answers(*values, compare_sums(task, *sums, n_resamples=_RESAMPLES, seed=seed)[task.primary_metric])
