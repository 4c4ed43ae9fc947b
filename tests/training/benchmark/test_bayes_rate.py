"""The Bayes rate of generated recordings: reached by who knows the generator, exceeded by none, lower with more noise."""

from dataclasses import replace

import numpy as np
import pytest

from dataset_scripts.generator import face_drawing
from dataset_scripts.generator.gaze_simulation import simulate_gaze
from dataset_scripts.generator.truth import GeneratorSettings, make_truth
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import EMOTIONS
from training.benchmark import bayes_rate as bayes_rate_module
from training.benchmark import generator_likelihoods
from training.benchmark.bayes_rate import bayes_rate, posteriors
from training.benchmark.generator_likelihoods import (
    draw_movements,
    estimate_variance,
    log_likelihood_of_eyes,
    log_likelihood_of_face,
)

SETTINGS = GeneratorSettings(participants=40, noise=2.0)
ALL_TASKS = ("er3", "er7", "er_va", "fer3", "fer7", "fer_va", "fer_intensity")


def _index(names: list[str]) -> np.ndarray:
    return np.array([EMOTIONS.index(name) for name in names])


def test_the_posterior_is_as_often_right_as_it_says():
    """Only the true model of the generator is calibrated on the generator's own recordings, in every part of its range."""
    truths = make_truth(SETTINGS)
    felt, _, _ = posteriors(truths, SETTINGS)
    right, sure = felt.argmax(axis=1) == _index([truth.felt for truth in truths]), felt.max(axis=1)
    assert right.mean() == pytest.approx(sure.mean(), abs=0.03)
    for part in (sure < 0.8, sure >= 0.8):
        error = 3 * np.sqrt((sure * (1 - sure))[part].sum()) / part.sum()
        assert right[part].mean() == pytest.approx(sure[part].mean(), abs=error)


def test_each_part_of_the_eyes_is_calibrated(monkeypatch: pytest.MonkeyPatch):
    """Alone, with a flat prior over what is felt: a wrong term in one would hide behind the others."""
    settings = replace(SETTINGS, participants=80, noise=1.0)
    truths = [truth for truth in make_truth(settings) if truth.felt != truth.stimulus.emotion]
    gazes = [simulate_gaze(truth, settings) for truth in truths]
    true = _index([truth.felt for truth in truths])
    # Who feels something else than the stimulus means feels any of the six others alike.
    possible = np.array([[truth.stimulus.emotion != emotion for emotion in EMOTIONS] for truth in truths])
    parts = ("_blinks", "_durations", "_places", "_pupils")
    for part in parts:
        with monkeypatch.context() as patch:
            for other in parts:
                if other != part:
                    patch.setattr(generator_likelihoods, other, lambda *_: 0.0)
            likelihood = np.where(possible, np.exp(_centred(log_likelihood_of_eyes(truths, gazes, settings))), 0)
        posterior = likelihood / likelihood.sum(axis=1, keepdims=True)
        # Where the truth is j, the posterior gives k as much as it gives j and k together; and it is well above chance.
        surprise = (np.eye(7)[true] - posterior).T @ posterior  # (j, k)
        spread = np.sqrt((posterior * (1 - posterior)).T @ posterior**2)
        assert np.abs(surprise / spread).max() < 4.5, part
        assert posterior[np.arange(len(true)), true].mean() > 1 / 6 + 0.005, part


def _centred(values: np.ndarray) -> np.ndarray:
    return values - values.max(axis=1, keepdims=True)


def test_what_is_felt_and_shown_is_as_frequent_as_the_model_says():
    settings = GeneratorSettings(participants=600)
    truths = make_truth(settings)
    felt, shown = (np.eye(7)[_index([getattr(truth, name) for truth in truths])] for name in ("felt", "shown"))
    frequencies = felt.T @ shown / felt.sum(axis=0)[:, None]
    np.testing.assert_allclose(frequencies, bayes_rate_module._shown_given_felt(settings), atol=0.04)
    meant = _index([truth.stimulus.emotion for truth in truths]) == 2
    np.testing.assert_allclose(felt[meant].mean(axis=0), bayes_rate_module._prior(truths)[meant][0], atol=0.04)


