"""How honest the intervals and tests are, measured on data whose truth is known: `python tests/helpers/simulation.py`.

Participants differ: each has an own bent in labels and an own skill, so that recordings of one resemble each other. The
truth is the metric over 20,000 participants of the same kind. A 95 % interval should hold it in 95 of 100 data sets; a test
should find a difference at 0.05 in 5 of 100 pairs of methods that are equally good.
"""

import argparse
from collections.abc import Callable

import numpy as np
from scipy.stats import ttest_1samp

from modeling_emert.tasks_emert import TASKS, Task
from training.metrics import METRICS, collect, scores
from training.statistics.comparisons import compare_sums, nadeau_bengio
from training.statistics.intervals import intervals_of_sums

RECORDINGS = 15
_ENDLESS = 20_000
_FOLDS = 5

# One data set: each participant's sums for one method, or for the two methods of a pair.
_Simulate = Callable[[np.random.Generator, int, int], list[np.ndarray]]


def simulate_classes(
    rng: np.random.Generator, participants: int, methods: int = 1, task: Task = TASKS["er7"]
) -> list[np.ndarray]:
    """Sums `(P, K, K)` by method: skills of a participant are beta distributed and alike for both methods, labels uneven."""
    size = task.size
    common = 1 / np.arange(1, size + 1)  # the rarest label is seven times rarer than the most common
    bent = rng.dirichlet(4 * common / common.mean(), size=participants)
    truth = (rng.random((participants, RECORDINGS, 1)) > np.cumsum(bent, axis=1)[:, None]).sum(axis=2).clip(max=size - 1)
    skill = rng.beta(2, 2, size=(participants, 1))
    found = []
    for _ in range(methods):
        own = 0.7 * skill + 0.3 * rng.beta(2, 2, size=(participants, 1))
        right = rng.random(truth.shape) < own
        guess = np.where(right, truth, (truth + rng.integers(1, size, truth.shape)) % size)
        found.append(_sums(task, truth.reshape(-1), np.eye(size)[guess.reshape(-1)], participants))
    return found


def simulate_numbers(
    rng: np.random.Generator, participants: int, methods: int = 1, task: Task = TASKS["er_va"]
) -> list[np.ndarray]:
    """Sums `(P, S, 8)` by method: participants use their own part of the scale, are read well or badly, with a bias."""
    shape = (participants, RECORDINGS, task.size)
    truth = np.tanh(rng.normal(scale=0.3, size=(participants, 1, task.size)) + rng.normal(scale=0.5, size=shape))
    slope = rng.beta(3, 3, size=(participants, 1, task.size))
    found = []
    for _ in range(methods):
        bias = rng.normal(scale=0.15, size=(participants, 1, task.size))
        guess = np.clip(slope * truth + bias + rng.normal(scale=0.3, size=shape), -1, 1)
        found.append(_sums(task, truth.reshape(-1, task.size), guess.reshape(-1, task.size), participants))
    return found


SIMULATED: tuple[tuple[Task, _Simulate], ...] = ((TASKS["er7"], simulate_classes), (TASKS["er_va"], simulate_numbers))


def coverage(task: Task, simulate: _Simulate, participants: int, repeats: int, n_resamples: int = 1000, seed: int = 0) -> dict:
    """By metric: the share of `repeats` data sets whose 95 % interval holds the truth, 0..1."""
    rng = np.random.default_rng(seed)
    truth = scores(task, simulate(rng, _ENDLESS, 1)[0].sum(axis=0))
    held = dict.fromkeys(METRICS[task.kind], 0)
    for repeat in range(repeats):
        found = intervals_of_sums(task, simulate(rng, participants, 1)[0], n_resamples, seed=repeat)
        for name, interval in found.items():
            held[name] += bool(interval.low <= truth[name] <= interval.high)
    return {name: count / repeats for name, count in held.items()}


def paired_false_alarms(
    task: Task, simulate: _Simulate, participants: int, repeats: int, n_resamples: int = 1000, seed: int = 0
) -> dict:
    """By metric: the share of pairs of equally good methods for which the paired bootstrap says p < 0.05, 0..1."""
    rng = np.random.default_rng(seed)
    alarms = dict.fromkeys(METRICS[task.kind], 0)
    for repeat in range(repeats):
        first, second = simulate(rng, participants, 2)
        for name, difference in compare_sums(task, first, second, n_resamples, seed=repeat).items():
            alarms[name] += difference.p < 0.05
    return {name: count / repeats for name, count in alarms.items()}


def fold_false_alarms(participants: int, repeats: int, seed: int = 0) -> dict[str, float]:
    """The same for tests over five folds, with classifiers that are really trained: `nadeau_bengio`, and the plain t-test.

    Two nearest-mean classifiers learn two classes, each from 200 features of its own that tell equally little. Each fold
    trains on the other folds' participants, so the folds' differences are related, which the plain test overlooks.
    """
    rng = np.random.default_rng(seed)
    alarms = {"nadeau_bengio": 0, "plain t-test": 0}
    for _ in range(repeats):
        labels = rng.integers(2, size=(participants, RECORDINGS))
        shape = (2, participants, RECORDINGS, 200)  # the first axis: which method's features
        habits = 0.3 * rng.normal(size=(2, participants, 1, 200))
        features = 0.05 * (2 * labels[..., None] - 1) + habits + rng.normal(size=shape)
        folds = np.arange(participants) % _FOLDS
        differences = []
        for fold in range(_FOLDS):
            right = [_nearest_mean(of_method, labels, folds != fold) for of_method in features]
            differences.append(right[0] - right[1])
        alarms["nadeau_bengio"] += nadeau_bengio(differences, 1 / _FOLDS) < 0.05
        alarms["plain t-test"] += ttest_1samp(differences, 0).pvalue < 0.05
    return {name: count / repeats for name, count in alarms.items()}


def _nearest_mean(features: np.ndarray, labels: np.ndarray, training: np.ndarray) -> float:
    """Accuracy on the participants outside `training` `(P,)` of features `(P, R, F)` and labels `(P, R)`."""
    low, high = (features[training][labels[training] == label].mean(axis=0) for label in (0, 1))
    side = (features[~training] - (low + high) / 2) @ (high - low)
    return float(((side > 0) == labels[~training]).mean())


def _sums(task: Task, truth: np.ndarray, guesses: np.ndarray, participants: int) -> np.ndarray:
    return collect(task, truth, guesses, np.repeat(np.arange(participants), RECORDINGS), participants)


def _table(title: str, rows: list[tuple[str, dict]]) -> str:
    names = list(rows[0][1])
    lines = [title, "", "| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    lines += [f"| {label} | " + " | ".join(f"{found[name]:.3f}" for name in names) + " |" for label, found in rows]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure coverage of intervals and false alarms of tests on simulated data.")
    parser.add_argument("--repeats", type=int, default=1000, help="simulated data sets a cell (default 1000, some minutes)")
    repeats = parser.parse_args().repeats
    for task, simulate in SIMULATED:
        for title, measure in (
            ("share of 95 % intervals that hold the truth", coverage),
            ("false alarms of the paired bootstrap at 0.05", paired_false_alarms),
        ):
            rows = [(f"{count} participants", measure(task, simulate, count, repeats)) for count in (20, 40, 70)]
            print(_table(f"{task.name}: {title}", rows), flush=True)
    rows = [(f"{count} participants", fold_false_alarms(count, repeats)) for count in (20, 40, 70)]
    print(_table(f"false alarms of tests over {_FOLDS} folds at 0.05", rows))


if __name__ == "__main__":
    main()
