"""How well any method at all could do on generated recordings: the score of a classifier that knows the generator.

The generator draws what is felt from the stimulus, what is shown from what is felt, then the eyes from the felt emotion and
the face from the shown one. The classifier here computes the exact posterior of both emotions by Bayes' rule. It knows more
than a method can:

- the generator's tables, and of each recording the participant's habits (pupil, gain, expressivity, ...) and the stimulus
  (meant emotion, light, place);
- of the eyes every fixation and blink as it was drawn, without calibration offset and jitter, and all pupil samples that
  were not lost;
- of the face the movements of each frame before they are drawn, and how the expression rises and falls over time.

What a method sees (video, gaze file) is made of these by steps that add noise and never look at the labels again, and labels
of different recordings are independent once participant and stimulus are known. So no method, whatever it has learnt, does
better on average: the rate is an upper bound, on strict splits (where the stimulus is new) as well. For the eyes it counts
what a few seconds of them leave open. For the face it is loose: the seven classes are all but separable in the movements
(`fer7` has 1.0), and what drawing and pixel noise destroy has no closed form. What moves neither face nor eyes can't be
read by anyone: the sign of surprise in `er3` and `fer3`, the scatter of valence and arousal.

Neglected: that the pupil is kept within 1.5..8.5 mm, which happens with `noise` far above 1 only.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

import numpy as np
from scipy.special import softmax
from scipy.stats import norm

from dataset_scripts.generator.gaze_simulation import simulate_gaze
from dataset_scripts.generator.truth import AFFECT, AFFECT_NOISE, MASKS, STIMULUS_STRENGTH, GeneratorSettings, Truth, make_truth
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import EMOTIONS, POLARITIES, POLARITY_OF_EMOTION, TASKS, Task
from training.metrics import score

from .generator_likelihoods import GRID, LOG_WEIGHTS, draw_movements, log_likelihood_of_eyes, log_likelihood_of_face


def bayes_rate(settings: GeneratorSettings, tasks: Sequence[str], recordings: int = 2000) -> dict[str, dict[str, float]]:
    """By task the highest score that a method can expect: `uar` and `war` of classes, `ccc` of numbers.

    Each is that of the decision which is best for it: the most probable class (`war`), the class most above its
    frequency (`uar`), the posterior mean spread as wide as the numbers themselves (`ccc`, which then is the greatest possible
    correlation). Estimated on about so many recordings: those of the settings and of more participants like them. It is off
    by at most about 0.5 / sqrt(recordings), 0.011 by default. Deterministic by the settings' seed. Raises `EmertInputError`
    for a task that the generator doesn't label.
    """
    settings = replace(settings, participants=ceil(recordings / settings.stimuli))
    truths = make_truth(settings)
    labelled = truths[0].labels
    for name in tasks:
        if not set(TASKS[name].columns) <= set(labelled):
            raise EmertInputError(f"task {name}: generated recordings have no such label, only {', '.join(labelled)}")
    felt, shown, intensity = posteriors(truths, settings)
    return {name: _rate(TASKS[name], truths, felt if TASKS[name].view == "er" else shown, intensity) for name in tasks}


def posteriors(truths: Sequence[Truth], settings: GeneratorSettings) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities of the felt and of the shown emotion, `(recordings, 7)` each in the order of `EMOTIONS`, and the expected
    intensity of the expression `(recordings,)`, given all that the classifier knows.
    """
    eyes = log_likelihood_of_eyes(truths, [simulate_gaze(truth, settings) for truth in truths], settings)
    face, intensity = log_likelihood_of_face(truths, *draw_movements(truths, settings), settings)
    with np.errstate(divide="ignore"):  # without disagreement most pairs are impossible
        joint = np.log(_prior(truths))[:, :, None] + np.log(_shown_given_felt(settings))
    joint = softmax(joint + eyes[:, :, None] + face[:, None, :], axis=(1, 2))  # (recordings, felt, shown)
    shown = joint.sum(axis=1)
    return joint.sum(axis=2), shown, (shown * intensity).sum(axis=1)


def _prior(truths: Sequence[Truth]) -> np.ndarray:
    """`(recordings, 7)`: what people feel at the stimulus."""
    meant = np.array([[truth.stimulus.emotion == emotion for emotion in EMOTIONS] for truth in truths])
    return STIMULUS_STRENGTH * meant + (1 - STIMULUS_STRENGTH) / len(EMOTIONS)


def _shown_given_felt(settings: GeneratorSettings) -> np.ndarray:
    """`(7, 7)`, rows sum to 1."""
    others = 1 - np.eye(len(EMOTIONS))
    masks = others * np.isin(EMOTIONS, MASKS)
    hidden = 0.5 * masks / masks.sum(axis=1, keepdims=True) + 0.5 * others / others.sum(axis=1, keepdims=True)
    return (1 - settings.disagreement) * np.eye(len(EMOTIONS)) + settings.disagreement * hidden


def _rate(task: Task, truths: Sequence[Truth], emotions: np.ndarray, intensity: np.ndarray) -> dict[str, float]:
    """The scores of one task; `emotions` `(recordings, 7)` of its view."""
    labels = [[truth.labels[column] for column in task.columns] for truth in truths]
    if task.kind == "classification":
        targets = np.array([task.labels.index(str(label)) for (label,) in labels])
        answer = emotions if task.size == len(EMOTIONS) else emotions @ _polarities()
        frequencies = np.bincount(targets, minlength=task.size) / len(targets)
        balanced = answer / np.where(frequencies > 0, frequencies, np.inf)
        return {"uar": score(task, targets, balanced)["uar"], "war": score(task, targets, answer)["war"]}
    targets = np.array(labels, np.float64)
    answer = intensity[:, None] if task.size == 1 else emotions @ _expected_affect()
    width = np.divide(targets.std(axis=0), answer.std(axis=0), out=np.ones(task.size), where=answer.std(axis=0) > 0)
    return {"ccc": score(task, targets, answer.mean(axis=0) + width * (answer - answer.mean(axis=0)))["ccc"]}


def _polarities() -> np.ndarray:
    """`(7, 3)`: the coarse class of each emotion; that of surprise follows its valence, of which nothing is shown."""
    above = norm.sf((0.0005 - AFFECT["surprise"][0]) / AFFECT_NOISE)  # labels are rounded to 0.001
    surprise = {"positive": above, "negative": 1 - above}
    of_emotion = [{POLARITY_OF_EMOTION[name]: 1.0} if name in POLARITY_OF_EMOTION else surprise for name in EMOTIONS]
    return np.array([[shares.get(polarity, 0.0) for polarity in POLARITIES] for shares in of_emotion])


def _expected_affect() -> np.ndarray:
    """`(7, 2)`: mean valence and arousal of each emotion, kept within -1..1."""
    means = np.array([AFFECT[emotion] for emotion in EMOTIONS])
    drawn = np.clip(means[..., None] + AFFECT_NOISE * GRID, -1, 1)  # (7, 2, 101)
    return drawn @ np.exp(LOG_WEIGHTS)
