"""The probe finds the participant where the features tell it, and finds nobody in noise."""

from pathlib import Path

import numpy as np
import pytest

from dataset_scripts.dataset.reader import EmertData
from modeling_emert import EmertInputError
from training.cli import main
from training.data.dataset import RecordingDataset, collate
from training.evaluation.load_model import load_model
from training.evaluation.probes import clip_probe, participant_probe, pooled_features

PEOPLE = np.repeat([f"person{number}" for number in range(6)], 8)


def _features(share: float, seed: int = 0) -> np.ndarray:
    """`(48, 16)`: noise, and this share of a pattern that is each participant's own."""
    rng = np.random.default_rng(seed)
    own = np.repeat(rng.standard_normal((6, 16)), 8, axis=0)
    return rng.standard_normal((48, 16)) + share * own


def test_identity_in_the_features_is_found():
    probe = participant_probe(_features(share=10.0), PEOPLE)
    assert probe.accuracy > 0.97
    assert probe.shuffled < 0.35
    assert (probe.participants, probe.recordings, probe.left_out) == (6, 48, 0)
    assert probe.chance == pytest.approx(1 / 6)


def test_in_noise_nobody_is_found():
    found = [participant_probe(_features(share=0.0, seed=seed), PEOPLE).accuracy for seed in range(3)]
    assert np.mean(found) == pytest.approx(1 / 6, abs=0.12)


def test_a_planted_leak_stands_above_the_shuffled_names():
    rng = np.random.default_rng(1)
    features = rng.standard_normal((48, 16))
    clean = participant_probe(features, PEOPLE)
    features[:, 3] += 4 * np.unique(PEOPLE, return_inverse=True)[1]  # one number in sixteen tells who it is
    leaky = participant_probe(features, PEOPLE)
    assert leaky.accuracy > 2 * leaky.shuffled_highest
    assert clean.accuracy < leaky.accuracy / 2


def test_the_same_seed_gives_the_same_probe():
    assert participant_probe(_features(1.0), PEOPLE, seed=3) == participant_probe(_features(1.0), PEOPLE, seed=3)


def test_a_participant_with_one_recording_is_left_out():
    probe = participant_probe(_features(10.0)[:41], PEOPLE[:41])
    assert (probe.participants, probe.left_out, probe.recordings) == (5, 1, 40)


def test_too_few_participants_are_refused():
    with pytest.raises(EmertInputError, match="1 of 2 participants have two recordings or more"):
        participant_probe(np.zeros((4, 2)), ["a", "a", "a", "b"])
    two_each = [f"p{index // 2}" for index in range(28)]
    with pytest.raises(EmertInputError, match="28 recordings of 14 participants: the probe learns from a part"):
        participant_probe(np.random.default_rng(0).standard_normal((28, 4)), two_each)
    with pytest.raises(ValueError, match="finite"):
        participant_probe(np.full((48, 2), np.nan), PEOPLE)


def test_pooled_features_are_the_models_own(model: Path, data: EmertData):
    network, processor = load_model(model)
    rows = data.select(1)["test"]
    features = pooled_features(network, processor, data, rows)
    assert features.shape == (len(rows), network.config.hidden_size)
    items = RecordingDataset(data, rows, processor, [])
    for index in (0, len(rows) - 1):
        batch = collate([items[index]])
        del batch["labels"]
        np.testing.assert_allclose(features[index], network(**batch).pooler_output[0].detach(), atol=1e-5)


def test_the_command_prints_the_table(
    model: Path, data: EmertData, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("training.evaluation.protocols.unseen_rows", lambda data, record: np.arange(len(data)))
    assert main(["probe", "--model", str(model), "--data", str(data.folder)]) == 0
    printed = capsys.readouterr().out
    assert "42 recordings of 6 participants whom the model has never seen (synthetic)" in printed
    assert "names shuffled" in printed


def test_the_command_looks_at_people_whom_the_model_has_not_seen(model: Path, data: EmertData, monkeypatch: pytest.MonkeyPatch):
    asked = []
    monkeypatch.setattr(
        "training.evaluation.probes.pooled_features", lambda *given: asked.extend(given[3]) or np.eye(len(given[3]))
    )
    main(["probe", "--model", str(model), "--data", str(data.folder)])
    assert asked == data.select(1)["test"].tolist()


def test_one_participant_is_too_few_for_the_command(
    model: Path, data: EmertData, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    own = np.flatnonzero(data.ids["participant_id"] == data.ids["participant_id"][0])
    monkeypatch.setattr("training.evaluation.protocols.unseen_rows", lambda data, record: own)
    assert main(["probe", "--model", str(model), "--data", str(data.folder)]) == 2
    assert "1 of 1 participants have two recordings or more" in capsys.readouterr().err


def test_the_clip_probe_reads_the_clip_where_the_eyes_tell_it(data: EmertData, monkeypatch: pytest.MonkeyPatch):
    assert clip_probe(data, (1,)) == clip_probe(data, (1,))
    honest = EmertData.gaze_only

    def looks_at_its_own_place(self, rows):
        found = honest(self, rows)
        for row, recording in zip(rows, found, strict=True):
            place = sorted(set(self.ids["stimulus_id"])).index(self.ids["stimulus_id"][row])
            recording.gaze.fixations[:, :2] = [0.1 + 0.27 * (place % 4), 0.1 + 0.27 * (place // 4)]
        return found

    monkeypatch.setattr(EmertData, "gaze_only", looks_at_its_own_place)
    probe = clip_probe(data, tuple(range(1, data.assignment.folds + 1)))
    assert probe.accuracy > 0.9
    assert probe.shuffled < 0.5
    assert probe.chance == pytest.approx(1 / 7)


@pytest.mark.parametrize(
    ("stimuli", "told"), [(lambda ids: np.full_like(ids, "s000"), "of 1 different clips"), (np.unique, "of 42 different clips")]
)
def test_the_clip_probe_says_where_there_is_nothing_to_learn(data: EmertData, monkeypatch: pytest.MonkeyPatch, stimuli, told):
    own = data.ids["recording_id"]
    monkeypatch.setattr(EmertData, "select", lambda _, fold: {"train": np.arange(30), "test": np.arange(30, 42)})
    monkeypatch.setitem(data.ids, "stimulus_id", stimuli(own))
    with pytest.raises(EmertInputError, match=f"the 42 recordings with fixations, {told}, are too few"):
        clip_probe(data, (1,))