def test_who_sees_the_truth_reaches_the_rate():
    """Latents that are seen exactly leave only what moves neither face nor eyes: the rate without noise."""
    rate = bayes_rate(GeneratorSettings(noise=0.0), ALL_TASKS, recordings=400)
    assert rate["er7"] == rate["fer7"] == {"uar": 1.0, "war": 1.0}
    truths = make_truth(GeneratorSettings(noise=0.0, participants=29))  # of the same people as above
    guessed = np.array([("positive" if truth.felt == "surprise" else truth.labels["er3"]) for truth in truths])
    assert rate["er3"]["war"] == pytest.approx((guessed == [truth.labels["er3"] for truth in truths]).mean())
    assert rate["er3"]["war"] < 1
    assert 0.9 < rate["er_va"]["ccc"] < 0.97  # without noise of the affect itself it would be 1
    assert rate["fer_intensity"]["ccc"] > 0.999


def test_more_noise_lowers_it_and_nothing_is_above_it():
    low, high = (bayes_rate(GeneratorSettings(noise=noise), ALL_TASKS, recordings=300) for noise in (1.0, 6.0))
    for name in ("er7", "er3", "er_va", "fer_intensity"):
        metric = next(iter(low[name]))
        assert high[name][metric] < low[name][metric] - 0.02, name
    assert 1 / 7 < high["er7"]["uar"] < 0.9 < low["er7"]["uar"] < 1


def test_the_face_tells_what_is_felt_only_where_it_agrees():
    """Eyes that say nothing leave prior and face: with full agreement the face gives the feeling away."""
    shown = [bayes_rate(replace(SETTINGS, noise=6.0, disagreement=share), ["er7"], 300)["er7"]["war"] for share in (0.0, 1.0)]
    assert shown[0] > 0.97 > shown[1] + 0.1


def test_the_faces_that_are_drawn_follow_the_model(monkeypatch: pytest.MonkeyPatch):
    """The movements that the generator draws, caught before drawing, have the mean and spread that the likelihood assumes."""
    settings = GeneratorSettings(participants=20, seconds=6.0)
    poses: list[np.ndarray] = []
    strengths: list[np.ndarray] = []
    envelope = face_drawing._envelope

    def caught_envelope(phase, rng):
        strengths.append(envelope(phase, rng))
        return strengths[-1]

    def caught_pose(person, pose, size):
        poses.append(pose.movements)
        return np.zeros((2, 2, 3))

    monkeypatch.setattr(face_drawing, "_envelope", caught_envelope)
    monkeypatch.setattr(face_drawing, "draw_face", caught_pose)
    truths = make_truth(settings)
    estimates, variances = np.zeros((len(truths), 7)), np.zeros(len(truths))
    for row, truth in enumerate(truths):
        poses.clear()
        face_drawing.face_frames(truth, np.zeros((0, 2)), np.full((12, 2), 0.5), settings)
        strength = strengths[-1]
        design = np.stack([strength, np.ones(12)], axis=1)
        information = design.T @ design / 0.09 + np.diag([0, 1])
        estimates[row] = (np.linalg.inv(information) @ design.T @ np.stack(poses) / 0.09)[0]
        variances[row] = estimate_variance(strength)
    meant = np.array([generator_likelihoods._FACES[EMOTIONS.index(truth.shown)] * truth.intensity / 2 for truth in truths])
    errors = (estimates - meant) / face_drawing._DEVIATIONS / np.sqrt(variances)[:, None]
    assert abs(errors.mean()) < 0.08
    assert errors.std() == pytest.approx(1, abs=0.08)
    likelihood, intensity = log_likelihood_of_face(truths, estimates, variances, settings)
    true = _index([truth.shown for truth in truths])
    assert (likelihood.argmax(axis=1) == true).mean() > 0.99
    told = intensity[np.arange(len(true)), true]
    assert np.corrcoef(told, [truth.intensity for truth in truths])[0, 1] > 0.99
    drawn, drawn_variances = draw_movements(truths, settings)
    drawn_errors = (drawn - meant) / face_drawing._DEVIATIONS / np.sqrt(drawn_variances)[:, None]
    assert drawn_errors.std() == pytest.approx(1, abs=0.08)


def test_deterministic():
    assert bayes_rate(SETTINGS, ["er7"], 150) == bayes_rate(SETTINGS, ["er7"], 150)


def test_a_task_that_is_not_generated():
    with pytest.raises(EmertInputError, match="perceived3"):
        bayes_rate(SETTINGS, ["perceived3"])
